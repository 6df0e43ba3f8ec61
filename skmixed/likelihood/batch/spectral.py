"""Many responses, one factor with one effect: the spectral form of the deviance."""

import numpy as np

# Eigenvalues below this, relative to the largest, are zero; closer ones are one.
RANK = 1e-9
# Variances, relative to the residual's, that the profile of every response is read at.
PROFILE = 2.0 ** np.arange(-12.0, 40.0)
# More levels than this are not decomposed.
MOST_LEVELS = 1500


class Spectral:
    """Deviances with one variance component; V = I + psi ZZ' has known eigenvectors.

    Parameters
    ----------
    products : ManyProducts
        Shared by all responses.
    reml : bool

    Notes
    -----
    With K = Z'M_X Z = U diag(d) U' and s_i = U_i'Z'M_X y / sqrt(d_i),

        deviance = sum log(1 + psi d_i) + nu (1 + log(2 pi r^2 / nu)) + log|X'X|,
        r^2 = y'M_X y - sum s_i^2 psi d_i / (1 + psi d_i)

    for REML; ML has the eigenvalues of Z'Z in the first sum, and no last term. Equal d
    merge. There are neither groups nor fixed effects in an evaluation.
    """

    def __init__(self, products, reml):
        p, n = products.A.n_fixed, products.ZtZ[0][0, 0, 0]
        self.reml, self.nu = reml, products.n_obs[0] - (p if reml else 0)
        root = np.linalg.cholesky(products.gram[0])
        U = np.linalg.solve(root, products.ZtX[0][0, 0])
        d, vectors = np.linalg.eigh(np.diag(n) - U.T @ U)
        kept = d > RANK * d.max()
        d, vectors = d[kept], vectors[:, kept]
        totals = np.linalg.solve(root, products.Xty.T).T
        squares = ((products.Zty[0][:, 0] - totals @ U) @ vectors) ** 2 / d
        edges = np.flatnonzero(np.diff(d, prepend=-np.inf) > RANK * d.max())
        self.d, self.count = d[edges], np.diff(np.append(edges, len(d)))
        self.squares = np.add.reduceat(squares, edges, axis=1)
        rest = products.yty - (totals**2).sum(axis=1) - squares.sum(axis=1)
        self.rest = np.maximum(rest, 0.0)
        self.log_values, self.log_counts, self.constant = self.d, self.count, 0.0
        if reml:
            self.constant = 2.0 * np.log(np.diag(root)).sum()
        else:
            self.log_values, self.log_counts = np.unique(n, return_counts=True)

    @property
    def doubles(self):
        """Numbers of work space per response."""
        return 6 * len(self.d) + len(PROFILE)

    def profile(self, rows):
        """Deviances at zero and at the variances of PROFILE, of shape (r, 1 + T)."""
        psi = np.append(0.0, PROFILE)
        inner = 1.0 / (1.0 + psi * self.d[:, None])
        r2 = self.rest[rows, None] + self.squares[rows] @ inner
        logs = self.log_counts @ np.log1p(psi * self.log_values[:, None])
        with np.errstate(divide="ignore"):
            value = logs + self.nu * (1.0 + np.log(2.0 * np.pi * r2 / self.nu))
        return value + self.constant

    def slopes(self, psi, rows):
        """Value, first and second derivative in psi, each of shape (r,)."""
        psi = psi[:, None]
        inner = 1.0 / (1.0 + psi * self.d)
        w = self.squares[rows] * inner
        r2 = self.rest[rows] + w.sum(axis=1)
        w *= inner * self.d
        first = -w.sum(axis=1)
        second = 2.0 * np.einsum("ij,ij,j->i", w, inner, self.d)
        logs = inner if self.reml else 1.0 / (1.0 + psi * self.log_values)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = -np.log(logs) @ self.log_counts + self.constant
            value += self.nu * (1.0 + np.log(2.0 * np.pi * r2 / self.nu))
            ratio, moved = logs * self.log_values, first / r2
            g = ratio @ self.log_counts + self.nu * moved
            h = -(ratio**2) @ self.log_counts + self.nu * (second / r2 - moved**2)
        return value, g, h

    def derivatives(self, theta, rows):
        """Value, gradient and Hessian in theta, psi = theta^2."""
        t = theta[:, 0]
        value, g, h = self.slopes(t**2, rows)
        hessian = 4.0 * t**2 * h + 2.0 * g
        return value, (2.0 * t * g)[:, None], hessian[:, None, None]

    def position(self, theta, rows):
        """Psi, as one vector."""
        return theta**2
