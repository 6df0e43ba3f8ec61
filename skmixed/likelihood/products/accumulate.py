"""Cross-products of chunks of rows, added up while their groups grow in number."""

from dataclasses import replace
from itertools import product

import numpy as np

from skmixed.likelihood.linalg.group_sums import GroupSums
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.columns import FramedRows
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.pairs import sum_blocks
from skmixed.likelihood.products.plan import RowPlan, mixed_as, needed_products
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import GroupedRows, without_offset

# Pairs of levels that wait until they are summed; then twice those that are known.
WAITING = 8_000_000


class GrowingProducts:
    """Adds the cross-products of chunks, each of which knows some of the groups.

    Groups are numbered in the order in which chunks bring them; :meth:`total` puts
    them into any other.

    Parameters
    ----------
    basis : Basis
        That all chunks share.
    names : sequence of str of length p
        Of the fixed-effects columns.

    See Also
    --------
    skmixed.likelihood.products.settle.settle : What the total becomes before a fit.

    Notes
    -----
    Rows go straight into the sums of all groups, in the one pass of `RowPlan`. What is
    held grows with the groups, not with the rows.
    """

    def __init__(self, basis, names):
        self.basis, self.names = basis, names
        self.rows: GroupedRows | None = None
        self.places: tuple[list, ...] = ()
        self.gram = np.zeros((len(names) + 1, len(names) + 1))
        self.n_obs, self.sum_log_weights = 0, 0.0
        self.sums: list[GroupSums] = []
        self.pairs: dict[tuple, WaitingPairs] = {}

    @property
    def n_fixed(self):
        """Number of fixed-effects columns."""
        return len(self.names)

    @property
    def factors(self):
        """Grouping factors, with the levels of the first chunk."""
        return () if self.rows is None else self.rows.factors

    def add(self, design, numbers):
        """Add a chunk.

        Parameters
        ----------
        design : Design
            Of the chunk's rows.
        numbers : dict of str to ndarray of int of shape (G_j,), or range
            For every factor, the number of each of the chunk's groups among all; a
            range where the chunk knows all.
        """
        residual, y = residual_of(design), without_offset(design)
        with blas_threads():
            plan = RowPlan.of(design, self.names)
            columns = FramedRows.of(plan.distinct, self.basis.unmixed())
            if self.rows is None:
                self.start(plan.rows, columns.places)
            numbers = [numbers[factor.group] for factor in plan.rows.factors]
            for own, codes, number in zip(
                self.sums, plan.rows.codes, numbers, strict=True
            ):
                extend(own, number, codes)
            by_pair = pair_sums(plan, columns.places)
            m = len(self.gram)
            for filled, weighted in plan.sweep(
                residual, y, columns, [*self.sums, *by_pair]
            ):
                self.gram += weighted[:m] @ filled[:m].T
            for own in self.sums:
                own.codes = None
        self.n_obs += len(y)
        self.sum_log_weights += residual.logdet
        for pair in plan.pair_blocks(by_pair, columns.places):
            self.pairs[ordered(pair)].add_pair(pair, numbers)

    def start(self, rows, places):
        """Lay out the sums as the first chunk's rows are."""
        self.rows, self.places = rows, places
        m, numbers = len(self.gram), range(len(places))
        none = np.zeros(0, dtype=np.int32)
        self.sums = [
            GroupSums(none, 0, needed_products(own, m, (), places)) for own in places
        ]
        self.pairs = {(i, j): WaitingPairs() for j in numbers for i in range(j)}

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
        assert self.rows is not None
        m, ZtZ, ZtXy = len(self.gram), [], []
        for sums, own, rank in zip(self.sums, self.places, ranks, strict=True):
            order = np.empty(len(rank), dtype=np.intp)
            order[rank] = np.arange(len(rank))
            held = sums.chosen(order)
            ZtZ.append(held.block(own, own))
            ZtXy.append(held.block(own, range(m)))
        n_levels = [len(rank) for rank in ranks]
        factors = zip(self.rows.factors, n_levels, strict=True)
        A = CrossProducts(
            basis=self.basis.unmixed(),
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
            terms=self.rows.terms,
        )
        return mixed_as(A, self.basis)


def extend(sums, numbers, codes):
    """Have sums take rows of a chunk, with room for its groups and more to come."""
    known, have = isinstance(numbers, range), sums.n_groups
    n = len(numbers) if known else int(numbers.max(initial=-1)) + 1
    if n > have:
        sums.grow(n if known else max(n, int(1.5 * have)))
    sums.codes = codes if known else numbers.astype(np.int32)[codes]


def pair_sums(plan, places):
    """Sums of a chunk's rows by the pairs of levels that meet there, a list."""
    sums = []
    for (i, j), met in plan.meetings.items():
        codes, n = met.codes, len(met.indices)
        if codes is None:
            codes, n = plan.rows.codes[i], plan.rows.factors[i].n_levels
        sums.append(GroupSums(codes, n, product(places[i], places[j])))
    return sums


def ordered(pair):
    """The factors of a pair in ascending order."""
    return min(pair.first, pair.second), max(pair.first, pair.second)


class WaitingPairs:
    """Blocks of two factors' levels that meet, summed now and then."""

    def __init__(self):
        self.parts: list[tuple] = []
        self.known = self.waiting = 0

    def add_pair(self, pair, numbers):
        """Add the blocks of a pair, with new numbers for every factor's levels."""
        codes = numbers[pair.first][pair.rows], numbers[pair.second][pair.indices]
        data = pair.data
        if pair.first > pair.second:
            codes, data = codes[::-1], data.transpose(0, 2, 1)
        self.add(*codes, data)

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
    pairs = []
    for pair in A.pairs:
        waiting, factors = WaitingPairs(), ordered(pair)
        waiting.add_pair(pair, places)
        pairs.append(oriented(waiting.summed(factors, None, n_levels)))
    factors = zip(A.factors, n_levels, strict=True)
    return replace(
        A,
        factors=tuple(replace(f, n_levels=n) for f, n in factors),
        ZtZ=tuple(map(placed, A.ZtZ, places, n_levels)),
        ZtXy=tuple(map(placed, A.ZtXy, places, n_levels)),
        pairs=tuple(pairs),
    )


def placed(blocks, places, n):
    """Blocks of groups, the last axis, at their places among n; zeros elsewhere."""
    out = np.zeros((*blocks.shape[:-1], n))
    out[..., places] = blocks
    return out
