"""The five approaches to multilevel data, from one formula, in one table."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.baselines.aggregated import AggregatedLinearRegressor
from skmixed.baselines.family_approaches import DANGERS as FAMILY_DANGERS
from skmixed.baselines.family_approaches import INFERENCE as FAMILY_INFERENCE
from skmixed.baselines.family_approaches import (
    describe_family_approach,
    fit_family_approaches,
)
from skmixed.baselines.interaction import InteractionLinearRegressor
from skmixed.baselines.pooled import PooledLinearRegressor
from skmixed.baselines.separate import SeparateLinearRegressor
from skmixed.errors import UnavailableError
from skmixed.estimators import MixedLinearRegressor
from skmixed.formula.text.parse import parse_formula
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import Printed, Table
from skmixed.warnings import RankDeficiencyWarning

# Of every approach: what its inference is about, and what goes wrong with it.
INFERENCE = {
    "aggregated": "{group} means",
    "pooled": "rows, as if independent",
    "separate": "each {group} by itself",
    "interaction": "these {group} levels only",
    "mixed": "rows, {group}, new ones",
}
DANGERS = {
    "aggregated": "Every {group} counts the same, whatever its size, and only {group} "
    "means are left: to read the slope as one within {group} is the ecological fallacy",
    "pooled": "Rows of one {group} are alike, yet each counts as news: standard errors "
    "of what differs between {group} levels are too small, p-values too",
    "separate": "Estimate and SE are the plain mean over groups and its sem: a {group} "
    "with few rows counts as much as a large one. Nothing can be said about columns "
    "that are constant within {group}",
    "interaction": "Every {group} costs degrees of freedom, and the answer holds for "
    "these {group} levels only. Estimates of what varies are means weighted by size",
    "mixed": "Takes the {group} levels for a sample from a population, their effects "
    "for normal and unrelated to the columns",
}


@dataclass(frozen=True, eq=False, repr=False)
class ApproachTable(Printed):
    """A table of several analyses of the same data, printed with its notes.

    Attributes
    ----------
    frame : DataFrame
        The numbers.
    models : dict of str to estimator
        The fitted models behind them.

    Examples
    --------
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed import naive_vs_mixed
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> naive_vs_mixed(formula, load_sleepstudy().frame).frame["ratio"].round(2)
    Intercept    1.03
    Days         1.25
    Name: ratio, dtype: float64
    """

    frame: pd.DataFrame
    models: dict
    shown: Table
    notes: tuple[str, ...]

    def blocks(self):
        """Yield the table and its notes."""
        yield self.shown
        yield "\n".join(self.notes)


def five_approaches(
    formula, *, reml=True, na_action="raise", unseen_groups="population"
):
    """Build one estimator for each of the five approaches to multilevel data.

    Parameters
    ----------
    formula : str
        The formula of the mixed model, bars and all; it drives all five.
    reml : bool, default=True
        Whether the mixed model is fitted by restricted maximum likelihood.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values.
    unseen_groups : {"population", "error"}, default="population"
        What to do with new groups in `predict`.

    Returns
    -------
    dict of str to estimator
        ``aggregated`` (regression of group means), ``pooled`` (groups ignored),
        ``separate`` (a regression per group), ``interaction`` (groups and their
        interactions as fixed effects) and ``mixed``, not fitted.

    See Also
    --------
    compare_approaches : Fit them, and put them in one table.

    Examples
    --------
    >>> from skmixed import five_approaches
    >>> list(five_approaches("exam ~ lrt + (1 + lrt | school)"))
    ['aggregated', 'pooled', 'separate', 'interaction', 'mixed']
    """
    common = {"na_action": na_action, "unseen_groups": unseen_groups}
    return {
        "aggregated": AggregatedLinearRegressor(formula, **common),
        "pooled": PooledLinearRegressor(formula, **common),
        "separate": SeparateLinearRegressor(formula, **common),
        "interaction": InteractionLinearRegressor(formula, **common),
        "mixed": MixedLinearRegressor(formula, reml=reml, **common),
    }


def compare_approaches(formula, data, *, model=None, reml=True, na_action="raise"):
    """Fit the five approaches to the same data, and put them in one table.

    Parameters
    ----------
    formula : str
        The formula of the mixed model, with its response and one grouping factor.
    data : data frame
    model : estimator, default=None
        Of a generalised model, for answers, counts and shares:
        ``MixedLogisticClassifier()``. The approaches then are ``aggregated`` (totals of
        the groups, of successes and counts), ``pooled`` (a generalised linear model),
        ``dummies`` (a parameter per group; up to 300 groups) and ``mixed``.
    reml : bool, default=True
        Whether the mixed model is fitted by restricted maximum likelihood.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values.

    Returns
    -------
    ApproachTable
        Its ``frame`` has one row per approach: ``n``, what counts as an observation;
        ``extra_df``, parameters beyond those of one regression; for every coefficient
        its estimate and, as ``<name>_se``, its standard error; ``inference``, what it
        is about, and ``danger``.

    Raises
    ------
    ValueError
        If the formula has no bar, or more than one grouping factor.

    See Also
    --------
    five_approaches : The estimators alone.
    describe : Each of them in sentences.

    Examples
    --------
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed import compare_approaches
    >>> schools = load_london_schools().frame
    >>> table = compare_approaches("exam ~ lrt + (1 + lrt | school)", schools)
    >>> table.frame[["n", "extra_df", "lrt", "lrt_se"]].round(3)
                    n  extra_df    lrt  lrt_se
    aggregated     65         0  0.884   0.116
    pooled       4059         0  0.595   0.013
    separate     4059       128  0.425   0.117
    interaction  4059       128  0.548   0.014
    mixed        4059         3  0.557   0.020
    """
    group = find_group(formula)
    if model is not None:
        models = fit_family_approaches(formula, data, model, na_action)
        names = list(models["mixed"].fixed_effects_.index)
        describe, texts = describe_family_approach, (FAMILY_INFERENCE, FAMILY_DANGERS)
    else:
        models = five_approaches(formula, reml=reml, na_action=na_action)
        with warnings.catch_warnings():
            # columns that an approach cannot estimate are empty cells of the table
            warnings.simplefilter("ignore", RankDeficiencyWarning)
            for name in models:
                models[name].fit(data)
        names = list(models["pooled"].fixed_effects_.index)
        describe, texts = describe_approach, (INFERENCE, DANGERS)
    rows = {name: describe(name, own, names) for name, own in models.items()}
    return tabulate(models, pd.DataFrame.from_dict(rows, orient="index"), group, texts)


def tabulate(models, frame, group, texts):
    """Put approaches in one table, with what to beware of.

    Parameters
    ----------
    models : dict of str to estimator
    frame : DataFrame
        A row per approach.
    group : str
    texts : tuple of two dict
        What the inference of every approach is about, and its danger.

    Returns
    -------
    ApproachTable
    """
    names = [c for c in frame if f"{c}_se" in frame]
    for column, own in zip(("inference", "danger"), texts, strict=True):
        frame[column] = [own[name].format(group=group) for name in frame.index]
    shown = frame[["n", "extra_df"]].copy()
    for name in names:
        shown[f"{name} (SE)"] = write_pairs(frame[name], frame[f"{name}_se"])
    shown["inference about"] = frame["inference"]
    notes = [f"{i}. {text}." for i, text in enumerate(frame["danger"], 1)]
    many = ("", "One", "Two", "Three", "Four", "Five")[len(frame)]
    return ApproachTable(
        frame=frame,
        models=models,
        shown=Table(
            shown,
            f"{many} approaches to {models['mixed'].formula_}",
            labels=tuple(f"{i}. {name}" for i, name in enumerate(frame.index, 1)),
            right=tuple(shown.columns[2:-1]),
        ),
        notes=("What to beware of:", *notes),
    )


def find_group(formula):
    """Name the grouping factor of a formula; raise unless there is exactly one."""
    # the left side may be of two columns: successes / trials
    right = "~" + formula.partition("~")[2] if "~" in formula else formula
    groups = list(
        dict.fromkeys(term.group_name for term in parse_formula(right).random)
    )
    if len(groups) != 1:
        raise UnavailableError(
            "The five approaches are compared for one grouping factor; the formula "
            f"{formula!r} has {groups or 'none'}. Write for example "
            "'y ~ x + (1 + x | group)'."
        )
    return groups[0]


def describe_approach(name, model, names):
    """Describe one fitted approach as a row of the table.

    Parameters
    ----------
    name : str
    model : estimator
    names : list of str
        Coefficients, in order.

    Returns
    -------
    dict
    """
    if name == "separate":
        table = model.summary().fixed
        estimate, std_error = table["mean"], table["sem"]
    else:
        estimate = model.fixed_effects_
        variances = np.diag(model.fixed_effects_cov_)
        std_error = pd.Series(np.sqrt(variances), index=estimate.index)
    extra = getattr(model, "extra_df_", 0)
    if name == "mixed":
        extra = len(model.theta_)
    n_obs = model.n_obs_
    if name == "aggregated":
        n_obs = model.result_.n_obs
    row = {"n": n_obs, "extra_df": extra}
    for column in names:
        row[column] = estimate.get(column, np.nan)
        row[f"{column}_se"] = std_error.get(column, np.nan)
    return row


def choose_decimals(std_errors):
    """Decimals that show two digits of the smallest standard error."""
    sizes = std_errors[np.isfinite(std_errors) & (std_errors > 0)]
    return max(1 - int(np.floor(np.log10(sizes.min()))), 0) if len(sizes) else 3


def write_pairs(estimates, std_errors):
    """Write estimates and standard errors with two digits of the smallest error."""
    rule = fixed_decimals(choose_decimals(std_errors))
    pairs = zip(estimates, std_errors, strict=True)
    return ["-" if np.isnan(b) else f"{rule(b)} ({rule(se)})" for b, se in pairs]


def naive_vs_mixed(formula, data, *, covariance="CR1", reml=True, na_action="raise"):
    """Compare the standard errors that ignore groups with those that do not.

    Parameters
    ----------
    formula : str
        The formula of the mixed model, with its response.
    data : data frame
    covariance : {"CR0", "CR1"}, default="CR1"
        Kind of cluster-robust standard error.
    reml : bool, default=True
        Whether the mixed model is fitted by restricted maximum likelihood.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values.

    Returns
    -------
    ApproachTable
        Its ``frame`` has one row per coefficient: ``ols`` and ``mixed``, the estimates;
        ``ols_se``, ``robust_se`` and ``mixed_se``; ``ratio``, the mixed standard error
        over the naive one, and its square, the ``design_effect``: by how much the
        naive analysis overstates the number of rows that bear on the coefficient.

    Raises
    ------
    ValueError
        If the formula has no bar, or more than one grouping factor.

    See Also
    --------
    cluster_robust : Robust standard errors of the mixed model.

    Examples
    --------
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed import naive_vs_mixed
    >>> schools = load_london_schools().frame
    >>> table = naive_vs_mixed("exam ~ lrt + school_avg + (1 | school)", schools)
    >>> table.frame[["ols_se", "robust_se", "mixed_se", "design_effect"]].round(3)
                ols_se  robust_se  mixed_se  design_effect
    Intercept    0.013      0.038     0.037          8.943
    lrt          0.013      0.019     0.013          0.888
    school_avg   0.042      0.122     0.112          7.123
    """
    group = find_group(formula)
    naive = PooledLinearRegressor(formula, na_action=na_action).fit(data)
    mixed = MixedLinearRegressor(formula, reml=reml, na_action=na_action).fit(data)
    robust = naive.summary(covariance=covariance).fixed["std_error"]
    frame = pd.DataFrame({"ols": naive.fixed_effects_, "mixed": mixed.fixed_effects_})
    frame["ols_se"] = np.sqrt(np.diag(naive.fixed_effects_cov_))
    frame["robust_se"] = robust
    frame["mixed_se"] = np.sqrt(np.diag(mixed.fixed_effects_cov_))
    frame["ratio"] = frame["mixed_se"] / frame["ols_se"]
    frame["design_effect"] = frame["ratio"] ** 2
    headings = {"ols": "OLS", "ols_se": "SE OLS", "mixed_se": "SE mixed"}
    headings["robust_se"] = f"SE {covariance}"
    rule = fixed_decimals(choose_decimals(frame["ols_se"]))
    rules = dict.fromkeys(frame.columns[:5], rule)
    rules |= dict.fromkeys(("ratio", "design_effect"), fixed_decimals(2))
    title = f"Naive and correct standard errors: {mixed.formula_}"
    return ApproachTable(
        frame=frame,
        models={"pooled": naive, "mixed": mixed},
        shown=Table(frame, title, headings=headings, rules=rules),
        notes=(
            "ratio: the mixed model's standard error over that of least squares, which "
            f"takes the {naive.n_obs_} rows for independent. Its square, the design "
            "effect, is how many times over the rows were counted.",
            f"Above 1, the naive analysis is too sure (columns that differ between "
            f"{group} levels); below 1, it is not sure enough (columns that differ "
            "within them).",
            f"SE {covariance}: least squares with cluster-robust standard errors, "
            f"clusters of {group}.",
        ),
    )
