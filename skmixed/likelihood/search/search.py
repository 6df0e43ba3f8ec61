"""From a start to the best optimum that can be found, boundary included."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.covariance.roots import lower_root
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.linalg.probes import Probes
from skmixed.likelihood.products.precondition import change_basis, scale_free
from skmixed.likelihood.search.boundary import (
    leave_boundary,
    snap_to_boundary,
    thin_directions,
)
from skmixed.likelihood.search.optimize import NewtonStep, minimise
from skmixed.likelihood.search.rivals import (
    PROFILE,
    basins,
    can_scan,
    correlated,
    is_small,
    isotropic,
    look_afar,
    near_floor,
    uneven,
    within_starts,
)
from skmixed.likelihood.search.scan import scan
from skmixed.likelihood.search.start import starting_theta

# Variances, relative to the residual's, of the scale-free effects in further starts:
# the first of them, and all in small designs with several covariance parameters.
FURTHER_VARIANCES = (0.25, 0.05, 1.0, 4.0, 25.0, 400.0, 1e4, 1e6)
# Starts with correlations, the lowest of many, that a search goes on from.
MOST_PROMISING = 12
# An exact search that factors matrices of so many columns starts where an estimated one
# ends.
SEEDED_FROM = 3000
# Half the decrement of an estimated deviance that is worth no further step: it leaves
# theta off by 1 % of its standard error, as much as probes may, and mostly by a third
# of that; single precision bends its gradient.
ESTIMATED_TOL = 5e-5
# Optima of a flat deviance that differ by less are the same.
SAME = 1e-7


def search(A, reml, regime=None, start=None, **options):
    """Minimise the deviance of a model.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    regime : str, optional
        Of :func:`choose_elimination`.
    start : ndarray of shape (m,), optional
        In the scale-free basis, instead of the moments.
    **options
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    deviance : ProfiledDeviance
        In a scale-free basis.
    optimum : Optimum

    Notes
    -----
    Small samples have local optima with variances of zero, and near singular covariance
    matrices a triangular Lambda is almost free to rotate, which makes for slow steps
    along a curved valley. Where a variance ends up zero, further starts are tried;
    where effects covary, the best optimum is refined in the basis of its eigenvectors,
    where Lambda is diagonal and the valley straight. Where the deviance is flat, the
    data do not tell the parameters apart; of its optima the one is taken that Newton's
    steps reach from unit variances, lme4's start. An estimated deviance is of so many
    groups that it is searched from one start.
    """
    deviance = deviance_of(scale_free(A), reml, regime)
    if deviance.elimination.estimates:
        options["tol"] = max(options["tol"], ESTIMATED_TOL)
    if not deviance.n_theta:
        return deviance, minimise(deviance, np.zeros(0), **options)
    optimum = best_of_basins(deviance, start, options)
    thin = thin_directions(deviance, optimum.theta)
    if thin:
        optimum = leave_boundary(deviance, optimum, **options)
        thin = thin_directions(deviance, optimum.theta)
    kept = structured(deviance)
    if not (optimum.flat or thin or kept):
        return deviance, replace(optimum, n_iter=deviance.n_evaluations)
    if not deviance.elimination.estimates:
        optimum = best_of_starts(deviance, optimum, bool(thin), options)
    spent = 0
    if covary(deviance):
        A, theta = eigenbasis(deviance, optimum.theta)
        spent = deviance.n_evaluations
        del deviance  # its buffers may be as large as those of the next one
        deviance = deviance_of(A, reml, regime)
        optimum = descend(deviance, theta, options)
    optimum = snap_to_boundary(deviance, optimum)
    return deviance, replace(optimum, n_iter=spent + deviance.n_evaluations)


def best_of_basins(deviance, start, options):
    """Descend from the moments, and once more where another basin may be deeper.

    Parameters
    ----------
    deviance : ProfiledDeviance
    start : ndarray of shape (m,) or None
        Instead of the moments.
    options : dict
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum
    """
    start = starting_theta(deviance.A) if start is None else start
    if deviance.elimination.estimates:
        return minimise(deviance, start, **options)
    if deviance.elimination.n_dense >= SEEDED_FROM:
        start = estimated_theta(deviance, start)
    if deviance.n_theta == 1 and can_scan(deviance, len(PROFILE)):
        return best_of_valleys(deviance, start, options)
    scanned, afar = look_afar(deviance)
    optimum = minimise(deviance, evaluable(deviance, start), **options)
    for theta in within_starts(deviance, optimum, afar):
        optimum = better(optimum, descend(deviance, theta, options))
    for value, theta in scanned:
        if value < optimum.value - SAME:
            optimum = better(optimum, descend(deviance, theta, options))
    return optimum


def estimated_theta(deviance, start):
    """Optimum of the same deviance as probes estimate it, which takes less long.

    Parameters
    ----------
    deviance : ProfiledDeviance
        Of factors that cross.
    start : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (m,)
    """
    A = replace(deviance.A, probes=Probes())
    estimated = deviance_of(A, deviance.reml, None)
    return minimise(estimated, start, tol=ESTIMATED_TOL).theta


def best_of_valleys(deviance, start, options):
    """Settle a single variance by its profile.

    Parameters
    ----------
    deviance : ProfiledDeviance
    start : ndarray of shape (1,)
    options : dict
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum
    """
    (_, theta), *others = basins(deviance, start) or [(-np.inf, start)]
    optimum = minimise(deviance, theta, **options)
    for promised, theta in others:
        if promised < optimum.value - SAME:
            floor = near_floor(deviance, theta)
            optimum = better(optimum, descend(deviance, floor, options))
    return optimum


def better(optimum, another):
    """The lower of two optima; the first of two that are the same."""
    return another if another.value < optimum.value - SAME else optimum


def best_of_starts(deviance, optimum, thin, options):
    """Best optimum that can be reached from other starts.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum
        The best one so far.
    thin : bool
        Whether a variance of it is zero. Else other starts are descended from only
        where they are below it already.
    options : dict
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum
    """
    if optimum.flat or is_flat(deviance, optimum.theta):
        second = descend(deviance, unit_theta(deviance), options)
        if second.value < optimum.value + SAME:
            optimum = second
    if thin:
        starts = further_starts(deviance)
    else:
        starts = below(deviance, optimum) if structured(deviance) else ()
    for theta in starts:
        optimum = better(optimum, descend(deviance, theta, options))
    return optimum


def below(deviance, optimum):
    """Starts with correlations whose deviance is below an optimum's."""
    if not is_small(deviance):
        return []
    thetas = correlated(tuple(deviance.structures))
    if len(deviance.structures) == 1 and can_scan(deviance, len(thetas)):
        values, _ = scan(deviance, thetas)
    else:
        values = np.array([deviance.at(theta).value for theta in thetas])
    order = np.argsort(values)
    return thetas[order[values[order] < optimum.value - SAME]]


def deviance_of(A, reml, regime):
    """Deviance of a model in the basis of its cross-products."""
    elimination = choose_elimination(A, regime, rough=True)
    return ProfiledDeviance(A, elimination, reml)


def descend(deviance, theta, options):
    """Minimise from a start, and off the boundary where it is not optimal."""
    optimum = minimise(deviance, theta, **options)
    if np.isinf(optimum.value):
        return optimum
    return leave_boundary(deviance, optimum, **options)


def evaluable(deviance, start):
    """Start, or one where the deviance can be computed in its place."""
    if np.isfinite(deviance.at(start).value):
        return start
    for theta in (unit_theta(deviance), np.zeros(len(start))):
        if np.isfinite(deviance.at(theta).value):
            return theta
    return start


def further_starts(deviance):
    """Starts for a search whose first optimum has variances of zero.

    Parameters
    ----------
    deviance : ProfiledDeviance

    Yields
    ------
    ndarray of shape (m,)
    """
    small = is_small(deviance)
    if small and deviance.n_theta > 2:
        variances = FURTHER_VARIANCES
    elif covary(deviance) or structured(deviance) or (small and deviance.n_theta == 2):
        variances = FURTHER_VARIANCES[:1]
    else:
        variances = ()
    for variance in variances:
        yield isotropic(deviance, variance)
    if small and structured(deviance):
        thetas = correlated(tuple(deviance.structures))
        values = [deviance.at(theta).value for theta in thetas]
        for i in np.argsort(values)[:MOST_PROMISING]:
            yield thetas[i]
    if small and deviance.n_theta > 1:
        yield from uneven(deviance.structures)


def covary(deviance):
    """Whether any two effects of one level have a free covariance."""
    return any(
        block.stop - block.start > 1
        for structure in deviance.structures
        for block in structure.free_blocks
    )


def structured(deviance):
    """Whether any covariance is not free: its correlations may make several optima."""
    return any(
        block not in structure.free_blocks
        for structure in deviance.structures
        for block in structure.blocks
    )


def is_flat(deviance, theta):
    """Whether some combination of parameters leaves the deviance as it is."""
    at = deviance.derivatives(deviance.at(theta))
    return NewtonStep(at.gradient, at.hessian).flat


def unit_theta(deviance):
    """Theta of random effects that have the residual variance on the raw scale."""
    thetas = []
    bases = deviance.A.basis.random
    for basis, structure in zip(bases, deviance.structures, strict=True):
        root = np.linalg.pinv(basis.to_raw)
        thetas.append(structure.nearest(root @ root.T))
    return np.concatenate(thetas)


def eigenbasis(deviance, theta):
    """Turn every free block of the random effects to its principal axes.

    Parameters
    ----------
    deviance : ProfiledDeviance
    theta : ndarray of shape (m,)

    Returns
    -------
    A : CrossProducts
    theta : ndarray of shape (m,)
        The same covariances in the new basis.
    """
    rotations, thetas = [], []
    for Lambda, structure, span in zip(
        deviance.relative_factors(theta),
        deviance.structures,
        deviance.spans,
        strict=True,
    ):
        Q = np.eye(len(Lambda))
        for block in structure.free_blocks:
            Q[block, block] = np.linalg.svd(Lambda[block, block])[0]
        rotations.append(Q)
        thetas.append(structure.change_roots(theta[span], straightened))
    return change_basis(deviance.A, rotations), np.concatenate(thetas)


def straightened(root):
    """Root of the same covariance on its principal axes."""
    return lower_root(np.diag(np.linalg.svd(root, compute_uv=False)))
