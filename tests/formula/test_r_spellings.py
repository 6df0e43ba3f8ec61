"""Calls in R's spelling: how they read, and that they compute what R computes."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA

from skmixed.formula import DesignSpec, FormulaError, parse_formula

N_ROWS = 60


@pytest.fixture
def frame():
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "y": rng.uniform(1, 9, N_ROWS),
            "x": rng.normal(size=N_ROWS),
            "z": rng.uniform(1, 3, N_ROWS),
            "i": rng.integers(1, 4, N_ROWS),
            "f": rng.choice(["a", "b", "c"], N_ROWS),
            "IQ.verb": rng.uniform(1, 2, N_ROWS),
            "my x": rng.uniform(1, 2, N_ROWS),
            "school.id": np.repeat(np.arange(6), 10),
        }
    )


READS = {
    "as.factor(x)": "factor(x)",
    "I(x^2)": "I(x ** 2)",
    "I( x ^ -1 )": "I(x ** (-1))",
    "I(-x^2)": "I(-x ** 2)",
    "I(a/b)": "I(a / b)",
    "I(age - 11)": "I(age - 11)",
    "I(x %% 2)": "I(x % 2)",
    "I(x % 2)": "I(x % 2)",
    "I(x %/% 2L)": "I(x // 2)",
    "I(1e-3*x)": "I(0.001 * x)",
    "poly(x, degree=2)": "poly(x, degree=2)",
    "poly(x, 2, raw = TRUE)": "poly(x, 2, raw=True)",
    "poly(x, 2, raw=T)": "poly(x, 2, raw=True)",
    "scale(x, center = FALSE)": "scale(x, center=False)",
    "C(f, NULL)": "C(f, None)",
    "log(IQ.verb)": "log(IQ.verb)",
    "log(`IQ.verb`)": "log(IQ.verb)",
    "log(`my x` * `my x`)": "log(`my x` * `my x`)",
    "np.sqrt(y.1)": "np.sqrt(y.1)",
    "I(T + F)": "I(T + F)",
    "I(x > 4)": "I(x > 4)",
    "I(x > 4 & z < 3)": "I((x > 4) & (z < 3))",
    "I(x > 4 && z < 3 || done)": "I((x > 4) & (z < 3) | done)",
    "I(!x > 4)": "I(~(x > 4))",
    "I(2 * pi * x)": "I(2 * np.pi * x)",
    "I(`pi` * x)": "I(`pi` * x)",
    "I((x > 4) & ~(z < 3))": "I((x > 4) & ~(z < 3))",
    "I(0 < x < 1)": "I(0 < x < 1)",
    "I(f == 'it\\'s')": 'I(f == "it\'s")',
    "I(f %in% c('a', 'b'))": "I(np.isin(f, ['a', 'b']))",
    "factor(f, levels = c('b', 'a'))": "factor(f, levels=['b', 'a'])",
    "bs(x, knots = c(1, 2))": "bs(x, knots=[1, 2])",
    "mean(x, na.rm = TRUE)": "mean(x, na_rm=True)",
    "C(class, Sum)": "C(class, Sum)",
    "C(f, {'a': [1, 0]})": "C(f, {'a': [1, 0]})",
}


@pytest.mark.parametrize("call", READS)
def test_call_reads_to_its_canonical_form(call):
    read = parse_formula(f"y ~ {call}", columns=["y", "x"])
    assert str(read) == f"y ~ 1 + {READS[call]}"
    assert parse_formula(str(read)) == read


@pytest.mark.parametrize(
    "call",
    [
        "I(__import__('os').getpid())",
        "I(open('x'))",
        "I(eval('1'))",
        "I(exec('1'))",
        "I(getattr(x, 'a'))",
        "I(().__class__)",
        "I(np.log.__class__)",
        "I(np.add.reduce(x))",
        "I(np.ctypeslib)",
        "I(contr.mro())",
        "I((lambda: 1)())",
        "I([a for a in x])",
        "I(x := 1)",
        "I(f'{x}')",
        "I(*x)",
        "I(**x)",
        "I(x if x else x)",
        "I(x[0])",
        "log(x)(y)",
        "I('a' 'b'.join(x))",
        "number(x)",
        "logical_and(x)",
    ],
)
def test_formula_cannot_run_other_code(call):
    with pytest.raises(FormulaError):
        parse_formula(f"y ~ {call}")


def column(frame, call):
    """Evaluate one call and return its columns without the intercept."""
    return DesignSpec.learn(parse_formula(f"~ {call}"), frame)[1].X[:, 1:]


def test_arithmetic_is_that_of_doubles(frame):
    small = frame.assign(i=frame["i"].astype("uint8"))
    np.testing.assert_array_equal(
        column(small, "I(i - 11)")[:, 0], frame["i"].to_numpy() - 11.0
    )
    np.testing.assert_array_equal(column(small, "I(i^-1)")[:, 0], 1 / frame["i"])
    np.testing.assert_array_equal(column(small, "I(i^30)")[:, 0], frame["i"] ** 30.0)
    np.testing.assert_array_equal(column(small, "I(i/2)")[:, 0], frame["i"] / 2)
    wide = small.assign(k=np.full(N_ROWS, 200, dtype="uint8"))
    np.testing.assert_array_equal(column(wide, "k:i")[:, 0], 200.0 * frame["i"])


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("I(x > 0)", lambda d: d.x > 0),
        ("I((x > 0) + (z > 2))", lambda d: (d.x > 0) * 1.0 + (d.z > 2)),
        ("I(!x > 0 & z < 2)", lambda d: ~(d.x > 0) & (d.z < 2)),
        ("I(x > 0 | f == 'a')", lambda d: (d.x > 0) | (d.f == "a")),
        ("I(0 < x < 1)", lambda d: (d.x > 0) & (d.x < 1)),
        ("I(f %in% c('a', 'b'))", lambda d: d.f.isin(["a", "b"])),
        ("I(f != 'a')", lambda d: d.f != "a"),
        ("I(x*z)", lambda d: d.x * d.z),
        ("log(z, 3)", lambda d: np.log(d.z) / np.log(3)),
        ("log(z, base = 3)", lambda d: np.log(d.z) / np.log(3)),
        ("exp10(x)", lambda d: 10**d.x),
        ("sqrt(abs(x))", lambda d: np.sqrt(np.abs(d.x))),
        ("log(`IQ.verb` + IQ.verb)", lambda d: np.log(2 * d["IQ.verb"])),
        ("log(`my x`)", lambda d: np.log(d["my x"])),
        ("I(x - mean(x))", lambda d: d.x - d.x.mean()),
        ("I(x / sd(x))", lambda d: d.x / d.x.std()),
        ("scale(x)", lambda d: (d.x - d.x.mean()) / d.x.std()),
        ("center(x)", lambda d: d.x - d.x.mean()),
        ("pmax(x, 0)", lambda d: d.x.clip(lower=0)),
        ("I(x %% 2)", lambda d: d.x % 2),
        ("I(2 * np.pi * x)", lambda d: 2 * np.pi * d.x),
        ("np.where(x > 0, z, 1)", lambda d: np.where(d.x > 0, d.z, 1)),
    ],
)
def test_call_computes_what_it_says(frame, call, values):
    np.testing.assert_allclose(
        column(frame, call)[:, 0],
        np.asarray(values(frame), dtype=float),
        rtol=SAME_ALGEBRA,
    )


def test_poly_is_orthonormal_and_raw_poly_is_powers(frame):
    basis = column(frame, "poly(x, 3)")
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=SAME_ALGEBRA)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=SAME_ALGEBRA)
    spec, design = DesignSpec.learn(parse_formula("~ poly(x, 2, raw=TRUE)"), frame)
    assert spec.coef_names[1:] == (
        "poly(x, 2, raw=True)[1]",
        "poly(x, 2, raw=True)[2]",
    )
    powers = np.column_stack([frame["x"], frame["x"] ** 2])
    np.testing.assert_allclose(design.X[:, 1:], powers, rtol=SAME_ALGEBRA)
    with pytest.raises(FormulaError, match="distinct values"):
        DesignSpec.learn(parse_formula("~ poly(i, 5)"), frame)


def test_dotted_names_work_everywhere(frame):
    formula = parse_formula(
        "log(IQ.verb) ~ f:x.1 + x.1 + offset(w.1) + (x.1 + sqrt(z.z) | school.id)"
    )
    frame = frame.rename(columns={"x": "x.1", "my x": "w.1", "z": "z.z"})
    spec, design = DesignSpec.learn(formula, frame)
    assert spec.coef_names == (
        "Intercept",
        "x.1",
        "f[T.b]:x.1",
        "f[T.c]:x.1",
    )
    assert spec.effects == [("school.id", ("Intercept", "x.1", "sqrt(z.z)"))]
    np.testing.assert_array_equal(design.offset, frame["w.1"])
    np.testing.assert_allclose(
        spec.read_response(frame), np.log(frame["IQ.verb"]), rtol=SAME_ALGEBRA
    )


@pytest.mark.parametrize(
    "name", ["C", "I", "np", "log", "class", "contr", "T", "größe"]
)
def test_columns_may_be_called_like_functions_and_keywords(frame, name):
    named = frame.rename(columns={"z": name})
    X = column(named, f"{name} + I({name}^2) + log({name}) + {name}:f")
    np.testing.assert_allclose(X[:, 0], frame["z"], rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(X[:, 1], frame["z"] ** 2, rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(X[:, 2], np.log(frame["z"]), rtol=SAME_ALGEBRA)


def test_names_that_differ_in_punctuation_do_not_meet(frame):
    similar = frame.rename(columns={"x": "a b", "z": "a_b", "y": "a.b"})
    X = column(similar, "scale(`a b`) + scale(a_b) + scale(a.b)")
    for values, source in zip(X.T, ["x", "z", "y"], strict=True):
        expected = (frame[source] - frame[source].mean()) / frame[source].std()
        np.testing.assert_allclose(values, expected, atol=SAME_ALGEBRA)


def test_the_same_call_is_learnt_once_for_all_parts(frame):
    formula = parse_formula(
        "scale(y) ~ scale(x) + poly(z, 2) + (scale(x) + poly(z, 2) | school.id)"
    )
    spec, design = DesignSpec.learn(formula, frame)
    assert len(spec.transform_state) == 3
    np.testing.assert_array_equal(design.random[0].z, design.X)
    new = spec.build(frame.tail(3))
    np.testing.assert_array_equal(new.X, design.X[-3:])
    np.testing.assert_array_equal(new.random[0].z, design.X[-3:])
    np.testing.assert_array_equal(
        spec.read_response(frame.tail(3)), spec.read_response(frame)[-3:]
    )


def test_factor_of_numbers(frame):
    spec, design = DesignSpec.learn(parse_formula("~ factor(i) + C(i, Sum)"), frame)
    assert spec.coef_names[1:3] == ("factor(i)[T.2]", "factor(i)[T.3]")
    np.testing.assert_array_equal(design.X[:, 2], frame["i"] == 3)
    with pytest.raises(ValueError, match=r"did not see: \['9'\]; seen: \[1, 2, 3\]"):
        spec.build(pd.DataFrame({"i": [1, 9]}))
    with pytest.raises(ValueError, match="single level"):
        DesignSpec.learn(parse_formula("~ factor(i)"), frame.assign(i=1))


def test_splines_extend_beyond_the_data_as_in_r(frame):
    spec, _ = DesignSpec.learn(parse_formula("~ bs(x, df=4) + cr(z, df=3)"), frame)
    assert np.isfinite(spec.build(pd.DataFrame({"x": [50.0], "z": [-9.0]})).X).all()


def test_dummy_has_a_column_of_ones_per_level(frame):
    formula = parse_formula("y ~ dummy(f) + (0 + dummy(f, 'b') | i)")
    _, design = DesignSpec.learn(formula, frame)
    f = frame["f"].to_numpy()
    np.testing.assert_array_equal(design.X[:, 1:], f[:, None] == ["b", "c"])
    np.testing.assert_array_equal(design.random[0].z[:, 0], f == "b")
    with pytest.raises(ValueError, match="has the levels"):
        DesignSpec.learn(parse_formula("y ~ dummy(f, 'z')"), frame)
