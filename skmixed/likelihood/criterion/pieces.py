"""What gradient and curvature of a generalised model's deviance are made of."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack


@dataclass(frozen=True, eq=False)
class Pieces:
    """What gradient and curvature are made of at one x, in the basis of the rows.

    Parameters
    ----------
    Psi : list of ndarray of shape (k_j, k_j)
    f, e : list of ndarray of shape (k_j, G_j)
        ``Z's`` and ``Z'V^-1(t/W)``.
    columns, F : list of ndarray of shape (k_j, p + r, G_j)
        ``Z'W[X, -s_psi/W]``, and the same with V^-1 in place of W.
    D : list of ndarray of shape (m_j, k_j, k_j)
        ``dPsi_j`` in every theta of the factor.
    """

    Psi: list
    f: list
    e: list
    columns: list
    F: list
    D: list


def contract(columns, values):
    """Sum over k and G of columns (k, c, G) times values (k, G)."""
    k, c, n_levels = columns.shape
    return columns.transpose(1, 0, 2).reshape(c, k * n_levels) @ values.ravel()


def inverse_root(S):
    """Upper-triangular B with ``B'S B = I``."""
    if not len(S):
        return S
    root, info = lapack.dpotrf(S, lower=1, clean=1)
    if info:
        return np.diag(1.0 / np.sqrt(np.maximum(np.diag(S), 1e-300)))
    return lapack.dtrtri(root, lower=1)[0].T
