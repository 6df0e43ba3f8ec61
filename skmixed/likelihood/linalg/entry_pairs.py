"""Sums of outer products of sparse rows whose values change: one row per level."""

import itertools

import numpy as np
from scipy import sparse

try:  # adds to sums in place, where the public product allocates and validates
    from scipy.sparse._sparsetools import csc_matvec, csr_matvec
except ImportError:  # pragma: no cover
    csc_matvec = csr_matvec = None


# Pairs whose values are looked up at a time, so that they stay in cache.
LOOKED_UP = 1 << 15


class EntryPairs:
    """Every entry of a sparse matrix with itself and the later ones of its row.

    Entries of one column follow each other, so that what they add to, a column of the
    triangle, stays in cache. The pairs of an entry follow each other too: one of the
    two values of each product is a factor of the entry's sum, and only the other one is
    looked up.

    Parameters
    ----------
    A12 : csr_array of shape (G, m2)
        With sorted indices.

    Attributes
    ----------
    entry : ndarray of int of shape (n,)
        The entries, by column.
    chunks : list of tuple (slice, ndarray of int, slice)
        Some of the entries, where their pairs begin, and these pairs.
    other, positions : ndarray of int of shape (n_pairs,)
        The other entry of each pair, and its place in the triangle.
    """

    def __init__(self, A12):
        m2, columns = A12.shape[1], A12.indices
        self.counts = np.diff(A12.indptr)
        lengths = np.repeat(A12.indptr[1:], self.counts) - np.arange(len(columns))
        n_pairs = int(lengths.sum(dtype=np.int64))
        index = np.int32 if max(m2 * m2, n_pairs) < 2**31 else np.int64
        places = np.arange(len(columns), dtype=index)
        by_row = sparse.csr_array((places, columns, A12.indptr), shape=A12.shape)
        self.entry, self.flat_size = by_row.tocsc().data, m2 * m2
        lengths = lengths[self.entry]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(index)
        self.chunks = list(cut(starts))
        self.other = np.arange(n_pairs, dtype=index)
        self.other += np.repeat(self.entry - starts[:-1], lengths)
        self.positions = columns.take(self.other).astype(index, copy=False)
        first = columns[self.entry].astype(index) * index(m2)
        self.positions += np.repeat(first, lengths)

    def look_up(self, values, places):
        """Yield the values at some places, chunk by chunk, in one and the same array.

        Parameters
        ----------
        values : ndarray
        places : ndarray of int of shape (n_pairs,)
        """
        longest = max((span.stop - span.start for _, _, span in self.chunks), default=0)
        found, index = np.empty(longest), np.empty(longest, np.intp)
        for _, _, span in self.chunks:
            n = span.stop - span.start
            np.copyto(index[:n], places[span])  # other integers are looked up slowly
            yield np.take(values, index[:n], out=found[:n], mode="clip")


def cut(starts):
    """Yield chunks of entries whose pairs begin at some places; see EntryPairs."""
    n, ends = len(starts) - 1, np.arange(0, starts[-1] + LOOKED_UP, LOOKED_UP)
    edges = np.unique(np.minimum(np.searchsorted(starts, ends), n))
    for first, stop in itertools.pairwise(edges.tolist()):
        own = starts[first : stop + 1]
        yield slice(first, stop), own - own[0], slice(int(own[0]), int(own[-1]))


class SingleScatter:
    """The sums of a :class:`LevelScatter` of light levels of one row, reweighted.

    Parameters
    ----------
    pairs : EntryPairs
    values : ndarray of shape (n,)
        Of A12 on the same pattern.
    """

    heavy = ()

    def __init__(self, pairs, values):
        self.pairs, self.values, self.counts = pairs, values, pairs.counts
        self.level = np.repeat(np.arange(len(self.counts)), self.counts)

    def subtract(self, W, flat):
        """See :meth:`LevelScatter.subtract`."""
        pairs = self.pairs
        weights = (-W[0, 0].take(self.level) * self.values).take(pairs.entry)
        others = pairs.look_up(self.values, pairs.other)
        for (own, starts, span), values in zip(pairs.chunks, others, strict=True):
            listed = starts, pairs.positions[span], values
            csc_matvec(pairs.flat_size, len(starts) - 1, *listed, weights[own], flat)

    def through(self, flat):
        """``A_g T`` on the pattern of A_g, and ``A_g T A_g'``.

        Parameters
        ----------
        flat : ndarray of shape (m2 * m2,)
            T's lower triangle, its diagonal halved.

        Returns
        -------
        met : ndarray of shape (1, n)
        blocks : ndarray of shape (1, 1, G)
        """
        pairs, a, n = self.pairs, self.values, len(self.values)
        sums, met, sorted_a = np.zeros(n), np.zeros(n), a.take(pairs.entry)
        T = pairs.look_up(flat, pairs.positions)
        for (own, starts, span), values in zip(pairs.chunks, T, strict=True):
            listed = starts, pairs.other[span], values
            csr_matvec(len(starts) - 1, n, *listed, a, sums[own])
            csc_matvec(n, len(starts) - 1, *listed, sorted_a[own], met)
        met[pairs.entry] += sums
        blocks = np.bincount(self.level, met * a, minlength=len(self.counts))
        return met[None], blocks[None, None]
