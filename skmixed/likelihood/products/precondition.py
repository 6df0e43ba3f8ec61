"""A basis of the random effects in which theta has no units."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.linalg.grouped import shared_left, shared_right
from skmixed.likelihood.products.basis import orthogonalise
from skmixed.likelihood.products.cross_products import CrossProducts

# A column of z adds nothing to the ones before it when it is shorter than this, squared
# and relative to its own length.
COLLINEAR = 1e-12


@dataclass(frozen=True, eq=False)
class Preconditioned:
    """Cross-products in a basis where every term's mean Z'Z is the identity.

    Parameters
    ----------
    original : CrossProducts
    A : CrossProducts
        In the basis.
    bases : tuple of ndarray of shape (k_j, k_j)
        ``z = z_frame @ basis``; upper triangular, within terms.

    Notes
    -----
    An unstructured covariance is the same model in any basis of its term's columns; a
    diagonal one only under scaling of each column. Start, steps and tolerances of the
    optimiser and the verdict on singularity are then free of the covariates' scales.
    """

    original: CrossProducts
    A: CrossProducts
    bases: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, A):
        """Precondition some cross-products.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        Preconditioned
        """
        bases = tuple(
            whitening(ZtZ.sum(axis=2) / A.n_obs, factor.template)
            for ZtZ, factor in zip(A.ZtZ, A.factors, strict=True)
        )
        return cls(A, change_basis(A, bases), bases)

    def rotated(self, rotations):
        """Turn the basis further.

        Parameters
        ----------
        rotations : sequence of ndarray of shape (k_j, k_j)
            Orthogonal, within the free blocks of the templates.

        Returns
        -------
        Preconditioned
        """
        bases = tuple(B @ Q for B, Q in zip(self.bases, rotations, strict=True))
        return Preconditioned(self.original, change_basis(self.A, rotations), bases)

    @property
    def to_raw(self):
        """Maps T with ``b_raw = T b``, of shape (k_j, k_j)."""
        return [
            frame.to_raw @ basis
            for frame, basis in zip(self.A.frame.random, self.bases, strict=True)
        ]


def change_basis(A, bases):
    """Cross-products of ``z_j @ bases[j]`` in place of ``z_j``.

    Parameters
    ----------
    A : CrossProducts
    bases : sequence of ndarray of shape (k_j, k_j)

    Returns
    -------
    CrossProducts
    """
    return replace(
        A,
        ZtZ=tuple(
            shared_right(shared_left(B.T, block), B)
            for B, block in zip(bases, A.ZtZ, strict=True)
        ),
        ZtXy=tuple(
            shared_left(B.T, block) for B, block in zip(bases, A.ZtXy, strict=True)
        ),
        pairs=tuple(
            replace(pair, data=bases[pair.first].T @ pair.data @ bases[pair.second])
            for pair in A.pairs
        ),
    )


def whitening(S, template):
    """Upper-triangular B with ``B'S B = I`` within every free block of a template.

    Parameters
    ----------
    S : ndarray of shape (k, k)
        Mean of Z'Z.
    template : CovarianceTemplate

    Returns
    -------
    ndarray of shape (k, k)
        An effect that depends on the ones before it has a column of zeros, and with it
        no variance of its own.
    """
    B = np.zeros_like(S)
    for block in template.free_blocks():
        lengths = np.sqrt(np.diag(S[block, block]))
        scale = np.where(lengths > 0, lengths, 1.0)[:, None]
        B[block, block] = inverse_root(S[block, block] / (scale * scale.T)) / scale
    return B


def inverse_root(S):
    """Upper-triangular B with ``B'S B = I``, for an S of unit diagonal.

    Parameters
    ----------
    S : ndarray of shape (k, k)

    Returns
    -------
    ndarray of shape (k, k)
        Columns of zeros where ``B'S B`` has a zero on its diagonal instead.
    """
    root, info = lapack.dpotrf(S, lower=1, clean=1)
    if not info and np.diag(root).min() ** 2 > COLLINEAR:
        return lapack.dtrtri(root, lower=1)[0].T
    mix, remainders = orthogonalise(S)
    own = remainders > COLLINEAR
    return mix * (own / np.sqrt(np.where(own, remainders, 1.0)))
