"""Small dense algebra on many groups at once, the group axis last.

An array of shape (k, c, G) holds one (k, c) matrix for each of G groups. Keeping the
groups contiguous turns every step into a few vector operations of length G, which for
the small k of random effects beats one LAPACK call per group by an order of magnitude.
"""

import numpy as np

EPSILON = float(np.finfo(float).eps)


def multiply(A, B, transpose_A=False):
    """Product of two matrices per group, ``A_g B_g`` or ``A_g' B_g``.

    Parameters
    ----------
    A : ndarray of shape (a, k, G), or (k, a, G) where ``transpose_A``
    B : ndarray of shape (k, c, G)
    transpose_A : bool, default=False

    Returns
    -------
    ndarray of shape (a, c, G)
    """
    if len(B) == 1:
        return (A[0] if transpose_A else A[:, 0])[:, None] * B[0]
    return np.einsum("kag,kcg->acg" if transpose_A else "akg,kcg->acg", A, B)


def shared_left(matrix, B):
    """Multiply every group's matrix from the left by one shared matrix.

    Parameters
    ----------
    matrix : ndarray of shape (a, k)
    B : ndarray of shape (k, c, G)

    Returns
    -------
    ndarray of shape (a, c, G)
    """
    if matrix.size == 1:
        return B * matrix[0, 0]
    k, c, G = B.shape
    return (matrix @ B.reshape(k, c * G)).reshape(len(matrix), c, G)


def shared_right(A, matrix):
    """Multiply every group's matrix from the right by one shared matrix.

    Parameters
    ----------
    A : ndarray of shape (a, k, G)
    matrix : ndarray of shape (k, c)

    Returns
    -------
    ndarray of shape (a, c, G)
    """
    if matrix.size == 1:
        return A * matrix[0, 0]
    return np.matmul(matrix.T, A)


def cholesky(M):
    """Lower Cholesky factors, in place of the lower triangles of ``M``.

    Parameters
    ----------
    M : ndarray of shape (k, k, G)
        Positive definite for every group. Its strict upper triangles are left alone.

    Returns
    -------
    logdet : float
        Sum over groups of ``log det M_g``.
    """
    k = len(M)
    pivots = np.ones(M.shape[2])
    for j in range(k):
        for i in range(j):
            M[j, j] -= M[j, i] * M[j, i]
        np.sqrt(M[j, j], out=M[j, j])
        pivots *= M[j, j]
        for i in range(j + 1, k):
            for h in range(j):
                M[i, j] -= M[i, h] * M[j, h]
            M[i, j] /= M[j, j]
    return 2.0 * float(np.log(pivots).sum())


def solve_lower(L, B):
    """Solve ``L_g Y_g = B_g`` for every group, in place of ``B``.

    Parameters
    ----------
    L : ndarray of shape (k, k, G)
        Lower triangular; the strict upper triangles are not read.
    B : ndarray of shape (k, c, G)

    Returns
    -------
    ndarray of shape (k, c, G)
        ``B``, overwritten.
    """
    for j in range(len(L)):
        for i in range(j):
            B[j] -= L[j, i] * B[i]
        B[j] /= L[j, j]
    return B


def semidefinite_root(A):
    """Lower triangular roots of positive semidefinite matrices, ``A_g = L_g L_g'``.

    Parameters
    ----------
    A : ndarray of shape (k, k, G)

    Returns
    -------
    ndarray of shape (k, k, G)
        Columns of zeros where a pivot is no more than rounding.
    """
    k = len(A)
    L = np.zeros_like(A)
    for j in range(k):
        pivot = A[j, j].copy()
        for h in range(j):
            pivot -= L[j, h] * L[j, h]
        own = pivot > 4 * k * EPSILON * A[j, j]
        if own.all():
            np.sqrt(pivot, out=L[j, j])
            inverse = 1.0 / L[j, j]
        else:
            L[j, j] = np.sqrt(np.where(own, pivot, 0.0))
            inverse = np.where(own, 1.0, 0.0) / np.where(own, L[j, j], 1.0)
        for i in range(j + 1, k):
            rest = A[i, j].copy()
            for h in range(j):
                rest -= L[i, h] * L[j, h]
            L[i, j] = rest * inverse
    return L


def solve_semidefinite(L, B):
    """Solve ``L_g Y_g = B_g`` in place of B, with zeros for columns of zeros.

    Parameters
    ----------
    L : ndarray of shape (k, k, G)
        Of :func:`semidefinite_root`.
    B : ndarray of shape (k, c, G)
        In the range of L.

    Returns
    -------
    ndarray of shape (k, c, G)
    """
    for j in range(len(L)):
        for i in range(j):
            B[j] -= L[j, i] * B[i]
        pivot, own = L[j, j], L[j, j] > 0
        B[j] *= 1.0 / pivot if own.all() else own / np.where(own, pivot, 1.0)
    return B


def pick(values, groups):
    """Blocks of some groups, contiguous as ``values[:, :, groups]`` is not.

    Parameters
    ----------
    values : ndarray of shape (a, c, G)
    groups : ndarray of int of shape (n,)

    Returns
    -------
    ndarray of shape (a, c, n)
    """
    return np.take(values, groups, axis=2)


def sum_to_parents(values, parent, n_parents):
    """Add the groups of one level up to the groups of the level above.

    Parameters
    ----------
    values : ndarray of shape (a, c, G)
    parent : ndarray of shape (G,)
    n_parents : int

    Returns
    -------
    ndarray of shape (a, c, n_parents)
    """
    a, c, _ = values.shape
    out = np.empty((a, c, n_parents))
    for i in range(a):
        for j in range(c):
            out[i, j] = np.bincount(parent, values[i, j], minlength=n_parents)
    return out


def relative_root(ZtZ, Lambda):
    """Roots of W = Lambda (I + Lambda'Z'Z Lambda)^-1 Lambda' for every group.

    Parameters
    ----------
    ZtZ : ndarray of shape (k, k, G)
    Lambda : ndarray of shape (k, k)

    Returns
    -------
    N : ndarray of shape (k, k, G)
        With ``W_g = N_g' N_g``.
    logdet : float
        Sum over groups of ``log det(I + Lambda'Z'Z Lambda)``.
    """
    M = shared_right(shared_left(Lambda.T, ZtZ), Lambda)
    for i in range(len(Lambda)):
        M[i, i] += 1.0
    logdet = cholesky(M)
    scaled = np.repeat(Lambda.T[:, :, None], M.shape[2], axis=2)
    return solve_lower(M, scaled), logdet


def levels_major(block):
    """Array of shape (k, c, G) as a matrix of shape (G k, c)."""
    k, c, G = block.shape
    return block.transpose(2, 0, 1).reshape(G * k, c)


def groups_last(matrix, shape):
    """Matrix of shape (G k, c) as an array of shape (k, c, G)."""
    k, c, G = shape
    return matrix.reshape(G, k, c).transpose(1, 2, 0)
