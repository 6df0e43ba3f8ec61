"""A known residual variance: metafor's meta-analyses, dense algebra, and laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE, SAME_THETA
from scipy import optimize, stats

from skmixed import (
    MixedLinearRegressor,
    SingularFitWarning,
    bootstrap_test,
    compare_table,
    likelihood_ratio_test,
)
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import check_model, influence

STORED = Path(__file__).parents[1] / "reference" / "metafor.json"
STORED = json.loads(STORED.read_text())
MODELS = STORED["models"]
# Agreement with metafor, which stops when its steps are small.
SAME_AS_METAFOR = 1e-5
# Dense answers whose derivatives are finite differences.
SAME_DIFFERENCES = 1e-4
# A bound of a profile, by interpolation.
SAME_BOUND = 1e-3


def read(name):
    return pd.DataFrame(STORED["data"][name])


def fit(formula, data, *, reml=True, **options):
    options = {"tol": 1e-12, **options}
    model = MixedLinearRegressor(formula, sigma=1.0, reml=reml, **options)
    return model.fit(data, sample_weight=1.0 / data["vi"])


@pytest.fixture
def bcg():
    return read("bcg")


@pytest.fixture
def regression(bcg):
    return fit("yi ~ ablat + (1 | trial)", bcg)


@pytest.mark.parametrize(
    "stored", MODELS, ids=[f"{m['formula']}-{m['reml']}" for m in MODELS]
)
def test_metafor(stored):
    data = read(stored["data"])
    model = fit(stored["formula"], data, reml=stored["reml"])
    close = {"rtol": SAME_AS_METAFOR, "atol": SAME_AS_METAFOR**2}
    variances = [c.iloc[0, 0] for c in model.random_effects_cov_.values()]
    np.testing.assert_allclose(variances, stored["variances"], **close)
    fixed = model.summary(ddf="normal").fixed
    ours = {"coef": "estimate", "z": "t"}
    for key in ("coef", "std_error", "z", "p", "lower", "upper"):
        expected = np.atleast_1d(stored[key])
        np.testing.assert_allclose(fixed[ours.get(key, key)], expected, **close)
    if stored["predicted"] is not None:
        np.testing.assert_allclose(model.predict(data), stored["predicted"], **close)
    if stored["loglik"] is not None:
        assert model.loglik_ == pytest.approx(stored["loglik"], abs=SAME_DEVIANCE)


def test_published_estimates_of_the_vaccine(bcg):
    model = fit("yi ~ 1 + (1 | trial)", bcg)
    (tau2,) = model.random_effects_cov_["trial"].to_numpy().ravel()
    published = [0.3132, -0.7145, 0.1798]
    ours = [tau2, model.fixed_effects_.iloc[0]]
    ours.append(np.sqrt(model.fixed_effects_cov_.iloc[0, 0]))
    np.testing.assert_array_equal(np.round(ours, 4), published)


class Dense:
    """The textbook for one variance between rows, in tau2."""

    def __init__(self, data, reml):
        self.X = np.column_stack([np.ones(len(data)), data["ablat"]])
        self.y, self.v, self.reml = data["yi"].to_numpy(), data["vi"].to_numpy(), reml

    def parts(self, tau2):
        w = 1.0 / (self.v + tau2)
        cov = np.linalg.inv(self.X.T @ (w[:, None] * self.X))
        return w, cov, cov @ self.X.T @ (w * self.y)

    def deviance(self, tau2):
        w, cov, beta = self.parts(tau2)
        n, p = self.X.shape
        value = -np.log(w).sum() + (w * (self.y - self.X @ beta) ** 2).sum()
        if self.reml:
            value -= np.linalg.slogdet(cov)[1]
        return value + (n - p * self.reml) * np.log(2 * np.pi)


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
def test_the_optimum_is_that_of_the_dense_likelihood(bcg, reml):
    model = fit("yi ~ ablat + (1 | trial)", bcg, reml=reml)
    dense = Dense(bcg, reml)
    options = {"xatol": 1e-12}
    best = optimize.minimize_scalar(
        dense.deviance, bounds=(0, 1), method="bounded", options=options
    )
    (tau2,) = model.random_effects_cov_["trial"].to_numpy().ravel()
    assert tau2 == pytest.approx(best.x, rel=SAME_THETA)
    assert model.deviance_ == pytest.approx(best.fun, abs=SAME_DEVIANCE)
    assert model.deviance_ == pytest.approx(dense.deviance(tau2), rel=SAME_ALGEBRA)
    assert model.result_.n_parameters == 3


def test_satterthwaite_and_standard_errors_of_variances(bcg, regression):
    dense = Dense(bcg, True)
    (t,) = regression.random_effects_cov_["trial"].to_numpy().ravel()
    h = 1e-3 * t
    d = dense.deviance
    var_t = 2.0 / ((d(t + h) - 2 * d(t) + d(t - h)) / h**2)
    table = regression.variance_std_errors()
    assert list(table.index) == ["sd_Intercept|trial"]
    assert table["variance_std_error"].iloc[0] == pytest.approx(
        np.sqrt(var_t), rel=SAME_DIFFERENCES
    )
    slope = (dense.parts(t + h)[1] - dense.parts(t - h)[1]) / (2 * h)
    variance = np.diag(dense.parts(t)[1])
    df = 2 * variance**2 / (np.diag(slope) ** 2 * var_t)
    np.testing.assert_allclose(
        regression.summary().fixed["df"], df, rtol=SAME_DIFFERENCES
    )


def test_kenward_roger_knows_that_sigma_is_known(bcg, regression):
    dense = Dense(bcg, True)
    (t,) = regression.random_effects_cov_["trial"].to_numpy().ravel()
    w, cov, _ = dense.parts(t)
    X = dense.X
    P, Q = -X.T @ (w[:, None] ** 2 * X), X.T @ (w[:, None] ** 3 * X)
    information = 0.5 * (
        (w**2).sum() - 2 * np.trace(cov @ Q) + np.trace(cov @ P @ cov @ P)
    )
    adjusted = cov + 2 * cov @ (Q - P @ cov @ P) @ cov / information
    np.testing.assert_allclose(
        regression.summary(ddf="kr").fixed["std_error"],
        np.sqrt(np.diag(adjusted)),
        rtol=SAME_THETA,
    )


def test_profiles_hold_sigma(bcg, regression):
    dense = Dense(bcg, False)
    model = fit("yi ~ ablat + (1 | trial)", bcg, reml=False)
    found = regression.conf_int("sd_Intercept|trial", method="profile")
    upper = found["upper"].iloc[0] ** 2
    rise = dense.deviance(upper) - model.deviance_
    assert rise == pytest.approx(stats.chi2.ppf(0.95, 1), rel=SAME_BOUND)
    assert "sigma" not in regression.profile().estimates.index


def test_the_ratio_test_is_that_of_dense_deviances(bcg, regression):
    none = fit("yi ~ ablat", bcg)
    test = likelihood_ratio_test(none, regression)
    dense, (t,) = (
        Dense(bcg, False),
        fit("yi ~ ablat + (1 | trial)", bcg, reml=False)
        .random_effects_cov_["trial"]
        .to_numpy()
        .ravel(),
    )
    expected = dense.deviance(0.0) - dense.deviance(t)
    assert test["chi2"].iloc[-1] == pytest.approx(expected, abs=SAME_DEVIANCE)
    assert test["df"].iloc[-1] == 1
    drawn = bootstrap_test(none, regression, 20, random_state=0)
    assert 0 < drawn["p"] <= 1
    assert np.isinf(none.summary().fixed["df"]).all()


def test_sigma_at_its_estimate_changes_nothing():
    data = load_sleepstudy().frame
    free = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(data)
    held = MixedLinearRegressor(free.formula, sigma=free.sigma_).fit(data)
    np.testing.assert_allclose(held.theta_, free.theta_, rtol=SAME_THETA)
    assert held.deviance_ == pytest.approx(free.deviance_, abs=SAME_DEVIANCE)
    assert held.aic_ == pytest.approx(free.aic_ - 2.0, abs=SAME_DEVIANCE)


def test_sigma_is_a_matter_of_weights(bcg, regression):
    other = MixedLinearRegressor(regression.formula, sigma=3.0)
    other = other.fit(bcg, sample_weight=9.0 / bcg["vi"])
    np.testing.assert_allclose(
        other.fixed_effects_, regression.fixed_effects_, rtol=SAME_THETA
    )
    assert other.deviance_ == pytest.approx(regression.deviance_, abs=SAME_DEVIANCE)
    assert other.sigma_ == 3.0


def test_refits_and_deletions_hold_sigma(bcg, regression):
    weights = 1.0 / bcg["vi"]
    boot = regression.bootstrap(10, random_state=0)
    assert "sigma" not in boot.replicates
    for refit in (False, True):
        found = influence(
            regression, bcg, level="trial", refit=refit, sample_weight=weights
        )
        np.testing.assert_array_equal(found.frame["sigma"], 1.0)
    drawn = regression.simulate(
        bcg, n_samples=4000, random_state=0, sample_weight=weights
    )
    (tau2,) = regression.random_effects_cov_["trial"].to_numpy().ravel()
    np.testing.assert_allclose(drawn.std(axis=1), np.sqrt(bcg["vi"] + tau2), rtol=0.1)


def test_what_has_no_answer_says_so(bcg, regression):
    for statement in (regression.icc, regression.r2_nakagawa, regression.design_effect):
        with pytest.raises(ValueError, match="a known one of its own"):
            statement()
    free = MixedLinearRegressor("yi ~ ablat").fit(bcg, sample_weight=1.0 / bcg["vi"])
    with pytest.raises(ValueError, match="with one sigma"):
        likelihood_ratio_test(free, regression)
    model = MixedLinearRegressor("yi ~ 1", residual="ar1(ablat | trial)", sigma=1.0)
    with pytest.raises(ValueError, match="independent residuals"):
        model.fit(bcg)
    assert "known" in str(regression.summary())
    assert "ICC" not in str(regression.describe())
    assert "ICC" not in str(compare_table(regression))


def test_checks_and_the_page_know_that_sigma_is_known(bcg, regression, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    weights = 1.0 / bcg["vi"]
    checks = check_model(regression, bcg, sample_weight=weights)
    assert "residual variance" not in str(checks)
    path = regression.report(tmp_path / "meta.html", bcg, sample_weight=weights)
    assert "Shares of the variance" not in path.read_text(encoding="utf-8")


def test_nothing_need_be_left_of_the_response():
    frame = pd.DataFrame({"y": [2.0] * 6, "g": list("aabbcc"), "f": list("uvwxyz")})
    model = MixedLinearRegressor("y ~ 1 + (1 | g)", sigma=1.0)
    with pytest.warns(SingularFitWarning):
        model.fit(frame)
    exact = -0.5 * (5.0 * np.log(2.0 * np.pi) + np.log(6.0))
    assert model.loglik_ == pytest.approx(exact, rel=SAME_ALGEBRA)
    assert model.theta_ == 0.0
    full = MixedLinearRegressor("y ~ 0 + f", sigma=2.0, reml=False).fit(frame)
    exact = -3.0 * np.log(2.0 * np.pi * 4.0)
    assert full.loglik_ == pytest.approx(exact, rel=SAME_ALGEBRA)
    np.testing.assert_allclose(np.diag(full.fixed_effects_cov_), 4.0)
