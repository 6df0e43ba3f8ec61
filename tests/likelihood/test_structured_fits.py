"""Fits with structured covariances: dense V by hand, derivatives, laws, refusals."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from scipy import stats
from scipy.optimize import minimize

from skmixed import MixedLinearRegressor, likelihood_ratio_test
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.parameters import list_parameters, values_of
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.search.optimize import minimise
from skmixed.warnings import SingularFitWarning

LEVELS = ["a", "b", "c"]
K = len(LEVELS)


def lags():
    return np.abs(np.subtract.outer(np.arange(K), np.arange(K)))


def toeplitz(rho):
    return np.append(1.0, rho)[lags()]


# Structure -> number of correlations, and the correlation matrix by hand.
BY_HAND = {
    "diag": (0, lambda rho: np.eye(K)),
    "cs": (1, lambda rho: np.where(lags() == 0, 1.0, rho[0])),
    "ar1": (1, lambda rho: rho[0] ** lags()),
    "toep": (K - 1, toeplitz),
}
SPELLINGS = [
    (name, hom)
    for name in BY_HAND
    for hom in (True, False)
    if (name, hom) != ("diag", False)
]
every_spelling = pytest.mark.parametrize(("name", "hom"), SPELLINGS)


def term(name, hom, effects="0 + f", group="g"):
    return f"{name}({effects} | {group}, hom={hom})"


@cache
def table():
    """Twenty groups with up to three rows of each level, some missing."""
    rng = np.random.default_rng(3)
    g, f = np.meshgrid(np.arange(20), np.arange(K), indexing="ij")
    u = rng.normal(size=(20, K)) @ np.linalg.cholesky(0.7 ** lags()).T
    u *= np.array([0.7, 0.9, 1.3])
    rows = np.repeat(np.arange(g.size), rng.integers(0, 4, g.size))
    frame = pd.DataFrame({"g": g.ravel()[rows], "f": np.array(LEVELS)[f.ravel()[rows]]})
    frame["x"] = 50.0 + rng.normal(size=len(frame))
    frame["s"] = rng.integers(0, 5, len(frame))
    frame["w"] = np.exp(0.5 * rng.normal(size=len(frame)))
    own = u.ravel()[rows] + rng.normal(size=5)[frame["s"]]
    frame["y"] = 2.0 + 0.3 * frame["x"] + own + rng.normal(size=len(frame))
    return frame


@cache
def fitted(random, *, reml=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLinearRegressor(f"y ~ x + f + {random}", reml=reml).fit(table())


def dense_deviance(sd, R, sigma, frame, *, reml):
    """Twice the negative log-likelihood with V written out row by row."""
    level = frame["f"].map(LEVELS.index).to_numpy()
    Psi = np.outer(sd, sd) * R
    same = np.equal.outer(frame["g"].to_numpy(), frame["g"].to_numpy())
    V = same * Psi[np.ix_(level, level)] + sigma**2 * np.eye(len(frame))
    X = np.column_stack([frame["x"] - 50.0, *(level == k for k in range(K))])
    L = np.linalg.cholesky(V)
    A = np.linalg.solve(L, np.column_stack([X, frame["y"]]))
    Q, T = np.linalg.qr(A[:, :-1])
    left = A[:, -1] - Q @ (Q.T @ A[:, -1])
    n = len(frame) - X.shape[1] * reml
    value = 2 * np.log(np.diag(L)).sum() + left @ left + n * np.log(2 * np.pi)
    return value + reml * 2 * np.log(np.abs(np.diag(T))).sum()


def from_free(free, name, hom):
    """Standard deviations, correlation matrix and sigma of unconstrained numbers."""
    n = 1 if hom else K
    rho = np.tanh(free[n + 1 :])
    return np.exp(free[:n]) * np.ones(K), BY_HAND[name][1](rho), np.exp(free[n])


def best_by_hand(name, hom, *, reml):
    """Lowest dense deviance of several searches without derivatives of ours."""

    def objective(free):
        sd, R, sigma = from_free(free, name, hom)
        if np.linalg.eigvalsh(R)[0] < 0:  # V may still be a covariance
            return 1e6
        return dense_deviance(sd, R, sigma, table(), reml=reml)

    n = (1 if hom else K) + 1
    starts = [np.append(np.zeros(n), np.full(BY_HAND[name][0], r)) for r in (0.3, 0.7)]
    found = [minimize(objective, start, method="BFGS") for start in starts]
    return min(result.fun for result in found)


@every_spelling
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
def test_the_fit_is_the_best_that_a_dense_search_finds(name, hom, reml):
    model = fitted(term(name, hom), reml=reml)
    covariance = model.result_.covariances[0]
    sd = np.sqrt(np.diag(covariance))
    R = covariance / np.outer(sd, sd)
    own = dense_deviance(sd, R, model.sigma_, table(), reml=reml)
    np.testing.assert_allclose(-2 * model.loglik_, own, rtol=SAME_DENSE)
    assert own < best_by_hand(name, hom, reml=reml) + 2 * SAME_DEVIANCE
    assert model.converged_


def deviance_of(random, regime, reml):
    A = scale_free(fitted(random).result_.A)
    return ProfiledDeviance(A, choose_elimination(A, regime), reml)


def slope(function, theta):
    """Central differences of fourth order, one column per entry of theta."""
    step, columns = 1e-3, []
    for e in step * np.eye(len(theta)):
        near = function(theta + e) - function(theta - e)
        far = function(theta + 2 * e) - function(theta - 2 * e)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=-1)


def derivatives_at(deviance, theta):
    return deviance.derivatives(deviance.at(theta))


def assert_close(ours, expected, scale, tolerance=SAME_DENSE):
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=tolerance)


DERIVATIVES = [
    ("batched", lambda name, hom: term(name, hom)),
    ("dense", lambda name, hom: f"(1 | g) + {term(name, hom)}"),
    ("dense", lambda name, hom: f"(1 | s) + {term(name, hom)}"),
    ("crossed", lambda name, hom: f"{term(name, hom)} + (1 | s)"),
]


@every_spelling
@pytest.mark.parametrize(("regime", "random"), DERIVATIVES)
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
def test_gradient_and_exact_hessian_are_slopes(name, hom, regime, random, reml):
    deviance = deviance_of(random(name, hom), regime, reml)
    theta = 0.5 * np.random.default_rng(0).normal(size=deviance.n_theta)
    found = derivatives_at(deviance, theta)
    expected = slope(lambda at: deviance.at(at).value, theta)
    scale = deviance.A.n_obs + np.abs(expected).max()
    assert_close(found.gradient, expected, scale)
    if deviance.elimination.exact:
        expected = slope(lambda at: derivatives_at(deviance, at).gradient, theta)
        assert_close(found.hessian, expected, scale)


@every_spelling
def test_order_of_rows_and_units_do_not_matter(name, hom):
    model, frame = fitted(term(name, hom)), table()
    moved = frame.sample(frac=1.0, random_state=0)
    moved = moved.assign(y=1e3 * moved["y"] + 5.0, x=moved["x"] * 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        again = MixedLinearRegressor(model.formula, reml=True).fit(moved)
    n = len(frame) - 1 - K
    # the REML criterion knows the unit of x, by 2 log(1e-3), and of y
    gap = -2 * (again.loglik_ - model.loglik_) - 2 * n * np.log(1e3) + 2 * np.log(1e3)
    assert abs(gap) < 2 * SAME_DEVIANCE
    assert_close(again.theta_, model.theta_, 1.0, SAME_THETA)
    assert_close(again.sigma_, 1e3 * model.sigma_, 1e3 * model.sigma_, SAME_THETA)


SAME_MODELS = [
    ("homdiag(0 + f | g)", "(1 | g:f)"),
    ("homcs(0 + f | g)", "(1 | g) + (1 | g:f)"),
    ("homcs(0 + f | g)", "(1 | g) + homdiag(0 + f | g)"),
    ("homcs(0 + h | g)", "ar1(0 + h | g)"),
    ("homtoep(0 + h | g)", "ar1(0 + h | g)"),
    ("us(0 + h | g)", "cs(0 + h | g)"),
    ("us(0 + h | g)", "hetar1(0 + h | g)"),
    ("us(0 + h | g)", "toep(0 + h | g)"),
    ("csh(0 + f | g)", "cs(0 + f | g, hom=FALSE)"),
    ("us(1 + x | g)", "cs(1 + x | g)"),
]


@pytest.mark.parametrize(("one", "other"), SAME_MODELS)
def test_two_spellings_of_one_model_fit_alike(one, other):
    frame = table().assign(h=table()["f"].isin(["a", "b"]).astype(str))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (
            MixedLinearRegressor(f"y ~ x + f + {random}").fit(frame)
            for random in (one, other)
        )
    assert abs(first.loglik_ - second.loglik_) < SAME_DEVIANCE
    assert_close(first.sigma_, second.sigma_, first.sigma_, SAME_THETA)


def test_weights_enter_a_structured_fit_as_precisions():
    frame = table()
    model = MixedLinearRegressor(f"y ~ x + f + {term('ar1', True)}")
    one = model.fit(frame, sample_weight=frame["w"]).theta_
    more = model.fit(frame, sample_weight=7.0 * frame["w"]).theta_
    assert_close(more * [np.sqrt(7.0), 1.0], one, 1.0, SAME_THETA)


@every_spelling
def test_parameters_tell_the_covariance_and_their_slopes_are_right(name, hom):
    model = fitted(term(name, hom), reml=False)
    result = model.result_
    parameters = list_parameters(result, ["Intercept", "x", "f[T.b]", "f[T.c]"])[4:]
    values = values_of(result, parameters)
    n = 1 if hom else K
    sd, rho = values[:n] * np.ones(K), values[n:-1]
    expected = np.outer(sd, sd) * BY_HAND[name][1](rho)
    assert_close(result.covariances[0], expected, expected.max())
    bounds = model.conf_int("variance")
    assert (bounds["lower"] < values).all()
    assert (bounds["upper"] > values).all()


@every_spelling
def test_held_parameters_profile_the_deviance(name, hom):
    model = fitted(term(name, hom), reml=False)
    result = model.result_
    parameters = list_parameters(result, ["Intercept", "x", "f[T.b]", "f[T.c]"])
    for parameter, value in zip(parameters, values_of(result, parameters), strict=True):
        if parameter.name.startswith("rho2"):
            with pytest.raises(ValueError, match="several parameters"):
                HeldParameter(result, parameter)
            continue
        held = HeldParameter(result, parameter)
        owed = result.A.sum_log_weights - 2 * result.loglik
        assert abs(held.deviance_at(value) - owed) < SAME_DEVIANCE
        restricted = held.hold(0.9 * value)
        y = held.start() + 0.01
        expected = slope(lambda at, r=restricted: r.at(at).value, y)
        gradient = derivatives_at(restricted, y).gradient
        assert_close(gradient, expected, len(table()) + np.abs(expected).max())


def test_profile_intervals_end_where_the_likelihood_ratio_is_the_quantile():
    model = fitted(term("ar1", False), reml=False)
    bounds = model.profile("variance").conf_int()
    assert np.isfinite(bounds.to_numpy()).all()
    result, most = model.result_, stats.chi2.ppf(0.95, 1)
    for parameter in list_parameters(result, ["Intercept", "x", "f[T.b]", "f[T.c]"])[
        4:
    ]:
        held = HeldParameter(result, parameter)
        lowest = held.deviance_at(bounds.loc[parameter.name, "estimate"])
        for side in ("lower", "upper"):
            value = bounds.loc[parameter.name, side]
            if value in parameter.domain:
                continue
            risen = minimise(held.hold(value), held.start(), tol=1e-8, max_iter=200)
            assert_close(risen.value - lowest, most, most, 1e-2)


def test_marginal_cov_is_the_dense_one_for_known_and_new_groups():
    model, frame = fitted(term("ar1", True)), table()
    own = frame[frame["g"].isin([1, 2])]
    level = own["f"].map(LEVELS.index).to_numpy()
    same = np.equal.outer(own["g"].to_numpy(), own["g"].to_numpy())
    Psi = model.result_.covariances[0]
    expected = same * Psi[np.ix_(level, level)] + model.sigma_**2 * np.eye(len(own))
    assert_close(model.marginal_cov(own), expected, expected.max())
    new = own.assign(g=own["g"] + 1000)
    assert_close(model.marginal_cov(new), expected, expected.max())


NESTED = [
    ("homdiag", "ar1", 1),
    ("ar1", "homtoep", 1),
    ("ar1", "hetar1", 2),
    ("homcs", "cs", 2),
    ("diag", "cs", 1),
    ("cs", "us", 2),
    ("hetar1", "us", 2),
]


@pytest.mark.parametrize(("small", "large", "df"), NESTED)
def test_nested_structures_differ_by_their_parameters(small, large, df):
    models = [fitted(f"{name}(0 + f | g)", reml=False) for name in (small, large)]
    row = likelihood_ratio_test(*models).iloc[-1]
    assert row["df"] == df
    assert row["chi2"] >= 0
    assert row["reference"] == f"chi2({df})"


def test_what_is_not_nested_or_has_no_known_law_is_refused():
    ar1, cs = (fitted(f"{n}(0 + f | g)", reml=False) for n in ("ar1", "homcs"))
    with pytest.raises(ValueError, match="is not nested in"):
        likelihood_ratio_test(fitted("hetar1(0 + f | g)", reml=False), cs)
    with pytest.raises(ValueError, match="is not nested"):
        likelihood_ratio_test(ar1, cs)
    with pytest.raises(ValueError, match="bootstrap_test"):
        likelihood_ratio_test(
            fitted("(1 | s)", reml=False),
            fitted("(1 | s) + ar1(0 + f | g)", reml=False),
        )


SINGLE = [
    ("us", "us"),
    ("diag", "diag"),
    ("homdiag", "diag"),
    ("homcs", "cs"),
    ("homtoep", "toep"),
]


@pytest.mark.parametrize(("name", "residual"), SINGLE)
def test_structures_that_contain_sigma_are_refused_with_one_row_per_cell(
    name, residual
):
    frame = table().drop_duplicates(["g", "f"])
    frame = frame[frame.groupby("g")["f"].transform("size") == K]
    model = MixedLinearRegressor(f"y ~ x + f + {name}(0 + f | g)")
    with pytest.raises(ValueError, match=rf"residual='{residual}\(f \| g\)'"):
        model.fit(frame)


@pytest.mark.parametrize("name", ["ar1", "hetar1", "cs", "toep"])
def test_other_structures_leave_sigma_room_with_one_row_per_cell(name):
    frame = table().drop_duplicates(["g", "f"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLinearRegressor(f"y ~ x + f + {name}(0 + f | g)").fit(frame)
    assert np.isfinite(model.loglik_)


def test_a_variance_of_zero_is_found_and_named():
    rng = np.random.default_rng(0)
    frame = table().assign(y=rng.normal(size=len(table())))
    frame["y"] -= frame.groupby("g")["y"].transform("mean")
    with pytest.warns(UserWarning, match=r"`ar1\(0 \+ f \| g, hom=True\)`"):
        model = MixedLinearRegressor("y ~ x + f + ar1(0 + f | g)").fit(frame)
    assert model.converged_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = MixedLinearRegressor("y ~ x + f + homdiag(0 + f | g)").fit(frame)
    assert model.loglik_ > other.loglik_ - SAME_DEVIANCE
