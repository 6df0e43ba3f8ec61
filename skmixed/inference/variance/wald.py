"""Wald intervals of variance parameters, on scales where they are nearly normal."""

import numpy as np
from scipy import stats

from skmixed.inference.variance.parameters import values_of
from skmixed.inference.variance.residual_parameters import ResidualParameter


def wald_bounds(fit, parameters, confidence_level=0.95):
    """Intervals of variance parameters from the curvature of the criterion.

    Parameters
    ----------
    fit : Fitted
        Without random terms sigma is the only parameter, and its interval exact.
    parameters : list of Parameter
        None of them a fixed effect.
    confidence_level : float, default=0.95

    Returns
    -------
    ndarray of shape (len(parameters), 2)
        NaN for a parameter at the boundary.

    Notes
    -----
    The logarithm of standard deviations and Fisher's z of correlations are taken as
    normal (Pinheiro & Bates 2000, section 2.4.3); their standard errors follow from
    those of (theta, log sigma) by the delta method.
    """
    result = fit.result
    if result.independent:
        return residual_bounds(result, confidence_level)
    curvature = fit.open.curvature
    z = stats.norm.ppf(0.5 + confidence_level / 2.0)
    bounds = np.full((len(parameters), 2), np.nan)
    for row, parameter in enumerate(parameters):
        at, slope = working_scale(curvature, parameter, result)
        if not np.isfinite(at):
            continue
        spread = slope @ curvature.covariance @ slope
        if not spread > 0:
            continue
        ends = at + np.array([-z, z]) * np.sqrt(spread)
        shape = shape_of(parameter, result)
        bounds[row] = [parameter.inverse(end, shape) for end in ends]
    return bounds


def variance_errors(fit, parameters):
    """Estimates and standard errors of variance parameters on their own scales.

    Parameters
    ----------
    fit : Fitted
    parameters : list of Parameter
        None of them a fixed effect.

    Returns
    -------
    ndarray of shape (len(parameters), 4)
        Estimate and its standard error; of standard deviations also the variance and
        its standard error, NaN for correlations. No errors at the boundary.
    """
    result = fit.result
    table = np.full((len(parameters), 4), np.nan)
    table[:, 0] = values_of(result, parameters)
    for row, parameter in zip(table, parameters, strict=True):
        if not result.independent:
            curvature = fit.open.curvature
            at, slope = working_scale(curvature, parameter, result)
            spread = slope @ curvature.covariance @ slope if np.isfinite(at) else 0.0
        else:
            nu = result.df_resid if result.reml else result.n_obs
            spread = 0.5 / nu if nu > 0 else 0.0
        relative = np.sqrt(spread) if spread > 0 else np.nan
        row[1] = parameter.error(row[0], relative)
        if parameter.kind in ("sd", "sigma"):
            row[2:] = row[0] ** 2, 2.0 * row[0] ** 2 * relative
    return table


def shape_of(parameter, result):
    """Shape of the residual correlations that a parameter is of; None of others."""
    if not isinstance(parameter, ResidualParameter):
        return None
    return parameter.part(result.residual)[0].shape


def residual_bounds(result, confidence_level):
    """Exact interval of sigma where residuals are all there is, of shape (1, 2)."""
    tail = (1.0 - confidence_level) / 2.0
    nu = result.df_resid
    if nu <= 0:
        return np.full((1, 2), np.nan)
    squares = result.sigma**2 * (nu if result.reml else result.n_obs)
    return np.sqrt(squares / stats.chi2.ppf([[1.0 - tail, tail]], nu))


def working_scale(curvature, parameter, result):
    """A parameter's log or Fisher's z, and its derivative in (theta, log sigma).

    Parameters
    ----------
    curvature : Curvature
    parameter : Parameter
    result : FitResult

    Returns
    -------
    value : float
        Not finite where the parameter is at its boundary.
    slope : ndarray of shape (m + 1,)
    """
    slope = np.zeros(len(curvature.covariance))
    if isinstance(parameter, ResidualParameter):
        at, own = parameter.working(result)
        return at, own[np.append(curvature.free, len(own) - 1)]
    if parameter.kind == "sigma":
        slope[-1] = 1.0
        return np.log(result.sigma), slope
    j, deviance = parameter.factor, curvature.deviance
    basis, Lambda = deviance.A.basis.random[j], curvature.point.Lambdas[j]
    Psi = basis.raw_covariance(Lambda @ Lambda.T)
    dPsi = np.zeros((deviance.n_theta, *Psi.shape))
    own = deviance.structures[j].directions(curvature.point.theta[deviance.spans[j]])
    dPsi[deviance.spans[j]] = basis.raw_covariance(own)
    dPsi = dPsi[curvature.free]
    i, k = parameter.effects[0], parameter.effects[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if parameter.kind == "sd":
            slope[:-1] = 0.5 * dPsi[:, i, i] / Psi[i, i]
            slope[-1] = 1.0
            return np.log(result.sigma * np.sqrt(Psi[i, i])), slope
        scale = np.sqrt(Psi[i, i]) * np.sqrt(Psi[k, k])
        rho = np.clip(Psi[i, k] / scale, -1.0, 1.0)
        drho = dPsi[:, i, k] / scale - 0.5 * rho * (
            dPsi[:, i, i] / Psi[i, i] + dPsi[:, k, k] / Psi[k, k]
        )
        slope[:-1] = drho / (1.0 - rho**2)
        at = np.arctanh(rho) if abs(rho) < 1.0 - 1e-12 else np.nan
    return at, slope
