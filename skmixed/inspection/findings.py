"""One finding per question that is asked of a fitted model, each a plain sentence."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from skmixed.estimators.diagnostics import (
    describe_boundary,
    describe_residual_boundary,
)
from skmixed.inference.diagnose.collinearity import (
    groups_without_variation,
    variance_inflation,
)
from skmixed.inference.diagnose.crossed_deletion import count_effects
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
# Random effects next to which groups of one of several factors are left out.
MOST_EFFECTS = 5_000
# Share of the residuals' variance that a curve explains, and values that make a curve.
CURVED, FEWEST_VALUES = 0.02, 8
# Rows and groups from which a shape can be judged, and rows that are named.
FEWEST, MOST_NAMED = 20, 5


@dataclass(frozen=True)
class Finding:
    """The answer to one question about a fitted model.

    Attributes
    ----------
    topic : str
    status : {"ok", "note", "problem", "not checked"}
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


def check_singularity(estimator, still=()):
    """Whether a variance is zero, or a correlation -1 or +1.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    still : sequence of tuple (group, effect)
        Slopes that do not vary within any group: they have a remedy of their own.

    Returns
    -------
    Finding
    """
    result = estimator.result_
    residual = getattr(result, "residual", None)
    if residual is not None and residual.singular:
        sentence = describe_residual_boundary(residual)
        return Finding("singular fit", "problem", sentence)
    if result.singular:
        sentence = describe_boundary(result, estimator.spec_.formula)
        if still_and_singular(result, still):
            what = sentence.partition(" The random part")[0]
            sentence = f"{what} Leave out first what is named under constant slopes."
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
        sentence = "There are no two predictors to compare."
        return Finding("collinearity", "not checked", sentence)
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


def check_group_sizes(design, group, n_levels, estimated=True):
    """Whether there are enough groups, with enough rows each.

    ``estimated``: whether the residual variance is.
    """
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
    if alone > len(sizes) / 2 and estimated:
        remedy = (
            f"; {alone:,} have a single row and say little about the residual variance."
        )
        return Finding("group sizes", "note", sentence + remedy)
    return Finding("group sizes", "ok", f"{sentence}.")


def still_and_singular(result, still):
    """Whether a slope that is constant in all groups stands in a singular term."""
    for place, _ in result.singular_terms:
        factor, positions, _ = result.terms[place]
        effects = {
            (result.groups[factor], result.effects[factor][p]) for p in positions
        }
        if effects & set(still):
            return True
    return False


def count_constant_slopes(design):
    """Count for every random slope the groups in which it does not vary.

    Returns
    -------
    dict of tuple (group, effect) to tuple (n_constant, n_levels)
    """
    rows, found = GroupedRows.of(design.random), {}
    for factor, z, codes in zip(rows.factors, rows.z, rows.codes, strict=True):
        still = groups_without_variation(z, codes, factor.n_levels)
        for effect, constant in zip(factor.effects, still.T, strict=True):
            if effect != "Intercept":
                key = factor.group, effect
                found[key] = int(constant.sum()), factor.n_levels
    return found


def check_constant_slopes(slopes):
    """Whether every random slope varies within its groups.

    Parameters
    ----------
    slopes : dict
        As `count_constant_slopes` returns it.

    Returns
    -------
    Finding
    """
    notes, status = [], "ok"
    for (group, effect), (count, n_levels) in slopes.items():
        if count == n_levels:
            status = "problem"
            notes.append(
                f"`{effect}` does not vary within any `{group}`: its slope cannot be "
                "told from the intercept. Leave it out of the random part."
            )
        elif count > n_levels / 2:
            status = "note" if status == "ok" else status
            notes.append(
                f"`{effect}` does not vary within {count:,} of {n_levels:,} groups of "
                f"`{group}`; its slopes rest on the others."
            )
    if notes:
        return Finding("constant slopes", status, " ".join(notes))
    sentence = "Every random slope varies within at least half of its groups."
    if not slopes:
        sentence = "There are no random slopes."
    return Finding("constant slopes", "ok", sentence)


def check_influence(design, fit, factor, labels, verbose=None):
    """Whether a single group moves the fixed effects."""
    result = fit.result
    group, n_levels = result.groups[factor], result.n_levels[factor]
    if len(result.groups) > 1 and count_effects(result) > MOST_EFFECTS:
        sentence = (
            f"The {n_levels:,} groups of `{group}` are too many to leave out one by "
            "one next to other factors."
        )
        return Finding("influence", "not checked", sentence)
    deletion = delete_groups(fit, design, factor, refit=False, verbose=verbose)
    return say_influence(deletion.cooks_distance(result), group, labels, "held")


def say_influence(distance, group, labels, variances):
    """Say which group moves the fixed effects most.

    Parameters
    ----------
    distance : ndarray of shape (G,)
        Cook's distances.
    group : str
    labels : sequence of length G
    variances : str
        How variances are treated: "held".

    Returns
    -------
    Finding
    """
    distance = np.nan_to_num(distance, nan=np.inf)
    worst = int(distance.argmax())
    status = judge(distance[worst], COOK_BOUNDS)
    label = f"`{group}` {labels[worst]}"
    if not np.isfinite(distance[worst]):
        sentence = f"Without {label} a fixed effect could not be estimated at all."
        return Finding("influence", "problem", sentence)
    sentence = (
        f"Of all groups, {label} moves the fixed effects most: Cook's distance, the "
        f"variances {variances}, {distance[worst]:.2f}"
    )
    if status == "ok":
        return Finding("influence", status, f"{sentence}, below {COOK_BOUNDS[0]:g}.")
    remedy = "Look at its rows, and report the fit without it too: influence(...)."
    return Finding("influence", status, f"{sentence}. {remedy}")


def check_normality(values, what, topic):
    """Whether values look normal enough for intervals and predictions."""
    values = values[np.isfinite(values)]
    if len(values) < FEWEST:
        sentence = f"{len(values)} {what} are too few to judge their distribution."
        return Finding(topic, "not checked", sentence)
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
        return Finding("spread", "not checked", "All fitted values are equal.")
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


def check_linearity(X, names, residuals):
    """Whether the residuals still bend along a predictor.

    Parameters
    ----------
    X : ndarray of shape (n, r)
        Fixed-effects columns.
    names : sequence of str of length r
    residuals : ndarray of shape (n,)

    Returns
    -------
    Finding
    """
    bends = {}
    for name, x in zip(names, X.T, strict=True):
        if len(np.unique(x[:: max(len(x) // 10_000, 1)])) >= FEWEST_VALUES:
            bends[name] = explained_by_curve(x, residuals)
    if not bends or len(residuals) < FEWEST:
        sentence = "No predictor has values enough for a curve."
        return Finding("linearity", "not checked", sentence)
    worst = max(bends, key=bends.get)
    share, n = bends[worst], len(residuals)
    # the F test of two more coefficients
    p_value = stats.f.sf(share / 2 / ((1 - share) / max(n - 4, 1)), 2, max(n - 4, 1))
    sentence = (
        f"Curves along the predictors explain at most {100 * share:.1f} % of the "
        f"residuals' variance (`{worst}`)"
    )
    if share < CURVED or p_value > SIGNIFICANT:
        return Finding("linearity", "ok", f"{sentence}.")
    remedy = f"Add `I({worst}^2)`, a spline as `cr({worst}, df=4)`, or a transformation"
    if not worst.isidentifier():
        remedy = "Add its square, a spline, or a transformation"
    status = "problem" if share > 0.25 else "note"
    return Finding("linearity", status, f"{sentence}. {remedy}.")


def explained_by_curve(x, residuals):
    """Share of the residuals' variance that a cubic in x explains beyond a line."""
    z = (x - x.mean()) / x.std()
    basis = np.linalg.qr(np.column_stack([np.ones_like(z), z, z**2, z**3]))[0]
    centred = residuals - basis[:, :2] @ (basis[:, :2].T @ residuals)
    total = centred @ centred
    return float(((basis[:, 2:].T @ centred) ** 2).sum() / total) if total else 0.0


def check_rows(residuals, index):
    """Whether single rows lie far out, and which.

    Parameters
    ----------
    residuals : ndarray of shape (n,)
        In units of sigma.
    index : Index of length n

    Returns
    -------
    Finding
    """
    n = len(residuals)
    bound = stats.norm.isf(SIGNIFICANT / (2 * n))
    size = np.abs(residuals)
    far = np.flatnonzero(size > bound)
    if not len(far):
        worst = int(size.argmax())
        sentence = (
            f"No row lies far out; row {index[worst]} is {size[worst]:.1f} residual sd "
            f"from its prediction, and {bound:.1f} are rare among {n:,} normal rows."
        )
        return Finding("rows", "ok", sentence)
    far = far[np.argsort(-size[far])]
    named = ", ".join(f"{index[i]} ({residuals[i]:+.1f})" for i in far[:MOST_NAMED])
    rows = "1 row lies" if len(far) == 1 else f"{len(far):,} rows lie"
    more = "" if len(far) <= MOST_NAMED else ", the farthest"
    sentence = (
        f"{rows} more than {bound:.1f} residual sd from the prediction{more}: row "
        f"{named}. Look whether they are mistakes, and report the fit without them too."
    )
    return Finding("rows", "note", sentence)
