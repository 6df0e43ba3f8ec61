"""Cross-validation of several models, for new groups and for known ones."""

import warnings
from itertools import product
from numbers import Integral

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import GroupKFold, KFold, check_cv

from skmixed.baselines.approaches import five_approaches
from skmixed.errors import ArgumentError, ResponseError
from skmixed.estimators import MixedLinearRegressor
from skmixed.estimators.input import array_names, read_table
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.text.parse import parse_formula
from skmixed.formula.text.trials import read_trials
from skmixed.model_selection.first_rows import FirstRowsKFold
from skmixed.model_selection.scoring import (
    RULES,
    last_step,
    read_scoring,
    reads_trials,
    score_fold,
)
from skmixed.printing.printed import PrintedTable
from skmixed.printing.progress import count_done
from skmixed.warnings import cause_of, warn


def compare_models(  # noqa: PLR0913 - the arguments of cross_validate
    models,
    X,
    y=None,
    *,
    cv=5,
    groups=None,
    first_rows=None,
    scoring="auto",
    n_jobs=None,
    per_fold=False,
    random_state=0,
    verbose=None,
):
    """Cross-validate several models on the same folds, for new and for known groups.

    Parameters
    ----------
    models : str, list or dict
        A formula: the five approaches. A list of formulas (mixed models) and
        estimators, or a dict that names them. Any regressor of scikit-learn may stand
        beside ours, for example ``make_pipeline(StandardScaler(), Ridge())``.
    X : data frame or array-like of shape (n_samples, n_features)
        With the grouping columns. The response's column, if `X` has it, is taken out
        before any model sees `X`.
    y : array-like of shape (n_samples,), default=None
        By default the response of the first formula, read from `X`.
    cv : int, splitter, iterable of splits, or dict, default=5
        A number of folds gives two regimes: *new groups* (GroupKFold: the groups of a
        fold are in no other) and *known groups* (KFold, shuffled: new rows of groups
        that the model has seen). A splitter gives one, labelled by what its folds
        share; a dict from labels to splitters as many as it has. With a number, rows
        without a response are left out first.
    groups : str or array-like of shape (n_samples,), default=None
        Column of `X`, or labels. By default the first grouping factor of the formulas.
    first_rows : int or list of int, default=None
        With a number of folds, a third kind of regime, *after k rows*: new groups of
        which the first k rows are known, in the order of `X`. All of them predict the
        rows after the largest k.
    scoring : str, callable, list or dict, default="auto"
        As in scikit-learn's `cross_validate`. Errors are shown positive: ``rmse``.
        "auto" is RMSE and R2, of classifiers the log loss and the accuracy.
    n_jobs : int, default=None
        Fits to run at a time.
    per_fold : bool, default=False
        Whether to return the scores of every fold instead of their means.
    random_state : int, RandomState instance or None, default=0
        Shuffles the rows of the *known groups* regime.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    PrintedTable
        Its ``frame`` is indexed by ``regime`` and ``model`` (and ``fold`` if
        `per_fold`): for every score its mean and, as ``<score>_sd``, its standard
        deviation over folds; and ``fit_time``, the mean time of a fit in seconds.

    Raises
    ------
    ValueError
        If no response can be found, or there are no models.

    See Also
    --------
    likelihood_ratio_test : A test of nested models.
    skmixed.inspection.CrossValidationDisplay : The picture.
    skmixed.inspection.AdaptationDisplay : What first rows are worth.

    Notes
    -----
    This is cross-validation, not a test: folds share training rows, and the standard
    deviation over folds is no standard error of the mean.

    Examples
    --------
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.model_selection import compare_models
    >>> formulas = ["Reaction ~ Days", "Reaction ~ Days + (Days | Subject)"]
    >>> table = compare_models(formulas, load_sleepstudy().frame, cv=3)
    >>> table.loc["known groups", "rmse"].round(1)
    model
    Reaction ~ Days                       47.8
    Reaction ~ Days + (Days | Subject)    28.5
    Name: rmse, dtype: float64
    """
    models, X = name_models(models), read_columns(X)
    texts = [getattr(last_step(model), "formula", None) for model in models.values()]
    formulas = [parse_formula(plain(text), tuple(X.columns)) for text in texts if text]
    X, y = find_response(models, X, y, formulas)
    groups = read_groups(groups, X, formulas)
    if y.isna().any() and isinstance(cv, Integral):
        groups = groups if groups is None else groups[y.notna()]
        X, y = X[y.notna()], y[y.notna()]
    regimes = choose_regimes(cv, X, y, groups, random_state)
    if first_rows is not None:
        regimes |= after_rows(cv, X, groups, first_rows)
    splits = [
        (regime, fold, train, test)
        for regime, folds in regimes.items()
        for fold, (train, test) in enumerate(folds)
    ]
    scorers = read_scoring(scoring, next(iter(models.values())))
    tasks = list(product(models.items(), splits))
    jobs = (
        delayed(score_fold)(model, X, y, train, test, scorers)
        for (_, model), (_, _, train, test) in tasks
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    scores, heard = collect(tasks, results, verbose)
    warn_of_folds(heard, len(splits))
    table = arrange(scores, list(models), per_fold)
    note = "Means over folds; sd: between them, no standard error."
    return PrintedTable(
        table, "Cross-validation", [] if per_fold else [note], rules=RULES
    )


def collect(tasks, results, verbose):
    """Gather the scores of folds as they come, and what was warned of by its cause.

    Returns
    -------
    scores : DataFrame
        A row per model and fold.
    heard : dict of tuple to list of str
    """
    scores, heard = [], {}
    with count_done(len(tasks), "cross-validation", "folds", verbose) as done:
        for ((name, _), (regime, fold, _, _)), result in zip(
            tasks, results, strict=True
        ):
            result, caught = result
            scores.append({"regime": regime, "model": name, "fold": fold, **result})
            for category, text in caught:
                cause = name, *cause_of(category, text)
                heard.setdefault(cause, []).append(text)
            done()
    return pd.DataFrame(scores), heard


def name_models(models):
    """Turn what the user gave into named estimators.

    Parameters
    ----------
    models : str, estimator, list or dict

    Returns
    -------
    dict of str to estimator
    """
    if isinstance(models, str):
        return five_approaches(models)
    if hasattr(models, "fit"):
        models = [models]
    if not isinstance(models, dict):
        named = {}
        for model in models:
            name = model if isinstance(model, str) else short_name(model)
            while name in named:
                name += "'"
            named[name] = model
        models = named
    if not models:
        raise ArgumentError("compare_models needs at least one model or formula.")
    return {
        name: MixedLinearRegressor(model) if isinstance(model, str) else model
        for name, model in models.items()
    }


def short_name(model):
    """Name an estimator by its class, a pipeline by that of its last step."""
    last = last_step(model)
    formula = getattr(last, "formula", None)
    return type(last).__name__ + ("" if formula is None else f"({formula!r})")


def read_columns(X):
    """Read a table, or an array under scikit-learn's names.

    Returns
    -------
    DataFrame of shape (n, p)
    """
    frame = read_table(X)
    if frame is None:
        X = np.asarray(X)
        frame = pd.DataFrame(X, columns=array_names(X.shape[1]))
    return frame.reset_index(drop=True)


def find_response(models, frame, y, formulas):
    """Find the response; its column stays where models read trials with it.

    Returns
    -------
    X : DataFrame of shape (n, p)
    y : Series of shape (n,)
    """
    if y is None and any(map(reads_trials, models.values())):
        return frame, pd.Series(DesignSpec(str(formulas[0])).read_response(frame))
    return take_out_response(frame, y, formulas)


def take_out_response(frame, y, formulas):
    """Find the response, and take its column out of the table.

    Parameters
    ----------
    frame : DataFrame of shape (n, p)
    y : array-like or None
    formulas : list of MixedFormula

    Returns
    -------
    X : DataFrame of shape (n, p)
    y : Series of shape (n,)
    """
    columns = [f.response_columns[0] for f in formulas if f.response_is_column]
    if y is None:
        if not columns or columns[0] not in frame.columns:
            raise ResponseError(
                "compare_models needs y, or a formula whose left side is a column of "
                f"X; the formulas are {[str(f) for f in formulas]}, X has "
                f"{list(map(str, frame.columns))[:20]}."
            )
        y = frame[columns[0]]
    name = getattr(y, "name", None) or (columns[0] if columns else None)
    y = y.reset_index(drop=True) if isinstance(y, pd.Series) else np.asarray(y)
    y = pd.Series(y, name=name)
    return frame.drop(columns=[c for c in {name, *columns} if c in frame.columns]), y


def plain(text):
    """A formula with one response: ``I(k / n)`` for successes and trials."""
    return read_trials(text).formula


def read_groups(groups, X, formulas):
    """Find the group of every row: as given, or by the first bar of the formulas.

    Returns
    -------
    ndarray of shape (n,) or None
    """
    if isinstance(groups, str):
        return X[groups].to_numpy()
    if groups is not None:
        return np.asarray(groups)
    for formula in formulas:
        columns = list(formula.random[0].columns) if formula.random else []
        if columns and set(columns) <= set(X.columns):
            return X.groupby(columns, sort=False, observed=True).ngroup().to_numpy()
    return None


def choose_regimes(cv, X, y, groups, random_state):
    """Split the rows in every regime.

    Returns
    -------
    dict of str to list of (train, test)
    """
    if isinstance(cv, dict):
        splitters = cv
    elif not isinstance(cv, Integral):
        folds = split(cv, X, y, groups)
        return {label_regime(folds, groups): folds}
    elif groups is None:
        splitters = {"new rows": KFold(cv, shuffle=True, random_state=random_state)}
    else:
        splitters = {
            "new groups": GroupKFold(cv),
            "known groups": KFold(cv, shuffle=True, random_state=random_state),
        }
    return {
        label: split(splitter, X, y, groups) for label, splitter in splitters.items()
    }


def after_rows(cv, X, groups, first_rows):
    """Split the rows by groups, their first rows known.

    Returns
    -------
    dict of str to list of (train, test)
    """
    numbers = [first_rows] if isinstance(first_rows, Integral) else list(first_rows)
    if not isinstance(cv, Integral) or groups is None:
        raise ArgumentError(
            "first_rows= is for a number of folds and rows that have groups; "
            "skmixed.model_selection.FirstRowsKFold is the splitter to pass in a dict "
            "as cv."
        )
    return {
        f"after {k} row{'' if k == 1 else 's'}": list(
            FirstRowsKFold(k, cv, skip=max(numbers)).split(X, None, groups)
        )
        for k in numbers
    }


def split(splitter, X, y, groups):
    """List the splits, handing groups to those splitters that read them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")
        return list(check_cv(splitter).split(X, y, groups))


def label_regime(folds, groups):
    """Say whether test groups were in training."""
    if groups is None:
        return "new rows"
    shared = any(np.isin(groups[test], groups[train]).any() for train, test in folds)
    return "known groups" if shared else "new groups"


def warn_of_folds(heard, n_folds):
    """Warn once of every cause, and say in how many folds it was met.

    Parameters
    ----------
    heard : dict of tuple to list
        By model, category and text without its numbers: the texts.
    n_folds : int
        Fits of every model.
    """
    for (name, category, _), met in heard.items():
        warn(f"{name}, in {len(met)} of {n_folds} folds: {met[0]}", category)


def arrange(scores, models, per_fold):
    """Lay the scores out: regimes and models in the order given.

    Parameters
    ----------
    scores : DataFrame with one row per model and fold
    models : list of str
    per_fold : bool

    Returns
    -------
    DataFrame
    """
    keys = ["regime", "model", "fold"]
    names = [n for n in scores if n not in (*keys, "fit_time")]
    levels = [list(dict.fromkeys(scores["regime"])), models]
    if per_fold:
        levels.append(sorted(scores["fold"].unique()))
        table = scores[[*names, "fit_time"]]
    else:
        folds = scores.groupby(keys[:2], sort=False)
        columns = {}
        for name in names:
            columns[name] = folds[name].mean()
            columns[f"{name}_sd"] = folds[name].std()
        table = pd.DataFrame(columns | {"fit_time": folds["fit_time"].mean()})
        scores = table.index.to_frame(index=False)
    codes = [
        pd.Categorical(scores[key], categories=level).codes.astype(int)
        for key, level in zip(keys, levels, strict=False)
    ]
    order = np.lexsort(codes[::-1])
    # levels in the order given, and codes that rise: pandas calls that sorted
    index = pd.MultiIndex(levels, [c[order] for c in codes], names=keys[: len(levels)])
    return table.iloc[order].set_axis(index)
