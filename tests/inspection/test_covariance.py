"""The picture of a residual covariance: empirical and fitted numbers."""

import numpy as np
import pytest
from headless import closed_figures, sleepstudy  # noqa: F401

from skmixed import MixedLinearRegressor
from skmixed.inspection import CovarianceDisplay

# Both follow from one optimum, whose gradient ends near this.
SAME_OPTIMUM = 1e-5
ROUNDING = 1e-10


def model(residual, **options):
    return MixedLinearRegressor("Reaction ~ Days", residual=residual, **options)


def display(residual, frame, **options):
    own = model(residual, **options).fit(frame)
    return own, CovarianceDisplay.from_estimator(own, frame)


def test_complete_data_are_their_own_unstructured_covariance():
    """By maximum likelihood and without gaps, the two are the same numbers."""
    frame = sleepstudy()[1]
    frame = frame[frame["Days"] < 5]
    _, drawn = display("us(Days | Subject)", frame, reml=False)
    for table in (drawn.spread, drawn.correlation):
        np.testing.assert_allclose(
            table["empirical"], table["fitted"], rtol=SAME_OPTIMUM
        )


def test_correlations_are_those_of_subjects_that_have_both_visits():
    frame = sleepstudy()[1].sample(frac=0.6, random_state=0)
    own, drawn = display("ar1h(Days | Subject)", frame)
    left = frame.assign(r=frame["Reaction"] - own.predict(frame))
    wide = left.pivot(index="Subject", columns="Days", values="r")
    both = wide[[2, 5]].dropna()
    expected = (both[2] @ both[5]) / np.sqrt((both[2] @ both[2]) * (both[5] @ both[5]))
    table = drawn.correlation
    found = table[np.isclose(table["empirical"], expected, rtol=ROUNDING)].iloc[0]
    assert (found["lag"], found["n"]) == (3, len(both))
    rho = own.residual_parameters_["rho"]
    assert found["fitted"] == pytest.approx(rho**3, rel=ROUNDING)
    np.testing.assert_array_equal(drawn.spread["n"], wide.notna().sum())
    np.testing.assert_allclose(
        drawn.spread["empirical"], np.sqrt((wide**2).mean()), rtol=ROUNDING
    )


def test_every_level_has_colours_and_a_name():
    frame = sleepstudy()[1]
    arm = np.where(frame["Subject"].astype(int) % 2, "a", "b")
    frame = frame.assign(arm=arm, visit="day " + frame["Days"].astype(str))
    _, drawn = display("cs(visit | Subject, by=arm)", frame)
    assert list(drawn.spread["level"].unique()) == ["a", "b"]
    names = [text.get_text() for text in drawn.figure_.legends[0].get_texts()]
    assert {"a: empirical", "b: fitted"} <= set(names)
    ticks = [text.get_text() for text in drawn.ax_[0, 0].get_xticklabels()]
    assert ticks == [f"day {day}" for day in range(10)]


@pytest.mark.parametrize("residual", ["car1(time | Subject)", "cs(1 | Subject)"])
def test_many_lags_and_rows_without_times_are_drawn(residual):
    frame = sleepstudy()[1]
    frame = frame.assign(time=frame["Days"] ** 1.5)
    _, drawn = display(residual, frame)
    line = drawn.ax_[1, 0].lines[0]
    assert 1 < len(line.get_xdata()) <= 24


def test_two_visits_have_one_lag():
    frame = sleepstudy()[1]
    _, drawn = display("cs(Days | Subject)", frame[frame["Days"] < 2])
    assert len(drawn.correlation) == 1
    assert [text.get_text() for text in drawn.ax_[1, 0].get_xticklabels()] == ["1"]


def test_a_model_without_a_residual_covariance_is_refused():
    with pytest.raises(ValueError, match="has none"):
        CovarianceDisplay.from_estimator(*sleepstudy())
