"""What fitted generalised models say, in sentences."""

import numpy as np

from skmixed.estimators.sentences import (
    MOST,
    ZERO,
    join,
    name_effect,
    percent,
    say_correlations,
)
from skmixed.inference.report.summary import exponentiated, fixed_effects_table
from skmixed.inference.variance.family_variance import family_components
from skmixed.inference.variance.variance_partition import nakagawa_r2, partition_table
from skmixed.printing.numbers import format_intervals, format_number, say_p
from skmixed.printing.render import dropped_line
from skmixed.printing.sentences import (
    AGAINST_REFERENCE,
    Sentences,
    factors_of,
    say_condition,
    say_estimates,
)

# What coefficients multiply when they are exponentiated, by link.
MULTIPLIED = {"logit": "the odds of", "log": "the mean of", "cloglog": "the hazard of"}
# Of the other links, what coefficients add to.
SCALES = {"probit": "the probit of", "inverse": "one over the mean of"}
FAMILIES = {"nbinom2": "negative binomial", "inverse.gaussian": "inverse Gaussian"}


def describe_generalized(fit, formula, outcome, *, n_dropped=0, confidence_level=0.95):
    """Describe a fitted generalised mixed model.

    Parameters
    ----------
    fit : Fitted
    formula : str
        As the estimator writes it.
    outcome : str
        What the mean is of: "TICKS", "use = Y".
    n_dropped : int, default=0
    confidence_level : float, default=0.95

    Returns
    -------
    Sentences
    """
    fixed, reason = fixed_effects_table(fit, "auto", confidence_level)
    link = fit.result.family.link.name
    if link in MULTIPLIED:
        told = say_ratios(fixed, f"{MULTIPLIED[link]} {outcome}", confidence_level)
    else:
        told = say_estimates(fixed, f"{SCALES[link]} {outcome}", confidence_level)
    sentences = [
        " ".join([say_generalized(fit, formula), *dropped_line(n_dropped)]),
        " ".join([*told, reason]) if len(fixed) else "",
        " ".join([*say_group_ranges(fit, outcome), *say_correlations(fit.result)]),
        " ".join(say_latent_shares(fit)),
    ]
    if fit.result.singular:
        sentences.append(
            "The fit is singular: a variance is 0 or a correlation is -1 or +1; the "
            "data do not support all of the random part."
        )
    return Sentences(fixed, [sentence for sentence in sentences if sentence])


def say_generalized(fit, formula):
    """Say what was fitted to what, and how."""
    result = fit.result
    family = result.family
    kind = "generalised linear mixed" if result.groups else "generalised linear"
    sizes = [
        f"{n} levels of {group}"
        for group, n in zip(result.groups, result.n_levels, strict=True)
    ]
    within = f" in {' and '.join(sizes)}" if sizes else ""
    way = f" ({result.approximation})" if result.groups else ""
    text = (
        f"A {kind} model ({FAMILIES.get(family.name, family.name)}, {family.link.name} "
        f"link) was fitted by maximum likelihood{way} to {result.n_obs} rows{within}: "
        f"{formula}."
    )
    dispersion = family.dispersion(result.psi)
    if dispersion is not None:
        text += f" The dispersion is {format_number(dispersion, 3)}."
    return text


def say_ratios(fixed, subject, confidence_level):
    """Yield a sentence for every coefficient, as a ratio.

    Parameters
    ----------
    fixed : DataFrame
        On the scale of the linear predictor.
    subject : str
        What is multiplied: "the odds of use = Y".
    confidence_level : float

    Yields
    ------
    str
    """
    ratios = exponentiated(fixed)
    cells = format_intervals(ratios["estimate"], ratios["lower"], ratios["upper"])
    level = f"{100 * confidence_level:.4g} % CI"
    for name, row, estimate, lower, upper in zip(
        fixed.index, fixed.itertuples(), *cells, strict=True
    ):
        around = f"({level} {lower} to {upper}; z = {row.t:.2f}, {say_p(row.p)})"
        where = say_condition(name, fixed.index)
        yield f"{say_ratio(name, subject, estimate, where)} {around}."


def say_ratio(name, subject, ratio, where=""):
    """Say what an exponentiated coefficient means.

    Parameters
    ----------
    name : str
        Of the coefficient, as formulas give them.
    subject : str
        What is multiplied.
    ratio : str
        Written.
    where : str, default=""
        Where it means that.

    Returns
    -------
    str

    Examples
    --------
    >>> from skmixed.estimators.generalized_sentences import say_ratio
    >>> say_ratio("age", "the odds of Y", "1.03")
    'Per unit of age, the odds of Y are multiplied by 1.03'
    >>> say_ratio("urban[T.Y]", "the mean of y", "2.10")
    'For urban Y, the mean of y is 2.10 times that of the reference level'
    """
    parts = factors_of(name)
    many = subject.startswith("the odds")
    verb, that = ("are", "those") if many else ("is", "that")
    if name == "Intercept":
        origin = "Where all predictors are 0 or at their reference level"
        return f"{origin}, {subject} {verb} {ratio}"
    if len(parts) == 1 and parts[0].isidentifier():
        return f"Per unit of {name}{where}, {subject} {verb} multiplied by {ratio}"
    level = AGAINST_REFERENCE.fullmatch(name)
    if len(parts) == 1 and level:
        told = f"For {' '.join(level.groups())}{where}, {subject} {verb} {ratio} times"
        return f"{told} {that} of the reference level"
    return f"The ratio of {name} is {ratio}"


def say_group_ranges(fit, outcome):
    """Yield where the groups' means, and their ratios, of 95 % of the groups lie."""
    result = fit.result
    link = result.family.link
    centre = dict(zip(fit.names, result.coef, strict=True))
    for j, group in enumerate(result.groups):
        sd, told = np.sqrt(np.diag(result.covariances[j])), []
        for effect, size in zip(result.effects[j], sd, strict=True):
            if size < ZERO:
                told.append(f"{name_effect(effect)} does not vary (sd 0)")
                continue
            middle = centre.get(effect, 0.0)
            ends = middle + np.array([-1, 1]) * MOST * size
            what = f"{name_effect(effect)} of the linear predictor"
            if effect == "Intercept" and effect in centre:
                ends = np.sort(link.mean(ends))
                what = f"the mean of {outcome}"
                if result.family.name == "binomial":
                    what = f"the probability of {outcome}"
            elif link.name in MULTIPLIED:
                ends = np.exp(ends)
                what = f"the ratio per unit of {effect}"
                if effect == "Intercept":
                    what = f"the factor of {MULTIPLIED[link.name]} {outcome}"
            low, high = (format_number(end, 3) for end in ends)
            told.append(f"{what} lies between {low} and {high} (sd {size:.3g})")
        at = " at the predictors' origin" if "Intercept" in result.effects[j] else ""
        yield f"For 95 % of the levels of {group}{at}, {join(told)}."


def say_latent_shares(fit):
    """Yield intraclass correlations and shares explained, where the family has any."""
    if not fit.result.groups:
        return
    try:
        components = family_components(fit)
    except ValueError:
        return
    share = partition_table(components)["adjusted_share"]
    for group in fit.result.groups:
        yield (
            f"On the scale of the linear predictor, {group} accounts for "
            f"{percent(share[group])} of the variance that the fixed effects leave "
            f"(ICC {share[group]:.3f})."
        )
    marginal, conditional = nakagawa_r2(components)
    yield (
        f"The fixed effects explain {percent(marginal)} of the variance there, "
        f"together with the random ones {percent(conditional)}."
    )
