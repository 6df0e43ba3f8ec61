"""The order in which a sparse design's effects are eliminated, found once.

Effects that have no entry in common are eliminated together, as a wave; what is left
when it has become too full is the core. Nothing here depends on theta.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skmixed.likelihood.elimination.sizes import PAIR_FLOPS

# Density from which the rest is factored densely, and the size below which it is.
FULL, SMALL = 0.3, 300
# Pairs of neighbours that all waves may list.
PAIR_BUDGET = 60_000_000
# Pairs in the core that one wave lists at the most before it multiplies densely.
LISTED = 1_000_000


@dataclass(frozen=True, eq=False)
class Wave:
    """Effects with the same number d of neighbours, eliminated together.

    Parameters
    ----------
    own : ndarray of int of shape (n,)
        The effects.
    neighbours : ndarray of int of shape (n, d)
        Effects that each has an entry with, all of them eliminated later.
    slots : ndarray of int of shape (n, d)
        Places of those entries.
    one, other : ndarray of int of shape (n_pairs,)
        The pairs of neighbours that are listed.
    positions : ndarray of int of shape (n, n_pairs)
        Places of the entries that the listed pairs add to.
    core : ndarray of int of shape (n, d_core)
        Of the last neighbours, places in the core, where pairs of two of them are not
        listed but multiplied as dense matrices.
    """

    own: np.ndarray
    neighbours: np.ndarray
    slots: np.ndarray
    one: np.ndarray
    other: np.ndarray
    positions: np.ndarray
    core: np.ndarray

    @property
    def n_listed(self):
        """How many neighbours have all their pairs listed."""
        return self.neighbours.shape[1] - self.core.shape[1]

    @property
    def square(self):
        """Number of the listed pair of any two neighbours, of shape (d, d)."""
        d = self.neighbours.shape[1]
        numbers = np.full((d, d), -1)
        numbers[self.one, self.other] = np.arange(len(self.one))
        numbers[self.other, self.one] = numbers[self.one, self.other]
        return numbers


class Plan:
    """Waves, the core, and where every entry of the factor is kept.

    Entries lie in one array: the diagonal of the effects (not used by those of the
    core), the entries of the waves, and the core as a square matrix of which the upper
    triangle counts, rows one after the other.

    Parameters
    ----------
    K : csr_array of shape (N, N)
        With an entry wherever Z'Z has one.
    first : list of ndarray of int
        The effects of the first waves, each mutually independent.
    """

    def __init__(self, K, first):
        self.n = K.shape[0]
        raw, self.core = choose_waves(pattern_of(K), list(first))
        self.turn = np.full(self.n, len(raw))
        self.in_core = np.full(self.n, -1)
        self.in_core[self.core] = np.arange(len(self.core))
        none = np.zeros(0, int)
        for turn, (own, _, _) in enumerate(raw):
            self.turn[own] = turn
        owners = [np.repeat(own, np.diff(indptr)) for own, indptr, _ in raw]
        rows = np.concatenate([none, *owners])
        columns = np.concatenate([none, *(neighbours for _, _, neighbours in raw)])
        self.first_core = self.n + len(rows)
        self.size = self.first_core + len(self.core) ** 2
        self.index = np.int32 if self.size < 2**31 else np.int64
        numbers = np.arange(1, len(rows) + 1)
        self.entries = sparse.csr_array((numbers, (rows, columns)), shape=K.shape)
        self.entries.sort_indices()
        self.waves, start = [], self.n
        for wave in raw:
            self.waves += self.of_one_degree(start, *wave)
            start += len(wave[2])

    @property
    def n_pairs(self):
        """Pairs of neighbours that are listed."""
        return sum(wave.positions.size for wave in self.waves)

    @property
    def flops(self):
        """Multiplications of a factorisation, as products of matrices do them."""
        core = float(len(self.core))
        dense = sum(len(wave.own) for wave in self.waves if wave.core.size)
        return core**3 + dense * core**2 + PAIR_FLOPS * self.n_pairs

    @property
    def bytes(self):
        """What a factorisation with its inverse takes, and the lists of pairs."""
        entries, core = self.first_core, float(len(self.core))
        return int(8 * (3 * entries + 2.5 * core**2) + 4 * self.n_pairs)

    def of_one_degree(self, start, own, indptr, neighbours):
        """Yield the waves of one turn, by the number of neighbours.

        Parameters
        ----------
        start : int
            Place of the first entry.
        own, indptr, neighbours : ndarray of int
            Of :func:`choose_waves`.

        Yields
        ------
        Wave
        """
        counts = np.diff(indptr)
        inside = self.in_core[neighbours] >= 0
        ends = np.append(0, np.cumsum(inside))
        in_core = ends[indptr[1:]] - ends[indptr[:-1]]
        squares = float(in_core.astype(float) @ in_core) / 2
        dense = len(own) * float(len(self.core)) ** 2
        if squares < LISTED or squares * PAIR_FLOPS < dense:
            in_core = np.zeros_like(in_core)
        kinds = counts * (self.n + 1) + in_core
        for kind in np.unique(kinds):
            which = np.flatnonzero(kinds == kind)
            degree, n_core = int(counts[which[0]]), int(in_core[which[0]])
            take = indptr[which][:, None] + np.arange(degree)
            if n_core:  # those of the core last
                order = np.argsort(inside[take], axis=1, kind="stable")
                take = np.take_along_axis(take, order, 1)
            met = neighbours[take]
            one, other = np.triu_indices(degree)
            listed = one < degree - n_core
            one, other = one[listed], other[listed]
            yield Wave(
                own=own[which],
                neighbours=met.astype(self.index),
                slots=(start + take).astype(self.index),
                one=one,
                other=other,
                positions=self.find(met[:, one], met[:, other]).astype(self.index),
                core=self.in_core[met[:, degree - n_core :]],
            )

    def find(self, a, b):
        """Places of the entries of pairs of effects.

        Parameters
        ----------
        a, b : ndarray of int of one shape

        Returns
        -------
        ndarray of int of the same shape
            -1 where the factor has no such entry.
        """
        later = self.turn[a] > self.turn[b]
        one, other = np.where(later, b, a), np.where(later, a, b)
        place = one.copy()  # of the diagonal
        i, j, m = self.in_core[one], self.in_core[other], len(self.core)
        both = i >= 0
        i, j = i[both], j[both]
        place[both] = self.first_core + np.minimum(i, j) * m + np.maximum(i, j)
        both = ~both & (one != other)
        if both.any():
            numbers = np.asarray(self.entries[one[both], other[both]]).ravel()
            place[both] = np.where(numbers > 0, self.n - 1 + numbers, -1)
        return place


def pattern_of(K):
    """Entries of a matrix off its diagonal, as ones in single precision."""
    ones = np.ones(K.nnz, dtype=np.float32)
    pattern = sparse.csr_array((ones, K.indices, K.indptr), shape=K.shape, copy=True)
    return off_diagonal(pattern)


def off_diagonal(pattern):
    """Leave out the diagonal, and make all entries one."""
    pattern.setdiag(0)
    pattern.eliminate_zeros()
    pattern.data[:] = 1
    pattern.sort_indices()
    return pattern


def count_pairs(indptr):
    """Pairs of neighbours of the effects of one turn."""
    degree = np.diff(indptr).astype(float)
    return float(degree @ (degree + 1)) / 2


def choose_waves(pattern, first):
    """Eliminate effects from a pattern, turn by turn.

    Parameters
    ----------
    pattern : csr_array of shape (N, N)
        Of ones off the diagonal.
    first : list of ndarray of int
        The effects of the first turns.

    Returns
    -------
    turns : list of tuple (own, indptr, neighbours)
        Effects of a turn, and compressed rows of those that each has an entry with.
    core : ndarray of int
        Effects that are left.
    """
    alive = np.arange(pattern.shape[0])
    turns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    rng, listed = np.random.default_rng(0), 0.0
    while True:
        if first:
            chosen = np.searchsorted(alive, first.pop(0))
        else:
            chosen = next_wave(pattern, rng, PAIR_BUDGET - listed)
            if chosen is None:
                return turns, alive
        rows = pattern[chosen]
        listed += count_pairs(rows.indptr)
        turns.append((alive[chosen], rows.indptr, alive[rows.indices]))
        rest = np.ones(len(alive), dtype=bool)
        rest[chosen] = False
        rest = np.flatnonzero(rest)
        rows = rows[:, rest]
        pattern = off_diagonal((pattern[rest][:, rest] + rows.T @ rows).tocsr())
        alive = alive[rest]


def next_wave(pattern, rng, budget):
    """Choose the effects of the next turn, or None where the rest is better dense.

    Parameters
    ----------
    pattern : csr_array of shape (m, m)
    rng : Generator
    budget : float
        Pairs that may still be listed.

    Returns
    -------
    ndarray of int or None
    """
    m = pattern.shape[0]
    if m <= SMALL or pattern.nnz > FULL * float(m) ** 2:
        return None
    chosen = independent(pattern, rng)
    degree = np.diff(pattern.indptr)[chosen].astype(float)
    pairs = float(degree @ degree)
    if pairs * PAIR_FLOPS > len(chosen) * float(m) ** 2 or pairs > budget:
        return None
    return chosen


def independent(pattern, rng):
    """Effects of low degree, none of which is a neighbour of another.

    Parameters
    ----------
    pattern : csr_array of shape (m, m)
    rng : Generator
        Settles ties.

    Returns
    -------
    ndarray of int
    """
    degree = np.diff(pattern.indptr)
    low = degree <= max(np.quantile(degree, 0.25), degree.min(), 2)
    priority = np.where(low, degree + rng.random(len(degree)), np.inf)
    least = np.full(len(degree), np.inf)
    rows = np.repeat(np.arange(len(degree)), degree)
    np.minimum.at(least, rows, priority[pattern.indices])
    return np.flatnonzero(low & (priority < least))
