"""Wald, profile and bootstrap intervals, and the laws that they rest on."""

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from joblib import parallel_config
from oracle import textbook
from scipy import optimize, stats
from test_reference import fit_case

from skmixed import MixedLinearRegressor, fit_many
from skmixed.datasets import (
    load_dyestuff,
    load_london_schools,
    load_machines,
    load_pastes,
    load_penicillin,
    load_sleepstudy,
)
from skmixed.inference.resample.draws import ResponseLaw
from skmixed.inference.resample.refit import Refitter
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.parameters import list_parameters, values_of
from skmixed.inference.variance.wald import working_scale

REFERENCE = Path(__file__).parents[1] / "reference" / "inference.json"
CASES = json.loads(REFERENCE.read_text())["cases"]
PROFILES = [name for name, case in CASES.items() if "profile" in case]
# As numpy has it, before a test turns its vectors.
EIGH = np.linalg.eigh
# Deviances found by the simplex method.
BY_BRUTE_FORCE = 1e-4
# lme4 interpolates its profiles.
INTERPOLATED = 0.01


@pytest.fixture(scope="module")
def sleep():
    return load_sleepstudy().frame


@pytest.fixture(scope="module")
def slopes(sleep):
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)


@pytest.mark.parametrize("name", PROFILES)
def test_profile_intervals_are_those_of_lme4(name):
    model = fit_case(name)[2]
    table = model.conf_int(method="profile")
    n_fixed = len(model.fixed_effects_)
    ours = np.vstack([table.iloc[n_fixed:], table.iloc[:n_fixed]])[:, 1:]
    # lme4 puts a correlation before the standard deviation of its second effect
    names = [*table.index[n_fixed:], *table.index[:n_fixed]]
    for i, label in enumerate(names):
        if label.startswith("cor_"):
            ours[[i - 1, i]] = ours[[i, i - 1]]
    lme4 = np.array([CASES[name]["profile"][key] for key in ("lower", "upper")]).T
    width = (lme4[:, 1] - lme4[:, 0]) / (2 * stats.norm.ppf(0.975))
    np.testing.assert_allclose(
        ours / width[:, None], lme4 / width[:, None], rtol=0, atol=INTERPOLATED
    )


def test_held_parameters_are_held(slopes):
    result = slopes.result_
    for parameter in list_parameters(result, slopes.fitted_.names):
        held = HeldParameter(result, parameter)
        estimate = values_of(result, [parameter])[0]
        value = 0.9 * estimate
        restricted = held.hold(value)
        point = restricted.at(held.start()).whole
        sigma = np.sqrt(point.sigma2)
        covariances = [
            sigma**2 * basis.raw_covariance(L @ L.T)
            for basis, L in zip(held.bases, point.Lambdas, strict=True)
        ]
        if parameter.kind != "fixed":
            found = parameter.value(None, covariances, sigma)
            assert found == pytest.approx(value, rel=SAME_ALGEBRA)


@pytest.mark.parametrize("kind", ["sd", "correlation", "sigma", "fixed"])
def test_derivatives_of_restricted_deviances(slopes, kind):
    result = slopes.result_
    parameters = list_parameters(result, slopes.fitted_.names)
    parameter = [p for p in parameters if p.kind == kind][-1]
    held = HeldParameter(result, parameter)
    deviance = held.hold(values_of(result, [parameter])[0] * 1.1 + 0.01)
    y = held.start() + 0.05
    at, step = deviance.derivatives(deviance.at(y)), 1e-5
    for j in range(len(y)):
        sides = []
        for sign in (1, -1):
            moved = y.copy()
            moved[j] += sign * step
            point = deviance.at(moved)
            sides.append((point.value, deviance.derivatives(point).gradient))
        slope = (sides[0][0] - sides[1][0]) / (2 * step)
        bend = (sides[0][1] - sides[1][1]) / (2 * step)
        scale = np.abs(at.hessian).max()
        assert at.gradient[j] == pytest.approx(slope, abs=SAME_THETA * scale)
        np.testing.assert_allclose(at.hessian[j], bend, atol=SAME_THETA * scale)


def test_profile_of_a_coefficient_is_that_of_models_with_an_offset():
    rng = np.random.default_rng(0)
    frame = load_penicillin().frame
    frame = frame.assign(x=50 + rng.standard_normal(144), twice=0.0)
    frame["twice"] = 2 * frame["x"] - 1
    weights = 0.5 + rng.random(144)
    terms = "(x | plate) + (1 | sample)"

    def fit(formula, data):
        model = MixedLinearRegressor(formula, reml=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(data, sample_weight=weights)

    model = fit(f"diameter ~ x + twice + {terms}", frame)
    for _, point in model.profile("x").table.iloc[::4].iterrows():
        held = frame.assign(held=point["value"] * frame["x"])
        other = fit(f"diameter ~ offset(held) + {terms}", held)
        rise = max(other.deviance_ - model.deviance_, 0.0)
        assert point["zeta"] ** 2 == pytest.approx(rise, abs=10 * SAME_DEVIANCE)


def test_boundaries_of_profiles():
    frame = load_dyestuff().frame
    # a variance that is estimated as zero
    frame = frame.assign(Yield=np.sort(frame["Yield"]).reshape(5, 6).T.ravel())
    model = MixedLinearRegressor("Yield ~ 1 + (1 | Batch)", reml=False)
    with pytest.warns(UserWarning, match="sd 0"):
        model.fit(frame)
    bounds = model.conf_int("sd_Intercept|Batch", method="profile").iloc[0]
    assert bounds["lower"] == 0.0
    assert 0 < bounds["upper"] < 60
    wald = model.conf_int("sd_Intercept|Batch").iloc[0]
    assert np.isnan(wald["lower"])


def test_profile_is_an_object_to_plot(slopes):
    profile = slopes.profile(["Days", "sigma"], confidence_level=0.95)
    assert set(profile.table["parameter"]) == {"Days", "sigma"}
    for _, part in profile.table.groupby("parameter"):
        assert part["value"].is_monotonic_increasing
        assert part["zeta"].is_monotonic_increasing
        assert 0.0 in part["zeta"].tolist()
    table = profile.conf_int(0.5)
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()


def test_standard_errors_of_variances_are_those_of_lmer_test(slopes):
    # delta method from lmerTest's vcov_varpar: 288.8 and 14.8
    result = slopes.result_
    curvature = slopes.fitted_.open.curvature
    parameters = list_parameters(result, slopes.fitted_.names)
    found = {}
    for parameter in parameters:
        if parameter.kind == "sd":
            _, slope = working_scale(curvature, parameter, result)
            log_se = np.sqrt(slope @ curvature.covariance @ slope)
            variance = values_of(result, [parameter])[0] ** 2
            found[parameter.name] = 2 * variance * log_se
    assert found["sd_Intercept|Subject"] == pytest.approx(288.8, abs=0.05)
    assert found["sd_Days|Subject"] == pytest.approx(14.8, abs=0.05)


def test_wald_intervals_of_fixed_effects_are_those_of_the_summary(slopes):
    table = slopes.conf_int("fixed", ddf="kenward-roger", confidence_level=0.9)
    summary = slopes.summary(ddf="kenward-roger", confidence_level=0.9).fixed
    np.testing.assert_array_equal(
        table[["lower", "upper"]], summary[["lower", "upper"]]
    )


def test_methods_agree_where_samples_are_large():
    frame = load_london_schools().frame
    model = MixedLinearRegressor("exam ~ lrt + (1 | school)").fit(frame)
    wald, profile = (model.conf_int(method=m) for m in ("wald", "profile"))
    bootstrap = model.conf_int(method="bootstrap", n_resamples=400, random_state=0)
    width = (wald["upper"] - wald["lower"]) / 4
    for other, tolerance in ((profile, 0.3), (bootstrap, 0.6)):
        for bound in ("lower", "upper"):
            assert (abs(other[bound] - wald[bound]) < tolerance * width).all()


def test_unknown_choices_are_refused(slopes, sleep):
    with pytest.raises(ValueError, match="'wald', 'profile' or 'bootstrap'"):
        slopes.conf_int(method="exact")
    with pytest.raises(ValueError, match=r"no parameter \['days'\]"):
        slopes.conf_int("days")
    with pytest.raises(ValueError, match="percentile, bias-corrected"):
        slopes.bootstrap(5).conf_int(kind="bca")
    linear = MixedLinearRegressor("Reaction ~ Days").fit(sleep)
    with pytest.raises(ValueError, match="needs random effects"):
        linear.conf_int(method="profile")
    assert np.isfinite(linear.conf_int().to_numpy()).all()


def test_sigma_of_a_linear_model_has_its_exact_interval(sleep):
    bounds = []
    for reml in (True, False):
        model = MixedLinearRegressor("Reaction ~ Days", reml=reml).fit(sleep)
        bounds.append(model.conf_int("sigma").iloc[0])
    squares = bounds[0]["estimate"] ** 2 * 178
    lower, upper = np.sqrt(squares / stats.chi2.ppf([0.975, 0.025], 178))
    for bound in bounds:
        assert bound["lower"] == pytest.approx(lower, rel=SAME_ALGEBRA)
        assert bound["upper"] == pytest.approx(upper, rel=SAME_ALGEBRA)


@pytest.mark.parametrize("method", ["wald", "profile", "bootstrap"])
def test_a_model_without_fixed_effects_has_intervals(sleep, method):
    model = MixedLinearRegressor("Reaction ~ 0 + (1 | Subject)").fit(sleep)
    options = {"n_resamples": 20, "random_state": 0}
    table = model.conf_int(method=method, **options)
    assert table.index.tolist() == ["sd_Intercept|Subject", "sigma"]
    assert (table["lower"] < table["upper"]).all()


def textbook_law(model, frame):
    """[Z X] and the mean and covariance of y, all in the frame of the refitter."""
    refitter = Refitter(model.result_)
    A = refitter.A
    design = model.spec_.build(frame.reset_index(drop=True))
    X = A.basis.fixed.apply(design.X)
    columns, covariance = [], np.eye(len(X))
    for j, factor in enumerate(A.factors):
        blocks = [b for b in design.random if b.group == factor.group]
        z = A.basis.random[j].apply(np.hstack([b.z for b in blocks]))
        Z = np.zeros((len(X), factor.n_levels, z.shape[1]))
        Z[np.arange(len(X)), blocks[0].codes] = z
        Psi = refitter.Lambdas[j] @ refitter.Lambdas[j].T
        covariance += np.einsum("nga,ab,mgb->nm", Z, Psi, Z)
        columns.append(Z.reshape(len(X), -1))
    mean = X @ refitter.beta
    return np.hstack([*columns, X]), mean, model.sigma_**2 * covariance


@pytest.mark.parametrize(
    ("load", "formula"),
    [
        (load_sleepstudy, "Reaction ~ Days + (Days | Subject)"),
        (load_penicillin, "diameter ~ 1 + (1 | plate) + (1 | sample)"),
        (load_pastes, "strength ~ 1 + (1 | batch/cask)"),
    ],
)
def test_drawn_cross_products_have_the_law_of_the_model(load, formula):
    frame = load().frame
    if "Days" in formula:
        frame = frame.iloc[:41]  # the last group has one row: less than its effects
    model = MixedLinearRegressor(formula).fit(frame)
    refitter, n_draws = Refitter(model.result_), 4000
    law = ResponseLaw(refitter.A, refitter.beta, refitter.Lambdas, model.sigma_)
    drawn = law.draw(n_draws, np.random.default_rng(0))
    sums = [Zty.transpose(1, 0, 2).reshape(-1, n_draws) for Zty in drawn.Zty]
    drawn = np.vstack([*sums, drawn.Xty, drawn.yty])
    W, mean, V = textbook_law(model, frame)
    squares = mean @ mean + np.trace(V)
    expected = np.append(W.T @ mean, squares)
    linear = 2.0 * W.T @ V @ mean
    covariance = np.block(
        [
            [W.T @ V @ W, linear[:, None]],
            [linear[None], 2.0 * np.sum(V**2) + 4.0 * mean @ V @ mean],
        ]
    )
    spread = np.sqrt(np.diag(covariance) + 1e-12)
    gap = (drawn.mean(axis=1) - expected) / spread
    assert np.abs(gap).max() < 5 / np.sqrt(n_draws)
    sample = np.cov(drawn) / np.outer(spread, spread)
    error = np.abs(sample - covariance / np.outer(spread, spread))
    assert error.max() < 0.12


def test_refits_find_the_optimum(slopes):
    refitter = Refitter(slopes.result_)
    fit = refitter.fit(refitter.A)
    at_estimates = slopes.fitted_.open.point.value
    assert fit.criterion == pytest.approx(at_estimates, abs=SAME_DEVIANCE)
    np.testing.assert_allclose(fit.coef, slopes.fixed_effects_, rtol=SAME_THETA)


def test_bootstrap_is_reproducible_whatever_the_workers(slopes):
    alone = slopes.bootstrap(120, random_state=1).replicates
    with parallel_config(backend="threading"):
        together = slopes.bootstrap(120, random_state=1, n_jobs=2).replicates
    np.testing.assert_array_equal(alone, together)
    other = slopes.bootstrap(120, random_state=2).replicates
    assert not np.array_equal(alone, other)


def test_bootstrap_from_rows_has_the_same_law(sleep):
    weights = 0.5 + np.arange(180) % 5
    model = MixedLinearRegressor("Reaction ~ Days + offset(2 * Days) + (1 | Subject)")
    model.fit(sleep, sample_weight=weights)
    by_rows = model.bootstrap(300, X=sleep, sample_weight=weights, random_state=0)
    by_sums = model.bootstrap(300, random_state=0)
    ratio = by_rows.std_error / by_sums.std_error
    np.testing.assert_allclose(ratio, 1.0, atol=0.2)
    error = by_sums.std_error * np.sqrt(2 / 300)
    gap = by_rows.replicates.mean() - by_sums.replicates.mean()
    assert (abs(gap) < 4 * error).all()
    with pytest.raises(ValueError, match="needs the 180 rows"):
        model.bootstrap(2, X=sleep)


def test_large_crossed_designs_are_drawn_from_rows(monkeypatch):
    frame = load_penicillin().frame
    formula = "diameter ~ 1 + (1 | plate) + (1 | sample)"
    model = MixedLinearRegressor(formula).fit(frame)
    monkeypatch.setattr("skmixed.inference.resample.draws.MOST_EFFECTS", 10)
    with pytest.raises(ValueError, match="Pass the rows of the fit as X"):
        model.bootstrap(2)
    interval = model.conf_int("sigma", method="bootstrap", n_resamples=100, X=frame)
    assert interval["lower"].item() < model.sigma_ < interval["upper"].item()


def test_bootstrap_centres_on_the_estimates(slopes):
    boot = slopes.bootstrap(500, random_state=0)
    assert boot.n_failed == 0
    error = boot.std_error / np.sqrt(500)
    assert (abs(boot.bias[["Intercept", "Days"]]) < 4 * error[:2]).all()
    se = slopes.summary().fixed["std_error"]
    np.testing.assert_allclose(boot.std_error[:2], se, rtol=0.15)
    corrected = boot.conf_int(kind="bias-corrected")
    assert (corrected["lower"] < corrected["upper"]).all()


def test_many_responses_are_fitted_as_each_one(sleep):
    rng = np.random.default_rng(0)
    Y = np.column_stack(
        [sleep["Reaction"], 1e6 + 3 * sleep["Reaction"] + rng.random(180)]
    )
    model = MixedLinearRegressor("~ Days + (Days | Subject)")
    many = fit_many(model, sleep, Y)
    assert list(many) == ["y0", "y1"]
    for j, fitted in enumerate(many.values()):
        single = MixedLinearRegressor(model.formula).fit(sleep, Y[:, j])
        assert fitted.loglik_ == pytest.approx(single.loglik_, abs=SAME_DEVIANCE)
        np.testing.assert_allclose(
            fitted.predict(sleep), single.predict(sleep), rtol=SAME_THETA
        )
    weights = 0.5 + rng.random(180)
    weighted = fit_many(model, sleep, Y, weights)["y1"]
    single = MixedLinearRegressor(model.formula).fit(sleep, Y[:, 1], weights)
    assert weighted.loglik_ == pytest.approx(single.loglik_, abs=SAME_DEVIANCE)


def test_refit_is_fit_with_another_response(sleep, slopes):
    rng = np.random.default_rng(0)
    y, weights = rng.permutation(sleep["Reaction"].to_numpy()), 0.5 + rng.random(180)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refitted = slopes.refit(sleep, y, weights)
        model = MixedLinearRegressor(slopes.formula).fit(sleep, y, weights)
    assert refitted.loglik_ == model.loglik_
    assert refitted.summary().fixed.equals(model.summary().fixed)
    assert refitted.loglik_ != slopes.loglik_
    stranger = sleep.assign(Subject="999")
    with pytest.raises(ValueError, match="groups that fit saw"):
        slopes.refit(stranger, y)
    with pytest.raises(ValueError, match="positive weights"):
        slopes.refit(sleep, y, np.arange(180))


def test_responses_that_do_not_fit_are_refused(sleep):
    model = MixedLinearRegressor("~ Days + (1 | Subject)")
    with pytest.raises(ValueError, match="a column per response"):
        fit_many(model, sleep, sleep["Reaction"])
    Y = np.ones((180, 2))
    Y[3, 1] = np.inf
    with pytest.raises(ValueError, match=r"\['y1'\] have infinite"):
        fit_many(model, sleep, Y)


def turned_eigenvectors(matrices):
    """Eigenvectors as another processor finds them: turned where values are equal."""
    values, vectors = EIGH(matrices)
    random = np.random.default_rng(7)
    for own, basis in zip(
        values.reshape(-1, values.shape[-1]),
        vectors.reshape(-1, *vectors.shape[-2:]),
        strict=True,
    ):
        group = np.cumsum(np.diff(own, prepend=own[0]) > 1e-9 * np.abs(own).max())
        for k in np.unique(group):
            equal = np.flatnonzero(group == k)
            turn = np.linalg.qr(random.normal(size=(len(equal), len(equal))))[0]
            basis[:, equal] = basis[:, equal] @ turn
    return values, vectors


@pytest.mark.parametrize(
    ("load", "formula"),
    [
        (load_pastes, "strength ~ 1 + (1 | batch/cask)"),
        (load_penicillin, "diameter ~ 1 + (1 | plate) + (1 | sample)"),
        (load_machines, "score ~ Machine + (0 + Machine | Worker)"),
        (load_sleepstudy, "Reaction ~ Days + (Days | Subject)"),
    ],
)
def test_draws_do_not_depend_on_the_choice_of_eigenvectors(load, formula, monkeypatch):
    model = MixedLinearRegressor(formula).fit(load().frame)
    refitter = Refitter(model.result_)

    def draw():
        law = ResponseLaw(
            refitter.A, refitter.beta, refitter.Lambdas, model.result_.sigma
        )
        drawn = law.draw(5, np.random.default_rng(0))
        return np.concatenate([*map(np.ravel, [*drawn.Zty, drawn.Xty, drawn.yty])])

    first = draw()
    monkeypatch.setattr(np.linalg, "eigh", turned_eigenvectors)
    np.testing.assert_allclose(draw(), first, rtol=0, atol=SAME_DENSE * np.ptp(first))


def lowest_deviance(design, rho):
    """Least deviance with a correlation held, by brute force over the two sds."""

    def deviance(log_sds):
        sds = np.exp(np.clip(log_sds, -12.0, 8.0))
        Psi = np.outer(sds, sds) * np.array([[1.0, rho], [rho, 1.0]])
        return textbook(design, [Psi], reml=False).deviance

    starts = [(a, b) for a in (-6.0, -1.0, 1.0) for b in (-6.0, -1.0, 1.0)]
    options = {"xatol": 1e-5, "fatol": 1e-8, "maxiter": 400}
    return min(
        optimize.minimize(deviance, at, method="Nelder-Mead", options=options).fun
        for at in starts
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_profiles_of_correlations_do_not_cross_to_the_mirror_image(seed):
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(5), 4)
    x = np.tile(np.arange(4.0), 5)
    u = random.normal(size=(2, 5))
    y = (u[0] + (0.4 * u[0] + 0.3 * u[1]) * x.reshape(5, 4).T).T.ravel()
    frame = pd.DataFrame({"g": g, "x": x, "y": y + random.normal(size=20)})
    model = MixedLinearRegressor("y ~ x + (x | g)", reml=False).fit(frame)
    profile = model.profile("cor_x.Intercept|g")
    table = profile.table.dropna()
    if table.empty:
        return  # an effect does not vary: there is no correlation
    assert (np.diff(table["zeta"]) > -SAME_THETA).all()
    design = dataclasses.replace(model.spec_.build(frame), y=frame["y"])
    inside = table[table["value"].abs() < 0.999]
    for value, zeta in inside[["value", "zeta"]].to_numpy()[[0, 1, -1]]:
        rise = lowest_deviance(design, value) - model.deviance_
        assert zeta**2 == pytest.approx(rise, abs=BY_BRUTE_FORCE)


def test_profiles_know_the_estimates_of_the_model(slopes):
    profile = slopes.profile("sigma")
    assert profile.model_estimates["sigma"] == slopes.sigma_
    by_ml = MixedLinearRegressor(slopes.formula_, reml=False)
    by_ml = by_ml.fit(load_sleepstudy().frame)
    np.testing.assert_allclose(
        profile.estimates["sigma"], by_ml.sigma_, rtol=SAME_THETA
    )
