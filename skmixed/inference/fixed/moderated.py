"""Many responses: tests of each, and residual variances that help each other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from skmixed.errors import UnavailableError

# Newton steps of the inverse of the trigamma function; it converges from its start.
STEPS, CLOSE = 50, 1e-8
# Fewer responses do not tell how much their variances differ.
FEWEST = 3


@dataclass(frozen=True)
class VariancePrior:
    """What many residual variances have in common: a scaled inverse chi-square.

    Parameters
    ----------
    df : float
        Prior degrees of freedom; infinite where all variances are one.
    variance : float
        Prior variance.
    """

    df: float
    variance: float

    @classmethod
    def of(cls, variances, df):
        """Estimate it from residual variances by their log moments.

        Parameters
        ----------
        variances, df : ndarray of shape (r,)
            Residual variances and their degrees of freedom; others than positive finite
            ones do not count.

        Returns
        -------
        VariancePrior

        Raises
        ------
        ValueError
            Where fewer than three responses have a residual variance.

        Notes
        -----
        Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3(1), section 6.2:
        ``e = log s^2 - digamma(d / 2) + log(d / 2)`` has the mean
        ``log s0^2 - digamma(d0 / 2) + log(d0 / 2)`` and the variance
        ``trigamma(d / 2) + trigamma(d0 / 2)``.
        """
        known = (variances > 0) & np.isfinite(variances) & (df > 0) & np.isfinite(df)
        s2, half = variances[known], df[known] / 2.0
        if len(s2) < FEWEST:
            raise UnavailableError(
                f"{len(s2)} responses do not tell how much their residual variances "
                f"differ; moderated tests need {FEWEST} at the least."
            )
        e = np.log(s2) - special.digamma(half) + np.log(half)
        spread = e.var(ddof=1) - special.polygamma(1, half).mean()
        if spread <= 0:
            return cls(np.inf, float(np.exp(e.mean())))
        d0 = 2.0 * inverse_trigamma(spread)
        log_s2 = e.mean() + special.digamma(d0 / 2.0) - np.log(d0 / 2.0)
        return cls(float(d0), float(np.exp(log_s2)))

    def posterior(self, variances, df):
        """Residual variances drawn towards the prior one, of shape (r,)."""
        if np.isinf(self.df):
            return np.where(np.isfinite(variances), self.variance, np.nan)
        return (self.df * self.variance + df * variances) / (self.df + df)


def inverse_trigamma(x):
    """Solve ``trigamma(y) = x`` for y.

    Parameters
    ----------
    x : float
        Positive.

    Returns
    -------
    float

    Notes
    -----
    Newton's steps on 1 / trigamma, which is convex, from ``0.5 + 1 / x`` (Smyth 2004,
    appendix).
    """
    y = 0.5 + 1.0 / x
    for _ in range(STEPS):
        value = special.polygamma(1, y)
        step = value * (1.0 - value / x) / special.polygamma(2, y)
        y += step
        if -step / y < CLOSE:
            break
    return float(y)


def many_tests(names, labels, estimate, std_error, df):
    """T tests of the same contrasts of many responses.

    Parameters
    ----------
    names : list of str of length r
        Of the responses.
    labels : list of str of length q
        Of the contrasts.
    estimate, std_error, df : ndarray of shape (r, q)

    Returns
    -------
    DataFrame of shape (r * q, 6)
        By response and coefficient: ``estimate``, ``std_error``, ``df``, ``t``, ``p``,
        and ``p_adjusted`` over the responses (Benjamini & Hochberg 1995, J. R. Stat.
        Soc. B 57(1)).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / std_error
    p = 2.0 * stats.t.sf(np.abs(t), df)
    adjusted = np.full(p.shape, np.nan)
    for column in range(p.shape[1]):
        known = np.isfinite(p[:, column])
        if known.any():
            adjusted[known, column] = stats.false_discovery_control(p[known, column])
    index = pd.MultiIndex.from_product(
        [names, labels], names=["response", "coefficient"]
    )
    columns = {
        "estimate": estimate,
        "std_error": std_error,
        "df": df,
        "t": t,
        "p": p,
        "p_adjusted": adjusted,
    }
    return pd.DataFrame({n: c.ravel() for n, c in columns.items()}, index=index)
