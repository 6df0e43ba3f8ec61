"""Variance that a family adds on the scale of the linear predictor."""

import dataclasses

import numpy as np
from scipy.special import polygamma

from skmixed.inference.variance.variance_partition import VarianceComponents


def family_components(fit):
    """Variance components of a generalised model on the scale of its predictor.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    VarianceComponents
        With the family's variance as the residual one.

    Raises
    ------
    ValueError
        For a family without a variance on that scale.

    Notes
    -----
    Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134), tables 1, 2.
    """
    found = VarianceComponents.of(fit)
    return dataclasses.replace(found, residual=residual_variance(fit, found))


def residual_variance(fit, components):
    """The family's own variance on the scale of the linear predictor.

    Parameters
    ----------
    fit : Fitted
    components : VarianceComponents

    Returns
    -------
    float
    """
    result = fit.result
    family = result.family
    if family.link.latent_variance is not None and family.name != "beta":
        return family.link.latent_variance
    dispersion = family.dispersion(result.psi)
    if family.link.name == "log":
        if family.name == "Gamma":
            return float(polygamma(1, 1.0 / dispersion))
        mean = mean_of_rows(fit, components)
        if family.name == "poisson":
            return float(polygamma(1, mean))
        if family.name == "nbinom2":
            return float(polygamma(1, 1.0 / (1.0 / mean + 1.0 / dispersion)))
    raise ValueError(
        f"There is no agreed variance of the {family.name} family with the "
        f"{family.link.name} link on the scale of the linear predictor."
    )


def mean_of_rows(fit, components):
    """Mean response over the rows of the fit, of log-normal means.

    Parameters
    ----------
    fit : Fitted
    components : VarianceComponents

    Returns
    -------
    float
        ``exp(m + v / 2)`` with m the mean of the predictor and v the variance of fixed
        and random effects: what a null model's mean estimates.
    """
    spread = components.fixed + float(components.random.sum())
    coef = fit.result.A.basis.fixed.coordinates @ fit.result.coef
    return float(np.exp(fit.moments.mean @ coef + 0.5 * spread))
