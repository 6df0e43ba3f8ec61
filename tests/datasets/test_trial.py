"""A simulated trial: reproducible, and drawn from the truth that it tells."""

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor
from skmixed.datasets import make_trial

# Sample moments may differ from their expectation by this many standard errors.
STANDARD_ERRORS = 5
MANY = 4000


def generate(n_subjects=MANY, **options):
    return make_trial(n_subjects, return_truth=True, random_state=0, **options)


def last_control(X, y):
    chosen = (X["arm"] == "control") & (X["visit"] == X["visit"].max())
    return y[chosen].mean(), y[chosen].std() / np.sqrt(chosen.sum())


def test_the_same_seed_gives_the_same_trial():
    X, y, truth = generate(50)
    again, same = make_trial(50, random_state=0)
    pd.testing.assert_frame_equal(X, again)
    pd.testing.assert_series_equal(y, same)
    assert y.name == "y"
    assert len(truth.complete) == 250
    _, other = make_trial(50, random_state=1)
    assert not y.equals(other)


def test_who_has_left_does_not_come_back():
    X, _, truth = generate(200, dropout=0.6)
    counts = X.groupby("subject")["visit"].agg(["size", "max"])
    assert (counts["size"] == counts["max"] + 1).all()
    merged = X.merge(truth.complete, on=["subject", "arm", "visit"])
    assert len(merged) == len(X)


@pytest.mark.parametrize("dropout", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("slope", [0.0, 2.0, -100.0])
def test_as_many_leave_as_were_asked_for(dropout, slope):
    X, _, _ = generate(dropout=dropout, dropout_slope=slope)
    left = 1.0 - (X["visit"] == 4).sum() / MANY
    error = np.sqrt(dropout * (1 - dropout) / MANY)
    assert abs(left - dropout) <= STANDARD_ERRORS * error


def test_complete_responses_have_the_means_and_the_covariance_of_the_truth():
    _, _, truth = generate()
    for arm, rows in truth.complete.groupby("arm", observed=True):
        wide = rows.pivot(index="subject", columns="visit", values="y")
        error = np.sqrt(np.diag(truth.covariance) / len(wide))
        assert (abs(wide.mean() - truth.means.loc[arm]) < STANDARD_ERRORS * error).all()
        s = np.diag(truth.covariance)
        error = np.sqrt((np.outer(s, s) + truth.covariance**2) / len(wide))
        off = abs(wide.cov() - truth.covariance).to_numpy()
        assert (off < STANDARD_ERRORS * error.to_numpy()).all()


def test_means_of_who_stayed_are_biased_and_those_of_the_model_are_not():
    X, y, truth = generate()
    expected = truth.means.loc["control", 4]
    mean, error = last_control(X, y)
    assert abs(mean - expected) > STANDARD_ERRORS * error
    model = MixedLinearRegressor(truth.formula, residual=truth.residual).fit(X, y)
    new = pd.DataFrame({"subject": 0, "arm": ["control", "treated"], "visit": 4})
    control, treated = model.predict(new)
    assert abs(control - expected) < STANDARD_ERRORS * error
    assert abs(treated - control - truth.effect) < STANDARD_ERRORS * 2 * error


def test_dropout_that_depends_on_nothing_leaves_means_alone():
    X, y, truth = generate(dropout_slope=0.0)
    mean, error = last_control(X, y)
    assert abs(mean - truth.means.loc["control", 4]) < STANDARD_ERRORS * error


def test_a_covariance_that_is_given_is_used():
    covariance = [[1.0, 0.5], [0.5, 4.0]]
    X, _, truth = generate(10, n_visits=2, covariance=covariance, dropout=0.0)
    assert len(X) == 20
    np.testing.assert_array_equal(truth.covariance, covariance)


REFUSED = [
    ({"n_subjects": 1}, "2 subjects"),
    ({"n_visits": 1}, "2 visits"),
    ({"dropout": 1.0}, "should be a share"),
    ({"dropout": -0.1}, "should be a share"),
    ({"n_visits": 2, "covariance": np.ones((2, 2))}, "positive definite"),
    ({"n_visits": 2, "covariance": [[1.0, 0.5], [0.0, 1.0]]}, "positive definite"),
    ({"n_visits": 3, "covariance": np.eye(2)}, "one row per visit"),
    ({"n_visits": 2, "covariance": [[1.0, np.nan], [np.nan, 1]]}, "positive definite"),
]


@pytest.mark.parametrize(("options", "match"), REFUSED)
def test_impossible_trials_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        make_trial(**options)
