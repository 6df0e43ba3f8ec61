"""Units do not matter, as far as squares of numbers are doubles."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE
from numpy.testing import assert_allclose

from skmixed import MixedLinearRegressor

FORMULAS = {
    "one factor": "y ~ x + (x | g)",
    "uncorrelated": "y ~ x + (x || g)",
    "crossed": "y ~ x + (x | g) + (1 | h)",
    "nested": "y ~ x + (1 | k) + (x | k:g)",
}
# Units of x, of y and of the weights.
UNITS = {
    "x large": (1e138, 1.0, 1.0),
    "x small": (1e-138, 1.0, 1.0),
    "y large": (1.0, 1e138, 1.0),
    "y small": (1.0, 1e-138, 1.0),
    "weights large": (1.0, 1.0, 1e270),
    "weights small": (1.0, 1.0, 1e-270),
    "weights of precise measurements": (1.0, 1.0, 1e10),
    "x and y large": (1e138, 1e138, 1.0),
    "x and y small, weights large": (1e-138, 1e-138, 1e260),
    "x large, y small": (1e68, 1e-68, 1.0),
    "x small, y large": (1e-68, 1e68, 1.0),
    "y and weights large": (1.0, 1e60, 1e140),
}
BEYOND = {
    "x large": ((1e150, 1.0, 1.0), "of `x` is of the order 1e\\+15"),
    "x small": ((1e-150, 1.0, 1.0), "of `x` is of the order 1e-1"),
    "y large": ((1.0, 1e150, 1.0), "of the response is"),
    "weights small": ((1.0, 1.0, 1e-290), "of the root of sample_weight"),
    "a coefficient": ((1e-80, 1e80, 1.0), "of the response over that of `x`"),
    "sigma": ((1.0, 1e80, 1e140), "of the response times the root of sample_weight"),
}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 240
    g, h = np.arange(n) % 12, rng.integers(0, 15, n)
    table = pd.DataFrame(
        {"g": g, "h": h, "k": g % 4, "x": rng.normal(0.3, 1.0, n), "w": rng.random(n)}
    )
    effects = [rng.normal(size=12)[g], 0.5 * rng.normal(size=12)[g] * table.x]
    noise = rng.normal(size=n) / np.sqrt(table.w + 0.5)
    return table.assign(
        w=table.w + 0.5,
        y=1.0 + table.x + sum(effects) + 0.7 * rng.normal(size=15)[h] + noise,
    )


def statements(formula, frame, reml, x, y, w):
    """What a model says in units of its own, brought back."""
    rows = frame.assign(x=frame.x * x, y=frame.y * y)
    model = MixedLinearRegressor(formula, reml=reml).fit(
        rows, sample_weight=frame.w * w
    )
    fixed, by = model.summary().fixed, np.array([1.0, x]) / y
    mean, sd = model.predict(rows[:5], return_std=True)
    factor = next(g for g, table in model.random_effects_.items() if "x" in table)
    said = {
        "estimates": fixed["estimate"] * by,
        "standard errors": fixed["std_error"] * by,
        "degrees of freedom": fixed["df"],
        "sigma": model.sigma_ / y / np.sqrt(w),
        "random effects": model.random_effects_[factor] * by,
        "predictions": mean / y,
        "their deviations": sd / y,
        "intervals": model.predict_interval(rows[:5], kind="mean") / y,
    }
    n = len(rows) - (2 if reml else 0)
    loglik = model.loglik_ + n * np.log(y) + (np.log(x) if reml else 0.0)
    return said, loglik, model.singular_


@pytest.fixture(scope="module")
def expected(frame):
    found = {}

    def find(name, reml):
        if (name, reml) not in found:
            found[name, reml] = statements(FORMULAS[name], frame, reml, 1.0, 1.0, 1.0)
        return found[name, reml]

    return find


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("error")
def test_units_do_not_matter(frame, expected, name, reml, units):
    said, loglik, singular = statements(FORMULAS[name], frame, reml, *UNITS[units])
    wanted, wanted_loglik, wanted_singular = expected(name, reml)
    for what, values in said.items():
        assert_allclose(values, wanted[what], rtol=SAME_DEVIANCE, err_msg=what)
    assert_allclose(loglik, wanted_loglik, rtol=SAME_DENSE)
    assert singular == wanted_singular


@pytest.mark.parametrize("case", BEYOND)
def test_squares_that_are_no_doubles_are_refused_by_name(frame, case):
    units, message = BEYOND[case]
    with pytest.raises(ValueError, match=message):
        statements(FORMULAS["one factor"], frame, True, *units)
