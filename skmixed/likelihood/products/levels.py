"""Cross-products whose groups are some of more: the others have no rows as yet."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.products.pairs import PairBlocks


def among_levels(A, n_levels, places):
    """Cross-products among more levels.

    Parameters
    ----------
    A : CrossProducts
    n_levels : sequence of int
        Levels of every factor.
    places : sequence of ndarray of int
        Where each of A's levels is among them, ascending.

    Returns
    -------
    CrossProducts
    """
    sizes = zip(n_levels, places, strict=True)
    if all(len(place) == n for n, place in sizes):
        return A
    blocks = [
        tuple(spread(*size) for size in zip(own, n_levels, places, strict=True))
        for own in (A.ZtZ, A.ZtXy)
    ]
    return replace(
        A,
        factors=tuple(
            replace(factor, n_levels=n)
            for factor, n in zip(A.factors, n_levels, strict=True)
        ),
        ZtZ=blocks[0],
        ZtXy=blocks[1],
        pairs=tuple(
            spread_pairs(
                pair,
                (n_levels[pair.first], n_levels[pair.second]),
                (places[pair.first], places[pair.second]),
            )
            for pair in A.pairs
        ),
    )


def at_levels(A, codes):
    """What the rows of some levels of one factor add to cross-products by level.

    Parameters
    ----------
    A : CrossProducts
        Of one factor.
    codes : ndarray of int of shape (t,)
        Ascending; levels beyond those of A have no rows.

    Returns
    -------
    CrossProducts
        With a gram matrix of zeros, and no rows counted: to which level sums over rows
        belong is not known.
    """
    known = codes[codes < A.factors[0].n_levels]
    places = np.arange(len(known))
    return replace(
        A,
        factors=(replace(A.factors[0], n_levels=len(codes)),),
        gram=np.zeros_like(A.gram),
        ZtZ=(spread(A.ZtZ[0][..., known], len(codes), places),),
        ZtXy=(spread(A.ZtXy[0][..., known], len(codes), places),),
        n_obs=0,
        sum_log_weights=0.0,
    )


def spread(block, n_levels, places):
    """Set blocks of shape (..., G) among others of zeros, (..., n_levels)."""
    found = np.zeros((*block.shape[:-1], n_levels))
    if len(places) and places[-1] == len(places) - 1:
        found[..., : len(places)] = block
    else:
        found[..., places] = block
    return found


def spread_pairs(pair, n_levels, places):
    """Set the levels of a pair of factors among more.

    Parameters
    ----------
    pair : PairBlocks
    n_levels : tuple of two int
    places : tuple of two ndarray of int

    Returns
    -------
    PairBlocks
        With the same first factor, be its levels now fewer than the second's or not.
    """
    counts = np.zeros(n_levels[0], dtype=pair.indptr.dtype)
    counts[places[0]] = np.diff(pair.indptr)
    return PairBlocks(
        pair.first,
        pair.second,
        np.append(0, np.cumsum(counts)).astype(pair.indptr.dtype),
        places[1][pair.indices].astype(pair.indices.dtype),
        pair.data,
        n_levels[1],
    )
