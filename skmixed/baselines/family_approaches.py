"""The approaches to answers, counts and shares in groups, from one formula."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone

from skmixed.errors import ArgumentError
from skmixed.estimators.generalized import GeneralizedEstimator
from skmixed.estimators.mixed_regressors import (
    MixedNegativeBinomialRegressor,
    MixedPoissonRegressor,
)
from skmixed.estimators.rows import Rows
from skmixed.estimators.shares import MixedBinomialRegressor
from skmixed.formula.text.parse import parse_formula
from skmixed.inference.opened.fitted import fitted
from skmixed.warnings import RankDeficiencyWarning, SeparationWarning

INFERENCE = {
    "aggregated": "{group} totals",
    "pooled": "rows, as if independent",
    "dummies": "these {group} levels only",
    "mixed": "rows, {group}, new ones",
}
DANGERS = {
    "aggregated": "Only the totals of every {group} are left, at the means of its "
    "columns: to read a slope as one within {group} is the ecological fallacy",
    "pooled": "Rows of one {group} are alike, yet each counts as news: standard errors "
    "are too small. Effects are those of the population's mean, which a link that "
    "bends brings closer to 0 than effects within a {group}",
    "dummies": "A parameter for every {group}, of which there are more the more data "
    "there are (incidental parameters): with few rows in a {group} slopes are too "
    "large, twice with two yes-or-no answers. A {group} whose answers are all the same "
    "says nothing, and columns that are constant within {group} have no estimate",
    "mixed": "Takes the {group} levels for a sample from a population, their effects "
    "for normal and unrelated to the columns",
}
# Families whose responses are added up by group, and the estimator of the totals.
ADDED_UP = {
    "binomial": MixedBinomialRegressor,
    "poisson": MixedPoissonRegressor,
    "nbinom2": MixedNegativeBinomialRegressor,
}
# Groups that get a column each at the most.
MOST_DUMMIES = 300
EXPOSURE = "exposure"


def fit_family_approaches(formula, data, model, na_action):
    """Fit the approaches that a family has.

    Parameters
    ----------
    formula : str
    data : data frame
    model : estimator
        Of generalised models; its parameters are used.
    na_action : {"raise", "drop"}

    Returns
    -------
    dict of str to estimator
        ``aggregated``, where responses add up; ``pooled``, ``dummies``, where there
        are at most 300 groups, and ``mixed``: fitted.

    Raises
    ------
    ValueError
        For an estimator of linear models.
    """
    if not isinstance(model, GeneralizedEstimator):
        raise ArgumentError(
            f"model={model!r} should be an estimator of generalised models, such as "
            "MixedLogisticClassifier(); leave it out for linear ones."
        )
    left, _, right = formula.partition("~")
    parsed = parse_formula(f"~ {right}")
    plain = str(dataclasses.replace(parsed, random=())).partition("~")[2]
    by_group = " : ".join(f"factor({quoted(c)})" for c in parsed.random[0].columns)
    options = {"na_action": na_action}
    mixed = clone(model).set_params(formula=formula, **options).fit(data)
    options["n_quadrature"] = 1
    found, texts = {}, {"pooled": f"{left}~{plain}"}
    if mixed.result_.n_levels[0] <= MOST_DUMMIES:
        # first, so that of columns that the groups determine the others are left out
        texts["dummies"] = f"{left}~{by_group} + {plain}"
    with warnings.catch_warnings():
        # the notes of the table say what such warnings would
        for category in (RankDeficiencyWarning, SeparationWarning):
            warnings.simplefilter("ignore", category)
        if mixed.family_.name in ADDED_UP:
            found["aggregated"] = fit_totals(mixed, data)
        for name, text in texts.items():
            found[name] = clone(model).set_params(formula=text, **options).fit(data)
    return {**found, "mixed": mixed}


def quoted(column):
    """Write a column's name as formulas read it."""
    return column if column.isidentifier() else f"`{column}`"


def fit_totals(mixed, data):
    """Fit the totals of every group at the means of its columns.

    Parameters
    ----------
    mixed : estimator
        Fitted, with one grouping factor.
    data : data frame
        The table of the fit.

    Returns
    -------
    estimator
        Without random effects. Counts have the logarithm of their exposure, or of
        their number, as offset.
    """
    design = Rows.read_fitted(mixed, data, generalized=True).design
    codes, kept = design.random[0].codes, mixed.result_.kept
    n_groups = mixed.result_.n_levels[0]

    def total(values):
        return np.bincount(codes, values, minlength=n_groups)

    rows = total(np.ones(len(codes)))
    w = np.ones(len(codes)) if design.weights is None else design.weights
    names = mixed.fitted_.names
    table = pd.DataFrame(
        {
            name: total(column) / rows
            for name, column in zip(names, design.X[:, kept].T, strict=True)
        }
    )
    first = "1" if "Intercept" in names else "0"
    columns = [f"`{name}`" for name in names if name != "Intercept"]
    right = " + ".join([first, *columns])
    options = {"link": mixed.link} if hasattr(mixed, "link") else {}
    y, weights = total(w * design.y), None
    if mixed.family_.name == "binomial":
        weights = total(w)
        y = y / weights
    else:
        offset = 0.0 if design.offset is None else design.offset
        table[EXPOSURE] = total(w * np.exp(offset))
        right += f" + offset(log({EXPOSURE}))"
    totals = ADDED_UP[mixed.family_.name](f"~ {right}", **options)
    return totals.fit(table, y, sample_weight=weights)


def describe_family_approach(name, model, names):
    """Describe one fitted approach as a row of the table.

    Parameters
    ----------
    name : str
    model : estimator
    names : list of str
        Coefficients of the mixed model, in order.

    Returns
    -------
    dict
    """
    fit = fitted(model, generalized=True)
    estimate = model.fixed_effects_
    errors = pd.Series(np.sqrt(np.diag(fit.result.coef_cov)), index=estimate.index)
    extra = fit.result.n_theta
    if name == "dummies":
        extra = sum(column not in names for column in estimate.index)
    row = {"n": fit.result.n_obs, "extra_df": extra}
    for column in names:
        known = column in estimate and (name, column) != ("dummies", "Intercept")
        row[column] = estimate[column] if known else np.nan
        row[f"{column}_se"] = errors[column] if known else np.nan
    return row
