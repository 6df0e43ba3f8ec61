"""One finding per question that is asked of a fitted model, each a plain sentence."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from skmixed.estimators.diagnostics import describe_boundary
from skmixed.inference.diagnose.collinearity import (
    groups_without_variation,
    variance_inflation,
)
from skmixed.inference.diagnose.group_deletion import delete_groups
from skmixed.likelihood.products.rows import GroupedRows

# A file of the repository: nothing is hosted.
DOCS = "docs/diagnostics.md"

# Conventional bounds; beyond the second a finding is a problem, not a note.
VIF_BOUNDS = (5.0, 10.0)
COOK_BOUNDS = (0.5, 1.0)
# A variance from fewer groups than this is little more than a guess.
FEW_GROUPS = 6
# Skewness and excess kurtosis that change intervals noticeably.
SKEWED, PEAKED = 0.5, 1.5
# Rank correlation of the residuals' size with the fitted values.
UNEVEN = 0.1
SIGNIFICANT = 0.01
# Groups of several factors are deleted one by one; beyond this that takes too long.
MOST_DELETIONS = 200


@dataclass(frozen=True)
class Finding:
    """The answer to one question about a fitted model.

    Attributes
    ----------
    topic : str
    status : {"ok", "note", "problem"}
    sentence : str
        What was found, and what can be done.
    docs : str
        Where more is said.
    """

    topic: str
    status: str
    sentence: str

    @property
    def docs(self):
        """Section of the documentation, in the repository."""
        return f"{DOCS}#{self.topic.replace(' ', '-')}"


def judge(value, bounds):
    """Status of a value that should stay below two bounds."""
    return ("ok", "note", "problem")[int(np.searchsorted(bounds, value))]


def check_convergence(estimator):
    """Whether the optimiser reached the optimum, and how it knows."""
    result = estimator.result_
    certificate = (
        f"another Newton step would lower the deviance by {result.decrement:.1g}"
    )
    if result.converged:
        return Finding(
            "convergence", "ok", f"The fit is at its optimum: {certificate}."
        )
    remedy = "Raise max_iter, or leave out random effects that the data do not show."
    return Finding("convergence", "problem", f"No optimum yet: {certificate}. {remedy}")


def check_singularity(estimator):
    """Whether a variance is zero, or a correlation -1 or +1."""
    result = estimator.result_
    if result.singular:
        sentence = describe_boundary(result, estimator.spec_.formula)
        return Finding("singular fit", "note", sentence)
    if not result.terms:
        sentence = "There are no random effects."
    else:
        sentence = "All variances are above zero, all correlations inside -1 and +1."
    return Finding("singular fit", "ok", sentence)


def check_collinearity(estimator):
    """Whether predictors can be told apart."""
    result, names = estimator.result_, np.array(estimator.fixed_effects_.index)
    factors = variance_inflation(result, names == "Intercept")
    if np.isnan(factors).all():
        return Finding("collinearity", "ok", "There are no two predictors to compare.")
    worst = int(np.nanargmax(factors))
    status = judge(factors[worst], VIF_BOUNDS)
    sentence = (
        f"The largest variance inflation is {factors[worst]:.1f} (`{names[worst]}`)"
    )
    if status == "ok":
        return Finding("collinearity", status, f"{sentence}, below {VIF_BOUNDS[0]:g}.")
    high = names[np.nan_to_num(factors) > VIF_BOUNDS[0]]
    listed = ", ".join(f"`{name}`" for name in high[:5])
    remedy = (
        f"{listed} can hardly be told apart: their standard errors are large, "
        "predictions do not suffer. Centre what enters interactions or powers, "
        "or leave one out."
    )
    return Finding("collinearity", status, f"{sentence}. {remedy}")


def check_group_sizes(design, group, n_levels):
    """Whether there are enough groups, with enough rows each."""
    codes = next(block.codes for block in design.random if block.group == group)
    sizes = np.bincount(codes, minlength=n_levels)
    sizes = sizes[sizes > 0]
    low, middle, high = sizes.min(), np.median(sizes), sizes.max()
    sentence = (
        f"`{group}` has {len(sizes):,} groups of {low:,} to {high:,} rows "
        f"(median {middle:g})"
    )
    alone = int((sizes == 1).sum())
    if len(sizes) < FEW_GROUPS:
        remedy = (
            f"; its variance rests on {len(sizes)} groups and is uncertain. Consider a "
            "fixed effect."
        )
        return Finding("group sizes", "note", sentence + remedy)
    if alone > len(sizes) / 2:
        remedy = (
            f"; {alone:,} have a single row and say little about the residual variance."
        )
        return Finding("group sizes", "note", sentence + remedy)
    return Finding("group sizes", "ok", f"{sentence}.")


def check_constant_slopes(design, result):
    """Whether every random slope varies within its groups."""
    rows, notes, status = GroupedRows.of(design.random), [], "ok"
    slopes = 0
    for factor, z, codes in zip(rows.factors, rows.z, rows.codes, strict=True):
        still = groups_without_variation(z, codes, factor.n_levels)
        for effect, constant in zip(factor.effects, still.T, strict=True):
            if effect == "Intercept":
                continue
            slopes += 1
            count = int(constant.sum())
            if count == factor.n_levels:
                status = "problem"
                notes.append(
                    f"`{effect}` does not vary within any `{factor.group}`: its slope "
                    "cannot be told from the intercept. Leave it out of the "
                    "random part."
                )
            elif count > factor.n_levels / 2:
                status = "note" if status == "ok" else status
                notes.append(
                    f"`{effect}` does not vary within {count:,} of "
                    f"{factor.n_levels:,} groups of `{factor.group}`; its slopes rest "
                    "on the others."
                )
    if notes:
        return Finding("constant slopes", status, " ".join(notes))
    sentence = "Every random slope varies within at least half of its groups."
    if not slopes:
        sentence = "There are no random slopes."
    return Finding("constant slopes", "ok", sentence)


def check_influence(design, fit, factor, labels):
    """Whether a single group moves the fixed effects."""
    result = fit.result
    group, n_levels = result.groups[factor], result.n_levels[factor]
    if len(result.groups) > 1 and n_levels > MOST_DELETIONS:
        sentence = (
            f"`{group}` has {n_levels:,} groups, too many to leave out one by one next "
            "to other factors; not checked."
        )
        return Finding("influence", "ok", sentence)
    deletion = delete_groups(fit, design, factor, refit=False)
    distance = np.nan_to_num(deletion.cooks_distance(result), nan=np.inf)
    worst = int(distance.argmax())
    status = judge(distance[worst], COOK_BOUNDS)
    label = f"`{group}` {labels[worst]}"
    if not np.isfinite(distance[worst]):
        sentence = f"Without {label} a fixed effect could not be estimated at all."
        return Finding("influence", "problem", sentence)
    sentence = (
        f"Of all groups, {label} moves the fixed effects most: Cook's distance "
        f"{distance[worst]:.2f}"
    )
    if status == "ok":
        return Finding("influence", status, f"{sentence}, below {COOK_BOUNDS[0]:g}.")
    remedy = "Look at its rows, and report the fit without it too: influence(...)."
    return Finding("influence", status, f"{sentence}. {remedy}")


def check_normality(values, what, topic):
    """Whether values look normal enough for intervals and predictions."""
    values = values[np.isfinite(values)]
    if len(values) < 20:
        sentence = f"{len(values)} {what} are too few to judge their distribution."
        return Finding(topic, "ok", sentence)
    skewness, kurtosis = stats.skew(values), stats.kurtosis(values)
    sure = min(stats.skewtest(values).pvalue, stats.kurtosistest(values).pvalue)
    shape = f"skewness {skewness:.2f}, excess kurtosis {kurtosis:.2f}"
    if sure > SIGNIFICANT or (abs(skewness) < SKEWED and abs(kurtosis) < PEAKED):
        return Finding(topic, "ok", f"The {what} look normal ({shape}).")
    cause = "heavy tails" if abs(skewness) < SKEWED else "a skewed distribution"
    remedy = (
        "Fixed effects stand this well; prediction intervals do not. Look for single "
        "rows, or transform the response."
    )
    return Finding(topic, "note", f"The {what} have {cause} ({shape}). {remedy}")


def check_spread(residuals, fitted):
    """Whether the residuals' spread is the same at all fitted values."""
    if np.ptp(fitted) == 0:
        return Finding("spread", "ok", "All fitted values are equal.")
    correlation, p_value = stats.spearmanr(np.abs(residuals), fitted)
    sentence = (
        f"The residuals' size and the fitted values correlate at {correlation:.2f}"
    )
    if abs(correlation) < UNEVEN or p_value > SIGNIFICANT:
        return Finding("spread", "ok", f"{sentence}: an even spread.")
    grows = "grows" if correlation > 0 else "falls"
    remedy = (
        f"the spread {grows} with the response. Try its logarithm, or sample_weight."
    )
    return Finding("spread", "note", f"{sentence}: {remedy}")
