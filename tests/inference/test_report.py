"""Tables of several models, and how they are rendered."""

import dataclasses

import numpy as np
import pytest
from conftest import SAME_ALGEBRA

from skmixed import MixedLinearRegressor, PooledLinearRegressor, compare_table
from skmixed.datasets import load_sleepstudy
from skmixed.printing.numbers import format_number, format_p
from skmixed.printing.render import (
    convergence_line,
    html_table,
    latex_table,
    markdown_table,
)

FORMULAS = {
    "null": "Reaction ~ 1 + (1 | Subject)",
    "slope": "Reaction ~ Days + (Days | Subject)",
    "diagonal": "Reaction ~ Days + (Days || Subject)",
}


@pytest.fixture(scope="module")
def models():
    sleep = load_sleepstudy().frame
    return {k: MixedLinearRegressor(f).fit(sleep) for k, f in FORMULAS.items()}


def test_numbers_are_those_of_the_models(models):
    frame = compare_table(models).frame
    model, found = models["slope"], frame["slope"]
    np.testing.assert_allclose(
        found.loc["fixed effects", "value"], model.fixed_effects_, rtol=SAME_ALGEBRA
    )
    np.testing.assert_allclose(
        found.loc["fixed effects", "std_error"],
        np.sqrt(np.diag(model.fixed_effects_cov_)),
        rtol=SAME_ALGEBRA,
    )
    value = found["value"]
    covariance = model.random_effects_cov_["Subject"]
    for effect in ("Intercept", "Days"):
        expected = covariance.loc[effect, effect]
        assert value["random effects", f"var Subject: {effect}"] == expected
    assert value["random effects", "var Residual"] == model.sigma_**2
    icc, r2 = model.icc().loc["Subject", "adjusted"], model.r2_nakagawa()
    np.testing.assert_allclose(
        [value["shares", "ICC Subject"], value["shares", "R² conditional"]],
        [icc, r2["conditional"]],
        rtol=SAME_ALGEBRA,
    )
    assert value["fit", "AIC"] == model.aic_
    assert value["fit", "rows"] == 180
    assert value["fit", "groups Subject"] == 18
    assert np.isnan(frame["null"]["value"]["fixed effects", "Days"])
    corr = ("random effects", "corr Subject: Intercept, Days")
    assert np.isnan(frame["diagonal"]["value"][corr])
    assert value[corr] == pytest.approx(0.066, abs=1e-3)


def test_the_residual_is_the_last_of_the_variances(models):
    rows = compare_table(models).frame.loc["random effects"].index
    assert rows[-1] == "var Residual"
    assert rows.is_unique


@pytest.mark.parametrize(
    ("statistic", "text", "note"),
    [
        ("std_error", "10.5 (1.55)", "Standard errors"),
        ("interval", "10.5 [7.21, 13.7]", "95 % intervals"),
        ("p", "10.5 (3.26e-06)", "p-values"),
    ],
)
def test_estimates_have_their_uncertainty_beside_them(models, statistic, text, note):
    table = compare_table(models, statistic=statistic)
    assert text in table.to_markdown()
    assert note in str(table)
    assert repr(table) == str(table)


def test_markdown_columns_are_of_equal_width(models):
    lines = compare_table(models).to_markdown().split("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith(":|".replace("|", " |"))


def test_latex_is_escaped_and_has_rules(models):
    text = compare_table(models).to_latex()
    assert text.count("\\midrule") == 4
    assert "R$^2$ marginal" in text
    assert "$-$871.8" in text
    assert "log-likelihood" in text
    body = latex_table(["a_b", "50 %"], [["x & y", "-1.5"]])
    assert r"a\_b & 50 \%" in body
    assert r"x \& y & $-$1.5" in body


def test_html_is_escaped(models):
    assert compare_table(models)._repr_html_().count("<table>") == 1
    assert "&lt;b&gt;" in html_table(["", "x"], [["<b>", "1"]])
    assert "a\\|b" in markdown_table(["", "x"], [["a|b", "1"]])


def test_the_note_says_when_aic_may_not_be_compared(models):
    sleep = load_sleepstudy().frame
    by_ml = MixedLinearRegressor(FORMULAS["null"], reml=False).fit(sleep)
    assert "by REML: compare" in str(compare_table(models))
    assert "do not compare" in str(compare_table([models["null"], by_ml]))
    assert "Fitted by maximum likelihood." in str(compare_table([by_ml]))


def test_a_model_without_groups_has_no_icc():
    model = MixedLinearRegressor("Reaction ~ Days").fit(load_sleepstudy().frame)
    rows = compare_table([model]).frame.loc["shares"].index
    assert list(rows) == ["R² marginal", "R² conditional"]


def test_mistakes_are_named(models):
    with pytest.raises(ValueError, match="'std_error', 'interval' or 'p'"):
        compare_table(models, statistic="t")
    with pytest.raises(ValueError, match="a heading each"):
        compare_table(list(models.values()), ["a", "a", "b"])
    with pytest.raises(ValueError, match="a heading each"):
        compare_table([])
    pooled = PooledLinearRegressor("Reaction ~ Days").fit(load_sleepstudy().frame)
    with pytest.raises(ValueError, match="PooledLinearRegressor is none"):
        compare_table([pooled])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12.3456, "12.35"),
        (-0.00012345, "-0.0001234"),
        (1234567.0, "1.235e+06"),
        (np.inf, "∞"),
        (np.nan, ""),
        (123456.0, "123456"),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert format_number(value) == text


def test_small_p_values_have_a_bound():
    assert [format_p(p) for p in (1e-20, 0.0123, np.nan)] == ["< 2e-16", "0.0123", ""]


def test_the_end_of_the_search_is_told(models):
    result = models["slope"].result_
    assert convergence_line(result).startswith("Converged (batched): one more step")
    lost = dataclasses.replace(result, converged=False, decrement=0.3)
    assert convergence_line(lost).endswith("lower the deviance by about 0.3.")
