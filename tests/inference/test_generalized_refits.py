"""Generalised models fitted again: to drawn responses, and without single groups."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import skmixed
from skmixed import (
    MixedBinomialRegressor,
    MixedGammaRegressor,
    MixedLogisticClassifier,
    MixedNegativeBinomialRegressor,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
)
from skmixed.datasets import load_cbpp, load_grouseticks, load_sleepstudy, load_wine
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.family_residuals import (
    FamilyRows,
    excess,
    predictor_at,
)
from skmixed.inference.diagnose.simulated_family import distance_to_uniform
from skmixed.inference.opened.family_refit import FamilyRefitter
from skmixed.inference.resample.family_draws import FamilyLaw
from skmixed.inspection import check_model, influence

# Two searches of one deviance: their difference, and of estimates in standard errors.
SAME_DEVIANCE, SAME_ESTIMATE = 1e-5, 1e-2
# Refits without a group against fits to the other rows; standard deviations likewise.
SAME_REFIT, SAME_SD = 1e-4, 1e-3
# Variances and zeros of thousands of rows over those expected; under estimated theta.
NO_EXCESS, LITTLE_EXCESS = 0.05, 0.1
# One number computed in two ways.
SAME_NUMBER = 1e-12
# Means of draws, in their standard errors; standard errors by draws, relative.
FEW_ERRORS, SAME_SPREAD = 4.0, 0.25

pytestmark = pytest.mark.filterwarnings(
    "ignore::skmixed.SingularFitWarning", "ignore::skmixed.LaplaceAccuracyWarning"
)


def herds():
    return load_cbpp().frame


def ticks():
    return load_grouseticks().frame


MODELS = {
    "shares": (MixedBinomialRegressor("incidence / size ~ period + (1 | herd)"), herds),
    "quadrature": (
        MixedBinomialRegressor(
            "incidence / size ~ period + (1 | herd)", n_quadrature=9
        ),
        herds,
    ),
    "probit": (
        MixedBinomialRegressor("incidence / size ~ period + (1 | herd)", link="probit"),
        herds,
    ),
    "grades": (
        MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)"),
        lambda: load_wine().frame,
    ),
    "nested counts": (
        MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | LOCATION / BROOD)"),
        ticks,
    ),
    "dispersed counts": (
        MixedNegativeBinomialRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)"),
        ticks,
    ),
    "slopes": (
        MixedGammaRegressor("Reaction ~ Days + (Days | Subject)"),
        lambda: load_sleepstudy().frame,
    ),
    "none": (MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT"), ticks),
}


@pytest.fixture(scope="module")
def fits():
    return {name: (model.fit(make()), make()) for name, (model, make) in MODELS.items()}


def rows_of(model, frame):
    return Rows.read_fitted(model, frame, generalized=True).design


# ------------------------------------------------------------------ refits
@pytest.mark.parametrize("name", MODELS)
def test_a_refit_to_the_same_response_is_the_fit(fits, name):
    model, frame = fits[name]
    found = FamilyRefitter(model.result_, rows_of(model, frame)).fit()
    assert found.converged
    assert found.criterion == pytest.approx(model.deviance_, abs=SAME_DEVIANCE)
    error = np.sqrt(np.diag(model.fixed_effects_cov_))
    off = (found.coef - model.fixed_effects_) / error
    assert np.abs(off).max() < SAME_ESTIMATE
    for own, theirs in zip(
        found.covariances, model.random_effects_cov_.values(), strict=True
    ):
        np.testing.assert_allclose(own, theirs, rtol=SAME_ESTIMATE)


@pytest.mark.parametrize("name", MODELS)
def test_a_refit_to_a_drawn_response_is_a_fit_to_it(fits, name):
    model, frame = fits[name]
    design = rows_of(model, frame)
    y = FamilyLaw(model.result_, design).draw(np.random.default_rng(3))
    refitted = FamilyRefitter(model.result_, design).fit(y)
    other = frame.drop(columns=model.spec_.response_columns)
    formula = "~" + model.formula.partition("~")[2]
    copy = type(model)(**{**model.get_params(), "formula": formula})
    if name == "grades":
        y = pd.Series(y.astype(int))
    fitted = copy.fit(other, y, sample_weight=design.weights)
    assert refitted.criterion == pytest.approx(fitted.deviance_, abs=SAME_DEVIANCE)


def test_drawn_responses_have_the_averaged_mean(fits):
    model, frame = fits["shares"]
    law = FamilyLaw(model.result_, rows_of(model, frame))
    rng = np.random.default_rng(0)
    drawn = np.array([law.draw(rng) for _ in range(400)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    mean = model.predict(frame, random_effects=False)
    assert (np.abs(drawn.mean(axis=0) - mean) < FEW_ERRORS * error).all()


# ------------------------------------------------------------------ the bootstrap
def test_the_bootstrap_has_walds_errors_and_does_not_depend_on_workers(fits):
    model, frame = fits["shares"]
    boot = model.bootstrap(200, X=frame, random_state=1)
    assert boot.n_failed == 0
    # of the last period a few draws have no cases at all
    np.testing.assert_allclose(
        boot.std_error[model.fixed_effects_.index][:3],
        np.sqrt(np.diag(model.fixed_effects_cov_))[:3],
        rtol=SAME_SPREAD,
    )
    few = [
        model.bootstrap(10, X=frame, random_state=1, n_jobs=n_jobs).replicates
        for n_jobs in (1, 2)
    ]
    pd.testing.assert_frame_equal(*few)
    table = model.conf_int(
        "sd_Intercept|herd", method="bootstrap", X=frame, n_resamples=30, random_state=1
    )
    assert table["lower"].iloc[0] < table["estimate"].iloc[0] < table["upper"].iloc[0]


def test_parameters_of_the_family_are_bootstrapped_too(fits):
    for name, own in (("dispersed counts", "dispersion"), ("grades", "2|3")):
        model, frame = fits[name]
        boot = model.bootstrap(5, X=frame, random_state=0, parameters=own)
        assert boot.replicates.columns.tolist() == [own]
        value = model.dispersion_ or model.thresholds_[1]
        assert boot.estimates[own] == pytest.approx(value)


def test_a_ratio_is_tested_by_draws_from_the_null_model(fits):
    model, frame = fits["shares"]
    null = MixedBinomialRegressor("incidence / size ~ 1 + (1 | herd)").fit(frame)
    found = skmixed.bootstrap_test(null, model, 99, X=frame, random_state=0)
    ratio = skmixed.likelihood_ratio_test(null, model)
    assert found["statistic"] == pytest.approx(ratio["chi2"].iloc[1])
    assert found["p"] == pytest.approx(0.01)
    # ratios of a true null are chi-square in large samples
    assert 1.5 < np.mean(found.attrs["ratios"]) < 5.0
    pooled = MixedBinomialRegressor("incidence / size ~ period").fit(frame)
    boundary = skmixed.bootstrap_test(pooled, model, 49, X=frame, random_state=0)
    assert boundary["p"] < 0.1


def test_rows_are_asked_for_and_must_be_those_of_the_fit(fits):
    model, frame = fits["shares"]
    with pytest.raises(ValueError, match="pass the table"):
        model.bootstrap(10)
    with pytest.raises(ValueError, match="pass the table"):
        skmixed.bootstrap_test(model, model, 9)
    with pytest.raises(ValueError, match="differ from those"):
        model.bootstrap(10, X=frame.assign(incidence=frame["incidence"][::-1].values))
    with pytest.raises(ValueError, match="differ from those"):
        model.bootstrap(10, X=frame.assign(period=frame["period"][::-1].values))
    with pytest.raises(ValueError, match="55 complete rows"):
        influence(model, frame.iloc[1:], level="herd")


def test_weights_that_are_no_trials_are_not_drawn_for():
    frame = ticks()
    w = np.full(len(frame), 2.0)
    model = MixedPoissonRegressor("TICKS ~ YEAR + (1 | BROOD)").fit(frame, None, w)
    with pytest.raises(ValueError, match="repeat such rows"):
        model.bootstrap(5, X=frame, sample_weight=w)


# ------------------------------------------------------------------ influence
@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("shares", "herd"),
        ("quadrature", "herd"),
        ("grades", "judge"),
        ("slopes", "Subject"),
        ("nested counts", "LOCATION"),
    ],
)
def test_influence_is_that_of_a_fit_without_the_group(fits, name, group):
    model, frame = fits[name]
    found = influence(model, frame, level=group)
    label = found.table.index[2]
    rest = frame[frame[group] != label]
    for column in rest.select_dtypes("category"):
        rest = rest.assign(**{column: rest[column].cat.remove_unused_categories()})
    other = type(model)(**{**model.get_params(), "tol": 1e-10}).fit(rest)
    np.testing.assert_allclose(
        found.coef.loc[label], other.fixed_effects_, rtol=SAME_REFIT, atol=SAME_REFIT
    )
    sd = [np.sqrt(np.diag(c)) for c in other.random_effects_cov_.values()]
    np.testing.assert_allclose(
        found.random_sd.loc[label], np.concatenate(sd), rtol=SAME_SD
    )
    moved = model.fixed_effects_ - other.fixed_effects_
    V = model.fixed_effects_cov_.to_numpy()
    cook = moved @ np.linalg.solve(V, moved) / len(moved)
    assert found.table.loc[label, "cooks_distance"] == pytest.approx(
        cook, rel=SAME_ESTIMATE
    )
    dfbetas = moved / np.sqrt(np.diag(other.fixed_effects_cov_))
    if len(model.result_.groups) == 1:
        np.testing.assert_allclose(
            found.dfbetas.loc[label], dfbetas, rtol=SAME_ESTIMATE, atol=SAME_ESTIMATE
        )


def test_a_group_that_determines_an_effect_leaves_it_open():
    frame = ticks()
    first = frame.loc[frame["TICKS"] > 3, "BROOD"].iloc[0]
    frame = frame.assign(alone=(frame["BROOD"] == first).astype(float))
    model = MixedPoissonRegressor("TICKS ~ alone + (1 | BROOD)").fit(frame)
    found = influence(model, frame, level="BROOD")
    assert found.coef.loc[first].isna().all()
    assert found.coef.drop(index=first).notna().all(axis=None)
    with pytest.raises(ValueError, match="leave refit=True"):
        influence(model, frame, level="BROOD", refit=False)


# ------------------------------------------------------------------ checks
def test_overdispersion_and_zeros_are_found_and_mended():
    frame = ticks()
    poisson = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT").fit(frame)
    report = check_model(poisson, frame).table
    assert report.loc["dispersion", "status"] == "problem"
    assert "MixedNegativeBinomialRegressor" in report.loc["dispersion", "finding"]
    assert report.loc["zeros", "status"] == "note"
    assert report.loc["distribution", "status"] == "note"
    wider = MixedNegativeBinomialRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
    report = check_model(wider.fit(frame), frame).table
    assert report.loc["zeros", "status"] == "ok"
    assert report.loc["distribution", "status"] == "ok"


@pytest.mark.parametrize(("base", "sd"), [(0.5, 0.7), (-1.0, 0.5), (-1.5, 1.2)])
def test_excess_is_none_where_the_model_is_right(base, sd):
    """Also of small counts, whose fitted means lie near to them."""
    rng = np.random.default_rng(0)
    n = 8000
    X = pd.DataFrame({"x": rng.normal(size=n), "g": np.arange(n) // 10})
    eta = base + 0.3 * X["x"] + sd * rng.normal(size=n // 10)[X["g"]]
    y = rng.poisson(np.exp(eta))
    model = MixedPoissonRegressor("~ x + (1 | g)").fit(X, y)
    design = Rows.read_fitted(model, X, y, generalized=True).design
    (ratio, p), (seen, expected, p_zeros) = excess(model.fitted_, design)
    assert ratio == pytest.approx(1.0, abs=NO_EXCESS)
    assert min(p, p_zeros) > 0.01
    assert expected == pytest.approx(seen, rel=NO_EXCESS)


def test_excess_finds_what_was_put_in():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"x": rng.normal(size=4000), "g": np.arange(4000) // 10})
    mu = np.exp(0.5 + 0.3 * X["x"] + 0.7 * rng.normal(size=400)[X["g"]])
    y = rng.negative_binomial(2.0, 2.0 / (2.0 + mu))
    model = MixedPoissonRegressor("~ x + (1 | g)").fit(X, y)
    (ratio, p), (seen, expected, _) = excess(
        model.fitted_, Rows.read_fitted(model, X, y, generalized=True).design
    )
    assert ratio > 1.5
    assert p < 1e-6
    assert seen > 1.1 * expected
    wider = MixedNegativeBinomialRegressor("~ x + (1 | g)").fit(X, y)
    design = Rows.read_fitted(wider, X, y, generalized=True).design
    (ratio, _), (seen, expected, _) = excess(wider.fitted_, design)
    assert ratio == pytest.approx(1.0, abs=LITTLE_EXCESS)
    assert expected == pytest.approx(seen, rel=NO_EXCESS)


def test_quantile_residuals_are_normal_where_groups_are_known_well():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=4000), "g": np.arange(4000) // 200})
    eta = 0.5 + 0.3 * X["x"] + 0.7 * rng.normal(size=20)[X["g"]]
    y = rng.poisson(np.exp(eta))
    model = MixedPoissonRegressor("~ x + (1 | g)").fit(X, y)
    result = model.result_
    design = Rows.read_fitted(model, X, y, generalized=True).design
    eta = predictor_at(result, design, result.modes)
    scores = FamilyRows(result, design.y, 1.0, eta)
    scores = scores.quantile_residuals(np.random.default_rng(1))
    assert stats.kstest(scores, "norm").pvalue > 0.01


def test_a_rough_approximation_is_a_finding():
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"x": rng.normal(size=600), "g": np.arange(600) // 4})
    eta = -1.0 + X["x"] + 3.0 * rng.normal(size=150)[X["g"]]
    y = rng.uniform(size=600) < 1 / (1 + np.exp(-eta.to_numpy()))
    model = MixedLogisticClassifier("~ x + (1 | g)").fit(X, y)
    report = check_model(model, X, y).table
    assert report.loc["laplace", "status"] in ("note", "problem")
    assert "n_quadrature" in report.loc["laplace", "finding"]
    finer = MixedLogisticClassifier("~ x + (1 | g)", n_quadrature=9).fit(X, y)
    assert check_model(finer, X, y).table.loc["laplace", "status"] == "ok"


def test_the_distance_to_the_uniform_distribution_is_kolmogorovs():
    values = np.random.default_rng(0).beta(2, 3, size=500)
    expected = stats.kstest(values, "uniform").statistic
    assert distance_to_uniform(values) == pytest.approx(expected, rel=SAME_NUMBER)
