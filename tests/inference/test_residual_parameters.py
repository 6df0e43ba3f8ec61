"""Intervals, profiles, bootstrap and tests of models whose residuals covary."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA
from scipy import stats
from scipy.optimize import minimize

from skmixed import (
    MixedLinearRegressor,
    bootstrap_test,
    drop_fixed_terms,
    likelihood_ratio_test,
)
from skmixed.datasets import make_trial
from skmixed.inference.resample.bootstrap import refitter_and_law
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.inspection import influence

# Two searches of one optimum; estimates are known to about its square root.
SAME_LOGLIK, SAME_ESTIMATES = 1e-6, 1e-4
# Differences of a function of theta, relative.
STEP, SAME_SLOPES = 1e-6, 1e-5
# Standard errors of a mean that a simulation may be off by.
SIGMAS = 4.5

NAMES = ["us", "id", "diag", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "ad", "adh"]
TERMS = [f"{name}(visit | subject)" for name in (*NAMES, "car1", "gau")]
TERMS += ["car1(visit | subject, nugget=True)"]
TERMS += [f"{name}(visit | subject, by=arm)" for name in ("us", "cs", "ar1h", "car1")]
every_term = pytest.mark.parametrize("residual", TERMS)


@cache
def table():
    X, y = make_trial(40, 4, random_state=2)
    keep = np.random.default_rng(0).uniform(size=len(X)) < 0.85
    return X.assign(y=y)[keep | (X["visit"] == 0)].reset_index(drop=True)


@cache
def fit(residual, reml=False, formula="y ~ arm * visit"):
    return MixedLinearRegressor(formula, residual=residual, reml=reml).fit(table())


def parameters(model):
    return [p for p in parameters_of(model.fitted_) if p.kind != "fixed"]


@every_term
def test_slopes_of_the_working_scale_are_those_of_differences(residual):
    result = fit(residual).result_
    x = np.append(result.residual.theta, np.log(result.sigma))

    def at(moved, parameter):
        own = replace(result.residual, theta=moved[:-1])
        return parameter.working(
            replace(result, residual=own, sigma=float(np.exp(moved[-1])))
        )[0]

    for parameter in parameters(fit(residual)):
        value, slope = parameter.working(result)
        steps = STEP * np.eye(len(x))
        ends = [[at(x + s * step, parameter) for step in steps] for s in (1, -1)]
        differences = np.subtract(*ends) / (2 * STEP)
        np.testing.assert_allclose(slope, differences, rtol=SAME_SLOPES, atol=STEP)
        shape = parameter.part(result.residual)[0].shape
        back = [parameter.inverse(value + s, shape) for s in (0, STEP, -STEP)]
        assert back[0] == pytest.approx(parameter.value_of(result), rel=SAME_ALGEBRA)
        error = abs(back[1] - back[2]) / (2 * STEP)
        assert parameter.error(back[0], 1.0) == pytest.approx(error, rel=SAME_SLOPES)


@every_term
def test_parameters_are_those_of_the_covariance(residual):
    model = fit(residual)
    found = model.conf_int("variance").frame
    np.testing.assert_array_less(found["lower"], found["estimate"])
    np.testing.assert_array_less(found["estimate"], found["upper"])
    cov, own = model.residual_cov_, model.residual_parameters_
    if isinstance(own, dict):
        level = next(iter(own))
        cov, own = cov[level], own[level]
        found = found.filter(regex=rf"\|{level}$", axis=0)
    np.testing.assert_array_equal(own, found["estimate"])
    correlations = model.result_.residual.correlations
    for parameter in parameters(model):
        if parameter.kind == "correlation":
            value = correlations[parameter.factor][parameter.effects]
            found = parameter.value_of(model.result_)
            assert found == pytest.approx(value, rel=SAME_ALGEBRA)
    sd = np.sqrt(np.diag(cov))
    for visit, value in zip(cov.index, sd, strict=True):
        name = f"sd_{visit}" if f"sd_{visit}" in own else "sd"
        assert own[name] == pytest.approx(value, rel=SAME_ALGEBRA)
        if f"ratio_{visit}" in own:
            ratio = own[f"ratio_{visit}"]
            assert ratio == pytest.approx(value / sd[0], rel=SAME_ALGEBRA)


@every_term
def test_profiles_start_at_the_fit_and_are_near_walds_intervals(residual):
    model = fit(residual)
    profiled = model.profile(confidence_level=0.8)
    # where another parameter moves it too, there is none
    found = profiled.conf_int(0.8).frame
    wald = model.conf_int(ddf="normal", confidence_level=0.8).frame.loc[found.index]
    np.testing.assert_allclose(found["estimate"], wald["estimate"], rtol=SAME_ALGEBRA)
    width = (found["upper"] - found["lower"]) / (wald["upper"] - wald["lower"])
    width = width[~width.index.str.startswith("nugget")]  # at its edge
    assert width.between(0.8, 1.5).all()


def test_a_profile_is_the_maximum_over_all_others():
    model = fit("ar1(visit | subject)")
    lower = model.conf_int("rho", method="profile").frame.loc["rho", "lower"]
    X = np.column_stack(
        [
            np.ones(len(table())),
            table()["arm"] == "treated",
            table()["visit"],
            (table()["arm"] == "treated") * table()["visit"],
        ]
    ).astype(float)
    y = table()["y"].to_numpy()
    subjects = list(table().groupby("subject").indices.values())

    def deviance(at):
        """Dense, with the sd and the coefficients profiled by hand."""
        XX, Xy, yy, logdet = 0.0, 0.0, 0.0, 0.0
        for rows in subjects:
            t = table()["visit"].to_numpy()[rows]
            R = at ** np.abs(np.subtract.outer(t, t))
            P = np.linalg.inv(R)
            XX, Xy = XX + X[rows].T @ P @ X[rows], Xy + X[rows].T @ P @ y[rows]
            yy, logdet = yy + y[rows] @ P @ y[rows], logdet + np.linalg.slogdet(R)[1]
        r2, n = yy - Xy @ np.linalg.solve(XX, Xy), len(y)
        return logdet + n * (1.0 + np.log(2 * np.pi * r2 / n))

    best = minimize(lambda x: deviance(np.tanh(x[0])), [0.8])
    rise = deviance(lower) - best.fun
    assert rise == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-3)


@pytest.mark.parametrize("residual", ["us(visit | subject)", "ar1(visit | subject)"])
def test_a_held_coefficient_of_zero_is_the_model_without_it(residual):
    model, name = fit(residual), "arm[T.treated]:visit"
    without = fit(residual, formula="y ~ arm + visit")
    ratio = 2 * (model.loglik_ - without.loglik_)
    dropped = drop_fixed_terms(model).frame.loc["arm:visit"]
    assert dropped["chi2"] == pytest.approx(ratio, rel=SAME_ESTIMATES)
    assert dropped["aic"] == pytest.approx(without.aic_, rel=SAME_LOGLIK)
    table_ = model.profile(name, confidence_level=0.999).table
    zeta = np.interp(0.0, table_["value"], table_["zeta"])
    assert zeta**2 == pytest.approx(ratio, rel=1e-2)
    tested = likelihood_ratio_test(without, model).frame.iloc[1]
    assert tested["chi2"] == pytest.approx(ratio, rel=SAME_ESTIMATES)


def test_the_order_of_visits_does_not_matter_to_us():
    frame = table().assign(visit=3 - table()["visit"])
    other = MixedLinearRegressor(
        "y ~ arm * visit", residual="us(visit | subject)", reml=False
    ).fit(frame)
    own = fit("us(visit | subject)")
    options = {"method": "profile", "confidence_level": 0.8}
    for one, two in (("cor_2.0", "cor_3.1"), ("sd_1", "sd_2")):
        found = own.conf_int(one, **options).frame.loc[one]
        same = other.conf_int(two, **options).frame.loc[two]
        np.testing.assert_allclose(found, same, rtol=SAME_ESTIMATES)


@pytest.mark.parametrize(
    ("residual", "name"),
    [("us(visit | subject)", "ratio_1"), ("toep(visit | subject)", "rho2")],
)
def test_what_several_parameters_move_is_not_held(residual, name):
    with pytest.raises(ValueError, match=f"`{name}` cannot be held"):
        fit(residual).profile(name)


@pytest.mark.parametrize(
    "residual", ["adh(visit | subject)", "us(visit | subject, by=arm)"]
)
def test_drawn_products_have_the_law_of_drawn_responses(residual):
    """At the truth, r^2 / sigma^2 is chi-square and beta has its covariance."""
    result = fit(residual).result_
    refitter, law = refitter_and_law(result, None)
    opened, point = (
        fit(residual).fitted_.open.deviance,
        fit(residual).fitted_.open.point,
    )
    r2, beta, n = [], [], 400
    for products in law.stream(n, np.random.default_rng(0)):
        drawn = opened.elimination.with_columns(products)
        factored = drawn.factor(point.Lambdas)
        p = products.n_fixed
        np.testing.assert_allclose(
            factored.S[:p, :p], point.RX @ point.RX.T, rtol=1e-7, atol=1e-9
        )
        beta.append(np.linalg.solve(factored.S[:p, :p], factored.S[:p, p]))
        r2.append(factored.S[p, p] - factored.S[:p, p] @ beta[-1])
    df = result.df_resid
    mean = np.mean(r2) / result.sigma**2
    assert abs(mean - df) < SIGMAS * np.sqrt(2 * df / n)
    assert np.var(r2) / result.sigma**4 == pytest.approx(2 * df, rel=0.35)
    off = point.RX.T @ (np.array(beta) - refitter.beta).T / result.sigma
    assert (np.abs(off.mean(axis=1)) < SIGMAS / np.sqrt(n)).all()
    assert np.abs(np.cov(off) - np.eye(len(off))).max() < SIGMAS * np.sqrt(2 / n)


def test_the_bootstrap_refits_and_does_not_depend_on_workers():
    model = fit("ar1h(visit | subject)")
    boot = model.bootstrap(20, random_state=0)
    again = model.bootstrap(20, random_state=0)
    pd.testing.assert_frame_equal(boot.replicates, again.replicates)
    assert list(boot.replicates.columns) == [
        p.name for p in parameters_of(model.fitted_)
    ]
    wald = model.conf_int(ddf="normal").frame
    half = (wald["upper"] - wald["lower"]) / 2
    assert (boot.bias.abs() < half).all()


def test_simulated_responses_have_the_covariance_of_the_model():
    model = fit("ar1h(visit | subject, by=arm)")
    Y = model.simulate(table(), n_samples=4000, random_state=0)
    rows = (table()["subject"] < 3).to_numpy()
    V = model.marginal_cov(table()[rows])
    sd = np.sqrt(np.diag(V))
    off = (np.cov(Y[rows]) - V) / np.outer(sd, sd)
    assert np.abs(off).max() < SIGMAS * np.sqrt(2 / 4000)
    mean = (Y.mean(axis=1) - model.predict(table()))[rows] / sd
    assert np.abs(mean).max() < SIGMAS / np.sqrt(4000)
    weighted = model.simulate(
        table(), sample_weight=np.full(len(table()), 4.0), random_state=0
    )
    plain = model.simulate(table(), random_state=0)
    centre = model.predict(table())[:, None]
    np.testing.assert_allclose(2 * (weighted - centre), plain - centre, rtol=1e-9)


def test_missing_values_are_not_simulated():
    model = MixedLinearRegressor(
        "y ~ visit", residual="cs(visit | subject)", na_action="drop"
    ).fit(table())
    frame = table().head(6).astype({"visit": float})
    frame.loc[1, "visit"] = np.nan
    drawn = model.simulate(frame, random_state=0)
    assert np.isnan(drawn).ravel().tolist() == [False, True, *[False] * 4]
    twice = pd.concat([frame.dropna()] * 2)
    with pytest.raises(ValueError, match="several rows at one visit"):
        model.simulate(twice)


def test_intervals_of_predictions_are_those_of_a_new_group():
    """Compound symmetry is a random intercept, of which a new subject has another."""
    mixed = MixedLinearRegressor("y ~ arm * visit + (1 | subject)").fit(table())
    found = fit("cs(visit | subject)", reml=True)
    rows = table().head(8)
    other = rows.assign(subject=-1 - np.arange(8))
    for kind in ("prediction", "mean"):
        one = found.predict_interval(rows, kind=kind)
        assert one.shape == (8, 2)
    np.testing.assert_allclose(
        found.predict_interval(rows), mixed.predict_interval(other), rtol=SAME_ESTIMATES
    )
    std = found.predict(rows, return_std=True)[1]
    np.testing.assert_allclose(
        std, mixed.predict(other, return_std="fixed")[1], rtol=SAME_ESTIMATES
    )


NESTED = [
    (None, "cs"),
    (None, "us"),
    ("cs", "csh"),
    ("cs", "toep"),
    ("ar1", "ad"),
    ("ar1", "toeph"),
    ("adh", "us"),
    ("toep", "us(visit | subject, by=arm)"),
    ("car1", "toep"),
]


@pytest.mark.parametrize(("small", "large"), NESTED)
def test_nested_structures_are_compared(small, large):
    large = large if "(" in large else f"{large}(visit | subject)"
    big = fit(large)
    if small is None:
        little = MixedLinearRegressor("y ~ arm * visit", reml=False).fit(table())
    else:
        little = fit(f"{small}(visit | subject)")
    row = likelihood_ratio_test(little, big).frame.iloc[1]
    assert row["chi2"] == pytest.approx(2 * (big.loglik_ - little.loglik_), abs=1e-6)
    assert row["df"] == big.result_.n_parameters - little.result_.n_parameters
    tested = bootstrap_test(little, big, 9, random_state=0)
    assert (tested.attrs["ratios"] >= 0).all()


OTHERS = [
    # a model without a nugget lies at the edge, and one with is no antedependence
    ("car1(visit | subject)", "car1(visit | subject, nugget=True)"),
    ("car1(visit | subject, nugget=True)", "adh(visit | subject)"),
    ("csh(visit | subject)", "toep(visit | subject)"),
    ("ar1(visit | subject)", "cs(visit | subject)"),
    ("cs(visit | subject, by=arm)", "us(visit | subject)"),
    ("cs(1 | subject)", "us(visit | subject)"),
]


@pytest.mark.parametrize(("small", "large"), OTHERS)
def test_others_are_not(small, large):
    models = sorted([fit(small), fit(large)], key=lambda m: m.result_.n_parameters)
    with pytest.raises(ValueError, match=r"is not nested in|have the same parameters"):
        likelihood_ratio_test(*models)


def test_a_random_intercept_is_no_special_case_by_name():
    mixed = MixedLinearRegressor("y ~ arm * visit + (1 | subject)").fit(table())
    for large in ("us(visit | subject)", "cs(visit | subject)"):
        with pytest.raises(ValueError, match="not nested"):
            likelihood_ratio_test(mixed, fit(large))


def test_no_maximum_by_maximum_likelihood_is_said():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(5), 5), "t": np.tile(range(5), 5)})
    frame["y"] = rng.normal(size=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLinearRegressor("y ~ 1", residual="us(t | id)").fit(frame)
    with pytest.raises(ValueError, match="no maximum"):
        model.profile("Intercept")


@pytest.mark.parametrize(
    "residual", ["toeph(visit | subject)", "us(visit | subject, by=arm)"]
)
def test_influence_of_a_subject_is_a_fit_without_it(residual):
    model = fit(residual, reml=True)
    found = influence(model, table(), level="subject")
    subject = found.table.index[5]
    own = MixedLinearRegressor("y ~ arm * visit", residual=residual)
    own.fit(table()[table()["subject"] != subject])
    np.testing.assert_allclose(
        found.coef.loc[subject], own.fixed_effects_, rtol=SAME_ESTIMATES
    )
    values = own.conf_int("variance").frame["estimate"]
    np.testing.assert_allclose(
        found.random_sd.loc[subject], values, rtol=SAME_ESTIMATES
    )
    held = influence(model, table(), level="subject", refit=False)
    assert held.table["leverage"].sum() == pytest.approx(4, rel=SAME_ALGEBRA)
    np.testing.assert_array_equal(found.table["leverage"], held.table["leverage"])


def test_influence_at_a_held_covariance_is_that_of_random_intercepts():
    mixed = MixedLinearRegressor("y ~ arm * visit + (1 | subject)").fit(table())
    options = {"level": "subject", "refit": False}
    expected = influence(mixed, table(), **options)
    found = influence(fit("cs(visit | subject)", reml=True), table(), **options)
    for name in ("cooks_distance", "leverage"):
        np.testing.assert_allclose(
            found.table[name].sort_index(),
            expected.table[name].sort_index(),
            rtol=1e-3,
        )
    with pytest.raises(ValueError, match="write level='subject'"):
        influence(fit("cs(visit | subject)", reml=True), table())
