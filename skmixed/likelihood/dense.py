"""Elimination for small designs of any shape: Z'V^-1 Z held as one dense matrix."""

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.grouped import levels_major, multiply, relative_root
from skmixed.likelihood.kronecker import directional_sums


class DenseElimination:
    """Random effects of all factors integrated out with dense matrices.

    See :class:`skmixed.likelihood.elimination.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts

    Notes
    -----
    The factor with the most random effects leads (1); the m2 random effects of the
    others follow (2). With M1 = I + Lambda1'A11 Lambda1, which is block diagonal,
    N'N = Lambda1 M1^-1 Lambda1' and D = I - A11 N'N,

        S22 = A22 - A21 N'N A12,  S2 = C2 - A21 N'N C1,  E = D A12,
        M2 = I + Lambda2'S22 Lambda2 = L L',
        T = Lambda2 L^-T,  Q = T'S22,  Y = T'S2,
        log|V| = log|M1| + log|M2|,  S = [X y]'[X y] - (N C1)'N C1 - Y'Y,
        F1 = D C1 - E T Y,        F2 = S2 - Q'Y,
        P11 = D A11 - E T T'E',  P12 = E - E T Q,  P22 = S22 - Q'Q.

    Cost O(N^2 m2) per evaluation for N random effects in all.
    """

    solver = "dense"
    exact = True
    rough = False

    def __init__(self, A):
        self.shapes = [(f.n_levels, f.n_effects) for f in A.factors]
        sizes = [G * k for G, k in self.shapes]
        leading = int(np.argmax(sizes))
        self.order = [leading, *(j for j in range(len(sizes)) if j != leading)]
        self.spans, start = [None] * len(sizes), 0
        for j in self.order:
            self.spans[j] = slice(start, start + sizes[j])
            start += sizes[j]
        self.n_first, self.n_effects = sizes[leading], start
        self.take_columns(A)
        self.A11 = A.ZtZ[leading]
        ZtZ = self.assemble(A)
        self.A12 = np.ascontiguousarray(ZtZ[: self.n_first, self.n_first :])
        self.A22 = np.ascontiguousarray(ZtZ[self.n_first :, self.n_first :])

    def assemble(self, A):
        """Z'Z in this regime's order of the factors."""
        ZtZ = np.zeros((self.n_effects, self.n_effects))
        for j, block in enumerate(A.ZtZ):
            level = np.arange(block.shape[2])
            self.blocks(ZtZ, j, j)[level, :, level] = block.transpose(2, 0, 1)
        for pair in A.pairs:
            i, j, levels = pair.first, pair.second, (pair.rows, pair.indices)
            self.blocks(ZtZ, i, j)[levels[0], :, levels[1]] = pair.data
            self.blocks(ZtZ, j, i)[levels[1], :, levels[0]] = pair.data.swapaxes(1, 2)
        return ZtZ

    def blocks(self, matrix, i, j):
        """View of factor i by factor j, of shape (G_i, k_i, G_j, k_j)."""
        return matrix[self.spans[i], self.spans[j]].reshape(
            *self.shapes[i], *self.shapes[j]
        )

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram = A.gram
        columns = np.concatenate([levels_major(A.ZtXy[j]) for j in self.order])
        self.C1, self.C2 = columns[: self.n_first], columns[self.n_first :]

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        self.N, logdet = relative_root(self.A11, Lambdas[self.order[0]])
        self.NA, self.NC = by_level(self.N, self.A12), by_level(self.N, self.C1)
        self.S22 = self.A22 - self.NA.T @ self.NA
        self.S2 = self.C2 - self.NA.T @ self.NC
        self.T, rest_logdet = self.factor_rest(Lambdas)
        self.Y = self.T.T @ self.S2
        self.P = None
        return logdet + rest_logdet, self.gram - self.NC.T @ self.NC - self.Y.T @ self.Y

    def factor_rest(self, Lambdas):
        """T and log|M2|; a single factor has no rest."""
        if len(self.order) == 1:
            return self.S22, 0.0
        half = self.scale([L.T for L in Lambdas], self.S22)
        M = self.scale([L.T for L in Lambdas], np.ascontiguousarray(half.T))
        M.reshape(-1)[:: len(M) + 1] += 1.0
        # M is symmetric, so its transpose is the Fortran-ordered matrix LAPACK wants
        L, info = lapack.dpotrf(M.T, lower=1, clean=1, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        logdet = 2.0 * float(np.log(np.diag(L)).sum())
        inverse = lapack.dtrtri(L, lower=1, overwrite_c=1)[0]
        return self.scale(Lambdas, inverse.T), logdet

    def scale(self, factors, matrix):
        """Multiply the m2 rows of a matrix from the left, factor by factor."""
        scaled = np.empty_like(matrix)
        for j in self.order[1:]:
            span, (G, k) = self.spans[j], self.shapes[j]
            rows = slice(span.start - self.n_first, span.stop - self.n_first)
            if k == 1:
                np.multiply(matrix[rows], factors[j][0, 0], out=scaled[rows])
                continue
            product = np.matmul(factors[j], matrix[rows].reshape(G, k, -1))
            scaled[rows] = product.reshape(G * k, -1)
        return scaled

    def solve(self):
        """Z'V^-1[X y]."""
        self.AN = multiply(self.A11, self.N.transpose(1, 0, 2))
        self.E = self.A12 - by_level(self.AN, self.NA)
        self.ET, self.Q = self.E @ self.T, self.T.T @ self.S22
        F1 = self.C1 - by_level(self.AN, self.NC) - self.ET @ self.Y
        return self.split(np.concatenate([F1, self.S2 - self.Q.T @ self.Y]))

    def complete(self):
        """Fill in P, after ``solve``, where it is asked for the first time."""
        if self.P is not None:
            return
        first, level = self.n_first, np.arange(self.A11.shape[2])
        self.P = np.empty((self.n_effects, self.n_effects))
        np.negative(self.ET @ self.ET.T, out=self.P[:first, :first])
        own = self.A11 - multiply(self.AN, self.AN.transpose(1, 0, 2))
        diagonal = self.blocks(self.P, self.order[0], self.order[0])
        diagonal[level, :, level] += own.transpose(2, 0, 1)
        self.P[:first, first:] = self.E - self.ET @ self.Q
        self.P[first:, :first] = self.P[:first, first:].T
        self.P[first:, first:] = self.S22 - self.Q.T @ self.Q

    def split(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j)."""
        return [
            matrix[span].reshape(G, k, -1).transpose(1, 2, 0)
            for span, (G, k) in zip(self.spans, self.shapes, strict=True)
        ]

    def diagonal(self):
        """Diagonal blocks of Z'V^-1 Z per level; call after ``solve``."""
        self.complete()
        return [
            np.einsum("gagb->abg", self.blocks(self.P, j, j))
            for j in range(len(self.shapes))
        ]

    def traces(self):
        """Sum of the diagonal blocks."""
        return [block.sum(axis=2) for block in self.diagonal()]

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        self.complete()
        stacked = np.concatenate([levels_major(directions[j]) for j in self.order])
        return self.split(self.P @ stacked)

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) P, P (x) ff' and P (x) F_X Rx^-1 F_X' over pairs of levels."""
        self.complete()
        PP = {}
        for j, (_, k_j) in enumerate(self.shapes):
            for h, (_, k_l) in enumerate(self.shapes):
                blocks = self.blocks(self.P, j, h).transpose(1, 3, 0, 2)
                flat = blocks.reshape(k_j * k_l, -1)
                PP[j, h] = (flat @ flat.T).reshape(k_j, k_l, k_j, k_l)
        scores = [block[:, None] for block in f]
        if whitened is None:
            return PP, *directional_sums(self.apply, scores), None
        return PP, *directional_sums(self.apply, scores, whitened)


def by_level(blocks, matrix):
    """Multiply the rows of every level by the level's own block.

    Parameters
    ----------
    blocks : ndarray of shape (k, k, G)
    matrix : ndarray of shape (G k, c)

    Returns
    -------
    ndarray of shape (G k, c)
    """
    k, _, G = blocks.shape
    rows = matrix.reshape(G, k, -1)
    return np.einsum("abg,gbc->gac", blocks, rows).reshape(matrix.shape)
