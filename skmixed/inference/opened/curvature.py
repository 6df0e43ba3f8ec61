"""The criterion around its optimum, in the variance parameters (theta, log sigma)."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.criterion.profiled import ProfiledDeviance, ProfiledPoint

# Columns of Lambda shorter than this are at the boundary, as in the fit.
ZERO = 1e-4
# Step of the differences of an exact gradient, relative to theta.
STEP = 1e-3
# Curvature below this, relative to the largest, leaves a parameter undetermined.
FLAT = 1e-8


@dataclass(frozen=True, eq=False)
class Curvature:
    """Second-order knowledge about a fit, in the scale-free basis.

    Parameters
    ----------
    deviance : ProfiledDeviance
    point : ProfiledPoint
        At the estimates.
    free : ndarray of int of shape (m,)
        Positions of the parameters in theta that are not at the boundary.
    covariance : ndarray of shape (m + 1, m + 1)
        Asymptotic covariance of the free theta and of log sigma, zero for a sigma that
        is known.
    slopes : ndarray of shape (m, p, p)
        ``R^-1 F_X'dPsi F_X R^-T`` with X'V^-1X = R R': minus the derivative of the
        whitened information of the fixed effects in every free theta.
    root : ndarray of shape (p, r)
        ``sigma^2 root'root`` is the covariance of the raw fixed effects.

    Notes
    -----
    With the residual variance no longer profiled out, the criterion is

        d(theta, log sigma) = log|V| [+ log|X'V^-1X|] + nu log(2 pi sigma^2)
                              + r^2(theta) / sigma^2,

    so that at the optimum, with H the Hessian of the profiled criterion and
    d_j = f'dPsi_j f = -dr^2/dtheta_j, its Hessian is H + nu d d'/r^4 in theta,
    2 nu d / r^2 between theta and log sigma, and 4 nu in log sigma. Twice its inverse
    is the covariance of the estimates.
    """

    deviance: ProfiledDeviance
    point: ProfiledPoint
    free: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, opened):
        """Look around the optimum of an opened fit.

        Parameters
        ----------
        opened : OpenFit

        Returns
        -------
        Curvature

        Notes
        -----
        One evaluation where the regime has the exact Hessian (one factor, or a small
        design); else two gradients per parameter.
        """
        deviance, point = opened.deviance, opened.point
        free = free_parameters(deviance, point.theta)
        d, slopes = directions(deviance, point)
        if opened.estimation is opened:
            covariance = joint_covariance(deviance, point, free, d[free])
        else:
            covariance = opened.estimation.curvature.covariance
        return cls(
            deviance=deviance,
            point=point,
            free=free,
            covariance=covariance,
            slopes=slopes[free],
            root=whitening_root(opened.result, point.RX),
        )


def joint_covariance(deviance, point, free, d):
    """Asymptotic covariance of the free theta and log sigma, of shape (m + 1, m + 1).

    Parameters
    ----------
    deviance : ProfiledDeviance
    point : ProfiledPoint
        Its optimum.
    free : ndarray of int of shape (m,)
    d : ndarray of shape (m,)
        ``f'dPsi f`` in the free theta.
    """
    joint = np.zeros((len(free) + 1, len(free) + 1))
    if deviance.A.sigma is not None:
        joint[:-1, :-1] = 2.0 * determined_inverse(exact_hessian(deviance, point, free))
        return joint
    nu, d = point.nu, d / point.r2
    joint[:-1, :-1] = exact_hessian(deviance, point, free) + nu * np.outer(d, d)
    joint[:-1, -1] = joint[-1, :-1] = 2.0 * nu * d
    joint[-1, -1] = 4.0 * nu
    return 2.0 * determined_inverse(joint)


def free_parameters(deviance, theta):
    """Positions in theta of the parameters that are not at the boundary.

    Parameters
    ----------
    deviance : ProfiledDeviance
    theta : ndarray of shape (m,)

    Returns
    -------
    ndarray of int
    """
    return np.flatnonzero(deviance.inside(theta, ZERO))


def exact_hessian(deviance, point, free):
    """Hessian of the profiled criterion in the free parameters.

    Parameters
    ----------
    deviance : ProfiledDeviance
    point : ProfiledPoint
    free : ndarray of int of shape (m,)

    Returns
    -------
    ndarray of shape (m, m)
        Central differences of the exact gradient where the regime knows the average
        information only.
    """
    if deviance.exact:
        return deviance.derivatives(point).hessian[np.ix_(free, free)]
    theta, columns = point.theta, []
    for j in free:
        step = STEP * max(abs(theta[j]), 0.1)
        sides = []
        for moved in (theta[j] + step, theta[j] - step):
            beside = theta.copy()
            beside[j] = moved
            sides.append(deviance.derivatives(deviance.at(beside)).gradient[free])
        columns.append((sides[0] - sides[1]) / (2.0 * step))
    hessian = np.reshape(columns, (len(free), len(free)))
    return (hessian + hessian.T) / 2


def directions(deviance, point):
    """Derivatives in theta of r^2 and of the fixed effects' information.

    Parameters
    ----------
    deviance : ProfiledDeviance
    point : ProfiledPoint

    Returns
    -------
    d : ndarray of shape (m,)
        ``f'dPsi f``.
    slopes : ndarray of shape (m, p, p)
        ``R^-1 F_X'dPsi F_X R^-T``.
    """
    p, D = deviance.A.n_fixed, deviance.psi_directions(point)
    _, d = deviance.mean_directions(point, D)
    return d, deviance.fixed_directions(point, D).reshape(len(d), p, p)


def whitening_root(result, RX):
    """Matrix that takes raw contrasts to whitened ones, of shape (p, r)."""
    L = result.A.basis.contrasts(np.eye(len(RX)))
    return np.linalg.solve(RX, L.T) if len(RX) else np.zeros((0, 0))


def determined_inverse(matrix):
    """Inverse of a symmetric matrix on the span of its positive curvature.

    Parameters
    ----------
    matrix : ndarray of shape (m, m)

    Returns
    -------
    ndarray of shape (m, m)
    """
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    kept = values > FLAT * values[-1]
    vectors = vectors[:, kept] / scale[:, None]
    return (vectors / values[kept]) @ vectors.T
