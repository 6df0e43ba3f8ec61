"""Cross-products of chunks of rows, added up while their groups grow in number."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.pairs import sum_blocks

# Pairs of levels that wait until they are summed; then twice those that are known.
WAITING = 8_000_000


class GrowingProducts:
    """Adds the cross-products of chunks, each of which knows some of the groups.

    Groups are numbered in the order in which chunks bring them; :meth:`total` puts
    them into any other.

    See Also
    --------
    skmixed.likelihood.products.settle.settle : What the total becomes before a fit.

    Notes
    -----
    A chunk's own cross-products come from the same pass as those of a whole table
    (`RowPlan`), in a basis that all chunks share. What is added here grows with the
    groups, not with the rows.
    """

    def __init__(self):
        self.first: CrossProducts | None = None
        self.gram = np.zeros((1, 1))
        self.n_obs, self.sum_log_weights = 0, 0.0
        self.sums: list[np.ndarray] = []
        self.pairs: dict[tuple, WaitingPairs] = {}

    def add(self, A, places):
        """Add a chunk.

        Parameters
        ----------
        A : CrossProducts
            Of the chunk's rows, in the basis of all.
        places : sequence of ndarray of int of shape (G_j,)
            For every factor, the number of each of the chunk's groups among all.
        """
        if self.first is None:
            self.first = A
            widths = [f.n_effects * (f.n_effects + len(A.gram)) for f in A.factors]
            self.sums = [np.zeros((0, width)) for width in widths]
            numbers = range(len(A.factors))
            self.pairs = {pair: WaitingPairs() for pair in combinations(numbers, 2)}
        self.gram = self.gram + A.gram
        self.n_obs += A.n_obs
        self.sum_log_weights += A.sum_log_weights
        for j, own in enumerate(places):
            self.sums[j] = grown(self.sums[j], int(own.max(initial=-1)) + 1)
            self.sums[j][own] += side_by_side(A.ZtZ[j], A.ZtXy[j])
        for pair in A.pairs:
            codes = places[pair.first][pair.rows], places[pair.second][pair.indices]
            data = pair.data
            if pair.first > pair.second:
                codes, data = codes[::-1], data.transpose(0, 2, 1)
            key = tuple(sorted((pair.first, pair.second)))
            self.pairs[key].add(*codes, data)

    def total(self, ranks):
        """Cross-products of all chunks.

        Parameters
        ----------
        ranks : sequence of ndarray of int of shape (G_j,)
            The final number of every group of every factor.

        Returns
        -------
        CrossProducts
            In the basis of the chunks.
        """
        assert self.first is not None
        A, m = self.first, len(self.gram)
        ZtZ, ZtXy = [], []
        for factor, sums, rank in zip(A.factors, self.sums, ranks, strict=True):
            order = np.empty(len(rank), dtype=np.intp)
            order[rank] = np.arange(len(rank))
            k, blocks = factor.n_effects, np.ascontiguousarray(sums[order].T)
            ZtZ.append(blocks[: k * k].reshape(k, k, -1))
            ZtXy.append(blocks[k * k :].reshape(k, m, -1))
        n_levels = [len(rank) for rank in ranks]
        factors = zip(A.factors, n_levels, strict=True)
        return CrossProducts(
            basis=A.basis,
            factors=tuple(replace(f, n_levels=n) for f, n in factors),
            gram=self.gram.copy(),
            ZtZ=tuple(ZtZ),
            ZtXy=tuple(ZtXy),
            pairs=tuple(
                oriented(waiting.summed(pair, ranks, n_levels))
                for pair, waiting in self.pairs.items()
            ),
            n_obs=self.n_obs,
            sum_log_weights=self.sum_log_weights,
            terms=A.terms,
        )


class WaitingPairs:
    """Blocks of two factors' levels that meet, summed now and then."""

    def __init__(self):
        self.parts: list[tuple] = []
        self.known = self.waiting = 0

    def add(self, first, second, data):
        """Add blocks of shape (n, k_i, k_j) of the levels given."""
        index = first.astype(np.int32), second.astype(np.int32)
        self.parts.append((*index, data))
        self.waiting += len(first)
        if self.waiting > max(WAITING, 2 * self.known):
            one, other, _ = self.joined()
            sizes = int(one.max()) + 1, int(other.max()) + 1
            pair = self.summed((0, 1), None, sizes)
            self.parts = [(pair.rows, pair.indices, pair.data)]
            self.known, self.waiting = len(pair.indices), 0

    def joined(self):
        """All parts in one, a tuple of three arrays."""
        return tuple(np.concatenate(part) for part in zip(*self.parts, strict=True))

    def summed(self, factors, ranks, n_levels):
        """Sum the blocks of every pair.

        Parameters
        ----------
        factors : tuple (i, j)
        ranks : sequence of ndarray of int, or None
            New numbers of every factor's levels.
        n_levels : sequence of int
            Of every factor.

        Returns
        -------
        PairBlocks
        """
        first, second, data = self.joined()
        if ranks is not None:
            first, second = ranks[factors[0]][first], ranks[factors[1]][second]
        sizes = zip((n_levels[f] for f in factors), data.shape[1:], strict=True)
        return sum_blocks(
            factors,
            (first, second),
            lambda a, b: np.ascontiguousarray(data[:, a, b]),
            tuple(sizes),
        )


def oriented(pair):
    """Blocks with the factor first that has more levels, as :class:`RowPlan` has them.

    Of two factors with the same partition the later lies within the earlier.
    """
    n_first = len(pair.indptr) - 1
    same = n_first == pair.n_second == len(pair.indices)
    return pair.transposed() if n_first < pair.n_second or same else pair


def grown(sums, n):
    """Sums with room for n groups and more to come."""
    have, width = sums.shape
    if n <= have:
        return sums
    more = np.zeros((max(n, int(1.5 * have)), width))
    more[:have] = sums
    return more


def side_by_side(ZtZ, ZtXy):
    """Blocks of every group in a row, of shape (G, k k + k m)."""
    n_groups = ZtZ.shape[-1]
    blocks = [ZtZ.reshape(-1, n_groups).T, ZtXy.reshape(-1, n_groups).T]
    return np.hstack(blocks)


def recoded(A, places, n_levels):
    """Cross-products whose groups have other numbers among more.

    Parameters
    ----------
    A : CrossProducts
    places : sequence of ndarray of int of shape (G_j,)
        For every factor, the new number of every group.
    n_levels : sequence of int

    Returns
    -------
    CrossProducts
    """
    growing = GrowingProducts()
    growing.add(A, places)
    for j, n in enumerate(n_levels):
        growing.sums[j] = grown(growing.sums[j], n)
    return growing.total([np.arange(n) for n in n_levels])
