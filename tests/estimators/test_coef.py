"""``coef_`` exists where it lines up with X: clients multiply the two."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA
from sklearn.feature_selection import SelectFromModel

from skmixed import (
    InteractionLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
)

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["a", "b", "c"])
FRAME["g"] = np.arange(60) % 6
Y = FRAME["a"] - 2 * FRAME["b"] + RNG.normal(size=60)
TEXT = FRAME.assign(t=np.where(FRAME["a"] > 0, "up", "down"))
FLAG = FRAME.assign(t=FRAME["a"] > 0)
TWIN = FRAME.assign(twin=2 * FRAME["a"])

LINEAR = {
    "all columns": (MixedLinearRegressor(), FRAME),
    "in another order": (MixedLinearRegressor("~ b + a"), FRAME),
    "without intercept": (MixedLinearRegressor("~ 0 + c + a"), FRAME),
    "no column": (MixedLinearRegressor("~ 1"), FRAME),
    "an array": (MixedLinearRegressor("~ x2 + x0"), FRAME.to_numpy()),
    "groups that do not enter": (PooledLinearRegressor("~ a + (1 | g)"), FRAME),
    "a column twice": (MixedLinearRegressor("~ a + twin + b"), TWIN),
    "one least-squares line": (SeparateLinearRegressor("~ a"), FRAME),
}
NOT_LINEAR = {
    "random effects": (MixedLinearRegressor("~ a + (1 | g)"), FRAME),
    "an interaction": (MixedLinearRegressor("~ a * b"), FRAME),
    "a function": (MixedLinearRegressor("~ exp(a)"), FRAME),
    "a power": (PooledLinearRegressor("~ a + I(a^2)"), FRAME),
    "categories": (MixedLinearRegressor("~ a + t"), TEXT),
    "numbers as categories": (MixedLinearRegressor("~ a + C(g)"), FRAME),
    "a column that is no number": (MixedLinearRegressor("~ a"), TEXT),
    "true and false": (MixedLinearRegressor("~ a + t"), FLAG),
    "an offset": (MixedLinearRegressor("~ a + offset(b)"), FRAME),
    "lines by group": (SeparateLinearRegressor("~ a + (a | g)"), FRAME),
    "levels by group": (InteractionLinearRegressor("~ a + (1 | g)"), FRAME),
}


@pytest.mark.filterwarnings("ignore::skmixed.RankDeficiencyWarning")
@pytest.mark.parametrize("name", LINEAR)
def test_coef_predicts_from_the_columns_in_order(name):
    model, X = LINEAR[name]
    model.fit(X, Y)
    assert model.coef_.shape == (model.n_features_in_,)
    assert model.coef_.flags.writeable  # clients scale it in place
    linear = np.asarray(X, dtype=float) @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), linear, rtol=SAME_ALGEBRA)


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_otherwise_there_is_none_and_the_error_says_where_to_look(name):
    model, X = NOT_LINEAR[name]
    model.fit(X, Y)
    assert not hasattr(model, "coef_")
    assert len(model.fixed_effects_)
    with pytest.raises(AttributeError, match="fixed_effects_"):
        _ = model.coef_


def test_before_fit_there_is_none():
    assert not hasattr(MixedLinearRegressor(), "coef_")


def test_clients_that_need_coefficients_are_refused():
    selection = SelectFromModel(MixedLinearRegressor("~ a + b + (1 | g)"))
    with pytest.raises(ValueError, match="coef_"):
        selection.fit(FRAME, Y).transform(FRAME)
