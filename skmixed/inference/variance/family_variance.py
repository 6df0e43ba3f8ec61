"""Variance components of generalised models, on either scale."""

import dataclasses

import numpy as np
from scipy.special import roots_hermitenorm

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.inference.variance.variance_partition import VarianceComponents

# Nodes of a normal predictor over which means and variances are averaged.
NODES = 41
# Share of the residual variance below which factors do not work together.
NOTHING = 1e-9


def family_components(fit, scale="link"):
    """Variance components of a generalised model.

    Parameters
    ----------
    fit : Fitted
    scale : {"link", "response"}, default="link"
        Of the linear predictor, with the family's variance there as the residual one;
        or of the responses themselves.

    Returns
    -------
    VarianceComponents

    Raises
    ------
    ValueError
        For an unknown scale, and a family without a variance on it.

    Notes
    -----
    Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134), tables 1, 2.
    """
    if scale not in ("link", "response"):
        raise ArgumentError(f"scale={scale!r} should be 'link' or 'response'.")
    found = VarianceComponents.of(fit)
    if scale == "response":
        return response_components(fit, found)
    return dataclasses.replace(found, residual=residual_variance(fit, found))


def response_components(fit, latent):
    """Variance components of the responses, integrated over a normal predictor.

    Parameters
    ----------
    fit : Fitted
    latent : VarianceComponents
        Of the linear predictor.

    Returns
    -------
    VarianceComponents
        What several factors do together is one more, ``"together"``.

    Notes
    -----
    With f the fixed part, over the rows, and a_j the random effects of factor j, all
    taken for normal, the components are

        Var_f E(mu | f),  E_f Var(E(mu | f, a_j) | f),  E Var(y | mu),

    which the simulation of Goldstein, Browne and Rasbash (2002), Understanding
    Statistics 1(4), estimates; the intraclass correlations are those of de Villemereuil
    et al. (2016), Genetics 204(3), equation 15, on the observed scale. A share of
    trials is that of one trial.
    """
    result = fit.result
    family = result.family
    refuse_response_scale(fit)
    middle = fit.moments.mean @ result.A.basis.fixed.coordinates @ result.coef
    nodes, weights = roots_hermitenorm(NODES)
    weights = weights / weights.sum()
    around, spread = float(latent.random.sum()), float(np.sqrt(latent.fixed))
    f = middle + spread * nodes
    fixed = variance_over(family.link.average(f, around), weights)
    eta = f[:, None] + np.sqrt(around) * nodes
    mean, both = family.mean(eta, result.psi), np.outer(weights, weights)
    together = float(weights @ variance_over(mean, weights))
    random = []
    for own in latent.random:
        given = f[:, None] + np.sqrt(own) * nodes
        average = family.link.average(given, max(around - own, 0.0))
        random.append(float(weights @ variance_over(average, weights)))
    law = family.distribution(eta, result.psi, 1.0)
    residual, names = float(np.sum(both * law.var())), latent.groups
    rest = together - sum(random)
    if len(random) > 1 and rest > NOTHING * residual:
        random, names = [*random, rest], (*names, "together")
    return VarianceComponents(
        fixed=float(fixed),
        random=np.array(random),
        residual=residual,
        groups=tuple(names),
        fixed_gradient=np.full(len(result.coef), np.nan),
    )


def variance_over(values, weights):
    """Variance along the last axis, at nodes with these weights."""
    mean = values @ weights
    return np.square(values - mean[..., None]) @ weights


def refuse_response_scale(fit):
    """Raise where responses have no variance that the fit could know.

    Raises
    ------
    ValueError
    """
    family = fit.result.family
    if family.name == "ordinal":
        raise UnavailableError(
            "Grades have no variance; scale='link' is of their latent."
        )
    if family.link.name == "inverse":
        raise UnavailableError(
            "The mean over a normal predictor does not exist for the inverse link; "
            "link='log' has it."
        )
    if fit.spec.formula.offsets:
        raise UnavailableError(
            "scale='response' depends on the offsets of the rows, which the fit does "
            "not keep; scale='link' does not."
        )


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
    raise UnavailableError(
        f"There is no agreed variance of the {family.name} family with the "
        f"{family.link.name} link on the scale of the linear predictor; "
        "scale='response' has one."
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
