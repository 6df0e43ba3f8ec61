"""Elimination of one grouping factor: V is block diagonal, one block per group."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime
from skmixed.likelihood.linalg.grouped import (
    cholesky,
    multiply,
    shared_left,
    shared_right,
    solve_lower,
)


class BatchedElimination(Regime):
    """Random effects of one factor integrated out, all groups at once.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        With one factor.

    Notes
    -----
    With A_g = Z_g'Z_g, C_g = Z_g'[X y] and M_g = I + Lambda'A_g Lambda = L_g L_g',

        Q_g = L_g^-1 Lambda'A_g,  Y_g = L_g^-1 Lambda'C_g,
        log|V| = sum log|M_g|,    S = [X y]'[X y] - sum Y_g'Y_g,
        P_g = Z_g'V_g^-1 Z_g = A_g - Q_g'Q_g,  F_g = Z_g'V_g^-1 [X y] = C_g - Q_g'Y_g.

    Cost O(G k^2 (k + m)) per evaluation; the rows do not appear.
    """

    name = "batched"

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.ZtZ = A.ZtZ[0]

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.ZtXy, self.gram = A.ZtXy[0], A.gram

    def factor(self, Lambdas):
        """Factor V at some Lambda."""
        return BatchedFactored(self, Lambdas)


class BatchedFactored(Factorisation):
    """V of one factor at some Lambda; see :class:`BatchedElimination`.

    Parameters
    ----------
    elimination : BatchedElimination
    Lambdas : list of one ndarray of shape (k, k)
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        self.ZtZ, self.ZtXy = elimination.ZtZ, elimination.ZtXy
        Lambda = Lambdas[0]
        self.LtZtZ = shared_left(Lambda.T, self.ZtZ)
        self.L = shared_right(self.LtZtZ, Lambda)
        for i in range(len(Lambda)):
            self.L[i, i] += 1.0
        self.logdet_V = cholesky(self.L)
        self.Y = solve_lower(self.L, shared_left(Lambda.T, self.ZtXy))
        self.S = elimination.gram - sum(Y @ Y.T for Y in self.Y)

    @cached_property
    def Q(self):
        """``L^-1 Lambda'A`` of every group."""
        return solve_lower(self.L, self.LtZtZ.copy())

    @cached_property
    def F(self):
        """Z'V^-1[X y]."""
        return [self.ZtXy - multiply(self.Q, self.Y, transpose_A=True)]

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z."""
        return [self.ZtZ - multiply(self.Q, self.Q, transpose_A=True)]

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        return [multiply(self.P[0], directions[0])]

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) P, P (x) ff' and P (x) F_X Rx^-1 F_X' over pairs of levels."""
        P = self.P[0]
        k, _, G = P.shape
        flat = P.reshape(k * k, G)
        ff = (f[0][:, None] * f[0]).reshape(k * k, G)
        PP, Pff = flat @ flat.T, flat @ ff.T
        tensors = [PP, Pff]
        if whitened is not None:
            FF = np.einsum("axg,bxg->abg", whitened[0], whitened[0])
            tensors.append(flat @ FF.reshape(k * k, G).T)
        else:
            tensors.append(None)
        return [
            None if tensor is None else {(0, 0): tensor.reshape(k, k, k, k)}
            for tensor in tensors
        ]
