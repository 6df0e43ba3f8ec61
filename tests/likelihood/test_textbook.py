"""The oracle itself: lme4's results at lme4's variances, and its own slope."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from oracle import criterion, factors, reference_optimum, textbook
from random_designs import Design, RandomBlock, random_design

from skmixed import datasets

REFERENCE = Path(__file__).parents[1] / "reference"


def ones(frame):
    return np.ones((len(frame), 1))


def with_intercept(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns])


def block(name, z, *keys):
    """One random term, its levels sorted as text."""
    keys = [key.astype(str) for key in keys]
    codes = pd.MultiIndex.from_arrays(keys).factorize(sort=True)[0]
    effects = tuple(map(str, range(z.shape[1])))
    return RandomBlock(name, effects, z, codes, int(codes.max()) + 1)


def sleepstudy():
    frame = datasets.load_sleepstudy().frame
    X = with_intercept(frame["Days"])
    return Design(X, frame["Reaction"], (block("Subject", X, frame["Subject"]),))


def penicillin():
    frame = datasets.load_penicillin().frame
    random = [block(name, ones(frame), frame[name]) for name in ("plate", "sample")]
    return Design(ones(frame), frame["diameter"], tuple(random))


def pastes():
    frame = datasets.load_pastes().frame
    z, batch = ones(frame), frame["batch"]
    random = block("cask:batch", z, frame["cask"], batch), block("batch", z, batch)
    return Design(z, frame["strength"], random)


def machines():
    frame = datasets.load_machines().frame
    dummies = pd.get_dummies(frame["Machine"]).to_numpy(float)
    X = with_intercept(*dummies.T[1:])
    return Design(X, frame["score"], (block("Worker", dummies, frame["Worker"]),))


def weighted(slope, offset):
    frame = pd.read_csv(REFERENCE / "data" / "sim_wtoff.csv", dtype={"id": str})
    X = with_intercept(frame["x"])
    random = block("id", X if slope else X[:, :1], frame["id"])
    return Design(
        X, frame["y"], (random,), frame["off"] if offset else None, frame["w"]
    )


MODELS = {
    "sleep_rs": sleepstudy,
    "sleep_rs_ml": sleepstudy,
    "penicillin": penicillin,
    "penicillin_ml": penicillin,
    "pastes_nested": pastes,
    "machines_cat0": machines,
    "sim_weights": lambda: weighted(slope=False, offset=True),
    "sim_weights2": lambda: weighted(slope=True, offset=False),
}


def assert_close(ours, lme4, scale, tolerance=SAME_THETA):
    np.testing.assert_allclose(
        np.asarray(ours) / scale, np.asarray(lme4) / scale, rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("name", MODELS)
def test_textbook_is_lme4_at_the_variances_of_lme4(name):
    design = MODELS[name]()
    case = json.loads((REFERENCE / "lme4" / f"{name}.json").read_text())
    stored = {term["group"]: np.array(term["cov"]) for term in case["covariances"]}
    grouping = factors(design)
    Psis = [stored[factor.name] / case["sigma"] ** 2 for factor in grouping]
    at = textbook(design, Psis, reml=case["reml"])
    assert at.deviance == pytest.approx(-2 * case["loglik"], rel=0, abs=SAME_DEVIANCE)
    assert_close(at.sigma, case["sigma"], case["sigma"])
    se = np.array(case["fixed_se"])
    assert_close(at.coef, case["fixed"], se)
    assert_close(at.coef_cov, case["fixed_cov"], np.outer(se, se))
    assert_close(at.fitted[:50], case["fitted"]["first"], case["sigma"])
    for factor, b, cov in zip(grouping, at.modes, at.mode_covariances, strict=True):
        effects = case["random_effects"][factor.name]
        rank = np.argsort(np.argsort(effects["levels"]))
        sd = np.sqrt(np.diag(stored[factor.name]))
        assert_close(b[rank], np.column_stack(effects["values"]), sd)
        conditional = np.sqrt(np.einsum("gkk->gk", cov))[rank]
        assert_close(conditional, np.column_stack(effects["sd"]), sd)


@pytest.mark.parametrize("name", ["sleep_rs", "pastes_nested"])
def test_reference_optimum_is_the_one_of_lme4(name):
    case = json.loads((REFERENCE / "lme4" / f"{name}.json").read_text())
    found, _ = reference_optimum(MODELS[name](), reml=case["reml"], n_random=1)
    assert found == pytest.approx(-2 * case["loglik"], rel=0, abs=SAME_DEVIANCE)


@pytest.mark.parametrize("index", range(0, 33, 4))
@pytest.mark.parametrize("reml", [False, True])
def test_gradient_of_the_textbook_is_its_slope(index, reml):
    parameters, objective = criterion(random_design(index), reml=reml)
    theta = parameters.start(0.7) + 0.1
    gradient = objective(theta)[1]
    for e, slope in zip(1e-4 * np.eye(len(theta)), gradient, strict=True):
        rise = objective(theta + e)[0] - objective(theta - e)[0]
        far = objective(theta + 2 * e)[0] - objective(theta - 2 * e)[0]
        numeric = (8 * rise - far) / (12 * e.max())
        assert_close(numeric, slope, 1 + np.abs(gradient).max(), SAME_DENSE)
