"""Many responses, factors nested in a chain, one random effect each."""

from itertools import pairwise

import numpy as np

from skmixed.likelihood.batch.criterion import (
    Point,
    Sums,
    column_sums,
    column_weights,
    whitened_columns,
)

# Blocks of a factor and of one within it agree to this where the effects are the same.
SAME_EFFECT = 1e-9


class Chain:
    """Factors that lie within each other, finest first, all with the same one effect.

    Parameters
    ----------
    products : ManyProducts
    order : list of int
        The factors, finest first.

    Notes
    -----
    The levels of a factor are sorted by the level of the next one that they lie in, so
    that sums over them are sums of neighbours. With factors up to j in V_j,

        S_j = 1'V_(j-1)^-1 1,  D_j = 1 / (1 + psi_j S_j),  T_j = psi_j D_j

    for the rows of a level, and D_j takes any Z_a'V_(j-1)^-1 1 to Z_a'V_j^-1 1. All
    sums over pairs of levels follow from such recursions: there is no matrix.
    """

    def __init__(self, products, order):
        self.order, self.p = order, products.A.n_fixed
        self.Xty, self.yty, self.gram = products.Xty, products.yty, products.gram
        self.starts, self.parents, sort = sort_levels(products.A, order)
        finest = order[0]
        n = products.ZtZ[finest][:, 0, 0]
        self.n = np.ascontiguousarray(n[:, sort])
        self.CX = np.ascontiguousarray(products.ZtX[finest][:, 0][:, :, sort])
        self.Cy = np.ascontiguousarray(products.Zty[finest][:, 0][:, sort])
        self.shared = products.shared
        if self.shared:
            C = self.CX[0]
            self.outer = np.einsum("ag,bg->gab", C, C).reshape(C.shape[1], -1)

    @property
    def doubles(self):
        """Numbers of work space per response."""
        return self.n.shape[1] * (5 * self.p + 20) * 2

    def up(self, values, j):
        """Sums over the levels within each level of factor j + 1 of the chain."""
        return np.add.reduceat(values, self.starts[j], axis=-1)

    def down(self, values, j):
        """Values of the levels of factor j + 1 for each level within them."""
        return values[..., self.parents[j]]

    def factor(self, Lambdas, rows):
        """Eliminate all factors, from the finest up.

        Parameters
        ----------
        Lambdas : list of ndarray of shape (r, 1, 1)
        rows : ndarray of int of shape (r,)

        Returns
        -------
        Point
        """
        r, p, own = len(rows), self.p, slice(None) if self.shared else rows
        psi = [Lambdas[j][:, 0] ** 2 for j in self.order]
        S = np.empty((r, p + 1, p + 1))
        S[:, :p, :p], S[:, p, p] = self.gram[own], self.yty[rows]
        S[:, p, :p] = self.Xty[rows]
        left, logdet, stages = self.n[own], 0.0, []
        for j, psi_j in enumerate(psi):
            D = 1.0 / (1.0 + psi_j * left)
            T = psi_j * D
            if j == 0:
                c = self.first_columns(S, T, rows, own)
            else:
                S -= (c * T[:, None]) @ c.swapaxes(1, 2)
            logdet = logdet - np.log(D).sum(axis=1)
            stages.append((left, D, T, c))
            if j + 1 < len(psi):
                left, c = self.up(D * left, j), self.up(D[:, None] * c, j)
        S[:, :p, p] = S[:, p, :p]
        return Point(logdet, S, {"stages": stages, "psi": psi})

    def first_columns(self, S, T, rows, own):
        """Z'W[X y] of the finest factor; takes what it explains off S."""
        p, Cy = self.p, self.Cy[rows]
        c = np.empty((len(rows), p + 1, Cy.shape[1]))
        c[:, :p], c[:, p] = self.CX[own], Cy
        if not self.shared:
            S -= (c * T[:, None]) @ c.swapaxes(1, 2)
            return c
        S[:, :p, :p] -= (T @ self.outer).reshape(len(T), p, p)
        S[:, p, :p] -= (T * Cy) @ self.CX[0].T
        S[:, p, p] -= (T * Cy**2).sum(axis=1)
        return c

    def sums(self, point, beta, RXi, ratio, reml):
        """Sums over groups for the derivatives.

        Parameters
        ----------
        point : Point
        beta : ndarray of shape (r, p)
        RXi : ndarray of shape (r, p, p)
        ratio : ndarray of shape (r,)
        reml : bool

        Returns
        -------
        Sums
        """
        stages, n = point.rest["stages"], len(self.order)
        Q = [
            whitened_columns(F[:, None], beta, RXi)
            for F in self.all_columns(stages, point.rest["psi"])
        ]
        weights = np.sqrt(column_weights(ratio, self.p, reml))
        if not reml:
            weights = weights[:, :1]
        scaled = [q[:, 0, : weights.shape[1]] * weights[:, :, None] for q in Q]
        traces, squares = self.pair_squares(stages)
        forms = self.quadratic_forms(stages, scaled)
        pairs = {}
        for a in range(n):
            for b in range(a, n):
                K = (2.0 * forms[a, b] - squares[a, b])[:, None, None]
                pairs[self.order[a], self.order[b]] = K
        back = np.argsort(self.order)
        return Sums(
            [traces[a][:, None, None] for a in back],
            [column_sums(Q[a]) for a in back],
            pairs,
        )

    def all_columns(self, stages, psi):
        """F = Z_j'V^-1[X y] of every factor of the chain, from the coarsest down."""
        found, modes = [], 0.0
        for j in range(len(stages) - 1, -1, -1):
            left, D, _, c = stages[j]
            F = D[:, None] * (c - left[:, None] * modes)
            found.append(F)
            if j:
                modes = self.down(modes + psi[j][:, None] * F, j - 1)
        return found[::-1]

    def pair_squares(self, stages):
        """``sum_g P_gg`` of factors and ``sum_gh P_gh^2`` of every two of them."""
        n = len(stages)
        squares, thirds, lengths, traces = {}, {}, {}, {}
        for j, (left, D, T, _) in enumerate(stages):
            if j:
                for table in (squares, thirds, lengths, traces):
                    for key in table:
                        table[key] = self.up(table[key], j - 1)
            for a, b in squares:
                both = T * lengths[a] * lengths[b]
                squares[a, b] += T * (both - 2.0 * thirds[a, b])
                thirds[a, b] = D**2 * (thirds[a, b] - both)
            own = D * left
            for a in range(j):
                traces[a] -= T * lengths[a]
                lengths[a] = D**2 * lengths[a]
                squares[a, j], thirds[a, j] = lengths[a].copy(), lengths[a] * own
            lengths[j], traces[j] = own**2, own
            squares[j, j], thirds[j, j] = own**2, own**3
        return (
            [traces[a].sum(axis=1) for a in range(n)],
            {key: table.sum(axis=1) for key, table in squares.items()},
        )

    def quadratic_forms(self, stages, Q):
        """``sum_gh q_g P_gh q_h`` of every two factors, summed over the columns q."""
        forms, carried = {}, []
        for j, (left, D, T, _) in enumerate(stages):
            carried = [self.up(u, j - 1) for u in carried]
            for a in range(j):
                for b in range(a, j):
                    forms[a, b] -= dot(carried[a] * T[:, None], carried[b])
            carried = [D[:, None] * u for u in carried]
            carried.append((D * left)[:, None] * Q[j])
            for a in range(j + 1):
                forms[a, j] = dot(carried[a], Q[j])
        return forms


def dot(one, other):
    """Sum of the products of all entries of each response."""
    return np.einsum("rcg,rcg->r", one, other)


def chain_of(A):
    """Factors in the order of a chain, finest first, or None where they are none.

    Parameters
    ----------
    A : CrossProducts
        In a scale-free basis.

    Returns
    -------
    list of int or None
    """
    if any(factor.n_effects > 1 for factor in A.factors):
        return None
    order = sorted(range(len(A.factors)), key=lambda j: -A.factors[j].n_levels)
    for finer, coarser in pairwise(order):
        pair = pair_of(A, finer, coarser)
        if not pair.nested or pair.first != finer:
            return None
        own = A.ZtZ[finer][0, 0]
        if np.abs(pair.data[:, 0, 0] - own).max() > SAME_EFFECT * own.max():
            return None
    return order


def pair_of(A, one, other):
    """Products of two factors."""
    return next(p for p in A.pairs if {p.first, p.second} == {one, other})


def sort_levels(A, order):
    """Sort the levels of a chain so that those of one parent are neighbours.

    Parameters
    ----------
    A : CrossProducts
    order : list of int

    Returns
    -------
    starts, parents : list of ndarray of int
        For every factor but the coarsest: where each parent's levels start, and the
        parent of each level, in the sorted order.
    sort : ndarray of int
        Levels of the finest factor in the sorted order.
    """
    sort = np.arange(A.factors[order[-1]].n_levels)
    starts, parents = [], []
    for finer, coarser in zip(order[-2::-1], order[:0:-1], strict=True):
        place = np.empty(len(sort), dtype=np.int64)
        place[sort] = np.arange(len(sort))
        parent = place[pair_of(A, finer, coarser).indices]
        sort = np.argsort(parent, kind="stable")
        parents.append(parent[sort])
        starts.append(np.searchsorted(parents[-1], np.arange(len(place))))
    return starts[::-1], parents[::-1], sort
