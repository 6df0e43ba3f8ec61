"""Ratio test of a random effect, without the rows of the fit."""

from skmixed.inference.compare.chi_bar import mixture_survival
from skmixed.inference.compare.likelihood_ratio import write_mixture
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.profile import descend


def ratio_without(result, parameter, n_covariances):
    """Ratio test of a model against the one without a random effect.

    Parameters
    ----------
    result : FitResult
        By maximum likelihood.
    parameter : Parameter
        The standard deviation to be held at zero.
    n_covariances : int
        Covariances that vanish with it.

    Returns
    -------
    statistic, p : float
    law : str

    Notes
    -----
    Under the smaller model the ratio is an equal mixture of chi-squares with as many
    degrees of freedom as covariances vanish, and one more (Self & Liang 1987; Stram &
    Lee 1994), where the other variances are above zero.
    """
    held = HeldParameter(result, parameter)
    sd = parameter.value(result.coef, result.covariances, result.sigma)
    at_estimate = held.deviance_at(sd)
    _, statistic = descend(held, 0.0, held.start(), at_estimate)
    weights = dict.fromkeys((n_covariances, n_covariances + 1), 0.5)
    return statistic, mixture_survival(statistic, weights), write_mixture(weights)
