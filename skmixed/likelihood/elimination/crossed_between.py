"""Covariances between levels of crossed factors, given the data."""

import itertools

import numpy as np

from skmixed.likelihood.linalg.grouped import multiply

# Entries of A12 that are gathered at a time.
MOST_ENTRIES = 2_000_000


def relative_covariances(factored, j, h, levels_j, levels_h):
    """Relative covariances of b given the data, between levels of two factors.

    Parameters
    ----------
    factored : CrossedFactored
    j, h : int
        Factors.
    levels_j, levels_h : ndarray of int of shape (n,)

    Returns
    -------
    ndarray of shape (k_j, k_h, n)
        Off-diagonal blocks of ``(Z'Z + Psi^-1)^-1 = [[., -W1 A12 W2], [., W2]]``.
        For the leading factor O(levels that each of its levels meets).
    """
    e, W2 = factored.elimination, factored.W2
    if h == e.leading:
        return relative_covariances(factored, h, j, levels_h, levels_j).transpose(
            1, 0, 2
        )
    starts_h = first_rows(e.rest, h, levels_h)
    columns = range(e.rest.shapes[h][1])
    if j != e.leading:
        starts_j = first_rows(e.rest, j, levels_j)
        rows = range(e.rest.shapes[j][1])
        return np.array(
            [[W2.entries(starts_j + a, starts_h + b) for b in columns] for a in rows]
        )
    k = len(e.A11)
    met = np.empty((k, len(columns), len(levels_j)))
    for a in range(k):
        for part, owner, index, value in met_levels(e.A12, levels_j * k + a):
            for b in columns:
                far = W2.entries(index, starts_h[part][owner] + b)
                met[a, b, part] = np.bincount(
                    owner, value * far, minlength=part.stop - part.start
                )
    return -multiply(factored.W1[:, :, levels_j], met)


def first_rows(rest, j, levels):
    """Positions in W2 of the first effects of some levels of a factor."""
    first, (_, k) = rest.spans[j].start, rest.shapes[j]
    return first + levels.astype(np.intp) * k


def met_levels(A12, rows):
    """Yield the entries of some rows of A12, a bounded number at a time.

    Parameters
    ----------
    A12 : csr_array
    rows : ndarray of int of shape (n,)

    Yields
    ------
    part : slice
        Of `rows`.
    owner, index, value : ndarray
        Which row of the part an entry is in, its column, and its value.
    """
    starts = A12.indptr[rows].astype(np.intp)
    counts = A12.indptr[rows + 1] - starts
    chunk = np.cumsum(counts) // MOST_ENTRIES
    edges = np.flatnonzero(np.diff(chunk)) + 1
    for first, stop in itertools.pairwise([0, *edges, len(rows)]):
        part = slice(int(first), int(stop))
        owner = np.repeat(np.arange(part.stop - part.start), counts[part])
        ends = np.cumsum(counts[part])
        within = np.arange(len(owner)) - np.repeat(ends - counts[part], counts[part])
        place = starts[part][owner] + within
        yield part, owner, A12.indices[place], A12.data[place]
