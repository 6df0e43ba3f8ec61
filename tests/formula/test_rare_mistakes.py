"""Mistakes that few make: each is refused in words, wherever it shows."""

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor

RNG = np.random.default_rng(0)
N = 60
FRAME = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.uniform(size=N),
        "g": np.arange(N) // 6,
        "visit": np.tile([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], N // 6),
        "f": np.tile(["a", "b", "c"], N // 3),
    }
)
ALIKE = pd.Series([1, "1", "b"] * (N // 3), dtype=object)
FAR = FRAME["x"].where(FRAME.index != 3, np.inf)


@pytest.mark.parametrize(
    ("formula", "columns", "words"),
    [
        ("y ~ bs(x, df=4)", {"x": FAR}, "not finite"),
        ("y ~ bs(x, df=5, lower_bound=2, upper_bound=3)", {}, "lies between"),
        ("y ~ bs(x, df=4, lower_bound=3, upper_bound=2)", {}, "no room"),
        ("y ~ bs(x, df=4, knots=[0.5])", {}, "df or knots, not both"),
        ("y ~ C(f, contr.sum)", {"f": ALIKE}, "neither|read alike"),
        ("y ~ f + (1 | `g)", {}, "quote"),
        ("y ~ x + ``", {}, "back-tick"),
        ("y ~ I(x * 1j)", {}, "1j"),
        ("y ~ x + (1 | 1)", {}, "must be a column"),
        ("y ~ x + (1 | 2)", {}, "must be a column"),
        ("y ~ x + (0 | g)", {}, "nothing on the left of its bar"),
        ("y ~ x + offset(1e200 * x)", {}, "range of doubles"),
        ("y ~ x * (1 | g)", {}, r"\(1 \| g\)"),
    ],
)
def test_a_formula_is_refused(formula, columns, words):
    frame = FRAME.assign(**columns)
    with pytest.raises(ValueError, match=words) as caught:
        MixedLinearRegressor(formula).fit(frame)
    assert "See docs/troubleshooting.md#" in caught.value.__notes__[-1]


@pytest.mark.parametrize(
    ("residual", "words"),
    [
        ("ar1(visit | `g)", "back-tick is not closed"),
        ("ar1(visit / f | g)", "covariance per arm"),
        ("ar1(visit | g, by=)", "written as `by=arm`"),
        ("ar1(visit | g, by=f, by=f)", "stands there twice"),
    ],
)
def test_a_residual_covariance_is_refused(residual, words):
    with pytest.raises(ValueError, match=words):
        MixedLinearRegressor("y ~ x", residual=residual).fit(FRAME)


@pytest.mark.parametrize(
    ("formula", "residual", "columns", "words"),
    [
        (
            "y ~ bs(x, df=4, extrapolation='raise')",
            None,
            {"x": 9.0},
            "beyond the bounds",
        ),
        ("y ~ x", "us(visit | g)", {"visit": 9.0}, "which fit did not see"),
        ("y ~ x", "ar1(1 | g)", {"g": 0}, "none had more than"),
    ],
)
def test_new_rows_are_refused(formula, residual, columns, words):
    options = {"residual": residual, "tol": 1e-3}
    model = MixedLinearRegressor(formula, **options).fit(FRAME)
    new = FRAME.assign(**columns)
    with pytest.raises(ValueError, match=words):
        model.predict(new) if residual is None else model.predict_interval(new)


def test_rows_that_share_a_time_are_told_of_the_nugget():
    twice = FRAME.assign(visit=FRAME["visit"] // 2)
    with pytest.raises(ValueError, match="several rows at one visit") as caught:
        MixedLinearRegressor("y ~ x", residual="car1(visit | g)").fit(twice)
    assert "nugget=True" in str(caught.value)


def test_clip_without_bounds_is_the_column():
    one = MixedLinearRegressor("y ~ np.clip(x, None, None)").fit(FRAME)
    other = MixedLinearRegressor("y ~ x").fit(FRAME)
    assert one.deviance_ == other.deviance_
