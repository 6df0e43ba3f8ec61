"""Residual covariances beside random effects, nuggets, dispersions, irregular times."""

import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE

from skmixed import MixedLinearRegressor
from skmixed.inference.opened.open_fit import reopen
from skmixed.inspection import simulated_residuals
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.search.blocks import block_model, search_blocks
from skmixed.likelihood.search.optimize import minimise

# Central differences of the deviance and of its gradient.
STEP = 1e-5
SAME_DIFFERENCES = 2e-5
# Estimates of two searches, relative.
SAME_ESTIMATES = 1e-4

# Random part, residual=, dispersion=.
MODELS = [
    ("(1 | id)", "ar1(week | id)", None),
    ("(1 + week | id)", "car1(day | id)", None),
    ("", "car1(day | id)", None),
    ("", "gau(day | id, nugget=True)", None),
    ("(1 | id)", "exp(day | id, nugget=True)", None),
    ("", "ar1(week | id, nugget=True)", None),
    ("", "car1(day | id, by=arm)", None),
    ("(1 | id)", "ar1(week | id, by=arm)", "~ x"),
    ("(1 | id)", "diag(week | id)", None),
    ("(1 | centre)", "us(week | id)", None),
    ("(1 | centre)", "us(week | id, by=arm)", None),
    ("(1 | centre) + (1 | id)", "ar1(week | id)", None),
    ("(week || centre)", "csh(week | id)", None),
    ("(1 | centre)", "toep(week | id)", "~ arm"),
    ("(1 | id)", None, "~ arm + x"),
    ("(1 | id) + (1 | week)", None, "~ arm"),
    ("", None, "~ arm"),
    ("cs(0 + arm | centre)", "ad(week | id)", None),
]
BOTH_WAYS = [(one, True) for one in MODELS] + [(one, False) for one in MODELS[::3]]
every_model = pytest.mark.parametrize("written", MODELS, ids=str)


@cache
def table():
    """Sixty patients in six centres at up to five visits, days irregular."""
    rng = np.random.default_rng(3)
    n, k = 60, 5
    week = np.tile(np.arange(k), n)
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), k), "week": week})
    frame["centre"] = frame["id"] % 6
    frame["arm"] = np.where(frame["id"] // 6 % 2, "b", "a")
    frame["day"] = 7.0 * week + rng.uniform(-3, 3, n * k).round(2)
    frame["x"] = rng.uniform(0, 1, n * k)
    e = np.zeros((n, k))
    shocks = rng.normal(size=(n, k))
    e[:, 0] = shocks[:, 0]
    for j in range(1, k):
        e[:, j] = 0.6 * e[:, j - 1] + 0.8 * shocks[:, j]
    frame["y"] = 20.0 + 0.5 * week + (0.7 * rng.normal(size=(n, 1)) + e).ravel()
    frame["y"] += rng.normal(size=6)[frame["centre"]] + 0.4 * rng.normal(size=n * k)
    keep = (rng.uniform(size=n * k) < 0.85) | (week == 0)
    return frame[keep].sample(frac=1.0, random_state=2).reset_index(drop=True)


def model(written, **options):
    random, residual, dispersion = written
    formula = f"y ~ arm * week {'+' if random else ''} {random}"
    return MixedLinearRegressor(
        formula, residual=residual, dispersion=dispersion, **options
    )


@cache
def fit(written, reml=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model(written, reml=reml).fit(table())


def weekly(found, name):
    """Value of a parameter for every row's level of ``by``."""
    values = found.residual_parameters_
    if not isinstance(values, dict):
        return np.full(len(table()), values[name])
    return np.array([values[arm][name] for arm in table()["arm"]])


def outer(operation, column):
    """A function of all pairs of a column's entries."""
    values = np.asarray(column)
    return operation.outer(values, values)


def residual_by_hand(found, text):
    """Covariance of the residuals, from the parameters that are reported."""
    frame = table()
    if text is None:
        R = np.eye(len(frame)) * found.sigma_**2
    elif found.residual_cov_ is not None:
        cov = found.residual_cov_
        cov = cov if isinstance(cov, dict) else dict.fromkeys("ab", cov)
        week, own = frame["week"].to_numpy(), (frame["arm"] == "a").to_numpy()[:, None]
        a, b = (cov[level].to_numpy()[np.ix_(week, week)] for level in "ab")
        R = np.where(own, a, b)
    else:
        t, sd = frame[text.split("(")[1].split(" ")[0]], weekly(found, "sd")
        distance = np.abs(outer(np.subtract, t))
        power = 2 if "gau" in text else 1
        R = np.exp(-((distance / weekly(found, "range")[:, None]) ** power))
        if "nugget" in text:
            R = np.where(np.eye(len(t)), 1.0, R * (1 - weekly(found, "nugget")[0]))
        R = R * np.outer(sd, sd)
    same = np.eye(len(frame), dtype=bool)
    if text is not None:  # rows of different subjects are independent
        same = outer(np.equal, frame["id"])
    if found.dispersion_effects_ is not None:
        columns = {"arm[T.b]": frame["arm"] == "b", "x": frame["x"]}
        s = np.exp(sum(g * columns[c] for c, g in found.dispersion_effects_.items()))
        R = R * outer(np.multiply, s)
    return R * same


def dense_covariance(found, written):
    """V of all rows, by hand."""
    frame, V = table(), residual_by_hand(found, written[1])
    for group, cov in found.random_effects_cov_.items():
        z = {
            "Intercept": np.ones(len(frame)),
            "week": frame["week"],
            "arm[a]": frame["arm"] == "a",
            "arm[b]": frame["arm"] == "b",
        }
        z = np.column_stack([z[effect] for effect in cov.index]).astype(float)
        same = outer(np.equal, frame[group])
        V = V + (z @ cov.to_numpy() @ z.T) * same
    return V


def dense_deviance(V, reml):
    """-2 log likelihood at the best coefficients."""
    frame = table()
    b, week = (frame["arm"] == "b").to_numpy(float), frame["week"].to_numpy(float)
    X = np.column_stack([np.ones(len(frame)), b, week, b * week])
    y, P = frame["y"].to_numpy(), np.linalg.inv(V)
    XX, Xy = X.T @ P @ X, X.T @ P @ y
    n = len(y) - (X.shape[1] if reml else 0)
    value = np.linalg.slogdet(V)[1] + n * np.log(2 * np.pi)
    value += y @ P @ y - Xy @ np.linalg.solve(XX, Xy)
    return value + (np.linalg.slogdet(XX)[1] if reml else 0.0)


@pytest.mark.parametrize(("written", "reml"), BOTH_WAYS, ids=str)
def test_likelihood_is_that_of_dense_matrices(written, reml):
    found = fit(written, reml)
    V = dense_covariance(found, written)
    np.testing.assert_allclose(
        found.deviance_, dense_deviance(V, reml), rtol=SAME_DENSE
    )
    np.testing.assert_allclose(
        found.marginal_cov(table()), V, atol=SAME_DENSE * np.abs(V).max()
    )


@pytest.mark.parametrize(("written", "reml"), BOTH_WAYS, ids=str)
def test_derivatives_are_those_of_differences(written, reml):
    deviance, point = reopen(fit(written, reml).result_)
    theta = point.theta + 0.1 * np.cos(np.arange(deviance.n_theta)) + 0.05
    at = deviance.derivatives(deviance.at(theta))
    size = 1.0 + np.abs(at.hessian).max()
    for j in range(len(theta)):
        values, gradients = [], []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[j] += sign * STEP
            values.append(deviance.at(moved).value)
            gradients.append(deviance.derivatives(deviance.at(moved)).gradient)
        slope, bend = ((a - b) / (2 * STEP) for a, b in (values, gradients))
        np.testing.assert_allclose(at.gradient[j], slope, atol=SAME_DIFFERENCES * size)
        np.testing.assert_allclose(at.hessian[j], bend, atol=SAME_DIFFERENCES * size)


@every_model
def test_no_restart_leads_to_a_better_optimum(written):
    result = fit(written).result_
    deviance, point = reopen(result)
    theta = point.theta
    starts = theta + np.random.default_rng(0).normal(size=(2, len(theta)))
    values = [minimise(deviance, s, tol=1e-8, max_iter=200).value for s in starts]
    assert point.value - min(values) < SAME_DEVIANCE


@every_model
def test_modes_are_those_of_dense_matrices(written):
    found = fit(written)
    frame, V = table(), dense_covariance(found, written)
    left = frame["y"] - found.predict(frame, random_effects=False)
    expected = V @ np.linalg.solve(V, left)  # all of it, if nothing is a residual
    R = residual_by_hand(found, written[1])
    expected = expected - R @ np.linalg.solve(V, left)
    own = found.predict(frame) - found.predict(frame, random_effects=False)
    np.testing.assert_allclose(own, expected, atol=1e-6)


@every_model
def test_errors_of_predictions_are_those_of_dense_matrices(written):
    found, frame = fit(written), table()
    V, R = dense_covariance(found, written), residual_by_hand(found, written[1])
    X = np.column_stack([np.ones(len(frame)), frame["arm"] == "b", frame["week"]])
    X = np.column_stack([X, X[:, 1] * X[:, 2]]).astype(float)
    D, P = V - R, np.linalg.inv(V)
    u = X - D @ P @ X
    variance = D - D @ P @ D + u @ np.linalg.inv(X.T @ P @ X) @ u.T
    std = found.predict(frame, return_std=True)[1]
    np.testing.assert_allclose(std, np.sqrt(np.diag(variance)), rtol=1e-5)


@every_model
def test_a_history_predicts_as_conditional_normal_laws(written):
    found, frame = fit(written), table()
    if written[1] is None:
        with pytest.raises(ValueError, match="history= is for models with residual="):
            found.predict(frame, history=frame)
        return
    rows = frame[frame["id"] == 3].sort_values("week")
    old, new = rows.iloc[:-1], rows.iloc[-1:]
    mean, std = found.predict(new, history=old, return_std=True)
    V = found.marginal_cov(rows)
    weights = np.linalg.solve(V[:-1, :-1], V[:-1, -1:])
    left = old["y"] - found.predict(old, random_effects=False)
    expected = found.predict(new, random_effects=False) + weights.T @ left
    np.testing.assert_allclose(mean, expected)
    assert std[0] ** 2 > (V[-1:, -1:] - V[-1:, :-1] @ weights).item()


@every_model
def test_units_and_the_order_of_rows_do_not_matter(written):
    found = fit(written)
    other = table().assign(y=1e3 * table()["y"], day=table()["day"] / 365.0)
    other = other.sample(frac=1.0, random_state=9).reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = model(written).fit(other)
    shift = 2.0 * (len(other) - 4) * np.log(1e3)
    np.testing.assert_allclose(again.deviance_, found.deviance_ + shift, atol=1e-6)
    np.testing.assert_allclose(
        again.fixed_effects_, 1e3 * found.fixed_effects_, rtol=SAME_ESTIMATES
    )


@every_model
def test_statements_are_there(written):
    found = fit(written)
    assert str(found.summary(ddf="kenward-roger"))
    assert np.isfinite(found.summary(ddf="satterthwaite").fixed["df"]).all()
    assert found.conf_int("variance") is not None
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(table()), found.predict(table()))


@pytest.mark.parametrize("name", ["us", "cs", "ar1h", "toep", "ad", "car1", "gau"])
def test_blocks_and_patterns_are_one_likelihood(name):
    own = MixedLinearRegressor("y ~ arm * week", residual=f"{name}(week | id)")
    design = own._learn_design(table(), None, None)
    by_pattern = own._fit_design(design)
    start = block_model(cross_products(design), design, own.spec_.residual, None, True)
    optimum = search_blocks(start)
    assert abs(optimum.value - reopen(by_pattern)[1].value) < SAME_DEVIANCE


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("residual", ["ar1(hour | id)", "car1(day | id)"])
def test_series_and_blocks_say_the_same(residual, reml):
    frame = table().assign(hour=np.rint(24.0 * table()["day"]), w=1 + table()["x"])
    own = MixedLinearRegressor("y ~ arm * week", residual=residual, reml=reml)
    result = own.fit(frame, sample_weight=frame["w"]).result_
    assert result.solver == "markov"
    design = own._learn_design(frame, None, frame["w"])
    start = block_model(cross_products(design), design, own.spec_.residual, None, reml)
    optimum = search_blocks(start)
    deviance, point = reopen(result)
    assert abs(optimum.value - point.value) < SAME_DEVIANCE
    blocks = start.deviance
    theta = point.theta + 0.2
    one, other = deviance.at(theta), blocks.at(theta)
    np.testing.assert_allclose(one.value, other.value, rtol=SAME_DENSE)
    slopes = [d.derivatives(at) for d, at in ((deviance, one), (blocks, other))]
    np.testing.assert_allclose(slopes[0].gradient, slopes[1].gradient, rtol=1e-6)
    np.testing.assert_allclose(slopes[0].hessian, slopes[1].hessian, rtol=1e-6)
    terms = [deviance.adjustment_terms(one), blocks.adjustment_terms(other)]
    for a, b in zip(*terms, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8 * np.abs(b).max())


def test_one_long_series_is_fitted():
    rng = np.random.default_rng(0)
    e = np.zeros(3000)
    for j in range(1, len(e)):
        e[j] = 0.8 * e[j - 1] + rng.normal()
    frame = pd.DataFrame({"t": np.arange(len(e)), "g": 1, "y": e})
    found = MixedLinearRegressor("y ~ 1", residual="ar1(t | g)").fit(frame)
    assert abs(found.residual_parameters_["rho"] - 0.8) < 0.05
    assert str(found.summary(ddf="kenward-roger"))


def test_weights_divide_the_variances():
    written = ("(1 | id)", "ar1(week | id)", None)
    frame = table().assign(w=1.0 + table()["x"])
    found = model(written).fit(frame, sample_weight=frame["w"])
    V = found.marginal_cov(frame, sample_weight=frame["w"])
    np.testing.assert_allclose(
        found.deviance_, dense_deviance(V, True), rtol=SAME_DENSE
    )


def test_rows_share_times_with_a_nugget():
    frame = pd.concat([table(), table().head(30)], ignore_index=True)
    frame["y"] += np.random.default_rng(0).normal(size=len(frame)) / 2
    own = MixedLinearRegressor("y ~ week", residual="car1(week | id, nugget=True)")
    found = own.fit(frame)
    assert 0.0 < found.residual_parameters_["nugget"] < 1.0
    V = found.marginal_cov(frame.iloc[[0, len(table())]])
    assert V[0, 1] < V[0, 0]


BAD = [
    (("(1 | id)", "cs(week | id)", None), "stand for the same covariances"),
    (("(1 | id)", "us(week | id)", None), "leaves nothing to"),
    (("", "us(week | id)", "~ x"), "leaves nothing to dispersion="),
    (("", "diag(week | id)", "~ factor(week)"), "stand for the same"),
    (("", "cs(week | id, nugget=True)", None), "has no option `nugget`"),
    (("", None, "y ~ x"), "one-sided formula"),
    (("", None, "~ (1 | id)"), "one-sided formula"),
    (("", None, "~ 1"), "names no column"),
    (("", None, "~ nothing"), "nothing"),
    (("", None, "~ year"), "Centre it"),
    (("(1 | half) + (1 | id)", "ar1(week | id)", None), "depend on one another"),
    (("", "ar1(day | id)", None), "whole numbers"),
    (("", "toep(day | id)", None), "a correlation is not known"),
    (("", "cs(day | id)", None), "for which times do not matter"),
    (("", "car1(twice | id)", None), "With nugget=True"),
    (("", "car1(label | id, nugget=True)", None), "several rows at one visit"),
]


@pytest.mark.parametrize(("written", "said"), BAD)
def test_what_cannot_be_done_is_named(written, said):
    frame = table().assign(year=2000.0 + table()["week"] / 10, twice=1.0)
    frame["label"] = "v" + (frame["week"] // 2).astype(str)
    frame["half"] = frame["id"] % 2
    frame = pd.concat([frame.assign(id=frame["id"] + 100 * k) for k in range(5)])
    with pytest.raises(ValueError, match=said):
        model(written).fit(frame.reset_index(drop=True))


def test_times_of_few_subjects_are_told_apart():
    """As many distinct times as rows: their range is that of gaps within subjects."""
    frame = table()[table()["id"] < 11].copy()
    own = MixedLinearRegressor(
        "y ~ week + (1 | id)", residual="car1(day | id, nugget=True)"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert own.fit(frame).solver_ == "blocks"


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.icc(),
        lambda m: m.r2_nakagawa(),
        lambda m: simulated_residuals(m, table()),
    ],
)
def test_what_is_not_there_is_refused(ask):
    with pytest.raises(ValueError, match="residual="):
        ask(fit(("(1 | id)", "ar1(week | id)", None)))
