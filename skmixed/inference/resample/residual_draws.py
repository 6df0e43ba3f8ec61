"""New responses of a model with a residual covariance, drawn as its products.

For the subjects of one pattern the likelihood sees X and y through the products of all
(visit, column) pairs. With D = Q R, the rows of all n subjects' X side by side and R of
full row rank r, these are R'R, R'(Q'E) and E'E: the rows of Q'E are r independent
residuals, and E'E is their sum of squares plus an independent Wishart matrix of n - r
degrees of freedom. So r pseudo-subjects get a row of residuals each, and a few more
without covariates make up the Wishart matrix. Where products are rows in blocks or
series, rows are drawn.
"""

from dataclasses import replace

import numpy as np
from scipy.linalg import solve_banded

from skmixed.inference.opened.open_fit import open_residual
from skmixed.likelihood.products.patterns import Batch, PatternProducts
from skmixed.likelihood.products.series import SeriesProducts

# Singular values below this, relative to the largest, are rounding.
RANK = 1e-9


def residual_law(result, beta):
    """The law of the responses of a model with a residual covariance.

    Parameters
    ----------
    result : FitResult
    beta : ndarray of shape (p,)
        In the basis of the fit.

    Returns
    -------
    PatternLaw, SeriesLaw or BlockLaw
    """
    residual = result.residual
    if isinstance(residual.products, PatternProducts):
        covariances = [result.sigma**2 * Psi for Psi in residual.covariances]
        return PatternLaw(residual.products, beta, covariances)
    deviance = open_residual(residual, False)
    own = SeriesLaw if isinstance(residual.products, SeriesProducts) else BlockLaw
    return own(deviance, residual.theta, beta, result.sigma)


class BlockLaw:
    """The law of rows in blocks.

    Parameters
    ----------
    deviance : MarginalDeviance
    theta : ndarray of shape (m,)
    beta : ndarray of shape (p,)
        In the basis of the products.
    sigma : float
    """

    def __init__(self, deviance, theta, beta, sigma):
        self.products, self.beta = deviance.A, beta
        self.roots = []
        for batch in self.products.batches:
            V = deviance.covariance(theta, batch)
            k = np.arange(V.shape[1])
            V[:, k, k] += ~batch.seen
            self.roots.append(sigma * np.linalg.cholesky(V))

    def stream(self, n_draws, rng):
        """Draw responses one by one; see :class:`PatternLaw`."""
        for _ in range(n_draws):
            yield self.draw(rng)

    def draw(self, rng):
        """Products with a drawn response in the place of y."""
        batches = []
        for batch, root in zip(self.products.batches, self.roots, strict=True):
            rows, noise = batch.rows.copy(), rng.standard_normal(batch.seen.shape)
            noise[~batch.seen] = 0.0
            rows[:, :, -1] = rows[:, :, :-1] @ self.beta
            rows[:, :, -1] += np.matmul(root, noise[:, :, None])[:, :, 0]
            batches.append(batch.with_rows(rows))
        return replace(self.products, batches=tuple(batches))


class SeriesLaw:
    """The law of first-order Markov series.

    Parameters
    ----------
    deviance : MarkovDeviance
    theta : ndarray of shape (1,)
    beta : ndarray of shape (p,)
        In the basis of the products.
    sigma : float

    Notes
    -----
    Independent noise u becomes ``e_j = r_j e_(j-1) + sqrt(1 - r_j^2) u_j``.
    """

    def __init__(self, deviance, theta, beta, sigma):
        self.products = deviance.A
        self.mean = beta @ deviance.A.rows[:-1]
        r = deviance.correlations(theta)[0]
        self.scale = sigma * np.sqrt(1.0 - r**2)
        self.band = np.array([np.ones_like(r), np.append(-r[1:], 0.0)])

    def stream(self, n_draws, rng):
        """Draw responses one by one; see :class:`PatternLaw`."""
        for _ in range(n_draws):
            noise = self.scale * rng.standard_normal(len(self.mean))
            y = self.mean + solve_banded((1, 0), self.band, noise)
            yield replace(self.products, rows=np.vstack([self.products.rows[:-1], y]))


class PatternLaw:
    """The law of the products of a response under some parameters.

    Parameters
    ----------
    products : PatternProducts
    beta : ndarray of shape (p,)
        In the basis of the products.
    covariances : list of ndarray of shape (k, k)
        Of every level's residuals over the visits, sigma^2 included.
    """

    def __init__(self, products, beta, covariances):
        self.products = products
        self.plans = [
            plan_batch(batch, beta, V)
            for batch, V in zip(products.batches, covariances, strict=True)
        ]

    def stream(self, n_draws, rng):
        """Draw responses one by one.

        Parameters
        ----------
        n_draws : int
        rng : Generator

        Yields
        ------
        PatternProducts
            Those of the law, with a drawn response in the place of y.
        """
        for _ in range(n_draws):
            batches = tuple(
                draw_batch(batch, plan, rng)
                for batch, plan in zip(self.products.batches, self.plans, strict=True)
            )
            yield replace(self.products, batches=batches)


def plan_batch(batch, beta, V):
    """What does not depend on the draw, for every pattern of a covariance.

    Parameters
    ----------
    batch : Batch
    beta : ndarray of shape (p,)
    V : ndarray of shape (k, k)

    Returns
    -------
    list of tuple (at, rows, mean, root, n_left)
        Visits seen; rows of X of pseudo-subjects, (r, m, p); their means, (r, m); a
        lower root of their covariance; degrees of freedom that are left.
    """
    plans = []
    for u, seen in enumerate(batch.seen.T):
        at = np.flatnonzero(seen)
        own = batch.rows[at][:, :-1][:, :, batch.pattern == u].transpose(2, 0, 1)
        rows = full_rank(own.reshape(len(own), -1)).reshape(-1, len(at), len(beta))
        root = np.linalg.cholesky(V[np.ix_(at, at)])
        n_left = round(batch.count[u]) - len(rows)
        plans.append((at, rows, rows @ beta, root, n_left))
    return plans


def full_rank(D):
    """Rows with the same products, none of which depends on the others."""
    if not D.size:
        return D[:0]
    _, values, right = np.linalg.svd(D, full_matrices=False)
    kept = values > RANK * max(values[0], np.finfo(float).tiny)
    return values[kept, None] * right[kept]


def draw_batch(batch, plan, rng):
    """Draw the residuals of all patterns of a covariance."""
    k, m = batch.rows.shape[:2]
    blocks, labels = [], []
    for u, (at, rows, mean, root, n_left) in enumerate(plan):
        extra = wishart_rows(n_left, len(at), rng)
        block = np.zeros((len(rows) + len(extra), k, m))
        y = rng.standard_normal(mean.shape) @ root.T + mean
        block[: len(rows), at, :-1] = rows
        block[: len(rows), at, -1] = y
        block[len(rows) :, at, -1] = extra @ root.T
        blocks.append(block)
        labels.append(np.full(len(block), u))
    rows = np.ascontiguousarray(np.concatenate(blocks).transpose(1, 2, 0))
    return Batch(rows, np.concatenate(labels), batch.seen, batch.count)


def wishart_rows(df, m, rng):
    """Few rows whose products are Wishart with unit scale, by Bartlett's decomposition.

    Parameters
    ----------
    df : int
        Degrees of freedom; none for less than one.
    m : int
        Size of the matrix.
    rng : Generator

    Returns
    -------
    ndarray of shape (min(df, m), m)
    """
    if df <= m:
        return rng.standard_normal((max(df, 0), m))
    rows = np.triu(rng.standard_normal((m, m)), 1)
    rows[np.diag_indices(m)] = np.sqrt(rng.chisquare(df - np.arange(m)))
    return rows
