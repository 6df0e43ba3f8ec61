"""Statements of models whose likelihood is that of rows, against dense algebra.

Random effects beside ``residual=``, ``dispersion=``, nuggets and irregular times.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone

from skmixed import (
    MixedLinearRegressor,
    bootstrap_test,
    drop_fixed_terms,
    likelihood_ratio_test,
    pool,
)
from skmixed.estimators.rows import Rows
from skmixed.inference.compare.likelihood_ratio import by_maximum_likelihood
from skmixed.inference.compare.nesting import difference
from skmixed.inference.compare.residual_rows import BlockPair
from skmixed.inference.opened.open_fit import open_residual
from skmixed.inference.resample.bootstrap import refitter_and_law
from skmixed.inference.variance.held_residual import can_hold
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.inspection import check_model, influence
from skmixed.warnings import SingularFitWarning

# Two searches of one optimum; estimates are known to about its square root.
SAME_LOGLIK, SAME_ESTIMATES = 1e-6, 1e-4
# A bound is met by a spline through points of the profile.
SAME_RISE = 2e-3
TIGHT = {"xatol": 1e-5, "fatol": 1e-6, "maxiter": 2000}
# Standard errors of a mean that a simulation may be off by.
SIGMAS = 4.5

FIXED, SMALLER = "y ~ arm * visit", "y ~ arm + visit"
# Terms beside the fixed effects, residual=, dispersion=.
KINDS = {
    "an intercept beside it": ("+ (1 | subject)", "car1(hour | subject)", None),
    "sites above": ("+ (1 | site)", "ar1(visit | subject)", None),
    "a nugget": ("", "car1(hour | subject, nugget=True)", None),
    "a series": ("", "car1(hour | subject)", None),
    "a dispersion": ("", None, "~ arm"),
    "all of them": ("+ (1 | subject)", "ar1(visit | subject, by=arm)", "~ hour"),
    "groups and a dispersion": ("+ (1 + visit | subject)", None, "~ arm"),
}
# What takes long is asked of these.
FEW = ["sites above", "a series", "a dispersion"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def table():
    """Intercepts of sites and subjects, serial correlation, noise; a tenth missing."""
    rng, n, m = np.random.default_rng(0), 24, 5
    subject, visit = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    X = pd.DataFrame({"subject": subject, "visit": visit})
    X["arm"] = np.where(subject % 2, "treated", "control")
    X["site"] = "s" + (subject % 6).astype(str)
    X["hour"] = visit + rng.uniform(0, 0.5, n * m)
    serial = np.zeros(n * m)
    for own in np.split(np.arange(n * m), n):
        hour = X["hour"].to_numpy()[own]
        R = np.exp(-np.abs(hour[:, None] - hour) / 1.5)
        serial[own] = np.linalg.cholesky(R) @ rng.normal(size=m)
    X["y"] = 0.5 * visit + rng.normal(0, 1.0, 6)[subject % 6]
    X["y"] += rng.normal(0, 1.0, n)[subject] + serial
    X["y"] += rng.normal(0, 0.5, n)[subject] * visit
    X["y"] += rng.normal(0, 0.7, n * m) * (1 + 0.5 * (subject % 2))
    return X[rng.uniform(size=len(X)) < 0.9].reset_index(drop=True)


@cache
def weights():
    return np.random.default_rng(1).uniform(0.5, 2.0, len(table()))


@cache
def fit(kind, reml=True, fixed=FIXED, weighted=False):
    beside, residual, dispersion = KINDS[kind]
    model = MixedLinearRegressor(
        f"{fixed} {beside}", residual=residual, dispersion=dispersion, reml=reml
    )
    return model.fit(table(), sample_weight=weights() if weighted else None)


@every_kind
def test_refits_by_maximum_likelihood_are_its_fits(kind):
    found, own = by_maximum_likelihood(fit(kind).result_), fit(kind, False)
    assert found.loglik == pytest.approx(own.loglik_, abs=SAME_LOGLIK)
    std = np.sqrt(np.diag(own.fixed_effects_cov_))
    assert np.abs(found.coef - own.result_.coef).max() < SAME_ESTIMATES * std.max()
    small = fit(kind, False, SMALLER)
    table = likelihood_ratio_test(fit(kind, True, SMALLER), fit(kind)).frame
    ratio = 2 * (own.loglik_ - small.loglik_)
    assert table["chi2"].iloc[1] == pytest.approx(ratio, abs=SAME_LOGLIK)
    if kind not in FEW:
        return
    dropped = drop_fixed_terms(fit(kind)).frame.loc["arm:visit"]
    assert dropped["chi2"] == pytest.approx(ratio, abs=SAME_LOGLIK)


@pytest.mark.parametrize(
    ("kind", "weighted"),
    [*((kind, True) for kind in FEW), ("all of them", False)],
)
def test_drawn_rows_have_the_law_of_the_model(kind, weighted):
    """At the truth, r^2 / sigma^2 is chi-square and beta has its covariance."""
    model = fit(kind, weighted=weighted)
    result, n = model.result_, 100
    refitter, law = refitter_and_law(result, None)
    residual, r2, beta = result.residual, [], []
    RX = model.fitted_.open.point.RX
    for products in law.stream(n, np.random.default_rng(0)):
        deviance = open_residual(replace(residual, products=products), True)
        point = deviance.at(residual.theta)
        np.testing.assert_allclose(point.RX, RX, rtol=SAME_ALGEBRA, atol=SAME_ALGEBRA)
        r2.append(point.r2)
        beta.append(point.beta)
    df = result.df_resid
    assert abs(np.mean(r2) / result.sigma**2 - df) < SIGMAS * np.sqrt(2 * df / n)
    off = RX.T @ (np.array(beta) - refitter.beta).T / result.sigma
    assert (np.abs(off.mean(axis=1)) < SIGMAS / np.sqrt(n)).all()
    assert np.abs(np.cov(off) - np.eye(len(off))).max() < SIGMAS * np.sqrt(2 / n)


@every_kind
def test_the_bootstrap_refits(kind):
    boot = fit(kind).bootstrap(3, random_state=0)
    again = fit(kind).bootstrap(3, random_state=0)
    pd.testing.assert_frame_equal(boot.replicates, again.replicates)
    assert not boot.n_failed
    assert boot.replicates.notna().all(axis=None)


NESTED = [
    ((FIXED, "", "car1(hour | subject)", None), "an intercept beside it"),
    ((FIXED, "", "ar1(visit | subject)", None), "sites above"),
    ((FIXED, "+ (1 | site)", None, None), "sites above"),
    ((SMALLER, "", "car1(hour | subject)", None), "a series"),
    ((SMALLER, "", "car1(hour | subject, nugget=True)", None), "a nugget"),
    ((FIXED, "", None, None), "a dispersion"),
    ((FIXED, "+ (1 | subject)", None, "~ arm"), "groups and a dispersion"),
    ((FIXED, "+ (1 + visit | subject)", None, None), "groups and a dispersion"),
]


@pytest.mark.parametrize(("small", "kind"), NESTED)
def test_a_null_model_is_fitted_on_the_rows_of_the_larger_one(small, kind):
    fixed, beside, residual, dispersion = small
    null = MixedLinearRegressor(
        f"{fixed} {beside}", residual=residual, dispersion=dispersion, reml=False
    ).fit(table())
    large = fit(kind, False)
    results = null.result_, large.result_
    fits = null.fitted_, large.fitted_
    names = tuple(fit.names for fit in fits)
    sketches = tuple(fit.sketch for fit in fits)
    added = difference(*results, ("null", "large"), names, sketches)
    pair = BlockPair(*results, added)
    again = pair.small.fit(pair.of_null(results[1].residual.products))
    assert again.loglik == pytest.approx(null.loglik_, abs=SAME_LOGLIK)
    tested = bootstrap_test(null, large, 2, random_state=0)
    assert (tested.attrs["ratios"] >= 0).all()
    row = likelihood_ratio_test(null, large).frame.iloc[1]
    assert row["df"] == results[1].n_parameters - results[0].n_parameters


OTHERS = [
    ("a dispersion", "groups and a dispersion", "bootstrap_test"),
    ("a series", "a nugget", "not nested"),
    ("a dispersion", "a series", "not nested"),
]


@pytest.mark.parametrize(("small", "large", "said"), OTHERS)
def test_others_are_refused_by_name(small, large, said):
    beside, residual, dispersion = KINDS[large]
    model = MixedLinearRegressor(f"{FIXED} {beside}", residual=residual)
    if dispersion is not None:
        model.set_params(dispersion=f"{dispersion} + hour")
    with pytest.raises(ValueError, match=said):
        bootstrap_test(fit(small), model.fit(table()), 1)


def dense(model, rows):
    """V of some rows over sigma^2: what marginal_cov says, weights included."""
    return model.marginal_cov(rows) / model.sigma_**2


@every_kind
def test_deleting_a_unit_is_dense_algebra(kind):
    model, rows = fit(kind), table()
    spec = model.spec_.residual
    level = "site" if kind == "sites above" else "subject"
    if spec is None and not model.result_.groups:
        with pytest.raises(ValueError, match="has neither"):
            influence(model, rows, level="subject")
        return
    found = influence(model, rows, level=level, refit=False)
    V = dense(model, rows)
    X = model.spec_.build(rows).X[:, model.result_.kept]
    unit = found.table.index[1]
    left = (rows[level] != unit).to_numpy()
    P = np.linalg.inv(V[np.ix_(left, left)])
    C = np.linalg.inv(X[left].T @ P @ X[left])
    y = rows["y"].to_numpy()[left]
    beta = C @ X[left].T @ P @ y
    sigma2 = (y - X[left] @ beta) @ P @ (y - X[left] @ beta) / (left.sum() - len(beta))
    np.testing.assert_allclose(found.coef.loc[unit], beta, rtol=SAME_ESTIMATES)
    row = found.table.loc[unit]
    assert row["sigma"] == pytest.approx(np.sqrt(sigma2), rel=SAME_ALGEBRA)
    assert row["n_rows"] == (~left).sum()
    assert found.table["leverage"].sum() < len(beta) + 1
    if kind not in FEW:
        return
    again = influence(model, rows, level=level)
    other = clone(model).fit(rows[left])
    std = np.sqrt(np.diag(other.fixed_effects_cov_))
    off = (again.coef.loc[unit] - other.fixed_effects_) / std
    assert np.abs(off).max() < SAME_ESTIMATES
    assert again.table.loc[unit, "sigma"] == pytest.approx(
        other.sigma_, rel=SAME_ESTIMATES
    )


@every_kind
def test_profiles_are_near_walds_intervals_and_start_at_the_fit(kind):
    model = fit(kind, False)
    names = [p.name for p in parameters_of(model.fitted_)]
    chosen = ["arm[T.treated]", *(n for n in names if n not in model.fitted_.names)]
    held = [p.name for p in model._choose_held(chosen) if can_hold(model.result_, p)]
    lacking = [n for n in chosen if n not in held]
    assert all("|subject" in n and "visit" in beside_of(kind) for n in lacking)
    found = model.profile(held, confidence_level=0.5).conf_int(0.5).frame
    wald = model.conf_int(ddf="normal", confidence_level=0.5).frame.loc[held]
    np.testing.assert_allclose(found["estimate"], wald["estimate"], rtol=SAME_ALGEBRA)
    width = (found["upper"] - found["lower"]) / (wald["upper"] - wald["lower"])
    at_an_edge = width.index.str.contains("nugget|sd_Intercept")
    assert width[~at_an_edge].between(0.8, 1.6).all()
    for name in lacking:
        with pytest.raises(ValueError, match="method='wald'"):
            model.profile(name)


def beside_of(kind):
    return KINDS[kind][0]


def together(name):
    column = table()[name].to_numpy()
    return 1.0 * (column[:, None] == column)


def apart(name):
    column = table()[name].to_numpy()
    return np.abs(column[:, None] - column)


# V by hand: of the parameter that is held, and of logarithms and logits of the others.
BY_HAND = {
    ("a series", "range"): lambda held, x: (
        np.exp(2 * x[0]) * together("subject") * np.exp(-apart("hour") / held)
    ),
    ("a dispersion", "dispersion_arm[T.treated]"): lambda held, x: np.diag(
        np.exp(2 * x[0] + 2 * held * (table()["arm"] == "treated"))
    ),
    ("sites above", "rho"): lambda held, x: (
        np.exp(2 * x[0]) * together("subject") * held ** apart("visit")
        + np.exp(2 * x[1]) * together("site")
    ),
    ("an intercept beside it", "sd_Intercept|subject"): lambda held, x: (
        together("subject")
        * (held**2 + np.exp(2 * x[0]) * np.exp(-apart("hour") / np.exp(x[1])))
    ),
    ("sites above", "visit"): lambda held, x: (
        np.exp(2 * x[0]) * together("subject") * expit(x[2]) ** apart("visit")
        + np.exp(2 * x[1]) * together("site")
    ),
}


@pytest.mark.parametrize(("kind", "name"), BY_HAND)
def test_a_bound_is_where_dense_refits_lose_what_it_says(kind, name):
    """The deviance with the parameter held at a bound, all others estimated."""
    model, level = fit(kind, False), 0.8
    bound = model.conf_int(name, confidence_level=level, method="profile").frame
    value = bound.loc[name, "upper"]
    X, y = model.spec_.build(table()).X, table()["y"].to_numpy()
    if name in model.fitted_.names:
        at = model.fitted_.names.index(name)
        y, X = y - value * X[:, at], np.delete(X, at, axis=1)

    def deviance(x):
        V = BY_HAND[kind, name](value, x)
        P = np.linalg.inv(V)
        left = y - X @ np.linalg.solve(X.T @ P @ X, X.T @ P @ y)
        return np.linalg.slogdet(2 * np.pi * V)[1] + left @ P @ left

    best = minimize(deviance, np.zeros(3), method="Nelder-Mead", options=TIGHT).fun
    rise = best + 2 * model.loglik_
    assert rise == pytest.approx(stats.chi2.ppf(level, 1), abs=SAME_RISE)


@every_kind
def test_intervals_of_predictions_hold_what_the_model_says_of_a_new_subject(kind):
    """The half-width is a quantile times a variance not below the marginal one."""
    model, rows = fit(kind), table().head(4).assign(subject=-1, site="new")
    low, high = model.predict_interval(rows, confidence_level=0.9).T
    mean, std = model.predict(rows, return_std="fixed")
    np.testing.assert_allclose((low + high) / 2, mean, rtol=SAME_ALGEBRA)
    least = np.sqrt(std**2 + np.diag(model.marginal_cov(rows)))
    assert ((high - low) / 2 > 1.6448 * least).all()
    low, high = model.predict_interval(rows, kind="mean").T
    assert ((high - low) / 2 > 1.95 * std).all()


@every_kind
def test_equations_tell_the_laws(kind):
    text = str(fit(kind).equations())
    beside, residual, dispersion = KINDS[kind]
    assert ("exp(2δ)" in text) == (dispersion is not None)
    assert ("cor (" in text) == (residual is not None)
    assert ("Distributions" in text) == bool(beside)


def test_random_effects_at_their_boundary_are_named_beside_a_dispersion():
    """And not the residuals, whose covariance has an inverse."""
    rows = table().assign(y=np.random.default_rng(1).normal(size=len(table())))
    rows["y"] -= rows.groupby("site")["y"].transform("mean")
    model = MixedLinearRegressor("y ~ visit + (1 | site)", dispersion="~ arm")
    with pytest.warns(SingularFitWarning, match="`site`"):
        model.fit(rows)
    assert model.singular_
    assert model.converged_


@every_kind
@pytest.mark.parametrize("weighted", [False, True])
def test_normalised_residuals_are_the_root_of_dense_ones(kind, weighted):
    """L^-1 (y - X b) of the subjects' rows in order of time, V = L L'."""
    model = fit(kind, weighted=weighted)
    w = weights() if weighted else None
    rows = Rows.read_complete(model, table(), sample_weight=w)
    found, fitted = model._whitened_residuals(rows)
    left = table()["y"] - model.predict(table(), random_effects=False)
    np.testing.assert_allclose(table()["y"] - fitted, left, rtol=SAME_ESTIMATES)
    beside, residual, _ = KINDS[kind]
    level = "site" if "site" in beside else "subject"
    own = np.flatnonzero(table()[level] == table()[level].iloc[-1])
    time = "hour" if residual and "hour" in residual else "visit"
    order = table().iloc[own].sort_values(["subject", time]).index
    V = model.marginal_cov(table().loc[order], None if w is None else w[order])
    if residual is None and not beside:
        order = own
        V = model.marginal_cov(table().loc[order], None if w is None else w[order])
    white = np.linalg.solve(np.linalg.cholesky(V), left.loc[order])
    np.testing.assert_allclose(np.sum(found[order] ** 2), np.sum(white**2), rtol=1e-6)
    if residual is not None:
        np.testing.assert_allclose(found[order], white, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["sites above", "a series", "a dispersion"])
def test_checks_and_the_page_know_such_models(kind, tmp_path):
    model = fit(kind)
    report = check_model(model, table())
    assert report.table.loc["convergence", "status"] == "ok"
    text = model.report(tmp_path / "page.html", table()).read_text()
    assert ("Variogram" in text) == (kind == "a series")
    assert ("correlations by visit" in text) == (kind == "sites above")


def test_fits_of_one_covariance_are_pooled():
    """By Rubin's rules of their coefficients and standard errors."""
    first, other = fit("a series"), clone(fit("a series"))
    other.fit(table().assign(y=table()["y"] + table()["visit"] % 2))
    found = pool([first, other])
    Q = np.array([m.fixed_effects_ for m in (first, other)])
    U = np.array([np.diag(m.fixed_effects_cov_) for m in (first, other)])
    total = U.mean(axis=0) + 1.5 * Q.var(axis=0, ddof=1)
    np.testing.assert_allclose(found["estimate"], Q.mean(axis=0), rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(found["std_error"] ** 2, total, rtol=SAME_ALGEBRA)
    with pytest.raises(ValueError, match="one residual covariance"):
        pool([first, fit("a nugget")])
