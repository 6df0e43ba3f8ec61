"""Designs: what is learnt from a table, replayed on another, or refused."""

import datetime
import pickle
import tracemalloc
from decimal import Decimal

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from formulaic import model_matrix

from skmixed.formula import DesignSpec, FormulaError, parse_formula

N_ROWS = 120


@pytest.fixture
def frame():
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "y": rng.uniform(1, 9, N_ROWS),
            "x": rng.normal(size=N_ROWS),
            "z": rng.uniform(1, 3, N_ROWS),
            "i": rng.integers(1, 4, N_ROWS),
            "s": rng.choice(["M", "F"], N_ROWS),
            "f": rng.choice(["a", "b", "c"], N_ROWS),
            "t": rng.uniform(size=N_ROWS) > 0.5,
            "g": np.repeat(np.arange(12), 10),
            "h": np.tile(["p", "q", "r", "s"], 30),
        }
    )


def learn(text, frame):
    return DesignSpec.learn(parse_formula(text, columns=tuple(frame.columns)), frame)


FORMULAS = [
    "~ x",
    "~ x + z + (1 + x | g)",
    "~ x*s + f + (s | g)",
    "~ 0 + f + s + (0 + f | g)",
    "~ s:f + (0 + s:x | g)",
    "~ x:z:t + i:t + (t || g/h)",
    "~ poly(x, 2) + scale(z) + (scale(z) | g) + diag(poly(x, 2) | h)",
    "~ bs(x, df=5)*s + cr(z, df=3) + cc(x, df=4) + (bs(x, df=5) | g)",
    "~ C(f, contr.sum) + C(s, contr.helmert) + C(f, contr.poly):x + (1 | g)",
    "~ C(f, contr.treatment('b')) + factor(i) + factor(x > 0) + (C(f, Sum) | g)",
    "~ I(x - mean(x)) + I(z / sd(z)) + np.where(x > 0, z, 0) + (1 | g:h)",
    "~ f*s*x - f:s + (f*x || h)",
    "~ 0 + (1 | g) + offset(z) + offset(log(z))",
    "~ .",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_replay_is_row_by_row_what_was_learnt(frame, text):
    spec, design = learn(text, frame)
    for rows in ([17], [5, 3, 99], slice(None)):
        part = frame.iloc[rows]
        again = spec.build(part)
        np.testing.assert_array_equal(again.X, design.X[rows])
        if design.offset is not None:
            np.testing.assert_array_equal(again.offset, design.offset[rows])
        for new, old in zip(again.random, design.random, strict=True):
            np.testing.assert_array_equal(new.z, old.z[rows])
            np.testing.assert_array_equal(new.codes, old.codes[rows])
            assert (new.group, new.effects) == (old.group, old.effects)
            assert (new.covariance, new.options) == (old.covariance, old.options)


@pytest.mark.parametrize("text", FORMULAS)
def test_arrays_are_double_and_in_fortran_order(frame, text):
    spec, design = learn(text, frame)
    assert design.X.shape == (N_ROWS, len(spec.coef_names))
    for array in [design.X, *[b.z for b in design.random if b.z.strides[0]]]:
        assert array.dtype == np.float64
        assert array.flags.f_contiguous
    for block, (group, effects) in zip(design.random, spec.effects, strict=True):
        assert block.z.shape == (N_ROWS, len(effects))
        assert (block.group, block.effects) == (group, effects)
        assert block.n_levels == spec.groups[group].n_levels


@pytest.mark.parametrize(
    "text",
    [
        "~ x + z",
        "~ x*s",
        "~ 0 + f + s",
        "~ 0 + s:f",
        "~ s:f + x:f",
        "~ f*s*x",
        "~ x:z:t + i:t",
        "~ C(f, contr.sum)*s",
        "~ C(f, contr.poly) + C(i)",
        "~ C(f, contr.treatment('b')):x",
        "~ C(f, {'d': [1, 0, -1]})",
        "~ poly(x, 3) + scale(z) + center(z):s",
        "~ bs(x, df=5) + cr(z, df=3)",
    ],
)
def test_columns_and_names_are_those_of_formulaic(frame, text):
    spec, design = learn(text, frame)
    other = model_matrix(text, frame)
    assert list(spec.coef_names) == list(other.columns)
    np.testing.assert_array_equal(design.X, other.to_numpy(dtype=float))


def test_lone_random_intercept_takes_no_memory(frame):
    for formula in ("~ x + (1 | g)", "~ 0 + x + (1 | g)"):
        _, design = learn(formula, frame)
        (block,) = design.random
        assert block.effects == ("Intercept",)
        assert block.z.strides[0] == 0 or np.shares_memory(block.z, design.X)
        assert (block.z == 1.0).all()


@pytest.mark.parametrize(
    ("formula", "shared"),
    [
        ("~ x + (x | g)", True),
        ("~ x + z + (0 + x | g)", True),
        ("~ x + z + (1 + z | g)", False),
        ("~ 0 + x + (x | g)", False),
        ("~ log2(x + 10) + (log2(x + 10) | g)", False),
    ],
)
def test_effects_side_by_side_in_the_fixed_part_are_its_columns(frame, formula, shared):
    spec, design = learn(formula, frame)
    (block,) = design.random
    assert np.shares_memory(block.z, design.X) == shared
    holes = frame.assign(x=frame["x"].where(frame.index != 0))
    again = spec.build(holes).random[0].z
    kept = (frame.index != 0).nonzero()[0]
    np.testing.assert_array_equal(again[kept], block.z[kept])
    lacking = "x" in "".join(block.effects)
    np.testing.assert_array_equal(np.isnan(again[0]).any(), lacking)


def test_terms_of_one_factor_share_its_codes(frame):
    spec, design = learn("~ x + (x || g) + (1 | g:h) + (0 + z | h:g)", frame)
    groups = [block.group for block in design.random]
    assert groups == ["g", "g", "g:h", "g:h"]
    assert list(spec.groups) == ["g", "g:h"]
    assert design.random[0].codes is design.random[1].codes
    assert design.random[2].codes is design.random[3].codes


def test_constants_add_up_to_one(frame):
    _, design = learn("~ x + f + (x | g)", frame)
    assert design.constant.tolist() == [1, 0, 0, 0]
    assert design.random[0].constant.tolist() == [1, 0]
    _, design = learn("~ 0 + x + f + s + (0 + x | g) + (0 + s:f | h)", frame)
    assert design.constant.tolist() == [0, 1, 1, 1, 0]
    assert design.random[0].constant is None
    assert design.random[1].constant.tolist() == [1] * 6
    assert learn("~ 0 + x", frame)[1].constant is None
    assert learn("~ 0", frame)[1].constant is None


def test_random_part_may_be_left_out(frame):
    spec, design = learn("~ x + (z | g) + (1 | h)", frame)
    assert spec.columns_for(False) == ["x"]
    assert spec.columns_for(("h",)) == ["x", "h"]
    fixed = spec.build(frame[["x"]], random_effects=False)
    assert fixed.random == ()
    np.testing.assert_array_equal(fixed.X, design.X)
    some = spec.build(frame[["x", "h"]], random_effects=("h",))
    assert [block.group for block in some.random] == ["h"]
    with pytest.raises(ValueError, match=r"no grouping factor \['k'\]"):
        spec.build(frame, random_effects=("k",))


def test_names_of_columns(frame):
    spec, _ = learn("log(y) ~ x:f + offset(z) + (s | g/h)", frame)
    assert spec.predictor_columns == ["x", "f", "z", "s", "g", "h"]
    assert spec.response_columns == ["y"]
    assert spec.group_columns == ["g", "h"]
    assert spec.formula_text == str(spec.formula)
    assert "DesignSpec('log(y) ~ 1 + x:f" in repr(spec)


# ------------------------------------------------------------------ kinds of columns

TEXT_TYPES = ["object", "str", "string[python]", "string[pyarrow]", "category"]
NUMBER_TYPES = ["int8", "uint16", "float32", "Int64", "Float64", "int64[pyarrow]"]


@pytest.mark.parametrize("learnt", TEXT_TYPES)
@pytest.mark.parametrize("given", TEXT_TYPES)
def test_all_kinds_of_text_are_one(frame, learnt, given):
    spec, design = learn("~ s + s:x + C(s, Sum) + (0 + s | h)", frame)
    other, same = learn(
        "~ s + s:x + C(s, Sum) + (0 + s | h)",
        frame.assign(s=frame["s"].astype(learnt), h=frame["h"].astype(learnt)),
    )
    assert other.coef_names == spec.coef_names
    np.testing.assert_array_equal(same.X, design.X)
    new = frame.assign(s=frame["s"].astype(given), h=frame["h"].astype(given))
    again = other.build(new.tail(5))
    np.testing.assert_array_equal(again.X, design.X[-5:])
    np.testing.assert_array_equal(again.random[0].codes, design.random[0].codes[-5:])


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_all_kinds_of_numbers_are_one(frame, dtype):
    spec, design = learn("~ i + i:x + I(i^2) + factor(i) + (i | g)", frame)
    other, same = learn(
        "~ i + i:x + I(i^2) + factor(i) + (i | g)", frame.astype({"i": dtype})
    )
    np.testing.assert_array_equal(same.X, design.X)
    np.testing.assert_array_equal(spec.build(frame.astype({"i": dtype})).X, design.X)
    np.testing.assert_array_equal(other.build(frame).random[0].z, design.random[0].z)


@pytest.mark.parametrize(
    "values",
    [
        lambda i: i.astype(object),
        lambda i: pd.Series(pd.arrays.SparseArray(i)),
        lambda i: i.map(lambda v: Decimal(int(v))).astype(object),
    ],
)
def test_numbers_in_disguise_are_numbers(frame, values):
    _, design = learn("~ i + I(i^2)", frame)
    _, same = learn("~ i + I(i^2)", frame.assign(i=values(frame["i"])))
    np.testing.assert_array_equal(same.X, design.X)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object", "bool[pyarrow]"])
def test_truth_values_count_as_numbers(frame, dtype):
    spec, design = learn("~ t + t:x + I(t*2)", frame.assign(t=frame.t.astype(dtype)))
    assert spec.coef_names == ("Intercept", "t", "I(t * 2)", "t:x")
    np.testing.assert_array_equal(design.X[:, 1], frame["t"])
    np.testing.assert_array_equal(design.X[:, 2], 2.0 * frame["t"])


def test_categories_keep_their_order_and_lose_the_unused(frame):
    for ordered in (False, True):
        levels = pd.CategoricalDtype(["q", "c", "a", "b", "z"], ordered=ordered)
        spec, _ = learn("~ f", frame.astype({"f": levels}))
        assert spec.coef_names == ("Intercept", "f[T.a]", "f[T.b]")
        other = pd.DataFrame({"f": ["a", "c"]})
        assert spec.build(other).X.tolist() == [[1, 1, 0], [1, 0, 0]]


def test_intervals_are_levels_by_their_text(frame):
    bins = [-9, 0, 9]
    spec, design = learn("~ c", frame.assign(c=pd.cut(frame["x"], bins)))
    assert spec.coef_names == ("Intercept", "c[T.(0, 9]]")
    again = spec.build(pd.DataFrame({"c": pd.cut(frame["x"].tail(3), bins)}))
    np.testing.assert_array_equal(again.X, design.X[-3:])


@pytest.mark.parametrize(
    "index", [np.full(N_ROWS, 7), np.arange(N_ROWS)[::-1], list("ab") * 60]
)
def test_index_does_not_matter(frame, index):
    text = "~ x*s + poly(z, 2) + factor(i) + C(f, Sum) + (s | g:h)"
    spec, design = learn(text, frame)
    _, same = learn(text, frame.set_axis(index))
    np.testing.assert_array_equal(same.X, design.X)
    np.testing.assert_array_equal(spec.build(frame.set_axis(index)).X, design.X)


# ------------------------------------------------------------------ missing values


def test_missing_values_stay_missing(frame):
    spec, _ = learn("~ I(x > 0) + s + factor(i) + bs(z, df=4) + (s | g)", frame)
    new = frame.head(5).assign(g=[0, 1, None, 2, 99])
    complete = spec.build(new)
    new = new.astype({"i": "Int64"})
    new.loc[0, "x"], new.loc[1, "s"], new.loc[2, "i"] = None, None, pd.NA
    design = spec.build(new)
    assert np.isnan(design.X[:3]).all()
    np.testing.assert_array_equal(design.X[3:], complete.X[3:])
    (block,) = design.random
    assert np.isnan(block.z[1]).all()
    np.testing.assert_array_equal(block.z[[0, 2]], complete.random[0].z[[0, 2]])
    assert block.codes.tolist() == [0, 1, -1, 2, -1]


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_truth_values_with_gaps(frame, nothing, dtype):
    spec, _ = learn("~ t + factor(t) + (t | g)", frame)
    truth = pd.Series([True, nothing, False], dtype=object)
    truth = truth if dtype is object else truth.convert_dtypes()
    design = spec.build(pd.DataFrame({"t": truth, "g": [0, 1, 2]}))
    np.testing.assert_array_equal(
        design.X, [[1, 1, 1], [np.nan, np.nan, np.nan], [1, 0, 0]]
    )


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
def test_row_without_any_value_gives_nan(frame, nothing):
    spec, _ = learn("~ x*s + log(z) + (s | g)", frame)
    empty = pd.DataFrame({c: [nothing] for c in ["x", "s", "z", "g"]})
    design = spec.build(empty)
    assert np.isnan(design.X).all()
    assert design.random[0].codes.tolist() == [-1]


# ------------------------------------------------------------------ responses


def test_response_is_read_as_the_left_side_says(frame):
    spec, _ = learn("y ~ x", frame)
    np.testing.assert_array_equal(spec.read_response(frame), frame["y"])
    spec, _ = learn("I(s == 'M') ~ x", frame)
    np.testing.assert_array_equal(spec.read_response(frame), frame["s"] == "M")
    spec, _ = learn("t ~ x", frame)
    np.testing.assert_array_equal(spec.read_response(frame), frame["t"] * 1.0)
    spec, _ = learn("log(y) ~ x", frame.drop(columns="y"))
    response = spec.read_response(frame.assign(y=frame["y"].where(frame["y"] > 2)))
    np.testing.assert_array_equal(np.isnan(response), frame["y"] <= 2)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        ("s", "must be numeric"),
        ("poly(y, 2)", "gives 2 columns"),
        ("log(x)", r"`log\(x\)` is not finite in \d+ rows"),
        ("nope", "columns that X lacks"),
        ("log(s)", "Cannot evaluate"),
    ],
)
def test_bad_responses_are_refused(frame, left, message):
    formula = parse_formula(f"{left} ~ z")
    with pytest.raises(ValueError, match=message):
        DesignSpec.learn(formula, frame)[0].read_response(frame)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~ xx + gend", r"lacks: \['xx', 'gend'\].*X has: \['y', 'x'.*Did you mean"),
        ("~ x + (1 | gg)", "Did you mean 'g'"),
        ("~ log(x)", r"`log\(x\)` is not finite in \d+ rows \(first at position \d+\)"),
        ("~ z + (log(x) | g)", r"`log\(x\)` is not finite"),
        ("~ z + offset(log(x))", "is not finite"),
        ("~ offset(s)", "column 's' holds text .* numbers are needed"),
        ("~ log(s)", r"Cannot evaluate `log\(s\)`"),
        ("~ I(s * 2)", r"Cannot evaluate `I\(s \* 2\)`"),
        (
            "~ np.where(x > 0, 'a', 'b')",
            "`x` of `np.where` must be numbers, row by row",
        ),
        ("~ I(c(1, 2))", r"`x` of `I` must be a column .* not `\[1, 2\]`"),
        ("~ C(f, levels=['a', 'b'])", r"did not see: \['c'\]"),
        ("~ C(f, contr.treatment('q'))", "'q' is not among the levels"),
        ("~ bs(x, df=1)", "Cannot evaluate"),
        ("~ poly(x, 2, wrong=1)", "`poly` has no argument `wrong`"),
        ("~ contr.sum(f)", "`contr.sum` takes no more than 0 arguments"),
    ],
)
def test_bad_terms_are_refused(frame, text, message):
    with pytest.raises(ValueError, match=message):
        learn(text, frame)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Timestamp("2020-01-01"), "holds dates"),
        (datetime.date(2020, 1, 1), "holds dates"),
        (pd.Timedelta("1D"), "holds dates"),
        (pd.Period("2020-01", "M"), "holds dates"),
        (1j, "Complex data not supported: column 'x'"),
        ("a", r"'x' has a single level \(\['a'\]\)"),
        (np.inf, r"`x` is not finite in 120 rows \(first at position 0\)"),
    ],
)
def test_bad_columns_are_refused(frame, values, message):
    with pytest.raises(ValueError, match=message):
        learn("~ x", frame.assign(x=values))
    with pytest.raises(ValueError, match=message):
        learn("~ z + (0 + x | g)", frame.assign(x=values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"s": "Z"}, r"'s' has levels that fit did not see: \['Z'\]; seen: \['F', 'M'"),
        ({"f": "Z"}, "'f' has levels that fit did not see"),
        ({"s": 1}, "'s' was categorical in fit but is numeric now"),
        ({"x": "1"}, "'x' was numeric in fit but is categorical now"),
        ({"i": 9}, r"`factor\(i\)`: it has levels that fit did not see: \['9'\]"),
        ({"g": "1"}, "'g' held numbers in fit .* and holds text now"),
        ({"z": -1.0}, r"`log\(z\)` is not finite in 2 rows"),
    ],
)
def test_new_rows_must_fit_what_was_learnt(frame, changes, message):
    spec, _ = learn("~ x*s + factor(i) + log(z) + (0 + f | g)", frame)
    with pytest.raises(ValueError, match=message):
        spec.build(frame.head(2).assign(**changes))
    with pytest.raises(ValueError, match="columns that X lacks"):
        spec.build(frame.drop(columns=next(iter(changes))))


def test_unseen_level_in_a_call_is_a_value_error_not_a_formula_error(frame):
    spec, _ = learn("~ factor(i)", frame)
    with pytest.raises(ValueError, match="did not see") as caught:
        spec.build(frame.head(1).assign(i=9))
    assert not isinstance(caught.value, FormulaError)


def test_missing_columns_get_hints(frame):
    prefixed = frame.rename(columns={"x": "scale__x"})
    with pytest.raises(ValueError, match="verbose_feature_names_out=False"):
        learn("~ x", prefixed)
    array = pd.DataFrame(np.ones((3, 2)), columns=["x0", "x1"])
    with pytest.raises(ValueError, match=r"set_output\(transform='pandas'\)"):
        learn("~ lrt", array)


def test_columns_that_occur_twice_are_refused_where_needed(frame):
    twice = pd.concat([frame, frame[["x"]]], axis=1)
    with pytest.raises(ValueError, match=r"more than one column named \['x'\]"):
        learn("~ x", twice)
    assert learn("~ z", twice)[0].coef_names == ("Intercept", "z")


# ------------------------------------------------------------------ state

SAVED = (
    "log(y) ~ poly(x, 2) + scale(z) + bs(x, df=4) + cc(z, df=3) + s*x + C(f, Sum) + "
    "factor(i) + I(x - mean(x)) + offset(z) + (1 + scale(z) | g/h) + diag(s | h)"
)


def through_pickle(spec, path):
    return pickle.loads(pickle.dumps(spec))


def through_joblib(spec, path):
    joblib.dump(spec, path)
    return joblib.load(path)


def through_skops(spec, path):
    skops.io.dump(spec, path)
    foreign = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith("skmixed.formula") for name in foreign)
    return skops.io.load(path, trusted=foreign)


@pytest.mark.parametrize("save", [through_pickle, through_joblib, through_skops])
def test_saved_spec_replays_the_design(frame, save, tmp_path):
    spec, design = learn(SAVED, frame)
    spec.build(frame)
    copy = save(spec, tmp_path / "spec")
    assert copy.coef_names == spec.coef_names
    assert copy.effects == spec.effects
    assert copy.formula == spec.formula
    again = copy.build(frame.tail(7))
    np.testing.assert_array_equal(again.X, design.X[-7:])
    np.testing.assert_array_equal(again.offset, design.offset[-7:])
    for new, old in zip(again.random, design.random, strict=True):
        np.testing.assert_array_equal(new.z, old.z[-7:])
        np.testing.assert_array_equal(new.codes, old.codes[-7:])
    np.testing.assert_array_equal(copy.read_response(frame), spec.read_response(frame))


def test_state_holds_no_rows_and_nothing_of_formulaic(frame):
    spec, _ = learn(SAVED, frame)
    spec.build(frame)
    large, _ = learn(SAVED, pd.concat([frame] * 20, ignore_index=True))
    small, big = len(pickle.dumps(spec)), len(pickle.dumps(large))
    assert abs(big - small) < 100
    assert b"formulaic" not in pickle.dumps(spec)


def test_building_does_not_change_the_spec(frame):
    spec, design = learn(SAVED, frame)
    before = pickle.dumps(spec)
    spec.build(frame.tail(5))
    spec.read_response(frame.tail(5))
    assert pickle.dumps(spec) == before
    np.testing.assert_array_equal(spec.build(frame).X, design.X)


def test_global_random_state_is_left_alone(frame):
    named = frame.rename(columns={"x": "my x", "z": "my_x"})
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    spec, _ = learn("~ log(`my x`^2 + `my x`^4) + scale(my_x) + scale(`my x`)", named)
    spec.build(named)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_memory_stays_near_the_size_of_the_design():
    n = 200_000
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"x": rng.normal(size=n), "z": rng.normal(size=n), "g": rng.integers(0, 99, n)}
    )
    formula = parse_formula("~ x + z + (x | g)")
    DesignSpec.learn(formula, frame)
    tracemalloc.start()
    _, design = DesignSpec.learn(formula, frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrays = design.X.nbytes + design.random[0].z.nbytes + design.random[0].codes.nbytes
    assert peak < 1.5 * arrays
