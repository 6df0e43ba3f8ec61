"""Likelihood of a model without some fixed effects, without the rows of the fit."""

from dataclasses import replace

import numpy as np
from scipy.linalg import null_space

from skmixed.inference.opened.residual_refit import residual_deviance_with
from skmixed.likelihood.elimination.regime import bid_for
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.search.search import search


def deviance_without(result, positions, **options):
    """Deviance of the model by maximum likelihood without some of its columns.

    Parameters
    ----------
    result : FitResult
    positions : sequence of int
        Kept fixed effects that are left out.
    **options
        Of :func:`skmixed.likelihood.search.search.search`.

    Returns
    -------
    float

    Notes
    -----
    With C the contrasts of the basis that are these coefficients, and c what they are
    where the basis's are zero (its response has a rough fit taken off), the model is
    ``beta = -C^+ c + N gamma``, N the null space of C. The cross-products are linear in
    those of all columns.
    """
    A, own = result.A, list(positions)
    B = columns_left(A, own)
    if result.residual is not None:
        return residual_deviance_with(result, B) - A.sum_log_weights
    smaller = replace(
        A,
        gram=B.T @ A.gram @ B,
        ZtXy=tuple(np.einsum("kmg,mc->kcg", block, B) for block in A.ZtXy),
    )
    with blas_threads(bid_for(A).columns):
        _, optimum = search(smaller, False, **options)
    return float(optimum.value) - A.sum_log_weights


def columns_left(A, own):
    """Combinations of [X y] that are those of a model without some coefficients.

    Parameters
    ----------
    A : CrossProducts
    own : list of int

    Returns
    -------
    ndarray of shape (p + 1, p - len(own) + 1)
    """
    contrasts = A.basis.contrasts(np.eye(A.n_fixed)[own])
    crude = A.basis.raw_coef(np.zeros(A.n_fixed))[own]
    p, left = A.n_fixed, null_space(contrasts)
    B = np.zeros((p + 1, left.shape[1] + 1))
    B[:p, :-1], B[p, -1] = left, 1.0
    B[:p, -1] = np.linalg.pinv(contrasts) @ crude
    return B
