"""Elimination of nested factors, from the leaves of the tree to its root."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.settled import SettledFactorisation, SettledRegime
from skmixed.likelihood.elimination.sizes import Bid, block_bytes, block_flops
from skmixed.likelihood.linalg.grouped import (
    multiply,
    pick,
    relative_root,
    sum_to_parents,
)
from skmixed.likelihood.linalg.kronecker import directional_sums

# Copies of a chain's blocks: the products, those reduced, and those of the way down.
CHAIN_COPIES = 3


def nested_chain(A):
    """Order the factors so that each lies within the next, where that is possible.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    list of int or None
        Factors from the leaves to the root; None if any two are crossed.
    """
    if not all(pair.nested for pair in A.pairs):
        return None
    within = [sum(pair.first == j for pair in A.pairs) for j in range(len(A.factors))]
    return sorted(range(len(A.factors)), key=lambda j: -within[j])


class NestedElimination(SettledRegime):
    """Random effects of a chain of nested factors integrated out.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        Whose factors form a chain.

    Notes
    -----
    A group lies within one group of every level above, so eliminating it leaves the
    levels above block diagonal. Write A_kl for the products of level k with its
    ancestor level l once the levels below k are eliminated, C_k for those with [X y],
    and W_k = Lambda (I + Lambda'A_kk Lambda)^-1 Lambda' = N'N. Upwards, for l, h > k,

        A_lh -= up(A_kl' W_k A_kh),  C_l -= up(A_kl' W_k C_k),  S -= sum C_k' W_k C_k.

    Downwards, with c = C_k - sum_l A_kl b_l and b_k = W_k c, F_k = c - A_kk b_k, and
    the ancestors' posterior covariance Omega gives
    P_gg = D A_kk - (D A_k.) Omega (D A_k.)' with D = I - A_kk W_k. Cost O(levels).
    The curvature is the average information.
    """

    name = "nested"
    exact = False

    @classmethod
    def bid(cls, sizes):
        """Bid for a chain of factors."""
        if len(sizes.groups) < 2 or not sizes.nested:
            return None
        return Bid(block_flops(sizes), CHAIN_COPIES * block_bytes(sizes))

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.chain = nested_chain(A)
        self.depth = len(self.chain)
        self.n_levels = [A.factors[j].n_levels for j in self.chain]
        self.products, self.ancestor = {}, {}
        position = {j: level for level, j in enumerate(self.chain)}
        for level, j in enumerate(self.chain):
            self.products[level, level] = A.ZtZ[j]
        for pair in A.pairs:
            levels = position[pair.first], position[pair.second]
            self.products[levels] = np.ascontiguousarray(pair.data.transpose(1, 2, 0))
            self.ancestor[levels] = pair.indices

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.keep_columns(A)
        self.ZtXy = [A.ZtXy[j] for j in self.chain]

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        return NestedFactored(self, Lambdas)


class NestedFactored(SettledFactorisation):
    """V of a chain of factors at some Lambdas; see :class:`NestedElimination`.

    Parameters
    ----------
    elimination : NestedElimination
    Lambdas : list of ndarray of shape (k_j, k_j)
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        self.elimination = elimination
        self.chain, self.depth = elimination.chain, elimination.depth
        self.n_levels, self.ancestor = elimination.n_levels, elimination.ancestor
        self.products = elimination.products
        self.reduced = {key: block.copy() for key, block in self.products.items()}
        self.right = [block.copy() for block in elimination.ZtXy]
        self.N, self.logdet_V = [], 0.0
        self.subtracted_S = elimination.gram.copy()
        for level in range(self.depth):
            Lambda = Lambdas[self.chain[level]]
            N, own_logdet = relative_root(self.reduced[level, level], Lambda)
            self.N.append(N)
            self.logdet_V += own_logdet
            Y = multiply(N, self.right[level])
            self.subtracted_S -= sum(rows @ rows.T for rows in Y)
            self.eliminate(level, Y)

    def eliminate(self, level, Y):
        """Subtract a level from the levels above it."""
        above = range(level + 1, self.depth)
        Q = {up: multiply(self.N[level], self.reduced[level, up]) for up in above}
        for up in above:
            ancestor, n_levels = self.ancestor[level, up], self.n_levels[up]
            self.right[up] -= sum_to_parents(
                multiply(Q[up], Y, transpose_A=True), ancestor, n_levels
            )
            for far in range(up, self.depth):
                self.reduced[up, far] -= sum_to_parents(
                    multiply(Q[up], Q[far], transpose_A=True), ancestor, n_levels
                )

    @cached_property
    def subtracted_F(self):
        """Z'V^-1[X y]."""
        return self.in_factor_order(self.descend(self.right)[0])

    def descend(self, right):
        """F and b from the root down, given the right sides of the way up."""
        F, b = [None] * self.depth, [None] * self.depth
        for level in reversed(range(self.depth)):
            c = right[level].copy()
            for up in range(level + 1, self.depth):
                inherited = pick(b[up], self.ancestor[level, up])
                c -= multiply(self.reduced[level, up], inherited)
            N = self.N[level]
            b[level] = multiply(N, multiply(N, c), transpose_A=True)
            F[level] = c - multiply(self.reduced[level, level], b[level])
        return F, b

    def in_factor_order(self, by_level):
        """Reorder a list from levels of the chain to factors."""
        ordered = [None] * self.depth
        for level, j in enumerate(self.chain):
            ordered[j] = by_level[level]
        return ordered

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor."""
        P = [None] * self.depth
        for level, far, N_far, Omega in self.from_root():
            A, N = self.reduced[level, level], self.N[level]
            AN = multiply(A, N.transpose(1, 0, 2))
            P[level] = A - multiply(AN, AN.transpose(1, 0, 2))
            if far is not None:
                D_far = far - multiply(AN, N_far)
                spread = multiply(D_far, Omega)
                P[level] -= multiply(spread, D_far.transpose(1, 0, 2))
        return self.in_factor_order(P)

    def from_root(self, wanted=0):
        """Go down the chain with the ancestors' posterior covariance.

        Parameters
        ----------
        wanted : int, default=0
            Level to end with.

        Yields
        ------
        level : int
        far : ndarray of shape (k, K, G) or None
            Products with all K effects of the ancestors; None at the root, as are:
        N_far : ndarray of shape (k, K, G) or None
            ``N far``.
        Omega : ndarray of shape (K, K, G) or None
            Covariance of the ancestors' effects, brought to the level's groups.
        """
        joint = None
        for level in reversed(range(wanted, self.depth)):
            N, far, N_far, Omega, W_far = self.N[level], None, None, None, None
            if joint is not None:
                above = range(level + 1, self.depth)
                Omega = pick(joint, self.ancestor[level, level + 1])
                far = np.concatenate([self.reduced[level, up] for up in above], axis=1)
                N_far = multiply(N, far)
            yield level, far, N_far, Omega
            if level > wanted:
                if far is not None:
                    W_far = multiply(N, N_far, transpose_A=True)
                joint = self.extend(Omega, N, W_far)

    @staticmethod
    def extend(Omega, N, W_far):
        """Joint posterior covariance of a level's effects and its ancestors'."""
        own = multiply(N, N, transpose_A=True)
        if W_far is None:
            return own
        cross = -multiply(W_far, Omega)
        own = own - multiply(cross, W_far.transpose(1, 0, 2))
        k, total, G = cross.shape
        joint = np.empty((k + total, k + total, G))
        joint[:k, :k], joint[:k, k:] = own, cross
        joint[k:, :k], joint[k:, k:] = cross.transpose(1, 0, 2), Omega
        return joint

    def known_between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, between levels of two factors.

        Parameters
        ----------
        j, h : int
            Factors.
        levels_j, levels_h : ndarray of int of shape (n,)

        Returns
        -------
        ndarray of shape (k_j, k_h, n)
            NaN where one level does not lie within the other.
        """
        lower, upper = self.chain.index(j), self.chain.index(h)
        if lower > upper:
            return self.known_between(h, j, levels_h, levels_j).transpose(1, 0, 2)
        start = sum(len(self.N[level]) for level in range(lower + 1, upper))
        columns = slice(start, start + len(self.N[upper]))
        found = self.with_ancestors(lower)[:, columns, levels_j]
        found[:, :, self.ancestor[lower, upper][levels_j] != levels_h] = np.nan
        return found

    def with_ancestors(self, wanted):
        """Relative covariances of a level's effects with those of its ancestors.

        Parameters
        ----------
        wanted : int
            Level of the chain, not the root.

        Returns
        -------
        ndarray of shape (k, sum of the ancestors' k, G)
        """
        *_, (_, _, N_far, Omega) = self.from_root(wanted)
        return -multiply(multiply(self.N[wanted], N_far, transpose_A=True), Omega)

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        C = [None] * self.depth
        for level, far, N_far, Omega in self.from_root():
            N = self.N[level]
            C[level] = multiply(N, N, transpose_A=True)
            if far is not None:
                W_far = multiply(N, N_far, transpose_A=True)
                spread = multiply(W_far, Omega)
                C[level] += multiply(spread, W_far.transpose(1, 0, 2))
        return self.in_factor_order(C)

    def times(self, directions):
        """Z'WZ times some directions."""
        U = [directions[j] for j in self.chain]
        return self.in_factor_order(
            [self.gram_rows(level, U) for level in range(self.depth)]
        )

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        return self.in_factor_order(self.descend(self.ascend(columns))[0])

    def modes(self, columns):
        """``(Z'WZ + Psi^-1)^-1 c`` of columns c that are given as Z'Wc."""
        return self.in_factor_order(self.descend(self.ascend(columns))[1])

    def ascend(self, columns):
        """Right sides of every level once the levels below it are eliminated."""
        right = [columns[j].copy() for j in self.chain]
        for level in range(self.depth):
            Y = multiply(self.N[level], right[level])
            for up in range(level + 1, self.depth):
                Q = multiply(self.N[level], self.reduced[level, up])
                right[up] -= sum_to_parents(
                    multiply(Q, Y, transpose_A=True),
                    self.ancestor[level, up],
                    self.n_levels[up],
                )
        return right

    def gram_rows(self, level, U):
        """Row block of Z'Z U for one level."""
        total = multiply(self.products[level, level], U[level])
        for up in range(level + 1, self.depth):
            inherited = pick(U[up], self.ancestor[level, up])
            total += multiply(self.products[level, up], inherited)
        for below in range(level):
            parts = multiply(self.products[below, level], U[below], transpose_A=True)
            total += sum_to_parents(
                parts, self.ancestor[below, level], self.n_levels[level]
            )
        return total

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels: all the average information needs."""
        (Pff,) = directional_sums(self.apply, [block[:, None] for block in f])
        return None, Pff, None
