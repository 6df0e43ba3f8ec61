"""Families: derivatives, masses, and what they refuse."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.metrics import mean_tweedie_deviance

from skmixed.likelihood.families import FAMILIES, family_of
from skmixed.likelihood.families.links import (
    Cloglog,
    Identity,
    Inverse,
    Log,
    Logit,
    Probit,
)

DIFFERENCE = 1e-5
# Central differences leave the square of the step, and rounding over the step.
SLOPE = 2e-6
MASS = 1e-8
TOTAL = 1e-6
LARGE = 1e-12
QUADRATURE = 1e-5
# of scipy's mass function, which loses digits at large theta
NEGATIVE_BINOMIAL = 1e-7

PSI = {
    "nbinom2": [0.4],
    "Gamma": [0.7],
    "inverse.gaussian": [0.9],
    "beta": [1.5],
    "gaussian": [0.3],
    "ordinal": [-0.8, 0.2, 1.1],
}
CASES = sorted(FAMILIES)


def open_case(key):
    """Return a family, its psi, and rows of y, weights and eta."""
    name, link = key
    family = family_of(name, link, 4 if name == "ordinal" else None)
    rng = np.random.default_rng(5)
    psi = np.array(PSI.get(name, []))
    eta = rng.normal(0, 0.8, 40)
    if link == "inverse":
        eta = np.exp(eta)
    w = rng.integers(1, 5, 40).astype(float)
    y = family.distribution(eta, psi, w).rvs(random_state=np.random.default_rng(3))
    y = y / w if name == "binomial" else y
    return family, psi, np.clip(y, 1e-3, 1 - 1e-3) if name == "beta" else y, w, eta


def differences(of, at):
    return (of(at + DIFFERENCE) - of(at - DIFFERENCE)) / (2 * DIFFERENCE)


def assert_slope(given, expected):
    scale = np.max(np.abs(expected)) + 1.0
    np.testing.assert_allclose(given, expected, rtol=SLOPE, atol=SLOPE * scale)


@pytest.mark.parametrize("key", CASES)
def test_each_order_in_eta_is_the_slope_of_the_one_below(key):
    family, psi, y, w, eta = open_case(key)
    at = family.terms(y, w, eta, psi)

    def term(name, sign=1.0):
        return differences(
            lambda moved: sign * getattr(family.terms(y, w, moved, psi), name), eta
        )

    assert_slope(at.score, term("loglik"))
    assert_slope(at.W, term("score", -1.0))
    assert_slope(at.W1, term("W"))
    assert_slope(at.W2, term("W1"))


@pytest.mark.parametrize("key", [key for key in CASES if key[0] in PSI])
def test_derivatives_in_psi_are_slopes(key):
    family, psi, y, w, eta = open_case(key)
    at = family.terms(y, w, eta, psi)
    for a in range(family.n_psi):

        def moved(step, a=a):
            shifted = psi.copy()
            shifted[a] += step
            return family.terms(y, w, eta, shifted)

        up, down = moved(DIFFERENCE), moved(-DIFFERENCE)
        for slope, name in (
            (at.loglik_psi[a], "loglik"),
            (at.score_psi[a], "score"),
            (at.W_psi[a], "W"),
        ):
            found = (getattr(up, name) - getattr(down, name)) / (2 * DIFFERENCE)
            assert_slope(slope, found)
        for b in range(family.n_psi):
            found = (up.loglik_psi[b] - down.loglik_psi[b]) / (2 * DIFFERENCE)
            assert_slope(at.loglik_psi2[a][b], found)


@pytest.mark.parametrize("key", CASES)
def test_a_step_is_the_first_of_the_terms(key):
    family, psi, y, w, eta = open_case(key)
    at = family.terms(y, w, eta, psi)
    for given, expected in zip(
        family.step(y, w, eta, psi), (at.loglik, at.score, at.W), strict=True
    ):
        np.testing.assert_allclose(given, expected, rtol=MASS, atol=MASS)


@pytest.mark.parametrize("key", CASES)
def test_weight_two_is_the_row_twice(key):
    family, psi, y, w, eta = open_case(key)
    once, twice = family.terms(y, w, eta, psi), family.terms(y, 2 * w, eta, psi)
    for name in ("loglik", "score", "W", "W1", "W2"):
        np.testing.assert_allclose(
            getattr(twice, name), 2 * getattr(once, name), rtol=MASS, atol=MASS
        )


@pytest.mark.parametrize("key", CASES)
def test_one_weight_serves_all_rows(key):
    family, psi, y, _, eta = open_case(key)
    y = np.round(y) if family.name == "binomial" else y
    each = family.step(y, np.full(len(y), 3.0), eta, psi)
    for given, expected in zip(family.step(y, 3.0, eta, psi), each, strict=True):
        np.testing.assert_allclose(given, expected, rtol=MASS, atol=MASS)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_shares_have_the_mass_of_their_counts(link):
    family, trials, eta = family_of("binomial", link), 5.0, np.full(6, 0.3)
    y, w = np.arange(6) / trials, np.full(6, trials)
    found = family.terms(y, w, eta, np.zeros(0)).loglik
    found += [family.constant(y[k : k + 1], w[:1]) for k in range(6)]
    expected = stats.binom.logpmf(np.arange(6), 5, family.link.mean(eta))
    np.testing.assert_allclose(found, expected, rtol=MASS)


# Tweedie's powers of the families whose deviance scikit-learn knows.
@pytest.mark.parametrize(
    ("name", "power"), [("poisson", 1), ("Gamma", 2), ("inverse.gaussian", 3)]
)
def test_deviances_are_those_of_scikit_learn(name, power):
    family = family_of(name, "log")
    y, mean = np.array([1.0, 2.0, 7.0]), np.array([1.5, 2.0, 3.0])
    found = family.unit_deviance(y, mean, np.array([0.3])).mean()
    assert found == pytest.approx(
        mean_tweedie_deviance(y, mean, power=power), rel=LARGE
    )


@pytest.mark.parametrize(("name", "psi"), [("binomial", []), ("nbinom2", [0.4])])
def test_deviances_are_twice_what_the_likelihood_lacks(name, psi):
    family = family_of(name, "logit" if name == "binomial" else "log")
    psi = np.array(psi)
    y = np.array([0.2, 0.5, 0.9]) if name == "binomial" else np.array([1.0, 4.0, 9.0])
    mean = np.array([0.3, 0.5, 0.4]) * (1.0 if name == "binomial" else 10.0)

    def loglik(mean):
        return family.terms(y, 1.0, family.link.of(mean), psi).loglik

    expected = 2.0 * (loglik(y) - loglik(mean))
    found = family.unit_deviance(y, mean, psi)
    np.testing.assert_allclose(found, expected, rtol=MASS, atol=MASS)


@pytest.mark.parametrize("key", CASES)
def test_the_density_has_mass_one(key):
    family, psi, _, _, eta = open_case(key)
    eta = eta[:1]

    def density(y):
        y = np.atleast_1d(np.asarray(y, dtype=float))
        at = family.terms(y, 1.0, np.broadcast_to(eta, y.shape), psi)
        constant = np.array([family.constant(row, 1.0) for row in y[:, None]])
        return np.exp(at.loglik + constant)

    if family.discrete:
        n = {"binomial": 2, "ordinal": 4}.get(family.name, 2000)
        total = density(np.arange(n)).sum()
    else:
        ends = {"beta": (0, 1), "gaussian": (-30, 30)}.get(family.name, (1e-9, np.inf))
        total = integrate.quad(lambda y: density(y)[0], *ends, limit=400)[0]
    assert total == pytest.approx(1.0, abs=TOTAL)


@pytest.mark.parametrize("key", CASES)
def test_draws_have_the_mean(key):
    family, psi, _, _, eta = open_case(key)
    n = 40_000
    rows = np.repeat(eta[:3], n)
    y = family.distribution(rows, psi, 1.0).rvs(random_state=np.random.default_rng(1))
    for mean, drawn in zip(family.mean(eta[:3], psi), y.reshape(3, n), strict=True):
        assert abs(drawn.mean() - mean) < 5 * drawn.std() / np.sqrt(n)


# Grades take the observed weights, which are positive.
@pytest.mark.parametrize("key", [key for key in CASES if key[0] != "ordinal"])
def test_expected_weights_are_the_mean_of_the_observed(key):
    family, psi, _, _, eta = open_case(key)
    n = 40_000
    rows = np.repeat(eta[:2], n)
    y = family.distribution(rows, psi, 1.0).rvs(random_state=np.random.default_rng(2))
    y = np.clip(y, 1e-12, 1 - 1e-12) if family.name == "beta" else y
    W = family.terms(y, 1.0, rows, psi).W.reshape(2, n)
    expected = family.expected_weights(y[:2], 1.0, eta[:2], psi)
    error = 5 * W.std(axis=1) / np.sqrt(n) + MASS
    assert np.all(np.abs(W.mean(axis=1) - expected) < error)


@pytest.mark.parametrize("theta", [0.01, 1.0, 9.9e3, 1.1e4, 1e7])
def test_negative_binomial_keeps_its_digits_into_the_poisson_limit(theta):
    y, eta = np.array([0.0, 3.0, 50.0]), np.array([0.1, 1.0, 4.0])
    family = family_of("nbinom2", "log")
    found = family.terms(y, 1.0, eta, np.log([theta])).loglik.sum()
    found += family.constant(y, 1.0)
    mu = np.exp(eta)
    expected = stats.nbinom.logpmf(y, theta, theta / (theta + mu)).sum()
    assert found == pytest.approx(expected, rel=NEGATIVE_BINOMIAL)


def test_large_counts_are_taken_as_deviances():
    family = family_of("poisson", "log")
    y = np.array([2.0, 5e6])
    eta = np.log(y)
    found = family.terms(y, 1.0, eta, None).loglik.sum() + family.constant(y, 1.0)
    # at the mean itself Stirling's series is all that is left of the large count
    rest = -0.5 * np.log(2 * np.pi * y[1]) - 1 / (12 * y[1])
    assert found == pytest.approx(stats.poisson.logpmf(2, 2.0) + rest, abs=LARGE)


LINKS = (Logit(), Probit(), Cloglog(), Log(), Inverse(), Identity())


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_links_invert_and_average(link):
    eta = np.array([0.6, 1.1, 2.0])
    np.testing.assert_allclose(link.of(link.mean(eta)), eta, rtol=MASS)
    assert_slope(link.slope(eta), differences(link.mean, eta))
    np.testing.assert_allclose(
        link.average(eta, np.zeros(3)), link.mean(eta), rtol=MASS
    )
    sd = 0.05 if link.name == "inverse" else 1.3

    def brute(at):
        def f(z):
            return link.mean(np.array([at + sd * z]))[0] * np.exp(-z * z / 2)

        reach = 5 if link.name == "inverse" else 8
        return integrate.quad(f, -reach, reach)[0] / np.sqrt(2 * np.pi)

    expected = [brute(at) for at in eta]
    np.testing.assert_allclose(
        link.average(eta, np.full(3, sd**2)), expected, rtol=QUADRATURE
    )


def test_the_inverse_of_a_wide_predictor_is_taken_at_its_mean():
    at, variance = np.array([2.0, 2.0]), np.array([1e-4, 100.0])
    near, wide = Inverse().average(at, variance)
    assert wide == 0.5
    assert near > 0.5


REFUSED = [
    ("poisson", "log", [1.0, -1.0], 1.0, "not negative"),
    ("poisson", "log", [1.0, 1.5], 1.0, "whole numbers"),
    ("nbinom2", "log", [0.5], 1.0, "whole numbers"),
    ("binomial", "logit", [0.2, 1.0], 1.0, "trials"),
    ("binomial", "logit", [2.0, 1.0], 1.0, "between 0 and 1"),
    ("Gamma", "log", [0.0, 1.0], 1.0, "positive"),
    ("inverse.gaussian", "log", [-1.0], 1.0, "positive"),
    ("beta", "logit", [0.0, 0.5], 1.0, "strictly between"),
    ("beta", "logit", [1.0], 1.0, "MixedBinomialRegressor"),
]


@pytest.mark.parametrize(("name", "link", "y", "w", "said"), REFUSED)
def test_impossible_responses_are_named(name, link, y, w, said):
    with pytest.raises(ValueError, match=said):
        family_of(name, link).check(np.array(y), w)


def test_unknown_links_are_answered_with_the_list():
    with pytest.raises(ValueError, match="cloglog, logit, probit"):
        family_of("binomial", "log")
