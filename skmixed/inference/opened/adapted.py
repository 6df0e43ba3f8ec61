"""More rows for a fitted model whose variances are held."""

from skmixed.inference.opened.few_groups import FewGroups, as_held, held_optimum
from skmixed.inference.opened.fitted import Fitted
from skmixed.inference.opened.open_fit import open_held
from skmixed.likelihood.fit import finish
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.levels import among_levels
from skmixed.likelihood.products.plan import cross_products


def adapt(fit, spec, design, places):
    """Let a fitted model know more rows.

    Parameters
    ----------
    fit : Fitted
    spec : DesignSpec
        With the groups of old and of new rows.
    design : Design
        The new rows as `spec` builds them.
    places : sequence of ndarray of int
        Where the groups of every factor of the fit are among those of `spec`.

    Returns
    -------
    Fitted

    Notes
    -----
    Cross-products add, so that one evaluation at the variances of the fit gives what
    generalised least squares on all rows would: no training row is needed.
    """
    origin = fit.result.held_from or fit.result
    with blas_threads():
        few = FewGroups.of(fit, design, fit.few_groups)
        if few is None:
            new = cross_products(design, basis=fit.result.A.basis)
            n_levels = [factor.n_levels for factor in new.factors]
            A = among_levels(fit.result.A, n_levels, places) + new
            result = evaluate_held(A, origin)
        else:
            result = few.evaluate(origin)
    unknown = fit.row_moments is not None or design.weights is not None
    return Fitted(
        result,
        spec,
        alias_weights=fit.alias_weights,
        rows_hidden=unknown or fit.rows_hidden,
    ).with_few_groups(few)


def evaluate_held(A, origin):
    """The model of some cross-products at the variances of a fit.

    Parameters
    ----------
    A : CrossProducts
        In the basis of the fit's.
    origin : FitResult

    Returns
    -------
    FitResult
        Without a likelihood, which is not maximised.
    """
    deviance, point = open_held(A, origin)
    return as_held(finish(A, deviance, held_optimum(point, origin)), point.RX, origin)
