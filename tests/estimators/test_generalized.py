"""Generalised linear mixed models as estimators: reference, laws, scikit-learn."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from generalized_optima import random_rows
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import skmixed
from skmixed import (
    MixedBetaRegressor,
    MixedBinomialRegressor,
    MixedGammaRegressor,
    MixedInverseGaussianRegressor,
    MixedLogisticClassifier,
    MixedNegativeBinomialRegressor,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
    SeparationWarning,
)
from skmixed.datasets import (
    load_cbpp,
    load_contraception,
    load_grouseticks,
    load_wine,
    make_mixed_classification,
)
from skmixed.datasets.tables import read_table

# Against other programs, whose optimisers stop earlier (units of the log-likelihood).
SAME_LOGLIK = 2e-4
# Their estimates, in standard errors; relative of standard deviations and of errors.
SAME_ESTIMATE, SAME_SD, SAME_ERROR = 5e-3, 5e-3, 1e-2
# Two fits of one likelihood.
SAME_FIT = 1e-5
HERE = Path(__file__).resolve().parents[1]
CASES = json.loads((HERE / "reference" / "generalized.json").read_text())
LAPLACE = [case for case in CASES if case["n_quadrature"] == 1]


# -------------------------------------------------- scikit-learn's checks
def into_unit_interval(y):
    """Shares from the responses of scikit-learn's checks, which are any numbers."""
    try:
        numbers = np.asarray(y).astype(float)
    except (TypeError, ValueError):
        return y
    if not np.isfinite(numbers).all():
        return y
    return 0.1 + 0.8 / (1.0 + np.exp(-(numbers - 1.0) / 4.0))


class OnShares:
    """Run the common checks on responses that are shares."""

    def fit(self, X, y=None, sample_weight=None):
        y = y if y is None else into_unit_interval(y)
        return super().fit(X, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags._skip_test = False
        return tags


class BetaOnShares(OnShares, MixedBetaRegressor):
    """Beta regression."""


class BinomialOnShares(OnShares, MixedBinomialRegressor):
    """Shares of trials that are not counted."""

    def _check_response(self, family, design):
        """Take shares without their trials: a quasi-likelihood."""


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        MixedLogisticClassifier(),
        MixedOrdinalClassifier(),
        MixedPoissonRegressor(),
        MixedNegativeBinomialRegressor(),
        MixedGammaRegressor(),
        MixedInverseGaussianRegressor(),
        BetaOnShares(),
        BinomialOnShares(),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


# -------------------------------------------------- searches without an end
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_a_likelihood_that_is_not_concave_is_named_with_what_helps():
    frame, text, _, y, _ = random_rows(10)
    model = MixedInverseGaussianRegressor(text)
    with pytest.warns(ConvergenceWarning, match="not concave.*n_quadrature=5"):
        model.fit(frame, y)
    assert not model.converged_
    assert model.set_params(n_quadrature=5).fit(frame, y).converged_


# -------------------------------------------------- reference
def fit_case(case):
    frame = read_table(case["data"])
    options = {"link": case["link"]} if "link" in case else {}
    model = getattr(skmixed, case["estimator"])(
        case["formula"], n_quadrature=case["n_quadrature"], **options
    )
    weights = frame[case["weights"]] if "weights" in case else None
    return model.fit(frame, sample_weight=weights), frame


@pytest.mark.filterwarnings("ignore::skmixed.LaplaceAccuracyWarning")
@pytest.mark.parametrize("case", LAPLACE, ids=lambda case: case["id"])
def test_models_are_those_of_other_programs(case):
    model, frame = fit_case(case)
    assert abs(model.loglik_ - case["loglik"]) < SAME_LOGLIK
    if "fixef" not in case:
        return
    se = np.array(case["se"])
    off = np.abs(model.fixed_effects_.to_numpy() - case["fixef"])
    assert (off < SAME_ESTIMATE * se.max()).all()
    ours = np.sqrt(np.diag(model.fixed_effects_cov_))
    np.testing.assert_allclose(ours, se, rtol=SAME_ERROR)
    sd = [np.sqrt(np.diag(c)) for c in model.random_effects_cov_.values()]
    np.testing.assert_allclose(
        np.sort(np.concatenate(sd)), np.sort(case["sd"]), rtol=SAME_SD
    )
    if "dispersion" in case:
        assert model.dispersion_ == pytest.approx(case["dispersion"], rel=SAME_SD)
    for key, random_effects in (("fitted", True), ("population", False)):
        options = {"random_effects": random_effects, "averaged": False}
        if hasattr(model, "predict_proba"):
            ours = model.predict_proba(frame.head(10), **options)[:, 1]
        else:
            ours = model.predict(frame.head(10), **options)
        np.testing.assert_allclose(ours, case[key], rtol=SAME_SD)


def test_wine_ratings_are_those_of_clmm():
    model = MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)")
    model.fit(load_wine().frame)
    # Christensen (2019), vignette of the R package ordinal: 3.063, 1.835, 1.280
    assert model.fixed_effects_.round(3).tolist() == [3.063, 1.835]
    assert model.random_effects_cov_["judge"].iloc[0, 0] == pytest.approx(
        1.28, abs=5e-3
    )
    assert model.classes_.tolist() == ["1", "2", "3", "4", "5"]
    assert (np.diff(model.thresholds_) > 0).all()


# -------------------------------------------------- laws
@pytest.fixture(scope="module")
def women():
    return load_contraception().frame.iloc[::3].reset_index(drop=True)


@pytest.fixture(scope="module")
def herds():
    return load_cbpp().frame


def same_fit(one, other, tolerance=SAME_FIT):
    np.testing.assert_allclose(
        one.fixed_effects_, other.fixed_effects_, rtol=0, atol=tolerance
    )


def test_left_sides_of_two_columns_are_one_model(herds):
    right = " ~ period + (1 | herd)"
    written = MixedBinomialRegressor("cbind(incidence, size - incidence)" + right)
    models = [
        written.fit(herds),
        MixedBinomialRegressor("incidence / size" + right).fit(herds),
        MixedBinomialRegressor("incidence / size" + right).fit(
            herds, sample_weight=herds["size"]
        ),
        MixedBinomialRegressor(right).fit(
            herds, herds.incidence / herds["size"], herds["size"]
        ),
    ]
    for other in models[1:]:
        same_fit(models[0], other)
        assert other.loglik_ == pytest.approx(models[0].loglik_, abs=SAME_FIT)
    assert models[0].formula_.startswith("cbind(incidence, size - incidence) ~ 1 + ")
    assert models[0].score(herds) == pytest.approx(models[1].score(herds))


def test_weight_two_is_the_row_twice(women):
    twice = MixedLogisticClassifier("use ~ age + (1 | district)").fit(
        pd.concat([women, women])
    )
    weighted = MixedLogisticClassifier("use ~ age + (1 | district)").fit(
        women, sample_weight=np.full(len(women), 2.0)
    )
    same_fit(twice, weighted)
    assert twice.loglik_ == pytest.approx(weighted.loglik_, rel=SAME_FIT)


def test_labels_do_not_matter_but_in_their_names(women):
    formula = "~ age + urban + (1 | district)"
    text = MixedLogisticClassifier(formula).fit(women, women["use"])
    numbers = (women["use"] == "Y").to_numpy()
    other = MixedLogisticClassifier(formula).fit(women, numbers)
    same_fit(text, other)
    assert text.classes_.tolist() == ["N", "Y"]
    assert other.classes_.tolist() == [False, True]
    assert set(text.predict(women)) <= {"N", "Y"}
    assert text.score(women, women["use"]) == other.score(women, numbers)
    named = MixedLogisticClassifier("use " + formula).fit(women)
    assert named.score(women) == text.score(women, women["use"])


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_the_sign_of_the_decision_is_the_prediction(women, link):
    model = MixedLogisticClassifier("use ~ age + (1 | district)", link=link).fit(women)
    positive = model.decision_function(women) > 0
    assert (model.predict(women) == np.where(positive, "Y", "N")).all()


@pytest.mark.filterwarnings("ignore::skmixed.LaplaceAccuracyWarning")
def test_averaged_predictions_of_new_groups_are_calibrated():
    X, y = make_mixed_classification(
        300, 8, n_random_slopes=0, covariance=[[4.0]], intercept=-2.0, random_state=0
    )
    train, test = next(GroupKFold(2).split(X, y, X["group"]))
    model = MixedLogisticClassifier("~ x0 + x1 + (1 | group)")
    model.fit(X.iloc[train], y.iloc[train])
    new, truth = X.iloc[test], y.iloc[test]
    averaged = model.predict_proba(new)
    plugged = model.predict_proba(new, averaged=False)
    assert log_loss(truth, averaged) < log_loss(truth, plugged)
    gap = abs(averaged[:, 1].mean() - truth.mean())
    assert gap < abs(plugged[:, 1].mean() - truth.mean())


def test_averaged_probabilities_are_the_integral_over_the_effects(women):
    model = MixedLogisticClassifier("use ~ age + (1 | district)").fit(women)
    new = women.head(3).assign(district=10_000)
    eta = model.predict_proba(new, averaged=False)[:, 1]
    eta = np.log(eta / (1 - eta))
    sd = float(np.sqrt(model.random_effects_cov_["district"].iloc[0, 0]))
    grid = np.linspace(-8, 8, 4001)
    mass = np.exp(-0.5 * grid**2)
    p = 1 / (1 + np.exp(-(eta[:, None] + sd * grid)))
    np.testing.assert_allclose(
        model.predict_proba(new)[:, 1], p @ mass / mass.sum(), atol=SAME_FIT
    )


def test_crossed_factors_take_their_covariance_into_the_average():
    X, y = make_mixed_classification(
        12, 6, n_features=1, n_random_slopes=0, second_factor="crossed", n_second=5,
        random_state=1,
    )  # fmt: skip
    model = MixedLogisticClassifier("~ x0 + (1 | group) + (1 | item)").fit(X, y)
    _, _, variance = model._predictor(X, True, True)
    W = model.predict_proba(X, averaged=False)[:, 1]
    W = W * (1 - W)
    Z = np.hstack([pd.get_dummies(X[c]).to_numpy(float) for c in ("group", "item")])
    psi = [c.iloc[0, 0] for c in model.random_effects_cov_.values()]
    keep = np.repeat(psi, [X["group"].nunique(), X["item"].nunique()])
    root = np.sqrt(keep)
    middle = np.eye(len(keep)) + root[:, None] * (Z.T @ (W[:, None] * Z)) * root
    C = root[:, None] * np.linalg.inv(middle) * root
    np.testing.assert_allclose(
        variance, np.einsum("na,ab,nb->n", Z, C, Z), rtol=1e-3, atol=1e-6
    )


def test_without_bars_it_is_the_plain_generalised_linear_model(women):
    model = MixedLogisticClassifier("use ~ age + urban").fit(women)
    X = np.column_stack([np.ones(len(women)), women["age"], women["urban"] == "Y"])
    X, y = X.astype(float), (women["use"] == "Y").to_numpy(float)
    p = model.predict_proba(women)[:, 1]
    np.testing.assert_allclose(X.T @ (y - p), 0.0, atol=1e-2)
    assert model.random_effects_ == {}


def test_offsets_are_exposures():
    ticks = load_grouseticks().frame
    ticks = ticks.assign(hours=1.0 + ticks["INDEX"] % 3)
    with_time = MixedPoissonRegressor(
        "TICKS ~ YEAR + offset(log(hours)) + (1 | BROOD)"
    ).fit(ticks)
    double = ticks.assign(hours=2 * ticks["hours"])
    np.testing.assert_allclose(
        with_time.predict(double), 2 * with_time.predict(ticks), rtol=SAME_FIT
    )


# -------------------------------------------------- scikit-learn's tools
def test_grid_search_goes_over_formulas_and_links(women):
    X, y = women.drop(columns="use"), women["use"]
    search = GridSearchCV(
        MixedLogisticClassifier("~ age + (1 | district)"),
        {"formula": ["~ age", "~ age + (1 | district)"], "link": ["logit", "probit"]},
        scoring="neg_log_loss",
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_copies_predict_the_same(women):
    model = MixedLogisticClassifier("use ~ age + (1 | district)").fit(women)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(women), model.predict_proba(women))
    assert not hasattr(clone(model), "fitted_")


def test_files_of_skops_hold_types_that_are_told(women):
    formula = "~ age + (1 | district)"
    models = [
        MixedLogisticClassifier("use " + formula).fit(women),
        MixedOrdinalClassifier("livch ~ age + (1 | district)").fit(
            women, women["livch"].cat.as_ordered()
        ),
    ]
    for model in models:
        data = skops.io.dumps(model)
        copy = skops.io.loads(data, trusted=skmixed.trusted_types())
        np.testing.assert_array_equal(
            copy.predict_proba(women), model.predict_proba(women)
        )


def test_polars_frames_and_labels_are_read(women):
    frame = pl.from_pandas(women.astype({"use": str, "urban": str, "livch": str}))
    formula = "use ~ age + (1 | district)"
    same_fit(
        MixedLogisticClassifier(formula).fit(frame),
        MixedLogisticClassifier(formula).fit(women),
    )
    X, y = frame.drop("use"), frame["use"]
    model = MixedLogisticClassifier("~ age + (1 | district)").fit(X, y)
    assert model.classes_.tolist() == ["N", "Y"]
    assert model.predict_proba(X).shape == (len(women), 2)


def test_missing_values_are_left_out_and_predicted_as_missing(women):
    holes = women.copy()
    holes.loc[0, "age"] = np.nan
    holes.loc[1, "use"] = None
    with pytest.raises(ValueError, match="NaN"):
        MixedLogisticClassifier("use ~ age + (1 | district)").fit(holes)
    model = MixedLogisticClassifier("use ~ age + (1 | district)", na_action="drop")
    model.fit(holes)
    assert (model.n_obs_, model.n_dropped_) == (len(women) - 2, 2)
    assert np.isnan(model.predict_proba(holes)[0]).all()
    assert model.predict(holes)[0] is None
    assert 0 < model.score(holes.drop(index=1)) <= 1


def test_unseen_groups_are_averaged_over_or_refused(women):
    model = MixedLogisticClassifier("use ~ age + (1 | district)", unseen_groups="error")
    model.fit(women)
    with pytest.raises(ValueError, match="fit did not see"):
        model.predict(women.head(1).assign(district=10_000))


def test_cross_validation_of_counts_runs():
    ticks = load_grouseticks().frame
    scores = cross_val_score(
        MixedNegativeBinomialRegressor("~ cHEIGHT + (1 | BROOD)"),
        ticks.drop(columns="TICKS"),
        ticks["TICKS"],
        cv=3,
    )
    assert np.isfinite(scores).all()


# -------------------------------------------------- bad data, by name
BAD = {
    "one class": (MixedLogisticClassifier, np.zeros(20), "only one class"),
    "three classes": (MixedLogisticClassifier, np.arange(20) % 3, "Only binary"),
    "a continuous label": (MixedLogisticClassifier, np.arange(20) / 7, "continuous"),
    "one grade": (MixedOrdinalClassifier, np.ones(20), "only one class"),
    "negative counts": (MixedPoissonRegressor, np.arange(20) - 3, "not negative"),
    "zero amounts": (MixedGammaRegressor, np.arange(20), "positive"),
    "negative amounts": (MixedInverseGaussianRegressor, -np.ones(20), "positive"),
    "shares beyond one": (MixedBinomialRegressor, np.arange(20), "between 0 and 1"),
    "shares without trials": (
        MixedBinomialRegressor,
        np.full(20, 0.3),
        "number of trials",
    ),
    "a share of one": (MixedBetaRegressor, np.linspace(0.1, 1, 20), "strictly between"),
}


@pytest.mark.parametrize("name", BAD)
def test_impossible_responses_are_refused_by_name(name):
    estimator, y, message = BAD[name]
    X = pd.DataFrame({"x": np.arange(20.0), "g": np.arange(20) % 4})
    with pytest.raises(ValueError, match=message):
        estimator("~ x + (1 | g)").fit(X, y)


def test_fractional_counts_and_unordered_grades_are_pointed_out():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=60), "g": np.arange(60) % 10})
    y = rng.poisson(3.0, 60) + 0.0
    y[0] = 2.5
    with pytest.warns(UserWarning, match="not whole numbers, such as 2.5"):
        MixedPoissonRegressor("~ x").fit(X, y)
    grades = np.array(["low", "middle", "top"])[rng.integers(3, size=60)]
    with pytest.warns(UserWarning, match="ordered category"):
        MixedOrdinalClassifier("~ x").fit(X, grades)
    with pytest.raises(ValueError, match="in place of the intercept"):
        MixedOrdinalClassifier("~ 0 + x").fit(X, rng.integers(3, size=60))


def test_separation_names_the_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=200), "g": np.arange(200) % 10})
    X["f"] = np.where(np.arange(200) < 20, "b", "a")
    y = (rng.uniform(size=200) < 0.5).astype(int)
    y[:20] = 1
    with pytest.warns(SeparationWarning, match=r"f\[T.b\]"):
        MixedLogisticClassifier("~ x + f").fit(X, y)


def test_coefficients_at_a_far_origin_are_not_taken_for_separation(recwarn):
    """That of f[T.b] is its effect in the year 0."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"year": rng.integers(1990, 2020, 400), "g": np.arange(400) % 20})
    X["f"] = rng.choice(["a", "b"], 400)
    eta = 0.1 * (X["year"] - 2005) * (X["f"] == "b")
    y = (rng.uniform(size=400) < 1 / (1 + np.exp(-eta))).astype(int)
    model = MixedLogisticClassifier("~ year * f + (1 | g)").fit(X, y)
    assert abs(model.fixed_effects_["f[T.b]"]) > 100
    assert not [w for w in recwarn if issubclass(w.category, SeparationWarning)]


# -------------------------------------------------- statements
@pytest.fixture(scope="module")
def cbpp(herds):
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    return MixedBinomialRegressor(formula).fit(herds)


def test_summary_prints_as_glmer_does(cbpp):
    text = str(cbpp.summary())
    assert "Family: binomial (logit)" in text
    assert "z value" in text
    assert "Residual" not in text
    assert "-1.3985" in text
    ratios = cbpp.summary(exponentiate=True).fixed
    np.testing.assert_allclose(ratios["estimate"], np.exp(cbpp.fixed_effects_))


def test_intervals_are_walds(cbpp):
    table = cbpp.conf_int(exponentiate=True)
    # From the exact Hessian, as in glmmTMB; lme4's own is 1 % narrower: -1.586, -0.398.
    np.testing.assert_allclose(
        np.log(table.loc["period[T.2]", ["lower", "upper"]].astype(float)),
        [-1.593, -0.391],
        atol=1e-3,
    )
    with pytest.raises(ValueError, match="pass the table"):
        cbpp.conf_int(method="profile")
    with pytest.raises(ValueError, match="no parameter"):
        cbpp.conf_int("sd_size|herd")
    with pytest.raises(ValueError, match="no meaning"):
        cbpp.conf_int("variance", exponentiate=True)


def test_shares_of_variance_are_those_of_performance(cbpp):
    # lme4 has a variance of 0.41225, over itself plus pi^2 / 3
    assert cbpp.icc().loc["herd", "adjusted"] == pytest.approx(0.1114, abs=1e-4)
    assert (cbpp.variance_partition()["variance"]["Residual"]) == pytest.approx(
        np.pi**2 / 3
    )


def test_tests_are_chi_squares(cbpp, herds):
    table = skmixed.anova(cbpp)
    assert list(table.columns) == ["chi2", "df", "p"]
    null = MixedBinomialRegressor("incidence / size ~ 1 + (1 | herd)").fit(herds)
    ratio = skmixed.likelihood_ratio_test(null, cbpp)
    assert ratio["chi2"].iloc[1] == pytest.approx(25.61, abs=0.01)  # anova() of lme4
    pooled = MixedBinomialRegressor("incidence / size ~ period").fit(herds)
    boundary = skmixed.likelihood_ratio_test(pooled, cbpp)
    assert boundary["reference"].iloc[1] == "0.5 chi2(0) + 0.5 chi2(1)"
    with pytest.raises(ValueError, match="normal distribution"):
        skmixed.anova(cbpp, ddf="satterthwaite")


def test_ratios_of_other_families_and_approximations_are_refused(cbpp, herds):
    formula = "incidence / size ~ 1 + (1 | herd)"
    probit = MixedBinomialRegressor(formula, link="probit").fit(herds)
    with pytest.raises(ValueError, match="probit"):
        skmixed.likelihood_ratio_test(probit, cbpp)
    half = herds.assign(incidence=herds.incidence // 2)
    other = MixedBinomialRegressor(formula).fit(half)
    with pytest.raises(ValueError, match="different responses"):
        skmixed.likelihood_ratio_test(other, cbpp)


def test_marginal_means_on_both_scales(cbpp):
    # emmeans of lme4's fit prints 0.19808 with a standard error of 0.03673
    means = skmixed.emmeans(cbpp, "period", scale="response").frame
    eta = skmixed.emmeans(cbpp, "period").frame["estimate"]
    np.testing.assert_allclose(means["estimate"], 1 / (1 + np.exp(-eta)))
    assert means["estimate"].iloc[0] == pytest.approx(0.19808, abs=1e-3)
    assert means["std_error"].iloc[0] == pytest.approx(0.03673, abs=1e-3)


def test_intervals_of_predictions_hold_the_simulated_share(cbpp, herds):
    bounds = cbpp.predict_interval(herds, confidence_level=0.9)
    drawn = cbpp.simulate(herds, n_samples=400, random_effects="fitted", random_state=0)
    inside = (drawn >= bounds[:, :1]) & (drawn <= bounds[:, 1:])
    assert inside.mean() > 0.9
    mean = cbpp.predict_interval(herds, kind="mean")
    plugged = cbpp.predict(herds, averaged=False)
    assert ((mean[:, 0] < plugged) & (plugged < mean[:, 1])).all()


def test_simulated_residuals_of_a_right_model_are_uniform():
    X, y, truth = make_mixed_classification(
        80, 20, n_random_slopes=0, return_truth=True, random_state=3
    )
    model = MixedLogisticClassifier(truth.formula.replace("y ~", "~")).fit(X, y)
    found = skmixed.inspection.simulated_residuals(model, X, y, random_state=0)
    assert found.tests.loc["uniformity", "p_value"] > 0.01
    assert found.residuals.between(0, 1).all()


def test_overdispersion_is_seen():
    ticks = load_grouseticks().frame
    model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT").fit(ticks)
    found = skmixed.inspection.simulated_residuals(model, ticks, random_state=0)
    assert found.tests.loc["dispersion", "statistic"] > 5
    assert found.tests.loc["dispersion", "p_value"] < 0.05


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [0, 11, 16])
@pytest.mark.parametrize("bars", ["(1 + x | g)", "(1 + x || g)"])
def test_very_skewed_responses_end_finite(seed, bars):
    """Observed weights of the inverse Gaussian family may be negative."""
    rng = np.random.default_rng(seed)
    n, g = 120, np.arange(120) // 5
    X = pd.DataFrame({"x": rng.normal(size=n), "a": rng.normal(size=n), "g": g})
    mean = 0.3 + 0.5 * X["x"] + 0.5 * rng.normal(size=24)[g]
    mean = np.exp(mean + 0.2 * rng.normal(size=24)[g] * X["x"])
    formula = f"~ x * a + {bars}"
    model = MixedInverseGaussianRegressor(formula, tol=1e-6, max_iter=2000)
    model.fit(X, rng.wald(mean, 0.7))
    assert np.isfinite(model.loglik_)
    assert np.isfinite(model.fixed_effects_).all()


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize(
    ("model", "value"),
    [
        (MixedPoissonRegressor("~ x + (1 | g)"), 0.0),
        (MixedBinomialRegressor("~ x + (1 | g)"), 0.0),
        (MixedBinomialRegressor("~ x + (1 | g)"), 1.0),
    ],
)
def test_responses_at_one_end_are_named(model, value):
    X = pd.DataFrame({"x": np.arange(60.0) % 7, "g": np.arange(60) // 10})
    with pytest.warns(SeparationWarning, match=f"All responses are {value:g}"):
        model.fit(X, np.full(60, value))
    assert np.isfinite(model.loglik_)
