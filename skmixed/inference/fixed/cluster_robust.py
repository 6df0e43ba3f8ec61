"""Cluster-robust covariance of the fixed effects, with small-sample corrections."""

from functools import cached_property

import numpy as np
import pandas as pd

from skmixed.printing.printed import Printed, Table

KINDS = ("CR0", "CR1", "CR2")
# Rows of a cluster at the most: its covariance is held densely.
LARGEST_CLUSTER = 3000
# Eigenvalues below this, relative to the largest, are zero.
RANK = 1e-10


class ClusterRobust(Printed):
    """Sandwich covariance of the fixed effects that trusts the clusters alone.

    Made by :func:`skmixed.cluster_robust`; statements take it as `vcov`.

    Parameters
    ----------
    result : FitResult
    design : Design
        The rows of the fit, with response and weights.
    clusters : ndarray of int of shape (n,)
        Every level of every grouping factor lies in one of them.
    kind : {"CR0", "CR1", "CR2"}
    label : str
        Of the clusters.
    names : list of str of length r
        Of the fixed effects.

    Attributes
    ----------
    covariance : ndarray of shape (r, r)
    n_clusters : int

    Notes
    -----
    With V_i the fitted covariance of a cluster's response, M = (X'V^-1 X)^-1 and
    residuals e_i = y_i - X_i beta, the covariance is
    ``M [sum_i X_i'V_i^-1 A_i e_i e_i'A_i'V_i^-1 X_i] M``. CR0 has A_i = I, CR1
    multiplies by G / (G - 1), and CR2 makes the covariance unbiased where V is right:
    ``A_i = D_i'B_i^(-1/2) D_i`` with the Cholesky factor V_i = D_i'D_i and
    ``B_i = D_i (V_i - X_i M X_i') D_i'`` (Bell & McCaffrey 2002; Pustejovsky & Tipton
    2018, J. Bus. Econ. Stat. 36(4); R's clubSandwich).

    Degrees of freedom are Satterthwaite's under V for single contrasts, and those of
    the approximate Hotelling test (HTZ) for several.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, cluster_robust
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    >>> robust = cluster_robust(model, sleep)
    >>> robust.n_clusters, robust.covariance.shape
    (18, (2, 2))
    """

    def __init__(self, result, design, clusters, kind, label, names):
        self.name, self.kind, self.coef_names = kind, kind, names
        self.coef = result.coef
        order = np.argsort(clusters, kind="stable")
        starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
        members = np.split(order, starts[1:])
        self.n_clusters = len(members)
        self.label = (
            f"{kind} standard errors of {self.n_clusters} clusters ({label}) and "
            "Satterthwaite's degrees of freedom"
        )
        X = design.X[:, result.kept]
        residuals = design.y - X @ result.coef
        if design.offset is not None:
            residuals = residuals - design.offset
        self.M = result.coef_cov
        scores, self.E, self.B = [], [], []
        for rows in members:
            V = dense_covariance(result, design, rows)
            H = np.linalg.solve(V, X[rows] @ self.M)
            if kind == "CR2":
                H = adjustment(V, X[rows], self.M).T @ H
            self.E.append(X[rows].T @ H)
            self.B.append(H.T @ V @ H)
            scores.append(H.T @ residuals[rows])
        self.E, self.B, scores = map(np.array, (self.E, self.B, scores))
        self.scale = 1.0
        if kind == "CR1":
            self.scale = self.n_clusters / max(self.n_clusters - 1, 1)
        self.covariance = self.scale * scores.T @ scores

    @cached_property
    def frame(self):
        """Estimates with their robust standard errors and degrees of freedom."""
        identity = np.eye(len(self.coef))
        table = {
            "estimate": self.coef,
            "std_error": np.sqrt(np.diag(self.covariance)),
            "df": self.df(identity),
        }
        return pd.DataFrame(table, index=self.coef_names)

    def blocks(self):
        """Yield the table, and what it rests on."""
        yield Table(self.frame, "Fixed effects with robust standard errors:")
        yield f"{self.label}."

    def products(self, L):
        """Covariances of the clusters' shares in some contrasts, if V is right.

        Parameters
        ----------
        L : ndarray of shape (q, r)

        Returns
        -------
        ndarray of shape (G, G, q, q)
        """
        across = np.einsum("gar,qr->gqa", self.E, L)
        found = -np.einsum("gqa,ab,hsb->ghqs", across, self.M, across, optimize=True)
        every = np.arange(self.n_clusters)
        found[every, every] += np.einsum("qa,gab,sb->gqs", L, self.B, L, optimize=True)
        return found

    def df(self, L):
        """Satterthwaite's degrees of freedom of single contrasts, of shape (q,)."""
        found = []
        for row in np.atleast_2d(L):
            P = self.products(row[None])[:, :, 0, 0]
            found.append(np.trace(P) ** 2 / np.sum(P**2))
        return np.array(found)

    def joint_df(self, L):
        """Scaling and denominator degrees of freedom of q contrasts together.

        Parameters
        ----------
        L : ndarray of shape (q, r)

        Returns
        -------
        scaling, df : float
            Of the Wald statistic over q; not positive df where clusters are too few.
        """
        q = len(L)
        if q == 1:
            return 1.0, float(self.df(L)[0])
        expected = np.einsum("ggqs->qs", self.products(L))
        values, vectors = np.linalg.eigh(expected)
        P = self.products((vectors / np.sqrt(values)).T @ L)
        total = np.einsum("ghqq,ghss->", P, P) + np.einsum("ghqs,ghsq->", P, P)
        eta = q * (q + 1) / total
        df = eta - q + 1.0
        return (df / eta, float(df)) if df > 0 else (np.nan, np.nan)


def dense_covariance(result, design, rows):
    """Fitted covariance of some rows' responses, of shape (n, n)."""
    weights = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    V = np.diag(1.0 / weights)
    for block, (j, positions, _) in zip(design.random, result.terms, strict=True):
        root = result.relative_factors[j][np.ix_(positions, positions)]
        loadings = block.z[rows] @ root
        same = block.codes[rows][:, None] == block.codes[rows]
        V += (loadings @ loadings.T) * same
    return result.sigma**2 * V


def adjustment(V, X, M):
    """A_i of CR2, of shape (n, n)."""
    D = np.linalg.cholesky(V).T
    B = D @ (V - X @ M @ X.T) @ D.T
    values, vectors = np.linalg.eigh((B + B.T) / 2.0)
    kept = values > RANK * values[-1]
    root = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return D.T @ (vectors * root) @ vectors.T @ D
