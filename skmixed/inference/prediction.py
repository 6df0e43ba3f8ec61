"""Uncertainty of predictions: fixed effects, conditional modes and residual."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from skmixed.inference.opened.curvature import (
    determined_inverse,
    exact_hessian,
    free_parameters,
)
from skmixed.inference.opened.fitted import LARGEST_KEPT
from skmixed.inference.opened.posterior import PosteriorStack
from skmixed.likelihood.elimination.regime import bid_for

# Up to these sizes a few more factorisations, for the degrees of freedom, are cheap.
CHEAP_DENSE = 1500
CHEAP_EFFECTS = 200_000
# Half a step of the differences in theta, relative to theta and never below this.
STEP = 1e-4
LEAST_STEP = 1e-6


def mean_variance(fit, design):
    """Variance of predicted means: fixed effects and random effects, no residual.

    Parameters
    ----------
    fit : Fitted
    design : Design
        Of the new rows, with every random term; a level of -1 is a new group.

    Returns
    -------
    ndarray of shape (n,)
        ``Var(x'beta_hat + z'b_hat - x'beta - z'b)`` given the variance parameters: for
        known groups with the covariance of their conditional modes, of the fixed
        effects and of both; a new group contributes its variance ``z'Psi z``.

    Notes
    -----
    Cost O(n (k + p)^2) after one factorisation, which is kept for the next call.
    Crossed factors add, for each pair of levels, the levels that the one of the leading
    factor meets; levels that the fit did not see nested as they are in the new rows add
    a back-substitution each.
    """
    posterior = fit.open.posterior
    return posterior.variance(posterior.basis.rows(design))


def random_variance(fit, design):
    """Variance of the random part given the data and all parameters.

    Parameters
    ----------
    fit : Fitted
    design : Design
        As in :func:`mean_variance`.

    Returns
    -------
    ndarray of shape (n,)
        ``z'C z`` with the posterior covariance C of the effects of known groups, also
        between factors; ``z'Psi z`` for new groups.
    """
    if not fit.result.groups:
        return np.zeros(len(design.X))
    posterior = fit.open.posterior
    return posterior.random_variance(posterior.basis.rows(design))


@dataclass(frozen=True, eq=False)
class PredictiveDistribution:
    """Variance of predictions, and the t distribution that it calls for.

    Parameters
    ----------
    variance : ndarray of shape (n,)
    df : ndarray of shape (n,)
    """

    variance: np.ndarray
    df: np.ndarray

    def half_width(self, confidence_level):
        """Half the width of a two-sided interval, of shape (n,)."""
        level = (1.0 + confidence_level) / 2.0
        normal = np.isinf(self.df)
        quantile = stdtrit(np.where(normal, 1.0, np.maximum(self.df, 1.0)), level)
        quantile[normal] = ndtri(level)
        return quantile * np.sqrt(self.variance)


def predictive_distribution(fit, design, kind, places=None):
    """Variance and degrees of freedom of predictions.

    Parameters
    ----------
    fit : Fitted
    design : Design
        As in :func:`mean_variance`.
    kind : {"prediction", "mean"}
        A new observation, which has a residual, or the mean of its group.
    places : dict, optional
        Where the rows stand in the residuals' covariances: their variances differ.

    Returns
    -------
    PredictiveDistribution

    Notes
    -----
    The variance v is that of :func:`mean_variance`, plus sigma^2 for a new
    observation, plus what the estimated variance parameters add to the error of the
    conditional modes, ``d' W d`` with d the derivative of the prediction in theta and W
    the covariance of theta (Kackar and Harville, 1984, JASA 79(388), equation 2.3). The
    degrees of freedom are Satterthwaite's, ``2 v^2 / Var(v)``, with
    ``Var(v) = g' W g + 2 v^2 / nu`` along the profile of sigma. Derivatives are
    central differences in the scale-free basis: 2m factorisations, kept for the next
    call. Where those would be long (crossed factors with a dense matrix beyond 1500
    columns, or 200 000 random effects) or the likelihood is estimated, the normal
    distribution stands in, which so many levels allow.
    """
    result = fit.result
    residual = result.sigma**2 if kind == "prediction" else 0.0
    n = len(design.X)
    if result.independent:
        variance = mean_variance(fit, design) + residual
        df = np.inf if result.A.sigma is not None else float(result.df_resid)
        return PredictiveDistribution(variance, np.full(n, df))
    near = Neighbours.of(fit)
    if near is None:
        if places is not None:
            residual = residual * result.residual.variances_of(**places)
        variance = mean_variance(fit, design) + residual
        return PredictiveDistribution(variance, np.full(n, np.inf))
    rows, W = near.stack.posteriors[0].basis.rows(design), near.covariance
    sigma2 = near.stack.sigma2[:, None] if residual else 0.0
    if places is not None and residual:
        sigma2 = sigma2 * [
            result.residual.variances_of(**places, theta=theta) for theta in near.thetas
        ]
    variances = near.stack.variance(rows) + sigma2
    g, d = near.differentiate(variances), near.differentiate(near.stack.mean(rows))
    origin = result.held_from or result
    variance, nu = variances[0], origin.df_resid if result.reml else origin.n_obs
    nu = nu if result.A.sigma is None else np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = g / variance
        df = 1.0 / ((slopes * (W @ slopes)).sum(axis=0) / 2.0 + 1.0 / nu)
    return PredictiveDistribution(variance + (d * (W @ d)).sum(axis=0), df)


def is_cheap(result):
    """Whether two more factorisations per parameter are done in a moment."""
    size = sum(factor.size for factor in result.A.factors)
    if result.A.probes is not None:
        return False  # a step's differences would be those of the probes' error
    return bid_for(result.A).columns <= CHEAP_DENSE and size <= CHEAP_EFFECTS


class Neighbours:
    """The posterior at the estimates, and half a step to both sides in every theta.

    Parameters
    ----------
    opened : OpenFit

    Attributes
    ----------
    free : ndarray of int of shape (m,)
        The parameters that are not at the boundary.
    thetas : list of ndarray
        The estimates and their neighbours.
    covariance : ndarray of shape (m, m)
        Of the free parameters, sigma profiled out.
    """

    def __init__(self, opened):
        self.free = free_parameters(opened.deviance, opened.theta)
        self.covariance = theta_covariance(opened.estimation, self.free)
        theta, posteriors = opened.theta, [opened.posterior]
        self.thetas = [theta]
        self.steps = np.maximum(STEP * np.abs(theta[self.free]), LEAST_STEP)
        for sign in (1.0, -1.0):
            for parameter, step in zip(self.free, self.steps, strict=True):
                moved = theta.copy()
                moved[parameter] += sign * step
                self.thetas.append(moved)
                posteriors.append(opened.neighbour(moved))
        self.stack = PosteriorStack(posteriors)

    @classmethod
    def of(cls, fit):
        """Those of a fit, or None where they would take long.

        Kept with it unless they are too much memory to keep.
        """
        opened, result = fit.open, fit.result
        if cls in opened.parts:
            return opened.parts[cls]
        if not is_cheap(result):
            return None
        entries = (2 * result.n_theta + 1) * bid_for(result.A).columns ** 2
        return opened.part(cls) if entries <= LARGEST_KEPT**2 else cls(opened)

    def differentiate(self, at):
        """Derivatives in the free theta of what the stack gives, (m, n).

        Parameters
        ----------
        at : ndarray of shape (2 m + 1, n)
        """
        m = len(self.free)
        return (at[1 : m + 1] - at[m + 1 :]) / (2.0 * self.steps[:, None])


def theta_covariance(opened, free):
    """Asymptotic covariance of the free parameters, sigma profiled out.

    Parameters
    ----------
    opened : OpenFit
    free : ndarray of int of shape (m,)

    Returns
    -------
    ndarray of shape (m, m)
        Twice the inverse of the Hessian of the deviance.
    """
    if not len(free):
        return np.zeros((0, 0))
    return 2.0 * determined_inverse(exact_hessian(opened.deviance, opened.point, free))
