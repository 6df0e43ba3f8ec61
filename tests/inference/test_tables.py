"""The tables say what lme4 says, in the layout that lme4 prints."""

import numpy as np
import pytest

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_pastes, load_sleepstudy


@pytest.fixture(scope="module")
def sleep():
    return load_sleepstudy().frame


@pytest.fixture(scope="module")
def model(sleep):
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)


def test_print_is_that_of_lme4(model):
    # lme4: summary(lmer(Reaction ~ Days + (Days | Subject), sleepstudy)), whose
    # optimiser stops at 612.10 and 24.741
    expected = """\
Linear mixed model fit by REML
Formula: Reaction ~ 1 + Days + (1 + Days | Subject)

REML criterion at convergence: 1743.6

Random effects:
Groups   Name      Variance Std.Dev. Corr
Subject  Intercept   612.09   24.740
         Days         35.07    5.922 0.07
Residual             654.94   25.592
Number of obs: 180, groups:  Subject, 18

Fixed effects:
          Estimate Std. Error df t value Pr(>|t|)
Intercept  251.405      6.825 17  36.838  < 2e-16
Days        10.467      1.546 17   6.771 3.26e-06

Tests of fixed effects use Satterthwaite's degrees of freedom.
Converged (batched): one more step would lower the deviance by less than 1e-8."""
    assert str(model.summary()) == expected


def test_maximum_likelihood_prints_the_criteria(sleep):
    formula = "Reaction ~ Days + (Days || Subject)"
    summary = MixedLinearRegressor(formula, reml=False).fit(sleep).summary()
    text = str(summary)
    # lme4: AIC 1762.0, BIC 1778.0, logLik -876.0, deviance 1752.0, df.resid 175
    assert "fit by maximum likelihood" in text
    head, values = text.split("\n\n")[1].splitlines()
    assert head.split() == ["AIC", "BIC", "logLik", "deviance", "df.resid"]
    assert values.split() == ["1762.0", "1778.0", "-876.0", "1752.0", "175"]
    assert "corr_1" not in summary.random


def test_tables_agree_with_the_attributes(model):
    summary = model.summary()
    np.testing.assert_array_equal(summary.fixed["estimate"], model.fixed_effects_)
    variances = np.diag(model.fixed_effects_cov_)
    np.testing.assert_allclose(summary.fixed["std_error"] ** 2, variances)
    covariance = model.random_effects_cov_["Subject"]
    table = summary.random
    np.testing.assert_allclose(table["variance"][:2], np.diag(covariance))
    np.testing.assert_allclose(table["sd"] ** 2, table["variance"])
    off_diagonal = table["corr_1"][1] * table["sd"][0] * table["sd"][1]
    np.testing.assert_allclose(off_diagonal, covariance.iloc[0, 1])
    assert table["group"].tolist() == ["Subject", "Subject", "Residual"]
    assert summary.fit["aic"].item() == model.aic_
    assert summary.fit["n_obs"].item() == 180


def test_several_factors_and_their_sizes():
    model = MixedLinearRegressor("strength ~ 1 + (1 | batch/cask)")
    summary = model.fit(load_pastes().frame).summary()
    assert summary.random["group"].tolist() == ["batch", "batch:cask", "Residual"]
    assert "groups:  batch, 10; batch:cask, 30" in str(summary)


def test_html_has_both_tables(model):
    text = model.summary()._repr_html_()
    assert text.count("<table") == 2
    assert "Days" in text


def test_without_random_effects_it_is_a_linear_model(sleep):
    text = str(MixedLinearRegressor("Reaction ~ Days").fit(sleep).summary())
    assert text.startswith("Linear model fit by REML")
    assert "groups" not in text


def test_tiny_and_huge_numbers_stay_readable(sleep):
    scaled = sleep.assign(Days=sleep["Days"] * 1e9)
    text = str(MixedLinearRegressor("Reaction ~ Days").fit(scaled).summary())
    assert max(map(len, text.splitlines())) < 80
    assert "1.047e-08" in text
