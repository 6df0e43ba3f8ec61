"""scikit-learn's own checks, and every tool that an estimator meets there."""

import io
import pickle

import joblib
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from conftest import SAME_ALGEBRA
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skmixed import MixedLinearRegressor, MixedLogisticClassifier

FORMULA = "exam ~ lrt + gender + (1 | school)"


@pytest.fixture
def model():
    return MixedLinearRegressor(FORMULA)


# some checks fit more columns than rows, or columns of zeros
@pytest.mark.filterwarnings("ignore::skmixed.RankDeficiencyWarning")
@parametrize_with_checks([MixedLinearRegressor(), MixedLinearRegressor(reml=False)])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_param_validation]
)
def test_checks_beyond_check_estimator(check):
    check("MixedLinearRegressor", MixedLinearRegressor())


def test_without_formula_it_is_least_squares(X, y):
    numbers = X[["lrt", "school_avg"]]
    ours = MixedLinearRegressor().fit(numbers, y)
    theirs = LinearRegression().fit(numbers, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=SAME_ALGEBRA)


def test_formula_on_an_array_uses_the_names_x0_x1(X, y, model):
    array = X[["lrt", "school_avg", "school"]].to_numpy()
    fitted = MixedLinearRegressor("~ . + (1 | x2)").fit(array, y.to_numpy())
    assert fitted.coef_names_ == ["x0", "x1"]
    assert fitted.n_groups_ == {"x2": 12}
    assert not hasattr(fitted, "feature_names_in_")
    frame = MixedLinearRegressor("~ lrt + school_avg + (1 | school)").fit(X, y)
    np.testing.assert_allclose(fitted.predict(array), frame.predict(X))


def test_clone_keeps_parameters(model):
    copy = clone(model.set_params(reml=False, tol=1e-6))
    assert copy.get_params() == model.get_params()


def stored_by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def stored_by_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def stored_by_skops(model):
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith(("skmixed.", "numpy.")) for name in unknown), unknown
    return skops.io.loads(data, trusted=unknown)


@pytest.mark.parametrize(
    "formula",
    [
        None,
        "~ scale(lrt) + gender + (1 + lrt | school)",
        "~ lrt + (1 | school_gender/school)",
    ],
)
@pytest.mark.parametrize("store", [stored_by_pickle, stored_by_joblib, stored_by_skops])
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_a_stored_model_predicts_the_same(X, y, formula, store):
    if formula is None:
        X = X[["lrt", "gender"]]
    model = MixedLinearRegressor(formula).fit(X, y)
    again = store(model)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert str(again.summary()) == str(model.summary())
    for group, table in model.random_effects_.items():
        pd.testing.assert_frame_equal(again.random_effects_[group], table)


def test_a_stored_model_holds_no_rows(X, y):
    once = MixedLinearRegressor("~ lrt + (1 | school)").fit(X, y)
    more = pd.concat([X] * 20), pd.concat([y] * 20)
    often = MixedLinearRegressor("~ lrt + (1 | school)").fit(*more)
    assert len(pickle.dumps(often)) < 1.1 * len(pickle.dumps(once))


def test_cross_validation_with_y_given_and_with_y_inside(schools, X, y, model):
    folds = {"groups": schools["school"], "cv": GroupKFold(4)}
    given = cross_val_score(model, X, y, **folds)
    np.testing.assert_array_equal(given, cross_val_score(model, schools, y, **folds))
    np.testing.assert_array_equal(given, cross_val_score(model, schools, **folds))
    assert (given > 0).all()


def test_known_groups_are_predicted_better_than_new_ones(X, y, model):
    known = cross_val_score(model, X, y, cv=KFold(4, shuffle=True, random_state=0))
    new = cross_val_score(model, X, y, groups=X["school"], cv=GroupKFold(4))
    assert known.mean() > new.mean()


def test_cross_validate_with_scorers_by_name(X, y, model):
    results = cross_validate(
        model,
        X,
        y,
        groups=X["school"],
        cv=GroupKFold(3),
        scoring=["r2", "neg_root_mean_squared_error"],
        return_estimator=True,
    )
    assert np.isfinite(results["test_neg_root_mean_squared_error"]).all()
    assert [e.n_groups_["school"] for e in results["estimator"]] == [8, 8, 8]
    assert cross_val_predict(model, X, y, cv=3).shape == y.shape


def test_grid_search_over_formulas_in_parallel(X, y, model):
    grid = {"formula": [FORMULA, "exam ~ gender + (1 | school)"], "reml": [True, False]}
    search = GridSearchCV(model, grid, cv=GroupKFold(3), n_jobs=2)
    search.fit(X, y, groups=X["school"])
    assert search.best_params_["formula"] == FORMULA
    assert search.best_estimator_.n_obs_ == len(X)


def test_learning_curve(X, y, model):
    _, _, scores = learning_curve(
        model,
        X,
        y,
        groups=X["school"],
        cv=GroupKFold(3),
        train_sizes=[0.5, 1.0],
        shuffle=True,
        random_state=0,
    )
    assert np.isfinite(scores).all()


def pandas_out(*steps):
    transformer = make_column_transformer(
        *steps, remainder="passthrough", verbose_feature_names_out=False
    )
    return transformer.set_output(transform="pandas")


def test_pipeline_with_columns_as_pandas(X, y, model):
    pipeline = make_pipeline(pandas_out((StandardScaler(), ["lrt"])), model)
    pipeline.fit(X, y)
    np.testing.assert_allclose(pipeline.predict(X), clone(model).fit(X, y).predict(X))
    search = GridSearchCV(
        pipeline, {"mixedlinearregressor__reml": [True, False]}, cv=GroupKFold(3)
    )
    assert search.fit(X, y, groups=X["school"]).best_score_ > 0


def test_pipeline_that_imputes(X, y, model):
    X.loc[3, "lrt"] = np.nan
    pipeline = make_pipeline(pandas_out((SimpleImputer(), ["lrt"])), model)
    assert pipeline.fit(X, y).score(X, y) > 0


def test_pipeline_with_prefixed_names(X, y):
    prefixed = make_column_transformer(
        (StandardScaler(), ["lrt"]), remainder="passthrough"
    ).set_output(transform="pandas")
    formula = "~ standardscaler__lrt + (1 | remainder__school)"
    pipeline = make_pipeline(prefixed, MixedLinearRegressor(formula))
    assert pipeline.fit(X, y).score(X, y) > 0


def test_transformed_target(X, y):
    wrapped = TransformedTargetRegressor(
        MixedLinearRegressor("~ lrt + (1 | school)"), func=np.log, inverse_func=np.exp
    )
    shifted = y + 10
    inside = X.assign(exam=shifted)
    direct = MixedLinearRegressor("log(exam) ~ lrt + (1 | school)").fit(inside)
    wrapped.fit(X, shifted)
    np.testing.assert_allclose(wrapped.predict(X), np.exp(direct.predict(X)))


def test_stacking(X, y, model):
    plain = MixedLinearRegressor("~ lrt + (1 | school)")
    stack = StackingRegressor([("mixed", model), ("plain", plain)], cv=3).fit(X, y)
    assert stack.score(X, y) > 0


def test_permutation_importance_sees_the_groups(X, y, model):
    found = permutation_importance(
        model.fit(X, y), X, y, n_repeats=2, random_state=0
    ).importances_mean
    importance = dict(zip(X.columns, found, strict=True))
    assert importance["lrt"] > importance["school"] > 0
    assert importance["school_avg"] == 0


def test_partial_dependence(X, y, model):
    model.fit(X, y)
    lrt = partial_dependence(model, X, ["lrt"], kind="average", grid_resolution=5)
    steps = np.diff(lrt["average"].ravel()) / np.diff(lrt["grid_values"][0])
    slope = model.fixed_effects_["lrt"]
    np.testing.assert_allclose(steps, slope, rtol=SAME_ALGEBRA)
    for column, size in (("school", 12), ("gender", 2)):
        found = partial_dependence(
            model, X, [column], categorical_features=[column], kind="average"
        )
        assert found["average"].shape == (1, size)


def test_sample_weight_is_routed(X, y, model):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        scores = cross_validate(
            model,
            X,
            y,
            cv=GroupKFold(3),
            params={"sample_weight": weights, "groups": X["school"]},
        )["test_score"]
    assert np.isfinite(scores).all()


def test_random_effects_is_routed_through_a_pipeline(X, y, model):
    with config_context(enable_metadata_routing=True):
        model.set_predict_request(random_effects=True)
        pipeline = make_pipeline("passthrough", model).fit(X, y)
        population = pipeline.predict(X, random_effects=False)
    np.testing.assert_array_equal(population, model.predict(X, random_effects=False))


def test_tags():
    tags = get_tags(MixedLinearRegressor())
    assert tags.estimator_type == "regressor"
    assert tags.target_tags.required
    assert tags.input_tags.categorical
    assert tags.input_tags.string
    assert not tags.input_tags.allow_nan
    assert get_tags(MixedLinearRegressor(na_action="drop")).input_tags.allow_nan
    assert not get_tags(MixedLinearRegressor(FORMULA)).target_tags.required
    assert get_tags(MixedLinearRegressor("~ x + (1 | g)")).target_tags.required


def test_html_shows_the_formula_and_links_nowhere(model):
    text = model._repr_html_()
    assert "readthedocs" not in text
    assert "Online documentation" not in text
    assert "(1 | school)" in text


CONVERSIONS = {
    "polars": pl.from_pandas,
    "pyarrow": pa.Table.from_pandas,
    "pyarrow batch": pa.RecordBatch.from_pandas,
    "narwhals": nw.from_native,
}


@pytest.mark.parametrize("library", CONVERSIONS)
def test_other_frames_give_the_same_model(schools, model, library):
    convert = CONVERSIONS[library]
    fitted = clone(model).fit(convert(schools))
    model.fit(schools)
    assert fitted.feature_names_in_.tolist() == schools.columns.tolist()
    np.testing.assert_allclose(
        fitted.fixed_effects_, model.fixed_effects_, rtol=SAME_ALGEBRA
    )
    for rows in (schools, convert(schools)):
        np.testing.assert_allclose(
            fitted.predict(rows), model.predict(schools), rtol=SAME_ALGEBRA
        )
    assert fitted.score(convert(schools)) == pytest.approx(model.score(schools))


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_cross_validation_of_other_frames(X, y, model, library):
    scores = cross_val_score(
        model,
        CONVERSIONS[library](X),
        y.to_numpy(),
        groups=X["school"],
        cv=GroupKFold(3),
        error_score="raise",
    )
    assert (scores > 0).all()


def test_polars_series_as_response(X, y, model):
    frame = pl.from_pandas(X)
    fitted = clone(model).fit(frame, pl.Series("exam", y.to_numpy()))
    assert fitted.sigma_ == model.fit(X, y).sigma_


def test_tables_without_rows_are_refused(schools, model):
    lazy = pl.from_pandas(schools).lazy()
    with pytest.raises(TypeError, match="collect"):
        MixedLogisticClassifier("exam ~ lrt + (1 | school)").fit(lazy)
    with pytest.raises(TypeError, match="DataFrame"):
        model.fit(dict(schools))


@pytest.mark.parametrize("reml", [1, "yes", 0.0])
def test_values_that_equal_valid_ones_are_checked_by_their_type(reml):
    model = MixedLinearRegressor("~ x0")
    model.set_params(reml=True)._validate_params()
    with pytest.raises(InvalidParameterError, match="'reml' parameter"):
        model.set_params(reml=reml)._validate_params()
