"""Uncertainty of predictions: fixed effects, conditional modes and residual."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import solve_triangular

from skmixed.inference.opened.curvature import (
    determined_inverse,
    exact_hessian,
    free_parameters,
)
from skmixed.inference.opened.fitted import dense_columns
from skmixed.inference.opened.posterior import Posterior

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
    if not fit.result.groups:
        return fixed_variance(fit.result, design)
    posterior = fit.open.posterior
    return posterior.variance(posterior.basis.rows(design))


def fixed_variance(result, design):
    """Variance of predicted means of a model without random effects."""
    A = result.A
    X = A.basis.fixed.apply(design.X)
    root = np.linalg.cholesky(A.gram[:-1, :-1])
    whitened = solve_triangular(root, X.T, lower=True, check_finite=False)
    return result.sigma**2 * (whitened**2).sum(axis=0)


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
        quantile = stats.t.ppf((1.0 + confidence_level) / 2.0, self.df)
        return quantile * np.sqrt(self.variance)


def predictive_distribution(fit, design, kind):
    """Variance and degrees of freedom of predictions.

    Parameters
    ----------
    fit : Fitted
    design : Design
        As in :func:`mean_variance`.
    kind : {"prediction", "mean"}
        A new observation, which has a residual, or the mean of its group.

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
    central differences in the scale-free basis: 2m factorisations. Where those would
    be long (crossed factors with a dense matrix beyond 1500 columns, or 200 000 random
    effects), the normal distribution stands in, which so many levels allow.
    """
    result = fit.result
    residual = result.sigma**2 if kind == "prediction" else 0.0
    n = len(design.X)
    if not result.A.factors:
        variance = fixed_variance(result, design) + residual
        return PredictiveDistribution(variance, np.full(n, float(result.df_resid)))
    if not is_cheap(result):
        variance = mean_variance(fit, design) + residual
        return PredictiveDistribution(variance, np.full(n, np.inf))
    opened = fit.open
    deviance = opened.fresh()
    rows = deviance.A.basis.rows(design)
    free = free_parameters(deviance)
    W = theta_covariance(deviance, free)
    variance = mean_variance(fit, design) + residual
    g, d = prediction_derivatives(deviance, free, rows, bool(residual))
    opened.fresh()
    spread = np.einsum("in,ij,jn->n", g, W, g, optimize=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 1.0 / (spread / (2.0 * variance**2) + 1.0 / deviance.nu)
    variance = variance + np.einsum("in,ij,jn->n", d, W, d, optimize=True)
    return PredictiveDistribution(variance, df)


def is_cheap(result):
    """Whether two more factorisations per parameter are done in a moment."""
    size = sum(factor.size for factor in result.A.factors)
    return dense_columns(result) <= CHEAP_DENSE and size <= CHEAP_EFFECTS


def prediction_derivatives(deviance, free, rows, residual):
    """Derivatives in theta of the predictions' variances and of the predictions.

    Parameters
    ----------
    deviance : ProfiledDeviance
        Evaluated at the estimates; afterwards it is elsewhere.
    free : ndarray of int of shape (m,)
        The parameters that are not at the boundary.
    rows : BasisRows of n rows
    residual : bool
        Whether the variance includes that of a residual.

    Returns
    -------
    g, d : ndarray of shape (m, n)
    """
    theta = deviance.theta
    g, d = np.empty((2, len(free), len(rows)))
    for i, parameter in enumerate(free):
        step = max(STEP * abs(theta[parameter]), LEAST_STEP)
        sides = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[parameter] += sign * step
            deviance.evaluate(moved)
            posterior = Posterior(deviance)
            variance = posterior.variance(rows) + residual * posterior.sigma2
            sides.append((variance, posterior.mean(rows)))
        (v_up, m_up), (v_down, m_down) = sides
        g[i], d[i] = (v_up - v_down) / (2 * step), (m_up - m_down) / (2 * step)
    return g, d


def theta_covariance(deviance, free):
    """Asymptotic covariance of the free parameters, sigma profiled out.

    Parameters
    ----------
    deviance : ProfiledDeviance
        Evaluated at the estimates.
    free : ndarray of int of shape (m,)

    Returns
    -------
    ndarray of shape (m, m)
        Twice the inverse of the Hessian of the deviance.
    """
    if not len(free):
        return np.zeros((0, 0))
    return 2.0 * determined_inverse(exact_hessian(deviance, free))
