"""The closed list of functions: arguments, row by row, and no one's table changed."""

import inspect
import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA

from skmixed.formula import DesignSpec, FormulaError, parse_formula
from skmixed.formula.text import kinds as k
from skmixed.formula.text.functions import CODINGS, FUNCTIONS

N_ROWS = 60
# What a call may say where an argument is of a kind.
SAMPLES = {
    k.ANY: "x",
    k.COLUMN: "u",
    k.COLUMN_OR_NONE: "0.5",
    k.COLUMNS: "[u > 0.5, x]",
    k.GROUP: "g",
    k.LABELS: "f",
    k.NUMBERS: "c(0, 1)",
    k.POSITIVE: "4",
    k.VALUES: "c('a', 'b')",
}
# Keywords of numpy's functions that write, or leave rows unwritten.
FORBIDDEN = (
    *("out", "where", "dtype", "casting", "order", "subok", "signature", "axes"),
    *("axis", "keepdims", "copy"),
)


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x": rng.normal(size=N_ROWS),
            "u": rng.uniform(0.1, 0.9, N_ROWS),
            "i": rng.integers(0, 9, N_ROWS),
            "f": np.array(["a", "b", "c"])[np.arange(N_ROWS) % 3],
            "g": np.arange(N_ROWS) % 6,
        }
    )


def sample_call(name, *more):
    """A call of a function with what it requires (splines: with their size)."""
    function = FUNCTIONS[name]
    kinds = list(function.arguments.values())
    n_given = 2 if name in ("poly", "bs", "cr", "cs", "cc") else function.n_required
    values = [SAMPLES[kind] for kind in kinds[:n_given]]
    if name == "np.arccosh":
        values = ["1 + u"]
    return f"{name}({', '.join([*values, *more])})"


def learn(call, frame):
    return DesignSpec.learn(parse_formula(f"~ {call}"), frame)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_have_the_names_that_the_function_gives_them(name):
    function = FUNCTIONS[name]
    given = inspect.signature(function.run).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in given):
        return  # by position only: names are refused below
    own = [p.name for p in given if not p.name.startswith("_")][1:]
    if name not in ("between", "within"):
        assert own == list(function.arguments)[1:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_row_is_the_batch_and_the_table_stays_as_it_is(frame, name):
    before = frame.copy(deep=True)
    call = sample_call(name)
    spec, design = learn(call, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert np.isfinite(design.X).all()
    for row in (0, 7, N_ROWS - 1):
        single = spec.build(frame.iloc[[row]]).X
        np.testing.assert_allclose(
            single, design.X[[row]], rtol=SAME_ALGEBRA, atol=SAME_ALGEBRA
        )
    read_again = parse_formula(spec.formula_text)
    assert str(read_again) == spec.formula_text
    np.testing.assert_array_equal(DesignSpec.learn(read_again, frame)[1].X, design.X)


def test_no_function_takes_the_keywords_that_write():
    for name, keyword in itertools.product(FUNCTIONS, FORBIDDEN):
        with pytest.raises(FormulaError, match=f"no argument `{keyword}`|takes a var"):
            parse_formula(f"~ {sample_call(name, f'{keyword}=x')}")


def test_no_function_takes_more_columns_than_it_has_arguments():
    for name, function in FUNCTIONS.items():
        if not function.repeats:
            columns = ", ".join(["x"] * (len(function.arguments) + 1))
            with pytest.raises(FormulaError, match=r"no more than|takes a variable"):
                parse_formula(f"~ {name}({columns})")


def test_no_other_name_of_numpy_can_be_called():
    for name in dir(np):
        if f"np.{name}" not in FUNCTIONS:
            with pytest.raises(FormulaError):
                parse_formula(f"~ np.{name}(x)")


def test_the_columns_of_pmax_are_any_number(frame):
    X = learn("pmax(x, u, i) + pmin(x, 0, u, i)", frame)[1].X
    columns = frame[["x", "u", "i"]].to_numpy()
    np.testing.assert_array_equal(X[:, 1], columns.max(axis=1))
    np.testing.assert_array_equal(X[:, 2], np.minimum(columns.min(axis=1), 0))


@pytest.mark.parametrize("coding", CODINGS)
def test_codings_can_be_called_or_named(frame, coding):
    call = f"{coding}([[1], [0], [-1]])" if "custom" in coding else coding
    X = learn(f"C(f, {call})", frame)[1].X
    assert np.linalg.matrix_rank(X) == X.shape[1]
    if "custom" not in coding:
        np.testing.assert_array_equal(X, learn(f"C(f, {coding}())", frame)[1].X)


@pytest.mark.parametrize(
    "call",
    ["I(x * pi)", "sin(2 * pi * x)", "log(x + pi, base=pi)"],
)
def test_pi_is_the_constant_unless_a_column_has_the_name(frame, call):
    numbers = frame.assign(x=frame["u"])
    constant = learn(call, numbers)[1].X
    np.testing.assert_allclose(
        constant, learn(call.replace("pi", "np.pi"), numbers)[1].X
    )
    own = numbers.assign(pi=numbers["u"] + 2)
    formula = parse_formula(f"~ {call}", columns=tuple(own.columns))
    np.testing.assert_array_equal(
        DesignSpec.learn(formula, own)[1].X,
        learn(call.replace("pi", "p"), own.rename(columns={"pi": "p"}))[1].X,
    )
    assert parse_formula(str(formula)) == formula


@pytest.mark.parametrize(
    "call",
    [
        "I((x - mean(x)) * mean(x))",
        "I(scale(x) * scale(x) + scale(scale(x)))",
        "np.where(x > median(x), x - median(x), sd(x) + sd(x))",
        "I(within(x, g) * within(x, g))",
    ],
)
def test_a_call_that_occurs_twice_learns_once(frame, call):
    spec, design = learn(call, frame)
    np.testing.assert_array_equal(spec.build(frame.iloc[[5]]).X, design.X[[5]])


@pytest.mark.parametrize("call", ["bs(x, df={})", "cr(x, df={})", "poly(x, {})"])
def test_a_call_has_no_more_columns_than_rows(frame, call):
    with pytest.raises(FormulaError, match="ask for fewer"):
        learn(call.format(10**9), frame)


def test_columns_are_handed_out_for_reading_only(frame):
    from skmixed.formula.table.columns import CallNames, ColumnTable

    names = CallNames(ColumnTable.learn(frame, ["x", "i"]))
    for column in ("column_x", "column_i"):
        assert not names[column].flags.writeable


def test_a_spline_beside_an_intercept_fits_without_a_word(frame):
    from skmixed import MixedLinearRegressor

    rng = np.random.default_rng(1)
    frame["y"] = rng.normal(size=6)[frame["g"]] + rng.normal(size=N_ROWS)
    model = MixedLinearRegressor("y ~ cr(x, df=4) + (1 | g)").fit(frame)
    assert model.aliased_ == ["cr(x, df=4)[4]"]
