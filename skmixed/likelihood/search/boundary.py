"""The boundary of the parameter space: leaving it, and naming what lies on it."""

from dataclasses import replace

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.search.optimize import ROUNDING, minimise

# Directions of Lambda shorter than this, relative to its longest, may be on the
# boundary.
THIN = 1e-2
# A covariance direction is let in when its slope is below minus this, relative to the
# mean of Z'V^-1 Z.
SLOPE = 1e-5
# Amounts of it that are tried, relative to the mean variance.
AMOUNTS = (1e-3, 1e-2, 1e-1)
# An estimate whose smallest singular value is below this is singular, as in lme4.
SINGULAR = 1e-4
# Squared length of a column, relative to its own, that others leave of it where it
# depends on them.
DEPENDENT = 1e-11
# Deviances that differ by less, relative to their size, are the same.
EQUAL = 1e-9


def leave_boundary(deviance, optimum, **options):
    """Check the optimality of zero variances, and go on where one is not optimal.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum
    **options
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum

    Notes
    -----
    With N a basis of the null space of Lambda', a minimum on the boundary needs
    ``N' G_Psi N`` to be positive semidefinite (Karush, Kuhn and Tucker). The gradient
    in theta, 2 G_Psi Lambda, is blind to those directions.
    """
    for _ in range(4):
        thin = thin_directions(deviance, optimum.theta)
        if not thin:
            break
        at = deviance.derivatives(deviance.at(optimum.theta))
        start = best_escape(deviance, optimum, thin, at)
        if start is None:
            break
        further = minimise(deviance, start, **options)
        if further.value >= optimum.value - 1e-9:
            break
        optimum = further
    return optimum


def thin_directions(deviance, theta):
    """Null directions of every free block of Lambda, and structures without variance.

    Parameters
    ----------
    deviance : ProfiledDeviance
    theta : ndarray of shape (m,)

    Returns
    -------
    list of tuple (factor, block, ndarray of shape (size, n_null))
    """
    found = []
    for j, Lambda in enumerate(deviance.relative_factors(theta)):
        structure = deviance.structures[j]
        for block in structure.blocks:
            U, values, _ = np.linalg.svd(Lambda[block, block])
            null = values < THIN * max(values[0], THIN)
            if null.all() or (null.any() and block in structure.free_blocks):
                found.append((j, block, U[:, null]))
    return found


def best_escape(deviance, optimum, thin, at):
    """Best start off the boundary, if the deviance falls off it.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum
    thin : list
        As :func:`thin_directions` returns.
    at : Derivatives
        At the optimum.

    Returns
    -------
    ndarray of shape (m,) or None
    """
    best, value = None, optimum.value - 1e-9
    Lambdas = deviance.relative_factors(optimum.theta)
    for j, block, N in thin:
        slopes, vectors = np.linalg.eigh(N.T @ at.G_Psi[j][block, block] @ N)
        if slopes[0] >= -SLOPE * at.scale[j]:
            continue
        direction = N @ vectors[:, 0]
        Psi = Lambdas[j] @ Lambdas[j].T
        unit = max(np.trace(Psi[block, block]) / len(direction), 0.1)
        for amount in AMOUNTS:
            moved = Psi.copy()
            moved[block, block] += amount * unit * np.outer(direction, direction)
            theta = optimum.theta.copy()
            theta[deviance.spans[j]] = deviance.structures[j].nearest(moved, 1e-8)
            tried = deviance.at(theta).value
            if tried < value:
                best, value = theta, tried
    return best


def snap_to_boundary(deviance, optimum):
    """Set covariance directions that are zero but for rounding to exactly zero.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum

    Returns
    -------
    Optimum
        The given one where zero is worse.
    """
    theta = optimum.theta.copy()
    for structure, span in zip(deviance.structures, deviance.spans, strict=True):
        theta[span] = structure.snap(theta[span], SINGULAR)
    value = deviance.at(theta).value
    if value > optimum.value + ROUNDING * abs(value) + 1e-12:
        return optimum
    return replace(
        optimum, theta=theta, value=min(value, optimum.value), n_iter=optimum.n_iter + 1
    )


def ground(deviance, optimum):
    """Take standard deviations to zero that the deviance does not depend on.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum

    Returns
    -------
    deviance : ProfiledDeviance
    optimum : Optimum
        Where fixed effects span the random ones, the restricted likelihood holds
        nothing on their variance, and standard errors would be what it happens to be.
    """
    A, Lambdas = deviance.A, deviance.relative_factors(optimum.theta)
    for j, root in enumerate(Lambdas if deviance.reml else ()):
        spanned = spanned_effects(A, j)
        if not spanned.any():
            continue
        mix = A.basis.random[j].mix
        mix = np.eye(len(root)) if mix is None else mix
        less = np.linalg.pinv(mix) @ np.where(spanned[:, None], 0.0, mix @ root)
        theta = optimum.theta.copy()
        theta[deviance.spans[j]] = deviance.structures[j].nearest(less @ less.T)
        value = deviance.at(theta).value
        if value <= optimum.value + EQUAL * max(1.0, abs(value)):
            optimum = replace(optimum, theta=theta, value=min(value, optimum.value))
    return deviance, optimum


def spanned_effects(A, j):
    """Which effects of a factor the fixed effects reproduce, each of its levels.

    Parameters
    ----------
    A : CrossProducts
    j : int

    Returns
    -------
    ndarray of bool of shape (k,)
        Of the columns as they are shifted and scaled, before they are mixed.
    """
    p, mix = A.n_fixed, A.basis.random[j].mix
    if p < A.factors[j].n_levels:
        return np.zeros(A.factors[j].n_effects, dtype=bool)
    back = np.eye(A.factors[j].n_effects) if mix is None else np.linalg.pinv(mix)
    products = np.einsum("ba,bmg->amg", back, A.ZtXy[j][:, :p])
    total = np.diag(back.T @ A.ZtZ[j].sum(axis=2) @ back)
    root = lapack.dtrtri(np.linalg.cholesky(A.gram[:p, :p]), lower=1)[0]
    explained = np.square(np.matmul(root, products)).sum(axis=(1, 2))
    return total - explained <= DEPENDENT * total


def singular_terms(A, Lambdas):
    """Name the random terms whose covariance is estimated on the boundary.

    Parameters
    ----------
    A : CrossProducts
    Lambdas : list of ndarray of shape (k_j, k_j)
        In the basis, where effects have unit root mean square.

    Returns
    -------
    tuple of tuple (term, effects)
        ``effects``: positions within the term whose standard deviation is zero; empty
        where a correlation, or several together, are at their limit.
    """
    found = []
    for term, (j, effects, _) in enumerate(A.terms):
        index = np.ix_(effects, effects)
        # weights of any size: the residual variance is that of a row of mean weight
        mean_weight = np.trace(A.ZtZ[j].sum(axis=2)) / (len(Lambdas[j]) * A.n_obs)
        Lambda = np.sqrt(mean_weight) * Lambdas[j]
        Psi = (Lambda @ Lambda.T)[index]
        if np.linalg.eigvalsh(Psi)[0] >= SINGULAR**2:
            continue
        basis = A.basis.random[j]
        lengths = np.linalg.norm(basis.raw(Lambda)[index], axis=1)
        lengths *= basis.scale[list(effects)]
        found.append((term, tuple(np.flatnonzero(lengths < SINGULAR).tolist())))
    return tuple(found)
