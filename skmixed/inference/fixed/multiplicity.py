"""P-values and intervals that hold for many comparisons at once."""

import numpy as np
from scipy import stats

from skmixed.errors import ArgumentError

# The tail of the studentized range is one less a number near one.
SMALLEST_TAIL = 1e-11
METHODS = ("tukey", "bonferroni", "holm", "sidak", "fdr", "none")


def check_adjust(adjust, *, pairwise):
    """Raise unless an adjustment is known, and Tukey's only for all pairs.

    Parameters
    ----------
    adjust : str
    pairwise : bool
        Whether the comparisons are all pairs of some means.

    Raises
    ------
    ValueError
    """
    if adjust not in METHODS:
        raise ArgumentError(f"adjust={adjust!r} should be one of {', '.join(METHODS)}.")
    if adjust == "tukey" and not pairwise:
        raise ArgumentError(
            "adjust='tukey' holds for all pairwise comparisons only; use 'holm' or "
            "'sidak'."
        )


def adjust_p(t, df, adjust, n_means):
    """Adjust the p-values of one family of comparisons.

    Parameters
    ----------
    t, df : ndarray of shape (q,)
        Ratios of estimates to standard errors, and their degrees of freedom.
    adjust : {"tukey", "bonferroni", "holm", "sidak", "fdr", "none"}
    n_means : int
        Means that are compared, for "tukey".

    Returns
    -------
    ndarray of shape (q,)
        NaN where `t` is; such comparisons do not count.

    Notes
    -----
    Tukey's is ``P(Q > sqrt(2) |t|)`` with Q the studentized range of `n_means` means,
    as in R's emmeans: exact for balanced designs, else conservative (Hayter, 1984,
    Annals of Statistics 12(1)). Where it is lost in rounding, Bonferroni's stands in,
    which far out is hardly larger.
    """
    adjusted = np.full(len(t), np.nan)
    known = np.isfinite(t)
    t, df = np.abs(t[known]), df[known]
    q = len(t)
    p = 2.0 * stats.t.sf(t, df)
    if adjust == "tukey" and n_means > 2:
        tail = stats.studentized_range.sf(np.sqrt(2.0) * t, n_means, df)
        pairs = n_means * (n_means - 1) / 2
        p = np.where(tail > SMALLEST_TAIL, np.maximum(tail, p), pairs * p)
    elif adjust == "bonferroni":
        p = np.minimum(q * p, 1.0)
    elif adjust == "sidak":
        p = -np.expm1(q * np.log1p(-p))
    elif adjust == "holm":
        order = np.argsort(p)
        stepped = np.maximum.accumulate(p[order] * np.arange(q, 0, -1))
        p[order] = np.minimum(stepped, 1.0)
    elif adjust == "fdr" and q:
        p = stats.false_discovery_control(p)
    adjusted[known] = p
    return adjusted


def critical_values(df, adjust, n_means, n_tests, confidence_level):
    """Quantiles of intervals that cover all comparisons of a family together.

    Parameters
    ----------
    df : ndarray of shape (q,)
    adjust : str
        "holm" and "fdr" have no intervals of their own and take Bonferroni's.
    n_means, n_tests : int
    confidence_level : float

    Returns
    -------
    ndarray of shape (q,)
    """
    alpha = 1.0 - confidence_level
    if adjust == "tukey" and n_means > 2:
        distinct, place = np.unique(np.round(df, 6), return_inverse=True)
        quantiles = stats.studentized_range.ppf(confidence_level, n_means, distinct)
        return (quantiles / np.sqrt(2.0))[place]
    if adjust == "sidak":
        alpha = -np.expm1(np.log1p(-alpha) / max(n_tests, 1))
    elif adjust not in ("none", "tukey"):
        alpha /= max(n_tests, 1)
    return stats.t.ppf(1.0 - alpha / 2.0, df)
