"""The table of a trial's report is emmeans, by visit, with rows counted."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA

from skmixed import MixedLinearRegressor, emmeans, visit_table
from skmixed.datasets import make_trial

BOUNDS = ["estimate", "std_error", "df", "lower", "upper"]


@pytest.fixture(scope="module")
def trial():
    """Three arms, a baseline and three visits of 90 patients."""
    X, y = make_trial(90, 3, random_state=0)
    X["dose"] = np.array(["none", "low", "high"])[X["subject"] % 3]
    X["age"] = 40.0 + X["subject"] % 7
    return X.assign(y=y)


@pytest.fixture(scope="module")
def fit(trial):
    return model("y ~ age + dose * C(visit)").fit(trial)


def model(formula, **options):
    return MixedLinearRegressor(formula, residual="us(visit | subject)", **options)


def test_means_and_differences_are_those_of_emmeans(fit, trial):
    table = visit_table(
        fit, trial, treatment="dose", reference="none", adjust="bonferroni"
    )
    means = emmeans(
        fit, "dose", "visit", at={"visit": [0, 1, 2]}, ddf="kenward-roger"
    ).frame
    np.testing.assert_allclose(table.frame[BOUNDS], means[BOUNDS], rtol=SAME_ALGEBRA)
    one = table.differences.query("visit == 2 and contrast == 'low - none'").iloc[0]
    at = means[means["visit"] == 2].set_index("dose")["estimate"]
    assert one["estimate"] == pytest.approx(at["low"] - at["none"], rel=SAME_ALGEBRA)
    unadjusted = visit_table(
        fit, trial, treatment="dose", reference="none"
    ).differences["p"]
    expected = np.minimum(2 * unadjusted, 1.0)
    np.testing.assert_allclose(table.differences["p"], expected, rtol=SAME_ALGEBRA)


def test_rows_are_counted_by_arm_and_visit(fit, trial):
    table = visit_table(fit, trial, treatment="dose").frame
    sizes = trial.groupby(["visit", "dose"]).size()
    found = table.set_index(["visit", "dose"])["n"]
    pd.testing.assert_series_equal(found.sort_index(), sizes, check_names=False)


def test_visits_may_be_a_number_or_a_category_and_be_chosen(trial):
    lines = model("y ~ age + dose * visit").fit(trial)
    assert len(visit_table(lines, trial, treatment="dose").frame) == 9
    last = visit_table(
        lines, trial, treatment="dose", at={"visit": [2]}, ddf="satterthwaite"
    )
    assert list(last.differences["contrast"]) == ["low - high", "none - high"]
    frame = trial.assign(visit=pd.Categorical("v" + trial["visit"].astype(str)))
    named = model("y ~ age + dose * visit").fit(frame)
    assert list(visit_table(named, frame, treatment="dose").frame["visit"][::3]) == [
        *("v0", "v1", "v2")
    ]


def test_random_effects_will_do(trial):
    slopes = MixedLinearRegressor("y ~ dose * visit + (visit | subject)").fit(trial)
    assert len(visit_table(slopes, trial, treatment="dose", visit="visit").frame) == 9


BAD = [
    ({"treatment": "arm"}, "not columns of the fixed effects"),
    ({"treatment": "dose", "visit": "week"}, "no column 'week'"),
    ({"treatment": "dose", "reference": "placebo"}, "should be one of several levels"),
    ({"treatment": "dose", "adjust": "tukey"}, "adjust='tukey'"),
    ({"treatment": "dose", "ddf": "exact"}, "ddf='exact'"),
]


@pytest.mark.parametrize(("asked", "match"), BAD)
def test_mistakes_are_named(fit, trial, asked, match):
    with pytest.raises(ValueError, match=match):
        visit_table(fit, trial, **asked)


def test_a_model_without_visits_and_one_of_an_endless_time_are_refused(trial):
    plain = MixedLinearRegressor("y ~ dose * visit + (1 | subject)").fit(trial)
    with pytest.raises(ValueError, match="pass its name as visit="):
        visit_table(plain, trial, treatment="dose")
    frame = trial.assign(time=np.arange(len(trial)) / 7)
    times = MixedLinearRegressor("y ~ dose * time + (1 | subject)").fit(frame)
    with pytest.raises(ValueError, match="distinct values"):
        visit_table(times, frame, treatment="dose", visit="time")
    with pytest.raises(ValueError, match="reml=True"):
        visit_table(
            model("y ~ dose * visit", reml=False).fit(trial), trial, treatment="dose"
        )
