"""Laplace's deviance: derivatives, brute force, and laws of generalised fits."""

from dataclasses import replace

import numpy as np
import pytest
from generalized_designs import (
    STRUCTURES,
    every_family,
    generalized_design,
    table,
)
from scipy.optimize import minimize

from skmixed.formula import DesignSpec, parse_formula
from skmixed.likelihood import cross_products, fit_linear
from skmixed.likelihood.criterion.laplace import LaplaceDeviance
from skmixed.likelihood.families import family_of
from skmixed.likelihood.generalized import fit_generalized
from skmixed.likelihood.products.sweeps import RowSweeps
from skmixed.likelihood.search.generalized import fit_without_effects

# Modes are found to this decrement where differences are taken: an error d of it moves
# the deviance by sqrt(d).
EXACT_MODES = 1e-27
# Step of central differences, and the relative error that they have.
STEP, BY_DIFFERENCES = 1e-5, 2e-7
# Two ways to the same optimum agree to this, in units of the log-likelihood, and in
# parameters.
SAME_LOGLIK, SAME_PARAMETERS = 1e-7, 1e-4
# Against a brute-force minimum over random effects.
BRUTE_FORCE = 1e-7

FAMILIES = every_family()
every_family_and_regime = pytest.mark.parametrize(
    ("family", "structure", "regime"),
    [
        pytest.param(family, structure, regime, id=f"{name}-{structure}-{regime}")
        for name, family in FAMILIES.items()
        for structure, (_, regimes) in STRUCTURES.items()
        for regime in regimes
    ],
)


def deviance_of(design, family, regime=None):
    """A deviance, and an x where it has a value."""
    sweeps = RowSweeps(design, family)
    with np.errstate(all="ignore"):
        beta, psi = fit_without_effects(sweeps)
    zero = [np.zeros((f.n_effects, f.n_levels)) for f in sweeps.factors]
    state = sweeps.evaluate(beta, zero, psi)
    sweeps.complete(state, psi)
    deviance = LaplaceDeviance(sweeps, state, regime)
    deviance.tol_modes = deviance.tol_now = EXACT_MODES
    rng = np.random.default_rng(1)
    theta = np.concatenate(
        [
            structure.nearest(0.1 * np.eye(structure.n_effects))
            for structure in deviance.structures
        ]
    )
    theta = theta + 0.05 * rng.normal(size=len(theta))
    return deviance, deviance.pack(theta, beta, psi)


def differences(deviance, x, of):
    """Central differences of what is said of a point."""
    rows = []
    for i in range(len(x)):
        sides = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[i] += sign * STEP
            deviance.tol_now = EXACT_MODES
            sides.append(of(deviance.at(moved)))
        rows.append((sides[0] - sides[1]) / (2.0 * STEP))
    return np.array(rows)


@every_family_and_regime
def test_gradient_is_that_of_differences(family, structure, regime):
    design = generalized_design(family, structure)
    deviance, x = deviance_of(design, family, regime)
    point = deviance.at(x)
    assert np.isfinite(point.value)
    gradient = deviance.derivatives(point).gradient
    found = differences(deviance, x, lambda point: point.value)
    scale = max(1.0, np.abs(gradient).max())
    np.testing.assert_allclose(gradient / scale, found / scale, atol=BY_DIFFERENCES)


@pytest.mark.parametrize("structure", ["intercept", "slope", "diagonal"])
@pytest.mark.parametrize("name", FAMILIES)
def test_hessian_of_one_factor_is_that_of_differences(name, structure):
    family = FAMILIES[name]
    deviance, x = deviance_of(generalized_design(family, structure), family)
    hessian = deviance.derivatives(deviance.at(x)).hessian
    found = differences(deviance, x, lambda at: deviance.derivatives(at).gradient)
    scale = max(1.0, np.abs(hessian).max())
    np.testing.assert_allclose(hessian / scale, found / scale, atol=BY_DIFFERENCES)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_value_is_that_of_brute_force(structure):
    """Of a dense Z: minimise over u, add the log-determinant of the Hessian."""
    family = family_of("poisson", "log")
    design = generalized_design(family, structure)
    deviance, x = deviance_of(design, family)
    value = deviance.at(x).value
    sweeps = deviance.sweeps
    Z, L = [], []
    for j, root in enumerate(deviance.roots(x)):
        n_levels = sweeps.factors[j].n_levels
        rows = np.zeros((sweeps.n, n_levels, len(root)))
        codes = sweeps.plan.rows.codes[j]
        z = sweeps.columns[sweeps.places[j]].T
        rows[np.arange(sweeps.n), codes] = z
        Z.append(rows.reshape(sweeps.n, -1))
        L.append(np.kron(np.eye(n_levels), root))
    ZL = np.hstack([one @ root for one, root in zip(Z, L, strict=True)])
    beta, psi = deviance.fixed(x)
    fixed = beta @ sweeps.X + sweeps.offset

    def penalised(u):
        terms = family.terms(sweeps.y, 1.0, fixed + ZL @ u, psi)
        return -2 * terms.loglik.sum() + u @ u, -2 * ZL.T @ terms.score + 2 * u

    found = minimize(penalised, np.zeros(ZL.shape[1]), jac=True, tol=1e-12)
    W = family.terms(sweeps.y, 1.0, fixed + ZL @ found.x, psi).W
    M = np.eye(ZL.shape[1]) + ZL.T @ (W[:, None] * ZL)
    expected = found.fun + np.linalg.slogdet(M)[1] - 2 * sweeps.constant
    assert value == pytest.approx(expected, rel=BRUTE_FORCE)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_gaussian_family_is_the_linear_model(structure):
    family = family_of("gaussian", "identity")
    design = generalized_design(family, structure)
    fit = fit_generalized(design, family)
    linear = fit_linear(cross_products(design), reml=False)
    assert fit.loglik == pytest.approx(linear.loglik, abs=SAME_LOGLIK)
    np.testing.assert_allclose(fit.coef, linear.coef, atol=SAME_PARAMETERS)
    sigma = np.sqrt(family.dispersion(fit.psi))
    assert sigma == pytest.approx(linear.sigma, abs=SAME_PARAMETERS)
    for one, other in zip(fit.covariances, linear.covariances, strict=True):
        np.testing.assert_allclose(one, other, atol=SAME_PARAMETERS)
    for one, other in zip(fit.modes, linear.modes, strict=True):
        np.testing.assert_allclose(one, other, atol=SAME_PARAMETERS)


@pytest.mark.parametrize("name", FAMILIES)
def test_without_random_terms_it_is_the_plain_model(name):
    """The score vanishes at the estimates."""
    family = FAMILIES[name]
    design = generalized_design(family, "intercept")
    fit = fit_generalized(replace(design, random=()), family)
    w = 1.0 if design.weights is None else design.weights
    t = family.terms(design.y, w, design.X @ fit.coef + design.offset, fit.psi)
    np.testing.assert_allclose(design.X.T @ t.score, 0.0, atol=SAME_PARAMETERS)
    assert fit.converged
    assert fit.approximation == "none"


def test_units_and_origin_of_a_covariate_do_not_matter():
    family = family_of("binomial", "logit")
    frame = table()
    design = generalized_design(family, "slope", frame=frame)
    moved = frame.assign(z=1e3 * frame["z"] + 1e6, x=1e-3 * frame["x"] + 1e3)
    _, other = DesignSpec.learn(parse_formula("~ x + (1 + z | g)"), moved)
    other = replace(other, y=design.y, weights=design.weights, offset=design.offset)
    fits = [fit_generalized(one, family) for one in (design, other)]
    assert fits[0].loglik == pytest.approx(fits[1].loglik, abs=SAME_LOGLIK)
    assert fits[0].coef[1] == pytest.approx(1e-3 * fits[1].coef[1], rel=SAME_PARAMETERS)


def test_levels_of_one_row_need_a_family_without_dispersion():
    family = family_of("Gamma", "log")
    design = generalized_design(family, "intercept")
    n = len(design.y)
    block = replace(design.random[0], codes=np.arange(n), n_levels=n)
    with pytest.raises(ValueError, match="one level per row"):
        fit_generalized(replace(design, random=(block,)), family)
