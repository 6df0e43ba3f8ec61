"""Covariances and dispersions of residuals against nlme on its own data sets."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor

REFERENCE = Path(__file__).parent / "reference"
STORED = json.loads((REFERENCE / "longitudinal.json").read_text())
# Coefficients in standard errors; standard errors and parameters, relative.
SAME_LOGLIK, SAME_ERROR, SAME_PARAMETER = 1e-5, 1e-4, 1e-3
# The optimum has a correlation of -1, where nlme's search comes to no end: it stops so
# far below.
SHORT = {"chicks_slopes_exp": 1e-3}


@cache
def read(name):
    levels = STORED["levels"][name]
    file = REFERENCE / "data" / f"longitudinal_{name}.csv"
    table = pd.read_csv(file, dtype=dict.fromkeys(levels, str))
    for column, order in levels.items():
        if column in table:
            table[column] = pd.Categorical(table[column], categories=order)
    return table


def ours(model, kind):
    """Parameters as nlme calls them."""
    if kind == "sd":
        parts = [np.sqrt(np.diag(V)) for V in model.result_.covariances]
        return np.concatenate(parts)
    if kind == "dispersion":
        return model.dispersion_effects_.to_numpy()
    return model.residual_parameters_[kind]


def deviations(sigma, ratio):
    """Standard deviations of all groups, whichever comes first."""
    return np.sort(sigma * np.append(1.0, ratio))


@pytest.mark.filterwarnings("ignore:Singular fit .correlation of:UserWarning")
@pytest.mark.parametrize("name", STORED["cases"])
def test_fits_are_those_of_nlme(name):
    case = STORED["cases"][name]
    model = MixedLinearRegressor(
        case["formula"].replace("2*pi", "6.283185307179586"),
        residual=case.get("residual"),
        dispersion=case.get("dispersion"),
        reml=case["REML"],
    ).fit(read(case["table"]))
    gap = model.loglik_ - case["logLik"]
    assert -SAME_LOGLIK < gap < SHORT.get(name, SAME_LOGLIK)
    if name in SHORT:
        return
    table = model.summary().fixed
    own, theirs = np.argsort(table["estimate"].to_numpy()), np.argsort(case["coef"])
    error = np.array(case["std_error"])[theirs]
    off = table["estimate"].to_numpy()[own] - np.array(case["coef"])[theirs]
    assert np.abs(off / error).max() < SAME_ERROR
    # gls has n - p below the sum of squares in standard errors of ML fits
    scale = np.sqrt(model.n_obs_ / model.df_resid_) if case["adjusted"] else 1.0
    found = scale * table["std_error"].to_numpy()[own]
    np.testing.assert_allclose(found, error, rtol=SAME_ERROR)
    parameters = dict(case["parameters"])
    sigma, ratio = parameters.pop("sigma"), parameters.pop("ratio", None)
    if ratio is None:
        assert model.sigma_ == pytest.approx(sigma, rel=SAME_PARAMETER)
    else:
        found = deviations(model.sigma_, np.exp(model.dispersion_effects_))
        expected = deviations(sigma, ratio)
        np.testing.assert_allclose(found, expected, rtol=SAME_PARAMETER)
    for kind, value in parameters.items():
        np.testing.assert_allclose(ours(model, kind), value, rtol=SAME_PARAMETER)
