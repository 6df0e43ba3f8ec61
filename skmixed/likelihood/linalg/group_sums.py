"""Sums over groups of rows, without sorting the rows."""

from copy import copy

import numpy as np

try:  # adds to sums in place, where the public product allocates and validates
    from scipy.sparse._sparsetools import (
        coo_tocsr,
        csc_matvec,
        csc_matvecs,
        csr_tocsc,
    )
except ImportError:  # pragma: no cover
    coo_tocsr = csc_matvec = csc_matvecs = csr_tocsc = None

# Rows of one group that follow each other wait for each other's sum: that many places
# of a chunk are summed in turn.
STRANDS = 8
# More sums than this leave the cache: those of one group then lie side by side.
CACHED = 800_000
# Groups whose sums are turned round at a time.
TURNED = 2048


class GroupSums:
    """Sums of products of columns, by group, that rows are added to.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Group of every row.
    n_groups : int
    pairs : iterable of tuple (a, b)
        Positions of the columns that are multiplied; their order does not matter.

    Attributes
    ----------
    sums : ndarray of shape (n_pairs, n_groups)
    """

    def __init__(self, codes, n_groups, pairs):
        self.codes = codes
        pairs = dict.fromkeys(ascending(a, b) for a, b in pairs)
        self.places = {pair: place for place, pair in enumerate(pairs)}
        self.by_group, self.totals = False, np.zeros((len(pairs), 0))
        self.grow(n_groups)

    def grow(self, n_groups):
        """Make room for more groups; their sums are zero."""
        n_pairs, held, was_by_group = len(self.places), self.totals, self.by_group
        self.by_group = csc_matvecs is not None and n_pairs * n_groups > CACHED
        if self.by_group:
            self.totals = np.zeros((n_groups, n_pairs))
            held = held if was_by_group else held.T
            self.totals[: len(held)] = held
        else:
            self.totals = np.zeros((n_pairs, n_groups))
            self.totals[:, : held.shape[1]] = held

    @property
    def n_groups(self):
        """Groups that there is room for."""
        return self.totals.shape[0 if self.by_group else 1]

    @property
    def sums(self):
        """Sums of every pair; rows that come later are added in another layout."""
        if self.by_group:
            self.totals, self.by_group = turned(self.totals), False
        return self.totals

    def add_rows(self, chunk, columns, weighted):
        """Add products of some rows.

        Parameters
        ----------
        chunk : slice
            Of the rows.
        columns, weighted : ndarray of shape (w, n_chunk)
            The rows' columns, as they are and times the rows' weights, interleaved.
        """
        self.add(interleave(self.codes[chunk]), weighted, columns)

    def add(self, codes, left, right):
        """Add products of rows whose groups are given.

        Parameters
        ----------
        codes : ndarray of int of shape (n_chunk,)
        left, right : sequence of ndarray of shape (n_chunk,)
            By the position of a column; of a pair (a, b), a <= b, ``left[a]`` is
            multiplied by ``right[b]``.
        """
        if self.by_group:
            self.add_side_by_side(codes, left, right)
            return
        products = ((left[a], right[b]) for a, b in self.places)
        add_by_group(self.totals, codes, products)

    def add_side_by_side(self, codes, left, right):
        """Add all products of a row at a time; see :meth:`add`."""
        n, (n_groups, n_pairs) = len(codes), self.totals.shape
        products = np.empty((n, n_pairs))
        for place, (a, b) in enumerate(self.places):
            np.multiply(left[a], right[b], out=products[:, place])
        indptr, ones = np.arange(n + 1, dtype=codes.dtype), np.ones(n)
        rows, totals = products.ravel(), self.totals.ravel()
        csc_matvecs(n_groups, n, n_pairs, indptr, codes, ones, rows, totals)

    def chosen(self, groups):
        """The sums of some groups, in the order given.

        Parameters
        ----------
        groups : ndarray of int

        Returns
        -------
        GroupSums
        """
        out = copy(self)
        own = turned(self.totals[groups]) if self.by_group else self.totals[:, groups]
        out.totals, out.by_group = own, False
        return out

    def add_groups(self, finer, parent):
        """Add the sums of groups that lie within these.

        Parameters
        ----------
        finer : GroupSums
            Of the same pairs and perhaps others.
        parent : ndarray of int of shape (n_finer,)
            The group that each finer group lies in; negative where it has no rows.
        """
        ones = np.ones(len(parent))
        products = ((finer.sums[finer.places[pair]], ones) for pair in self.places)
        add_by_group(self.sums, np.maximum(parent, 0), products)

    def block(self, first, second):
        """Sums of every product of two lists of columns.

        Parameters
        ----------
        first, second : sequence of int of length k and l

        Returns
        -------
        ndarray of shape (k, l, n_groups)
        """
        return self.sums[
            [[self.places[ascending(a, b)] for b in second] for a in first]
        ]


def turned(totals):
    """Transpose, a few rows at a time so that the work stays in cache."""
    out = np.empty(totals.shape[::-1])
    for start in range(0, len(totals), TURNED):
        part = slice(start, start + TURNED)
        out[:, part] = totals[part].T
    return out


def ascending(a, b):
    """Order two positions: a product does not depend on it."""
    return (a, b) if a <= b else (b, a)


def interleave(rows):
    """Put rows into an order in which neighbours are seldom of one group.

    Parameters
    ----------
    rows : ndarray of shape (..., n)

    Returns
    -------
    ndarray of shape (..., n)
        The same for every array of n rows; as they are where n has no equal parts.
    """
    if rows.shape[-1] % STRANDS:
        return rows
    parts = rows.reshape(*rows.shape[:-1], STRANDS, -1)
    return parts.swapaxes(-1, -2).reshape(rows.shape)


def add_by_group(totals, codes, products):
    """Add products of two columns to the totals of the rows' groups.

    Parameters
    ----------
    totals : ndarray of shape (n_products, n_groups)
        Contiguous; changed in place.
    codes : ndarray of int of shape (n,)
    products : iterable of tuple of two ndarray of shape (n,)
    """
    n, n_groups = len(codes), totals.shape[1]
    indptr = np.arange(n + 1, dtype=codes.dtype)
    for total, (one, other) in zip(totals, products, strict=True):
        if csc_matvec is None:  # pragma: no cover
            np.add.at(total, codes, one * other)
        else:
            csc_matvec(n_groups, n, indptr, codes, one, other, total)


def sort_by_levels(codes, n_levels):
    """Order rows by their levels of two factors, in time linear in the rows.

    Parameters
    ----------
    codes : tuple of two ndarray of int of shape (n,)
        Of one integer type.
    n_levels : tuple of two int

    Returns
    -------
    indptr : ndarray of int of shape (n_levels[0] + 1,)
        Where the rows of every level of the first factor start.
    second : ndarray of int of shape (n,)
        Levels of the second factor, ascending within a level of the first.
    order : ndarray of int of shape (n,)
        The rows themselves.
    """
    first, second = codes
    n, index = len(first), first.dtype
    n_first, n_second = n_levels
    if coo_tocsr is None:  # pragma: no cover
        order = np.lexsort((second, first)).astype(index)
        ends = np.cumsum(np.bincount(first, minlength=n_first))
        return np.append(0, ends).astype(index), second[order], order
    # rows counted into the second factor's levels, then these into the first's
    rows = np.arange(n, dtype=index)
    by_second = np.empty(n_second + 1, index), np.empty(n, index), np.empty(n, index)
    by_first = np.empty(n_first + 1, index), np.empty(n, index), np.empty(n, index)
    coo_tocsr(n_second, n_first, n, second, first, rows, *by_second)
    csr_tocsc(n_second, n_first, *by_second, *by_first)
    return by_first
