"""What the fixed effects would be without one observation, at the same variances."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skmixed.inference.prediction import mean_variance
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import without_offset

# A unit whose leverage is nearer to 1 determines an effect alone.
DETERMINES = 1e-8


@dataclass(frozen=True, eq=False)
class Deletion:
    """Estimates without each of some units; NaN where a unit determines an effect.

    Parameters
    ----------
    coef : ndarray of shape (u, r)
        Fixed effects without the unit.
    std_error : ndarray of shape (u, r)
        Their standard errors.
    sigma : ndarray of shape (u,)
        Residual standard deviation without the unit.
    leverage : ndarray of shape (u,)
        What the unit's responses contribute to their own expectation, summed; over all
        units, the number of fixed effects.
    hat : ndarray of shape (u,) or None
        The same with random effects (lme4: ``hatvalues``), for single rows.
    covariances : list of tuple of ndarray, or None
        Covariance matrices of the random effects without the unit, where refitted.
    """

    coef: np.ndarray
    std_error: np.ndarray
    sigma: np.ndarray
    leverage: np.ndarray
    hat: np.ndarray | None = None
    covariances: list | None = None

    def cooks_distance(self, result):
        """Cook's distance of every unit.

        Parameters
        ----------
        result : FitResult
            Of all rows.

        Returns
        -------
        ndarray of shape (u,)
            ``(b - b_i)' V^-1 (b - b_i) / r`` with V the covariance of the fixed
            effects b of all rows and r their number.
        """
        r = len(result.coef)
        if not r:
            return np.zeros(len(self.coef))
        scale = np.sqrt(np.diag(result.coef_cov))
        root = np.linalg.cholesky(result.coef_cov / np.outer(scale, scale))
        shift = ((result.coef - self.coef) / scale).T
        whitened = solve_triangular(root, shift, lower=True, check_finite=False)
        return (whitened**2).sum(axis=0) / r

    def dfbetas(self, result):
        """Change of every fixed effect, in standard errors without the unit: (u, r)."""
        return (result.coef - self.coef) / self.std_error


def sigma_without(result, lost, count=1):
    """Residual standard deviation without some rows, at the same relative variances.

    Parameters
    ----------
    result : FitResult
    lost : ndarray of shape (u,)
        What the rows add to the residual sum of squares r^2.
    count : int or ndarray of shape (u,), default=1
        How many rows.

    Returns
    -------
    ndarray of shape (u,)
        The known one where sigma is known; NaN where no rows are left.
    """
    if result.A.sigma is not None:
        return np.where(np.isnan(lost), np.nan, result.A.sigma)
    nu = result.df_resid if result.reml else result.n_obs
    r2 = np.maximum(result.sigma**2 * nu - lost, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(nu > count, np.sqrt(r2 / (nu - count)), np.nan)


def delete_rows(fit, design):
    """Delete single rows, the relative variances held at their estimates.

    Parameters
    ----------
    fit : Fitted
    design : Design
        The rows of the fit, with response and weights.

    Returns
    -------
    Deletion

    Notes
    -----
    With P = V^-1 - V^-1 X C X'V^-1, C = (X'V^-1 X)^-1, a row in V is deleted by

        b - b_i = C X'V^-1 e_i (P y)_i / P_ii,
        r_i^2 = r^2 - (P y)_i^2 / P_ii,
        C_i = C + (C X'V^-1 e_i)(C X'V^-1 e_i)' / P_ii,

    exactly (Haslett, 1999, J. R. Stat. Soc. B 61(3)). (P y)_i is the weighted
    conditional residual and ``P_ii = w_i (1 - h_i)`` with h_i lme4's hat value.
    """
    result, posterior = fit.result, fit.open.posterior
    basis, rows = result.A.basis, posterior.basis.rows(design)
    w = residual_of(design).times(np.ones(len(rows.X)))
    y = without_offset(design)
    residual = basis.response(y, rows.X) - posterior.mean(rows)
    hat = w * mean_variance(fit, design) / result.sigma**2
    rest = np.where(hat < 1.0 - DETERMINES, 1.0 - hat, np.nan)
    RX = posterior.RX
    C = np.linalg.inv(RX @ RX.T) if len(RX) else RX
    moved = posterior.marginal_columns(rows) @ C
    leverage = w * np.einsum("ni,ni->n", rows.X, moved)
    raw = basis.fixed.raw(moved.T).T
    shift = raw * (w * residual / rest)[:, None]
    sigma = sigma_without(result, w * residual**2 / rest)
    spread = np.diag(basis.fixed.raw_covariance(C))
    spread = spread + raw**2 * (w / rest)[:, None]
    return Deletion(
        coef=result.coef - shift,
        std_error=sigma[:, None] * np.sqrt(spread),
        sigma=sigma,
        leverage=leverage,
        hat=hat,
    )
