"""Starting values from weighted moment equations, without an evaluation."""

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.linalg.grouped import multiply, pick, relative_root

# Relative covariances never start nearer to the boundary: theta = 0 is stationary.
START_FLOOR = 1e-3
# Variance of an effect, relative to the residual's, for which the moments are weighted:
# most effects are small beside the residual.
WEIGHED_FOR = 0.1
# The residual variance is at least this share of the response's mean square.
RESIDUAL_SHARE = 0.02


def starting_theta(A):
    """Estimate theta from the second moments of the group totals.

    Parameters
    ----------
    A : CrossProducts
        In a scale-free basis.

    Returns
    -------
    ndarray of shape (m,)

    Notes
    -----
    With r = M_X y the least-squares residual, D_g = (I / w + A_gg)^-1 for a supposed
    variance ratio w, and B_gh = D_g Z_g'M_X Z_h, the moments

        E sum_g D_g Z_g'r r'Z_g D_g = sum_l sum_gh B_gh Phi_l B_gh'
                                      + sigma^2 sum_g D_g Z_g'M_X Z_g D_g,
        E r'r = sum_l tr(Phi_l sum_h Z_h'M_X Z_h) + sigma^2 (n - p)

    are linear in Phi_l = sigma^2 Psi_l and sigma^2: a MINQUE with block-diagonal
    weights (Rao 1971, J. Multivariate Anal. 1). For balanced designs its solution is
    the REML estimate.
    """
    structures = [factor.structure for factor in A.factors]
    flats = [
        structure.units.reshape(-1, structure.n_effects**2) for structure in structures
    ]
    M, right = moment_equations(A, flats)
    if A.sigma is not None:  # known: its column goes to the right side
        M, right = M[:-1, :-1], right[:-1] - M[:-1, -1] * A.sigma**2
    scale = np.sqrt(np.abs(np.diag(M)))
    scale[scale == 0] = 1.0
    scaled = M / (scale[:, None] * scale)
    solution = np.linalg.lstsq(scaled, right / scale, rcond=None)[0] / scale
    if A.sigma is None:
        sigma2 = max(solution[-1], RESIDUAL_SHARE * right[-1] / A.n_obs)
    else:
        sigma2 = A.sigma**2
    thetas, start = [], 0
    for structure, flat in zip(structures, flats, strict=True):
        Phi = solution[start : start + len(flat)] @ flat
        Psi = Phi.reshape(structure.n_effects, -1) / sigma2
        thetas.append(structure.nearest(Psi, START_FLOOR))
        start += len(flat)
    return np.concatenate(thetas)


def moment_equations(A, flats):
    """Equations of :func:`starting_theta` in the coefficients of Phi and in sigma^2.

    Parameters
    ----------
    A : CrossProducts
    flats : list of ndarray of shape (m_j, k_j * k_j)
        Matrices that every factor's covariance is a combination of.

    Returns
    -------
    M : ndarray of shape (m + 1, m + 1)
    right : ndarray of shape (m + 1,)
    """
    U, totals = project_fixed(A)
    D = [inverse_blocks(block) for block in A.ZtZ]
    DU = [multiply(D_j, U_j) for D_j, U_j in zip(D, U, strict=True)]
    ends = np.cumsum([0, *map(len, flats)])
    M, right = np.zeros((ends[-1] + 1, ends[-1] + 1)), np.zeros(ends[-1] + 1)
    M[-1, -1], right[-1] = A.n_obs - A.n_fixed, A.gram[-1, -1] - totals @ totals
    for j, flat in enumerate(flats):
        rows, own = slice(ends[j], ends[j + 1]), A.ZtZ[j]
        r = A.ZtXy[j][:, -1] - np.matmul(totals, U[j])
        e = np.einsum("abg,bg->ag", D[j], r)
        right[rows] = flat @ (e @ e.T).ravel()
        spread = multiply(D[j], multiply(own, D[j])).sum(axis=2)
        spread -= np.einsum("axg,bxg->ab", DU[j], DU[j])
        M[rows, -1] = flat @ spread.ravel()
        M[-1, rows] = (
            flat @ (own.sum(axis=2) - np.einsum("axg,bxg->ab", U[j], U[j])).ravel()
        )
        for other, columns in enumerate(flats):
            E = moment_tensor(A, (j, other), D[j], DU[j], U[other])
            M[rows, ends[other] : ends[other + 1]] = flat @ E @ columns.T
    return M, right


def project_fixed(A):
    """Z'Q and Q'y for an orthonormal basis Q of the fixed-effects columns.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    U : list of ndarray of shape (k_j, p, G_j)
    totals : ndarray of shape (p,)
    """
    p = A.n_fixed
    if not p:
        return [block[:, :0] for block in A.ZtXy], np.zeros(0)
    root = np.linalg.cholesky(A.gram[:p, :p])
    inverse = lapack.dtrtri(root, lower=1)[0]
    return [np.matmul(inverse, block[:, :p]) for block in A.ZtXy], inverse @ A.gram[
        :p, p
    ]


def inverse_blocks(ZtZ):
    """(I / w + Z_g'Z_g)^-1 of every group, of shape (k, k, G)."""
    root, _ = relative_root(ZtZ, np.sqrt(WEIGHED_FOR) * np.eye(len(ZtZ)))
    return multiply(root, root, transpose_A=True)


def moment_tensor(A, factors, D, DU, U):
    """``sum_gh B_gh (x) B_gh`` for B_gh = D_g (Z_g'Z_h - U_g U_h').

    Parameters
    ----------
    A : CrossProducts
    factors : tuple (j, l)
        Factors of the levels g and h.
    D : ndarray of shape (k_j, k_j, G_j)
    DU : ndarray of shape (k_j, p, G_j)
    U : ndarray of shape (k_l, p, G_l)

    Returns
    -------
    ndarray of shape (k_j * k_j, k_l * k_l)
        Maps Phi_l to the moments of factor j.
    """
    products, g, h = level_products(A, factors)
    k_j, k_l, _ = products.shape
    DA = multiply(D if g is None else pick(D, g), products).reshape(k_j * k_l, -1)
    fitted = np.einsum(
        "axn,bxn->abn",
        DU if g is None else pick(DU, g),
        U if h is None else pick(U, h),
    ).reshape(k_j * k_l, -1)
    cross = DA @ fitted.T
    near = (DA @ DA.T - cross - cross.T).reshape(k_j, k_l, k_j, k_l)
    far = outer_sums(DU) @ outer_sums(U).T
    return near.transpose(0, 2, 1, 3).reshape(far.shape) + far


def outer_sums(U):
    """``sum_g U_g[a, x] U_g[c, y]``, of shape (k * k, p * p)."""
    k, p, G = U.shape
    flat = U.reshape(k * p, G)
    return (flat @ flat.T).reshape(k, p, k, p).transpose(0, 2, 1, 3).reshape(k * k, -1)


def level_products(A, factors):
    """Blocks Z_g'Z_h of the pairs of levels that meet, with their levels.

    Parameters
    ----------
    A : CrossProducts
    factors : tuple (j, l)

    Returns
    -------
    products : ndarray of shape (k_j, k_l, n_pairs)
    g, h : ndarray of int of shape (n_pairs,), or None
        None where the pairs are the levels themselves.
    """
    if factors[0] == factors[1]:
        return A.ZtZ[factors[0]], None, None
    for pair in A.pairs:
        if (pair.first, pair.second) == factors:
            return pair.data.transpose(1, 2, 0), pair.rows, pair.indices
        if (pair.second, pair.first) == factors:
            return pair.data.transpose(2, 1, 0), pair.indices, pair.rows
    raise LookupError(f"no products of the factors {factors}")
