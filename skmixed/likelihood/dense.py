"""Elimination for small designs of any shape: Z'V^-1 Z held as one dense matrix."""

from itertools import pairwise

import numpy as np
from scipy.linalg import lapack, solve_triangular

from skmixed.likelihood.grouped import levels_major
from skmixed.likelihood.kronecker import directional_sums


class DenseElimination:
    """Random effects of all factors integrated out in one dense factorisation.

    See :class:`skmixed.likelihood.elimination.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts

    Notes
    -----
    With N random effects in all, M = I + Lambda'Z'Z Lambda = L L' is (N, N):

        Q = L^-1 Lambda'Z'Z,  Y = L^-1 Lambda'Z'[X y],  log|V| = log|M|,
        S = [X y]'[X y] - Y'Y,  Z'V^-1 Z = Z'Z - Q'Q,  F = Z'[X y] - Q'Y.

    Cost O(N^3) per evaluation.
    """

    solver = "dense"
    exact = True
    rough = False

    def __init__(self, A):
        self.shapes = [(f.n_levels, f.n_effects) for f in A.factors]
        ends = np.cumsum([0, *(G * k for G, k in self.shapes)])
        self.spans = [slice(a, b) for a, b in pairwise(ends)]
        self.take_columns(A)
        self.ZtZ = np.zeros((ends[-1], ends[-1]))
        for span, (G, k), block in zip(self.spans, self.shapes, A.ZtZ, strict=True):
            level = np.arange(G)
            view = self.ZtZ[span, span].reshape(G, k, G, k)
            view[level, :, level, :] = block.transpose(2, 0, 1)
        for pair in A.pairs:
            block = pair.to_csr().toarray()
            self.ZtZ[self.spans[pair.first], self.spans[pair.second]] = block
            self.ZtZ[self.spans[pair.second], self.spans[pair.first]] = block.T

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram = A.gram
        self.ZtXy = np.vstack([levels_major(block) for block in A.ZtXy])

    def scale(self, Lambdas, matrix):
        """Lambda' times a matrix of N rows, factor by factor."""
        scaled = np.empty_like(matrix)
        for Lambda, span, (G, k) in zip(Lambdas, self.spans, self.shapes, strict=True):
            rows = matrix[span].reshape(G, k, -1)
            scaled[span] = np.matmul(Lambda.T, rows).reshape(G * k, -1)
        return scaled

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        self.LtZtZ = self.scale(Lambdas, self.ZtZ)
        M = self.scale(Lambdas, np.ascontiguousarray(self.LtZtZ.T))
        M[np.diag_indices_from(M)] += 1.0
        # M is symmetric, so its transpose is the Fortran-ordered matrix LAPACK wants
        self.L, info = lapack.dpotrf(M.T, lower=1, clean=1, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        logdet = 2.0 * float(np.log(np.diag(self.L)).sum())
        self.Y = solve_triangular(
            self.L, self.scale(Lambdas, self.ZtXy), lower=True, check_finite=False
        )
        self.P = None
        return logdet, self.gram - self.Y.T @ self.Y

    def solve(self):
        """Z'V^-1[X y]."""
        Q = solve_triangular(self.L, self.LtZtZ, lower=True, check_finite=False)
        self.P = self.ZtZ - Q.T @ Q
        return self.split(self.ZtXy - Q.T @ self.Y)

    def split(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j)."""
        return [
            matrix[span].reshape(G, k, -1).transpose(1, 2, 0)
            for span, (G, k) in zip(self.spans, self.shapes, strict=True)
        ]

    def diagonal(self):
        """Diagonal blocks of Z'V^-1 Z per level; call after ``solve``."""
        return [
            np.einsum("gagb->abg", self.P[span, span].reshape(G, k, G, k))
            for span, (G, k) in zip(self.spans, self.shapes, strict=True)
        ]

    def traces(self):
        """Sum of the diagonal blocks."""
        return [block.sum(axis=2) for block in self.diagonal()]

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        stacked = np.vstack([levels_major(block) for block in directions])
        return self.split(self.P @ stacked)

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) P, P (x) ff' and P (x) F_X Rx^-1 F_X' over pairs of levels."""
        PP = {}
        for j, (rows, (G_j, k_j)) in enumerate(
            zip(self.spans, self.shapes, strict=True)
        ):
            for h, (cols, (G_l, k_l)) in enumerate(
                zip(self.spans, self.shapes, strict=True)
            ):
                blocks = self.P[rows, cols].reshape(G_j, k_j, G_l, k_l)
                flat = blocks.transpose(1, 3, 0, 2).reshape(k_j * k_l, G_j * G_l)
                PP[j, h] = (flat @ flat.T).reshape(k_j, k_l, k_j, k_l)
        Pff = directional_sums(self.apply, [block[:, None] for block in f])
        if whitened is None:
            return PP, Pff, None
        return PP, Pff, directional_sums(self.apply, whitened)
