"""Weighted sums of outer products of sparse rows, into and out of a dense triangle."""

import copy
from functools import cached_property

import numpy as np
from scipy import sparse

from skmixed.likelihood.linalg.entry_pairs import EntryPairs, SingleScatter

try:  # writes straight into the buffer; the public product allocates another one
    from scipy.sparse._sparsetools import csc_matvec, csr_matvec
except ImportError:  # pragma: no cover
    csc_matvec = csr_matvec = None

# Pairs of columns listed at the most, for one weight per level.
PAIR_BUDGET = 60_000_000
# Seconds per listed pair and per multiplication of a dense product, on one core: only
# their ratio matters, for the choice between the two.
PAIR_COST, DENSE_COST = 1e-8, 1.0 / 35e9
# Pairs listed at a time, so that the work stays in cache.
PAIR_CHUNK = 1 << 16
# Rows made dense at a time.
DENSE_ROWS = 256


class LevelScatter:
    """A21 W A12 for a block-diagonal W: sums over levels of outer products.

    A level g of the leading factor has k sparse rows A_g of one pattern. Light levels
    list the products of their entries once, at their positions in the triangle, so that
    a sum is one sparse product whatever W is. Heavy ones are multiplied densely.

    Parameters
    ----------
    A12 : csr_array of shape (G k, m2)
        The k rows of a level have the same pattern, sorted.
    k : int
    """

    def __init__(self, A12, k):
        self.A12, self.k, self.m2 = A12, k, A12.shape[1]
        self.n_levels = A12.shape[0] // k
        self.counts = np.diff(A12.indptr)[::k].astype(np.int64)
        self.light = light_levels(self.counts, k, self.m2)
        self.heavy = np.flatnonzero(~self.light)
        self.heavy_rows = A12[(self.heavy[:, None] * k + np.arange(k)).ravel()]

    @cached_property
    def pairs(self):
        """Pairs of entries of the light levels.

        Returns
        -------
        indptr : ndarray of int of shape (G + 1,)
        positions : ndarray of int of shape (n_pairs,)
            In the triangle.
        products : dict of tuple (i, j) to ndarray of shape (n_pairs,)
        """
        k, m2 = self.k, self.m2
        entries = np.repeat(self.light, self.counts)
        rows = [self.A12[i::k] for i in range(k)]
        columns = rows[0].indices[entries]
        values = [row.data[entries] for row in rows]
        listed = np.where(self.light, self.counts, 0)
        ends = np.concatenate([[0], np.cumsum(listed * (listed + 1) // 2)])
        index = np.int32 if max(m2 * m2, ends[-1]) < 2**31 else np.int64
        positions = np.empty(ends[-1], dtype=index)
        products = {(i, j): np.empty(ends[-1]) for i in range(k) for j in range(i, k)}
        starts = np.concatenate([[0], np.cumsum(listed)])
        first = 0
        while first < self.n_levels:
            last = (
                int(np.searchsorted(ends, ends[first] + PAIR_CHUNK, side="right")) - 1
            )
            last = min(max(last, first + 1), self.n_levels)
            span = slice(ends[first], ends[last])
            own = slice(starts[first], starts[last])
            length, other = pairs_after(listed[first:last])
            others = [row[own].take(other) for row in values]
            ones = [np.repeat(row[own], length) for row in values]
            rows = np.repeat(columns[own].astype(index) * index(m2), length)
            np.add(columns[own].take(other), rows, out=positions[span])
            for (i, j), out in products.items():
                np.multiply(others[i], ones[j], out=out[span])
                if i != j:
                    out[span] += others[j] * ones[i]
            first = last
        return ends.astype(index), positions, products

    @cached_property
    def listed(self):
        """Entries of the light levels' rows, and their pairs, in the list's order.

        Returns
        -------
        entries : ndarray of bool
            Of one row of every level.
        one, other : ndarray of int
            Of the products, among these entries.
        starts : ndarray of int
            Where the pairs of another first entry begin.
        """
        length, other = pairs_after(np.where(self.light, self.counts, 0))
        one = np.repeat(np.arange(len(length)), length)
        index = np.int32 if len(one) < 2**31 else np.int64
        entries = np.repeat(self.light, self.counts)
        starts = np.flatnonzero(np.diff(one, prepend=-1))
        return entries, one.astype(index), other.astype(index), starts

    @cached_property
    def entry_pairs(self):
        """Pairs of the entries of light levels of one row."""
        return EntryPairs(self.A12)

    def reweighted(self, A12):
        """The same sums for other values on the same pattern.

        Parameters
        ----------
        A12 : csr_array of shape (G k, m2)

        Returns
        -------
        LevelScatter
        """
        if self.k == 1 and not len(self.heavy) and csc_matvec is not None:
            return SingleScatter(self.entry_pairs, A12.data)
        entries, one, other, _ = self.listed
        found = copy.copy(self)
        k = self.k
        values = [row_values(A12, i, k)[entries] for i in range(k)]
        indptr, positions, products = self.pairs
        found.pairs = indptr, positions, {}
        for i, j in products:
            out = values[i].take(other) * values[j].take(one)
            if i != j:
                out += values[j].take(other) * values[i].take(one)
            found.pairs[2][i, j] = out
        if len(self.heavy):
            found.heavy_rows = A12[(self.heavy[:, None] * k + np.arange(k)).ravel()]
        return found

    def times_pattern(self, A12, flat):
        """``A_g T`` on the pattern of A_g, for a symmetric T; no level is heavy.

        Parameters
        ----------
        A12 : csr_array of shape (G k, m2)
        flat : ndarray of shape (m2 * m2,)
            T's lower triangle, its diagonal halved.

        Returns
        -------
        ndarray of shape (k, n_entries)
            Row by row of every level.
        """
        _, one, other, starts = self.listed
        T = flat.take(self.pairs[1])
        first, found = one[starts], []
        for i in range(self.k):
            a = row_values(A12, i, self.k)
            total = np.bincount(other, a.take(one) * T, minlength=len(a))
            if len(starts):  # every entry's pairs follow each other, itself first
                total[first] += np.add.reduceat(a.take(other) * T, starts)
            found.append(total)
        return np.array(found)

    def subtract(self, W, flat):
        """Subtract ``sum_g A_g' W_g A_g`` from a lower triangle.

        Parameters
        ----------
        W : ndarray of shape (k, k, G)
            Symmetric for every level.
        flat : ndarray of shape (m2 * m2,)
            The triangle's matrix, columns one after the other; changed in place.
        """
        indptr, positions, products = self.pairs
        for (i, j), values in products.items():
            weights = np.ascontiguousarray(-W[i, j])
            if csc_matvec is not None:
                csc_matvec(
                    self.m2**2,
                    self.n_levels,
                    indptr,
                    positions,
                    values,
                    weights,
                    flat,
                )
            else:  # pragma: no cover
                flat += self.as_csc(values) @ weights
        matrix = flat.reshape(self.m2, self.m2)
        for levels, rows in self.dense_rows():
            weighted = np.matmul(W[:, :, levels].transpose(2, 0, 1), rows)
            matrix -= rows.reshape(-1, self.m2).T @ weighted.reshape(-1, self.m2)

    def gather(self, flat):
        """Blocks ``A_g T A_g'`` of every level, for a symmetric T.

        Parameters
        ----------
        flat : ndarray of shape (m2 * m2,)
            T's lower triangle, its diagonal halved.

        Returns
        -------
        ndarray of shape (k, k, G)
        """
        blocks = np.empty((self.k, self.k, self.n_levels))
        indptr, positions, products = self.pairs
        for (i, j), values in products.items():
            sums = np.zeros(self.n_levels)
            if csr_matvec is not None:
                csr_matvec(
                    self.n_levels,
                    self.m2**2,
                    indptr,
                    positions,
                    values,
                    flat,
                    sums,
                )
            else:  # pragma: no cover
                sums = self.as_csc(values).T @ flat
            blocks[i, j] = blocks[j, i] = sums if i != j else 2.0 * sums
        if len(self.heavy):
            lower = np.tril(flat.reshape(self.m2, self.m2).T)
            for levels, rows in self.dense_rows():
                product = np.matmul(rows @ lower, rows.transpose(0, 2, 1))
                blocks[:, :, levels] = (product + product.transpose(0, 2, 1)).transpose(
                    1, 2, 0
                )
        return blocks

    def through(self, flat):
        """``A_g T`` on the pattern of A_g, where it comes with :meth:`gather`."""
        return None, self.gather(flat)

    def as_csc(self, values):
        """Sparse matrix of products, a column per level."""
        shape = (self.m2**2, self.n_levels)
        indptr, positions, _ = self.pairs
        return sparse.csc_array((values, positions, indptr), shape=shape)

    def dense_rows(self):
        """Yield the heavy levels and their rows of shape (levels, k, m2), in chunks."""
        step = max(1, DENSE_ROWS // self.k)
        for start in range(0, len(self.heavy), step):
            levels = self.heavy[start : start + step]
            rows = self.heavy_rows[start * self.k : (start + step) * self.k].toarray()
            yield levels, rows.reshape(len(levels), self.k, self.m2)


def row_values(A12, i, k):
    """Values of row i of every level, one level after the other."""
    if k == 1:
        return A12.data
    counts = np.diff(A12.indptr)
    return A12.data[np.repeat(np.arange(len(counts)) % k == i, counts)]


def light_levels(counts, k, m2):
    """Levels whose pairs are cheaper listed than multiplied densely.

    Parameters
    ----------
    counts : ndarray of shape (G,)
        Entries per row.
    k, m2 : int

    Returns
    -------
    ndarray of bool of shape (G,)
    """
    weights = k * (k + 1) // 2
    pairs = counts * (counts + 1) // 2
    light = pairs * weights * PAIR_COST <= 3.0 * k * m2**2 * DENSE_COST + PAIR_COST
    order = np.argsort(pairs, kind="stable")
    affordable = np.cumsum(pairs[order]) * weights <= PAIR_BUDGET
    light[order[~affordable]] = False
    return light


def pairs_after(counts):
    """All pairs of entries of the same level, an entry's own and with later ones.

    Parameters
    ----------
    counts : ndarray of int of shape (levels,)
        Entries of consecutive levels.

    Returns
    -------
    length : ndarray of int of shape (n_entries,)
        Number of pairs of each entry, with itself first.
    other : ndarray of int of shape (n_pairs,)
        The second entry of each pair.
    """
    entry = np.arange(int(counts.sum()))
    length = np.repeat(np.cumsum(counts), counts) - entry
    stop = np.cumsum(length)
    other = np.arange(stop[-1] if len(stop) else 0)
    other -= np.repeat(stop - length - entry, length)
    return length, other
