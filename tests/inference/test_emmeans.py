"""Estimated marginal means against R's emmeans and by their laws."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_THETA
from scipy import stats
from test_reference import fit_case

from skmixed import MixedLinearRegressor, PooledLinearRegressor, emmeans
from skmixed.datasets import load_cake, load_london_schools
from skmixed.inference.fixed.multiplicity import adjust_p, critical_values

CASES = json.loads(
    (Path(__file__).parents[1] / "reference" / "emmeans.json").read_text()
)["cases"]
METHODS = {
    "satterthwaite": "satterthwaite",
    "kenward-roger": "kenward-roger",
    "asymptotic": "normal",
}


@pytest.fixture(params=itertools.product(CASES, METHODS), ids="-".join)
def case(request):
    name, method = request.param
    expected = CASES[name][method]
    spec = expected["spec"].removeprefix("~ ")
    means = emmeans(fit_case(name)[2], spec, ddf=METHODS[method], adjust="none")
    return expected, spec, means


def as_df(values):
    return [np.inf if v is None else v for v in values]


def test_means_are_those_of_emmeans(case):
    expected, spec, means = case
    table, theirs = means.frame, expected["means"]
    assert table[spec].to_list() == theirs[spec]
    np.testing.assert_allclose(table["estimate"], theirs["emmean"], rtol=SAME_THETA)
    np.testing.assert_allclose(table["std_error"], theirs["SE"], rtol=SAME_THETA)
    np.testing.assert_allclose(table["df"], as_df(theirs["df"]), rtol=SAME_THETA)
    lower = theirs.get("lower.CL", theirs.get("asymp.LCL"))
    np.testing.assert_allclose(table["lower"], lower, rtol=SAME_THETA)


def test_pairs_are_those_of_emmeans(case):
    expected, _, means = case
    table, theirs = means.pairs, expected["pairs"]
    assert table["contrast"].to_list() == theirs["contrast"]
    np.testing.assert_allclose(table["estimate"], theirs["estimate"], rtol=SAME_THETA)
    np.testing.assert_allclose(table["std_error"], theirs["SE"], rtol=SAME_THETA)
    np.testing.assert_allclose(table["df"], as_df(theirs["df"]), rtol=SAME_THETA)
    np.testing.assert_allclose(table["p"], theirs["p.value"], atol=SAME_THETA)
    adjusted = means.contrasts("pairwise", adjust="tukey")
    np.testing.assert_allclose(adjusted["p"], expected["tukey_p"], atol=SAME_THETA)


def fit_schools():
    frame = load_london_schools().frame
    model = MixedLinearRegressor("exam ~ lrt * gender + school_gender + (1 | school)")
    return model.fit(frame), frame


def test_means_are_averages_of_population_predictions():
    model, frame = fit_schools()
    found = emmeans(model, "gender", by="school_gender").frame
    grid = found[["gender", "school_gender"]].assign(lrt=frame["lrt"].mean())
    predicted = model.predict(grid, random_effects=False)
    np.testing.assert_allclose(found["estimate"], predicted, rtol=SAME_DENSE)
    one = emmeans(model, "gender").frame
    averages = found.groupby("gender", sort=False)["estimate"].mean()
    np.testing.assert_allclose(one["estimate"], averages, rtol=SAME_DENSE)


def test_comparisons_stay_within_the_levels_of_by():
    model, _ = fit_schools()
    pairs = emmeans(model, "school_gender", by="gender").pairs
    assert pairs["gender"].value_counts().to_list() == [3, 3]
    # no interaction: the same differences in both
    np.testing.assert_allclose(pairs["estimate"][:3], pairs["estimate"][3:])
    both = emmeans(model, ["gender", "school_gender"]).pairs
    assert len(both) == 15
    assert both["contrast"][0].count(" - ") == 1


def test_specs_may_be_written_as_in_r():
    model, _ = fit_schools()
    expected = emmeans(model, ["gender", "lrt"], by="school_gender").frame
    found = emmeans(model, "pairwise ~ gender * lrt | school_gender").frame
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match="already says by what"):
        emmeans(model, "~ gender | school_gender", by="lrt")


def test_baselines_are_refused():
    frame = load_london_schools().frame
    pooled = PooledLinearRegressor("exam ~ gender").fit(frame)
    with pytest.raises(ValueError, match="PooledLinearRegressor is none"):
        emmeans(pooled, "gender")


def test_numbers_are_held_where_at_says():
    model, _ = fit_schools()
    low, high = (
        emmeans(model, "gender", at={"lrt": [lrt]}).pairs["estimate"][0]
        for lrt in (-1.0, 1.0)
    )
    slope = model.fixed_effects_.filter(like=":").iloc[0]
    assert abs(high - low) == pytest.approx(2 * abs(slope))
    trend = emmeans(model, "lrt", at={"lrt": [0, 1]}).frame
    assert list(trend["lrt"]) == [0, 1]


def test_a_numeric_factor_has_all_its_levels():
    model = MixedLinearRegressor(
        "angle ~ recipe + factor(temp) + (1 | recipe:replicate)"
    )
    means = emmeans(model.fit(load_cake().frame), "temp")
    assert means.frame["temp"].to_list() == [175, 185, 195, 205, 215, 225]
    assert "Averaged over the levels of recipe." in str(means)


def test_levels_may_be_numbers_and_truth_values():
    frame = load_cake().frame
    frame = frame.assign(recipe=frame["recipe"].cat.codes.astype("category"))
    frame["hot"] = frame["temp"] > 200
    frame["log temp"] = np.log(frame["temp"])
    formula = "angle ~ recipe * hot + `log temp` + offset(temp) + (1 | replicate)"
    model = MixedLinearRegressor(formula).fit(frame)
    found = emmeans(model, "recipe", by="hot").frame
    grid = found[["recipe", "hot"]].assign(temp=200.0)
    grid["recipe"] = grid["recipe"].astype("category")
    grid["log temp"] = frame["log temp"].mean()
    predicted = model.predict(grid, random_effects=False)
    np.testing.assert_allclose(found["estimate"], predicted, rtol=SAME_DENSE)


def test_covariates_with_two_values_keep_both():
    frame = load_cake().frame
    frame["hot"] = (frame["temp"] > 200).astype(int)
    frame = frame.iloc[:-20]
    model = MixedLinearRegressor("angle ~ recipe + hot + (1 | recipe:replicate)")
    mean = emmeans(model.fit(frame), "recipe").frame["estimate"][0]
    halves = emmeans(model, "recipe", by="hot").frame
    assert mean == pytest.approx(halves["estimate"][halves["recipe"] == "A"].mean())


def test_empty_cells_are_not_estimable():
    _, frame, model = fit_case("sim_rankdef")
    means = emmeans(model, "a", by="b")
    cells = means.frame.set_index(["a", "b"])["estimate"]
    assert not ((frame["a"] == "a3") & (frame["b"] == "b2")).any()
    assert cells.index[cells.isna()].to_list() == [("a3", "b2")]
    assert means.pairs["p"].isna().sum() == 2
    assert "not estimable" in str(means)


def test_custom_contrasts_and_families():
    _, _, model = fit_case("cake_num")
    means = emmeans(model, "recipe")
    first, second = means.frame["estimate"][:2]
    table = means.contrasts({"half": [0.5, -0.5, 0]})
    assert table["estimate"][0] == pytest.approx((first - second) / 2)
    assert len(means.contrasts("trt.vs.ctrl")) == len(means.contrasts("consec")) == 2
    assert means.contrasts("eff")["estimate"].sum() == pytest.approx(0, abs=SAME_DENSE)
    with pytest.raises(ValueError, match="all pairwise comparisons only"):
        means.contrasts("consec", adjust="tukey")
    with pytest.raises(ValueError, match="needs 3 weights"):
        means.contrasts({"half": [0.5, -0.5]})
    with pytest.raises(ValueError, match=r"trt\.vs\.ctrl"):
        means.contrasts("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"specs": "school"}, "not columns of the fixed effects"),
        ({"specs": []}, "specs is empty"),
        ({"specs": "gender", "by": "gender"}, "name a column twice"),
        ({"specs": "gender", "at": {"gender": ["X"]}}, "should hold levels"),
        ({"specs": "gender", "adjust": "scheffe"}, "tukey, bonferroni"),
        ({"specs": "gender", "ddf": "none"}, "ddf="),
    ],
)
def test_mistakes_are_named(options, message):
    model, _ = fit_schools()
    with pytest.raises(ValueError, match=message):
        emmeans(model, **options)


def test_adjustments_of_p_values():
    t, df = np.array([3.0, 2.0, 2.5, np.nan]), np.full(4, 20.0)
    p = 2 * stats.t.sf(t[:3], 20)
    found = {a: adjust_p(t, df, a, 3)[:3] for a in ("bonferroni", "holm", "sidak")}
    np.testing.assert_allclose(found["bonferroni"], np.minimum(3 * p, 1))
    np.testing.assert_allclose(found["sidak"], 1 - (1 - p) ** 3)
    # p sorted: 1st, 3rd, 2nd
    steps = np.maximum.accumulate([3 * p[0], 2 * p[2], p[1]])
    np.testing.assert_allclose(found["holm"], steps[[0, 2, 1]])
    assert np.isnan(adjust_p(t, df, "fdr", 3)[3])
    np.testing.assert_allclose(adjust_p(t, df, "tukey", 2)[:3], p)


def test_far_tails_keep_their_digits():
    t, df = np.array([6.0, 9.0, 12.0, 20.0]), np.full(4, 300.0)
    p = adjust_p(t, df, "tukey", 3)
    ratio = p / (2 * stats.t.sf(t, df))
    assert ((ratio > 1) & (ratio <= 3)).all()
    assert (np.diff(p) < 0).all()


@pytest.mark.parametrize("adjust", ["tukey", "bonferroni", "sidak", "none"])
def test_bounds_agree_with_p_values(adjust):
    df = np.array([15.0, 15.0, 15.0])
    critical = critical_values(df, adjust, 3, 3, 0.95)
    np.testing.assert_allclose(adjust_p(critical, df, adjust, 3), 0.05, rtol=SAME_THETA)


def test_the_table_prints_in_text_and_html():
    means = emmeans(fit_case("cake_num")[2], "recipe")
    assert "At temp = 200." in str(means)
    assert means._repr_html_().count("<table") == 2
    assert isinstance(means.frame, pd.DataFrame)


@pytest.mark.parametrize(
    ("formula", "specs", "by", "noted"),
    [
        ("angle ~ recipe * temp + (1 | recipe:replicate)", "recipe", None, True),
        ("angle ~ recipe * temp + (1 | recipe:replicate)", "recipe", "temp", False),
        (
            "angle ~ recipe * temp + (1 | recipe:replicate)",
            ["recipe", "temp"],
            None,
            False,
        ),
        ("angle ~ recipe + temp + (1 | recipe:replicate)", "recipe", None, False),
        ("angle ~ recipe * temperature + (1 | replicate)", "temperature", None, True),
    ],
)
def test_means_within_an_interaction_say_so(formula, specs, by, noted):
    means = emmeans(MixedLinearRegressor(formula).fit(load_cake().frame), specs, by)
    assert ("is an interaction" in str(means)) == noted
