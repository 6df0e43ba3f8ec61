"""Cross-products of two grouping factors, pair of levels by pair of levels."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import sparse

from skmixed.likelihood.linalg.group_sums import add_by_group, sort_by_levels


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """Z_i'W Z_j of two grouping factors, a block per pair of levels that meet.

    Parameters
    ----------
    first, second : int
        The factors; ``first`` is the one with more levels.
    indptr : ndarray of int of shape (G_i + 1,)
    indices : ndarray of int of shape (n_pairs,)
        Compressed rows: levels of ``second`` that each level of ``first`` meets.
    data : ndarray of shape (n_pairs, k_i, k_j)
    n_second : int
        Number of levels of ``second``.
    """

    first: int
    second: int
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    n_second: int

    @property
    def rows(self):
        """Level of the first factor for every pair, of shape (n_pairs,)."""
        counts = np.diff(self.indptr)
        return np.repeat(np.arange(len(counts), dtype=self.indices.dtype), counts)

    def transposed(self):
        """The same products with the factors' roles exchanged."""
        n_levels = (self.n_second, len(self.indptr) - 1)
        return sum_blocks(
            (self.second, self.first),
            (self.indices, self.rows),
            lambda a, b: self.data[:, b, a],
            tuple(zip(n_levels, self.data.shape[:0:-1], strict=True)),
        )

    @property
    def nested(self):
        """Whether every level of the first factor lies within one of the second."""
        return len(self.indices) == len(self.indptr) - 1

    def to_csr(self):
        """``Z_i'W Z_j`` as a sparse matrix, levels major and effects minor.

        Returns
        -------
        csr_array of shape (G_i k_i, G_j k_j)
        """
        _, k_i, k_j = self.data.shape
        if k_i == k_j == 1:
            parts = self.data.reshape(-1), self.indices, self.indptr
            return sparse.csr_array(parts, shape=(len(self.indptr) - 1, self.n_second))
        blocks = sparse.bsr_array(
            (self.data, self.indices, self.indptr),
            shape=((len(self.indptr) - 1) * k_i, self.n_second * k_j),
        )
        return blocks.tocsr()


@dataclass(frozen=True, eq=False)
class Meetings:
    """The pairs of levels of two factors that rows have.

    Parameters
    ----------
    indptr : ndarray of int of shape (G_i + 1,)
    indices : ndarray of int of shape (n_pairs,)
        As of :class:`PairBlocks`.
    codes : ndarray of int of shape (n,) or None
        Pair of every row; None where the first factor is nested in the second.
    n_second : int
    """

    indptr: np.ndarray
    indices: np.ndarray
    codes: np.ndarray | None
    n_second: int

    @classmethod
    def of(cls, codes, n_levels):
        """Find the pairs that occur.

        Parameters
        ----------
        codes : tuple of two ndarray of int of shape (n,)
        n_levels : tuple of two int

        Returns
        -------
        Meetings
        """
        n = len(codes[0])
        index = np.int32 if max(n, *n_levels) < 2**31 else np.int64
        codes = tuple(own.astype(index, copy=False) for own in codes)
        starts, second, order = sort_by_levels(codes, n_levels)
        first_of_pair = np.ones(n, dtype=bool)
        np.not_equal(second[1:], second[:-1], out=first_of_pair[1:])
        first_of_pair[starts[:-1][np.diff(starts) > 0]] = True
        seen = np.zeros(n + 1, dtype=index)
        np.cumsum(first_of_pair, dtype=index, out=seen[1:])
        pair = np.empty(n, dtype=index)
        pair[order] = seen[1:] - 1
        return cls(seen[starts], second[first_of_pair], pair, n_levels[1])

    @classmethod
    def nested(cls, parent, n_second):
        """Pairs of the levels that each lie within one of another factor.

        Parameters
        ----------
        parent : ndarray of int of shape (G_i,)
            -1 for levels without rows.
        n_second : int

        Returns
        -------
        Meetings
        """
        indptr = np.append(0, np.cumsum(parent >= 0)).astype(np.int32)
        return cls(indptr, parent[parent >= 0], None, n_second)

    def blocks(self, factors, sums):
        """Sums over the rows of every pair.

        Parameters
        ----------
        factors : tuple (i, j)
        sums : ndarray of shape (k_i, k_j, n_pairs)
            Where nested, of shape (k_i, k_j, G_i): those of levels with rows count.

        Returns
        -------
        PairBlocks
        """
        if self.codes is None:
            sums = sums[:, :, np.diff(self.indptr) > 0]
        data = np.ascontiguousarray(sums.transpose(2, 0, 1))
        return PairBlocks(
            factors[0], factors[1], self.indptr, self.indices, data, self.n_second
        )


def sum_blocks(factors, codes, entry, sizes):
    """Sum blocks by pair of levels.

    Parameters
    ----------
    factors : tuple (i, j)
    codes : tuple of two ndarray of int of shape (n,)
    entry : callable
        ``entry(a, b)`` gives entry (a, b) of every block, of shape (n,).
    sizes : tuple of two tuple (n_levels, n_effects)

    Returns
    -------
    PairBlocks
    """
    n_levels, (k_first, k_second) = zip(*sizes, strict=True)
    met = Meetings.of(codes, n_levels)
    ones, effects = np.ones(len(met.codes)), product(range(k_first), range(k_second))
    sums = np.zeros((k_first * k_second, len(met.indices)))
    add_by_group(sums, met.codes, ((entry(a, b), ones) for a, b in effects))
    return met.blocks(factors, sums.reshape(k_first, k_second, -1))


def add_pairs(one, other):
    """Add the products of two chunks, whose pairs of levels may differ."""
    if one.first != other.first:
        other = other.transposed()
    n_levels = (len(one.indptr) - 1, one.n_second)
    data = np.concatenate([one.data, other.data])
    return sum_blocks(
        (one.first, one.second),
        (
            np.concatenate([one.rows, other.rows]),
            np.concatenate([one.indices, other.indices]),
        ),
        lambda a, b: data[:, a, b],
        tuple(zip(n_levels, data.shape[1:], strict=True)),
    )
