"""The five approaches in one table, and naive beside correct standard errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAME_DEVIANCE

from skmixed import (
    AggregatedLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    compare_approaches,
    five_approaches,
    naive_vs_mixed,
)
from skmixed.datasets import fetch_reisby, load_london_schools

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads((ROOT / "tests/reference/london_baselines.json").read_text())
SLOPE = "exam ~ lrt + (1 + lrt | school)"
SCHOOL = "exam ~ lrt + gender + school_gender + school_avg + (1 | school)"
REISBY = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def schools():
    return load_london_schools().frame


@pytest.fixture(scope="module")
def table(schools):
    return compare_approaches(SLOPE, schools)


def test_one_formula_makes_five_estimators():
    models = five_approaches(SLOPE, na_action="drop", reml=False)
    assert {model.formula for model in models.values()} == {SLOPE}
    assert {model.na_action for model in models.values()} == {"drop"}
    assert models["mixed"].reml is False


def test_figures_are_those_of_the_lecture(table):
    printed = {
        name: [f"{table.frame.loc[name, c]:.3f}" for c in columns]
        for name, columns in {
            "aggregated": ["Intercept", "Intercept_se", "lrt", "lrt_se"],
            "pooled": ["Intercept", "Intercept_se", "lrt", "lrt_se"],
            "separate": ["Intercept", "Intercept_se", "lrt"],
        }.items()
    }
    assert printed == {
        "aggregated": ["0.005", "0.040", "0.884", "0.116"],
        "pooled": ["-0.001", "0.013", "0.595", "0.013"],
        "separate": ["-0.068", "0.064", "0.425"],
    }
    spread = table.models["separate"].summary().fixed["sd"]
    assert [f"{sd:.3f}" for sd in spread] == ["0.519", "0.939"]
    # the lecture prints 0.116, the rounded sd over the root of 65
    np.testing.assert_allclose(
        table.frame.loc["separate", "lrt_se"],
        REFERENCE["per_group_ols"]["slope_sem"],
        rtol=SAME_DEVIANCE,
    )
    assert table.frame["n"].tolist() == [65, 4059, 4059, 4059, 4059]
    assert table.frame["extra_df"].tolist() == [0, 0, 128, 128, 3]


def test_print_fits_a_page(table):
    text = str(table)
    assert max(map(len, text.splitlines())) <= 88
    assert "ecological fallacy" in text
    assert "1. aggregated" in text
    assert "<table" in table._repr_html_()


def test_what_an_approach_cannot_say_is_left_empty(schools):
    table = compare_approaches("exam ~ lrt + school_avg + (1 + lrt | school)", schools)
    lacking = table.frame["school_avg"].isna()
    assert lacking[lacking].index.tolist() == ["separate", "interaction"]


@pytest.mark.parametrize("formula", ["exam ~ lrt", "exam ~ (1 | school) + (1 | vr)"])
def test_there_is_one_grouping_factor(schools, formula):
    with pytest.raises(ValueError, match="one grouping factor"):
        compare_approaches(formula, schools)


def test_naive_robust_and_mixed_are_those_of_r(schools):
    frame = naive_vs_mixed(SCHOOL, schools).frame
    reference = REFERENCE["naive_vs_mixed_se"]
    expected = {
        "ols": reference["ols_values"],
        "ols_se": reference["ols_se"],
        "robust_se": reference["ols_cluster_robust"]["CR1"],
        "mixed": reference["ri_values"],
        "mixed_se": reference["ri_se"],
        "ratio": reference["se_ratio_ri_over_ols"],
        "design_effect": np.square(reference["se_ratio_ri_over_ols"]),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            frame[name], values, rtol=1e2 * SAME_DEVIANCE, atol=SAME_DEVIANCE
        )


def test_naive_table_names_the_clusters(schools):
    text = str(naive_vs_mixed("exam ~ lrt + (1 | school)", schools, covariance="CR0"))
    assert "SE CR0" in text
    assert "clusters of school" in text


@pytest.mark.skipif(not (REISBY / "reisby.csv").exists(), reason="no Reisby data")
def test_endogenous_depression_is_no_certain_matter():
    patients = fetch_reisby(data_home=REISBY, download_if_missing=False).frame
    expected = {
        PooledLinearRegressor: "1.90 (0.74)",
        MixedLinearRegressor: "1.91 (1.11)",
        AggregatedLinearRegressor: "1.93 (1.11)",
    }
    for estimator, text in expected.items():
        model = estimator("hamd ~ endog + (1 | id)", na_action="drop").fit(patients)
        row = model.summary().fixed.loc["endog"]
        assert f"{row['estimate']:.2f} ({row['std_error']:.2f})" == text
