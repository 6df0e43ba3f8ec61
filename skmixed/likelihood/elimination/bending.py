"""Blocks of Z'V^-1 Z at a singular Psi, from some near it that have inverses."""

import numpy as np

# Nearer singular than this, Lambda is bent before its inverse is asked for, by steps
# that are small for the data: a step times Z'Z.
INVERTIBLE, BEND = 1e-4, 1e-4


def have_inverses(Lambdas):
    """Whether all are far enough from singular for P to be found by their inverses."""
    return all(
        np.linalg.svd(L, compute_uv=False)[-1] >= INVERTIBLE for L in Lambdas if len(L)
    )


def bent(Lambdas, ZtZ, step):
    """Lambdas whose Psi have inverses, a number of small steps away.

    Parameters
    ----------
    Lambdas : list of ndarray of shape (k_j, k_j)
    ZtZ : list of ndarray of shape (k_j, k_j, G_j)
    step : int

    Returns
    -------
    list of ndarray of shape (k_j, k_j)
    """
    found = []
    for L, block in zip(Lambdas, ZtZ, strict=True):
        U, values, _ = np.linalg.svd(L)
        largest = max(np.abs(np.einsum("aag->ag", block)).max(), 1e-300)
        added = step * BEND / largest * (values < INVERTIBLE)
        found.append(U * np.sqrt(values**2 + added))
    return found


def straight(ask):
    """Extrapolate what is smooth in Psi from one, two and three steps away.

    Parameters
    ----------
    ask : callable
        ``ask(step)`` gives a list of arrays, by factor.

    Returns
    -------
    list of ndarray
    """
    return [
        3.0 * (one - two) + three
        for one, two, three in zip(ask(1), ask(2), ask(3), strict=True)
    ]
