"""A warning points at the line of the user's that it is about."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from skmixed import (
    MixedLinearRegressor,
    PooledLinearRegressor,
    RankDeficiencyWarning,
    SingularFitWarning,
    compare_approaches,
    compare_models,
    describe_occasions,
)

N_GROUPS, SIZE = 8, 6


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=N_GROUPS * SIZE)
    return pd.DataFrame(
        {
            "group": np.repeat(np.arange(N_GROUPS), SIZE),
            "x": x,
            "double": 2 * x,
            # the groups' means are all equal: their variance is zero
            "y": np.tile(rng.normal(size=SIZE), N_GROUPS),
            "lively": rng.normal(size=N_GROUPS)[np.repeat(range(N_GROUPS), SIZE)]
            + rng.normal(size=N_GROUPS * SIZE),
        }
    )


def mixed(formula, **parameters):
    return MixedLinearRegressor(formula, **parameters)


CALLS = {
    "singular": (
        SingularFitWarning,
        lambda table: mixed("y ~ 1 + (1 | group)").fit(table),
    ),
    "aliased": (
        RankDeficiencyWarning,
        lambda table: mixed("lively ~ x + double + (1 | group)").fit(table),
    ),
    "no convergence": (
        ConvergenceWarning,
        lambda table: mixed("lively ~ x + (x | group)", max_iter=1).fit(table),
    ),
    "design": (
        UserWarning,
        lambda table: mixed("lively ~ 1 + (x | group)").fit(table),
    ),
    "baseline": (
        RankDeficiencyWarning,
        lambda table: PooledLinearRegressor("lively ~ x + double").fit(table),
    ),
    "folds": (
        SingularFitWarning,
        lambda table: cross_val_score(
            mixed("y ~ 1 + (1 | group)"), table, table["y"], cv=KFold(2)
        ),
    ),
    "a comparison": (
        SingularFitWarning,
        lambda table: compare_approaches("y ~ x + (1 | group)", table),
    ),
    "occasions": (
        UserWarning,
        lambda table: describe_occasions(table, "lively", "x", "group"),
    ),
}


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("call", CALLS)
def test_a_warning_points_at_the_users_line(table, call):
    category, run = CALLS[call]
    with pytest.warns(category) as caught:
        run(table)
    assert {warning.filename for warning in caught} == {__file__}


# name -> fits to many folds of one model that has two causes to warn
MANY_FITS = {
    "cross_val_score": lambda model, table: cross_val_score(
        model, table.drop(columns="y"), table["y"], cv=4
    ),
    "GridSearchCV": lambda model, table: GridSearchCV(
        model, {"max_iter": [1]}, cv=4, refit=False
    ).fit(table.drop(columns="y"), table["y"]),
    "compare_models": lambda model, table: compare_models({"m": model}, table, cv=4),
    "compare_models, two jobs": lambda model, table: compare_models(
        {"m": model}, table, cv=4, n_jobs=2
    ),
}


@pytest.mark.parametrize("name", MANY_FITS)
def test_many_fits_warn_once_of_every_cause(table, name):
    noisy = table.assign(y=table["lively"] + table["x"])
    model = mixed("y ~ x + double + (x | group)", max_iter=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MANY_FITS[name](model, noisy)
    categories = [one.category for one in caught]
    assert sorted(c.__name__ for c in categories) == [
        "ConvergenceWarning",
        "RankDeficiencyWarning",
    ]


def test_another_call_warns_again(table):
    model = mixed("lively ~ x + double + (1 | group)")
    for _ in range(2):
        with pytest.warns(RankDeficiencyWarning):
            model.fit(table)
    X, y = table.drop(columns="lively"), table["lively"]
    for _ in range(5):
        with pytest.warns(RankDeficiencyWarning):
            cross_val_score(model, X, y, cv=3)


@pytest.mark.filterwarnings("error")
def test_where_warnings_are_errors_every_fold_raises(table):
    model = mixed("lively ~ x + double + (1 | group)")
    X, y = table.drop(columns="lively"), table["lively"]
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        cross_val_score(model, X, y, cv=3)
