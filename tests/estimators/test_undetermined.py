"""Predictions that the data of a fit leave open."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, RankDeficiencyWarning

SEED = 3


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(SEED)
    made = pd.DataFrame({"g": np.arange(60) % 6, "x1": random.normal(size=60)})
    made["x2"] = 2.0 * made.x1
    made["a"], made["b"] = np.arange(60) // 6 % 2, np.arange(60) // 12 % 3
    made = made.astype({"a": str, "b": str})
    made["y"] = made.x1 + random.normal(size=6)[made.g] + random.normal(size=60)
    return made


def fit(formula, frame):
    with pytest.warns(RankDeficiencyWarning, match="left out") as caught:
        model = MixedLinearRegressor(formula).fit(frame)
    assert "`predict` warns" in str(caught[0].message)
    return model


CASES = {
    "copies": ("y ~ x1 + x2 + (1 | g)", slice(None), {"x2": 5.0}),
    "copies, turned": ("y ~ x2 + x1 + (1 | g)", slice(None), {"x2": 5.0}),
    "an empty cell": (
        "y ~ a * b + (1 | g)",
        "a != '1' or b != '2'",
        {"a": "1", "b": "2"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_that_break_a_dependence_are_told(frame, case):
    formula, rows, changed = case
    frame = frame.query(rows) if isinstance(rows, str) else frame
    model = fit(formula, frame)
    new = pd.concat([frame.head(2), frame.head(1).assign(**changed)])
    with pytest.warns(RankDeficiencyWarning, match=r"1 rows, the first at position 2"):
        predicted, std = model.predict(new, return_std=True)
    with pytest.warns(RankDeficiencyWarning):
        bounds = model.predict_interval(new)
    assert np.isfinite(predicted).all()
    np.testing.assert_array_equal(np.isnan(std), [False, False, True])
    np.testing.assert_array_equal(np.isnan(bounds).any(axis=1), np.isnan(std))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_that_keep_it_are_silent(frame, case):
    formula, rows, _ = case
    frame = frame.query(rows) if isinstance(rows, str) else frame
    model = fit(formula, frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, std = model.predict(frame, return_std=True)
    assert np.isfinite(std).all()
