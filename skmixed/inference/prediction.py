"""Uncertainty of predictions: fixed effects, conditional modes and residual."""

import weakref
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import solve_triangular

from skmixed.inference.opened.curvature import (
    determined_inverse,
    exact_hessian,
    free_parameters,
    reopen,
)
from skmixed.inference.opened.posterior import Posterior
from skmixed.likelihood.fit import largest_dense

# Up to these sizes a few more factorisations, for the degrees of freedom, are cheap.
CHEAP_DENSE = 1500
CHEAP_EFFECTS = 200_000
# With a larger dense matrix an open likelihood is too much memory to keep.
LARGEST_KEPT = 4000
# Half a step of the differences in theta, relative to theta and never below this.
STEP = 1e-4
LEAST_STEP = 1e-6

_open = weakref.WeakKeyDictionary()


def posterior_at_estimates(result):
    """Open the likelihood of a fit at its estimates; keep it while the fit lives.

    Not kept is one with a dense matrix of more than 4000 columns, 128 MB.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    Posterior
    """
    if result in _open:
        return _open[result]
    found = Posterior(result.reopen())
    if dense_columns(result) <= LARGEST_KEPT:
        _open[result] = found
    return found


def mean_variance(result, design):
    """Variance of predicted means: fixed effects and random effects, no residual.

    Parameters
    ----------
    result : FitResult
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
    Cost O(n (k + p)^2) after one factorisation, which is kept for the next call in
    the same process. Crossed factors add, for each pair of levels, the levels that the
    one of the leading factor meets; levels that the fit did not see nested as they are
    in the new rows add a back-substitution each.
    """
    if not result.A.factors:
        return fixed_variance(result, design)
    posterior = posterior_at_estimates(result)
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


def predictive_distribution(result, design, kind):
    """Variance and degrees of freedom of predictions.

    Parameters
    ----------
    result : FitResult
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
    residual = result.sigma**2 if kind == "prediction" else 0.0
    n = len(design.X)
    if not result.A.factors:
        variance = fixed_variance(result, design) + residual
        return PredictiveDistribution(variance, np.full(n, float(result.df_resid)))
    if not is_cheap(result):
        variance = mean_variance(result, design) + residual
        return PredictiveDistribution(variance, np.full(n, np.inf))
    deviance = reopen(result)
    rows = deviance.A.basis.rows(design)
    free = free_parameters(deviance)
    W = theta_covariance(deviance, free)
    variance = mean_variance(result, design) + residual
    g, d = prediction_derivatives(deviance, free, rows, bool(residual))
    spread = np.einsum("in,ij,jn->n", g, W, g, optimize=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 1.0 / (spread / (2.0 * variance**2) + 1.0 / deviance.nu)
    variance = variance + np.einsum("in,ij,jn->n", d, W, d, optimize=True)
    return PredictiveDistribution(variance, df)


def is_cheap(result):
    """Whether two more factorisations per parameter are done in a moment."""
    size = sum(factor.size for factor in result.A.factors)
    return dense_columns(result) <= CHEAP_DENSE and size <= CHEAP_EFFECTS


def dense_columns(result):
    """Columns of the dense matrix of crossed factors, else none."""
    return largest_dense(result.A) if result.solver == "crossed" else 0


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
