"""Small matrices per response and group, as arrays of shape (r, k, k, G)."""

import numpy as np


def cholesky(M):
    """Lower Cholesky factors, in place of the lower triangles.

    Parameters
    ----------
    M : ndarray of shape (r, k, k, G)
        Positive definite. The strict upper triangles are left alone.

    Returns
    -------
    ndarray of shape (r,)
        Sums over groups of the logarithms of the determinants.
    """
    k = M.shape[1]
    pivots = 1.0
    for j in range(k):
        for h in range(j):
            M[:, j, j] -= M[:, j, h] ** 2
        np.sqrt(M[:, j, j], out=M[:, j, j])
        pivots = pivots * M[:, j, j]
        for i in range(j + 1, k):
            for h in range(j):
                M[:, i, j] -= M[:, i, h] * M[:, j, h]
            M[:, i, j] /= M[:, j, j]
    return 2.0 * np.log(pivots).sum(axis=-1)


def solve_lower(L, B):
    """Solve ``L Y = B`` in place of B.

    Parameters
    ----------
    L : ndarray of shape (r, k, k, G)
        Lower triangular; the strict upper triangles are not read.
    B : ndarray of shape (r, k, c, G)

    Returns
    -------
    ndarray of shape (r, k, c, G)
    """
    for i in range(L.shape[1]):
        for j in range(i):
            B[:, i] -= L[:, i, j, None] * B[:, j]
        B[:, i] /= L[:, i, i, None]
    return B


def multiply(A, B):
    """``A B`` per response and group.

    Parameters
    ----------
    A : ndarray of shape (r, a, k, G)
    B : ndarray of shape (1 or r, k, c, G)

    Returns
    -------
    ndarray of shape (r, a, c, G)
    """
    total = A[:, :, 0, None] * B[:, None, 0]
    for j in range(1, A.shape[2]):
        total += A[:, :, j, None] * B[:, None, j]
    return total


def multiply_transposed(A, B):
    """``A' B`` per response and group, of shape (r, a, c, G)."""
    total = A[:, 0, :, None] * B[:, 0, None]
    for j in range(1, A.shape[1]):
        total += A[:, j, :, None] * B[:, j, None]
    return total


def from_left(Lambda, block):
    """``Lambda' block`` for a matrix per response.

    Parameters
    ----------
    Lambda : ndarray of shape (r, k, k)
    block : ndarray of shape (1 or r, k, c, G)

    Returns
    -------
    ndarray of shape (r, k, c, G)
    """
    _, k, c, G = block.shape
    flat = np.matmul(Lambda.swapaxes(1, 2), block.reshape(-1, k, c * G))
    return flat.reshape(len(Lambda), k, c, G)


def over_groups(P, M):
    """``sum_g P_g[a, b] M_g[c, d]`` by (a, c) and (b, d), of shape (r, k^2, k^2)."""
    r, k, _, G = P.shape
    flat = P.reshape(r, k * k, G) @ M.reshape(r, k * k, G).swapaxes(1, 2)
    flat = flat.reshape(r, k, k, k, k).transpose(0, 1, 3, 2, 4)
    return flat.reshape(r, k * k, k * k)
