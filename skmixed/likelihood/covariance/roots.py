"""Triangular roots of covariance matrices, singular ones too."""

from functools import lru_cache

import numpy as np
from scipy.linalg import lapack

EPSILON = float(np.finfo(float).eps)


def floored_root(Psi, floor):
    """Lower-triangular root of a symmetric matrix, its eigenvalues at least a floor.

    Parameters
    ----------
    Psi : ndarray of shape (k, k)
    floor : float

    Returns
    -------
    ndarray of shape (k, k)
    """
    _, info = lapack.dpotrf(Psi - floor * np.eye(len(Psi)), lower=1)
    if not info:
        return lapack.dpotrf(Psi, lower=1, clean=1)[0]
    values, vectors = np.linalg.eigh(Psi)
    return lower_root(vectors * np.sqrt(np.maximum(values, floor)))


def lower_root(root):
    """Lower-triangular L with ``L L' = root root'`` and a nonnegative diagonal.

    Works for singular covariances, where a Cholesky factorisation does not.

    Parameters
    ----------
    root : ndarray of shape (k, r)

    Returns
    -------
    ndarray of shape (k, k)
    """
    k = len(root)
    if root.size == 1:
        return np.abs(root)
    R = np.zeros((k, k))
    triangle = triangle_of(root.T)
    R[: len(triangle)] = triangle
    pivots = np.abs(R.diagonal())
    doubtful = pivots.min(initial=np.inf) <= k**2 * EPSILON * np.abs(R).max(initial=0.0)
    for j in range(k - 1) if doubtful else ():
        # in units of its own: effects may differ by many orders of magnitude
        tiny = k * EPSILON * np.linalg.norm(R[:, j])
        if abs(R[j, j]) <= tiny and R[j, j + 1 :].any():
            # a column without a pivot of its own: its row belongs to the later ones
            rest = triangle_of(R[j:, j + 1 :])
            R[j:] = 0.0
            R[j + 1 : j + 1 + len(rest), j + 1 :] = rest
    return R.T * np.where(R.diagonal() < 0, -1.0, 1.0)


def triangle_of(columns):
    """R of a QR decomposition, of shape (min(n, k), k) for columns of shape (n, k)."""
    n = columns.shape[1]
    found = lapack.dgeqrf(columns)[0][:n]
    return np.where(above(n)[: len(found)], found, 0.0)


@lru_cache(maxsize=64)
def above(n):
    """Which entries of a square matrix are on or above its diagonal."""
    return np.tri(n, dtype=bool).T


def snapped_root(root, zero):
    """Lower-triangular root of a covariance whose short directions are left out.

    Parameters
    ----------
    root : ndarray of shape (k, k)
    zero : float
        Singular values below it become zero.

    Returns
    -------
    ndarray of shape (k, k)
    """
    U, values, _ = np.linalg.svd(root)
    return lower_root(U * np.where(values < zero, 0.0, values))
