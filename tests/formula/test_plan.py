"""Plans: formulaic's columns without their values, kept from one table to the next."""

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixed.formula import DesignSpec, FormulaError, parse_formula
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.materializer import CACHED_LEVELS, plain_plans

N_ROWS = 60
COLUMNS = ["x", "k", "t", "f", "s"]


@pytest.fixture(scope="module")
def frame():
    return make_frame()


def make_frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x": rng.normal(size=N_ROWS),
            "k": rng.integers(-3, 4, N_ROWS),
            "t": rng.uniform(size=N_ROWS) > 0.5,
            "f": rng.choice(["a", "b", "c"], N_ROWS),
            "s": rng.choice(["M", "F"], N_ROWS),
            "g": np.repeat(np.arange(6), 10),
        }
    )


def learn(text, frame):
    return DesignSpec.learn(parse_formula(text), frame)


# ------------------------------------------------------------------ against formulaic

products = st.permutations(COLUMNS).flatmap(
    lambda order: st.integers(1, 3).map(lambda n: ":".join(order[:n]))
)
sums = st.builds(
    lambda start, terms: " + ".join([start, *terms]),
    st.sampled_from(["1", "0"]),
    st.lists(products, min_size=1, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(fixed=sums, effects=sums)
def test_columns_are_those_of_formulaic_cached_or_not(fixed, effects):
    frame = make_frame()
    columns, z = model_matrix(fixed, frame), model_matrix(effects, frame)
    for rows in (slice(None), slice(None, None, -1)):
        part = frame.iloc[rows]
        spec, design = learn(f"~ {fixed} + ({effects} | g)", part)
        assert list(spec.coef_names) == list(columns.columns)
        assert list(design.random[0].effects) == list(z.columns)
        np.testing.assert_array_equal(design.X, columns.to_numpy(dtype=float)[rows])
        np.testing.assert_array_equal(design.random[0].z, z.to_numpy(float)[rows])


# ------------------------------------------------------------------ what is kept


def test_a_formula_is_planned_once_for_like_tables(frame):
    plain_plans.cache_clear()
    spec, design = learn("~ x*f + (s | g)", frame)
    assert plain_plans.cache_info().misses == 1
    _, other = learn("~ x*f + (s | g)", frame.assign(x=2.0 * frame["x"]))
    np.testing.assert_array_equal(other.X[:, 1], 2.0 * design.X[:, 1])
    spec.build(frame.head(3))
    assert plain_plans.cache_info().misses == 1
    assert plain_plans.cache_info().hits == 2


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1, 2], ["u"]),
        (["1", "2"], ["u[T.2]"]),
        (pd.Categorical([1, 2]), ["u[T.2]"]),
        (pd.Categorical([1.0, 2.0]), ["u[T.2.0]"]),
        (pd.Categorical([1, 2], categories=[2, 1]), ["u[T.1]"]),
        (pd.Categorical([True, False]), ["u[T.True]"]),
        (pd.Categorical([1, 0]), ["u[T.1]"]),
        (pd.Categorical([1.0, 0.0]), ["u[T.1.0]"]),
        (["1", "3"], ["u[T.3]"]),
    ],
)
@pytest.mark.parametrize("first", [[1, 2], pd.Categorical([1, 2]), ["1", "2"]])
def test_plans_do_not_pass_between_kinds_or_levels(values, names, first):
    tables = [
        pd.DataFrame({"u": pd.Series(u).repeat(4), "x": np.arange(8.0)})
        for u in (first, values)
    ]
    learn("~ u", tables[0])
    spec, design = learn("~ u", tables[1])
    assert list(spec.coef_names) == ["Intercept", *names]
    np.testing.assert_array_equal(design.X, model_matrix("~ u", tables[1]))


def test_a_cached_plan_keeps_the_order_of_factors_and_terms(frame):
    for text in ("x:f", "f:x", "x + k", "k + x", "f + s:f", "s + s:f", "s:f + f:s"):
        spec, design = learn(f"~ {text}", frame)
        other = model_matrix(text, frame)
        assert list(spec.coef_names) == list(other.columns)
        np.testing.assert_array_equal(design.X, other.to_numpy(dtype=float))


def test_fixed_and_random_parts_are_told_apart(frame):
    _, one = learn("~ f + (0 + s | g)", frame)
    _, other = learn("~ s + (0 + f | g)", frame)
    assert one.X.shape == other.random[0].z.shape == (N_ROWS, 3)
    assert one.random[0].z.shape == other.X.shape == (N_ROWS, 2)
    np.testing.assert_array_equal(one.X[:, 1:], other.random[0].z[:, 1:])


def test_calls_are_evaluated_on_every_table(frame):
    plain_plans.cache_clear()
    text = "~ C(f, Sum) + scale(x) + (s | g)"
    learn(text, frame)
    other = frame.assign(f=frame["f"] + "!", x=frame["x"] + 3.0)
    spec, design = learn(text, other)
    np.testing.assert_array_equal(
        design.X, model_matrix("~ C(f, contr.sum) + scale(x)", other)
    )
    assert "a!" in str(spec.coef_names)
    assert plain_plans.cache_info().misses == 0


def test_very_many_levels_are_not_kept():
    n = CACHED_LEVELS + 1
    frame = pd.DataFrame({"f": [f"f{k:05}" for k in range(n)] * 2})
    plain_plans.cache_clear()
    spec, design = learn("~ 0 + f", frame)
    assert plain_plans.cache_info().currsize == 0
    assert spec.coef_names[-1] == f"f[f{n - 1:05}]"
    assert design.constant.tolist() == [1.0] * n
    assert design.X.sum() == 2 * n


# ------------------------------------------------------------------ values and checks


def test_small_integers_do_not_overflow_in_products(frame):
    small = frame.astype({"k": "int8"}).assign(k=lambda d: d["k"] * 40, m=np.int8(100))
    _, design = learn("~ 0 + k:m:t", small)
    np.testing.assert_array_equal(
        design.X[:, 0], frame["k"].to_numpy() * 4000.0 * frame["t"].to_numpy()
    )


def test_a_column_of_ones_is_found_by_its_values(frame):
    text = "~ 0 + m + x + (0 + m | g)"
    _, design = learn(text, frame.assign(m=1))
    assert design.constant.tolist() == [1.0, 0.0]
    assert design.random[0].constant.tolist() == [1.0]
    _, design = learn(text, frame.assign(m=np.arange(N_ROWS) // 59))
    assert design.constant is design.random[0].constant is None


def test_levels_that_read_alike_are_refused():
    day = pd.Timestamp("2020-01-01")
    days = pd.Categorical([day, str(day)] * 2, categories=[day, str(day)])
    with pytest.raises(ValueError, match="levels that read alike"):
        learn("~ f", pd.DataFrame({"f": days}))


# ------------------------------------------------------------------ columns of a frame


def test_columns_are_those_of_the_rows_wanted(frame):
    holes = frame.assign(x=frame["x"].where(frame["k"] != 0)).set_index("g")
    rows = (holes["k"] != 0).to_numpy()
    every, some = FrameColumns(holes), FrameColumns(holes, rows)
    assert every["x"] is every["x"]
    assert (every.n_rows, some.n_rows) == (N_ROWS, rows.sum())
    assert "x" in some
    assert "g" not in some
    np.testing.assert_array_equal(every.missing("x"), ~rows)
    assert some.missing("x") is None
    np.testing.assert_array_equal(some["s"], frame["s"][rows])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1.0, None]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype=object),
        pd.Series(["a", None], dtype="category"),
        pd.Series([pd.Timestamp("2020-01-01"), pd.NaT]),
        pd.Series(pd.arrays.SparseArray([1.0, np.nan])),
    ],
)
def test_gaps_of_every_kind_are_found(values):
    table = pd.DataFrame({"u": values})
    assert FrameColumns(table).missing("u").tolist() == [False, True]
    assert FrameColumns(table.head(1)).missing("u") is None


@pytest.mark.parametrize("text", ["~ a", "~ 0 + a", "~ x * a"])
def test_levels_with_leading_underscores_have_columns(text):
    """formulaic keeps keys that begin with __ for itself."""
    levels = np.array(["x", "__y", "__z__"])
    frame = pd.DataFrame({"x": np.arange(6.0), "a": np.tile(levels, 2)})
    plain = frame.replace({"__y": "Ay", "__z__": "Az"})
    _, design = DesignSpec.learn(parse_formula(text), frame)
    _, expected = DesignSpec.learn(parse_formula(text), plain)
    np.testing.assert_array_equal(design.X, expected.X)


@pytest.mark.parametrize("text", ["~ factor(a)", "~ C(a, contr.sum)"])
def test_such_levels_are_refused_in_calls(text):
    frame = pd.DataFrame({"a": ["x", "__y", "x", "__y"]})
    with pytest.raises(ValueError, match="begin with __"):
        DesignSpec.learn(parse_formula(text), frame)


@pytest.mark.parametrize("name", ["1", "Intercept"])
@pytest.mark.parametrize(
    "text", ["~ x + `{}`", "~ x + (0 + `{}` | g)", "~ . + (1 | g)"]
)
def test_a_column_with_the_intercepts_name_is_refused(text, name):
    columns, text = ("x", name, "g"), text.format(name)
    with pytest.raises(FormulaError, match="rename it"):
        parse_formula(text, columns=columns)
    assert [*parse_formula("~ x + (1 | g)", columns=columns).fixed_columns] == ["x"]
