"""Elimination of one grouping factor: V is block diagonal, one block per group."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime
from skmixed.likelihood.elimination.sizes import Bid, block_bytes, block_flops
from skmixed.likelihood.linalg.grouped import (
    cholesky,
    multiply,
    relative_root,
    semidefinite_root,
    shared_right,
    solve_lower,
    solve_semidefinite,
)

# Share of a column's sum of squares within groups that is rounding.
CONSTANT = 1e-14


class BatchedElimination(Regime):
    """Random effects of one factor integrated out, all groups at once.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        With one factor.

    Notes
    -----
    With Z_g'Z_g = R_g'R_g, C_g = R_g^-T Z_g'[X y] and
    M_g = I + R_g Lambda Lambda'R_g' = L_g L_g',

        T_g = L_g^-1 R_g,  Y_g = L_g^-1 C_g,
        log|V| = sum log|M_g|,  S = W + sum Y_g'Y_g,
        P_g = Z_g'V_g^-1 Z_g = T_g'T_g,  F_g = Z_g'V_g^-1 [X y] = T_g'Y_g,

    where W = [X y]'[X y] - sum C_g'C_g is what the rows say within groups. Nothing is
    subtracted that depends on Lambda, so that no digits are lost where it is large.
    Cost O(G k^2 (k + m)) per evaluation; the rows do not appear.
    """

    name = "batched"

    @classmethod
    def bid(cls, sizes):
        """Bid for one factor."""
        if len(sizes.groups) != 1:
            return None
        return Bid(block_flops(sizes), block_bytes(sizes))

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.ZtZ = A.ZtZ[0]
        self.root = semidefinite_root(self.ZtZ)
        self.R = np.ascontiguousarray(self.root.transpose(1, 0, 2))

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.C = solve_semidefinite(self.root, A.ZtXy[0].copy())
        self.within = A.gram.copy()
        for C in self.C:
            self.within -= C @ C.T
        # a column that is constant within groups leaves rounding alone there
        nothing = self.within.diagonal() <= CONSTANT * A.gram.diagonal()
        if nothing.any():
            self.within[nothing] = self.within[:, nothing] = 0.0

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
        self.ZtZ, self.R = elimination.ZtZ, elimination.R
        B = shared_right(self.R, Lambdas[0])
        self.L = multiply(B, B.transpose(1, 0, 2))
        for i in range(len(B)):
            self.L[i, i] += 1.0
        self.logdet_V = cholesky(self.L)
        self.Y = solve_lower(self.L, elimination.C.copy())
        self.S = elimination.within.copy()
        for Y in self.Y:
            self.S += Y @ Y.T

    @cached_property
    def T(self):
        """``L^-1 R`` of every group."""
        return solve_lower(self.L, self.R.copy())

    @cached_property
    def F(self):
        """Z'V^-1[X y]."""
        return [multiply(self.T, self.Y, transpose_A=True)]

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z."""
        return [multiply(self.T, self.T, transpose_A=True)]

    @cached_property
    def N(self):
        """Root of ``(Z'WZ + Psi^-1)^-1 = N'N`` of every group."""
        return relative_root(self.ZtZ, self.Lambdas[0])[0]

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level."""
        return [multiply(self.N, self.N, transpose_A=True)]

    def times(self, directions):
        """Z'WZ times some directions."""
        return [multiply(self.ZtZ, directions[0])]

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        NC = multiply(self.N, columns[0])
        fitted = multiply(self.N, NC, transpose_A=True)
        return [columns[0] - multiply(self.ZtZ, fitted)]

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
