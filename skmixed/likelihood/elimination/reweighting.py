"""New weights on the pattern of crossed factors: values find their places once."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from skmixed.likelihood.linalg.grouped import multiply


def put_values(elimination, other, values):
    """Put values into the places of an elimination's products.

    Parameters
    ----------
    elimination : CrossedElimination
        Of the pattern, with ``places``.
    other : CrossedElimination
        Changed in place.
    values : ndarray
        As :func:`stacked_values` returns them.
    """
    at12, at22, lower = elimination.places
    other.A12, other.A22 = elimination.A12.copy(), elimination.A22.copy()
    other.A12.data, other.A22.data = values[at12], values[at22]
    other.lower_values = values[lower]
    other.scatter = elimination.scatter.reweighted(other.A12)


def met_covariances(factored, pairs):
    """Covariances given the data of all levels that meet, from the listed pairs.

    Parameters
    ----------
    factored : CrossedFactored
        Without heavy levels.
    pairs : tuple of PairBlocks

    Returns
    -------
    list of ndarray of shape (k_i, k_j, n_pairs)
        ``-W1 A12 W2`` on the pattern of A12.
    """
    e = factored.elimination
    diagonal, met = factored.W2.diagonal, factored.met
    if met is None:
        diagonal *= 0.5
        met = e.scatter.times_pattern(e.A12, factored.W2.flat)
        diagonal *= 2.0
    k, counts = len(e.A11), e.scatter.counts
    level = np.repeat(np.arange(len(counts)), counts)
    own = -multiply(factored.W1[:, :, level], met[:, None])[:, 0]
    values = np.empty(e.n_values)
    if k == 1:
        values[e.places[0]] = own[0]
    else:
        row = np.repeat(np.arange(e.A12.shape[0]) % k, np.diff(e.A12.indptr))
        for i in range(k):
            values[e.places[0][row == i]] = own[i]
    start, found = e.n_values - sum(pair.data.size for pair in pairs), []
    for pair in pairs:
        stop = start + pair.data.size
        if e.leading in (pair.first, pair.second):
            block = values[start:stop].reshape(pair.data.shape).transpose(1, 2, 0)
        else:
            ends = pair.first, pair.second
            block = factored.between(*ends, pair.rows, pair.indices)
        found.append(block)
        start = stop
    return found


def stacked_values(A):
    """Values of Z'Z, factors first and then pairs of factors, as one array."""
    blocks = [*A.ZtZ, *(pair.data for pair in A.pairs)]
    return np.concatenate([block.ravel() for block in blocks])


def tagged(A):
    """Cross-products whose values are their places, from 1, in the stack."""
    start, ZtZ, pairs = 1, [], []
    for block in A.ZtZ:
        ZtZ.append(np.arange(start, start + block.size, dtype=float))
        ZtZ[-1].shape = block.shape
        start += block.size
    for pair in A.pairs:
        data = np.arange(start, start + pair.data.size, dtype=float)
        pairs.append(replace(pair, data=data.reshape(pair.data.shape)))
        start += pair.data.size
    return replace(A, ZtZ=tuple(ZtZ), pairs=tuple(pairs))


def places_of(products):
    """Where the values of A12, of A22 and of its lower triangle are in the stack."""
    A12, A22 = products
    values = A12.data, A22.data, sparse.tril(A22).tocoo().data
    return tuple(tags.astype(np.int64) - 1 for tags in values)
