"""Triangular roots of covariance matrices, singular ones too."""

import numpy as np
from scipy.linalg import lapack


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
    R = np.zeros((k, k))
    triangle = np.linalg.qr(root.T, mode="r")
    R[: len(triangle)] = triangle
    for j in range(k - 1):
        # in units of its own: effects may differ by many orders of magnitude
        tiny = k * np.finfo(float).eps * np.linalg.norm(R[:, j])
        if abs(R[j, j]) <= tiny and R[j, j + 1 :].any():
            # a column without a pivot of its own: its row belongs to the later ones
            rest = np.linalg.qr(R[j:, j + 1 :], mode="r")
            R[j:] = 0.0
            R[j + 1 : j + 1 + len(rest), j + 1 :] = rest
    return R.T * np.where(np.diag(R) < 0, -1.0, 1.0)


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
