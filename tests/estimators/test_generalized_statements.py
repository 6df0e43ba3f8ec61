"""Every statement of every generalised model: it works, or is refused by name."""

import os

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import skmixed
from skmixed import inspection

mpl.use("Agg")

# Quantities of one model that two ways of computing them give.
SAME = 1e-8
# Integrals by nodes against closed forms.
SAME_INTEGRAL = 1e-6
LEFT = {
    "MixedLogisticClassifier": "yes",
    "MixedBinomialRegressor": "k / n",
    "MixedOrdinalClassifier": "grade",
    "MixedPoissonRegressor": "count",
    "MixedNegativeBinomialRegressor": "more",
    "MixedGammaRegressor": "amount",
    "MixedInverseGaussianRegressor": "skewed",
    "MixedBetaRegressor": "share",
}
NAMES = list(LEFT)
GRADES = "MixedOrdinalClassifier"
LABELS = ("MixedLogisticClassifier", GRADES)


@pytest.fixture(scope="module")
def frame():
    """Responses of every kind, of one linear predictor."""
    rng = np.random.default_rng(0)
    n, n_groups = 240, 24
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "a": rng.choice(["u", "v", "w"], n),
            "g": np.repeat(np.arange(n_groups), n // n_groups),
        }
    )
    effects = 0.6 * rng.normal(size=n_groups)
    eta = 0.3 + 0.5 * table["x"] + effects[table["g"]]
    mu, p = np.exp(eta), 1 / (1 + np.exp(-eta))
    table["yes"] = np.where(rng.uniform(size=n) < p, "Y", "N")
    table["n"] = rng.integers(3, 9, n)
    table["k"] = rng.binomial(table["n"], p)
    table["count"] = rng.poisson(mu)
    table["more"] = rng.negative_binomial(2, 2 / (2 + mu))
    table["amount"] = rng.gamma(3, mu / 3)
    table["skewed"] = rng.wald(mu, 3.0)
    table["share"] = np.clip(rng.beta(p * 8, (1 - p) * 8), 1e-4, 1 - 1e-4)
    grades = np.digitize(eta + rng.logistic(size=n), [-1, 0, 1.5])
    table["grade"] = pd.Categorical(grades, ordered=True)
    return table


@pytest.fixture(scope="module")
def models(frame):
    """A model and a smaller one of every family, by the estimator's name."""
    return {
        name: [
            getattr(skmixed, name)(f"{left} ~ {right}").fit(frame)
            for right in ("x + a + (1 | g)", "x + (1 | g)")
        ]
        for name, left in LEFT.items()
    }


# Statements about a model m, a smaller one o, and the table X of the fit. Beside them
# the families that refuse, and what they say.
SHARES = {
    "MixedInverseGaussianRegressor": "scale='response'",
    "MixedBetaRegressor": "scale='response'",
}
STATEMENTS = {
    "summary": (lambda m, o, X: m.summary(), {}),
    "ratios": (lambda m, o, X: m.summary(exponentiate=True), {}),
    "conf_int": (lambda m, o, X: m.conf_int(), {}),
    "describe": (lambda m, o, X: m.describe(), {}),
    "skmixed.describe": (lambda m, o, X: skmixed.describe(m), {}),
    "equations": (lambda m, o, X: m.equations(), {}),
    "icc": (lambda m, o, X: m.icc(), SHARES),
    "icc response": (
        lambda m, o, X: m.icc(scale="response"),
        {GRADES: "Grades have no variance"},
    ),
    "r2_nakagawa": (lambda m, o, X: m.r2_nakagawa(), SHARES),
    "r2 response": (
        lambda m, o, X: m.r2_nakagawa(scale="response"),
        {GRADES: "Grades have no variance"},
    ),
    "variance_partition": (lambda m, o, X: m.variance_partition(), SHARES),
    "predict": (lambda m, o, X: m.predict(X), {}),
    "predict_interval": (
        lambda m, o, X: m.predict_interval(X),
        dict.fromkeys(LABELS, "predict_proba"),
    ),
    "simulate": (lambda m, o, X: m.simulate(X), {}),
    "score": (lambda m, o, X: m.score(X), {}),
    "random_effects_": (lambda m, o, X: m.random_effects_, {}),
    "conditional_cov_": (lambda m, o, X: m.conditional_cov_, {}),
    "group_coef_": (lambda m, o, X: m.group_coef_, {}),
    "anova": (lambda m, o, X: skmixed.anova(m), {}),
    "anova of two": (lambda m, o, X: skmixed.anova(o, m), {}),
    "contrast_test": (lambda m, o, X: skmixed.contrast_test(m, "x = 0"), {}),
    "compare_table": (lambda m, o, X: skmixed.compare_table([m, o]), {}),
    "likelihood_ratio_test": (
        lambda m, o, X: skmixed.likelihood_ratio_test(o, m),
        {},
    ),
    "drop_fixed_terms": (lambda m, o, X: skmixed.drop_fixed_terms(m), {}),
    "drop_random_terms": (lambda m, o, X: skmixed.drop_random_terms(o, X), {}),
    "emmeans": (lambda m, o, X: skmixed.emmeans(m, "a"), {}),
    "emmeans response": (
        lambda m, o, X: skmixed.emmeans(m, "a", scale="response"),
        {GRADES: "predict_proba"},
    ),
    "emmeans averaged": (
        lambda m, o, X: skmixed.emmeans(m, "a", scale="response", averaged=True),
        {GRADES: "predict_proba"},
    ),
    "emtrends": (lambda m, o, X: skmixed.emtrends(m, "x", "a"), {}),
    "fit_many": (
        lambda m, o, X: skmixed.fit_many(m, X, X[["count"]]),
        dict.fromkeys(NAMES, "fit_many is for MixedLinearRegressor"),
    ),
    "pool": (
        lambda m, o, X: skmixed.pool([m, m]),
        dict.fromkeys(NAMES, "linear mixed models"),
    ),
    "cluster_robust": (
        lambda m, o, X: skmixed.cluster_robust(m, X),
        dict.fromkeys(NAMES, "linear mixed models"),
    ),
    "conf_int all": (lambda m, o, X: m.conf_int(["fixed", "variance"]), {}),
    "profile": (lambda m, o, X: o.profile("x", X=X), {}),
    "conf_int profile": (
        lambda m, o, X: o.conf_int("sd_Intercept|g", method="profile", X=X),
        {},
    ),
    "ProfileDisplay": (
        lambda m, o, X: inspection.ProfileDisplay.from_estimator(o, "x", X=X),
        {},
    ),
    "bootstrap": (lambda m, o, X: o.bootstrap(2, X=X, random_state=0), {}),
    "bootstrap_test": (
        lambda m, o, X: skmixed.bootstrap_test(o, m, 2, X=X, random_state=0),
        {},
    ),
    "influence": (lambda m, o, X: inspection.influence(o, X, level="g"), {}),
    "check_model": (lambda m, o, X: inspection.check_model(o, X), {}),
    "compare_approaches": (
        lambda m, o, X: skmixed.compare_approaches(o.formula, X, model=clone(o)),
        {},
    ),
    "compare_models": (lambda m, o, X: skmixed.compare_models([o], X, cv=2), {}),
    "as_marginaleffects": (
        lambda m, o, X: skmixed.as_marginaleffects(m, X),
        {GRADES: "a probability"},
    ),
    "johnson_neyman": (
        lambda m, o, X: skmixed.johnson_neyman(o, "x", "x:x", (0, 1)),
        dict.fromkeys(NAMES, "numeric column|column"),
    ),
    "report": (lambda m, o, X: o.report(os.devnull, X), {}),
    "GroupLinesDisplay": (
        lambda m, o, X: inspection.GroupLinesDisplay.from_estimator(m, X),
        {},
    ),
    "TrajectoriesDisplay": (
        lambda m, o, X: inspection.TrajectoriesDisplay.from_estimator(m, X),
        {},
    ),
    "ShrinkageDisplay": (
        lambda m, o, X: inspection.ShrinkageDisplay.from_estimator(m),
        dict.fromkeys(NAMES, "two random effects"),
    ),
    "ResidualsDisplay": (
        lambda m, o, X: inspection.ResidualsDisplay.from_estimator(m, X),
        {},
    ),
    "ResidualsDisplay marginal": (
        lambda m, o, X: inspection.ResidualsDisplay.from_estimator(
            m, X, kind="marginal"
        ),
        dict.fromkeys(NAMES, "linear mixed models"),
    ),
    "VarianceDisplay": (
        lambda m, o, X: inspection.VarianceDisplay.from_estimator(m),
        SHARES,
    ),
    "VarianceDisplay response": (
        lambda m, o, X: inspection.VarianceDisplay.from_estimator(m, scale="response"),
        {GRADES: "Grades have no variance"},
    ),
    "InfluenceDisplay": (
        lambda m, o, X: inspection.InfluenceDisplay.from_estimator(o, X, level="g"),
        {},
    ),
    "RandomEffectsDisplay": (
        lambda m, o, X: inspection.RandomEffectsDisplay.from_estimator(m),
        {},
    ),
    "simulated_residuals": (
        lambda m, o, X: inspection.simulated_residuals(
            m, X, n_simulations=20, random_state=0
        ),
        {},
    ),
}


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:.*missing values")
def test_statements_work_or_are_refused_by_name(models, frame, name, statement):
    say, refused = STATEMENTS[statement]
    if statement == "as_marginaleffects" and name not in refused:
        pytest.importorskip("marginaleffects")
    if name in refused:
        with pytest.raises(ValueError, match=refused[name]):
            say(*models[name], frame)
        return
    found = say(*models[name], frame)
    plt.close("all")
    if hasattr(found, "to_text"):
        assert max(map(len, str(found).splitlines())) <= 80


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "method",
    [
        "adapt",
        "refit",
        "marginal_cov",
        "design_effect",
        "variance_std_errors",
        "sigma_",
    ],
)
def test_what_only_linear_models_have_is_named(models, name, method):
    model = models[name][0]
    assert not hasattr(model, method)
    with pytest.raises(AttributeError, match=r"linear mixed models\. \w"):
        getattr(model, method)


# ------------------------------------------------------------------ variances
def test_shares_of_counts_have_closed_forms(models):
    """E exp(eta) of a normal eta is that of the log-normal distribution."""
    model = models["MixedPoissonRegressor"][1]
    latent = model.variance_partition()["variance"]
    f, g = latent["Fixed effects"], latent["g"]
    fit = model.fitted_
    middle = fit.moments.mean @ fit.result.A.basis.fixed.coordinates @ fit.result.coef
    mean = np.exp(middle + (f + g) / 2)
    found = model.variance_partition(scale="response")["variance"]
    expected = [
        mean**2 * np.expm1(f),
        mean**2 * np.exp(f) * np.expm1(g),
        mean,
    ]
    np.testing.assert_allclose(found, expected, rtol=SAME_INTEGRAL)
    icc = model.icc(scale="response").loc["g", "adjusted"]
    assert icc == pytest.approx(expected[1] / (expected[1] + mean), rel=SAME_INTEGRAL)


@pytest.mark.parametrize("name", [n for n in NAMES if n != GRADES])
def test_parts_of_the_variance_add_up_to_that_of_the_responses(models, name):
    """Against a sum over a fine grid of one normal predictor."""
    model = models[name][0]
    result, fit = model.result_, model.fitted_
    parts = model.variance_partition(scale="response")["variance"]
    spread = float(fit.result.covariances[0][0, 0])
    slope = fit.moments.fixed
    coef = result.A.basis.fixed.coordinates @ result.coef
    total = spread + coef @ slope @ coef
    grid = np.linspace(-9, 9, 20_001)
    mass = np.exp(-0.5 * grid**2)
    mass /= mass.sum()
    eta = fit.moments.mean @ coef + np.sqrt(total) * grid
    mean = model.family_.mean(eta, result.psi)
    law = model.family_.distribution(eta, result.psi, 1.0)
    whole = mass @ mean**2 - (mass @ mean) ** 2 + mass @ law.var()
    assert parts.sum() == pytest.approx(whole, rel=SAME_INTEGRAL)


def test_offsets_are_no_part_of_the_responses_variance(frame):
    model = skmixed.MixedPoissonRegressor("count ~ x + offset(z) + (1 | g)")
    with pytest.raises(ValueError, match="offsets"):
        model.fit(frame).icc(scale="response")


# ------------------------------------------------------------------ marginal means
def test_averaged_means_are_averaged_predictions(models, frame):
    model = models["MixedLogisticClassifier"][0]
    means = skmixed.emmeans(model, "a", scale="response", averaged=True).frame
    rows = pd.DataFrame({"a": means["a"], "x": frame["x"].mean(), "g": -1})
    np.testing.assert_allclose(
        means["estimate"], model.predict_proba(rows)[:, 1], rtol=SAME
    )
    plain = skmixed.emmeans(model, "a", scale="response").frame
    assert (abs(means["estimate"] - 0.5) < abs(plain["estimate"] - 0.5)).all()
    with pytest.raises(ValueError, match="scale='response'"):
        skmixed.emmeans(model, "a", averaged=True)


def test_slopes_are_those_of_the_predictor(models):
    model = models["MixedPoissonRegressor"][0]
    slopes = skmixed.emtrends(model, "x", "a").frame
    np.testing.assert_allclose(
        slopes["estimate"], model.fixed_effects_["x"], rtol=SAME_INTEGRAL
    )


# ------------------------------------------------------------------ terms left out
def test_terms_left_out_are_tested_as_ratios_of_two_fits(models, frame):
    pooled = skmixed.MixedBinomialRegressor("k / n ~ x").fit(frame)
    smaller = models["MixedBinomialRegressor"][1]
    table = skmixed.drop_random_terms(smaller, frame)
    ratio = skmixed.likelihood_ratio_test(pooled, smaller)
    assert table["chi2"].iloc[1] == pytest.approx(ratio["chi2"].iloc[1], rel=SAME)
    assert table["reference"].iloc[1] == "0.5 chi2(0) + 0.5 chi2(1)"
    model = models["MixedBinomialRegressor"][0]
    wald = skmixed.drop_fixed_terms(model)
    assert wald["chi2"]["a"] == pytest.approx(skmixed.anova(model)["chi2"]["a"])


@pytest.mark.filterwarnings("ignore::skmixed.LaplaceAccuracyWarning")
def test_quadrature_needs_none_without_effects(frame):
    model = skmixed.MixedLogisticClassifier("yes ~ x + (1 | g)", n_quadrature=7)
    table = skmixed.drop_random_terms(model.fit(frame), frame)
    assert table["chi2"].iloc[1] > 0
