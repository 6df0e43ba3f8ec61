"""Starting values of many responses: second moments of the group totals."""

import numpy as np

from skmixed.likelihood.search.start import (
    RESIDUAL_SHARE,
    START_FLOOR,
    inverse_blocks,
    moment_equations,
    project_fixed,
)

# Variance, relative to the residual's, of starts where every response has a design of
# its own.
EVEN_START = 0.25


def starting_thetas(products, roots):
    """Estimate theta of every response from moments.

    Parameters
    ----------
    products : ManyProducts
        In a scale-free basis.
    roots : list of Roots

    Returns
    -------
    ndarray of shape (r, m)

    Notes
    -----
    The matrix of :func:`skmixed.likelihood.search.start.starting_theta` depends on the
    design alone; only the right sides are the responses' own.
    """
    r = len(products)
    if not products.shared:
        eyes = [np.eye(own.n_effects)[None] for own in roots]
        even = [
            own.nearest(EVEN_START * eye, 0.0)
            for own, eye in zip(roots, eyes, strict=True)
        ]
        return np.tile(np.hstack(even), (r, 1))
    A = products.single(0)
    flats = [own.structure.units.reshape(-1, own.n_effects**2) for own in roots]
    M, _ = moment_equations(A, flats)
    right = right_sides(products, A, flats)
    scale = np.sqrt(np.abs(np.diag(M)))
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv(M / (scale[:, None] * scale))
    solution = (right / scale) @ inverse.T / scale
    least = RESIDUAL_SHARE * right[:, -1] / A.n_obs
    sigma2 = np.maximum(solution[:, -1], np.maximum(least, np.finfo(float).tiny))
    thetas, start = [], 0
    for own, flat in zip(roots, flats, strict=True):
        k = own.n_effects
        Phi = solution[:, start : start + len(flat)] @ flat
        Psi = Phi.reshape(-1, k, k) / sigma2[:, None, None]
        thetas.append(own.nearest(Psi, START_FLOOR))
        start += len(flat)
    return np.hstack(thetas)


def right_sides(products, A, flats):
    """Moments of every response, of shape (r, m + 1)."""
    U, _ = project_fixed(A)
    p = A.n_fixed
    totals = products.Xty
    if p:
        root = np.linalg.cholesky(A.gram[:p, :p])
        totals = np.linalg.solve(root, totals.T).T
    right = []
    for ZtZ, Zty, U_j, flat in zip(A.ZtZ, products.Zty, U, flats, strict=True):
        away = Zty - np.tensordot(totals, U_j, (1, 1))
        e = np.einsum("abg,rbg->rag", inverse_blocks(ZtZ), away)
        right.append((e @ e.swapaxes(1, 2)).reshape(len(e), -1) @ flat.T)
    return np.column_stack([*right, products.yty - (totals**2).sum(axis=1)])
