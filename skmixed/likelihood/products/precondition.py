"""A basis of the random effects in which theta has no units."""

from dataclasses import replace

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.linalg.grouped import shared_left, shared_right
from skmixed.likelihood.products.freeze import orthogonalise

# A column of z adds nothing to the ones before it when it is shorter than this, squared
# and relative to its own length.
COLLINEAR = 1e-12


def scale_free(A):
    """Cross-products in a basis where every term's mean Z'Z is the identity.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    CrossProducts

    Notes
    -----
    An unstructured covariance is the same model in any basis of its term's columns; a
    diagonal one only under scaling of each column. Start, steps and tolerances of the
    optimiser and the verdict on singularity are then free of the covariates' scales.
    """
    bases = [
        whitening(ZtZ.sum(axis=2) / A.n_obs, factor.structure)
        for ZtZ, factor in zip(A.ZtZ, A.factors, strict=True)
    ]
    return change_basis(A, bases)


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
        basis=A.basis.mixed(bases),
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


def whitening(S, structure):
    """Upper-triangular B with ``B'S B = I`` within every free block of a structure.

    Parameters
    ----------
    S : ndarray of shape (k, k)
        Mean of Z'Z.
    structure : Structure

    Returns
    -------
    ndarray of shape (k, k)
        An effect that depends on the ones before it has a column of zeros, and with it
        no variance of its own. Effects whose covariance is not free keep one scale,
        that of their mean.
    """
    B = np.zeros_like(S)
    for block in structure.blocks:
        if block not in structure.free_blocks:
            own = S[block, block]
            B[block, block] = np.eye(len(own)) / np.sqrt(np.trace(own) / len(own))
            continue
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
