"""ICC, R2, variance partition and design effects against R and by their laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_THETA
from scipy import stats
from test_reference import fit_case

from skmixed import MixedLinearRegressor
from skmixed.datasets import fetch_reisby, load_london_schools, load_pastes
from skmixed.inference.opened.row_facts import RowMoments

REFERENCE = Path(__file__).parents[1] / "reference" / "variance_components.json"
CASES = json.loads(REFERENCE.read_text())["cases"]
REISBY = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param], fit_case(request.param)[2]


def test_r2_is_that_of_nakagawa_and_johnson(case):
    expected, model = case
    r2 = model.r2_nakagawa()
    assert r2["marginal"] == pytest.approx(expected["marginal"], abs=SAME_THETA)
    assert r2["conditional"] == pytest.approx(expected["conditional"], abs=SAME_THETA)


def test_icc_is_that_of_performance(case):
    expected, model = case
    icc = model.icc().iloc[-1]
    assert icc["adjusted"] == pytest.approx(expected["icc_adjusted"], abs=SAME_THETA)
    if "icc_unadjusted" in expected:
        assert icc["unadjusted"] == pytest.approx(
            expected["icc_unadjusted"], abs=SAME_THETA
        )


def test_shares_of_random_intercepts_are_lme4s(case):
    expected, model = case
    for name, share in expected.get("variance_partition", {}).items():
        shares = model.variance_partition()["adjusted_share"]
        mine = shares.get(name, shares.get(":".join(reversed(name.split(":")))))
        assert mine == pytest.approx(share, abs=SAME_THETA)


def test_estimates_lie_within_their_bounds(case):
    table = case[1].icc()
    for prefix in ("", "unadjusted_"):
        estimate = table["unadjusted" if prefix else "adjusted"]
        lower, upper = table[f"{prefix}lower"], table[f"{prefix}upper"]
        assert (lower <= estimate).all()
        assert ((upper >= estimate) | upper.isna()).all()


def test_partition_adds_up(case):
    table = case[1].variance_partition()
    r2 = case[1].r2_nakagawa()
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["adjusted_share"].sum() == pytest.approx(1.0)
    assert table["share"].iloc[0] == pytest.approx(r2["marginal"])


def test_cross_products_hold_the_moments_of_the_rows():
    _, frame, model = fit_case("exam_rs")
    design = model.spec_.build(frame)
    rows = RowMoments.of_design(design, model.result_.A.basis)
    sums = RowMoments.of_result(model.result_)
    np.testing.assert_allclose(sums.fixed, rows.fixed, atol=SAME_ALGEBRA)
    np.testing.assert_allclose(sums.random[0], rows.random[0], atol=SAME_ALGEBRA)


def test_moments_are_read_where_nothing_is_constant():
    frame = load_london_schools().frame
    frame = frame.assign(exam=frame["exam"] + 1.0, shifted=frame["lrt"] + 2.0)
    model = MixedLinearRegressor("exam ~ 0 + shifted + (0 + shifted | school)")
    model.fit(frame)
    assert RowMoments.of_result(model.result_) is None
    fixed = model.predict(frame, random_effects=False).var(ddof=1)
    slopes = model.random_effects_cov_["school"].iloc[0, 0]
    random = slopes * (frame["shifted"] ** 2).mean()
    found = model.variance_partition()["variance"]
    np.testing.assert_allclose(found.iloc[:2], [fixed, random])


def test_profile_bounds_of_a_balanced_design_are_near_the_exact_ones():
    """Searle's exact interval from the F ratio of the analysis of variance."""
    frame = load_pastes().frame
    model = MixedLinearRegressor("strength ~ 1 + (1 | sample)").fit(frame)
    means = frame.groupby("sample", observed=True)["strength"].transform("mean")
    within = ((frame["strength"] - means) ** 2).sum() / 30
    between = ((means - frame["strength"].mean()) ** 2).sum() / 29
    bounds = []
    for quantile in stats.f.ppf([0.975, 0.025], 29, 30):
        ratio = between / within / quantile
        bounds.append((ratio - 1) / (ratio + 1))
    found = model.icc().loc["sample", ["lower", "upper"]]
    np.testing.assert_allclose(found, bounds, atol=0.01)


def test_a_variance_of_zero_has_an_upper_bound():
    _, _, model = fit_case("dyestuff2")
    bounds = model.icc().loc["Batch"]
    assert bounds["adjusted"] == bounds["lower"] == 0
    assert 0.05 < bounds["upper"] < 0.5


def test_design_effect_of_equal_groups_is_kishs():
    model = MixedLinearRegressor("strength ~ 1 + (1 | batch)").fit(load_pastes().frame)
    icc = model.icc().loc["batch", "adjusted"]
    assert model.design_effect()["batch"] == pytest.approx(1 + 5 * icc)


def test_a_model_without_groups_has_r2_but_no_icc():
    frame = pd.DataFrame({"x": np.arange(9.0), "y": [1, 3, 2, 5, 4, 6, 8, 7, 9.0]})
    model = MixedLinearRegressor("y ~ x").fit(frame)
    r2 = model.r2_nakagawa()
    assert r2["marginal"] == r2["conditional"]
    with pytest.raises(ValueError, match="no random effects"):
        model.icc()


@pytest.mark.skipif(not REISBY.exists(), reason="the Reisby data are not here")
def test_reisby_as_in_the_lecture():
    frame = fetch_reisby(data_home=REISBY).frame
    model = MixedLinearRegressor("hamd ~ week + (1 + week | id)", na_action="drop")
    r2 = model.fit(frame).r2_nakagawa().round(3)
    assert r2.to_list() == [0.302, 0.769]
    null = MixedLinearRegressor("hamd ~ 1 + (1 | id)", reml=False, na_action="drop")
    assert null.fit(frame).icc().loc["id", "adjusted"].round(3) == 0.264
