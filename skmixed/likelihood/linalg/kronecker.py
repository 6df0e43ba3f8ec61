"""Sums of Kronecker products over pairs of levels, by applying Z'V^-1 Z."""

import numpy as np


def directional_sums(apply, *loadings):
    """Sums of P_gh (x) Q_gh over pairs of levels, for matrices Q of low rank.

    Parameters
    ----------
    apply : callable
        ``apply(U) = Z'V^-1 Z U`` for lists U of arrays of shape (k_j, c, G_j).
    *loadings : list of ndarray of shape (k_j, c, G_j)
        One list for every Q, ``Q_gh = sum_x loadings_g[:, x] loadings_h[:, x]'``.

    Returns
    -------
    list of dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l)
        For every Q, ``sum_gh P_gh[a, b] Q_gh[c, d]`` over levels g of factor j and h
        of factor l.
    """
    blocks = [np.concatenate(parts, axis=1) for parts in zip(*loadings, strict=True)]
    applied = apply(slots_of(blocks))
    sums, start = [], 0
    for part in loadings:
        stop = start + part[0].shape[1]
        sums.append(contract(part, applied, slice(start, stop), blocks[0].shape[1]))
        start = stop
    return sums


def slots_of(blocks):
    """Directions that carry each loading to each effect of its level.

    Parameters
    ----------
    blocks : list of ndarray of shape (k_j, c, G_j)

    Returns
    -------
    list of ndarray of shape (k_j, sum_l k_l^2 c, G_j)
        Columns in the order (l, b, d, x): loading x of effect d in the place of effect
        b of factor l.
    """
    widths = [len(block) * block.shape[1] for block in blocks]
    total = sum(len(block) * width for block, width in zip(blocks, widths, strict=True))
    directions, start = [], 0
    for block, width in zip(blocks, widths, strict=True):
        k, _, G = block.shape
        moved = np.zeros((k, total, G))
        for b in range(k):
            moved[b, start : start + width] = block.reshape(width, G)
            start += width
        directions.append(moved)
    return directions


def contract(loadings, applied, columns, n_columns):
    """Multiply applied directions by the loadings they stem from.

    Parameters
    ----------
    loadings : list of ndarray of shape (k_j, c, G_j)
        Of one Q.
    applied : list of ndarray of shape (k_j, sum_l k_l^2 n_columns, G_j)
        Of the directions of :func:`slots_of`.
    columns : slice
        The c columns of this Q among the n_columns of all.
    n_columns : int

    Returns
    -------
    dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l)
    """
    sums = {}
    for first, (block, moved) in enumerate(zip(loadings, applied, strict=True)):
        k_j, _, G = block.shape
        slots = moved.reshape(k_j, -1, n_columns, G)[:, :, columns]
        flat, start = block.reshape(k_j, -1), 0
        for second, other in enumerate(loadings):
            k = len(other)
            rows = slots[:, start : start + k * k].reshape(k_j * k * k, -1)
            start += k * k
            sums[first, second] = (
                (rows @ flat.T).reshape(k_j, k, k, k_j).transpose(0, 1, 3, 2)
            )
    return sums
