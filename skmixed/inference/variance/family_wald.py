"""Wald intervals of variances, dispersions and thresholds of generalised models."""

import numpy as np
from scipy import stats

from skmixed.inference.variance.family_parameters import OWN, family_values


def family_wald_bounds(result, parameters, confidence_level=0.95):
    """Intervals of parameters that are no fixed effects.

    Parameters
    ----------
    result : GeneralizedResult
    parameters : list of Parameter
    confidence_level : float, default=0.95

    Returns
    -------
    ndarray of shape (len(parameters), 3)
        Estimate, and the bounds; NaN for a parameter at the boundary.

    Notes
    -----
    The logarithm of standard deviations and of dispersions, Fisher's z of correlations
    and thresholds as they are are taken as normal, with the covariance of all estimates
    from the Hessian of the deviance and the delta method.
    """
    z = stats.norm.ppf(0.5 + confidence_level / 2.0)
    found = np.full((len(parameters), 3), np.nan)
    found[:, 0] = family_values(result, result.family, parameters)
    for row, parameter in zip(found, parameters, strict=True):
        error = working_error(result, parameter)
        if not error > 0:
            continue
        ends = np.array([-z, z]) * error
        if parameter.kind == "correlation":
            row[1:] = np.tanh(np.arctanh(row[0]) + ends)
        elif parameter.kind == OWN and parameter.effects:
            row[1:] = row[0] + ends
        else:
            row[1:] = row[0] * np.exp(ends)
    return found


def working_error(result, parameter):
    """Standard error on the scale that is taken as normal; 0 or NaN at the boundary.

    Parameters
    ----------
    result : GeneralizedResult
    parameter : Parameter

    Returns
    -------
    float
    """
    if parameter.kind == OWN:
        at = parameter.effects[0] if parameter.effects else 0
        return float(np.sqrt(result.psi_cov[at, at]))
    j = parameter.factor
    start = sum(len(D) for D in result.directions[:j])
    span = slice(start, start + len(result.directions[j]))
    V, D, Psi = (
        result.joint_cov[span, span],
        result.directions[j],
        result.covariances[j],
    )
    i, k = parameter.effects[0], parameter.effects[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = 0.5 * D[:, i, i] / Psi[i, i]
        if parameter.kind == "correlation":
            scale = np.sqrt(Psi[i, i] * Psi[k, k])
            rho = Psi[i, k] / scale
            along = 0.5 * (D[:, i, i] / Psi[i, i] + D[:, k, k] / Psi[k, k])
            slope = (D[:, i, k] / scale - rho * along) / (1.0 - rho**2)
        return float(np.sqrt(slope @ V @ slope))
