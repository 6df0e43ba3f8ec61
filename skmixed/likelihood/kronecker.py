"""Sums of Kronecker products over pairs of levels, by applying Z'V^-1 Z."""

import numpy as np


def directional_sums(apply, loadings):
    """Sum P_gh (x) Q_gh over pairs of levels, for a Q of low rank.

    Parameters
    ----------
    apply : callable
        ``apply(U) = Z'V^-1 Z U`` for lists U of arrays of shape (k_j, c, G_j).
    loadings : list of ndarray of shape (k_j, c, G_j)
        ``Q_gh = sum_x loadings_g[:, x] loadings_h[:, x]'``.

    Returns
    -------
    dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l)
        ``sum_gh P_gh[a, b] Q_gh[c, d]`` over levels g of factor j and h of factor l.
    """
    n_columns = loadings[0].shape[1]
    widths = [len(block) ** 2 * n_columns for block in loadings]
    ends = np.cumsum(widths)
    directions = []
    for block, end, width in zip(loadings, ends, widths, strict=True):
        k, _, G = block.shape
        moved = np.zeros((k, ends[-1], G))
        # column (b, d, x) holds loadings[d, x] in slot b
        for b in range(k):
            start = end - width + b * k * n_columns
            moved[b, start : start + k * n_columns] = block.reshape(k * n_columns, G)
        directions.append(moved)
    applied = apply(directions)
    sums = {}
    for first, (block, moved) in enumerate(zip(loadings, applied, strict=True)):
        k_j, _, G = block.shape
        flat = block.reshape(k_j, n_columns * G)
        for second, (end, width) in enumerate(zip(ends, widths, strict=True)):
            k = len(loadings[second])
            columns = moved[:, end - width : end].reshape(k_j * k * k, n_columns * G)
            sums[first, second] = (
                (columns @ flat.T).reshape(k_j, k, k, k_j).transpose(0, 1, 3, 2)
            )
    return sums
