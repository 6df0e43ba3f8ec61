"""The criterion around its optimum, in the variance parameters (theta, log sigma)."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.criterion.profiled import ProfiledDeviance, whiten

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
        Evaluated at the estimates.
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
        deviance = opened.deviance
        free = free_parameters(deviance)
        d, slopes = directions(deviance)[1:]
        if opened.estimation is opened:
            covariance = joint_covariance(deviance, free, d[free])
        else:
            covariance = opened.estimation.curvature.covariance
        return cls(
            deviance=deviance,
            free=free,
            covariance=covariance,
            slopes=slopes[free],
            root=whitening_root(opened.result, deviance.at.RX),
        )


def joint_covariance(deviance, free, d):
    """Asymptotic covariance of the free theta and log sigma, of shape (m + 1, m + 1).

    Parameters
    ----------
    deviance : ProfiledDeviance
        Evaluated at its optimum.
    free : ndarray of int of shape (m,)
    d : ndarray of shape (m,)
        ``f'dPsi f`` in the free theta.
    """
    joint = np.zeros((len(free) + 1, len(free) + 1))
    if deviance.A.sigma is not None:
        joint[:-1, :-1] = 2.0 * determined_inverse(exact_hessian(deviance, free))
        return joint
    nu, d = deviance.nu, d / deviance.at.r2
    joint[:-1, :-1] = exact_hessian(deviance, free) + nu * np.outer(d, d)
    joint[:-1, -1] = joint[-1, :-1] = 2.0 * nu * d
    joint[-1, -1] = 4.0 * nu
    return 2.0 * determined_inverse(joint)


def free_parameters(deviance):
    """Positions in theta of the parameters that are not at the boundary.

    Parameters
    ----------
    deviance : ProfiledDeviance

    Returns
    -------
    ndarray of int
    """
    free = [
        structure.inside(deviance.theta[span], ZERO)
        for structure, span in zip(deviance.structures, deviance.spans, strict=True)
    ]
    return np.flatnonzero(np.concatenate(free))


def exact_hessian(deviance, free):
    """Hessian of the profiled criterion in the free parameters.

    Parameters
    ----------
    deviance : ProfiledDeviance
        Evaluated at some theta; it is evaluated there again at the end.
    free : ndarray of int of shape (m,)

    Returns
    -------
    ndarray of shape (m, m)
        Central differences of the exact gradient where the regime knows the average
        information only.
    """
    if deviance.exact:
        return deviance.derivatives().hessian[np.ix_(free, free)]
    theta, columns = deviance.theta, []
    try:
        for j in free:
            step = STEP * max(abs(theta[j]), 0.1)
            sides = []
            for moved in (theta[j] + step, theta[j] - step):
                at = theta.copy()
                at[j] = moved
                deviance.evaluate(at)
                sides.append(deviance.derivatives().gradient[free])
            columns.append((sides[0] - sides[1]) / (2.0 * step))
    finally:  # whoever interrupts this finds it at the estimates next time
        deviance.evaluate(theta)
    hessian = np.reshape(columns, (len(free), len(free)))
    return (hessian + hessian.T) / 2


def directions(deviance):
    """Derivatives in theta of r^2 and of the fixed effects' information.

    Parameters
    ----------
    deviance : ProfiledDeviance

    Returns
    -------
    whitened : list of ndarray of shape (k_j, p, G_j)
        ``F_X R^-T``.
    d : ndarray of shape (m,)
        ``f'dPsi f``.
    slopes : ndarray of shape (m, p, p)
        ``R^-1 F_X'dPsi F_X R^-T``.
    """
    p = deviance.A.n_fixed
    F = deviance.factored.F
    f = deviance.scores(F)
    whitened = whiten([block[:, :p] for block in F], deviance.at.RX)
    D = [deviance.psi_directions(j) for j in range(len(f))]
    _, d = deviance.mean_directions(f, whitened, D)
    slopes = deviance.fixed_directions(whitened, D).reshape(len(d), p, p)
    return whitened, d, slopes


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
