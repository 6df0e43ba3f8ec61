"""Adaptive quadrature: its gradient, Laplace's as one node, and the integral itself."""

from dataclasses import replace

import numpy as np
import pytest
from generalized_designs import every_family, generalized_design
from scipy.integrate import quad
from test_laplace import BY_DIFFERENCES, EXACT_MODES, deviance_of, differences

from skmixed.likelihood.criterion import node_sums
from skmixed.likelihood.criterion.agq import QuadratureDeviance
from skmixed.likelihood.families import family_of
from skmixed.likelihood.generalized import fit_generalized

# The integral by many nodes and by an integrator agree to this.
SAME_INTEGRAL = 1e-8
# One node is Laplace's approximation, but for the tolerance of the modes.
SAME_VALUE = 1e-9
# Shifts in standard errors: the optimum's own tolerance, and one worth telling.
NO_SHIFT, SOME_SHIFT = 1e-3, 0.1

FAMILIES = every_family()


def quadrature_of(design, family, n_nodes):
    laplace, x = deviance_of(design, family)
    sweeps = laplace.sweeps
    zero = [np.zeros((f.n_effects, f.n_levels)) for f in sweeps.factors]
    state = sweeps.evaluate(*laplace.fixed(x)[:1], zero, laplace.fixed(x)[1])
    sweeps.complete(state, laplace.fixed(x)[1])
    deviance = QuadratureDeviance(sweeps, state, n_nodes)
    deviance.bases, deviance.beta_basis = laplace.bases, laplace.beta_basis
    deviance.tol_modes = deviance.tol_now = EXACT_MODES
    return deviance, laplace, x


@pytest.mark.parametrize(
    ("structure", "n_nodes"), [("intercept", 7), ("slope", 4), ("diagonal", 4)]
)
@pytest.mark.parametrize("name", FAMILIES)
def test_gradient_is_that_of_differences(name, structure, n_nodes):
    family = FAMILIES[name]
    deviance, _, x = quadrature_of(
        generalized_design(family, structure), family, n_nodes
    )
    gradient = deviance.derivatives(deviance.at(x)).gradient
    found = differences(deviance, x, lambda point: point.value)
    scale = max(1.0, np.abs(gradient).max())
    np.testing.assert_allclose(gradient / scale, found / scale, atol=BY_DIFFERENCES)


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_that_move_together_are_summed_as_others(name, monkeypatch):
    family = FAMILIES[name]
    deviance, _, x = quadrature_of(generalized_design(family, "intercept"), family, 7)
    together = deviance.at(x)
    monkeypatch.setattr(node_sums, "moves_together", lambda *_: False)
    deviance.forget()
    apart = deviance.at(x)
    assert together.value == pytest.approx(apart.value, rel=SAME_VALUE)
    for own, other in ((together.Zts, apart.Zts), (together.Xts, apart.Xts)):
        np.testing.assert_allclose(own, other, rtol=SAME_VALUE, atol=SAME_VALUE)


@pytest.mark.parametrize("structure", ["intercept", "slope"])
@pytest.mark.parametrize("name", FAMILIES)
def test_one_node_is_laplace(name, structure):
    family = FAMILIES[name]
    deviance, laplace, x = quadrature_of(
        generalized_design(family, structure), family, 1
    )
    expected = laplace.at(x).value
    assert deviance.at(x).value == pytest.approx(expected, rel=SAME_VALUE)


def test_many_nodes_are_the_integral():
    family = family_of("binomial", "logit")
    design = generalized_design(family, "intercept")
    deviance, _, x = quadrature_of(design, family, 25)
    value, sweeps = deviance.at(x).value, deviance.sweeps
    beta, psi = deviance.fixed(x)
    fixed = beta @ sweeps.X + sweeps.offset
    sd = deviance.roots(x)[0][0, 0] * sweeps.columns[sweeps.places[0][0]][0]
    total = -2.0 * sweeps.constant
    for g in range(sweeps.factors[0].n_levels):
        rows = sweeps.plan.rows.codes[0] == g

        def density(u, rows=rows):
            eta = fixed[rows] + sd * u
            loglik = family.terms(sweeps.y[rows], sweeps.w[rows], eta, psi).loglik
            return np.exp(loglik.sum() - 0.5 * u * u) / np.sqrt(2.0 * np.pi)

        total -= 2.0 * np.log(quad(density, -12, 12, epsabs=0, epsrel=1e-10)[0])
    assert value == pytest.approx(total, rel=SAME_INTEGRAL)


def test_quadrature_needs_one_factor_and_few_nodes():
    family = family_of("binomial", "logit")
    with pytest.raises(ValueError, match="needs one grouping factor; there are 2"):
        fit_generalized(generalized_design(family, "crossed"), family, n_quadrature=5)
    with pytest.raises(ValueError, match="use n_quadrature=31 or less"):
        fit_generalized(generalized_design(family, "slope"), family, n_quadrature=40)


def test_shift_foretells_what_quadrature_does():
    """Of many small groups whose variance is large Laplace's estimates are off."""
    family = family_of("binomial", "logit")
    design = generalized_design(family, "intercept")
    n, rng = len(design.y), np.random.default_rng(3)
    eta = 2.5 * rng.normal(size=n // 3)[np.arange(n) // 3]
    block = design.random[0]
    codes = (np.arange(n) // 3).astype(block.codes.dtype)
    block = replace(block, codes=codes, n_levels=n // 3)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    far = replace(design, y=y, weights=None, offset=None, random=(block,))
    assert fit_generalized(far, family).laplace_shift > SOME_SHIFT
    gaussian = family_of("gaussian", "identity")
    near = fit_generalized(generalized_design(gaussian, "intercept"), gaussian)
    assert near.laplace_shift < NO_SHIFT
