"""Group keys and columns of every type: what is equal is one level, in any type."""

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, emmeans
from skmixed.formula import DesignSpec, GroupIndex, parse_formula

INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
NULLABLE = ["Int8", "UInt8", "Int64", "UInt64"]
OFFSETS = (
    0,
    100,
    250,
    300,
    40_000,
    2**31,
    2**40,
    2**60,
    2**63 - 3,
    2**63,
    -128,
    -(2**60),
)


def held(values, dtype):
    """The values as a series of a type, or None where the type cannot hold them."""
    info = np.iinfo(dtype.lower())
    if min(values) < info.min or max(values) > info.max:
        return None
    return pd.Series(np.array(values, dtype=dtype.lower()), dtype=dtype)


@pytest.mark.parametrize("offset", OFFSETS)
def test_integer_keys_match_in_any_integer_type(offset):
    keys = [offset + k for k in (3, 0, 1, 3, 2, 0)]
    for learnt in (*INTEGERS, *NULLABLE):
        series = held(keys, learnt)
        if series is None:
            continue
        groups, codes = GroupIndex.learn("g", ("g",), pd.DataFrame({"g": series}))
        assert codes.tolist() == [3, 0, 1, 3, 2, 0]
        for now in (*INTEGERS, *NULLABLE):
            for size in (len(keys), 2):
                again = held(keys[:size], now)
                if again is not None:
                    found = groups.encode(pd.DataFrame({"g": again}))
                    assert found.tolist() == codes[:size].tolist(), (learnt, now)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("now", [*INTEGERS, *NULLABLE])
def test_keys_that_the_type_of_fit_cannot_hold_are_unseen(offset, now):
    frame = pd.DataFrame({"g": pd.Series([1, 5, 9, 1], dtype="int8")})
    groups, _ = GroupIndex.learn("g", ("g",), frame)
    keys = held([offset + 10, offset + 20], now)
    if keys is not None:
        seen = [-1 if offset + k not in (1, 5, 9) else 0 for k in (10, 20)]
        assert groups.encode(pd.DataFrame({"g": keys})).tolist() == seen


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4", ">u2", "f2", "longdouble"])
@pytest.mark.parametrize("formula", ["~ C(k) + f:k", "~ k + (1 | k)", "~ within(x, k)"])
def test_foreign_widths_and_byte_orders_read_as_their_numbers(dtype, formula):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"x": rng.normal(size=24), "f": list("abc") * 8, "k": np.arange(24) % 4}
    )
    plain = DesignSpec.learn(parse_formula(formula), frame.astype({"k": float}))[1]
    other = DesignSpec.learn(
        parse_formula(formula), frame.assign(k=frame["k"].to_numpy().astype(dtype))
    )[1]
    np.testing.assert_array_equal(other.X, plain.X)
    for one, two in zip(other.random, plain.random, strict=True):
        np.testing.assert_array_equal(one.codes, two.codes)


@pytest.mark.parametrize("formula", ["y ~ f + (1 | g)", "y ~ x + (1 | f)"])
def test_a_batch_of_mixed_labels_may_be_of_one_kind(formula):
    rng = np.random.default_rng(2)
    f = pd.Series([[1, 2, "3+"][k % 3] for k in range(60)], dtype=object)
    frame = pd.DataFrame({"x": rng.normal(size=60), "f": f, "g": np.arange(60) // 10})
    frame["y"] = (
        3 * (np.arange(60) % 3) + rng.normal(size=6)[frame["g"]] + rng.normal(size=60)
    )
    model = MixedLinearRegressor(formula).fit(frame)
    batch = model.predict(frame)
    for row in range(3):
        assert model.predict(frame.iloc[[row]])[0] == pytest.approx(batch[row])
        alone = frame.iloc[[row]].infer_objects()
        assert model.predict(alone)[0] == pytest.approx(batch[row])


def test_a_column_named_like_an_interaction_is_a_factor_of_its_own():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {name: rng.integers(0, n, 200) for name, n in (("a", 4), ("b", 5), ("a:b", 9))}
    )
    spec, design = DesignSpec.learn(parse_formula("~ (1 | a:b) + (1 | `a:b`)"), frame)
    assert [block.n_levels for block in design.random] == [20, 9]
    assert list(spec.groups) == ["a:b", "`a:b`"]


def test_means_hold_a_column_whose_name_begins_another():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {"x": rng.normal(size=60), "xy": np.arange(60) % 3, "g": np.arange(60) // 10}
    )
    frame["y"] = frame["x"] + rng.normal(size=6)[frame["g"]] + rng.normal(size=60)
    numbers = MixedLinearRegressor("y ~ x + C(xy) + (1 | g)").fit(frame)
    text = frame.assign(xy=frame["xy"].astype(str))
    labels = MixedLinearRegressor("y ~ x + xy + (1 | g)").fit(text)
    np.testing.assert_allclose(
        emmeans(numbers, "xy").frame["estimate"],
        emmeans(labels, "xy").frame["estimate"],
    )
