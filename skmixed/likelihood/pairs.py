"""Cross-products of two grouping factors, pair of levels by pair of levels."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


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
        blocks = sparse.bsr_array(
            (self.data, self.indices, self.indptr),
            shape=((len(self.indptr) - 1) * k_i, self.n_second * k_j),
        )
        return blocks.tocsr()


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
    (n_first, k_first), (n_second, k_second) = sizes
    sums = [
        sparse.coo_array((entry(a, b), codes), shape=(n_first, n_second)).tocsr()
        for a in range(k_first)
        for b in range(k_second)
    ]
    for total in sums:
        total.sort_indices()
    data = np.column_stack([total.data for total in sums])
    return PairBlocks(
        *factors,
        sums[0].indptr,
        sums[0].indices,
        data.reshape(-1, k_first, k_second),
        n_second,
    )


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
