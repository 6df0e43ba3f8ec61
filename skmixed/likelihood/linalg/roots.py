"""Inverse Cholesky factors of many small matrices."""

import numpy as np
from scipy.linalg import lapack

# Up to this many rows many matrices are factored at once: a few by NumPy's loops, more
# column by column.
MANY_AT_ONCE, FEW = 24, 100


def inverse_roots(V):
    """Inverse Cholesky factors T of matrices, V^-1 = T'T, and log det V.

    Parameters
    ----------
    V : ndarray of shape (U, n, n)

    Returns
    -------
    T : ndarray of shape (U, n, n)
        Lower triangular.
    logdet : ndarray of shape (U,)

    Raises
    ------
    LinAlgError
    """
    U, n = V.shape[:2]
    if n > MANY_AT_ONCE or U <= 2:
        T, logdet = np.empty_like(V), np.empty(U)
        for u, one in enumerate(V):
            root, info = lapack.dpotrf(one, lower=1, clean=1)
            if info:
                raise np.linalg.LinAlgError("not positive definite")
            T[u] = lapack.dtrtri(root, lower=1)[0]
            logdet[u] = 2.0 * np.log(root.diagonal()).sum()
        return T, logdet
    if U <= FEW:
        roots = np.linalg.cholesky(V)
        logdet = 2.0 * np.log(roots.diagonal(axis1=1, axis2=2)).sum(axis=1)
        return np.linalg.inv(roots), logdet
    T, logdet = by_columns(np.ascontiguousarray(V.transpose(1, 2, 0)))
    return np.ascontiguousarray(T.transpose(2, 0, 1)), logdet


def by_columns(V):
    """The same of matrices of shape (n, n, U), their last axis the longest.

    Loops over columns, so that many small matrices cost little.
    """
    k, L = len(V), V.copy()
    for j in range(k):
        if j:
            L[j:, j] -= np.einsum("ahu,hu->au", L[j:, :j], L[j, :j])
        if not (L[j, j] > 0).all():
            raise np.linalg.LinAlgError("not positive definite")
        L[j, j] = np.sqrt(L[j, j])
        L[j + 1 :, j] /= L[j, j]
    T = np.zeros_like(V)
    for j in range(k):
        T[j, j] = 1.0 / L[j, j]
        if j:
            T[j, :j] = -np.einsum("hu,hcu->cu", L[j, :j], T[:j, :j]) * T[j, j]
    return T, 2.0 * np.log([L[j, j] for j in range(k)]).sum(axis=0)
