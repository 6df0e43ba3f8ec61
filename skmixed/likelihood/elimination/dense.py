"""Elimination for small designs of any shape: Z'V^-1 Z held as one dense matrix."""

import itertools

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.linalg.grouped import multiply, relative_root
from skmixed.likelihood.linalg.kronecker import directional_sums
from skmixed.likelihood.linalg.stack import Stack, leading_factor


class DenseElimination:
    """Random effects of all factors integrated out with dense matrices.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

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
        self.leading, rest = leading_factor([f.size for f in A.factors])
        self.rest = Stack.of(A.factors, rest)
        self.stack = Stack.of(A.factors, [self.leading, *rest])
        self.n_first = A.factors[self.leading].size
        self.take_columns(A)
        self.A11 = A.ZtZ[self.leading]
        ZtZ = self.assemble(A)
        self.A12 = np.ascontiguousarray(ZtZ[: self.n_first, self.n_first :])
        self.A22 = np.ascontiguousarray(ZtZ[self.n_first :, self.n_first :])

    def assemble(self, A):
        """Z'Z in this regime's order of the factors."""
        ZtZ = np.zeros((self.stack.size, self.stack.size))
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
        spans, shapes = self.stack.spans, self.stack.shapes
        return matrix[spans[i], spans[j]].reshape(*shapes[i], *shapes[j])

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram = A.gram
        columns = self.stack.join(A.ZtXy)
        self.C1, self.C2 = columns[: self.n_first], columns[self.n_first :]

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        self.N, logdet = relative_root(self.A11, Lambdas[self.leading])
        self.NA, self.NC = by_level(self.N, self.A12), by_level(self.N, self.C1)
        self.S22 = self.A22 - self.NA.T @ self.NA
        self.S2 = self.C2 - self.NA.T @ self.NC
        self.T, rest_logdet = self.factor_rest(Lambdas)
        self.Y = self.T.T @ self.S2
        self.P = None
        return logdet + rest_logdet, self.gram - self.NC.T @ self.NC - self.Y.T @ self.Y

    def factor_rest(self, Lambdas):
        """T and log|M2|; a single factor has no rest."""
        if not self.rest.order:
            return self.S22, 0.0
        transposed = [Lambda.T for Lambda in Lambdas]
        half = self.rest.scale(transposed, self.S22)
        M = self.rest.scale(transposed, np.ascontiguousarray(half.T))
        M.reshape(-1)[:: len(M) + 1] += 1.0
        # M is symmetric, so its transpose is the Fortran-ordered matrix LAPACK wants
        L, info = lapack.dpotrf(M.T, lower=1, clean=1, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        logdet = 2.0 * float(np.log(np.diag(L)).sum())
        inverse = lapack.dtrtri(L, lower=1, overwrite_c=1)[0]
        return self.rest.scale(Lambdas, inverse.T), logdet

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
        self.P = np.empty((self.stack.size, self.stack.size))
        np.negative(self.ET @ self.ET.T, out=self.P[:first, :first])
        own = self.A11 - multiply(self.AN, self.AN.transpose(1, 0, 2))
        diagonal = self.blocks(self.P, self.leading, self.leading)
        diagonal[level, :, level] += own.transpose(2, 0, 1)
        self.P[:first, first:] = self.E - self.ET @ self.Q
        self.P[first:, :first] = self.P[:first, first:].T
        self.P[first:, first:] = self.S22 - self.Q.T @ self.Q

    def split(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j)."""
        blocks = self.stack.cut(matrix)
        return [blocks[j] for j in range(len(blocks))]

    def diagonal(self):
        """Diagonal blocks of Z'V^-1 Z per level; call after ``solve``."""
        self.complete()
        return [
            np.einsum("gagb->abg", self.blocks(self.P, j, j))
            for j in range(len(self.stack.order))
        ]

    def traces(self):
        """Sum of the diagonal blocks."""
        return [block.sum(axis=2) for block in self.diagonal()]

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        self.complete()
        return self.split(self.P @ self.stack.join(directions))

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) P, P (x) ff' and P (x) F_X Rx^-1 F_X' over pairs of levels."""
        self.complete()
        PP = {}
        for j, h in itertools.product(self.stack.order, repeat=2):
            blocks = self.blocks(self.P, j, h).transpose(1, 3, 0, 2)
            k_j, k_l = blocks.shape[:2]
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
