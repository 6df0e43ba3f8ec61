"""Elimination for small designs of any shape: Z'V^-1 Z held as one dense matrix."""

import itertools
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.elimination.settled import SettledFactorisation, SettledRegime
from skmixed.likelihood.elimination.sizes import Bid
from skmixed.likelihood.linalg.grouped import multiply, relative_root
from skmixed.likelihood.linalg.kronecker import directional_sums
from skmixed.likelihood.linalg.stack import Stack, leading_factor

# Up to this many random effects a dense Z'V^-1 Z costs milliseconds, and its exact
# Hessian saves more evaluations than it costs.
DENSE_EFFECTS = 600
# Matrices of all random effects that are held at once.
COPIES = 8


class DenseElimination(SettledRegime):
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

    name = "dense"

    @classmethod
    def bid(cls, sizes):
        """Bid for few random effects of several factors."""
        size = sum(sizes.n_random)
        if len(sizes.groups) < 2 or size > DENSE_EFFECTS:
            return None
        rest = size - max(sizes.n_random)
        return Bid(float(size**2 * rest), 8 * COPIES * size**2, size)

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.leading, rest = leading_factor([f.size for f in A.factors])
        self.rest = Stack.of(A.factors, rest)
        self.stack = Stack.of(A.factors, [self.leading, *rest])
        self.n_first = A.factors[self.leading].size
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
        self.keep_columns(A)
        columns = self.stack.join(A.ZtXy)
        self.C1, self.C2 = columns[: self.n_first], columns[self.n_first :]

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        return DenseFactored(self, Lambdas)


class DenseFactored(SettledFactorisation):
    """V at some Lambdas; see :class:`DenseElimination`.

    Parameters
    ----------
    elimination : DenseElimination
    Lambdas : list of ndarray of shape (k_j, k_j)
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        e = self.elimination = elimination
        self.C1 = e.C1
        self.N, logdet = relative_root(e.A11, Lambdas[e.leading])
        self.NA, self.NC = by_level(self.N, e.A12), by_level(self.N, e.C1)
        self.S22 = e.A22 - self.NA.T @ self.NA
        self.S2 = e.C2 - self.NA.T @ self.NC
        self.T, rest_logdet = self.factor_rest(Lambdas)
        self.Y = self.T.T @ self.S2
        self.logdet_V = logdet + rest_logdet
        self.subtracted_S = e.gram - self.NC.T @ self.NC - self.Y.T @ self.Y

    def factor_rest(self, Lambdas):
        """T and log|M2|; a single factor has no rest."""
        rest = self.elimination.rest
        if not rest.order:
            return self.S22, 0.0
        transposed = [Lambda.T for Lambda in Lambdas]
        half = rest.scale(transposed, self.S22)
        M = rest.scale(transposed, np.ascontiguousarray(half.T))
        M.reshape(-1)[:: len(M) + 1] += 1.0
        # M is symmetric, so its transpose is the Fortran-ordered matrix LAPACK wants
        L, info = lapack.dpotrf(M.T, lower=1, clean=1, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        logdet = 2.0 * float(np.log(np.diag(L)).sum())
        inverse = lapack.dtrtri(L, lower=1, overwrite_c=1)[0]
        return rest.scale(Lambdas, inverse.T), logdet

    @cached_property
    def AN(self):
        """``A11 N'`` of every level of the leading factor."""
        return multiply(self.elimination.A11, self.N.transpose(1, 0, 2))

    @cached_property
    def E(self):
        """``D A12``."""
        return self.elimination.A12 - by_level(self.AN, self.NA)

    @cached_property
    def ET(self):
        """``E T``."""
        return self.E @ self.T

    @cached_property
    def Q(self):
        """``T'S22``."""
        return self.T.T @ self.S22

    @cached_property
    def subtracted_F(self):
        """Z'V^-1[X y]."""
        F1 = self.C1 - by_level(self.AN, self.NC) - self.ET @ self.Y
        return self.split(np.concatenate([F1, self.S2 - self.Q.T @ self.Y]))

    @cached_property
    def PZ(self):
        """Z'V^-1 Z, of shape (N, N)."""
        e = self.elimination
        first, level = e.n_first, np.arange(e.A11.shape[2])
        PZ = np.empty((e.stack.size, e.stack.size))
        np.negative(self.ET @ self.ET.T, out=PZ[:first, :first])
        own = e.A11 - multiply(self.AN, self.AN.transpose(1, 0, 2))
        diagonal = e.blocks(PZ, e.leading, e.leading)
        diagonal[level, :, level] += own.transpose(2, 0, 1)
        PZ[:first, first:] = self.E - self.ET @ self.Q
        PZ[first:, :first] = PZ[:first, first:].T
        PZ[first:, first:] = self.S22 - self.Q.T @ self.Q
        return PZ

    def split(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j)."""
        blocks = self.elimination.stack.cut(matrix)
        return [blocks[j] for j in range(len(blocks))]

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level."""
        return [
            np.einsum("gagb->abg", self.elimination.blocks(self.PZ, j, j))
            for j in range(len(self.Lambdas))
        ]

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        e, stack = self.elimination, self.elimination.stack
        # of C = [W1 + B B', -B T'; ., T T'], without a difference that loses digits
        B = by_level(self.N.transpose(1, 0, 2), self.NA @ self.T)
        half = np.concatenate([B, -self.T])
        found = []
        for j in range(len(self.Lambdas)):
            rows = half[stack.spans[j]].reshape(*stack.shapes[j], -1)
            found.append(np.einsum("gam,gbm->abg", rows, rows))
        found[e.leading] += multiply(self.N, self.N, transpose_A=True)
        return found

    def times(self, directions):
        """Z'WZ times some directions."""
        e = self.elimination
        U = e.stack.join(directions)
        U1, U2 = U[: e.n_first], U[e.n_first :]
        C1 = by_level(e.A11, U1) + e.A12 @ U2
        return self.split(np.concatenate([C1, e.A12.T @ U1 + e.A22 @ U2]))

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        e = self.elimination
        stacked = e.stack.join(columns)
        C1, C2 = stacked[: e.n_first], stacked[e.n_first :]
        NC = by_level(self.N, C1)
        S2 = C2 - self.NA.T @ NC
        TY = self.T @ (self.T.T @ S2)
        F1 = C1 - by_level(self.AN, NC) - self.E @ TY
        return self.split(np.concatenate([F1, S2 - self.S22 @ TY]))

    def modes(self, columns):
        """``(Z'WZ + Psi^-1)^-1 c`` of columns c that are given as Z'Wc."""
        stacked, first = self.elimination.stack.join(columns), self.elimination.n_first
        NC = by_level(self.N, stacked[:first])
        b2 = self.T @ (self.T.T @ (stacked[first:] - self.NA.T @ NC))
        b1 = by_level(self.N.transpose(1, 0, 2), NC - self.NA @ b2)
        return self.split(np.concatenate([b1, b2]))

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        return self.split(self.PZ @ self.elimination.stack.join(directions))

    def known_between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, read off Z'V^-1 Z."""
        blocks = self.elimination.blocks(self.PZ, j, h)[levels_j, :, levels_h]
        Psi_j, Psi_h = (L @ L.T for L in (self.Lambdas[j], self.Lambdas[h]))
        return -(Psi_j @ blocks @ Psi_h).transpose(1, 2, 0)

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) P, P (x) ff' and P (x) F_X Rx^-1 F_X' over pairs of levels."""
        PP = {}
        for j, h in itertools.product(self.elimination.stack.order, repeat=2):
            blocks = self.elimination.blocks(self.PZ, j, h).transpose(1, 3, 0, 2)
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
