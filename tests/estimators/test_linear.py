"""What a fitted mixed model says, and what it predicts for whom."""

import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE
from sklearn.exceptions import NotFittedError

from skmixed import MixedLinearRegressor, PooledLinearRegressor, SingularFitWarning
from skmixed.datasets import load_pastes, load_sleepstudy

FORMULA = "exam ~ lrt + gender + (1 | school)"


@pytest.fixture(scope="module")
def sleep():
    return load_sleepstudy().frame


@pytest.fixture(scope="module")
def slopes(sleep):
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=SAME_ALGEBRA, atol=SAME_ALGEBRA)


# -- attributes -------------------------------------------------------------------


def test_attributes_of_sleepstudy_are_those_of_lme4(slopes):
    assert slopes.loglik_ == pytest.approx(-871.814136, abs=SAME_DEVIANCE)
    assert slopes.deviance_ == -2 * slopes.loglik_
    assert slopes.aic_ == pytest.approx(1755.628272, abs=1e-5)
    assert slopes.bic_ == pytest.approx(1774.786, abs=1e-3)
    assert slopes.sigma_ == pytest.approx(25.5918, abs=1e-3)
    np.testing.assert_allclose(slopes.theta_, [0.96674, 0.015169, 0.230907], rtol=1e-3)
    assert slopes.intercept_ == pytest.approx(251.405105, abs=1e-5)
    np.testing.assert_allclose(slopes.fixed_effects_["Days"], 10.467286, rtol=1e-6)
    assert slopes.coef_names_ == ["Days"]
    assert slopes.aliased_ == []
    assert slopes.formula_ == "Reaction ~ 1 + Days + (1 + Days | Subject)"
    assert (slopes.n_obs_, slopes.n_dropped_, slopes.df_resid_) == (180, 0, 178)
    assert slopes.n_groups_ == {"Subject": 18}
    assert slopes.converged_
    assert not slopes.singular_
    assert slopes.n_iter_ >= 1
    assert isinstance(slopes.solver_, str)


def test_tables_of_effects_are_labelled(slopes, sleep):
    fixed = slopes.fixed_effects_
    assert fixed.index.tolist() == ["Intercept", "Days"]
    assert slopes.fixed_effects_cov_.columns.tolist() == ["Intercept", "Days"]
    effects = slopes.random_effects_["Subject"]
    assert effects.shape == (18, 2)
    assert effects.index.name == "Subject"
    assert set(effects.index) == set(sleep["Subject"])
    np.testing.assert_allclose(effects.loc["308"], [2.2586, 9.1990], atol=1e-3)
    assert slopes.random_effects_cov_["Subject"].shape == (2, 2)
    assert slopes.conditional_cov_["Subject"].shape == (18, 2, 2)
    rows = slopes.random_effects_frame()
    wide = rows.pivot(index="group", columns="effect", values="estimate")
    modes = slopes.random_effects_["Subject"]
    np.testing.assert_array_equal(wide[modes.columns], modes)
    variances = slopes.conditional_cov_["Subject"][:, 1, 1]
    found = rows.loc[rows["effect"] == "Days", "std_error"]
    np.testing.assert_array_equal(found, np.sqrt(variances))
    pd.testing.assert_frame_equal(slopes.group_coef_["Subject"], effects + fixed)


def test_group_coef_of_effects_without_fixed_part(schools):
    model = MixedLinearRegressor("exam ~ lrt + (0 + gender | school)").fit
    with pytest.warns(UserWarning, match="gender"):
        table = model(schools).group_coef_["school"]
    assert table.columns[:2].tolist() == ["Intercept", "lrt"]
    assert table.shape == (12, 4)
    assert table["lrt"].nunique() == 1


def test_nested_groups_are_labelled_by_both_columns():
    pastes = load_pastes().frame
    model = MixedLinearRegressor("strength ~ 1 + (1 | batch/cask)").fit(pastes)
    assert model.n_groups_ == {"batch": 10, "batch:cask": 30}
    index = model.random_effects_["batch:cask"].index
    assert index.names == ["batch", "cask"]
    assert ("A", "a") in index


def test_uncorrelated_terms_of_one_factor_share_a_table(sleep):
    model = MixedLinearRegressor("Reaction ~ Days + (Days || Subject)").fit(sleep)
    assert list(model.random_effects_) == ["Subject"]
    covariance = model.random_effects_cov_["Subject"]
    assert covariance.columns.tolist() == ["Intercept", "Days"]
    assert covariance.loc["Intercept", "Days"] == 0
    assert len(model.theta_) == 2


def test_without_intercept(schools):
    model = MixedLinearRegressor("exam ~ 0 + lrt + (1 | school)").fit(schools)
    assert model.intercept_ == 0.0
    assert model.coef_names_ == ["lrt"]
    assert model.fixed_effects_.index.tolist() == ["lrt"]


def test_without_fixed_effects(schools):
    model = MixedLinearRegressor("exam ~ 0 + (1 | school)").fit(schools)
    assert len(model.fixed_effects_) == 0
    same(model.predict(schools, random_effects=False), np.zeros(len(schools)))
    assert str(model.summary())


def test_reml_and_maximum_likelihood_differ(schools, model):
    ml = MixedLinearRegressor(FORMULA, reml=False).fit(schools)
    assert ml.deviance_ != model.deviance_
    assert ml.sigma_ < model.sigma_


# -- predictions ------------------------------------------------------------------


def test_predictions_add_up(slopes, sleep):
    fixed, random = slopes.fixed_effects_, slopes.random_effects_["Subject"]
    population = fixed["Intercept"] + fixed["Days"] * sleep["Days"]
    same(slopes.predict(sleep, random_effects=False), population)
    own = random.loc[sleep["Subject"]].to_numpy()
    deviation = own[:, 0] + own[:, 1] * sleep["Days"]
    same(slopes.predict(sleep), population + deviation)


def test_an_unseen_group_gets_the_population_value(slopes, sleep):
    new = sleep.head(3).assign(Subject=["308", "new", "new"])
    predicted = slopes.predict(new)
    population = slopes.predict(new, random_effects=False)
    assert predicted[0] != population[0]
    same(predicted[1:], population[1:])


def test_one_row_at_a_time_equals_all_at_once(schools):
    formula = "exam ~ scale(lrt) * gender + (1 + gender | school) + (1 | vr)"
    schools["vr"] = pd.cut(schools["lrt"], 4).astype(str)
    model = MixedLinearRegressor(formula)
    with pytest.warns(SingularFitWarning):
        model.fit(schools)
    rows = [model.predict(schools.iloc[[i]])[0] for i in range(0, 757, 53)]
    same(rows, model.predict(schools)[::53])


def test_factors_are_chosen_by_name():
    pastes = load_pastes().frame
    model = MixedLinearRegressor("strength ~ 1 + (1 | batch) + (1 | sample)")
    model.fit(pastes)
    both, none = model.predict(pastes), model.predict(pastes, random_effects=False)
    batch = model.predict(pastes, random_effects="batch")
    sample = model.predict(pastes, random_effects=["sample"])
    same(batch + sample - none, both)
    same(model.predict(pastes, random_effects=["sample", "batch"]), both)
    same(model.predict(pastes, random_effects=[]), none)
    only_batch = pastes[["batch"]]
    same(model.predict(only_batch, random_effects="batch"), batch)
    with pytest.raises(ValueError, match="sample"):
        model.predict(only_batch)


def test_population_predictions_do_not_need_the_groups(model, X):
    population = model.predict(X.drop(columns="school"), random_effects=False)
    same(population, model.predict(X, random_effects=False))


def test_columns_may_be_reordered_and_added(model, X):
    other = X[X.columns[::-1]].assign(new="text")
    same(model.predict(other), model.predict(X))


def test_without_formula_columns_are_strict(X, y):
    numbers = X[["lrt", "school_avg"]]
    model = MixedLinearRegressor().fit(numbers, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(numbers[["school_avg", "lrt"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_position = model.predict(numbers.to_numpy())
    same(by_position, model.predict(numbers))


def test_any_index_will_do(schools, model):
    shuffled = schools.sample(frac=1, random_state=0)
    shuffled.index = np.zeros(len(shuffled), dtype=int)
    again = MixedLinearRegressor(FORMULA).fit(shuffled)
    np.testing.assert_allclose(again.fixed_effects_, model.fixed_effects_, rtol=1e-6)
    original = model.predict(schools)
    same(np.sort(model.predict(shuffled)), np.sort(original))


def test_an_offset_enters_predictions(schools, model):
    moved = schools.assign(exam=schools["exam"] + 10, ten=10.0)
    formula = "exam ~ lrt + gender + offset(ten) + (1 | school)"
    offset = MixedLinearRegressor(formula).fit(moved)
    np.testing.assert_allclose(offset.fixed_effects_, model.fixed_effects_, rtol=1e-6)
    np.testing.assert_allclose(
        offset.predict(moved), model.predict(schools) + 10, rtol=1e-6
    )


# -- the response -----------------------------------------------------------------


def test_response_inside_and_response_given_agree(schools, X, y, model):
    for arguments in ((X, y), (schools, y), (X, y.to_numpy()), (X, y.tolist())):
        same(
            MixedLinearRegressor(FORMULA).fit(*arguments).fixed_effects_,
            model.fixed_effects_,
        )
    one_sided = MixedLinearRegressor(FORMULA.removeprefix("exam"))
    same(one_sided.fit(X, y).fixed_effects_, model.fixed_effects_)


def test_the_dot_leaves_out_response_and_groups(schools, X, y):
    schools, X = schools.drop(columns="school_gender"), X.drop(columns="school_gender")
    expected = "1 + lrt + gender + school_avg + (1 | school)"
    inside = MixedLinearRegressor("exam ~ . + (1 | school)").fit(schools)
    assert inside.formula_ == f"exam ~ {expected}"
    for data in ((X, y), (schools, y)):
        given = MixedLinearRegressor("~ . + (1 | school)").fit(*data)
        assert given.formula_ == f"~ {expected}"
        same(given.fixed_effects_, inside.fixed_effects_)


def test_a_transformed_response_is_scored_on_its_scale(schools):
    formula = "exp(exam) ~ lrt + (1 | school)"
    model = MixedLinearRegressor(formula).fit(schools)
    assert model.score(schools) == model.score(schools, np.exp(schools["exam"]))


def test_score_reads_the_response(schools, X, y, model):
    assert model.score(schools) == model.score(X, y) > 0
    residual = y - model.predict(X)
    by_hand = 1 - (residual @ residual) / ((y - y.mean()) @ (y - y.mean()))
    assert model.score(X, y) == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="lacks the response"):
        model.score(X)
    with pytest.raises(ValueError, match="needs y"):
        MixedLinearRegressor("~ lrt").fit(X, y).score(X)


@pytest.mark.parametrize("dtype", ["Float64", "Int64", object, bool])
def test_responses_of_any_numeric_type(X, y, dtype):
    response = (y.round() > 0) if dtype is bool else y.round().astype(dtype)
    model = MixedLinearRegressor("~ lrt").fit(X, response)
    plain = MixedLinearRegressor("~ lrt").fit(X, response.astype(float).to_numpy())
    same(model.fixed_effects_, plain.fixed_effects_)


# -- missing values and weights ---------------------------------------------------


@pytest.fixture
def holes(schools):
    schools["school"] = schools["school"].astype("Int64")
    schools.loc[1, "lrt"] = np.nan
    schools.loc[2, "gender"] = None
    schools.loc[3, "school"] = pd.NA
    schools.loc[4, "exam"] = np.nan
    schools.loc[5, "school_avg"] = np.nan  # not in the formula
    return schools


def test_incomplete_rows_are_dropped_and_counted(holes):
    model = MixedLinearRegressor(FORMULA, na_action="drop").fit(holes)
    assert (model.n_obs_, model.n_dropped_) == (753, 4)
    complete = MixedLinearRegressor(FORMULA).fit(holes.drop(index=[1, 2, 3, 4]))
    same(model.fixed_effects_, complete.fixed_effects_)
    assert model.score(holes) == pytest.approx(
        model.score(holes.drop(index=[1, 2, 3, 4]))
    )


def test_predictions_of_incomplete_rows_stay_in_place(holes):
    model = MixedLinearRegressor(FORMULA, na_action="drop").fit(holes)
    predicted = model.predict(holes)
    assert np.flatnonzero(np.isnan(predicted)).tolist() == [1, 2, 3]
    population = model.predict(holes, random_effects=False)
    assert np.flatnonzero(np.isnan(population)).tolist() == [1, 2]
    with pytest.raises(ValueError, match="2 of 757"):
        model.set_params(na_action="raise").predict(holes)


def test_a_missing_group_is_an_unseen_one(holes):
    model = MixedLinearRegressor(FORMULA, na_action="drop").fit(holes)
    model.set_params(na_action="raise")
    rows = holes.loc[[0, 3]]
    unseen = rows.assign(school=[1, 99])
    for ask in (model.predict, model.predict_interval):
        same(ask(rows), ask(unseen))
    same(
        model.predict(rows, return_std=True)[1],
        model.predict(unseen, return_std=True)[1],
    )
    same(model.predict(rows, random_effects="school"), model.predict(unseen))
    model.set_params(unseen_groups="error")
    with pytest.raises(ValueError, match="1 rows of X have a `school`"):
        model.predict(rows)


def test_missing_y_and_weights_are_dropped(X, y):
    y, weights = y.copy(), np.ones(len(y))
    y[3], weights[4] = np.nan, np.nan
    model = MixedLinearRegressor(FORMULA, na_action="drop").fit(X, y, weights)
    assert (model.n_obs_, model.n_dropped_) == (755, 2)


def test_missing_values_in_arrays(X, y):
    array = X[["lrt", "school"]].to_numpy()
    array[3, 0] = np.nan
    model = MixedLinearRegressor("~ x0 + (1 | x1)", na_action="drop").fit(array, y)
    assert model.n_dropped_ == 1
    assert np.flatnonzero(np.isnan(model.predict(array))).tolist() == [3]


def test_rows_of_weight_zero_do_not_enter(X, y, model):
    weights = np.ones(len(y))
    weights[:5] = 0
    zero = MixedLinearRegressor(FORMULA).fit(X, y, weights)
    less = MixedLinearRegressor(FORMULA).fit(X[5:], y[5:])
    assert (zero.n_obs_, zero.n_dropped_) == (752, 0)
    np.testing.assert_allclose(zero.fixed_effects_, less.fixed_effects_, rtol=1e-6)
    assert zero.loglik_ == pytest.approx(less.loglik_, abs=SAME_DEVIANCE)


def test_weights_are_precisions(X, y, model):
    doubled = MixedLinearRegressor(FORMULA).fit(X, y, np.full(len(y), 2.0))
    np.testing.assert_allclose(doubled.fixed_effects_, model.fixed_effects_, rtol=1e-6)
    assert doubled.sigma_**2 == pytest.approx(2 * model.sigma_**2, rel=1e-6)
    same(
        MixedLinearRegressor(FORMULA).fit(X, y, 1.0).fixed_effects_,
        MixedLinearRegressor(FORMULA).fit(X, y, np.ones(len(y))).fixed_effects_,
    )


# -- life cycle -------------------------------------------------------------------


def test_a_second_fit_forgets_the_first(schools, X, y):
    model = MixedLinearRegressor(FORMULA).fit(schools[schools["school"] < 6])
    model.fit(schools)
    assert model.n_groups_ == {"school": 12}
    fresh = MixedLinearRegressor(FORMULA).fit(schools)
    assert pickle.dumps(model) == pickle.dumps(fresh)


def test_a_failed_fit_leaves_nothing(schools, model):
    with pytest.raises(ValueError, match="1 level"):
        model.fit(schools[schools["school"] == 1])
    with pytest.raises(NotFittedError):
        model.predict(schools)


def test_data_are_not_changed(schools):
    before = schools.copy()
    MixedLinearRegressor(FORMULA).fit(schools).predict(schools)
    pd.testing.assert_frame_equal(schools, before)


def test_folds_that_lose_a_level(schools):
    boys_only = schools["school_gender"] == "boys"
    assert boys_only.any()
    model = MixedLinearRegressor("exam ~ school_gender + (1 | school)")
    model.fit(schools[~boys_only])
    assert len(model.fixed_effects_) == schools["school_gender"].nunique() - 1


@pytest.mark.parametrize("estimator", [MixedLinearRegressor, PooledLinearRegressor])
def test_the_summary_counts_rows_left_out(estimator):
    sleep = load_sleepstudy().frame.astype({"Reaction": float})
    formula = "Reaction ~ Days + (1 | Subject)"
    whole = estimator(formula, na_action="drop").fit(sleep).summary()
    sleep.loc[[3, 17], "Reaction"] = np.nan
    part = estimator(formula, na_action="drop").fit(sleep).summary()
    line = "2 rows with missing values left out."
    for text in (str(part), part._repr_html_()):
        assert line in text
    assert "left out" not in str(whole)
