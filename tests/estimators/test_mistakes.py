"""What common mistakes are answered with: one line per mistake."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.utils._param_validation import InvalidParameterError

from skmixed import (
    FormulaError,
    MixedLinearRegressor,
    RankDeficiencyWarning,
    SingularFitWarning,
)

FORMULA = "exam ~ lrt + (1 | school)"


def fit(formula, *data, **parameters):
    return MixedLinearRegressor(formula, **parameters).fit(*data)


# -- the formula ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "answer"),
    [
        ("exam ~ lrt | school", "parenthes"),
        ("exam ~ ns(lrt, 3) + (1 | school)", "ns"),
        ("exam ~ nosuch(lrt) + (1 | school)", "nosuch"),
        ("exam ~ lrt + (1 | school) + (lrt | school)", "twice"),
        ("exam ~ lrt + (1 | school", "never closed"),
        ("", "empty"),
    ],
)
def test_unreadable_formula(schools, formula, answer):
    with pytest.raises(FormulaError, match=answer):
        fit(formula, schools)


@pytest.mark.parametrize(
    "formula",
    [
        "exam ~ as.factor(school_gender) + (1 | school)",
        "exam ~ factor(school_gender) + (1 | school)",
        "exam ~ I(lrt^2) + (1 | school)",
    ],
)
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_spellings_of_r_work(schools, formula):
    assert fit(formula, schools).n_groups_ == {"school": 12}


def test_misspelt_column(schools):
    with pytest.raises(ValueError, match=r"LRT[\s\S]*lrt"):
        fit("exam ~ LRT + (1 | school)", schools)


def test_formula_of_another_type(X, y):
    with pytest.raises(InvalidParameterError, match="formula"):
        fit(["lrt"], X, y)


# -- the groups -------------------------------------------------------------------


def test_a_group_for_every_row(schools):
    schools["row"] = np.arange(len(schools))
    with pytest.raises(ValueError, match="row"):
        fit("exam ~ lrt + (1 | row)", schools)


def test_one_group(schools):
    with pytest.raises(ValueError, match="school"):
        fit(FORMULA, schools[schools["school"] == 1])


def test_more_random_effects_than_rows(schools):
    few = schools.groupby("school").head(2)
    with pytest.raises(ValueError, match="school"):
        fit("exam ~ lrt + (1 + lrt | school)", few)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_a_factor_both_fixed_and_grouping(schools):
    with pytest.warns(UserWarning, match="both a fixed effect and a grouping factor"):
        fit("exam ~ lrt + C(school) + (1 | school)", schools)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_a_slope_that_no_group_varies_in(schools):
    with pytest.warns(UserWarning, match="`school_avg` does not vary within any"):
        fit("exam ~ lrt + school_avg + (1 + school_avg | school)", schools)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_two_factors_with_the_same_groups(schools):
    schools["name"] = "school " + schools["school"].astype(str)
    with pytest.warns(UserWarning, match="`school` and `name` divide the rows"):
        fit("exam ~ lrt + (1 | school) + (1 | name)", schools)


def test_a_slope_without_fixed_effect(schools):
    with pytest.warns(UserWarning, match="`lrt` of `school` has no fixed effect"):
        fit("exam ~ gender + (1 + lrt | school)", schools)


# -- too rich a model -------------------------------------------------------------


def simulated(schools, *, slope):
    """A response whose school intercepts are real and whose slopes are `slope`."""
    rng = np.random.default_rng(0)
    intercepts = rng.normal(size=13)
    schools["z"] = rng.normal(size=len(schools))
    noise = rng.normal(size=len(schools))
    schools["exam"] = intercepts[schools["school"]] * (1 + slope * schools["z"]) + noise
    return schools


def test_a_variance_of_zero_names_the_term_and_a_simpler_formula(schools):
    # residuals of every school are orthogonal to z: nothing is left for its slope
    schools = simulated(schools, slope=0)
    for _, rows in schools.groupby("school"):
        basis = np.column_stack([np.ones(len(rows)), rows["z"]])
        fitted = basis @ np.linalg.lstsq(basis, rows["exam"], rcond=None)[0]
        schools.loc[rows.index, "exam"] += rows["exam"].mean() - fitted
    with pytest.warns(SingularFitWarning) as caught:
        model = fit("exam ~ z + (z || school)", schools)
    text = str(caught[0].message)
    assert "slope `z` of `school`: sd 0" in text
    assert "`exam ~ 1 + z + (1 | school)`" in text
    assert model.singular_
    assert "singular" in str(model.summary())


def test_a_correlation_of_one_names_a_simpler_formula(schools):
    schools = simulated(schools, slope=0.5)
    with pytest.warns(SingularFitWarning) as caught:
        model = fit("exam ~ z + (z | school)", schools)
    text = str(caught[0].message)
    assert "correlation of `Intercept` and `z` of `school`: +1" in text
    assert "(1 + z || school)" in text
    assert model.singular_


@pytest.mark.parametrize(
    ("column", "make"),
    [("thrice", lambda frame: 3 * frame["lrt"]), ("constant", lambda frame: 3.0)],
)
def test_a_dependent_column_is_left_out_by_name(schools, column, make):
    schools[column] = make(schools)
    with pytest.warns(RankDeficiencyWarning, match=column):
        model = fit(f"exam ~ lrt + {column} + (1 | school)", schools)
    assert model.aliased_ == [column]
    plain = fit(FORMULA, schools)
    assert model.coef_names_ == plain.coef_names_
    np.testing.assert_allclose(model.predict(schools), plain.predict(schools))


def test_a_factor_with_one_level(schools):
    girls = schools[schools["gender"] == "F"]
    with pytest.raises(ValueError, match="gender"):
        fit("exam ~ gender + (1 | school)", girls)


def test_no_convergence_in_few_steps(schools):
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = fit("exam ~ lrt + (lrt | school)", schools, max_iter=1, tol=1e-12)
    assert not model.converged_


# -- the response -----------------------------------------------------------------


@pytest.mark.parametrize("formula", ["~ lrt + (1 | school)", "lrt + (1 | school)"])
def test_no_response_at_all(schools, formula):
    with pytest.raises(ValueError, match="requires y to be passed"):
        fit(formula, schools)


def test_the_response_is_not_there(X):
    with pytest.raises(ValueError, match=r"lacks the response \['exam'\]"):
        fit(FORMULA, X)


def test_a_transformed_left_side_and_y(X, y):
    with pytest.raises(ValueError, match="TransformedTargetRegressor"):
        fit("exp(exam) ~ lrt + (1 | school)", X, y)


@pytest.mark.parametrize("formula", ["~ exam + lrt", "exam ~ exam + lrt"])
def test_the_response_as_predictor(schools, y, formula):
    with pytest.raises(ValueError, match="also a predictor"):
        fit(f"{formula} + (1 | school)", schools, y)


def test_y_of_another_length(X, y):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit(FORMULA, X, y[:-1])


def test_y_of_another_name(X):
    with pytest.warns(UserWarning, match="y is named 'school_avg'"):
        fit(FORMULA, X, (X["lrt"] ** 2).rename("school_avg"))


def test_y_with_other_values_than_its_column(schools, y):
    with pytest.warns(UserWarning, match="y differs from column 'exam'"):
        model = fit(FORMULA, schools, -y)
    assert model.fixed_effects_.iloc[1] < 0


def test_a_text_response(schools, X):
    with pytest.raises(ValueError, match="numeric"):
        fit("gender ~ lrt + (1 | school)", schools)
    with pytest.raises(ValueError, match="not numeric"):
        fit(FORMULA, X, X["gender"])
    with pytest.raises(ValueError, match="not numeric"):
        fit(FORMULA, X, X["gender"].astype(str).to_numpy())


# -- missing values ---------------------------------------------------------------


@pytest.mark.parametrize("column", ["lrt", "school", "exam"])
def test_missing_values_are_counted_and_located(schools, column):
    schools[column] = schools[column].astype(float)
    schools.loc[:3, column] = np.nan
    with pytest.raises(ValueError, match=rf"4 of 757 .*\['{column}'\].*na_action"):
        fit(FORMULA, schools)


def test_missing_values_in_y_and_weights(X, y):
    with pytest.raises(ValueError, match="NaN"):
        fit(FORMULA, X, y.mask(y.index == 3))
    with pytest.raises(ValueError, match="NaN"):
        fit(FORMULA, X, y, np.where(y.index == 3, np.nan, 1.0))


def test_nothing_left(X, y):
    with pytest.raises(ValueError, match="None of the 757 rows"):
        fit(FORMULA, X, y * np.nan, na_action="drop")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values(schools, value):
    for column in ("exam", "lrt"):
        broken = schools.copy()
        broken.loc[3, column] = value
        with pytest.raises(ValueError, match=r"finite|infinity"):
            fit(FORMULA, broken)


def test_negative_weights(X, y):
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        fit(FORMULA, X, y, np.where(y.index == 3, -1.0, 1.0))


# -- predictions ------------------------------------------------------------------


def test_predict_before_fit(X):
    model = MixedLinearRegressor(FORMULA)
    for ask in (model.predict, model.score):
        with pytest.raises(NotFittedError):
            ask(X)
    with pytest.raises(NotFittedError):
        model.summary()
    assert not hasattr(model, "random_effects_")


def test_predict_lacks_a_column(schools, X):
    with pytest.raises(ValueError, match="school"):
        fit(FORMULA, schools).predict(X.drop(columns="school"))


def test_prefixed_columns(schools, X):
    prefixed = X.rename(columns={"lrt": "scaler__lrt"})
    with pytest.raises(ValueError, match="verbose_feature_names_out=False"):
        fit(FORMULA, schools).predict(prefixed)


def test_an_array_after_a_frame(schools, X):
    model = fit(FORMULA, schools)
    with pytest.raises(ValueError, match="set_output"):
        model.predict(X[["lrt", "school"]].to_numpy())


def test_an_unseen_level_of_a_fixed_effect(schools, X):
    model = fit("exam ~ gender + (1 | school)", schools)
    with pytest.raises(ValueError, match=r"gender[\s\S]*other"):
        model.predict(X.assign(gender="other"))


def test_an_unseen_group_that_should_not_be(schools, X):
    model = fit(FORMULA, schools, unseen_groups="error")
    with pytest.raises(ValueError, match=r"73 rows .* `school` .* see: 99"):
        model.predict(X.assign(school=X["school"].replace({1: 99})))


def test_groups_of_another_type(schools, X):
    with pytest.raises(ValueError, match="school"):
        fit(FORMULA, schools).predict(X.assign(school=X["school"].astype(str)))


@pytest.mark.parametrize("wrong", ["class", ["school", "class"], None, 1])
def test_unknown_grouping_factor(schools, wrong):
    model = fit(FORMULA, schools)
    with pytest.raises(ValueError, match=r"\['school'\]"):
        model.predict(schools, random_effects=wrong)


# -- columns and parameters -------------------------------------------------------


def test_columns_of_one_name(schools):
    twice = schools.set_axis(["school", "exam", "lrt", "gender", "lrt", "x"], axis=1)
    with pytest.raises(ValueError, match=r"one name: \['lrt'\]"):
        fit(FORMULA, twice)


def test_column_names_that_are_no_strings(X, y):
    numbers = X.set_axis(range(5), axis=1)
    with pytest.raises(TypeError, match="strings"):
        fit("~ lrt + (1 | school)", numbers, y)
    with pytest.raises(TypeError):
        fit(None, X.set_axis([0, "a", "b", "c", "d"], axis=1), y)


@pytest.mark.parametrize(
    "wrong",
    [
        {"na_action": "omit"},
        {"unseen_groups": "nan"},
        {"solver": "fast"},
        {"max_iter": 0},
        {"tol": 0.0},
        {"reml": "yes"},
    ],
)
def test_parameters_of_another_value(schools, wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        fit(FORMULA, schools, **wrong)


def test_a_parameter_of_another_name():
    with pytest.raises(TypeError):
        MixedLinearRegressor(FORMULA, REML=False)


def test_factors_that_do_not_cross_are_not_estimated(schools):
    with pytest.raises(ValueError, match=r"stochastic.*cross.*`school`.*auto"):
        fit(FORMULA, schools, solver="stochastic")


def test_folds_by_group_without_groups(X, y):
    with pytest.raises(ValueError, match="groups"):
        cross_val_score(MixedLinearRegressor(FORMULA), X, y, cv=GroupKFold(3))


def test_a_good_fit_is_silent(schools):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit("exam ~ lrt + gender + (1 | school)", schools)
        model.predict(schools)
        str(model.summary())


def test_several_responses_are_sent_to_fit_many(schools):
    Y = schools[["exam", "lrt"]]
    with pytest.raises(ValueError, match=r"shape \(\d+, 2\).*fit_many"):
        MixedLinearRegressor("~ gender + (1 | school)").fit(schools, Y)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (1 + `a b` | g)",
        "y ~ x + (x + `a b` || g)",
        "y ~ 1 + (0 + `a b` | g)",
        "y ~ f + (f | g)",
        "y ~ f + (x + f | g) + (1 | h)",
        "y ~ f + diag(1 + f | g)",
        "y ~ x + (1 | g/h) + (0 + x | g)",
        "y ~ x + (log(w) + x:`a b` | g)",
    ],
)
def test_the_simpler_formulas_end_in_one_that_is_not_singular(formula):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(90, 3)), columns=["y", "x", "a b"])
        frame["w"] = rng.integers(1, 9, 90)
        for name, labels in {"g": range(7), "h": range(3), "f": list("abc")}.items():
            frame[name] = rng.choice(labels, 90)
        text = formula
        for _ in range(8):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                MixedLinearRegressor(text).fit(frame)
            said = [str(w.message) for w in caught if "Singular" in str(w.message)]
            if not said:
                break
            text = re.search("try the simpler `(.*)`[.] See", said[0])[1]
        assert not said


def test_a_slope_in_back_ticks_is_named_once(schools):
    schools["a b"] = np.arange(len(schools)) % 5.0
    with pytest.warns(UserWarning, match="random slope `a b` of `school` has no fixed"):
        fit("exam ~ lrt + (0 + `a b` | school)", schools)
