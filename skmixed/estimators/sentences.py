"""What fitted models say, in sentences."""

import numpy as np
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import UnavailableError
from skmixed.inference.compare.likelihood_ratio import by_maximum_likelihood
from skmixed.inference.compare.without_effect import ratio_without
from skmixed.inference.opened.fitted import LARGEST_KEPT
from skmixed.inference.report.residual import residual_table
from skmixed.inference.report.summary import fixed_effects_table
from skmixed.inference.variance.parameters import list_parameters
from skmixed.inference.variance.variance_partition import (
    VarianceComponents,
    correlation_table,
    design_effects,
    nakagawa_r2,
)
from skmixed.likelihood.elimination.regime import bid_for
from skmixed.printing.numbers import format_number, say_p
from skmixed.printing.render import dropped_line
from skmixed.printing.sentences import PLAIN, Sentences, say_estimates

# Half of what holds 95 % of a normal law, in standard deviations.
MOST = stats.norm.ppf(0.975)
# A standard deviation below this share of the residual one is zero.
ZERO = 1e-4


def describe(model, **options):
    """Say in sentences what a model has estimated.

    Parameters
    ----------
    model : estimator
        A fitted MixedLinearRegressor, or one of the other four approaches.
    **options
        Of the model's ``describe``: ``confidence_level``; of linear mixed models also
        ``ddf``, ``vcov``, ``labels`` and ``units``.

    Returns
    -------
    Sentences
        Printed as text; with ``to_latex()`` and ``to_html()``, and the fixed effects as
        ``frame``.

    Raises
    ------
    ValueError
        For an estimator that has no sentences.

    See Also
    --------
    MixedLinearRegressor.report : Sentences, tables and pictures on one page.

    Examples
    --------
    >>> from skmixed import AggregatedLinearRegressor, describe
    >>> from skmixed.datasets import load_london_schools
    >>> model = AggregatedLinearRegressor("exam ~ lrt + (1 | school)")
    >>> print(describe(model.fit(load_london_schools().frame)).sentences[1])
    Where ... Per unit of lrt, exam rises by 0.884 (95 % CI 0.652 to 1.116; ...).
    """
    check_is_fitted(model)
    if not hasattr(model, "describe"):
        raise UnavailableError(
            f"describe needs a mixed model or a baseline; {type(model).__name__} is "
            "none."
        )
    return model.describe(**options)


def describe_fit(
    fit, *, n_dropped=0, ddf="auto", confidence_level=0.95, vcov=None, words=PLAIN
):
    """Describe a fitted mixed model.

    Parameters
    ----------
    fit : Fitted
    n_dropped : int, default=0
    ddf : str, default="auto"
    confidence_level : float, default=0.95
    vcov : ClusterRobust, optional
    words : Words, optional

    Returns
    -------
    Sentences
    """
    fixed, reason = fixed_effects_table(fit, ddf, confidence_level, vcov)
    response = fit.spec.formula.response
    told = say_estimates(fixed, response, confidence_level, words)
    sentences = [
        " ".join([say_fit(fit), *dropped_line(n_dropped)]),
        " ".join([*told, reason]),
        " ".join([*say_ranges(fit), *say_correlations(fit.result)]),
        " ".join([*say_ratio_tests(fit), *say_residuals(fit)]),
        " ".join(say_shares(fit, confidence_level)),
    ]
    if fit.result.singular:
        sentences.append(
            "The fit is singular: a variance is 0 or a correlation is -1 or +1; the "
            "data do not support all of the random part."
        )
    return Sentences(fixed, [sentence for sentence in sentences if sentence])


def say_fit(fit):
    """Say what was fitted to what."""
    result = fit.result
    method = "REML" if result.reml else "maximum likelihood"
    kind = "linear mixed model" if result.groups else "linear model"
    sizes = [
        f"{n} levels of {group}"
        for group, n in zip(result.groups, result.n_levels, strict=True)
    ]
    within = f" in {' and '.join(sizes)}" if sizes else ""
    return (
        f"A {kind} was fitted by {method} to {result.n_obs} rows{within}: "
        f"{fit.spec.formula_text}."
    )


def say_ranges(fit):
    """Yield where the effects of 95 % of the groups lie."""
    result = fit.result
    centre = dict(zip(fit.names, result.coef, strict=True))
    for j, group in enumerate(result.groups):
        sd = np.sqrt(np.diag(result.covariances[j]))
        told = []
        for effect, size in zip(result.effects[j], sd, strict=True):
            what = name_effect(effect)
            if size < ZERO * result.sigma:
                told.append(f"{what} does not vary (sd 0)")
                continue
            middle = centre.get(effect, 0.0)
            low, high = (
                format_number(middle + side * MOST * size, 3) for side in (-1, 1)
            )
            told.append(f"{what} lies between {low} and {high} (sd {size:.3g})")
        yield f"For 95 % of the levels of {group}, {join(told)}."
    if result.groups:
        known = " known to be" if result.A.sigma is not None else ""
        size = format_number(result.sigma, 3)
        yield f"The residual standard deviation is{known} {size}."


def say_residuals(fit):
    """Yield how the residuals of one subject covary, where they do."""
    if fit.result.residual is None:
        return
    residual, table = fit.result.residual, residual_table(fit.result, fit.spec)
    if residual.dispersion is not None:
        yield (
            "The logarithm of the residual standard deviation follows "
            f"{residual.dispersion}."
        )
    if table is None:
        if residual.text is not None:
            yield f"The residuals of a subject covary as {residual.text}."
        return
    sd = table["sd"]
    low, high = (format_number(size, 3) for size in (sd.min(), sd.max()))
    spread = f"standard deviations of {low} to {high}"
    if low == high:
        spread = f"a standard deviation of {low}"
    text = fit.result.residual.text
    yield f"The residuals of a subject covary as {text}, with {spread}."


def say_correlations(result):
    """Yield the correlation of two effects of one term."""
    for factor, positions, structure in result.terms:
        if len(positions) != 2 or structure.correlated == "none":
            continue
        covariance = result.covariances[factor][np.ix_(positions, positions)]
        variances = np.diag(covariance)
        if (variances <= (ZERO * result.sigma) ** 2).any():
            continue
        names = [name_effect(result.effects[factor][i]) for i in positions]
        r = covariance[0, 1] / np.sqrt(variances.prod())
        yield (
            f"Over the levels of {result.groups[factor]}, {' and '.join(names)} "
            f"correlate at {r:.2f}."
        )


def say_shares(fit, confidence_level):
    """Yield intraclass correlations, design effects and shares explained."""
    result = fit.result
    independent = result.residual is None  # else shares change from row to row
    if not (result.groups and independent) or result.A.sigma is not None:
        return
    icc, effects = correlation_table(fit, confidence_level), design_effects(fit)
    for group in result.groups:
        row = icc.loc[group]
        interval = f", {100 * confidence_level:.4g} % CI {row['lower']:.2f} to "
        interval += f"{row['upper']:.2f}"
        told = (
            f"{group} accounts for {percent(row['adjusted'])} of the variance that the "
            f"fixed effects leave (ICC {row['adjusted']:.3f}"
            f"{interval if np.isfinite(row['upper']) else ''})"
        )
        effect = effects[group]
        if np.isfinite(effect):
            told += f", a design effect of {format_number(effect, 3)}"
            if len(result.groups) == 1:
                worth = f"{result.n_obs / effect:.0f}"
                told += f": for a mean, {result.n_obs} rows are worth {worth}"
        yield f"{told}."
    marginal, conditional = nakagawa_r2(VarianceComponents.of(fit))
    yield (
        f"The fixed effects explain {percent(marginal)} of the variance, together "
        f"with the random ones {percent(conditional)}."
    )


def say_ratio_tests(fit):
    """Yield the ratio test of every random effect that may be left out."""
    too_large = bid_for(fit.result.A).columns > LARGEST_KEPT
    if too_large or fit.result.residual is not None:
        return
    result = by_maximum_likelihood(fit.result)
    parameters = {
        (p.factor, p.effects): p
        for p in list_parameters(result, fit.names)
        if p.kind == "sd"
    }
    for factor, positions, structure in result.terms:
        if structure.correlated == "first" or not structure.free_blocks:
            continue
        names = [result.effects[factor][effect] for effect in positions]
        for name, effect in zip(names, positions, strict=True):
            if len(names) > 1 and name == "Intercept":
                continue
            n_covariances = len(names) - 1 if structure.correlated == "all" else 0
            parameter = parameters[factor, (effect,)]
            statistic, p, law = ratio_without(result, parameter, n_covariances)
            test = f"{say_p(p)}; by maximum likelihood, reference {law}"
            if result.singular:  # the law is another one, with others at zero
                test = "by maximum likelihood"
            yield (
                f"Without {name_effect(name, 'random ')} of {result.groups[factor]} "
                f"the fit is worse by a likelihood ratio of {statistic:.2f} ({test})."
            )


def name_effect(effect, kind=""):
    """A random effect as sentences speak of it."""
    if effect == "Intercept":
        return f"the {kind}intercept"
    return f"the {kind}slope of {effect}"


def percent(share):
    """Write a share in percent."""
    return f"{100 * share:.0f} %"


def join(parts):
    """Join parts of a sentence: a, b and c."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
