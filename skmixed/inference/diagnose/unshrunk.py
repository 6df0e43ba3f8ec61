"""Random effects without shrinkage: by least squares, or on their own scale."""

import numpy as np

# A group's effects are determined if no direction of its rows is shorter than this.
DETERMINED = 1e-10
# Modes that vary less than this share of their effects' variance do not vary.
STILL = 1e-10


def unshrunk_effects(result, factor):
    """Random effects of one factor by least squares, without their distribution.

    Parameters
    ----------
    result : FitResult
    factor : int

    Returns
    -------
    ndarray of shape (G, k)
        NaN where the rows of a group do not determine all effects.

    Notes
    -----
    With r = y - X beta - sum of Z_l b_l over the other factors, at the estimates and
    the conditional modes, ``(Z_g'W Z_g)^-1 Z_g'W r``: the limit of the conditional mode
    as the covariance of the factor's effects grows. Where the fixed effects are those
    of the factor, ``beta`` plus this is the regression of the group's rows alone.
    """
    A = result.A
    right = A.ZtXy[factor][:, -1] - np.tensordot(
        A.ZtXy[factor][:, :-1], A.basis.coef_from_raw(result.coef), axes=(1, 0)
    )
    for pair in A.pairs:
        if factor not in (pair.first, pair.second):
            continue
        product = pair.to_csr()
        other = pair.second if pair.first == factor else pair.first
        into = A.basis.random[other].coordinates
        modes = (result.modes[other] @ into.T).ravel()
        taken = product @ modes if pair.first == factor else product.T @ modes
        right = right - taken.reshape(right.shape[::-1]).T
    ZtZ = A.ZtZ[factor].transpose(2, 0, 1)
    values, vectors = np.linalg.eigh(ZtZ)
    determined = values[:, 0] > DETERMINED * np.maximum(values[:, -1], 1.0)
    rotated = np.einsum("gab,ag->gb", vectors, right)
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = np.einsum("gab,gb->ga", vectors, rotated / values)
    effects[~determined] = np.nan
    return A.basis.random[factor].raw(effects.T).T


def standardise_modes(modes, variances, conditional):
    """Divide conditional modes by their own standard deviations.

    Parameters
    ----------
    modes : ndarray of shape (G, k)
    variances : ndarray of shape (k,)
        Of the effects.
    conditional : ndarray of shape (G, k)
        Of the effects given the data.

    Returns
    -------
    ndarray of shape (G, k)
        Standard normal if the model is right, whatever the groups' sizes: a mode has
        variance ``Var(b) - Var(b | y)``. NaN where that is zero.
    """
    left = variances - conditional
    return modes / np.sqrt(np.where(left > STILL * variances, left, np.nan))
