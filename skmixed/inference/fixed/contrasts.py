"""Linear combinations of the fixed effects: estimates, t tests, joint F tests."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from skmixed.errors import ContrastError

# Share of the largest variance below which a contrast repeats the others.
REDUNDANT = 1e-8


@dataclass(frozen=True)
class JointTest:
    """F test that several contrasts are zero together.

    Parameters
    ----------
    statistic : float
        F, with its scaling.
    unscaled : float
        Wald statistic over its degrees of freedom.
    num_df : int
        Contrasts that do not repeat each other.
    den_df : float
    p : float
    """

    statistic: float
    unscaled: float
    num_df: int
    den_df: float
    p: float


def estimate_table(result, method, L, names, confidence_level=0.95, rhs=0.0):
    """Estimates, standard errors, t tests and intervals of single contrasts.

    Parameters
    ----------
    result : FitResult
    method : Satterthwaite, KenwardRoger or Constant
    L : ndarray of shape (q, r)
        A contrast of the kept fixed effects per row.
    names : sequence of str of length q
    confidence_level : float, default=0.95
    rhs : float or ndarray of shape (q,), default=0.0
        What the t tests compare the estimates with.

    Returns
    -------
    DataFrame of shape (q, 7)
        ``estimate``, ``std_error``, ``df``, ``t``, ``p``, ``lower``, ``upper``.
    """
    L, size = scaled_rows(L)
    estimate = size * (L @ result.coef)
    std_error = size * np.sqrt(np.einsum("qa,ab,qb->q", L, method.covariance, L))
    df = method.df(L) if len(L) else np.zeros(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (estimate - rhs) / std_error
    half = stats.t.ppf(0.5 + confidence_level / 2.0, df) * std_error
    table = {
        "estimate": estimate,
        "std_error": std_error,
        "df": df,
        "t": t,
        "p": 2.0 * stats.t.sf(np.abs(t), df),
        "lower": estimate - half,
        "upper": estimate + half,
    }
    return pd.DataFrame(table, index=list(names))


def joint_test(result, method, L, rhs=None):
    """F test that ``L beta = rhs``.

    Parameters
    ----------
    result : FitResult
    method : Satterthwaite, KenwardRoger or Constant
    L : ndarray of shape (q, r)
        Rows may repeat each other.
    rhs : ndarray of shape (q,), optional
        Zero by default.

    Returns
    -------
    JointTest

    Notes
    -----
    The rows are turned to the eigenvectors of their covariance, so that estimates are
    uncorrelated, as Satterthwaite's method for several contrasts needs.
    """
    # by one power: the degrees of freedom depend on the rows' relative sizes
    size = np.max(scaled_rows(L)[1], initial=0.0) or 1.0
    L = L / size
    gap = L @ result.coef - (0.0 if rhs is None else rhs / size)
    values, vectors = np.linalg.eigh(L @ method.covariance @ L.T)
    kept = values > REDUNDANT * max(values.max(initial=0.0), 0.0)
    q = int(kept.sum())
    if not q:
        return JointTest(np.nan, np.nan, 0, np.nan, np.nan)
    turned = vectors[:, kept].T
    unscaled = float(np.sum((turned @ gap) ** 2 / values[kept]) / q)
    scaling, df = method.joint_df(turned @ L)
    statistic = scaling * unscaled
    return JointTest(statistic, unscaled, q, df, float(survival(statistic, q, df)))


def scaled_rows(L):
    """Rows over powers of two that leave their squares doubles, and these powers."""
    largest = np.abs(L).max(axis=1, initial=0.0)
    size = np.ldexp(1.0, np.frexp(np.where(largest > 0, largest, 1.0))[1] - 1)
    return L / size[:, None], size


def refuse_contradiction(L, rhs):
    """Raise where contrasts that repeat each other have different values.

    Parameters
    ----------
    L : ndarray of shape (q, r)
    rhs : ndarray of shape (q,)

    Raises
    ------
    ValueError
    """
    if not np.isfinite(L).all() or not np.isfinite(rhs).all():
        raise ContrastError("Contrasts and their values need to be finite numbers.")
    L, largest = scaled_rows(L)
    rhs, size = rhs / largest, np.linalg.norm(L, axis=1)
    size[size == 0.0] = 1.0
    unit, values = L / size[:, None], rhs / size
    solved = np.linalg.lstsq(unit, values, rcond=REDUNDANT)[0]
    gap = np.abs(unit @ solved - values)
    worst = REDUNDANT * max(1.0, np.abs(values).max(initial=0.0))
    if gap.max(initial=0.0) > worst:
        rows = [int(i) + 1 for i in np.flatnonzero(gap > worst)]
        raise ContrastError(
            f"The contrasts contradict each other: no coefficients can meet rows {rows}"
            " together. Leave one of them out, or test each with joint=False."
        )


def survival(statistic, num_df, den_df):
    """Upper tail of F; of chi-square over its df where ``den_df`` is infinite."""
    if np.isinf(den_df):
        return stats.chi2.sf(num_df * statistic, num_df)
    return stats.f.sf(statistic, num_df, den_df)
