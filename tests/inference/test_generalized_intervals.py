"""Profiles and Wald intervals of variances, dispersions and thresholds."""

import numpy as np
import pandas as pd
import pytest

from skmixed import (
    MixedBinomialRegressor,
    MixedNegativeBinomialRegressor,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
)
from skmixed.datasets import load_cbpp, load_grouseticks, load_wine

# Bounds against lme4, whose deviance is flat to 1e-5.
SAME_BOUND = 1e-4
# Standard errors against clmm, whose Hessian is differenced.
SAME_ERROR = 1e-4
# Bounds of that level against each other, in widths of the intervals.
SAME_SLOPE = 0.05
# A level so low that bounds are within a tenth of a standard error.
NEAR_LEVEL = 0.08

pytestmark = pytest.mark.filterwarnings("ignore::skmixed.LaplaceAccuracyWarning")

# lme4 1.1-31, confint(glmer(cbind(incidence, size - incidence) ~ period + (1 | herd),
# cbpp, binomial), method = "profile")
CBPP = {
    "sd_Intercept|herd": (0.3460732, 1.0999746),
    "Intercept": (-1.9012120, -0.9477540),
    "period[T.2]": (-1.6167833, -0.4077631),
    "period[T.3]": (-1.8010244, -0.5115361),
    "period[T.4]": (-2.5007506, -0.8007553),
}

MODELS = {
    "shares": (
        MixedBinomialRegressor("incidence / size ~ period + (1 | herd)"),
        load_cbpp,
    ),
    "quadrature": (
        MixedBinomialRegressor(
            "incidence / size ~ period + (1 | herd)", n_quadrature=7
        ),
        load_cbpp,
    ),
    "nested": (
        MixedPoissonRegressor("TICKS ~ YEAR + (1 | LOCATION / BROOD)"),
        load_grouseticks,
    ),
    "dispersion": (
        MixedNegativeBinomialRegressor("TICKS ~ YEAR + (1 | BROOD)"),
        load_grouseticks,
    ),
    "thresholds": (
        MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)"),
        load_wine,
    ),
}


def test_profile_of_cbpp_is_that_of_lme4():
    model, load = MODELS["shares"]
    rows = load().frame
    bounds = model.fit(rows).conf_int(method="profile", X=rows).frame
    for name, wanted in CBPP.items():
        found = bounds.loc[name, ["lower", "upper"]].to_numpy(float)
        np.testing.assert_allclose(found, wanted, atol=SAME_BOUND)


@pytest.mark.parametrize("key", MODELS)
def test_profiles_start_as_walds_intervals_say(key):
    model, load = MODELS[key]
    rows = load().frame
    model = model.fit(rows)
    names = [p.name for p in model._known_parameters(model.fitted_)]
    wald = model.conf_int(names, confidence_level=NEAR_LEVEL).frame
    profile = model.conf_int(
        names, method="profile", X=rows, confidence_level=NEAR_LEVEL
    ).frame
    assert list(wald.index) == list(profile.index) == names
    width = (wald["upper"] - wald["lower"]).to_numpy(float)
    for side in ("lower", "upper"):
        apart = (wald[side] - profile[side]).to_numpy(float)
        np.testing.assert_array_less(np.abs(apart), SAME_SLOPE * width)


def slopes():
    """Counts of groups whose slopes differ."""
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(60), 10), rng.normal(size=600)
    u = rng.multivariate_normal([0.0, 0.0], [[0.5, 0.1], [0.1, 0.3]], size=60)
    y = rng.poisson(np.exp(0.2 + 0.5 * x + u[g, 0] + u[g, 1] * x))
    return pd.DataFrame({"y": y, "x": x, "g": g})


def test_correlations_are_profiled():
    rows = slopes()
    model = MixedPoissonRegressor("y ~ x + (x | g)").fit(rows)
    name = "cor_x.Intercept|g"
    wald = model.conf_int(name, confidence_level=NEAR_LEVEL).frame.loc[name]
    profile = model.profile(name, X=rows)
    near = profile.conf_int(NEAR_LEVEL).frame.loc[name]
    width = wald["upper"] - wald["lower"]
    assert abs(near["lower"] - wald["lower"]) < SAME_SLOPE * width
    assert abs(near["upper"] - wald["upper"]) < SAME_SLOPE * width
    assert profile.conf_int(0.95).frame.notna().all(axis=None)


def test_thresholds_have_standard_errors():
    # ordinal 2022.11-16, clmm(rating ~ temp + contact + (1 | judge), wine)
    model, load = MODELS["thresholds"]
    model = model.fit(load().frame)
    text = str(model.summary())
    assert "Thresholds (standard errors):" in text
    errors = np.sqrt(np.diag(model.result_.psi_cov))
    np.testing.assert_allclose(
        errors, [0.6824410, 0.6037533, 0.8089661, 0.9724537], atol=SAME_ERROR
    )
