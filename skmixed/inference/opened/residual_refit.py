"""Models with a residual covariance fitted again, from their products alone."""

from dataclasses import replace

import numpy as np

from skmixed.errors import ResidualCovarianceError
from skmixed.inference.opened.open_fit import open_residual, reopen
from skmixed.likelihood.covariance.structure import lifted
from skmixed.likelihood.fit import finish, raw_factors
from skmixed.likelihood.products.patterns import PatternProducts
from skmixed.likelihood.search.blocks import BlockModel, heads_about, search_blocks
from skmixed.likelihood.search.optimize import minimise
from skmixed.likelihood.search.patterns import search_patterns

# Standard deviations of random effects start at least here: zero is stationary.
FLOOR = 0.05
# Precision of the deviance that a replicate needs.
TOL = 1e-6


def residual_by_maximum_likelihood(result):
    """The same model by maximum likelihood.

    Parameters
    ----------
    result : FitResult
        With a residual covariance.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        Where that likelihood has no maximum.
    """
    residual = result.residual
    deviance = open_residual(residual, False)
    optimum = search_again(deviance, residual)
    found = replace(
        finish(result.A, deviance, optimum),
        residual=replace(residual, theta=optimum.theta),
    )
    if found.residual.singular:
        raise ResidualCovarianceError(
            f"By maximum likelihood residual='{result.residual.text}' ends in a "
            "correlation matrix without inverse: the likelihood has no maximum to "
            "compare with. Try toeph, adh or ar1h."
        )
    return found


def residual_deviance_with(result, B):
    """Deviance by maximum likelihood of the model with combinations of its columns.

    Parameters
    ----------
    result : FitResult
        With a residual covariance.
    B : ndarray of shape (p + 1, c)
        ``[X y] B`` takes the place of [X y].

    Returns
    -------
    float
    """
    residual = result.residual
    residual = replace(residual, products=residual.products.combined(B))
    deviance = open_residual(residual, False)
    return float(search_again(deviance, residual).value)


def search_again(deviance, residual):
    """Minimise another deviance of the same covariances, from their estimates.

    Parameters
    ----------
    deviance : ProfiledDeviance
    residual : ResidualFit

    Returns
    -------
    Optimum
        The best of several descents where there can be several optima.
    """
    if isinstance(deviance.A, PatternProducts):
        return search_patterns(deviance, residual.theta)
    heads = heads_about(deviance, residual.theta)
    shape = residual.structures[0].shape
    model = BlockModel(deviance, heads, residual.own_theta, shape, np.zeros(0))
    return search_blocks(model)


class ResidualRefitter:
    """Fit a model with a residual covariance to other responses.

    Parameters
    ----------
    result : FitResult
        Its estimates are where every fit starts.
    """

    def __init__(self, result):
        self.result = result
        self.beta = reopen(result)[1].beta

    def fit_each(self, draws):
        """Fit to responses one after the other; see `Refitter`."""
        return map(self.fit, draws)

    def fit(self, products):
        """Fit to a response in the basis of the fit.

        Parameters
        ----------
        products : PatternProducts, BlockProducts or SeriesProducts

        Returns
        -------
        FitResult
            As `residual_estimates` gives it.
        """
        return residual_estimates(self.result, products)[0]


def residual_estimates(result, products, tol=TOL):
    """Fit a model with a residual covariance to other products, from its estimates.

    Parameters
    ----------
    result : FitResult
    products : PatternProducts, BlockProducts or SeriesProducts
        In the basis of the fit.
    tol : float

    Returns
    -------
    fit : FitResult
        Without what rests on the rows of the fit: its log-likelihood is that of the
        products alone.
    RX : ndarray of shape (p, p)
        Lower root of ``X'V^-1 X``.
    """
    deviance = open_residual(replace(result.residual, products=products), result.reml)
    start = result.residual.theta.copy()
    for place, is_log in deviance.scales if result.terms else ():
        start[place] = lifted(start[place], is_log, FLOOR, FLOOR)
    optimum = minimise(deviance, start, tol=tol)
    point = deviance.at(optimum.theta)
    roots = raw_factors(result.A, deviance, optimum.theta) if result.terms else ()
    fit = replace(
        result,
        coef=result.A.basis.raw_coef(point.beta),
        Lambdas=tuple(roots),
        sigma=float(np.sqrt(point.sigma2)),
        loglik=-0.5 * point.value,
        converged=optimum.converged,
        residual=replace(result.residual, products=products, theta=optimum.theta),
    )
    return fit, point.RX


def by_pattern(result):
    """Whether a fit is of independent residuals, or rests on patterns of visits.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    bool
    """
    residual = getattr(result, "residual", None)
    if residual is None:
        return True
    return isinstance(residual.products, PatternProducts) and not result.terms
