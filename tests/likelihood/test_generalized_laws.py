"""What no generalised fit may depend on, for every family and structure."""

from dataclasses import replace

import numpy as np
import pytest
from generalized_designs import (
    STRUCTURES,
    every_family,
    generalized_design,
    table,
)

from skmixed.formula import DesignSpec, parse_formula
from skmixed.likelihood import coarse, generalized
from skmixed.likelihood.criterion import laplace
from skmixed.likelihood.families import family_of
from skmixed.likelihood.generalized import fit_generalized

FAMILIES = every_family()
# Two fits of one model: log-likelihoods, and estimates in their standard errors.
SAME_LOGLIK, SAME_ESTIMATE = 2e-7, 1e-3
# What is added to covariates, in their standard deviations.
FAR = 1e3
# Variances of estimates whose curvature is corrected from half of sixty groups.
HALF_THE_GROUPS = 2e-2

every_family_and_structure = pytest.mark.parametrize(
    ("name", "structure"),
    [(name, structure) for name in FAMILIES for structure in STRUCTURES],
)


def assert_same(one, other, scale=1.0):
    """Whether two fits are of one optimum."""
    assert one.loglik == pytest.approx(other.loglik, abs=SAME_LOGLIK)
    error = np.sqrt(np.maximum(np.diag(one.coef_cov), 1e-12))
    apart = (one.coef - scale * other.coef) / error
    np.testing.assert_allclose(apart, 0.0, atol=SAME_ESTIMATE)


@every_family_and_structure
def test_order_of_the_rows_does_not_matter(name, structure):
    family = FAMILIES[name]
    design = generalized_design(family, structure)
    rows = np.random.default_rng(1).permutation(len(design.y))
    assert_same(
        fit_generalized(design, family), fit_generalized(design.select(rows), family)
    )


@every_family_and_structure
def test_units_of_covariates_do_not_matter(name, structure):
    family, frame = FAMILIES[name], table()
    design = generalized_design(family, structure, frame=frame)
    fixed = "~ 0 + x" if family.name == "ordinal" else "~ x"
    text = parse_formula(f"{fixed} + {STRUCTURES[structure][0]}")
    moved = frame.assign(x=1e-3 * frame["x"], z=1e3 * frame["z"])
    _, other = DesignSpec.learn(text, moved)
    other = replace(other, y=design.y, weights=design.weights, offset=design.offset)
    scale = np.where(np.arange(design.X.shape[1]) == design.X.shape[1] - 1, 1e-3, 1.0)
    assert_same(fit_generalized(design, family), fit_generalized(other, family), scale)


@every_family_and_structure
def test_origins_of_covariates_do_not_matter(name, structure):
    family, frame = FAMILIES[name], table()
    design = generalized_design(family, structure, frame=frame)
    fixed = "~ 0 + x" if family.name == "ordinal" else "~ x"
    text = parse_formula(f"{fixed} + {STRUCTURES[structure][0]}")
    # of effects that do not covary the origin is a part of the model
    z = frame["z"] if structure == "diagonal" else frame["z"] - FAR
    _, other = DesignSpec.learn(text, frame.assign(x=frame["x"] + FAR, z=z))
    other = replace(other, y=design.y, weights=design.weights, offset=design.offset)
    one, far = fit_generalized(design, family), fit_generalized(other, family)
    assert one.loglik == pytest.approx(far.loglik, abs=SAME_LOGLIK)
    apart = (one.coef[-1] - far.coef[-1]) / np.sqrt(one.coef_cov[-1, -1])
    assert abs(apart) < SAME_ESTIMATE
    error = np.sqrt(far.coef_cov[-1, -1])
    assert error == pytest.approx(np.sqrt(one.coef_cov[-1, -1]), rel=SAME_ESTIMATE)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", FAMILIES)
def test_weight_two_is_the_row_twice(name, structure):
    family = FAMILIES[name]
    design = generalized_design(family, structure)
    w = np.ones(len(design.y)) if design.weights is None else design.weights
    twice = np.arange(len(w)) % 3 == 0
    rows = np.concatenate([np.arange(len(w)), np.flatnonzero(twice)])
    weighted = fit_generalized(replace(design, weights=w * (1.0 + twice)), family)
    repeated = fit_generalized(replace(design, weights=w).select(rows), family)
    if family.name == "binomial":  # pooled trials have another binomial coefficient
        weighted = replace(weighted, loglik=repeated.loglik)
    assert_same(weighted, repeated)


@pytest.mark.parametrize("n_quadrature", [1, 5])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_start_from_some_groups_ends_at_the_optimum(name, n_quadrature, monkeypatch):
    family = FAMILIES[name]
    frame = table(n_groups=40)
    design = generalized_design(family, "intercept", frame=frame)
    from_all = fit_generalized(design, family, n_quadrature=n_quadrature)
    monkeypatch.setattr(coarse, "COARSE_FROM", 100)
    monkeypatch.setattr(coarse, "COARSE_ROWS", 150)
    monkeypatch.setattr(coarse, "FEWEST_GROUPS", 10)
    assert coarse.whole_groups(design) is not None
    from_some = fit_generalized(design, family, n_quadrature=n_quadrature)
    assert_same(from_all, from_some)


@pytest.mark.parametrize("structure", ["intercept", "crossed"])
@pytest.mark.parametrize("name", FAMILIES)
def test_rough_modes_and_curvatures_end_at_the_optimum(name, structure, monkeypatch):
    family = FAMILIES[name]
    design = generalized_design(family, structure)
    exact = fit_generalized(design, family)
    monkeypatch.setattr(laplace, "MANY_ROWS", 1)
    assert_same(exact, fit_generalized(design, family))


@pytest.mark.parametrize("name", FAMILIES)
def test_quadrature_of_many_rows_starts_at_laplace(name, monkeypatch):
    family = FAMILIES[name]
    design = generalized_design(family, "intercept", frame=table(n_groups=60))
    at_once = fit_generalized(design, family, n_quadrature=5)
    monkeypatch.setattr(generalized, "COARSE_FROM", 100)
    monkeypatch.setattr(coarse, "COARSE_FROM", 100)
    monkeypatch.setattr(coarse, "CORRECTION_ROWS", len(design.y) // 2)
    monkeypatch.setattr(coarse, "FEWEST_GROUPS", 10)
    staged = fit_generalized(design, family, n_quadrature=5)
    assert staged.converged
    assert staged.loglik == pytest.approx(at_once.loglik, abs=SAME_LOGLIK)
    found, expected = (np.diag(fit.coef_cov) for fit in (staged, at_once))
    np.testing.assert_allclose(found, expected, rtol=HALF_THE_GROUPS)


def test_whole_groups_keep_their_rows():
    frame = table(n_groups=40)
    design = generalized_design(family_of("poisson", "log"), "slope", frame=frame)
    assert coarse.whole_groups(design) is None
