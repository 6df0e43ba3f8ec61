"""Linear mixed models by the textbook: V is formed densely, nothing is reused.

The independent answer that the package's likelihood is held against. Everything is
O(n^3) and reads like the formulas: with Psi the relative covariance of the random
effects, ``V = W^-1 + Z Psi Z'`` is the covariance of y divided by sigma^2, and
``P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1``.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag, solve_triangular
from scipy.optimize import minimize


@dataclass(frozen=True)
class Factor:
    """All random terms of one grouping factor, side by side."""

    name: str
    z: np.ndarray  # (n, k)
    codes: np.ndarray
    n_levels: int
    terms: tuple[tuple[slice, bool], ...]  # columns of each term, is it diagonal

    def dense(self):
        """Z of shape (n, n_levels * k), level by level."""
        n, k = self.z.shape
        Z = np.zeros((n, self.n_levels, k))
        Z[np.arange(n), self.codes] = self.z
        return Z.reshape(n, -1)


def factors(design):
    """Grouping factors of a design, in order of first appearance."""
    found = []
    for name in dict.fromkeys(block.group for block in design.random):
        blocks = [block for block in design.random if block.group == name]
        stops = np.cumsum([block.z.shape[1] for block in blocks])
        terms = tuple(
            (slice(int(stop) - block.z.shape[1], int(stop)), block.covariance == "diag")
            for stop, block in zip(stops, blocks, strict=True)
        )
        z = np.hstack([np.asarray(block.z, dtype=float) for block in blocks])
        found.append(Factor(name, z, blocks[0].codes, blocks[0].n_levels, terms))
    return found


@dataclass(frozen=True)
class Textbook:
    """What one set of relative covariances implies; see `textbook`."""

    deviance: float
    sigma: float
    coef: np.ndarray
    coef_cov: np.ndarray
    modes: list  # (n_levels, k) per factor
    mode_covariances: list  # (n_levels, k, k) per factor, given beta and theta
    fitted: np.ndarray
    gradient: list  # derivative of the deviance in Psi, (k, k) per factor


def textbook(design, Psis, *, reml):
    """Evaluate a model at relative covariance matrices, one (k, k) per factor.

    The deviance counts every constant as lme4 does, log weights too. Columns of
    ``design.X`` must be linearly independent.
    """
    X, y = np.asarray(design.X, dtype=float), np.asarray(design.y, dtype=float)
    n, p = X.shape
    offset = np.zeros(n) if design.offset is None else design.offset
    weights = np.ones(n) if design.weights is None else design.weights
    grouping = factors(design)
    Z = np.hstack([np.zeros((n, 0))] + [factor.dense() for factor in grouping])
    Psi = block_diag(
        np.zeros((0, 0)),
        *(np.kron(np.eye(f.n_levels), M) for f, M in zip(grouping, Psis, strict=True)),
    )
    L = np.linalg.cholesky(np.diag(1 / weights) + Z @ Psi @ Z.T)
    whiten = solve_triangular(L, np.column_stack([X, y - offset, Z]), lower=True)
    WX, wy, WZ = whiten[:, :p], whiten[:, p], whiten[:, p + 1 :]
    Q, R = np.linalg.qr(WX)
    beta = np.linalg.solve(R, Q.T @ wy)
    wr = wy - Q @ (Q.T @ wy)
    nu = n - p if reml else n
    sigma2 = wr @ wr / nu
    deviance = 2 * np.log(np.diag(L)).sum() + nu * (1 + np.log(2 * np.pi * sigma2))
    if reml:
        deviance += 2 * np.log(np.abs(np.diag(R))).sum()
    f = WZ.T @ wr  # Z'V^-1(y - X beta)
    ZtPZ = WZ.T @ WZ - ((Q.T @ WZ).T @ (Q.T @ WZ) if reml else 0)
    b = Psi @ f
    return Textbook(
        deviance=float(deviance),
        sigma=float(np.sqrt(sigma2)),
        coef=beta,
        coef_cov=sigma2 * np.linalg.inv(R) @ np.linalg.inv(R).T,
        modes=_by_level(b, grouping),
        mode_covariances=_by_level(sigma2 * (Psi - Psi @ WZ.T @ WZ @ Psi), grouping),
        fitted=X @ beta + offset + Z @ b,
        gradient=[
            block.sum(axis=0)
            for block in _by_level(ZtPZ - np.outer(f, f) / sigma2, grouping)
        ],
    )


def _by_level(array, grouping):
    """Cut a vector, or the diagonal blocks of a matrix, by factor and level."""
    pieces, start = [], 0
    for factor in grouping:
        G, k = factor.n_levels, factor.z.shape[1]
        part = array[(slice(start, start + G * k),) * array.ndim]
        if array.ndim == 1:
            pieces.append(part.reshape(G, k))
        else:
            levels = np.arange(G)
            pieces.append(part.reshape(G, k, G, k)[levels, :, levels])
        start += G * k
    return pieces


def predict(design, coef, modes):
    """X beta + offset + Z b for other rows; a code of -1 is an unseen group."""
    mean = design.X @ coef + (0 if design.offset is None else design.offset)
    for factor, b in zip(factors(design), modes, strict=True):
        known = factor.codes >= 0
        mean = mean + known * np.einsum("ik,ik->i", factor.z, b[factor.codes])
    return mean


class Parameters:
    """Unconstrained Cholesky entries in a basis where z has unit second moment."""

    def __init__(self, design):
        self.factors = factors(design)
        self.blocks = []  # factor, columns, basis, rows and columns of the entries
        for index, factor in enumerate(self.factors):
            for columns, diagonal in factor.terms:
                S = factor.z[:, columns].T @ factor.z[:, columns] / len(factor.z)
                scale = 1 / np.sqrt(np.diag(S))
                if diagonal:
                    basis, entries = np.diag(scale), np.diag_indices(len(S))
                else:
                    values, U = np.linalg.eigh(S * np.outer(scale, scale))
                    basis = (scale[:, None] * U) / np.sqrt(np.maximum(values, 1e-8))
                    entries = np.tril_indices(len(S))
                self.blocks.append((index, columns, basis, entries))
        self.size = sum(len(entries[0]) for *_, entries in self.blocks)

    def roots(self, theta):
        """Root R of each term's Psi = R R', before the basis is applied."""
        start = 0
        for *_, basis, entries in self.blocks:
            root = np.zeros_like(basis)
            root[entries] = theta[start : start + len(entries[0])]
            start += len(entries[0])
            yield root

    def covariances(self, theta):
        """Psi per factor."""
        Psis = [np.zeros((f.z.shape[1],) * 2) for f in self.factors]
        for (index, columns, basis, _), root in zip(
            self.blocks, self.roots(theta), strict=True
        ):
            Psis[index][columns, columns] = basis @ root @ root.T @ basis.T
        return Psis

    def gradient(self, theta, G):
        """Chain rule from dPsi (one matrix per factor) to theta."""
        pieces = [
            2 * (basis.T @ G[index][columns, columns] @ basis @ root)[entries]
            for (index, columns, basis, entries), root in zip(
                self.blocks, self.roots(theta), strict=True
            )
        ]
        return np.concatenate(pieces)

    def start(self, size):
        """Psi = size^2 I in the scaled basis."""
        return np.concatenate(
            [size * (rows == columns) for *_, (rows, columns) in self.blocks]
        ).astype(float)


def criterion(design, *, reml):
    """Deviance and gradient as one function of the unconstrained entries."""
    parameters = Parameters(design)

    def value_and_gradient(theta):
        try:
            with np.errstate(all="raise"):
                at = textbook(design, parameters.covariances(theta), reml=reml)
        except (np.linalg.LinAlgError, FloatingPointError):
            return 1e10, np.zeros_like(theta)
        return at.deviance, parameters.gradient(theta, at.gradient)

    return parameters, value_and_gradient


def reference_optimum(design, *, reml, n_random=4, seed=0):
    """Lowest deviance of several BFGS runs, restarted from beside its zeros."""
    parameters, objective = criterion(design, reml=reml)
    rng = np.random.default_rng(seed)
    starts = [parameters.start(size) for size in (0.1, 0.5, 2.0)]
    starts += [rng.normal(size=parameters.size) for _ in range(n_random)]
    best = None
    for start in starts:
        found = _descend(objective, start)
        if best is None or found.fun < best.fun:
            best = found
    for _ in range(3):  # theta = 0 is stationary: step off it and look again
        again = _descend(objective, best.x + 0.03 * rng.normal(size=parameters.size))
        best = min(best, again, key=lambda found: found.fun)
    return best.fun, parameters.covariances(best.x)


def _descend(objective, start):
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    polished = minimize(
        objective, found.x, jac=True, method="BFGS", options={"gtol": 1e-8}
    )
    return min(found, polished, key=lambda result: result.fun)
