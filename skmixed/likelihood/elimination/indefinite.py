"""Elimination of one grouping factor whose weights may have any sign."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.batched import BatchedElimination, BatchedFactored
from skmixed.likelihood.linalg.grouped import (
    cholesky,
    multiply,
    shared_left,
    shared_right,
    solve_lower,
)


class IndefiniteElimination(BatchedElimination):
    """Random effects of one factor integrated out where Z'WZ is of any sign.

    The observed weights of a generalised model may be negative in some rows. Only M
    need be positive definite. See :class:`BatchedElimination` for what is the same.

    Parameters
    ----------
    A : CrossProducts
        With one factor.

    Notes
    -----
    With K_g = Z_g'W_g Z_g and ``M_g = I + Lambda'K_g Lambda = L_g L_g'``,

        N_g = L_g^-1 Lambda',  C_g = N_g'N_g,  P_g = K_g - (N_g K_g)'N_g K_g.
    """

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.ZtZ = A.ZtZ[0]

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram, self.columns = A.gram, A.ZtXy[0]

    def factor(self, Lambdas):
        """Factor V at some Lambda."""
        return IndefiniteFactored(self, Lambdas)


class IndefiniteFactored(BatchedFactored):
    """V of one factor at some Lambda; see :class:`IndefiniteElimination`.

    Parameters
    ----------
    elimination : IndefiniteElimination
    Lambdas : list of one ndarray of shape (k, k)
    """

    def __init__(self, elimination, Lambdas):
        self.Lambdas = Lambdas
        self.elimination, self.ZtZ = elimination, elimination.ZtZ
        Lambda = Lambdas[0]
        self.L = shared_right(shared_left(Lambda.T, self.ZtZ), Lambda)
        for i in range(len(Lambda)):
            self.L[i, i] += 1.0
        self.logdet_V = cholesky(self.L)

    @cached_property
    def N(self):
        """``L^-1 Lambda'`` of every group."""
        tiled = np.repeat(self.Lambdas[0].T[:, :, None], self.L.shape[2], axis=2)
        return solve_lower(self.L, tiled)

    @cached_property
    def Y(self):
        """``N Z'W[X y]``."""
        return multiply(self.N, self.elimination.columns)

    @cached_property
    def S(self):
        """``[X y]'V^-1[X y]``."""
        return self.elimination.gram - sum(rows @ rows.T for rows in self.Y)

    @cached_property
    def F(self):
        """Z'V^-1[X y]."""
        return self.reduce([self.elimination.columns])

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z."""
        NK = multiply(self.N, self.ZtZ)
        return [self.ZtZ - multiply(NK, NK, transpose_A=True)]

    def newton(self, slopes):
        """``M^-1 g``, by two triangular solves."""
        x, L = slopes[0].copy(), self.L
        solve_lower(L, x[:, None])
        for j in reversed(range(len(L))):
            for i in range(j + 1, len(L)):
                x[j] -= L[i, j] * x[i]
            x[j] /= L[j, j]
        return [x]
