"""Left sides of two columns, as R writes binomial responses."""

import pytest

from skmixed.formula import FormulaError, parse_formula
from skmixed.formula.text.trials import read_trials

CASES = {
    "cbind(k, n - k) ~ x": ("I((k) / ((k) + (n - k))) ~ x", "I((k) + (n - k))"),
    "cbind(k,f)~x+(1|g)": ("I((k) / ((k) + (f))) ~x+(1|g)", "I((k) + (f))"),
    "cbind(pmin(a, b), `n of 2`) ~ 1": (
        "I((pmin(a, b)) / ((pmin(a, b)) + (`n of 2`))) ~ 1",
        "I((pmin(a, b)) + (`n of 2`))",
    ),
    "k / n ~ x": ("I(k / n) ~ x", "I(n)"),
    "incidence/size ~ (1|herd)": ("I(incidence / size) ~ (1|herd)", "I(size)"),
    "k / (a + b) ~ x": ("I(k / (a + b)) ~ x", "I((a + b))"),
}


@pytest.mark.parametrize("text", CASES)
def test_two_columns_are_a_share_and_its_trials(text):
    read = read_trials(text)
    assert (read.formula, read.trials) == CASES[text]
    parsed = parse_formula(read.formula)
    assert set(parse_formula(f"{read.trials} ~ 1").response_columns) <= set(
        parsed.response_columns
    )


@pytest.mark.parametrize(
    "text",
    ["y ~ x", "~ x / z", "I(k / n) ~ x", "log(k / n) ~ x", "a + b / c ~ x", "x"],
)
def test_other_left_sides_stay_as_they_are(text):
    assert read_trials(text).formula == text
    assert read_trials(text).trials is None


@pytest.mark.parametrize("text", ["cbind(a) ~ x", "cbind(a, b, c) ~ x", "cbind(,b)~x"])
def test_cbind_has_two_columns(text):
    with pytest.raises(FormulaError, match="two columns"):
        read_trials(text)
