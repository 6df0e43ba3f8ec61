"""Signs in the fitted arrays that a model asks too much of its data."""

import numpy as np

# Within-group variation below this share of the mean square is rounding.
NO_VARIATION = 1e-12


def variance_inflation(result, constant):
    """Variance inflation factor of every fixed effect but the intercept.

    Parameters
    ----------
    result : FitResult
    constant : ndarray of bool of shape (r,)
        The intercept.

    Returns
    -------
    ndarray of shape (r,)
        NaN for the intercept. The factor by which a coefficient's variance is larger
        than without correlation to the other coefficients: the diagonal of the inverse
        of their correlation matrix (Fox and Monette, 1992, JASA 87(417)).
    """
    factors = np.full(len(result.coef), np.nan)
    slopes = np.flatnonzero(~constant)
    covariance = result.coef_cov[np.ix_(slopes, slopes)]
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    if len(slopes):
        factors[slopes] = np.diag(np.linalg.inv(correlation))
    return factors


def groups_without_variation(z, codes, n_levels):
    """Groups within which each effect's column is constant.

    Parameters
    ----------
    z : ndarray of shape (n, k)
    codes : ndarray of shape (n,)
    n_levels : int

    Returns
    -------
    ndarray of bool of shape (n_levels, k)
    """
    counts = np.maximum(np.bincount(codes, minlength=n_levels), 1)
    still = np.empty((n_levels, z.shape[1]), dtype=bool)
    for a, column in enumerate(z.T):
        mean = np.bincount(codes, column, minlength=n_levels) / counts
        squares = np.bincount(codes, (column - mean[codes]) ** 2, minlength=n_levels)
        still[:, a] = squares / counts <= NO_VARIATION * np.mean(column**2)
    return still
