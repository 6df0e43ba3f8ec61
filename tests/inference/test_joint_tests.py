"""Joint tests against emmeans, and as what they are: tests of marginal means."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAME_ALGEBRA

from skmixed import MixedLinearRegressor, anova, emmeans, emtrends, joint_tests
from skmixed.datasets import load_cake

STORED = Path(__file__).parents[1] / "reference" / "joint_tests.json"
CASES = json.loads(STORED.read_text())
# lme4's optimiser stops where the deviance is flat.
SAME_AS_EMMEANS = 1e-5


def fit(formula, rows="index >= 0"):
    cake = load_cake().frame.reset_index(drop=True).query(rows)
    return MixedLinearRegressor(formula, tol=1e-12).fit(cake)


@pytest.fixture
def model():
    return fit("angle ~ recipe * temp + (1 | recipe:replicate)", "index % 11 != 3")


@pytest.mark.parametrize("case", CASES, ids=[f"{c['by']} {c['rows']}" for c in CASES])
@pytest.mark.filterwarnings("ignore::skmixed.RankDeficiencyWarning")
def test_emmeans(case):
    table = joint_tests(fit(case["formula"], case["rows"]), case["by"] or None).frame
    assert len(table) == len(case["tests"])
    for stored in case["tests"]:
        own = table[table["term"] == stored["term"]]
        if case["by"]:
            own = own[own[case["by"]].astype(str) == stored["part"]]
        (row,) = own.to_dict("records")
        assert row["num_df"] == stored["num_df"]
        assert row["F"] == pytest.approx(stored["F"], rel=SAME_AS_EMMEANS)


def test_a_single_slope_is_that_of_emtrends(model):
    table = joint_tests(model, by="recipe")
    slopes = emtrends(model, "temp", "recipe").frame
    ratio = slopes["estimate"] / slopes["std_error"]
    np.testing.assert_allclose(table["F"], ratio**2, rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(table["den_df"], slopes["df"], rtol=SAME_ALGEBRA)


def test_factors_alone_are_tested_as_in_type_three():
    model = fit("angle ~ recipe * temperature + (1 | recipe:replicate)")
    ours, theirs = joint_tests(model).frame, anova(model).frame
    assert list(ours["term"]) == list(theirs.index)
    np.testing.assert_allclose(ours["F"], theirs["F"], rtol=SAME_ALGEBRA)


def test_values_of_a_moderator_choose_the_tests(model):
    table = joint_tests(model, by="temp", at={"temp": [175, 225]})
    assert list(table["temp"]) == [175, 225]
    means = emmeans(model, "recipe", by="temp", at={"temp": [175, 225]})
    assert list(table["term"]) == ["recipe"] * 2
    assert len(means.pairs) == 6
    held = joint_tests(model, at={"temp": 200})
    assert list(held["term"]) == ["recipe"]
    with pytest.raises(ValueError, match="No column is left"):
        joint_tests(model, by="recipe", at={"temp": 200})
    with pytest.raises(ValueError, match="not columns of the fixed effects"):
        joint_tests(model, at={"nothing": 1})
    with pytest.raises(ValueError, match="not columns of the fixed effects"):
        joint_tests(model, by="nothing")
