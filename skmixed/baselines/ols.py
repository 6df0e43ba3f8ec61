"""Ordinary least squares: coefficients, standard errors, cluster-robust ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.linalg import solve_triangular

from skmixed.errors import ArgumentError
from skmixed.likelihood.products.own_parts import ALIASED, shortest_parts

# A column is determined by those before it when less than ALIASED of its centred length
# is left over, or less than this share of its length: rounding.
ROUNDING = 1e-12
# Rows factorised at a time, so that the work stays in cache.
CHUNK_ROWS = 32_768

COVARIANCES = ("classical", "CR0", "CR1")


@dataclass(frozen=True, eq=False)
class Clusters:
    """What cluster-robust standard errors need of the residuals.

    Attributes
    ----------
    group : str
        Grouping factor whose levels are the clusters.
    n_groups : int
    covariance : ndarray of shape (r, r)
        CR0: ``B (sum_g s_g s_g') B`` with ``B = (X'WX)^-1`` and the scores
        ``s_g = X_g'W_g e_g``.
    """

    group: str
    n_groups: int
    covariance: np.ndarray


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A least-squares fit with n rows, p columns, r of them independent.

    Attributes
    ----------
    coef : ndarray of shape (r,)
    kept : ndarray of bool of shape (p,)
        Columns that no earlier ones determine.
    unscaled_cov : ndarray of shape (r, r)
        ``(X'WX)^-1``.
    rss : float
        Weighted residual sum of squares.
    tss : float
        The same of a constant: what ``rss`` is compared with in R2.
    n_obs, df_resid : int
    clusters : tuple of Clusters
        One for each grouping factor.
    """

    coef: np.ndarray
    kept: np.ndarray
    unscaled_cov: np.ndarray
    rss: float
    tss: float
    n_obs: int
    df_resid: int
    clusters: tuple[Clusters, ...] = ()

    @property
    def sigma(self):
        """Residual standard deviation; NaN where no row is left to estimate it."""
        return float(np.sqrt(self.rss / self.df_resid)) if self.df_resid > 0 else np.nan

    @property
    def r2(self):
        """Share of the variation that is explained."""
        return 1.0 - self.rss / self.tss if self.tss > 0 else np.nan

    def find_clusters(self, group=None):
        """Choose the clusters of a grouping factor.

        Parameters
        ----------
        group : str, default=None
            May be left out where there is one factor.

        Returns
        -------
        Clusters

        Raises
        ------
        ValueError
            If there is no such factor, or no telling which is meant.
        """
        known = [clusters.group for clusters in self.clusters]
        if group is None and len(known) == 1:
            return self.clusters[0]
        if group not in known:
            raise ArgumentError(
                "Cluster-robust standard errors need clusters: the formula's grouping "
                f"factors are {known}, group={group!r} was given."
            )
        return self.clusters[known.index(group)]

    def covariance(self, kind="classical", group=None):
        """Covariance matrix of the coefficients.

        Parameters
        ----------
        kind : {"classical", "CR0", "CR1"}, default="classical"
            Under independent errors of one variance, or robust to any dependence
            within clusters. CR1 scales CR0 by ``G/(G-1) (n-1)/(n-r)``.
        group : str, default=None
            Grouping factor whose levels are the clusters.

        Returns
        -------
        ndarray of shape (r, r)

        Notes
        -----
        Liang, K.-Y. and Zeger, S. L. (1986), Longitudinal data analysis using
        generalized linear models, *Biometrika* 73, 13-22.
        """
        if kind == "classical":
            return self.sigma**2 * self.unscaled_cov
        clusters = self.find_clusters(group)
        sandwich, G = clusters.covariance, clusters.n_groups
        if kind == "CR1":
            if G < 2 or self.df_resid < 1:
                return np.full_like(sandwich, np.nan)
            sandwich = sandwich * (G / (G - 1) * (self.n_obs - 1) / self.df_resid)
        return sandwich

    def degrees_of_freedom(self, kind="classical", group=None):
        """Degrees of freedom of t: of the residual, or clusters less one."""
        if kind == "classical":
            return self.df_resid
        return self.find_clusters(group).n_groups - 1


def least_squares(X, y, weights=None, clusters=()):
    """Fit by least squares, leaving out columns that earlier ones determine.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None
        Precision weights, positive.
    clusters : sequence of (str, ndarray of int of shape (n,))
        Name of each grouping factor and the codes of the rows.

    Returns
    -------
    LeastSquares

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.baselines.ols import least_squares
    >>> X = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    >>> fit = least_squares(X, np.array([1.0, 2.0, 2.0, 4.0]))
    >>> fit.coef.round(2), round(fit.sigma, 3)
    (array([0.9, 0.9]), 0.592)
    """
    shift = centres(X, y, weights)
    columns, response = X, y
    if shift.any():
        columns, response = X - shift[:-1], y - shift[-1]
    R = triangle(columns, response, weights)
    kept, R = independent_columns(R, smallest_lengths(R, shift, weights, X))
    r = int(kept.sum())
    root = solve_triangular(R[:r, :r], np.eye(r))
    coef = root @ R[:r, r]
    columns = columns if kept.all() else columns[:, kept]
    residual = response - columns @ coef
    back = np.eye(r)
    if shift.any():
        # the first column is constant and takes up what the others' means give
        back[0] -= shift[:-1][kept] / X[0, 0]
        coef = back @ coef
        coef[0] += shift[-1] / X[0, 0]
    return LeastSquares(
        coef=coef,
        kept=kept,
        unscaled_cov=back @ root @ root.T @ back.T,
        rss=sum_of_squares(residual, weights),
        tss=total_sum_of_squares(response, weights),
        n_obs=len(y),
        df_resid=len(y) - r,
        clusters=tuple(
            Clusters(name, int(codes.max()) + 1, spread @ spread.T)
            for name, codes in clusters
            for scores in [cluster_scores(columns, residual, codes, weights)]
            for spread in [back @ root @ (root.T @ scores)]
        ),
    )


def centres(X, y, weights=None):
    """Means to take off before products are formed.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None

    Returns
    -------
    ndarray of shape (p + 1,)
        Of the columns of X and of y; zeros unless the first column is constant.
    """
    shift = np.zeros(X.shape[1] + 1)
    if X.shape[1] and X[0, 0] != 0 and (X[:, 0] == X[0, 0]).all():
        if X.shape[1] > 1:
            shift[1:-1] = np.average(X[:, 1:], axis=0, weights=weights)
        shift[-1] = np.average(y, weights=weights)
    return shift


def smallest_lengths(R, shift, weights, X):
    """Lengths below which a column is taken for determined by earlier ones."""
    total = np.sqrt(len(X) if weights is None else weights.sum())
    spread = np.sqrt((R[:, :-1] ** 2).sum(axis=0))
    rounding = ROUNDING * np.hypot(spread, total * np.abs(shift[:-1]))
    smallest = np.maximum(ALIASED * spread, rounding)
    doubtful = np.flatnonzero(np.abs(np.diag(R))[:-1] <= smallest)
    shortest = np.maximum(total * shortest_parts(X, doubtful), rounding[doubtful])
    smallest[doubtful] = np.minimum(smallest[doubtful], shortest)
    return smallest


def sum_of_squares(values, weights=None):
    """Weighted sum of squares."""
    return float(values @ (values if weights is None else weights * values))


def total_sum_of_squares(values, weights=None):
    """Weighted sum of squares about the weighted mean."""
    return sum_of_squares(values - np.average(values, weights=weights), weights)


def triangle(X, y, weights=None):
    """Triangular factor of ``[X y]``, its rows scaled by the roots of the weights.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None

    Returns
    -------
    ndarray of shape (p + 1, p + 1)
        R of Householder's QR. Rows beyond n are zero.
    """
    n, p = X.shape
    R = np.zeros((0, p + 1))
    for start in range(0, n, CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        chunk = np.column_stack([X[rows], y[rows]])
        if weights is not None:
            chunk *= np.sqrt(weights[rows])[:, None]
        R = np.linalg.qr(np.vstack([R, chunk]), mode="r")
    padded = np.zeros((p + 1, p + 1))
    padded[: len(R)] = R
    return padded


def independent_columns(R, smallest):
    """Leave out the columns of a triangular factor that earlier ones determine.

    Parameters
    ----------
    R : ndarray of shape (p + 1, p + 1)
        Factor of ``[X y]``; the last column is always kept.
    smallest : ndarray of shape (p,)
        What must be left of every column.

    Returns
    -------
    kept : ndarray of bool of shape (p,)
    R : ndarray of shape (r + 1, r + 1)
        Factor of the columns kept.
    """
    kept = np.ones(R.shape[1] - 1, dtype=bool)
    while True:
        left = np.abs(np.diag(R))[:-1]
        dependent = left <= smallest[kept]
        if not dependent.any():
            return kept, R
        # a zero pivot spoils those after it: leave one column out, start again
        first = int(dependent.argmax())
        kept[np.flatnonzero(kept)[first]] = False
        R = np.linalg.qr(np.delete(R, first, axis=1), mode="r")


def cluster_scores(X, residual, codes, weights=None):
    """Scores ``X_g'W_g e_g`` of every cluster.

    Parameters
    ----------
    X : ndarray of shape (n, r)
    residual : ndarray of shape (n,)
    codes : ndarray of int of shape (n,)
        Cluster of each row.
    weights : ndarray of shape (n,), default=None

    Returns
    -------
    ndarray of shape (r, G)
    """
    codes = codes.astype(np.intp, copy=False)
    error = residual if weights is None else weights * residual
    scores = np.zeros((X.shape[1], int(codes.max()) + 1))
    for j, x in enumerate(X.T):
        scores[j] = np.bincount(codes, weights=x * error)
    return scores


def coefficient_table(names, estimate, covariance, df, confidence_level=0.95):
    """Estimates with standard errors, t tests and confidence intervals.

    Parameters
    ----------
    names : sequence of str of length r
    estimate : ndarray of shape (r,)
    covariance : ndarray of shape (r, r)
    df : float
        Degrees of freedom of t.
    confidence_level : float, default=0.95

    Returns
    -------
    DataFrame of shape (r, 7)
        ``estimate``, ``std_error``, ``df``, ``t``, ``p``, ``lower``, ``upper``.

    Examples
    --------
    >>> from skmixed.baselines.ols import coefficient_table
    >>> coefficient_table(["x"], [2.0], [[1.0]], 10)[["t", "p"]].round(3)
         t      p
    x  2.0  0.073
    """
    estimate = np.asarray(estimate, dtype=float)
    std_error = np.sqrt(np.clip(np.diag(np.asarray(covariance)), 0.0, None))
    df = float(df) if df > 0 else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / std_error
        half = stats.t.ppf(0.5 + confidence_level / 2, df) * std_error
        p = 2.0 * stats.t.sf(np.abs(t), df)
    table = {"estimate": estimate, "std_error": std_error, "df": df, "t": t, "p": p}
    table |= {"lower": estimate - half, "upper": estimate + half}
    return pd.DataFrame(table, index=list(names))
