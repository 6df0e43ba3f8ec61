"""within(x, g) and between(x, g): means learnt in fit, looked up at prediction."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE

from skmixed import MixedLinearRegressor, anova, emmeans
from skmixed.datasets import load_london_schools
from skmixed.formula import DesignSpec, FormulaError, parse_formula

FORMULA = "y ~ within(x, g) + between(x, g)"


@pytest.fixture
def frame():
    x = [1.0, 3.0, 10.0, 11.0, 15.0]
    return pd.DataFrame({"x": x, "g": list("aabbb"), "y": range(5)})


@pytest.fixture
def spec(frame):
    return DesignSpec.learn(parse_formula(FORMULA), frame)[0]


def test_a_column_is_cut_into_group_means_and_deviations(frame):
    _, design = DesignSpec.learn(parse_formula(FORMULA), frame)
    np.testing.assert_allclose(design.X[:, 2], [2, 2, 12, 12, 12], rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(
        design.X[:, 1] + design.X[:, 2], frame["x"], rtol=SAME_ALGEBRA
    )


def test_means_are_those_of_fit(spec):
    new = spec.build(pd.DataFrame({"x": [5.0], "g": ["a"]})).X
    assert new.tolist() == [[1.0, 3.0, 2.0]]


def test_an_unseen_group_has_the_overall_mean(spec):
    new = spec.build(pd.DataFrame({"x": [5.0], "g": ["new"]})).X
    assert new.tolist() == [[1.0, -3.0, 8.0]]


def test_a_missing_group_or_value_gives_nan(spec):
    new = spec.build(pd.DataFrame({"x": [5.0, np.nan], "g": [None, "a"]})).X
    assert np.isnan(new).all(axis=0).tolist() == [True, True, True]


def test_one_row_alone_is_as_in_the_table(spec, frame):
    together = spec.build(frame).X
    alone = np.vstack([spec.build(frame.iloc[[i]]).X for i in range(len(frame))])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("kind", ["category", "string", object])
def test_groups_may_be_of_any_kind(frame, spec, kind):
    other = frame.assign(g=frame["g"].astype(kind))
    _, design = DesignSpec.learn(parse_formula(FORMULA), other)
    np.testing.assert_array_equal(design.X, spec.build(frame).X)


def test_numbers_and_text_are_not_the_same_groups(frame, spec):
    with pytest.raises(FormulaError, match="no group can match"):
        spec.build(frame.assign(g=range(5)))


def test_a_factor_that_is_also_a_key_keeps_its_levels(frame):
    formula = parse_formula("y ~ within(x, g) + g")
    spec, design = DesignSpec.learn(formula, frame)
    assert spec.coef_names == ("Intercept", "within(x, g)", "g[T.b]")
    assert spec.levels["g"] == ["a", "b"]
    with pytest.raises(ValueError, match="levels that fit did not see"):
        spec.build(frame.assign(g="new"))
    np.testing.assert_array_equal(spec.build(frame).X, design.X)


def test_the_group_is_needed_although_no_bar_names_it(spec):
    assert spec.predictor_columns == ["x", "g"]


@pytest.mark.parametrize("call", ["within(x)", "between(x, 3)", "within(x, log(g))"])
def test_the_group_must_be_a_column(call):
    with pytest.raises(FormulaError, match="grouping column"):
        parse_formula(f"y ~ {call}")


@pytest.mark.parametrize("kind", [str, int])
def test_marginal_means_and_tests_of_terms_know_them(kind):
    schools = load_london_schools().frame.astype({"school": kind})
    formula = (
        "exam ~ within(lrt, school) + between(lrt, school) + gender + (1 | school)"
    )
    model = MixedLinearRegressor(formula).fit(schools)
    by_hand = schools.assign(
        mean=schools.groupby("school")["lrt"].transform("mean"),
    ).assign(deviation=lambda d: d["lrt"] - d["mean"])
    other = MixedLinearRegressor("exam ~ deviation + mean + gender + (1 | school)")
    other.fit(by_hand)
    np.testing.assert_allclose(
        model.fixed_effects_, other.fixed_effects_, rtol=SAME_DEVIANCE
    )
    assert len(anova(model)) == 3
    np.testing.assert_allclose(
        emmeans(model, "gender").frame["estimate"],
        emmeans(other, "gender").frame["estimate"],
        rtol=SAME_DEVIANCE,
    )
