"""Grouping factors: levels, codes, and what may be looked up in them."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skmixed.formula import GroupIndex

N_ROWS = 500


def learn(values, name="g"):
    return GroupIndex.learn(name, (name,), pd.DataFrame({name: values}))


@pytest.fixture
def integers():
    return np.random.default_rng(3).integers(-20, 60, N_ROWS)


TYPES = {
    "int64": lambda v: v,
    "int8": lambda v: v.astype("int8"),
    "uint64": lambda v: (v + 20).astype("uint64"),
    "wide integers": lambda v: v * 10**14,
    "float": lambda v: v + 0.5,
    "object": lambda v: v.astype(object),
    "text": lambda v: pd.Series(v).map("s{}".format),
    "string[python]": lambda v: pd.Series(v).map("s{}".format).astype("string[python]"),
    "object text": lambda v: pd.Series(v).map("s{}".format).astype(object),
    "Int64": lambda v: pd.Series(v).astype("Int64"),
    "arrow": lambda v: pd.Series(v).astype("int64[pyarrow]"),
    "bool": lambda v: v > 0,
    "dates": lambda v: pd.Timestamp("2020-01-01") + pd.to_timedelta(v, "D"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_levels_are_sorted_and_codes_point_at_them(integers, kind):
    values = pd.Series(TYPES[kind](integers))
    groups, codes = learn(values)
    assert groups.n_levels == values.nunique() == len(groups.levels)
    assert codes.dtype == np.int32
    assert (groups.levels[:-1] < groups.levels[1:]).all()
    assert (groups.levels[codes] == values.to_numpy()).all()
    frame = pd.DataFrame({"g": values})
    np.testing.assert_array_equal(groups.encode(frame), codes)
    np.testing.assert_array_equal(groups.encode(frame.iloc[[7]]), codes[[7]])


def test_categories_keep_their_order_and_lose_the_unused():
    values = pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"])
    groups, codes = learn(values)
    assert groups.levels.tolist() == ["b", "a"]
    assert codes.tolist() == [0, 1, 0]
    text = pd.DataFrame({"g": ["a", "b", "c", None]})
    assert groups.encode(text).tolist() == [1, 0, -1, -1]
    other = pd.DataFrame({"g": pd.Categorical(["a", None, "b"])})
    assert groups.encode(other).tolist() == [1, -1, 0]


def test_integer_categories_need_not_ascend():
    groups, codes = learn(pd.Categorical([3, 1, 2], categories=[2, 3, 1]))
    assert groups.levels.tolist() == [2, 3, 1]
    assert codes.tolist() == [1, 2, 0]
    assert groups.encode(pd.DataFrame({"g": [1, 2, 3, 4]})).tolist() == [2, 0, 1, -1]


def test_many_categories_and_few_rows():
    labels = [f"s{k}" for k in range(2000)]
    groups, _ = learn(pd.Categorical(labels, categories=labels))
    few = pd.DataFrame({"g": pd.Categorical(["s9", None, "s3"], categories=labels)})
    assert groups.encode(few).tolist() == [9, -1, 3]


@pytest.mark.parametrize("kind", ["int64", "wide integers", "text", "float"])
def test_unseen_and_missing_groups_get_minus_one(integers, kind):
    values = pd.Series(TYPES[kind](integers))
    groups, _ = learn(values)
    unseen = values.max() + ("x" if kind == "text" else 1)
    new = pd.DataFrame({"g": [values[0], unseen, None]})
    assert groups.encode(new).tolist()[1:] == [-1, -1]
    assert groups.levels[groups.encode(new)[0]] == values[0]
    assert groups.encode(pd.DataFrame({"g": [None, None]})).tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint64"])
@pytest.mark.parametrize("step", [1, 10**6])
def test_unseen_integers_get_minus_one_in_long_tables(integers, dtype, step):
    values = (integers + 20) * step
    groups, codes = learn(values)
    new = np.append(values, [step * 90, step * 1000]).astype(dtype)
    again = groups.encode(pd.DataFrame({"g": new}))
    assert again.dtype == np.int32
    assert again.tolist() == [*codes, -1, -1]


def test_missing_keys_have_no_level():
    for values in ([2.0, np.nan, 1.0], ["b", None, "a"], pd.array([2, None, 1])):
        groups, codes = learn(values)
        assert groups.n_levels == 2
        assert codes.tolist() == [1, -1, 0]


def test_numbers_match_whatever_their_dtype():
    groups, _ = learn([3, 1, 2])
    assert groups.encode(pd.DataFrame({"g": [1.0, 2.5, 3.0]})).tolist() == [0, -1, 2]
    other = pd.DataFrame({"g": pd.array([1, None], dtype="Int64")})
    assert groups.encode(other).tolist() == [0, -1]
    assert groups.encode(pd.DataFrame({"g": [True]})).tolist() == [0]
    truth, _ = learn([True, False])
    assert truth.encode(pd.DataFrame({"g": [1, 0, 7]})).tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("learnt", "given"),
    [
        ([1, 2], ["1", "2"]),
        (["1", "2"], [1, 2]),
        ([1.5, 2.5], ["1.5"]),
        ([1, 2], pd.Categorical(["1"])),
        (pd.Categorical(["1"]), [1]),
    ],
)
def test_numbers_and_text_cannot_match(learnt, given):
    groups, _ = learn(learnt)
    with pytest.raises(ValueError, match="so no group can match"):
        groups.encode(pd.DataFrame({"g": given}))


def test_mixed_keys_are_levels_too():
    groups, codes = learn(pd.Series([1, "a", 2, "a"], dtype=object))
    assert groups.n_levels == 3
    assert (groups.levels[codes] == np.array([1, "a", 2, "a"], dtype=object)).all()


@pytest.mark.parametrize("columns", [("a", "b"), ("b", "a"), ("a", "b", "c")])
def test_interaction_has_the_levels_that_occur(columns):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 30, N_ROWS) * 1000,
            "b": rng.choice(["p", "q", "r"], N_ROWS),
            "c": pd.Categorical(rng.choice(["u", "v"], N_ROWS), categories=["v", "u"]),
        }
    )
    groups, codes = GroupIndex.learn(":".join(columns), columns, frame)
    assert groups.n_levels == frame.groupby(list(columns), observed=True).ngroups
    for column, levels in zip(columns, groups.levels, strict=True):
        assert len(levels) == groups.n_levels
        assert (levels[codes] == frame[column].to_numpy()).all()
    expected = frame.groupby(list(columns), observed=True).ngroup()
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(groups.encode(frame), codes)
    first = ":".join(str(frame[column][0]) for column in columns)
    assert groups.labels[codes[0]] == first


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("stray", [False, True])
def test_labels_unique_across_the_outer_factor(stray, gaps):
    """One row that breaks the nesting, even a late one, must not be overlooked."""
    rng = np.random.default_rng(6)
    b = rng.integers(0, 2_000, 10_000)
    a = (b * 7919) % 40
    if stray:
        a[-1] += 1
    frame = pd.DataFrame({"a": a, "b": b}).astype("Int64")
    if gaps:
        frame.loc[17, "a"] = pd.NA
    groups, codes = GroupIndex.learn("a:b", ("a", "b"), frame)
    expected = frame.groupby(["a", "b"]).ngroup().fillna(-1).astype(int)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(groups.encode(frame), codes)
    assert groups.n_levels == expected.max() + 1


def test_interaction_with_an_unseen_pair():
    frame = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"]})
    groups, _ = GroupIndex.learn("a:b", ("a", "b"), frame)
    new = pd.DataFrame({"a": [2, 2, 9, 1], "b": ["x", "y", "x", None]})
    assert groups.encode(new).tolist() == [2, -1, -1, -1]


def test_columns_are_coded_once_for_nested_factors():
    frame = pd.DataFrame({"a": [2, 1], "b": [0, 0]})
    shared = {}
    _, a = GroupIndex.learn("a", ("a",), frame, shared)
    GroupIndex.learn("a:b", ("a", "b"), frame, shared)
    assert set(shared) == {"a", "b"}
    assert shared["a"][1] is a


def test_state_is_plain(integers):
    groups, _ = learn(pd.Series(integers).map("s{}".format))
    groups.encode(pd.DataFrame({"g": ["s1"]}))
    state = groups.__getstate__()
    assert set(state) == {"name", "columns", "column_levels", "pair_keys"}
    copy = pickle.loads(pickle.dumps(groups))
    assert copy.levels.tolist() == groups.levels.tolist()
    assert "GroupIndex('g'" in repr(copy)
