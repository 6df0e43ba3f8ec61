"""What random probes leave to chance in an estimated deviance and its optimum."""

import numpy as np

# Spread of estimates over seeds, in units of what the spread of a few probes tells.
SPREAD = 1.3
# Differences of an estimated deviance below this say less than its gradient does.
ROUGHNESS = 1e-3


def logdet_error(factored):
    """Standard error of an estimated log-determinant; zero of an exact one."""
    samples = getattr(factored, "samples", None)
    if samples is None or len(samples) < 2:
        return 0.0
    return SPREAD * float(samples.std(ddof=1)) / np.sqrt(len(samples))


def chance(samples, others):
    """Difference of two deviances that probes alone may make; zero of exact ones.

    Parameters
    ----------
    samples, others : ndarray of shape (s,) or None
        What every probe says of each.

    Returns
    -------
    float
    """
    if samples is None or others is None:
        return 0.0
    if len(samples) < 2:
        return ROUGHNESS
    gap = samples - others
    error = 2.0 * float(gap.std(ddof=1)) / np.sqrt(len(gap))
    return max(error, ROUGHNESS)


def theta_errors(deviance, theta):
    """Standard errors of an optimum over probes, and over data.

    Parameters
    ----------
    deviance : ProfiledDeviance
        An estimated one.
    theta : ndarray of shape (m,)
        Its optimum.

    Returns
    -------
    probes : ndarray of shape (m, m)
        Covariance over probes, ``H^-1 Cov(g) H^-1`` with g the gradient as each probe
        tells it.
    data : ndarray of shape (m, m)
        ``2 H^-1``.
    decrement : float
        Half the Newton decrement there.
    """
    point = deviance.at(theta)
    there = deviance.derivatives(point)
    g, hessian = there.gradient, there.hessian
    samples = point.factored.trace_samples
    n = samples[0].shape[2]
    slopes = np.zeros((n, len(theta)))
    for structure, span, each in zip(
        deviance.structures, deviance.spans, samples, strict=True
    ):
        for row, G in zip(slopes, each.transpose(2, 0, 1), strict=True):
            row[span] = structure.gradient(theta[span], G)
    inverse = np.linalg.pinv(hessian, hermitian=True)
    spread = np.cov(slopes.T, ddof=1).reshape(hessian.shape) if n > 1 else 0 * hessian
    errors = SPREAD**2 * inverse @ (spread / n) @ inverse
    return errors, 2.0 * inverse, 0.5 * abs(float(g @ inverse @ g))
