"""Satterthwaite's and Kenward-Roger's methods against R, the textbook and laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE, SAME_THETA
from test_reference import fit_case

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_pastes, load_penicillin, load_sleepstudy
from skmixed.inference.fixed import degrees_of_freedom
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.opened.curvature import exact_hessian
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood.fit import fit_linear

REFERENCE = Path(__file__).parents[1] / "reference" / "inference.json"
CASES = json.loads(REFERENCE.read_text())["cases"]
SATTERTHWAITE = [name for name, case in CASES.items() if "satterthwaite_df" in case]
KENWARD_ROGER = [name for name, case in CASES.items() if "kenward_roger_df" in case]


@pytest.fixture(scope="module")
def unbalanced():
    sleep = load_sleepstudy().frame
    return sleep[np.arange(len(sleep)) % 7 < 4].iloc[:80]


def fit(formula, frame, **options):
    return MixedLinearRegressor(formula, **options).fit(frame)


@pytest.mark.parametrize("name", SATTERTHWAITE)
def test_satterthwaite_is_that_of_lmer_test(name):
    expected = np.array(CASES[name]["satterthwaite_df"])
    df = fit_case(name)[2].summary(ddf="satterthwaite").fixed["df"]
    np.testing.assert_allclose(df, expected, rtol=SAME_THETA)


@pytest.mark.parametrize("name", KENWARD_ROGER)
def test_kenward_roger_is_that_of_pbkrtest(name):
    table = fit_case(name)[2].summary(ddf="kenward-roger").fixed
    expected = np.array(CASES[name]["kenward_roger_se"])
    np.testing.assert_allclose(table["std_error"], expected, rtol=SAME_THETA)
    expected = np.array(CASES[name]["kenward_roger_df"])
    np.testing.assert_allclose(table["df"], expected, rtol=SAME_THETA)


def textbook_kenward_roger(X, directions, V):
    """Adjusted covariance and df per coefficient, as Kenward & Roger (1997) write."""
    V_inv = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ V_inv @ X)
    HX = [D @ V_inv @ X for D in directions]
    P = [-(V_inv @ X).T @ H for H in HX]
    Q = [[one.T @ V_inv @ other for other in HX] for one in HX]
    m = len(directions)
    traces = np.array(
        [[np.trace(V_inv @ a @ V_inv @ b) for b in directions] for a in directions]
    )
    information = np.array(
        [
            [
                traces[i, j]
                - 2 * np.trace(Phi @ Q[i][j])
                + np.trace(Phi @ P[i] @ Phi @ P[j])
                for j in range(m)
            ]
            for i in range(m)
        ]
    )
    W = 2.0 * np.linalg.inv(information)
    U = sum(W[i, j] * (Q[i][j] - P[i] @ Phi @ P[j]) for i in range(m) for j in range(m))
    slopes = np.array([np.diag(Phi @ P_i @ Phi) for P_i in P]) / np.diag(Phi)
    A2 = np.einsum("ij,ia,ja->a", W, slopes, slopes)
    return Phi + 2.0 * Phi @ U @ Phi, 2.0 / A2


def test_kenward_roger_is_that_of_the_textbook_when_unbalanced(unbalanced):
    formula = "Reaction ~ Days + (Days | Subject)"
    model = fit(formula, unbalanced)
    X = np.column_stack([np.ones(len(unbalanced)), unbalanced["Days"]])
    same = unbalanced["Subject"].to_numpy()[:, None] == unbalanced["Subject"].to_numpy()
    units = [np.diag([1.0, 0.0]), np.eye(2)[::-1], np.diag([0.0, 1.0])]
    directions = [same * (X @ S @ X.T) for S in units] + [np.eye(len(X))]
    cov = model.random_effects_cov_["Subject"].to_numpy()
    V = same * (X @ cov @ X.T) + model.sigma_**2 * np.eye(len(X))
    adjusted, df = textbook_kenward_roger(X, directions, V)
    table = model.summary(ddf="kenward-roger").fixed
    np.testing.assert_allclose(
        table["std_error"] ** 2, np.diag(adjusted), rtol=SAME_DENSE
    )
    np.testing.assert_allclose(table["df"], df, rtol=SAME_DENSE)
    plain = model.summary(ddf="satterthwaite").fixed
    assert (table["std_error"] > plain["std_error"]).all()


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_units_of_a_predictor_do_not_matter(unbalanced, ddf, factor):
    formula = "Reaction ~ Days + (Days | Subject)"
    plain = fit(formula, unbalanced).summary(ddf=ddf).fixed
    scaled = unbalanced.assign(Days=unbalanced["Days"] * factor + 3 * factor)
    other = fit(formula, scaled).summary(ddf=ddf).fixed
    assert other.loc["Days", "df"] == pytest.approx(plain.loc["Days", "df"], SAME_THETA)
    assert other.loc["Days", "t"] == pytest.approx(plain.loc["Days", "t"], SAME_THETA)


@pytest.mark.parametrize(
    ("load", "formula", "regime"),
    [
        (load_pastes, "strength ~ 1 + (1 | batch/cask)", "nested"),
        (load_penicillin, "diameter ~ 1 + (1 | plate) + (1 | sample)", "crossed"),
    ],
)
def test_differences_of_gradients_are_the_exact_hessian(load, formula, regime):
    A = fit(formula, load().frame).result_.A
    exact = Fitted(fit_linear(A)).open.curvature.covariance
    result = fit_linear(A, solver=regime)
    opened = Fitted(result).open
    deviance, point = opened.deviance, opened.point
    hessian = exact_hessian(deviance, point, np.arange(2))
    deviance.elimination.exact = False
    differences = exact_hessian(deviance, point, np.arange(2))
    np.testing.assert_allclose(differences, hessian, rtol=SAME_THETA, atol=SAME_THETA)
    assert exact.shape == (3, 3)


def test_auto_gives_up_where_it_would_be_slow(monkeypatch):
    model = fit("diameter ~ 1 + (1 | plate) + (1 | sample)", load_penicillin().frame)
    monkeypatch.setattr(
        degrees_of_freedom, "satterthwaite_seconds", lambda result: 20.0
    )
    summary = model.summary()
    assert np.isinf(summary.fixed["df"]).all()
    assert "normal distribution" in str(summary)
    assert "about 20 s" in str(summary)
    assert "z value" in str(summary)


def test_kenward_roger_is_refused_by_reason(unbalanced, monkeypatch):
    formula = "Reaction ~ Days + (1 | Subject)"
    with pytest.raises(ValueError, match="by maximum likelihood"):
        fit(formula, unbalanced, reml=False).summary(ddf="kenward-roger")
    crossed = fit("diameter ~ 1 + (1 | plate) + (1 | sample)", load_penicillin().frame)
    monkeypatch.setattr("skmixed.inference.fixed.kenward_roger.MOST_EFFECTS", 10)
    with pytest.raises(ValueError, match="30 random effects of several factors"):
        crossed.summary(ddf="kenward-roger")


def test_unknown_methods_are_refused(unbalanced):
    model = fit("Reaction ~ Days + (1 | Subject)", unbalanced)
    with pytest.raises(ValueError, match="should be one of auto, satterthwaite"):
        model.summary(ddf="kenward")


def test_without_random_effects_tests_are_exact(unbalanced):
    summary = fit("Reaction ~ Days", unbalanced).summary(ddf="satterthwaite")
    assert (summary.fixed["df"] == len(unbalanced) - 2).all()
    assert "exact without random effects" in " ".join(summary.footing)


def test_residual_and_normal(unbalanced):
    fitted = fit("Reaction ~ Days + (1 | Subject)", unbalanced).fitted_
    result = fitted.result
    for name, df in (("residual", result.df_resid), ("normal", np.inf)):
        method, reason = choose_degrees_of_freedom(fitted, name)
        np.testing.assert_array_equal(method.df(np.eye(2)), [df, df])
        assert name in reason


def test_intervals_have_the_level_asked_for(unbalanced):
    model = fit("Reaction ~ Days + (1 | Subject)", unbalanced)
    wide = model.summary(confidence_level=0.99).fixed
    narrow = model.summary(confidence_level=0.9).fixed
    assert (wide["lower"] < narrow["lower"]).all()
    centre = (wide["lower"] + wide["upper"]) / 2
    np.testing.assert_allclose(centre, wide["estimate"], rtol=SAME_ALGEBRA)
