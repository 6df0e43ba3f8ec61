"""Likelihood-ratio tests: figures, boundaries, refusals."""

from pathlib import Path

import numpy as np
import pytest
from conftest import SAME_DEVIANCE
from scipy import stats

from skmixed import MixedLinearRegressor, bootstrap_test, likelihood_ratio_test
from skmixed.datasets import (
    fetch_reisby,
    load_dyestuff,
    load_penicillin,
    load_sleepstudy,
)
from skmixed.inference.compare.chi_bar import cone_volumes, mixture_survival
from skmixed.likelihood.covariance.free import Diagonal, Unstructured

REISBY = Path(__file__).parents[3] / "shared" / "data"
# Monte-Carlo error of the weights.
BY_SIMULATION = 0.03


def fit(formula, frame, **options):
    return MixedLinearRegressor(formula, **options).fit(frame)


@pytest.fixture(scope="module")
def sleep():
    return load_sleepstudy().frame


@pytest.mark.skipif(not REISBY.exists(), reason="the data stand beside the repository")
@pytest.mark.parametrize("reml", [True, False])
def test_reisby_needs_random_slopes(reml):
    frame = fetch_reisby(data_home=REISBY).frame
    options = {"reml": reml, "na_action": "drop"}
    models = [
        fit(formula, frame, **options)
        for formula in ("hamd ~ week + (1 | id)", "hamd ~ week + (1 + week | id)")
    ]
    row = likelihood_ratio_test(*models).iloc[1]
    assert row["chi2"] == pytest.approx(66.15, abs=0.005)
    assert row["p"] == pytest.approx(4.3e-15, rel=0.02)
    assert row["p_mixture"] == pytest.approx(2.4e-15, rel=0.02)
    if reml:
        df = models[1].summary(ddf="satterthwaite").fixed.loc["week", "df"]
        assert df == pytest.approx(62.2, abs=0.05)


def test_reml_fits_are_refitted(sleep):
    formulas = "Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (Days | Subject)"
    by_reml = likelihood_ratio_test(*(fit(f, sleep) for f in formulas))
    by_ml = likelihood_ratio_test(*(fit(f, sleep, reml=False) for f in formulas))
    # lme4: 42.139 on 2
    assert by_reml["chi2"][1] == pytest.approx(42.139, abs=5e-4)
    np.testing.assert_allclose(
        by_reml["chi2"][1], by_ml["chi2"][1], rtol=0, atol=SAME_DEVIANCE
    )
    assert "refitted" in by_reml.attrs["note"]
    assert by_ml.attrs["note"] == ""


def test_reml_criteria_need_the_same_fixed_effects(sleep):
    small, large = (
        fit(f, sleep)
        for f in (
            "Reaction ~ Days + (1 | Subject)",
            "Reaction ~ Days + (Days | Subject)",
        )
    )
    table = likelihood_ratio_test(large, small, refit=False)
    assert table["chi2"][1] == pytest.approx(small.deviance_ - large.deviance_)
    with pytest.raises(ValueError, match="same fixed effects"):
        likelihood_ratio_test(
            fit("Reaction ~ 1 + (1 | Subject)", sleep), small, refit=False
        )


def test_references_by_kind_of_difference(sleep):
    formulas = {
        "Reaction ~ 1 + (1 | Subject)": "",
        "Reaction ~ Days + (1 | Subject)": "chi2(1)",
        "Reaction ~ Days + (Days || Subject)": "0.5 chi2(0) + 0.5 chi2(1)",
        "Reaction ~ Days + (Days | Subject)": "chi2(1)",
    }
    table = likelihood_ratio_test(*(fit(f, sleep) for f in formulas))
    assert table["reference"].fillna("").tolist() == list(formulas.values())
    assert (table["df"].dropna() == 1).all()


def test_a_linear_model_may_be_the_smaller_one(sleep):
    table = likelihood_ratio_test(
        fit("Reaction ~ Days", sleep), fit("Reaction ~ Days + (1 | Subject)", sleep)
    )
    assert table["reference"][1] == "0.5 chi2(0) + 0.5 chi2(1)"
    assert table["p_mixture"][1] == pytest.approx(table["p"][1] / 2)


def test_two_variances_have_simulated_weights():
    frame = load_penicillin().frame
    table = likelihood_ratio_test(
        fit("diameter ~ 1", frame),
        fit("diameter ~ 1 + (1 | plate) + (1 | sample)", frame),
    )
    # balanced and crossed: nearly independent, so a quarter, a half, a quarter
    assert table["reference"][1].count("chi2") == 3
    assert 0 < table["p_mixture"][1] < table["p"][1]


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.5])
def test_weights_of_a_quadrant(correlation):
    metric = np.linalg.inv([[1.0, correlation], [correlation, 1.0]])
    rng = np.random.default_rng(1)
    volumes = cone_volumes(metric, [Diagonal(2)], rng)
    inside = 0.25 + np.arcsin(correlation) / (2 * np.pi)
    expected = [0.5 - inside, 0.5, inside]
    np.testing.assert_allclose(volumes, expected, atol=BY_SIMULATION)


def test_weights_of_a_covariance_matrix():
    # 2 x 2, independent entries: a circular cone with a half angle of 45 degrees
    metric = np.diag([1.0, 2.0, 1.0])
    volumes = cone_volumes(metric, [Unstructured(2)], np.random.default_rng(1))
    tip = (1 - np.sqrt(0.5)) / 2
    expected = [tip, 0.5 - tip, 0.5 - tip, tip]
    np.testing.assert_allclose(volumes, expected, atol=BY_SIMULATION)
    assert volumes[::2].sum() == pytest.approx(0.5, abs=1e-3)


def test_mixture_tail():
    half = mixture_survival(3.0, {1: 0.5, 2: 0.5})
    assert half == pytest.approx(np.mean([stats.chi2.sf(3.0, k) for k in (1, 2)]))
    assert mixture_survival(0.0, {0: 0.5, 1: 0.5}) == 1.0


def test_other_data_are_refused(sleep):
    small = fit("Reaction ~ Days + (1 | Subject)", sleep)
    formula = "Reaction ~ Days + (Days | Subject)"
    with pytest.raises(ValueError, match=r"to 180 rows, .* to 170"):
        likelihood_ratio_test(small, fit(formula, sleep.iloc[10:]))
    moved = sleep.assign(Reaction=sleep["Reaction"] * 1.001)
    with pytest.raises(ValueError, match="different responses"):
        likelihood_ratio_test(small, fit(formula, moved))
    # the same rows in another order, and another parametrisation, are the same data
    turned = sleep.sample(frac=1.0, random_state=0)
    likelihood_ratio_test(fit("Reaction ~ 0 + Days + (1 | Subject)", turned), small)


def test_models_that_are_not_nested_are_refused(sleep):
    one = fit("Reaction ~ Days + (1 | Subject)", sleep)
    with pytest.raises(ValueError, match="lacks: the variance of `Intercept`"):
        likelihood_ratio_test(
            one, fit("Reaction ~ Days + I(Days ** 2) + (0 + Days | Subject)", sleep)
        )
    with pytest.raises(ValueError, match="lacks: Days"):
        likelihood_ratio_test(
            one, fit("Reaction ~ I(Days ** 2) + (Days | Subject)", sleep)
        )
    with pytest.raises(ValueError, match="the same parameters"):
        likelihood_ratio_test(one, one)
    with pytest.raises(ValueError, match="two models or more"):
        likelihood_ratio_test(one)


def test_bootstrap_draws_the_law_of_the_ratio():
    frame = load_dyestuff().frame
    table = bootstrap_test(
        fit("Yield ~ 1", frame),
        fit("Yield ~ 1 + (1 | Batch)", frame),
        1000,
        random_state=3,
    )
    # the exact law of Crainiceanu & Ruppert (2004): of six balanced batches of five,
    # zero with probability P(F(5, 24) < 1)
    zero = np.mean(table.attrs["ratios"] < 1e-6)
    exact = stats.f.cdf(1.0, 5, 24)
    assert zero == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / 1000))
    # the ratio rises with F = 4.598, so that its p-value is that of F
    p = stats.f.sf(4.5983, 5, 24)
    assert table["p"] == pytest.approx(p, abs=3 * np.sqrt(p / 1000) + 1e-3)


def test_bootstrap_maps_the_null_models_columns(sleep):
    rng = np.random.default_rng(0)
    frame = sleep.assign(
        x=rng.standard_normal(180), half=np.arange(180) // 10 % 2, z=rng.random(180)
    )
    null = fit("Reaction ~ x + (1 | Subject)", frame)
    with pytest.warns(UserWarning, match="Singular fit"):
        large = fit("Reaction ~ z + x + half + (x + z | Subject)", frame)
    table = bootstrap_test(null, large, 20, random_state=0)
    # every ratio is of nested models: none below zero but for the tolerance
    assert (table.attrs["ratios"] >= 0).all()
    assert np.median(table.attrs["ratios"]) < 15
    assert table["df"] == 7
