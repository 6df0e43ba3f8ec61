"""Every regime of elimination: the textbook's deviance, and its own derivatives.

Not only the regime that a design would be given, but all that can do it.
"""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE
from oracle import textbook
from random_designs import SHAPES, random_design, regimes

from skmixed.likelihood import cross_products
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.regime import choose_elimination


def regimes_of_every_shape(keep):
    """Mark a test to run for every shape in the regimes to keep."""
    return pytest.mark.parametrize(
        ("index", "regime"),
        [
            pytest.param(index, regime, id=f"{shape}-{regime}")
            for index, shape in enumerate(SHAPES)
            for regime in regimes(shape)
            if regime in keep
        ],
    )


every_regime = regimes_of_every_shape({"dense", "batched", "crossed", "nested"})
other_regimes = regimes_of_every_shape({"batched", "crossed", "nested"})
# The others have the average information for a curvature.
with_exact_hessian = regimes_of_every_shape({"dense", "batched"})
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


# A residual standard deviation that is known.
KNOWN = 1.3


def deviance_of(design, regime, reml, sigma=None):
    A = replace(cross_products(design), sigma=sigma)
    return ProfiledDeviance(A, choose_elimination(A, regime), reml)


def some_theta(deviance, seed=0):
    """Lambdas of ordinary size, so that every random effect counts."""
    return np.random.default_rng(seed).normal(size=deviance.n_theta)


def slope(function, theta):
    """Central differences of fourth order, one column per entry of theta."""
    step, columns = 5e-4, []
    for e in step * np.eye(len(theta)):
        near = function(theta + e) - function(theta - e)
        far = function(theta + 2 * e) - function(theta - 2 * e)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=-1)


def derivatives_at(deviance, theta):
    return deviance.derivatives(deviance.at(theta))


def assert_close(ours, expected, scale, tolerance):
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=tolerance)


@every_regime
@both_criteria
def test_deviance_is_the_textbook_one(index, regime, reml):
    design = random_design(index)
    deviance = deviance_of(design, regime, reml)
    A, theta = deviance.A, some_theta(deviance)
    Psis = []
    for Lambda, basis in zip(
        deviance.relative_factors(theta), A.basis.random, strict=True
    ):
        root = basis.to_raw @ Lambda
        Psis.append(root @ root.T)
    expected = textbook(design, Psis, reml=reml)
    owed = A.sum_log_weights + (2 * A.basis.fixed.logdet if reml else 0)
    point = deviance.at(theta)
    value = point.value - owed
    assert_close(value, expected.deviance, len(design.y), SAME_DENSE)
    assert_close(
        np.sqrt(point.sigma2),
        expected.sigma,
        expected.sigma,
        SAME_DENSE,
    )


@every_regime
@both_criteria
def test_gradient_is_the_slope_of_the_deviance(index, regime, reml):
    deviance = deviance_of(random_design(index), regime, reml)
    theta = some_theta(deviance)
    expected = slope(lambda at: deviance.at(at).value, theta)
    scale = deviance.A.n_obs + np.abs(expected).max()
    gradient = derivatives_at(deviance, theta).gradient
    assert_close(gradient, expected, scale, SAME_DENSE)


@with_exact_hessian
@both_criteria
def test_exact_hessian_is_the_slope_of_the_gradient(index, regime, reml):
    deviance = deviance_of(random_design(index), regime, reml)
    theta = some_theta(deviance)
    assert deviance.elimination.exact
    expected = slope(lambda at: derivatives_at(deviance, at).gradient, theta)
    scale = deviance.A.n_obs + np.abs(expected).max()
    hessian = derivatives_at(deviance, theta).hessian
    assert_close(hessian, expected, scale, SAME_DENSE)


@pytest.mark.parametrize(
    "index", [i for i, shape in enumerate(SHAPES) if "crossed" in regimes(shape)]
)
@both_criteria
def test_crossed_factors_have_an_exact_hessian_where_it_is_asked_for(index, reml):
    deviance = deviance_of(random_design(index), "crossed", reml)
    theta = some_theta(deviance)
    plain = derivatives_at(deviance, theta)
    Lambdas = deviance.relative_factors(theta)
    curved = deviance.elimination.curved(Lambdas)
    deviance = ProfiledDeviance(deviance.A, curved, reml)
    found = derivatives_at(deviance, theta)
    assert deviance.exact
    assert not deviance.elimination.plain.exact
    assert_close(found.gradient, plain.gradient, deviance.A.n_obs, SAME_ALGEBRA)
    expected = slope(lambda at: derivatives_at(deviance, at).gradient, theta)
    scale = deviance.A.n_obs + np.abs(expected).max()
    assert_close(found.hessian, expected, scale, SAME_DENSE)


@every_regime
@both_criteria
def test_theta_of_zero_is_stationary_and_its_curvature_exact(index, regime, reml):
    """The sign of theta does not matter, so the gradient vanishes at zero."""
    deviance = deviance_of(random_design(index), regime, reml)
    zero = np.zeros(deviance.n_theta)
    found = derivatives_at(deviance, zero)
    assert not np.any(found.gradient)
    expected = slope(lambda at: derivatives_at(deviance, at).gradient, zero)
    scale = deviance.A.n_obs + np.abs(expected).max()
    assert_close(found.hessian, expected, scale, SAME_DENSE)


@other_regimes
@both_criteria
@pytest.mark.parametrize("size", [1e-6, 1.0, 10.0])
def test_regimes_agree(index, regime, reml, size):
    design = random_design(index)
    dense, other = (deviance_of(design, name, reml) for name in ("dense", regime))
    theta = size * some_theta(dense)
    expected, found = points = dense.at(theta), other.at(theta)
    n = dense.A.n_obs
    assert_close(found.value, expected.value, n, SAME_ALGEBRA)
    assert_close(found.r2, expected.r2, expected.r2, SAME_ALGEBRA)
    for ours, theirs in zip(found.factored.P, expected.factored.P, strict=True):
        assert_close(ours, theirs, n, SAME_ALGEBRA)
    expected, found = map(type(dense).derivatives, (dense, other), points)
    scale = n + np.abs(expected.gradient).max()
    assert_close(found.gradient, expected.gradient, scale, SAME_ALGEBRA)


@every_regime
@both_criteria
def test_derivatives_at_a_known_sigma(index, regime, reml):
    design = random_design(index)
    free, deviance = (deviance_of(design, regime, reml, s) for s in (None, KNOWN))
    theta = some_theta(deviance)
    at = free.at(theta)
    nu = at.nu
    rest = at.value - nu * (1.0 + np.log(2.0 * np.pi * at.r2 / nu))
    expected = rest + nu * np.log(2.0 * np.pi * KNOWN**2) + at.r2 / KNOWN**2
    assert_close(deviance.at(theta).value, expected, nu, SAME_ALGEBRA)
    expected = slope(lambda x: deviance.at(x).value, theta)
    found = derivatives_at(deviance, theta)
    scale = deviance.A.n_obs + np.abs(expected).max()
    assert_close(found.gradient, expected, scale, SAME_DENSE)
    if deviance.elimination.exact:
        expected = slope(lambda x: derivatives_at(deviance, x).gradient, theta)
        scale = deviance.A.n_obs + np.abs(expected).max()
        assert_close(found.hessian, expected, scale, SAME_DENSE)
