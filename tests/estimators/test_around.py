"""A regressor for the population: what the linear mixed model does, and more."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixed import MixedEffectsRegressor, MixedLinearRegressor

# Of variances, relative to the truth, in a simulation of 4000 rows.
NEAR, CLOSE = 0.12, 0.025
SAME = 1e-6
LEVEL = 0.9
COVERAGE = 0.03


def simulate(n_groups=200, size=20, seed=0):
    """Rows with a bent population part, a slope by group, and the truth."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n_groups), size)
    x, z = rng.uniform(-2, 2, (2, len(g)))
    bent = np.sin(2 * x) + np.abs(z) * x
    b = rng.normal(size=n_groups)
    frame = pd.DataFrame({"x": x, "z": z, "g": g})
    return frame.assign(y=bent + b[g] + rng.normal(size=len(g))), bent


@pytest.fixture(scope="module")
def bent():
    return simulate()


@pytest.fixture(scope="module")
def model(bent):
    boosting = HistGradientBoostingRegressor(max_iter=60, random_state=0)
    around = MixedEffectsRegressor(boosting, "y ~ x + (1 | g)", random_state=0)
    return around.fit(bent[0])


@parametrize_with_checks([MixedEffectsRegressor(LinearRegression())])
def test_conventions(estimator, check):
    check(estimator)


def test_it_finds_what_a_line_does_not(model, bent):
    frame, truth = bent
    linear = MixedLinearRegressor("y ~ x + (1 | g)").fit(frame)

    def error(fitted):
        found = fitted.predict(frame, random_effects=False)
        return np.sqrt(np.mean((found - truth) ** 2))

    assert error(model) < error(linear) / 2
    assert len(model.deviances_) >= 2
    assert min(model.deviances_) < linear.deviance_


def test_variances_are_not_overfitted(model):
    between = model.random_effects_cov_["g"].iloc[0, 0]
    assert between == pytest.approx(1.0, abs=2 * NEAR)
    assert model.sigma_ == pytest.approx(1.0, abs=CLOSE)
    # the error of f(X) for a new row is part of what intervals hold
    together = model.sigma_**2 + model.regressor_error_**2
    assert model.linear_.sigma_**2 == pytest.approx(together)
    assert model.regressor_error_ > 0


def test_intervals_cover_new_groups(model):
    other, _ = simulate(seed=9)
    lower, upper = model.predict_interval(
        other.assign(g=10_000 + other.g), confidence_level=LEVEL
    ).T
    covered = np.mean((lower < other.y) & (other.y < upper))
    assert covered == pytest.approx(LEVEL, abs=COVERAGE)


def test_with_nothing_to_add_it_is_the_linear_mixed_model(bent):
    frame, _ = bent
    nothing = DummyRegressor(strategy="constant", constant=0.0)
    constant = MixedEffectsRegressor(nothing, "y ~ x + (1 | g)", cv=GroupKFold(2))
    constant.fit(frame)
    linear = MixedLinearRegressor("y ~ x + (1 | g)").fit(frame)
    np.testing.assert_allclose(
        constant.predict(frame), linear.predict(frame), rtol=SAME, atol=SAME
    )


def test_known_groups_differ_from_new_ones_by_their_modes(model, bent):
    frame = bent[0].head(5)
    known = model.predict(frame)
    population = model.predict(frame, random_effects=False)
    modes = model.random_effects_["g"].loc[frame.g, "Intercept"].to_numpy()
    np.testing.assert_allclose(known - population, modes, rtol=SAME, atol=SAME)
    new = model.predict(frame.assign(g=-1))
    np.testing.assert_allclose(new, population, rtol=SAME)


def test_it_travels(model, bent):
    frame = bent[0].head(20)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict(frame), model.predict(frame))
    again = clone(model).fit(bent[0])
    np.testing.assert_allclose(again.predict(frame), model.predict(frame), rtol=SAME)
    shuffled = frame[["z", "g", "y", "x"]].set_axis(list(range(20, 40)))
    np.testing.assert_allclose(model.predict(shuffled), model.predict(frame), rtol=SAME)


def test_a_grid_runs_over_the_inner_regressor(bent):
    frame = bent[0].head(600)
    grid = GridSearchCV(
        MixedEffectsRegressor(
            HistGradientBoostingRegressor(max_iter=10), "~ x + (1 | g)", max_rounds=1
        ),
        {"estimator__max_depth": [1, 3]},
        cv=LeaveOneGroupOut(),
    )
    half = (frame.g > 14).astype(int)
    grid.fit(frame.drop(columns="y"), frame.y, groups=half)
    assert grid.best_params_["estimator__max_depth"] in (1, 3)


REFUSED = [
    ({"features": ["nope"]}, {}, "columns that X lacks: \\['nope'\\]"),
    ({"formula": "~ (1 | g)"}, {}, "requires y"),
    ({"formula": "log(y) ~ (1 | g)"}, {}, "TransformedTargetRegressor"),
    ({"formula": "w ~ (1 | g)"}, {}, "lacks the response 'w'"),
    ({"features": None}, {"columns": ["y", "g"]}, "at least one other"),
]


@pytest.mark.parametrize(("changed", "options", "said"), REFUSED)
def test_mistakes_are_answered(bent, changed, options, said):
    frame = bent[0].head(60)
    parameters = {"formula": "y ~ (1 | g)", "estimator": LinearRegression()} | changed
    frame = frame[options.get("columns", list(frame))]
    with pytest.raises(ValueError, match=said):
        MixedEffectsRegressor(**parameters).fit(frame)


def test_new_groups_are_learnt_from_their_first_rows(model):
    other, _ = simulate(n_groups=40, seed=9)
    other = other.assign(g=10_000 + other.g)
    first = other.groupby("g").head(5)
    later = other.drop(first.index)
    adapted = model.adapt(first)

    def error(fitted):
        return np.sqrt(np.mean((fitted.predict(later) - later.y) ** 2))

    assert error(adapted) < error(model) * (1 - NEAR)
    assert adapted.linear_.sigma_ == model.linear_.sigma_
    assert len(model.random_effects_["g"]) == 200
