"""Marginal means of generalised models on the scale of the response."""

import numpy as np

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.likelihood.result import is_linear

# Half the step of the differences of an averaged mean in its predictor.
STEP = 1e-4


def check_scale(scale, averaged, result):
    """Raise for a scale that there is not, or that has no meaning for a family.

    Parameters
    ----------
    scale : {"link", "response"}
    averaged : bool
    result : FitResult

    Raises
    ------
    ValueError
    """
    if scale not in ("link", "response"):
        raise ArgumentError(f"scale={scale!r} should be 'link' or 'response'.")
    if averaged and (scale == "link" or is_linear(result)):
        raise ArgumentError(
            "averaged=True is for scale='response' of generalised models: on the scale "
            "of the linear predictor the mean over the random effects is the mean at 0."
        )
    if scale == "link" or is_linear(result):
        return
    if result.family.name == "ordinal":
        raise UnavailableError(
            "scale='response' has no meaning for grades; predict_proba gives their "
            "probabilities."
        )


def spread_of_effects(fit):
    """Variance of the random effects' part of the predictor, mean over the rows."""
    pairs = zip(fit.result.Lambdas, fit.moments.random, strict=True)
    return float(sum(np.trace(Lambda.T @ S @ Lambda) for Lambda, S in pairs))


def to_response(table, link, variance=0.0):
    """Bring means from the scale of the linear predictor to that of the response.

    Parameters
    ----------
    table : DataFrame
        ``estimate``, ``std_error``, ``lower`` and ``upper``.
    link : Link
    variance : float, default=0.0
        Of a normal predictor over which means are averaged.

    Returns
    -------
    DataFrame
        Standard errors by the delta method; bounds are transformed.

    Raises
    ------
    ValueError
        For means that are too large for a double.
    """

    def mean(eta):
        return link.average(eta, np.asarray(variance)) if variance else link.mean(eta)

    eta = table["estimate"].to_numpy()
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        means, slope = mean(eta), link.slope(eta)
        ends = np.sort(mean(table[["lower", "upper"]].to_numpy()), axis=1)
        if variance:
            slope = (mean(eta + STEP) - mean(eta - STEP)) / (2.0 * STEP)
    lost = np.isfinite(eta) & ~np.isfinite(means)
    if lost.any():
        raise ArgumentError(
            f"The linear predictor is {eta[lost][0]:.3g}: a mean on the scale of the "
            "response leaves the range of doubles. Are the values of at= in the units "
            "of the fit?"
        )
    return table.assign(
        estimate=means,
        std_error=table["std_error"] * np.abs(slope),
        lower=ends[:, 0],
        upper=ends[:, 1],
    )
