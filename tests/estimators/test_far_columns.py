"""Columns far from zero: what is said of a slope does not depend on its origin."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE

from skmixed import (
    MixedLinearRegressor,
    MixedLogisticClassifier,
    PooledLinearRegressor,
    RankDeficiencyWarning,
)
from skmixed.datasets import load_sleepstudy

# In standard deviations of the column; a double has 16 digits.
SHIFTS = [1e4, 1e6, 1e7, 1e8, 1e9]
# Relative error of what is said of products, of which a double holds seven digits at
# the largest shift.
SAME_PRODUCTS = 1e-5
PRODUCTS = [
    "x * f",
    "f + x:f",
    "0 + f + x:f",
    "x * C(f, Sum)",
    "x * w",
    "x * f * w",
    "poly(x, 2) * f",
]
TERMS = {
    "alone": "Reaction ~ Days + (Days | Subject)",
    "first": "Reaction ~ Days + z + (Days + z | Subject)",
    "last": "Reaction ~ Days + z + (z + Days | Subject)",
    "in two factors": "both ~ Days + (Days | Subject) + (Days | h)",
}


def sleep(unit):
    frame = load_sleepstudy().frame
    rng = np.random.default_rng(0)
    subject = pd.factorize(frame["Subject"])[0]
    slope = 10 * rng.normal(size=subject.max() + 1)[subject]
    z = rng.normal(size=len(frame))
    h = rng.integers(0, 15, len(frame))
    a, b = rng.normal(size=(2, 15))
    y = frame["Reaction"] + slope * z
    both = frame["Reaction"] + 40 * a[h] + 10 * b[h] * frame["Days"]
    return frame.assign(z=unit * z, h=h, Reaction=y, both=both)


def statements(model, frame):
    """All that is said of a slope, and of predictions."""
    names = ["Days", "sd_Days|Subject", "sigma"]
    rows = frame.iloc[:12]
    new = rows.assign(Subject="unseen")
    return {
        "satterthwaite": model.summary().fixed.loc["Days"],
        "kenward-roger": model.summary(ddf="kenward-roger").fixed.loc["Days"],
        "wald": model.conf_int(names),
        "std": model.predict(rows, return_std=True)[1],
        "std of unseen": model.predict(new, return_std=True)[1],
        "widths": np.diff(model.predict_interval(rows)),
        "loglik": model.loglik_,
    }


@pytest.mark.parametrize(
    ("term", "unit"),
    [
        ("alone", 1.0),
        *[(place, unit) for place in ("first", "last") for unit in (1e-6, 1.0, 1e6)],
        ("in two factors", 1.0),
    ],
)
def test_the_origin_of_a_slope_does_not_matter(term, unit):
    frame = sleep(unit)
    model = MixedLinearRegressor(TERMS[term]).fit(frame)
    expected = statements(model, frame)
    for shift in SHIFTS:
        far = frame.assign(Days=frame["Days"] + round(shift * frame["Days"].std()))
        found = statements(MixedLinearRegressor(TERMS[term]).fit(far), far)
        for name, values in expected.items():
            np.testing.assert_allclose(
                np.asarray(found[name], dtype=float),
                np.asarray(values, dtype=float),
                rtol=SAME_DENSE,
                err_msg=f"{name}, Days + {shift:g} sd",
            )


@pytest.mark.parametrize("shift", [1e5, 1e9])
def test_the_origin_of_a_slope_does_not_matter_to_profiles(shift):
    frame = sleep(1.0)
    far = frame.assign(Days=frame["Days"] + shift)
    names = ["Days", "sd_Days|Subject", "sigma"]
    near, moved = (
        MixedLinearRegressor(TERMS["alone"])
        .fit(table)
        .conf_int(names, method="profile")
        for table in (frame, far)
    )
    np.testing.assert_allclose(moved, near, rtol=SAME_DENSE)


def test_a_profile_that_no_double_can_hold_is_not_a_number():
    frame = sleep(1.0)
    far = frame.assign(Days=frame["Days"] + 1e9)
    model = MixedLinearRegressor(TERMS["alone"]).fit(far)
    lost = "cor_Days.Intercept|Subject"
    table = model.conf_int(method="profile")
    assert table.loc[lost, ["lower", "upper"]].isna().all()
    assert table.drop(index=lost).notna().all(axis=None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shift", [1e5, 1e6, 1e8, 1e9])
@pytest.mark.parametrize("random", ["Days * f", "0 + f + f:Days", "f + f:Days"])
def test_random_products_of_a_far_column_are_refused_until_it_is_centred(random, shift):
    frame = sleep(1.0)
    frame = frame.assign(f=np.array(list("ab"))[np.arange(len(frame)) % 2])
    far = frame.assign(Days=frame["Days"] + round(shift * frame["Days"].std()))
    text = f"Reaction ~ {{0}} * f + ({random.replace('Days', '{0}')} | Subject)"
    with pytest.raises(ValueError, match=r"too little for doubles.*center\(x\)"):
        MixedLinearRegressor(text.format("Days")).fit(far)
    near, centred = (
        MixedLinearRegressor(text.format("center(Days)")).fit(table)
        for table in (frame, far)
    )
    np.testing.assert_allclose(centred.loglik_, near.loglik_, rtol=SAME_DENSE)


@pytest.mark.filterwarnings("ignore")
def test_effects_that_repeat_others_to_the_last_digit_are_not_refused():
    frame = sleep(1.0)
    one = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(frame)
    two = MixedLinearRegressor("Reaction ~ Days + (Days + I(2 * Days) | Subject)")
    np.testing.assert_allclose(two.fit(frame).loglik_, one.loglik_, rtol=SAME_DENSE)


def products_table(shift):
    """A number x far from zero, one w near it, and a category f."""
    rng = np.random.default_rng(1)
    x, w = np.round(64 * rng.normal(size=(2, 300))) / 64
    f, g = rng.choice(list("abc"), 300), np.arange(300) % 15
    y = x + w + x * w / 2 + (f == "a") * x + rng.normal(size=15)[g]
    y = y + rng.normal(size=300)
    far = {"x": x + shift, "z": w + shift}
    return pd.DataFrame({**far, "w": w, "f": f, "g": g, "y": y, "high": y > 0})


@pytest.mark.parametrize("term", PRODUCTS)
@pytest.mark.parametrize(
    ("estimator", "response"),
    [
        (MixedLinearRegressor, "y"),
        (PooledLinearRegressor, "y"),
        (MixedLogisticClassifier, "high"),
    ],
)
def test_products_of_a_far_column_are_those_of_the_centred_one(
    estimator, response, term
):
    model = estimator(f"{response} ~ {term} + (1 | g)")
    near, tables = products_table(0.0), [products_table(s) for s in (1e4, 1e7, 1e9)]
    expected = model.fit(near).summary().fixed.iloc[-1]
    predicted = model.predict(near)
    for table in tables:
        found = model.fit(table).summary().fixed.iloc[-1]
        np.testing.assert_allclose(
            found[["estimate", "std_error"]],
            expected[["estimate", "std_error"]],
            rtol=SAME_PRODUCTS,
        )
        np.testing.assert_allclose(
            model.predict(table), predicted, atol=SAME_PRODUCTS, rtol=SAME_PRODUCTS
        )


@pytest.mark.parametrize("term", ["x * z", "x + I(x**2)", "x * f * z"])
@pytest.mark.parametrize("shift", [1e7, 1e9])
def test_products_that_no_double_holds_are_left_out_with_a_warning(term, shift):
    with pytest.warns(RankDeficiencyWarning, match="left out"):
        MixedLinearRegressor(f"y ~ {term} + (1 | g)").fit(products_table(shift))


def test_a_product_that_others_determine_is_left_out_however_far():
    """x is constant within f: x:f is a multiple of f."""
    table = products_table(0.0)
    table["x"] = 1e8 + 0.1 * table["f"].map({"a": 1, "b": 2, "c": 3})
    with pytest.warns(RankDeficiencyWarning, match=r"x:f\[T.b\]"):
        MixedLinearRegressor("y ~ f + x + x:f + (1 | g)").fit(table)
