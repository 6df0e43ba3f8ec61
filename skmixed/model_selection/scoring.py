"""How the folds of a cross-validation are scored, and what scores are called."""

import time
import warnings

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring, get_scorer

from skmixed.estimators.labels import grades_of
from skmixed.formula.text.trials import read_trials
from skmixed.printing.numbers import fixed_decimals

# Errors are shown as such: positive, under the name that people use.
ERRORS = {
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_squared_error": "mse",
    "neg_mean_absolute_error": "mae",
    "neg_median_absolute_error": "median_ae",
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier_score",
}

RULES = dict.fromkeys(("r2", "r2_sd", "fit_time"), fixed_decimals(3)) | dict.fromkeys(
    ("log_loss", "log_loss_sd", "accuracy", "accuracy_sd"), fixed_decimals(4)
)


def last_step(model):
    """Last step of a pipeline; another estimator is its own."""
    return model.steps[-1][1] if hasattr(model, "steps") else model


def reads_trials(model):
    """Whether a model reads its response, with the trials, from its table."""
    text = getattr(last_step(model), "formula", None)
    return bool(text) and read_trials(text).trials is not None


def read_scoring(scoring, model):
    """Turn `scoring` into named scorers.

    Returns
    -------
    dict of str to (callable, sign)
    """
    if isinstance(scoring, str) and scoring == "auto":
        scoring = ("neg_root_mean_squared_error", "r2")
        if is_classifier(model):
            scoring = {"neg_log_loss": minus_log_loss, "accuracy": "accuracy"}
    if scoring is None or callable(scoring):
        scoring = {"score": check_scoring(model, scoring=scoring)}
    elif isinstance(scoring, str):
        scoring = [scoring]
    if not isinstance(scoring, dict):
        scoring = {name: name for name in scoring}
    return {
        ERRORS.get(name, name): (
            get_scorer(scorer) if isinstance(scorer, str) else scorer,
            -1.0 if name in ERRORS else 1.0,
        )
        for name, scorer in scoring.items()
    }


def minus_log_loss(model, X, y):
    """Mean log probability of the true labels, also of folds that lack some.

    A label that the model has not seen has probability 1e-15, as in scikit-learn.
    """
    probabilities = model.predict_proba(X)
    places = grades_of(y, model.classes_)
    known = ~np.isnan(places)
    p = np.zeros(len(places))
    rows = np.flatnonzero(known)
    p[rows] = probabilities[rows, places[rows].astype(np.intp)]
    return float(np.mean(np.log(np.maximum(p, 1e-15))))


def score_fold(model, X, y, train, test, scorers):
    """Fit a copy of a model to some rows, and score it on others.

    Returns
    -------
    scores : dict of str to float
    caught : list of tuple
        Category and text of every warning.
    """
    model = clone(model)
    with warnings.catch_warnings(record=True) as caught:
        start = time.perf_counter()
        given = (
            (X.iloc[train],) if reads_trials(model) else (X.iloc[train], y.iloc[train])
        )
        model.fit(*given)
        scores = {"fit_time": time.perf_counter() - start}
        for name, (scorer, sign) in scorers.items():
            scores[name] = sign * scorer(model, X.iloc[test], y.iloc[test])
    return scores, [(one.category, str(one.message)) for one in caught]
