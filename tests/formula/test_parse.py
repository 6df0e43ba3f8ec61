"""Formulas in lme4's notation, to their canonical form or to an error."""

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from skmixed.formula import FormulaError, RandomTerm, parse_formula

COLUMNS = ("y", "x", "z", "f", "g", "a", "b")

READS = {
    # random effects
    "y ~ x + (1 | g)": "y ~ 1 + x + (1 | g)",
    "y ~ x + (1|g)": "y ~ 1 + x + (1 | g)",
    "y ~ x + (x | g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ x + (1 + x | g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ x + (0 + x | g)": "y ~ 1 + x + (0 + x | g)",
    "y ~ x + (-1 + x | g)": "y ~ 1 + x + (0 + x | g)",
    "y ~ x + (x - 1 | g)": "y ~ 1 + x + (0 + x | g)",
    "y ~ x + (x + 0 | g)": "y ~ 1 + x + (0 + x | g)",
    "y ~ x + (x || g)": "y ~ 1 + x + (1 | g) + (0 + x | g)",
    "y ~ x + (1 + x || g)": "y ~ 1 + x + (1 | g) + (0 + x | g)",
    "y ~ x + (0 + x || g)": "y ~ 1 + x + (0 + x | g)",
    "y ~ x + (1 || g)": "y ~ 1 + x + (1 | g)",
    "y ~ x*z + (x*z || g)": "y ~ 1 + x + z + x:z + (1 | g) + (0 + x | g) + "
    "(0 + z | g) + (0 + x:z | g)",
    "y ~ f + (f || g)": "y ~ 1 + f + (1 | g) + (0 + f | g)",
    "y ~ f + (0 + f || g)": "y ~ 1 + f + (0 + f | g)",
    "y ~ x + diag(1 + x | g)": "y ~ 1 + x + diag(1 + x | g)",
    "y ~ x + diag((1 + x | g))": "y ~ 1 + x + diag(1 + x | g)",
    "y ~ x + diag(f | a/b)": "y ~ 1 + x + diag(1 + f | a) + diag(1 + f | a:b)",
    "y ~ x + diag(log(x) | g)": "y ~ 1 + x + diag(1 + log(x) | g)",
    "y ~ x + us(1 + x | g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ ar1(0 + f|g, hom = TRUE)": "y ~ 1 + ar1(0 + f | g, hom=True)",
    "y ~ anything(x | a/b, k=2)": "y ~ 1 + anything(1 + x | a, k=2) + "
    "anything(1 + x | a:b, k=2)",
    "y ~ cs(x, df=3) + cs(0 + log(f) | g)": "y ~ 1 + cs(x, df=3) + cs(0 + log(f) | g)",
    "y ~ x + (1 | a/b)": "y ~ 1 + x + (1 | a) + (1 | a:b)",
    "y ~ x + (x | a/b)": "y ~ 1 + x + (1 + x | a) + (1 + x | a:b)",
    "y ~ x + (x || a/b)": "y ~ 1 + x + (1 | a) + (0 + x | a) + (1 | a:b) + "
    "(0 + x | a:b)",
    "y ~ x + (1 | a/b/g)": "y ~ 1 + x + (1 | a) + (1 | a:b) + (1 | a:b:g)",
    "y ~ x + (1 | a:b)": "y ~ 1 + x + (1 | a:b)",
    "y ~ x + (1 | b %in% a)": "y ~ 1 + x + (1 | a:b)",
    "y ~ x + (1 | a) + (1 | a:b)": "y ~ 1 + x + (1 | a) + (1 | a:b)",
    "y ~ x + (1 | a) + (1 | b)": "y ~ 1 + x + (1 | a) + (1 | b)",
    "y ~ x + (1 | a + b)": "y ~ 1 + x + (1 | a) + (1 | b)",
    "y ~ x + (1 | a*b)": "y ~ 1 + x + (1 | a) + (1 | b) + (1 | a:b)",
    "y ~ x + (1 | (a + b)^2)": "y ~ 1 + x + (1 | a) + (1 | b) + (1 | a:b)",
    "y ~ (1 | g) + x": "y ~ 1 + x + (1 | g)",
    "y ~ x + (0 + f | g)": "y ~ 1 + x + (0 + f | g)",
    "y ~ (x + (1 | g))": "y ~ 1 + x + (1 | g)",
    "y ~ x + ((1 | g))": "y ~ 1 + x + (1 | g)",
    "y ~ x + ((1 + x) | g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ x + ((1 | a) + (1 | b))": "y ~ 1 + x + (1 | a) + (1 | b)",
    "y ~ x + (I(x**2) + x | g)": "y ~ 1 + x + (1 + I(x ** 2) + x | g)",
    "y ~ x + (poly(x, 2) | g)": "y ~ 1 + x + (1 + poly(x, 2) | g)",
    "y ~ x + (x:z + z | g)": "y ~ 1 + x + (1 + z + x:z | g)",
    "y ~ x + (1 | C(g))": "y ~ 1 + x + (1 | g)",
    "y ~ x + (1 | factor(g):as.factor(a))": "y ~ 1 + x + (1 | g:a)",
    "y ~ x + (1 | `my group`)": "y ~ 1 + x + (1 | `my group`)",
    "y ~ `a|b` + (`x y` | g)": "y ~ 1 + `a|b` + (1 + `x y` | g)",
    "y ~ x + (1 | g) + (0 + x | g)": "y ~ 1 + x + (1 | g) + (0 + x | g)",
    "y ~ x +\n   (1 +\n x | g)": "y ~ 1 + x + (1 + x | g)",
    "~ x + (1 | g)": "~ 1 + x + (1 | g)",
    "x + (1 | g)": "~ 1 + x + (1 | g)",
    "(1 | g)": "~ 1 + (1 | g)",
    # fixed effects
    "y ~ 1": "y ~ 1",
    "y ~ 0": "y ~ 0",
    "y ~ 0 + x": "y ~ 0 + x",
    "y ~ x - 1": "y ~ 0 + x",
    "y ~ x + (1 | g) - 1": "y ~ 0 + x + (1 | g)",
    "y ~ x + z + (1 | g) - z": "y ~ 1 + x + (1 | g)",
    "y ~ -1 + x + (1|g)": "y ~ 0 + x + (1 | g)",
    "y ~ 0 + (1 | g)": "y ~ 0 + (1 | g)",
    "y ~ x * f + (1 | g)": "y ~ 1 + x + f + x:f + (1 | g)",
    "y ~ (x + z + f)^2 - x:z + (1|g)": "y ~ 1 + x + z + f + x:f + z:f + (1 | g)",
    "y ~ (x + z + f)^3": "y ~ 1 + x + z + f + x:z + x:f + z:f + x:z:f",
    "y ~ (x + z)**2 + (1|g)": "y ~ 1 + x + z + x:z + (1 | g)",
    "y ~ (x + z)^99999999": "y ~ 1 + x + z + x:z",
    "y ~ a/b + (1|g)": "y ~ 1 + a + a:b + (1 | g)",
    "y ~ b %in% a + (1|g)": "y ~ 1 + a:b + (1 | g)",
    "y ~ a + b %in% a": "y ~ 1 + a + a:b",
    "y ~ . + (1 | g)": "y ~ 1 + x + z + f + a + b + (1 | g)",
    "y ~ . - x + (1 | a/b)": "y ~ 1 + z + f + g + (1 | a) + (1 | a:b)",
    "log(y) ~ .": "log(y) ~ 1 + x + z + f + g + a + b",
    "y ~ I(x | z) + (1|g)": "y ~ 1 + I(x | z) + (1 | g)",
    "y ~ bs(x, df=4) + (1|g)": "y ~ 1 + bs(x, df=4) + (1 | g)",
    "y ~ cs(x, df=3) + (1|g)": "y ~ 1 + cs(x, df=3) + (1 | g)",
    "y ~ C(f, contr.treatment('b')) + (1|g)": "y ~ 1 + "
    "C(f, contr.treatment('b')) + (1 | g)",
    "y ~ x + offset(z) + (1|g)": "y ~ 1 + x + offset(z) + (1 | g)",
    "y ~ x + offset(log(z)) + (1|g)": "y ~ 1 + x + offset(log(z)) + (1 | g)",
    "log(y) ~ scale(x) + center(z) + (1|g)": "log(y) ~ 1 + scale(x) + center(z) + "
    "(1 | g)",
    "np.sqrt(y) ~ x + (1|g)": "np.sqrt(y) ~ 1 + x + (1 | g)",
    "I(y - x) ~ z + (1|g)": "I(y - x) ~ 1 + z + (1 | g)",
    "y ~ {x + 1} + (1|g)": "y ~ 1 + I(x + 1) + (1 | g)",
    "y ~ x + + (1 | g)": "y ~ 1 + x + (1 | g)",
    "y ~ x.1 + (1 | g.2)": "y ~ 1 + x.1 + (1 | g.2)",
}


@pytest.mark.parametrize("text", READS)
def test_formula_reads_to_its_canonical_form(text):
    assert str(parse_formula(text, columns=COLUMNS)) == READS[text]


@pytest.mark.parametrize("text", READS)
def test_canonical_form_is_a_fixed_point(text):
    formula = parse_formula(text, columns=COLUMNS)
    assert parse_formula(str(formula)) == formula
    assert hash(parse_formula(str(formula))) == hash(formula)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("y ~ x + z | g", "|"),
        ("y ~ x + (1 | log(g))", "log(g)"),
        ("y ~ x + ns(x, 3)", "ns(x, 3)"),
        ("y ~ x + diag(1 + ns(x) | g)", "ns(x)"),
        ("y ~ x ~ z", "~"),
        ("y ~ x + 'a'", "'a'"),
        ("y ~ x +\n (1 | a | b)", "|"),
    ],
)
def test_error_points_at_the_cause(text, marked):
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    source, carets = str(caught.value).splitlines()[-2:]
    start, end = carets.index("^"), carets.rindex("^") + 1
    assert source[start:end] == marked


def test_formula_is_read_once():
    first = parse_formula("y ~ x + (1 | g)", columns=["y", "x", "g"])
    assert parse_formula("y ~ x + (1 | g)", columns=["other"]) is first
    dotted = parse_formula("y ~ . + (1 | g)", columns=["y", "x", "g"])
    assert parse_formula("y ~ . + (1 | g)", columns=("y", "x", "g")) is dotted
    assert parse_formula("y ~ . + (1 | g)", columns=["y", "g"]) is not dotted


def test_parts_of_a_formula():
    formula = parse_formula("log(y) ~ x:f + offset(z) + (log(x) | a/b) + diag(x | g)")
    assert formula.response == "log(y)"
    assert not formula.response_is_column
    assert formula.response_columns == ["y"]
    assert formula.fixed_columns == ["x", "f", "z"]
    assert formula.design_columns == ["x", "f", "z"]
    assert formula.group_columns == ["a", "b", "g"]
    assert formula.predictor_columns == ["x", "f", "z", "a", "b", "g"]
    assert all(isinstance(term, RandomTerm) for term in formula.random)
    assert [term.group_name for term in formula.random] == ["a", "a:b", "g"]
    assert [term.covariance for term in formula.random] == [
        "us",
        "us",
        "diag",
    ]
    assert list(map(str, formula.random[0].terms)) == ["1", "log(x)"]


def test_dot_needs_columns():
    with pytest.raises(FormulaError, match="needs the columns"):
        parse_formula("y ~ .")


@pytest.mark.parametrize("value", [None, 3, ["y ~ x"]])
def test_formula_must_be_text(value):
    with pytest.raises(TypeError, match="A formula is a str"):
        parse_formula(value)


WORDS = st.sampled_from(
    [
        *("y", "x", "z", "g", "x.1", "`my x`", "é", "TRUE", "T", "contr.sum"),
        *("0", "1", "2", "1e3", ".5", "2L", "'a'"),
        *("log(", "I(", "factor(", "offset(", "diag(", "us(", "poly(", "np.log("),
        *"~+-*/:^|()[]{},=>&!%$#@;\\'\"`.",
        *("**", "||", "==", "%in%"),
    ]
)
TERMS = st.sampled_from(
    ["x", "z", "f", "x:z", "log(x)", "I(x^2)", "`a b`", "x.1", "factor(f)", "x*f"]
)
EFFECTS = st.lists(TERMS, min_size=1, max_size=3, unique=True).map(" + ".join)
GROUPS = st.sampled_from(["g", "a/b", "a:b", "`a b c`", "g.1", "factor(h)"])
BARS = st.builds(
    "{}({}{} {} {})".format,
    st.just(""),
    st.sampled_from(["", "0 + ", "1 + "]),
    EFFECTS,
    st.sampled_from(["|", "||"]),
    GROUPS,
)
FORMULAS = st.builds(
    "{} ~ {}{}".format,
    st.sampled_from(["y", "log(y)", "`the y`", ""]),
    EFFECTS,
    st.lists(BARS, max_size=2).map(lambda bars: "".join(f" + {bar}" for bar in bars)),
)


@given(st.lists(WORDS, max_size=12), st.sampled_from(["", " "]))
@settings(max_examples=1000, deadline=None, database=None)
def test_wild_text_reads_or_is_refused(words, space):
    text = space.join(words)
    try:
        formula = parse_formula(text, columns=COLUMNS)
    except FormulaError:
        return
    assert str(parse_formula(str(formula))) == str(formula)


@given(st.text(max_size=30))
@settings(max_examples=500, deadline=None, database=None)
def test_any_text_reads_or_is_refused(text):
    try:
        formula = parse_formula(text, columns=COLUMNS)
    except FormulaError:
        return
    assert str(parse_formula(str(formula))) == str(formula)


@given(FORMULAS)
@settings(max_examples=300, deadline=None, database=None)
def test_sensible_text_reads_to_a_fixed_point(text):
    try:
        formula = parse_formula(text)
    except FormulaError:
        event("a random effect twice")
        return
    assert str(parse_formula(str(formula))) == str(formula)
