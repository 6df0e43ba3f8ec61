"""The deviance of one grouping factor at many thetas in one go."""

import numpy as np

from skmixed.likelihood.linalg.grouped import cholesky, solve_lower


def scan(deviance, thetas):
    """Deviances at many thetas, for a model with one grouping factor.

    Parameters
    ----------
    deviance : ProfiledDeviance
        With one factor.
    thetas : ndarray of shape (T, m)

    Returns
    -------
    values : ndarray of shape (T,)
        Infinite where it cannot be computed.
    S : ndarray of shape (T, p + 1, p + 1)
        ``[X y]'V^-1[X y]``.

    Notes
    -----
    The groups of all thetas go through one batch, so that a scan of a small design
    costs little more than one evaluation. ``r2 = |S| / |S_XX|``: the values are good to
    compare with, not to converge on.
    """
    A = deviance.A
    Lambdas = stack_roots(deviance.structures[0], thetas)
    eliminated = eliminate_one if Lambdas.shape[1] == 1 else eliminate_many
    logdet, S = eliminated(A, Lambdas)
    log_r2, logdet_X = split_determinants(S, A.n_fixed)
    values = logdet + deviance.reml * logdet_X
    nu = deviance.n_informative
    if A.sigma is None:
        values += nu * (1.0 + np.log(2.0 * np.pi / nu) + log_r2)
    else:
        values += nu * np.log(2.0 * np.pi * A.sigma**2) + np.exp(log_r2) / A.sigma**2
    return np.where(np.isfinite(values), values, np.inf), S


def eliminate_one(A, Lambdas):
    """Eliminate one effect per group at many variances.

    Parameters
    ----------
    A : CrossProducts
    Lambdas : ndarray of shape (T, 1, 1)

    Returns
    -------
    logdet : ndarray of shape (T,)
    S : ndarray of shape (T, p + 1, p + 1)
    """
    variance, Xy = Lambdas[:, 0] ** 2, A.ZtXy[0][0]
    pivots = 1.0 + variance * A.ZtZ[0][0, 0]
    weights = (variance / pivots)[:, None]
    return np.log(pivots).sum(axis=1), A.gram - np.matmul(Xy * weights, Xy.T)


def eliminate_many(A, Lambdas):
    """Eliminate several effects per group: see :func:`eliminate_one`."""
    T, G = len(Lambdas), A.factors[0].n_levels
    left = half(Lambdas, A.ZtZ[0])
    M = spread(np.matmul(Lambdas.transpose(0, 2, 1)[:, None], left))
    for i in range(len(M)):
        M[i, i] += 1.0
    cholesky(M)
    pivots = M[0, 0]
    for i in range(1, len(M)):
        pivots = pivots * M[i, i]
    logdet = 2.0 * np.log(pivots).reshape(T, G).sum(axis=1)
    Y = solve_lower(M, spread(half(Lambdas, A.ZtXy[0])))
    k, columns, _ = Y.shape
    Y = Y.reshape(k, columns, T, G).transpose(2, 1, 0, 3).reshape(T, columns, k * G)
    return logdet, A.gram - np.matmul(Y, Y.transpose(0, 2, 1))


def split_determinants(S, p):
    """Log r2 and log |S_XX| of many ``[X y]'V^-1[X y]``; NaN where not definite.

    Parameters
    ----------
    S : ndarray of shape (T, p + 1, p + 1)
    p : int

    Returns
    -------
    log_r2, logdet_X : ndarray of shape (T,)
    """
    try:
        roots = np.linalg.cholesky(S)
        logs = 2.0 * np.log(roots.diagonal(axis1=1, axis2=2))
    except np.linalg.LinAlgError:
        sign, total = np.linalg.slogdet(S)
        sign_X, logdet_X = np.linalg.slogdet(S[:, :p, :p])
        fine = (sign > 0) & (sign_X > 0)
        return np.where(fine, total - logdet_X, np.nan), logdet_X
    return logs[:, p], logs[:, :p].sum(axis=1)


def stack_roots(structure, thetas):
    """Lambda of every theta, of shape (T, k, k)."""
    if structure.n_effects == structure.n_theta == 1:
        return np.abs(thetas)[:, :, None]
    roots = np.empty((len(thetas), structure.n_effects, structure.n_effects))
    for root, theta in zip(roots, thetas, strict=True):
        root[:] = structure.root(theta)
    return roots


def half(Lambdas, blocks):
    """``Lambda_t' B_g`` of shape (T, k, c, G)."""
    T, k, _ = Lambdas.shape
    left = Lambdas.transpose(0, 2, 1).reshape(T * k, k)
    return (left @ blocks.reshape(k, -1)).reshape(T, k, *blocks.shape[1:])


def spread(blocks):
    """Array of shape (T, k, c, G) as one of shape (k, c, T G)."""
    T, k, c, G = blocks.shape
    return np.ascontiguousarray(blocks.transpose(1, 2, 0, 3)).reshape(k, c, T * G)
