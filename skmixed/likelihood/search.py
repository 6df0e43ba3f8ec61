"""From a start to the best optimum that can be found, boundary included."""

import numpy as np

from skmixed.likelihood.boundary import (
    leave_boundary,
    snap_to_boundary,
    thin_directions,
)
from skmixed.likelihood.covariance import lower_root
from skmixed.likelihood.deviance import ProfiledDeviance
from skmixed.likelihood.elimination import choose_elimination
from skmixed.likelihood.optimize import minimise
from skmixed.likelihood.precondition import Preconditioned
from skmixed.likelihood.start import starting_theta

# Standard deviation, relative to sigma, of every effect in the second start.
SECOND_START = 0.5


def search(A, reml, regime=None, **options):
    """Minimise the deviance of a model.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    regime : str, optional
        Of :func:`choose_elimination`.
    **options
        Of :func:`skmixed.likelihood.optimize.minimise`.

    Returns
    -------
    scale_free : Preconditioned
    deviance : ProfiledDeviance
    optimum : Optimum

    Notes
    -----
    Small samples have local optima of singular covariance matrices, and near those a
    triangular Lambda is almost free to rotate, which makes for slow steps along a curved
    valley. Where several effects that covary end up singular, a second start is tried,
    and the better optimum is refined in the basis of its eigenvectors, where Lambda is
    diagonal and the valley straight.
    """
    scale_free = Preconditioned.of(A)
    deviance = ProfiledDeviance(
        scale_free.A, choose_elimination(scale_free.A, regime), reml
    )
    theta = starting_theta(scale_free.A)
    optimum = leave_boundary(deviance, minimise(deviance, theta, **options), **options)
    if not thin_directions(deviance, optimum.theta):
        return scale_free, deviance, optimum
    if any(
        block.stop - block.start > 1
        for _, block, _ in thin_directions(deviance, optimum.theta)
    ):
        theta = np.concatenate(
            [
                template.nearest_theta(SECOND_START**2 * np.eye(template.n_effects))
                for template in deviance.templates
            ]
        )
        second = minimise(deviance, theta, **options)
        second = leave_boundary(deviance, second, **options)
        if second.value < optimum.value:
            optimum = second
        scale_free, theta = eigenbasis(scale_free, deviance, optimum.theta)
        elimination = choose_elimination(scale_free.A, regime)
        deviance = ProfiledDeviance(scale_free.A, elimination, reml)
        optimum = minimise(deviance, theta, **options)
        optimum = leave_boundary(deviance, optimum, **options)
    return scale_free, deviance, snap_to_boundary(deviance, optimum)


def eigenbasis(scale_free, deviance, theta):
    """Turn every free block of the random effects to its principal axes.

    Parameters
    ----------
    scale_free : Preconditioned
    deviance : ProfiledDeviance
    theta : ndarray of shape (m,)

    Returns
    -------
    scale_free : Preconditioned
    theta : ndarray of shape (m,)
        The same covariances in the new basis.
    """
    rotations, thetas = [], []
    for Lambda, template in zip(
        deviance.relative_factors(theta), deviance.templates, strict=True
    ):
        Q, turned = np.eye(len(Lambda)), np.zeros_like(Lambda)
        for block in template.free_blocks():
            U, values, _ = np.linalg.svd(Lambda[block, block])
            Q[block, block] = U
            turned[block, block] = lower_root(np.diag(values))
        rotations.append(Q)
        thetas.append(turned[template.entries])
    return scale_free.rotated(rotations), np.concatenate(thetas)
