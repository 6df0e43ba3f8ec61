"""Variance that a family adds on the scale of the linear predictor."""

import dataclasses

import numpy as np

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
    family = fit.result.family
    found = family.latent_variance(
        fit.result.psi, lambda: mean_of_rows(fit, components)
    )
    if found is not None:
        return found
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
