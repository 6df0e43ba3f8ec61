"""Models with a residual covariance fitted again, from their products alone."""

from dataclasses import replace

import numpy as np

from skmixed.errors import ResidualCovarianceError, UnavailableError
from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.criterion.held import TransformedElimination
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.fit import assemble
from skmixed.likelihood.products.patterns import PatternProducts
from skmixed.likelihood.search.optimize import minimise
from skmixed.likelihood.search.patterns import search_patterns

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
    refuse_other_products(result, "Maximum likelihood of this fit by REML")
    opened, point = reopen(result)
    deviance = ProfiledDeviance(opened.A, opened.elimination.plain, False)
    optimum = search_patterns(deviance, point.theta)
    found = assemble(
        result.A,
        False,
        deviance.elimination.name,
        deviance.at(optimum.theta),
        optimum,
        Lambdas=(),
        modes=(),
        singular_terms=(),
        residual=replace(result.residual, theta=optimum.theta),
    )
    if found.singular:
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
    refuse_other_products(result, "A fit without some of its columns")
    opened, point = reopen(result)
    elimination = TransformedElimination(opened.elimination.plain, B)
    products = replace(opened.A, n_fixed=B.shape[1] - 1)
    deviance = ProfiledDeviance(products, elimination, False)
    return float(search_patterns(deviance, point.theta).value)


class ResidualRefitter:
    """Fit a model with a residual covariance to other responses.

    Parameters
    ----------
    result : FitResult
        Its estimates are where every fit starts.
    """

    def __init__(self, result):
        refuse_other_products(result, "The parametric bootstrap")
        self.result = result
        self.deviance, point = reopen(result)
        self.A, self.beta = self.deviance.A, point.beta

    def fit_each(self, draws):
        """Fit to responses one after the other; see `Refitter`."""
        return map(self.fit, draws)

    def fit(self, products):
        """Fit to a response in the basis of the fit.

        Parameters
        ----------
        products : PatternProducts

        Returns
        -------
        FitResult
            As `residual_estimates` gives it.
        """
        return residual_estimates(self.result, products, self.deviance)[0]


def residual_estimates(result, products, opened=None, tol=TOL):
    """Fit a model with a residual covariance to other products, from its estimates.

    Parameters
    ----------
    result : FitResult
    products : PatternProducts
        In the basis of the fit.
    opened : ProfiledDeviance, optional
        As `reopen` makes it, where it is at hand.
    tol : float

    Returns
    -------
    fit : FitResult
        Without what rests on the rows of the fit: its log-likelihood is that of the
        products alone.
    RX : ndarray of shape (p, p)
        Lower root of ``X'V^-1 X``.
    """
    opened = reopen(result)[0] if opened is None else opened
    elimination = opened.elimination.plain.with_columns(products)
    deviance = ProfiledDeviance(products, elimination, result.reml)
    optimum = minimise(deviance, result.residual.theta, tol=tol)
    point = deviance.at(optimum.theta)
    fit = replace(
        result,
        coef=result.A.basis.raw_coef(point.beta),
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


def refuse_other_products(result, asked):
    """Raise unless the fit rests on products by pattern of visits.

    Parameters
    ----------
    result : FitResult
    asked : str
        Who asks.

    Raises
    ------
    ValueError
    """
    if not by_pattern(result):
        raise UnavailableError(
            f"{asked} is there for residual= over visits, without random effects; this "
            f"model has {result.residual.label} over irregular times, beside random "
            "effects or with a dispersion. There are Wald's intervals, and fits to "
            "what simulate draws."
        )
