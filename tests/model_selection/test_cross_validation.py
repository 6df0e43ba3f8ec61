"""Cross-validation of several models in two regimes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, max_error
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skmixed import (
    MixedLinearRegressor,
    PooledLinearRegressor,
    RankDeficiencyWarning,
    compare_models,
)
from skmixed.datasets import load_london_schools

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "london_baselines.json").read_text()
)["cross_validation"]
INTERCEPT = "exam ~ lrt + (1 | school)"
SLOPE = "exam ~ lrt + (1 + lrt | school)"
REGIMES = ["new groups", "known groups"]


@pytest.fixture(scope="module")
def schools():
    return load_london_schools().frame


@pytest.fixture
def ridge():
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((encoder, ["school"]), ("passthrough", ["lrt"]))
    return make_pipeline(columns, Ridge())


def test_a_formula_compares_the_five_in_both_regimes(schools):
    table = compare_models(SLOPE, schools, cv=3)
    assert table.index.get_level_values("regime").unique().tolist() == REGIMES
    assert table.loc["new groups"].index.tolist() == [
        *("aggregated", "pooled", "separate", "interaction", "mixed")
    ]
    assert list(table.columns) == ["rmse", "rmse_sd", "r2", "r2_sd", "fit_time"]
    assert table.loc["known groups", "rmse"].idxmin() == "mixed"
    assert (table[["rmse", "rmse_sd", "fit_time"]] > 0).all(axis=None)


def test_folds_are_those_of_r_one_by_one(schools):
    of_school = REFERENCE["group_folds"]
    fold = dict(zip(map(int, of_school["groups"]), of_school["fold"], strict=True))
    folds = {
        "new": PredefinedSplit(schools["school"].map(fold)),
        "known": PredefinedSplit(REFERENCE["row_folds"]),
    }
    models = {"pooled_ols": PooledLinearRegressor(SLOPE), "lmm_ri": INTERCEPT}
    models["lmm_rs"] = SLOPE
    table = compare_models(
        models, schools, cv=folds, scoring="neg_mean_squared_error", per_fold=True
    )
    expected = {"new": "group_kfold_population", "known": "row_kfold_conditional"}
    for regime, key in expected.items():
        for fold in REFERENCE[key]:
            for name in models:
                theirs = fold.get(name, fold.get("complete_pooling"))
                ours = table.loc[(regime, name, fold["fold"]), "mse"]
                np.testing.assert_allclose(ours, theirs["mse"], rtol=SAME_DEVIANCE)


def test_any_regressor_may_stand_beside_ours(schools, ridge):
    boosting = HistGradientBoostingRegressor(max_iter=2)
    models = {"mixed": SLOPE, "ridge": ridge, "boosting": boosting}
    numeric = schools[["exam", "lrt", "school"]]
    table = compare_models(models, numeric, cv=2)
    assert len(table) == 6
    assert table.notna().all(axis=None)


def test_the_response_is_hidden_from_the_models(schools):
    table = compare_models(
        {"all": LinearRegression(), "mixed": SLOPE}, schools[["exam", "lrt", "school"]]
    )
    assert (table["r2"] < 0.9).all()


def test_scores_are_those_of_cross_val_score(schools):
    table = compare_models([SLOPE], schools, cv=4, scoring="r2", per_fold=True)
    model, y = MixedLinearRegressor(SLOPE), schools["exam"]
    new = cross_val_score(model, schools, y, groups=schools["school"], cv=GroupKFold(4))
    known = cross_val_score(
        model, schools, y, cv=KFold(4, shuffle=True, random_state=0)
    )
    for regime, theirs in (("new groups", new), ("known groups", known)):
        np.testing.assert_allclose(table.loc[regime, "r2"], theirs, rtol=SAME_ALGEBRA)


def test_jobs_do_not_change_scores(schools):
    one = compare_models([INTERCEPT, SLOPE], schools, cv=2)
    two = compare_models([INTERCEPT, SLOPE], schools, cv=2, n_jobs=2)
    columns = ["rmse", "rmse_sd", "r2", "r2_sd"]
    pd.testing.assert_frame_equal(one[columns], two[columns])


def test_verbose_shows_progress(schools, capsys):
    compare_models([INTERCEPT], schools, cv=2, verbose=1)
    assert "cross-validation" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize(
    ("cv", "label"),
    [
        (GroupKFold(3), "new groups"),
        (LeaveOneGroupOut(), "new groups"),
        (KFold(3, shuffle=True, random_state=0), "known groups"),
    ],
)
def test_a_splitter_is_labelled_by_what_its_folds_share(schools, cv, label):
    few = schools[schools["school"] <= 9]
    table = compare_models([INTERCEPT], few, cv=cv, groups="school")
    assert table.index.get_level_values("regime").unique().tolist() == [label]


def test_without_groups_there_is_one_regime(schools):
    table = compare_models(["exam ~ lrt"], schools, cv=3)
    assert table.index.tolist() == [("new rows", "exam ~ lrt")]


def test_y_groups_and_scorers_may_be_given(schools):
    X, y = schools[["lrt"]], schools["exam"]
    scoring = {"worst": make_scorer(max_error), "mae": "neg_mean_absolute_error"}
    table = compare_models(
        LinearRegression(), X, y, groups=schools["school"], scoring=scoring, cv=3
    )
    assert list(table.columns)[::2] == ["worst", "mae", "fit_time"]
    assert table.index.tolist() == [(r, "LinearRegression") for r in REGIMES]


def test_arrays_are_taken(schools):
    X = schools[["lrt", "school"]].to_numpy()
    table = compare_models("~ x0 + (1 | x1)", X, schools["exam"].to_numpy(), cv=2)
    assert table.loc[("known groups", "mixed"), "r2"] > 0.3


def test_a_response_must_be_found(schools, ridge):
    with pytest.raises(ValueError, match="needs y"):
        compare_models([ridge], schools)
    with pytest.raises(ValueError, match="at least one model"):
        compare_models([], schools)


def test_a_dot_stands_for_the_other_columns(schools):
    few = schools[["exam", "lrt", "school"]]
    dot = compare_models(["exam ~ . + (1 | school)"], few, cv=2)
    written = compare_models([INTERCEPT], few, cv=2)
    np.testing.assert_allclose(dot["rmse"], written["rmse"], rtol=SAME_ALGEBRA)


@pytest.mark.parametrize("cv", [2, np.int64(2)])
def test_rows_without_a_response_are_left_out(schools, cv):
    holes = schools.assign(exam=schools["exam"].where(schools.index % 9 > 0))
    table = compare_models([INTERCEPT], holes, cv=cv)
    expected = compare_models([INTERCEPT], holes.dropna(), cv=2)
    np.testing.assert_allclose(table["rmse"], expected["rmse"], rtol=SAME_ALGEBRA)


def test_warnings_name_the_model_and_count_its_folds(schools):
    double = schools.assign(double=2 * schools["lrt"])
    formulas = ["exam ~ lrt + double + (1 | school)", "exam ~ double + lrt"]
    with pytest.warns(RankDeficiencyWarning) as caught:
        compare_models(formulas, double, cv=2)
    starts = [str(one.message).partition(":")[0] for one in caught]
    assert starts == [f"{formula}, in 4 of 4 folds" for formula in formulas]
