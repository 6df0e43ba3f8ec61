"""The variogram: pairs of rows of one subject, empirical and fitted."""

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from headless import closed_figures, covarying, sleepstudy, trial  # noqa: F401

from skmixed import MixedLinearRegressor
from skmixed.inspection import VariogramDisplay, variogram


def by_hand(model, frame, lag):
    """Means over all pairs of days of that distance, and the fitted ones."""
    left = frame["Reaction"] - model.predict(frame, random_effects=False)
    wide = frame.assign(r=left).pivot(index="Subject", columns="Days", values="r")
    one = frame[frame["Subject"] == "308"]
    V = model.marginal_cov(one)
    days = range(10 - lag)
    empirical = [(wide[d] - wide[d + lag]) ** 2 / 2 for d in days]
    fitted = [(V[d, d] + V[d + lag, d + lag]) / 2 - V[d, d + lag] for d in days]
    return np.mean(empirical), np.mean(fitted)


@pytest.mark.parametrize("make", [sleepstudy, covarying])
def test_it_is_half_the_squared_difference_of_pairs(make):
    model, frame = make()
    names = {"time": "Days", "subject": "Subject"}
    display = VariogramDisplay.from_estimator(model, frame, **names)
    table = display.variogram.set_index("lag")
    assert list(table.index) == list(range(1, 10))
    np.testing.assert_array_equal(table["n"], 18 * np.arange(9, 0, -1))
    for lag in (1, 4, 9):
        found = table.loc[lag, ["empirical", "fitted"]]
        np.testing.assert_allclose(found, by_hand(model, frame, lag), rtol=SAME_ALGEBRA)
    left = frame["Reaction"] - model.predict(frame, random_effects=False)
    assert display.total["empirical"] == pytest.approx(np.mean(left**2))
    # variances grow in both models: no part of them stays
    assert not display.stationary


def test_what_stays_between_subjects_is_shaded():
    frame = sleepstudy()[1]
    model = MixedLinearRegressor("Reaction ~ Days", residual="cs(Days | Subject)")
    display = VariogramDisplay.from_estimator(model.fit(frame), frame)
    assert display.stationary
    # compound symmetry is flat: the variance within a subject
    rho, sd = display_parameters(model)
    np.testing.assert_allclose(
        display.variogram["fitted"], sd**2 * (1 - rho), rtol=SAME_ALGEBRA
    )
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "stays between subjects" in names
    assert "fitted: cs(Days | Subject, hom=True)" in names


def display_parameters(model):
    found = model.residual_parameters_
    return found["rho"], found["sd"]


def test_irregular_times_are_binned_and_pairs_may_be_drawn(monkeypatch):
    rng = np.random.default_rng(0)
    frame = sleepstudy()[1].assign(hour=lambda f: f["Days"] + rng.uniform(size=len(f)))
    model = MixedLinearRegressor("Reaction ~ hour + (1 | Subject)").fit(frame)
    names = {"time": "hour", "subject": "Subject"}
    whole = VariogramDisplay.from_estimator(model, frame, **names, n_bins=6)
    assert len(whole.variogram) == 6
    assert whole.variogram["n"].sum() == 18 * 45
    monkeypatch.setattr(variogram, "MOST_PAIRS", 200)
    monkeypatch.setattr(variogram, "AT_ONCE", 15)
    few = VariogramDisplay.from_estimator(model, frame, **names, n_bins=6)
    assert few.variogram["n"].sum() == 5 * 45


def test_weights_divide_variances():
    frame = sleepstudy()[1]
    weights = np.where(frame["Days"] < 5, 1.0, 4.0)
    model = MixedLinearRegressor("Reaction ~ Days", residual="ar1(Days | Subject)")
    model.fit(frame, sample_weight=weights)
    display = VariogramDisplay.from_estimator(model, frame, sample_weight=weights)
    V = model.marginal_cov(frame[:10], sample_weight=weights[:10])
    assert display.total["fitted"] == pytest.approx(np.diag(V).mean())


BAD = [
    ({}, "Name the columns"),
    ({"time": "Days"}, "Name the columns"),
    ({"time": "week", "subject": "Subject"}, "no column 'week'"),
    ({"time": "Days", "subject": "who"}, "no column 'who'"),
    ({"time": "Subject", "subject": "Subject"}, "holds no numbers"),
]


@pytest.mark.parametrize(("asked", "match"), BAD)
def test_mistakes_are_named(asked, match):
    with pytest.raises(ValueError, match=match):
        VariogramDisplay.from_estimator(*sleepstudy(), **asked)


def test_one_row_per_subject_has_no_pairs():
    model, frame = sleepstudy()
    with pytest.raises(ValueError, match="No subject has two rows"):
        VariogramDisplay.from_estimator(
            model, frame.drop_duplicates("Subject"), time="Days", subject="Subject"
        )
