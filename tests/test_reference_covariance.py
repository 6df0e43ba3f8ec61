"""Models whose residuals covary against stored results of SAS, mmrm and nlme."""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DEVIANCE

from skmixed import MixedLinearRegressor, emmeans, visit_table
from skmixed.datasets import load_sleepstudy

REFERENCE = Path(__file__).parent / "reference"
STORED = json.loads((REFERENCE / "covariance.json").read_text())
# The stored optimum is the best of several searches; ours may be a little better.
BETTER = 1e-4
# Coefficients in standard errors, standard errors and degrees of freedom, relative.
SAME_COEF, SAME_ERROR, SAME_DF = 1e-3, 3e-4, 1e-3
# Other programs stop earlier: their log-likelihoods and errors.
THEIR_LOGLIK, THEIR_ERROR = 1e-4, 1e-3
# Means by visit of mmrm, in standard errors, and their degrees of freedom.
THEIR_MEAN, THEIR_DF = 2e-3, 5e-3
# nlme's intervals take second differences of the likelihood, coarse ones where many
# parameters move at once.
SAME_BOUND, MANY, SAME_OF_MANY = 2e-3, 5, 3e-2
# SAS: log-likelihoods, and Kenward and Roger's standard errors and df, relative.
SAS_LOGLIK, SAS_ERROR, SAS_DF = 1e-5, 2e-4, 5e-4


@cache
def read(name):
    """A data set with its stored column types."""
    if name == "sleepstudy":
        return load_sleepstudy().frame
    text = pd.read_csv(REFERENCE / "data" / f"covariance_{name}.csv", dtype=str)
    columns = STORED["columns"][name]
    return pd.DataFrame({key: typed(text[key], columns[key]) for key in text})


def typed(text, column):
    if column["type"] == "factor":
        return pd.Categorical(text, categories=column["levels"])
    return text if column["type"] == "character" else pd.to_numeric(text)


@cache
def fit(name):
    case = STORED["cases"][name]
    frame = read(case["dataset"]).dropna()
    model = MixedLinearRegressor(
        case["formula"].replace("pi", "np.pi"),
        residual=case["residual"],
        reml=bool(case["REML"]),
    )
    return case, frame, model.fit(frame)


def ordered(values):
    """Order of coefficients by value: R names and orders them in its own way."""
    return np.argsort(np.asarray(values, dtype=float))


@pytest.mark.parametrize("name", STORED["cases"])
def test_fits_are_those_of_the_reference(name):
    case, _, model = fit(name)
    gap = model.loglik_ - case["logLik"]
    assert -SAME_DEVIANCE <= gap < BETTER
    assert model.aic_ == pytest.approx(case["AIC"], abs=10 * BETTER)
    assert model.sigma_ == pytest.approx(case["sigma"], rel=SAME_COEF)
    table = model.summary().fixed
    own, theirs = ordered(table["estimate"]), ordered(case["coef"])
    error = np.array(case["std_error"])[theirs]
    coef = np.array(case["coef"])[theirs]
    off = (table["estimate"].to_numpy()[own] - coef) / error
    assert np.abs(off).max() < SAME_COEF
    found = table[["std_error", "df"]].to_numpy()[own]
    np.testing.assert_allclose(found[:, 0], error, rtol=SAME_ERROR)
    df = np.array(case["satterthwaite_df"])[theirs]
    np.testing.assert_allclose(found[:, 1], df, rtol=SAME_DF)
    if case["kenward_roger"] is not None:
        table = model.summary(ddf="kenward-roger").fixed
        for column, key in (("std_error", "se"), ("df", "df")):
            np.testing.assert_allclose(
                table[column].to_numpy()[own],
                np.array(case["kenward_roger"][key])[theirs],
                rtol=SAME_DF,
            )


@pytest.mark.parametrize("name", STORED["cases"])
def test_other_programs_are_not_better(name):
    case, _, model = fit(name)
    for program, found in case["programs"].items():
        assert found["logLik"] < model.loglik_ + SAME_DEVIANCE
        assert found["logLik"] > model.loglik_ - THEIR_LOGLIK
        # gls of nlme has n - p below the sum of squares in standard errors of ML fits
        scale = 1.0
        if program == "nlme" and not case["REML"]:
            scale = np.sqrt(model.n_obs_ / model.df_resid_)
        np.testing.assert_allclose(
            scale * np.sort(model.summary().fixed["std_error"]),
            np.sort(found["se"]),
            rtol=THEIR_ERROR,
        )


TRIALS = [name for name, case in STORED["cases"].items() if case["emmeans"]]


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("name", TRIALS)
def test_means_by_visit_are_those_of_mmrm_and_emmeans(name, ddf):
    case, frame, model = fit(name)
    expected = case["emmeans"][ddf]
    means = pd.DataFrame(expected["means"])
    found = emmeans(model, "arm", "visit", ddf=ddf).frame
    table = visit_table(model, frame, treatment="arm", ddf=ddf)
    keys = ["visit", "arm"]
    for own in (found, table.frame):
        both = means.merge(own.astype(dict.fromkeys(keys, str)), on=keys)
        assert len(both) == len(means) == 10
        off = (both["emmean"] - both["estimate"]) / both["SE"]
        assert off.abs().max() < THEIR_MEAN
        np.testing.assert_allclose(both["std_error"], both["SE"], rtol=THEIR_ERROR)
        np.testing.assert_allclose(both["df_y"], both["df_x"], rtol=THEIR_DF)
    differences = pd.DataFrame(expected["differences"])
    np.testing.assert_allclose(
        table.differences["estimate"] / table.differences["std_error"],
        differences["estimate"] / differences["SE"],
        atol=THEIR_MEAN,
    )
    np.testing.assert_allclose(
        table.differences["df"], differences["df"], rtol=THEIR_DF
    )


@pytest.mark.parametrize(
    "stored", STORED["nlme_intervals"], ids=lambda s: s["residual"]
)
def test_intervals_of_the_covariance_are_those_of_nlme(stored):
    frame = read(stored["dataset"])
    if stored["residual"].startswith("us"):
        frame = frame[frame["Days"] < 4]
    model = MixedLinearRegressor(
        stored["formula"].replace("pi", "np.pi"), residual=stored["residual"]
    ).fit(frame)
    found = model.conf_int("variance").frame[["lower", "estimate", "upper"]]
    is_correlation = found.index.str.startswith(("rho", "cor"))
    is_ratio = found.index.str.startswith("ratio")
    parts = {
        "correlation": found[is_correlation],
        "ratio": found[is_ratio],
        "sigma": found[found.index.str.startswith("sd")][:1],
    }
    for name, own in parts.items():
        if stored[name] is None:
            assert own.empty
            continue
        same = SAME_BOUND if len(found) < MANY else SAME_OF_MANY
        np.testing.assert_allclose(own, stored[name], rtol=same, atol=same)


def fev():
    """The trial that mmrm carries, where somebody has written it to a file."""
    path = Path(os.environ.get("SKMIXED_FEV", "fev.csv"))
    if not path.exists():
        pytest.skip("the data set fev_data of R's mmrm is not at hand")
    frame = pd.read_csv(path, dtype={"USUBJID": str})
    return frame.assign(ARMCD=pd.Categorical(frame["ARMCD"], ["PBO", "TRT"]))


@pytest.mark.parametrize(
    "stored",
    STORED["sas_fev"]["loglik"],
    ids=lambda s: f"{s['residual']}-{'REML' if s['REML'] else 'ML'}",
)
def test_loglikelihoods_are_those_of_sas(stored):
    model = MixedLinearRegressor(
        stored["formula"],
        residual=stored["residual"],
        reml=stored["REML"],
        na_action="drop",
    ).fit(fev())
    gap = model.loglik_ - stored["logLik"]
    # SAS stops a little below the maximum
    assert -SAME_DEVIANCE < gap < SAS_LOGLIK


@pytest.mark.parametrize(
    "stored", STORED["sas_fev"]["kenward_roger"], ids=lambda s: s["residual"]
)
def test_kenward_and_rogers_method_is_that_of_sas(stored):
    model = MixedLinearRegressor(
        stored["formula"], residual=stored["residual"], na_action="drop"
    ).fit(fev())
    row = model.summary(ddf="kenward-roger").fixed.loc[stored["coefficient"]]
    assert row["std_error"] == pytest.approx(stored["se_linear"], rel=SAS_ERROR)
    assert row["df"] == pytest.approx(stored["df"], rel=SAS_DF)


def test_the_stored_figures_of_sas_are_all_there():
    assert len(STORED["sas_fev"]["loglik"]) == 28
    assert len(STORED["sas_fev"]["kenward_roger"]) == 8
