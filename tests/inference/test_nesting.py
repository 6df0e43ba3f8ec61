"""Whether models are nested: by names, by column spaces, or surely not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE

from skmixed import MixedLinearRegressor, bootstrap_test, likelihood_ratio_test
from skmixed.datasets import load_cake, load_machines, load_sleepstudy

# Whether a made-up fit is singular does not matter here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning"),
    pytest.mark.filterwarnings("ignore:The random slope .* has no fixed effect"),
]

SLOPES = "y ~ x + (x | g)"


@pytest.fixture(scope="module")
def tables():
    random = np.random.default_rng(0)
    made = pd.DataFrame({"g": np.arange(60) % 6, "h": np.arange(60) // 6})
    made[["x", "z"]] = random.normal(size=(60, 2))
    made["y"] = made.x * random.normal(1, 1, 6)[made.g] + random.normal(size=60)
    cake = load_cake().frame
    return {
        "made": made,
        "cake": cake.assign(label="t" + cake.temperature.astype(str)),
        "machines": load_machines().frame,
        "sleep": load_sleepstudy().frame.assign(log=lambda d: np.log1p(d.Days)),
    }


def fit(formula, frame):
    return MixedLinearRegressor(formula, reml=False).fit(frame)


NESTED = {
    "a number in its levels": (
        "cake",
        "angle ~ recipe + temp + (1 | recipe:replicate)",
        "angle ~ recipe + label + (1 | recipe:replicate)",
        "chi2(4)",
    ),
    "other codes": (
        "cake",
        "angle ~ C(recipe, contr.sum) + temp + (1 | recipe:replicate)",
        "angle ~ recipe * temp + (1 | recipe:replicate)",
        "chi2(2)",
    ),
    "a line in a polynomial": (
        "sleep",
        "Reaction ~ Days + (1 | Subject)",
        "Reaction ~ poly(Days, 2) + (1 | Subject)",
        "chi2(1)",
    ),
    "another scale, slopes too": (
        "sleep",
        "Reaction ~ Days + (Days | Subject)",
        "Reaction ~ scale(Days) + log + (scale(Days) | Subject)",
        "chi2(1)",
    ),
    "compound symmetry in free covariances": (
        "machines",
        "score ~ Machine + (1 | Worker/Machine)",
        "score ~ Machine + (0 + Machine | Worker)",
        "chi2(4)",
    ),
    "an intercept in levels": (
        "machines",
        "score ~ Machine + (1 | Worker)",
        "score ~ Machine + (0 + Machine | Worker)",
        "chi2(5) at the most",
    ),
}


@pytest.mark.parametrize("case", NESTED.values(), ids=NESTED)
def test_column_spaces_show_nesting(tables, case):
    name, small, large, reference = case
    fits = [fit(formula, tables[name]) for formula in (small, large)]
    table = likelihood_ratio_test(*fits)
    assert table["reference"][1] == reference
    assert "Column spaces show" in table.attrs["note"]
    np.testing.assert_allclose(
        table["chi2"][1], fits[0].deviance_ - fits[1].deviance_, rtol=SAME_DENSE
    )


OTHERS = {
    "a curve is no line": (
        "sleep",
        "Reaction ~ log + (1 | Subject)",
        "Reaction ~ poly(Days, 2) + (1 | Subject)",
        "lacks: log",
    ),
    "levels are no line": (
        "cake",
        "angle ~ label + (1 | recipe:replicate)",
        "angle ~ recipe * temp + (1 | recipe:replicate)",
        "lacks: label",
    ),
    "other groups": (
        "made",
        "y ~ x + (1 | h)",
        "y ~ x + (x | g)",
        "lacks: the variance of `Intercept` by `h`",
    ),
    "independent levels hold no common intercept": (
        "machines",
        "score ~ Machine + (1 | Worker)",
        "score ~ Machine + diag(0 + Machine | Worker)",
        "lacks: the variance",
    ),
    "another slope": (
        "made",
        "y ~ x + z + (0 + z | g)",
        "y ~ x + z + (x | g)",
        "lacks: the variance of `z` by `g`",
    ),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_what_is_surely_not_nested_is_refused(tables, case):
    name, small, large, message = case
    with pytest.raises(ValueError, match=message):
        likelihood_ratio_test(
            *(fit(formula, tables[name]) for formula in (small, large))
        )


RUINED = {
    "reversed": lambda d: d.assign(x=d.x.to_numpy()[::-1]),
    "one value": lambda d: d.assign(x=d.x.where(d.index != 3, 9.0)),
    "another scale": lambda d: d.assign(x=2.0 * d.x + 1.0),
    "reversed in another order": lambda d: d.assign(x=d.x.to_numpy()[::-1])[::-1],
}


@pytest.mark.parametrize("formula", [SLOPES, "y ~ x + (1 | g)"])
@pytest.mark.parametrize("ruin", RUINED.values(), ids=RUINED)
def test_one_name_with_other_values_is_refused(tables, ruin, formula):
    made = tables["made"]
    small = fit(formula, made)
    large = fit(formula.replace("x +", "x + z +", 1), ruin(made))
    for ask in (likelihood_ratio_test, bootstrap_test):
        with pytest.raises(ValueError, match="fitted to different values of `x`"):
            ask(small, large)


def test_other_values_of_a_slope_alone_are_refused(tables):
    made = tables["made"]
    small = fit("y ~ z + (0 + x | g)", made)
    large = fit("y ~ z + h + (0 + x | g)", made.assign(x=made.x.to_numpy()[::-1]))
    with pytest.raises(ValueError, match="different values of the random effects"):
        likelihood_ratio_test(small, large)


def test_the_order_of_rows_does_not_matter(tables):
    made = tables["made"]
    formulas = "y ~ x + (1 | g)", "y ~ x + z + (x | g)"
    kept = likelihood_ratio_test(*(fit(formula, made) for formula in formulas))
    moved = likelihood_ratio_test(fit(formulas[0], made), fit(formulas[1], made[::-1]))
    np.testing.assert_allclose(kept["chi2"][1], moved["chi2"][1], rtol=SAME_DENSE)


def test_a_larger_model_that_fits_worse_is_refused(tables):
    made = tables["made"]
    small = fit("y ~ x + (1 | g)", made)
    large = fit("y ~ x + z + (1 | g)", made)
    worse = replace(large.fitted_.result, loglik=small.loglik_ - 1.0)
    large.fitted_ = replace(large.fitted_, result=worse)
    for ask in (likelihood_ratio_test, bootstrap_test):
        with pytest.raises(ValueError, match=r"fits worse .* by 2 in the deviance"):
            ask(small, large)


def test_ratios_drawn_from_rows_and_from_products_have_one_law(tables):
    made = tables["made"]
    small, large = (fit(f, made) for f in ("y ~ x + (1 | g)", SLOPES))
    drawn = [
        bootstrap_test(small, large, 400, X=X, random_state=0).attrs["ratios"]
        for X in (None, made)
    ]
    means, spread = np.mean(drawn, axis=1), np.std(drawn, axis=1).max()
    assert abs(means[0] - means[1]) < 4.0 * spread * np.sqrt(2.0 / 400)


def test_covariances_nested_by_their_spaces_are_drawn_from_rows(tables):
    frame = tables["machines"]
    small, large = (
        fit(f, frame) for f in NESTED["compound symmetry in free covariances"][1:3]
    )
    with pytest.raises(ValueError, match="pass the rows of the fit as X"):
        bootstrap_test(small, large, 1)
    assert bootstrap_test(small, large, 3, X=frame, random_state=0)["df"] == 4
