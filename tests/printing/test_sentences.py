"""Sentences about fitted models say what the tables hold."""

import numpy as np
import pytest
from conftest import SAME_DEVIANCE, SAME_THETA

from skmixed import (
    MixedLinearRegressor,
    cluster_robust,
    describe,
    drop_fixed_terms,
    five_approaches,
    likelihood_ratio_test,
)
from skmixed.datasets import load_london_schools, load_machines, load_sleepstudy
from skmixed.inference.compare.without_effect import ratio_without
from skmixed.inference.variance.parameters import list_parameters
from skmixed.printing.sentences import factors_of, say_condition, say_effect

FORMULA = "exam ~ lrt * gender + (1 + lrt | school)"
SLEEP = load_sleepstudy().frame
MACHINES = load_machines().frame


@pytest.fixture(scope="module")
def schools():
    return load_london_schools().frame


@pytest.mark.parametrize("name", five_approaches(FORMULA))
def test_all_approaches_are_described_in_three_languages(schools, name):
    told = describe(five_approaches(FORMULA)[name].fit(schools))
    assert max(map(len, str(told).split("\n"))) < 80
    assert "lrt" in str(told)
    assert "nan" not in str(told).split()
    for text in (told.to_html(), told.to_markdown(), told.to_latex()):
        assert "lrt" in text
    assert r"\%" in told.to_latex() or name == "separate"


RATIOS = [
    (
        SLEEP,
        "Reaction ~ Days + (Days | Subject)",
        "(1 | Subject)",
        "sd_Days|Subject",
        1,
    ),
    (
        SLEEP,
        "Reaction ~ Days + (Days || Subject)",
        "(1 | Subject)",
        "sd_Days|Subject",
        0,
    ),
    (SLEEP, "Reaction ~ Days + (1 | Subject)", "", "sd_Intercept|Subject", 0),
    (
        *(MACHINES, "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)"),
        *("(1 | Worker)", "sd_Intercept|Worker:Machine", 0),
    ),
]


@pytest.mark.parametrize(("data", "formula", "left", "name", "covariances"), RATIOS)
def test_ratios_without_rows_are_those_of_two_fits(
    data, formula, left, name, covariances
):
    model = MixedLinearRegressor(formula, reml=False).fit(data)
    fixed = formula.split(" + (")[0]
    small = MixedLinearRegressor(f"{fixed} + {left}".rstrip("+ "), reml=False).fit(data)
    table = likelihood_ratio_test(small, model)
    parameters = {
        p.name: p for p in list_parameters(model.result_, model.fitted_.names)
    }
    found = ratio_without(model.result_, parameters[name], covariances)
    np.testing.assert_allclose(found[0], table["chi2"].iloc[1], rtol=SAME_DEVIANCE)
    np.testing.assert_allclose(found[1], table["p_mixture"].iloc[1], rtol=SAME_THETA)
    assert found[2] == table["reference"].iloc[1]


WORDS = [
    ("Intercept", -2.0, "expected to be -2"),
    ("x", -2.0, "Per unit of x, y falls by 2"),
    ("f[T.b]", 2.0, "For f b, y is 2 higher than"),
    ("x:z", 2.0, "Per unit of z, the slope of x rises by 2"),
    ("x:f[T.b]", -2.0, "For f b, the slope of x is 2 less steep than"),
    ("f[T.b]:g[T.d]", -2.0, "For g d, the difference of f b is 2 lower than"),
    ("x:z:w", -2.0, "The coefficient of x:z:w is -2"),
    ("poly(x, 2)[1]", 2.0, "The coefficient of poly(x, 2)[1] is 2"),
]


@pytest.mark.parametrize(("name", "value", "words"), WORDS)
def test_effects_in_words(name, value, words):
    assert words in say_effect(name, "y", value, "2")


def test_effects_within_interactions_hold_at_zero_of_the_others():
    names = ["Intercept", "x", "f[T.b]", "z", "x:f[T.b]", "x:f[T.c]"]
    assert say_condition("x", names) == " (at the reference level of f)"
    assert say_condition("f[T.b]", names) == " (at x = 0)"
    assert say_condition("z", names) == say_condition("Intercept", names) == ""
    assert factors_of("a[T.u:v]:poly(x, 2)[1]") == ["a[T.u:v]", "poly(x, 2)[1]"]


def test_dropped_rows_and_singular_fits_are_told():
    sleep = SLEEP.assign(Reaction=SLEEP["Reaction"].where(SLEEP.index > 1))
    model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)", na_action="drop")
    assert "2 rows with missing values left out." in str(model.fit(sleep).describe())


def test_models_without_groups_have_sentences():
    told = MixedLinearRegressor("Reaction ~ Days").fit(SLEEP).describe()
    assert str(told).startswith("A linear model was fitted by REML to 180 rows:")


def test_other_estimators_are_refused():
    from sklearn.linear_model import LinearRegression

    plain = LinearRegression().fit(SLEEP[["Days"]], SLEEP["Reaction"])
    with pytest.raises(ValueError, match="LinearRegression is none"):
        describe(plain)


def test_labels_units_and_robust_errors_are_taken_into_sentences():
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(SLEEP)
    robust = cluster_robust(model, SLEEP)
    labels = {"Reaction": "the reaction time", "Days": "lost sleep"}
    units = {"Reaction": "ms", "Days": "day"}
    told = describe(model, vcov=robust, labels=labels, units=units)
    assert (
        "Per day of lost sleep, the reaction time rises by 10.47 ms ("
        in told.sentences[1]
    )
    assert "is expected to be 251.4 ms (" in told.sentences[1]
    assert robust.label in told.sentences[1]


@pytest.mark.parametrize(
    ("residual", "spread"),
    [("ar1", "a standard deviation of 49.5"), ("ar1h", "deviations of 29.0 to 68.5")],
)
def test_residuals_that_covary_are_told(residual, spread):
    model = MixedLinearRegressor(
        "Reaction ~ Days", residual=f"{residual}(Days | Subject)"
    )
    told = str(describe(model.fit(SLEEP))).replace("\n", " ")
    assert spread in told
    assert "ICC" not in told
    assert {"num_df", "den_df", "F", "p", "aic"} <= set(drop_fixed_terms(model))
