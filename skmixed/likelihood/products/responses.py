"""Cross-products of many responses with one design."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.products.rows import GroupedRows, transposed_z

# Responses whose residuals are held at once.
CHUNK = 64


def with_responses(A, design, Y):
    """Put other responses in the place of y; all else is shared.

    Parameters
    ----------
    A : CrossProducts
        Of the design with any response.
    design : Design
    Y : ndarray of shape (n, m)

    Yields
    ------
    CrossProducts
        In a basis of their own, that differs from A's in the crude fit of the response.

    Notes
    -----
    One pass over the rows for every 64 responses: each is reduced to the residual of
    its least-squares fit first, as a single response is.
    """
    rows = GroupedRows.of(design.random)
    basis, p = A.basis, A.n_fixed
    X = basis.fixed.apply(design.X)
    weights = None if design.weights is None else design.weights[:, None]
    weighted = X if weights is None else X * weights
    Zt = [
        transposed_z(
            columns.apply(z) if weights is None else columns.apply(z) * weights,
            codes,
            factor.n_levels,
        )
        for columns, z, codes, factor in zip(
            basis.random, rows.z, rows.codes, rows.factors, strict=True
        )
    ]
    for start in range(0, Y.shape[1], CHUNK):
        part = Y[:, start : start + CHUNK].astype(float)
        rounding = 8 * np.finfo(float).eps * np.abs(part).max(axis=0, initial=0.0)
        if design.offset is not None:
            part = part - design.offset[:, None]
        shift = part.mean(axis=0) if basis.constant.any() else np.zeros(part.shape[1])
        part = part - shift
        crude = np.linalg.lstsq(A.gram[:p, :p], weighted.T @ part, rcond=None)[0]
        part -= X @ crude
        Xty = weighted.T @ part
        heavy = part if weights is None else part * weights
        squares = np.einsum("ij,ij->j", part, heavy)
        Zty = [transposed @ part for transposed in Zt]
        for j in range(part.shape[1]):
            own = replace(
                basis,
                crude_coef=crude[:, j],
                y_shift=float(shift[j]),
                y_rounding=float(rounding[j]),
            )
            yield put_response(A, own, Xty[:, j], squares[j], [z[:, j] for z in Zty])


def put_response(A, basis, Xty, yty, Zty):
    """Cross-products with another response.

    Parameters
    ----------
    A : CrossProducts
    basis : Basis
    Xty : ndarray of shape (p,)
    yty : float
    Zty : list of ndarray of shape (G_j k_j,)
        Levels major.

    Returns
    -------
    CrossProducts
    """
    p = A.n_fixed
    gram = A.gram.copy()
    gram[:p, p] = gram[p, :p] = Xty
    gram[p, p] = yty
    ZtXy = []
    for block, own in zip(A.ZtXy, Zty, strict=True):
        block = block.copy()
        block[:, p] = own.reshape(block.shape[2], len(block)).T
        ZtXy.append(block)
    return replace(A, basis=basis, gram=gram, ZtXy=tuple(ZtXy))
