"""fit_linear against the dense textbook and its multi-start optimum."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE
from oracle import criterion, factors, predict, textbook
from random_designs import SHAPES, random_design, regimes

from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood import cross_products, fit_linear

STORED = Path(__file__).parents[1] / "reference" / "random_optima.json"
OPTIMA = json.loads(STORED.read_text())

DESIGNS = [
    pytest.param(index, id=f"{index}: {SHAPES[index % len(SHAPES)]}")
    for index in range(len(OPTIMA))
]
# Designs that regimes which solve by iterations are fitted to: they are slow there.
ITERATED = SHAPES.index("1|s 1|a") + 1
# Deviance of a fit that ends where theta is within 1 % of a standard error.
ESTIMATED = 1e-4
every_design = pytest.mark.parametrize("index", DESIGNS)
every_regime = pytest.mark.parametrize(
    ("index", "solver"),
    [
        pytest.param(
            index, solver, id=f"{index}: {SHAPES[index % len(SHAPES)]}-{solver}"
        )
        for index in range(2 * len(SHAPES))
        for solver in regimes(SHAPES[index % len(SHAPES)])
        if solver != "stochastic" or index < ITERATED
    ],
)
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


@cache
def fit_design(index, reml, solver="auto"):
    design = random_design(index)
    return design, fit_linear(cross_products(design), reml=reml, solver=solver)


def assert_close(ours, expected, scale=1.0):
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=SAME_DENSE)


def effect_scales(result, design):
    """Natural size of each random effect: its sd, or what moves y by sigma."""
    for factor, cov in zip(factors(design), result.covariances, strict=True):
        reach = result.sigma / np.sqrt((factor.z**2).mean(axis=0))
        yield np.sqrt(np.diag(cov)) + reach


def assert_textbook(design, result):
    """All that follows from the fitted covariances is what the textbook gives."""
    Psis = [cov / result.sigma**2 for cov in result.covariances]
    expected = textbook(design, Psis, reml=result.reml)
    assert_close(result.deviance, expected.deviance, len(design.y))
    assert_close(result.sigma, expected.sigma, expected.sigma)
    se = np.sqrt(np.diag(expected.coef_cov))
    assert_close(result.coef, expected.coef, se)
    assert_close(result.coef_cov, expected.coef_cov, np.outer(se, se))
    for i, scale in enumerate(effect_scales(result, design)):
        assert_close(result.modes[i], expected.modes[i], scale)
        assert_close(
            Fitted(result).mode_covariances[i],
            expected.mode_covariances[i],
            np.outer(scale, scale),
        )
    fitted = predict(design, result.coef, result.modes)
    assert_close(fitted, expected.fitted, result.sigma)


@every_design
@both_criteria
def test_fit_is_what_the_textbook_gives_at_its_covariances(index, reml):
    assert_textbook(*fit_design(index, reml))


@every_design
@both_criteria
def test_optimum_is_not_above_the_best_of_many_starts(index, reml):
    design, result = fit_design(index, reml)
    parameters, objective = criterion(design, reml=False)
    fingerprint = objective(parameters.start(1.0))[0]
    assert fingerprint == pytest.approx(OPTIMA[index][0], rel=0, abs=SAME_DEVIANCE), (
        "not the design of the stored optimum: run tests/reference/random_optima.py"
    )
    assert result.converged
    assert result.deviance <= OPTIMA[index][1 + reml] + 2 * SAME_DEVIANCE


@every_regime
@both_criteria
def test_every_regime_reaches_the_optimum_and_the_textbook(index, solver, reml):
    design, result = fit_design(index, reml, solver)
    assert result.solver == solver
    assert result.converged
    slack = ESTIMATED if solver == "stochastic" else 2 * SAME_DEVIANCE
    assert result.deviance <= OPTIMA[index][1 + reml] + slack
    assert_textbook(design, result)


@every_design
def test_singular_fits_are_reported_where_a_covariance_has_lost_rank(index):
    design, result = fit_design(index, True)
    smallest = []
    for factor, cov in zip(factors(design), result.covariances, strict=True):
        size = np.sqrt((factor.z**2).mean(axis=0)) / result.sigma
        scaled = cov * np.outer(size, size)
        for columns, _ in factor.terms:
            smallest.append(np.linalg.eigvalsh(scaled[columns, columns])[0])
    if min(smallest) < SAME_DENSE:
        assert result.singular
    assert result.singular == bool(result.singular_terms)
