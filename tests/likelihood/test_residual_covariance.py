"""Residual covariances: dense V by hand, derivatives, laws, refusals."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE
from scipy.optimize import minimize

from skmixed import (
    MixedLinearRegressor,
    anova,
    compare_table,
    emmeans,
    fit_many,
)
from skmixed.inspection import simulated_residuals
from skmixed.likelihood.covariance.residual import (
    RESIDUALS,
    canonical_residual,
    residual_structure,
)
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.patterns import Patterns
from skmixed.warnings import SingularFitWarning

# A fit is the same to this: the search ends within 1e-8 of the deviance.
SAME_LOGLIK = 1e-7
# Estimates of two searches, relative.
SAME_ESTIMATES = 1e-4
# Central differences of the deviance and of its gradient.
STEP = 1e-5
SAME_DIFFERENCES = 2e-5

STRUCTURES = [
    *("us", "id", "diag", "cs", "csh", "ar1", "ar1h"),
    *("toep", "toeph", "ad", "adh", "car1", "exp", "gau"),
]
every_structure = pytest.mark.parametrize("name", STRUCTURES)
TIMES = np.array([0, 1, 3, 4])


@cache
def table():
    """Forty subjects with up to four visits, some missing, in mixed order."""
    rng = np.random.default_rng(5)
    n, k = 40, len(TIMES)
    root = np.linalg.cholesky(0.7 ** np.abs(np.subtract.outer(TIMES, TIMES)))
    e = rng.normal(size=(n, k)) @ root.T * np.array([1.0, 1.2, 1.5, 1.7])
    arm = np.repeat(rng.integers(0, 2, n), k)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), k),
            "time": np.tile(TIMES, n),
            "arm": np.where(arm, "b", "a"),
            "y": (10.0 + 0.5 * arm[:, None].reshape(n, k) + e).ravel(),
        }
    )
    frame["visit"] = "v" + frame["time"].astype(str)
    keep = (rng.uniform(size=len(frame)) < 0.8) | (frame["time"] == 0)
    return frame[keep].sample(frac=1.0, random_state=1).reset_index(drop=True)


def model(residual, **options):
    return MixedLinearRegressor("y ~ arm * time", residual=residual, **options)


@cache
def fit(residual, reml=True):
    return model(residual, reml=reml).fit(table())


def dense_deviance(frame, V_of, reml):
    """-2 log likelihood with V = V_of(rows of a subject), sigma^2 in it."""
    X = np.column_stack(
        [
            np.ones(len(frame)),
            frame["arm"] == "b",
            frame["time"],
            (frame["arm"] == "b") * frame["time"],
        ]
    ).astype(float)
    y, p = frame["y"].to_numpy(), X.shape[1]
    XX, Xy, yy, logdet = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    for rows in frame.groupby("id").indices.values():
        V = V_of(frame.iloc[rows])
        P = np.linalg.inv(V)
        XX += X[rows].T @ P @ X[rows]
        Xy += X[rows].T @ P @ y[rows]
        yy += y[rows] @ P @ y[rows]
        logdet += np.linalg.slogdet(V)[1]
    n = len(y) - (p if reml else 0)
    value = logdet + n * np.log(2 * np.pi) + yy - Xy @ np.linalg.solve(XX, Xy)
    return value + (np.linalg.slogdet(XX)[1] if reml else 0.0)


@every_structure
@pytest.mark.parametrize("reml", [True, False])
def test_likelihood_is_that_of_dense_matrices(name, reml):
    found = fit(f"{name}(time | id)", reml)
    expected = dense_deviance(table(), found.marginal_cov, reml)
    np.testing.assert_allclose(found.deviance_, expected, rtol=SAME_DENSE)


@pytest.mark.parametrize("by", ["", ", by=arm"])
@every_structure
def test_derivatives_are_those_of_differences(name, by):
    products = fit(f"{name}(time | id{by})").result_.residual.products
    theta = fit(f"{name}(time | id{by})").theta_
    theta = theta + 0.1 * np.cos(np.arange(len(theta)))
    deviance = ProfiledDeviance(products, Patterns(products), True)
    at = deviance.derivatives(deviance.at(theta)) if len(theta) else None
    for j in range(len(theta)):
        values, gradients = [], []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[j] += sign * STEP
            point = deviance.at(moved)
            values.append(point.value)
            gradients.append(deviance.derivatives(point).gradient)
        size = 1.0 + np.abs(at.hessian).max()
        slope, bend = ((a - b) / (2 * STEP) for a, b in (values, gradients))
        np.testing.assert_allclose(at.gradient[j], slope, atol=SAME_DIFFERENCES * size)
        np.testing.assert_allclose(at.hessian[j], bend, atol=SAME_DIFFERENCES * size)


def test_ar1_is_the_maximum_of_the_dense_likelihood():
    def deviance(parameters):
        sd, rho = np.exp(parameters[0]), np.tanh(parameters[1])

        def V(rows):
            t = rows["time"].to_numpy()
            return sd**2 * rho ** np.abs(np.subtract.outer(t, t))

        return dense_deviance(table(), V, True)

    best = minimize(deviance, [0.0, 0.5], options={"gtol": 1e-6})
    found = fit("ar1(time | id)")
    np.testing.assert_allclose(found.deviance_, best.fun, atol=SAME_LOGLIK)
    own = found.residual_parameters_
    np.testing.assert_allclose(own["rho"], np.tanh(best.x[1]), rtol=SAME_ESTIMATES)
    np.testing.assert_allclose(own["sd"], np.exp(best.x[0]), rtol=SAME_ESTIMATES)


@every_structure
def test_order_of_rows_and_units_do_not_matter(name):
    one = fit(f"{name}(time | id)")
    frame = table().iloc[::-1].assign(y=lambda f: 1000.0 * f["y"])
    other = model(f"{name}(time | id)").fit(frame)
    expected = 1000.0**2 * one.residual_cov_
    np.testing.assert_allclose(other.residual_cov_, expected, rtol=SAME_ESTIMATES)
    df = one.summary().fixed["df"]
    np.testing.assert_allclose(other.summary().fixed["df"], df, rtol=SAME_ESTIMATES)


@pytest.mark.parametrize("name", ["car1", "gau"])
def test_units_of_time_do_not_matter(name):
    other = model(f"{name}(time | id)").fit(table().assign(time=table()["time"] / 7.0))
    own = fit(f"{name}(time | id)")
    ranges = [m.residual_parameters_["range"] for m in (own, other)]
    np.testing.assert_allclose(ranges[0], 7.0 * ranges[1], rtol=SAME_ESTIMATES)


def test_compound_symmetry_is_the_random_intercept():
    mixed = MixedLinearRegressor("y ~ arm * time + (1 | id)").fit(table())
    found = fit("cs(time | id)")
    np.testing.assert_allclose(found.loglik_, mixed.loglik_, atol=SAME_LOGLIK)
    np.testing.assert_allclose(
        found.summary().fixed["df"], mixed.summary().fixed["df"], rtol=SAME_ESTIMATES
    )
    one = table()[table()["id"] == 3]
    np.testing.assert_allclose(
        found.marginal_cov(one), mixed.marginal_cov(one), rtol=SAME_ESTIMATES
    )


def test_id_is_the_linear_model():
    plain, found = (
        MixedLinearRegressor("y ~ arm * time").fit(table()),
        fit("id(time|id)"),
    )
    np.testing.assert_allclose(found.loglik_, plain.loglik_, rtol=SAME_DEVIANCE)
    assert found.n_iter_ == 1


def test_us_by_group_is_two_fits():
    formula = "y ~ 1 + time"
    both = MixedLinearRegressor(
        "y ~ 0 + arm + arm:time", residual="us(time | id, by=arm)"
    ).fit(table())
    parts = [
        MixedLinearRegressor(formula, residual="us(time | id)").fit(own)
        for _, own in table().groupby("arm")
    ]
    total = sum(part.loglik_ for part in parts)
    np.testing.assert_allclose(both.loglik_, total, atol=SAME_LOGLIK)
    for part, cov in zip(parts, both.residual_cov_.values(), strict=True):
        np.testing.assert_allclose(part.residual_cov_, cov, rtol=SAME_ESTIMATES)


def test_weights_divide_variances():
    w = np.where(table()["arm"] == "a", 1.0, 4.0)
    found = model("ar1(time | id)").fit(table(), sample_weight=w)

    def V(rows):
        own = np.where(rows["arm"] == "a", 1.0, 4.0)
        return found.marginal_cov(rows, sample_weight=own)

    expected = dense_deviance(table(), V, True)
    np.testing.assert_allclose(found.deviance_, expected, rtol=SAME_DENSE)
    # the model keeps no rows: without weights they have weight one
    one = table()[table()["id"] == 3]
    np.testing.assert_allclose(
        found.marginal_cov(one),
        found.marginal_cov(one, sample_weight=np.ones(len(one))),
        rtol=SAME_DENSE,
    )


def test_labels_of_visits_count_as_places():
    named = model("toep(visit | id)").fit(table())
    np.testing.assert_allclose(
        named.loglik_, fit("toep(time | id)").loglik_, atol=SAME_LOGLIK
    )
    assert list(named.residual_cov_.index) == ["v0", "v1", "v3", "v4"]


@every_structure
def test_structures_come_back_from_their_matrices(name):
    spelling = canonical_residual(name)
    assert canonical_residual(*spelling) == spelling
    structure = residual_structure(*spelling, tuple(map(float, TIMES)))
    theta = 0.2 + 0.3 * np.cos(np.arange(structure.n_theta))
    root = structure.root(theta)
    again = structure.root(structure.nearest(root @ root.T))
    np.testing.assert_allclose(again @ again.T, root @ root.T, rtol=SAME_ESTIMATES)


def test_statements_and_pickles():
    found = fit("us(time | id)")
    text = str(found.summary(ddf="kenward-roger"))
    assert "Residual: us(time | id)" in text
    assert max(map(len, text.splitlines())) <= 80
    # a single contrast has one number of degrees of freedom by both methods
    dfs = [
        found.summary(ddf=ddf).fixed["df"] for ddf in ("satterthwaite", "kenward-roger")
    ]
    np.testing.assert_allclose(*dfs, rtol=SAME_ESTIMATES)
    assert len(anova(found)) == 3
    assert len(emmeans(found, "arm").frame) == 2
    again = pickle.loads(pickle.dumps(found))
    assert str(again.summary()) == str(found.summary())
    np.testing.assert_array_equal(again.predict(table()), found.predict(table()))


def test_a_matrix_without_inverse_is_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(4), 5), "t": np.tile(range(5), 4)})
    frame["y"] = rng.normal(size=20)
    with pytest.warns(SingularFitWarning, match="Fewest subjects"):
        found = MixedLinearRegressor("y ~ 1", residual="us(t | id)").fit(frame)
    assert found.singular_
    assert not found.converged_


@pytest.mark.parametrize("name", ["us", "ar1", "toeph"])
def test_predictions_from_a_history_are_conditional_means(name):
    found = fit(f"{name}(time | id)")
    one = pd.DataFrame({"id": -1, "time": TIMES, "arm": "b", "y": [9.0, 12, 11, 8]})
    past, new = one[:3], one[3:]
    y_pred, std = found.predict(new, history=past, return_std=True)
    V, mean = found.marginal_cov(one), found.predict(one)
    weights = np.linalg.solve(V[:3, :3], V[:3, 3])
    expected = mean[3] + weights @ (past["y"] - mean[:3])
    np.testing.assert_allclose(y_pred, expected, rtol=SAME_DENSE)
    names = list(found.fixed_effects_.index)
    x = pd.DataFrame({n: TIMES if "time" in n else np.ones(4) for n in names})
    u = x.iloc[3] - weights @ x.iloc[:3].to_numpy()
    variance = V[3, 3] - weights @ V[:3, 3] + u @ found.result_.coef_cov @ u
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=SAME_DENSE)
    # nobody's rows say nothing, and of a row that is known its response is
    np.testing.assert_array_equal(
        found.predict(new, history=table().head(9)), found.predict(new)
    )
    np.testing.assert_allclose(
        found.predict(past, history=past), past["y"], rtol=SAME_DENSE
    )


def test_other_responses_are_fits_of_their_own():
    Y = pd.DataFrame({"one": table()["y"], "two": table()["y"] ** 2})
    many = fit_many(model("ar1(time | id)"), table().drop(columns="y"), Y)
    again = fit("ar1(time | id)").refit(table(), Y["two"])
    alone = model("ar1(time | id)").fit(table().assign(y=Y["two"]))
    for found in (many["two"], again):
        np.testing.assert_allclose(found.loglik_, alone.loglik_, atol=SAME_LOGLIK)
        np.testing.assert_allclose(
            found.residual_cov_, alone.residual_cov_, rtol=SAME_ESTIMATES
        )


def test_a_history_needs_a_residual_covariance():
    with pytest.raises(ValueError, match="history= is for models with residual="):
        MixedLinearRegressor("y ~ time").fit(table()).predict(table(), history=table())


SPOILT = [
    ("UN(time | id)", "`UN` is called `us` here"),
    ("corAR1(time | id)", "is called `ar1` here"),
    ("VC(time | id)", "is called `id` here"),
    ("ar1", "`\\(` is missing"),
    ("", "the name of a covariance structure comes first"),
    ("3(time | id)", "the name of a covariance structure comes first"),
    ("ar1(time)", "`\\|` is missing"),
    ("ar1(time | id", "`\\)` is missing"),
    ("ar1(time | id))", "nothing behind it"),
    ("ar1(time | id) + cs(time | id)", "one residual covariance"),
    ("ar1(0 + time | id)", "should be a column"),
    ("ar1(time + visit | id)", "one column of times"),
    ("ar1(factor(time) | id)", "not a call"),
    ("us(time | arm / id)", "by=arm"),
    ("us(time | )", "the subject should be a column"),
    ("us(time | 1)", "the subject should be a column"),
    ("us(time | id, arm)", "options are written as"),
    ("us(time | id, by=arm, by=arm)", "twice"),
    ("us(time | id, by=True)", "by= takes the name of a column"),
    ("us(time | id, hom=True)", "no option `hom`"),
    ("csh(time | id, hom=True)", "no option `hom`"),
    ("cs(time | id, hom=3)", "should be True or False"),
    ("ar1(time | id, rho=0.5)", "no option `rho`"),
    ("arma(time | id)", "is not known; there are: us"),
    ("ar1(week | id)", "no column 'week'"),
    ("ar1(time | patient)", "no column 'patient'"),
    ("us(time | id, by=sex)", "no column 'sex'"),
    ("us(time | id, by=visit)", "constant within subjects"),
    ("us(time | arm)", "several rows at one visit"),
    ("ar1(half | id)", "write car1"),
    ("cs(one | id)", "one visit only"),
    ("cs(`time | id)", "a back-tick is not closed"),
    ("us(unique | id)", "distinct values"),
]


@pytest.mark.parametrize(("residual", "match"), SPOILT)
def test_mistakes_are_named(residual, match):
    frame = table().assign(half=table()["time"] / 2, one=1.0)
    frame = frame.assign(unique=np.arange(len(frame)))
    if "one |" in residual:
        frame = frame.drop_duplicates("id")
    with pytest.raises(ValueError, match=match):
        model(residual).fit(frame)


def test_pairs_that_nobody_has_are_named():
    frame = table()
    seen = frame[frame["time"] == 4]["id"]
    frame = frame[(frame["time"] != 3) | ~frame["id"].isin(seen)]
    with pytest.raises(ValueError, match="no `id` has rows at both 3 and 4"):
        model("us(time | id)").fit(frame)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.icc(),
        lambda m: m.r2_nakagawa(),
        lambda m: simulated_residuals(m, table()),
        lambda m: compare_table([m, m]),
    ],
)
def test_what_needs_independent_residuals_is_refused(ask):
    with pytest.raises(ValueError, match="residual='ar1"):
        ask(fit("ar1(time | id)"))


def test_every_structure_is_tested():
    assert {canonical_residual(name)[0] for name in STRUCTURES} == set(RESIDUALS)


def test_missing_visits_are_counted():
    frame = table().assign(time=table()["time"].where(table().index > 0))
    with pytest.raises(ValueError, match="Input contains NaN"):
        MixedLinearRegressor("y ~ arm", residual="cs(time | id)").fit(frame)
    found = MixedLinearRegressor(
        "y ~ arm", residual="cs(time | id)", na_action="drop"
    ).fit(frame)
    assert found.n_dropped_ == 1
    assert len(found.predict(table().drop(columns="time"))) == len(table())
