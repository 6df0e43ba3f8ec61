"""More rows for a fitted model whose variances are held."""

from dataclasses import replace

from skmixed.inference.opened.curvature import whitening_root
from skmixed.inference.opened.fitted import Fitted
from skmixed.inference.opened.open_fit import open_held
from skmixed.likelihood.fit import finish
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.levels import among_levels
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.search.optimize import Optimum


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
    old = fit.result
    origin = old.held_from or old
    new = cross_products(design, basis=old.A.basis)
    A = among_levels(old.A, [factor.n_levels for factor in new.factors], places) + new
    with blas_threads():
        result = evaluate_held(A, origin)
    unknown = fit.row_moments is not None or design.weights is not None
    return Fitted(
        result,
        spec,
        alias_weights=fit.alias_weights,
        rows_hidden=unknown or fit.rows_hidden,
    )


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
    optimum = Optimum(
        point.theta,
        point.value,
        decrement=origin.decrement,
        n_iter=origin.n_iter,
        converged=origin.converged,
    )
    found = finish(A, deviance, optimum)
    root = whitening_root(found, point.RX)
    return replace(
        found,
        sigma=origin.sigma,
        coef_cov=origin.sigma**2 * root.T @ root,
        Lambdas=origin.Lambdas,
        singular_terms=origin.singular_terms,
        loglik=float("nan"),
        held_from=origin,
    )
