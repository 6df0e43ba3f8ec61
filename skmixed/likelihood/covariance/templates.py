"""Covariance templates: theta to the relative covariance factor Lambda of a factor."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import lapack


@dataclass(frozen=True)
class CovarianceTemplate:
    """Which entries of one grouping factor's Lambda are free.

    Several random terms of one factor sit side by side; their covariance is block
    diagonal. ``b = Lambda u`` with ``u`` of variance sigma^2, as in Bates et al.
    (2015), Journal of Statistical Software 67(1), section 2.3.

    Parameters
    ----------
    blocks : tuple of tuple (start, stop, diagonal)
        One entry per random term: its effects ``start:stop`` and whether their
        covariance is diagonal.
    """

    blocks: tuple[tuple[int, int, bool], ...]

    @property
    def n_effects(self):
        """Number of effects k of the factor."""
        return self.blocks[-1][1]

    @property
    def entries(self):
        """Rows and columns of the free entries, each term's lower triangle by columns.

        Returns
        -------
        rows, cols : ndarray of int of shape (m,)
        """
        return free_entries(self.blocks)

    def relative_factor(self, theta):
        """Relative covariance factor Lambda.

        Parameters
        ----------
        theta : ndarray of shape (m,)

        Returns
        -------
        ndarray of shape (k, k)
            Lower triangular.
        """
        Lambda = np.zeros((self.n_effects, self.n_effects))
        Lambda[self.entries] = theta
        return Lambda

    def nearest_theta(self, Psi, floor=0.0):
        """Parameters of the template's covariance nearest to a given one.

        Parameters
        ----------
        Psi : ndarray of shape (k, k)
            Symmetric; need not be positive definite, nor follow the template.
        floor : float, default=0.0
            Smallest eigenvalue of each term's block.

        Returns
        -------
        ndarray of shape (m,)
        """
        Lambda = np.zeros_like(Psi, dtype=float)
        for start, stop, diagonal in self.blocks:
            block = Psi[start:stop, start:stop]
            if diagonal:
                variances = np.maximum(np.diag(block), floor)
                Lambda[start:stop, start:stop] = np.diag(np.sqrt(variances))
            else:
                Lambda[start:stop, start:stop] = floored_root(block, floor)
        return Lambda[self.entries]

    def canonical(self, root):
        """Lower-triangular factor of the same covariance, nonnegative on its diagonal.

        Parameters
        ----------
        root : ndarray of shape (k, k)

        Returns
        -------
        ndarray of shape (k, k)
        """
        factor = np.zeros_like(root)
        for block in self.free_blocks():
            factor[block, block] = lower_root(root[block, block])
        return factor

    def free_blocks(self):
        """Index sets whose covariance is unrestricted: terms, or single effects.

        Returns
        -------
        list of slice
        """
        return [
            slice(a, b)
            for start, stop, diagonal in self.blocks
            for a, b in (
                [(i, i + 1) for i in range(start, stop)]
                if diagonal
                else [(start, stop)]
            )
        ]


@lru_cache(maxsize=256)
def free_entries(blocks):
    """Rows and columns of the free entries of a template's blocks."""
    pairs = [pair for block in blocks for pair in block_entries(*block)]
    rows, cols = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    rows.flags.writeable = cols.flags.writeable = False
    return rows, cols


def block_entries(start, stop, diagonal):
    """Free entries of one term's Lambda, its lower triangle by columns as in lme4.

    Parameters
    ----------
    start, stop : int
    diagonal : bool

    Returns
    -------
    list of tuple (row, column)
    """
    if diagonal:
        return [(i, i) for i in range(start, stop)]
    return [(i, j) for j in range(start, stop) for i in range(j, stop)]


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
