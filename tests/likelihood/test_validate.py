"""What cannot be fitted is refused by name, before or instead of a wrong answer."""

from dataclasses import replace

import numpy as np
import pytest
from hostile_designs import compose, hostile_design
from numpy.testing import assert_allclose
from random_designs import SHAPES, random_design

from skmixed.likelihood import cross_products, fit_linear
from skmixed.likelihood.elimination import sizes, sparse
from skmixed.likelihood.elimination.regime import best_bid, bid_for, choose_elimination
from skmixed.likelihood.elimination.sizes import sizes_of_products

# Relative error of estimates that have a closed form.
CLOSED_FORM = 1e-5
CROSSED = SHAPES.index("1|a 1|s")


def test_a_crossed_fit_that_exceeds_memory_says_what_it_needs(monkeypatch):
    A = cross_products(random_design(CROSSED))
    monkeypatch.setattr("skmixed.likelihood.elimination.dense.DENSE_EFFECTS", 0)
    monkeypatch.setattr(sizes, "available_memory", lambda: 64.0)
    with pytest.raises(ValueError, match=r"needs about .* GB.*`a`.*Leave out"):
        fit_linear(A)


def test_memory_of_a_crossed_fit_grows_with_the_square_of_the_smaller_factor(
    monkeypatch,
):
    A = cross_products(random_design(CROSSED))
    monkeypatch.setattr("skmixed.likelihood.elimination.dense.DENSE_EFFECTS", 0)
    assert bid_for(A).bytes >= 8 * min(factor.size for factor in A.factors) ** 2


@pytest.mark.parametrize("place", range(len(SHAPES)), ids=SHAPES)
def test_a_regime_is_chosen_by_sizes_alone(place, monkeypatch):
    monkeypatch.setattr("skmixed.likelihood.elimination.dense.DENSE_EFFECTS", 0)
    A = cross_products(random_design(place))
    sizes = sizes_of_products(A)
    nested = all(pair.nested for pair in A.pairs)
    alone = "batched" if len(A.factors) == 1 else "nested"
    expected = alone if nested else "crossed"
    assert sizes.nested == nested
    assert best_bid(sizes)[0].name == choose_elimination(A).name == expected


@pytest.mark.parametrize("place", range(len(SHAPES)), ids=SHAPES)
def test_small_designs_get_an_exact_hessian(place):
    A = cross_products(random_design(place))
    elimination = choose_elimination(A)
    assert elimination.exact
    assert elimination.name == ("batched" if len(A.factors) == 1 else "dense")


def test_without_random_effects_there_is_nothing_to_eliminate():
    design = replace(random_design(SHAPES.index("1xwv|a")), random=())
    A = cross_products(design)
    factored = choose_elimination(A).factor([])
    assert factored.logdet_V == 0.0
    assert factored.F == factored.P == factored.apply([]) == []
    np.testing.assert_array_equal(factored.S, A.gram)


def test_the_cheapest_bid_is_taken():
    """Large designs of every kind: its own regime, in seconds that are plausible."""
    expected = {
        ("1|a", 1): "batched",
        ("1|a 1|a:b", 1): "nested",
        ("1|a 1|s", 100): "crossed",
        ("1|a 1|s", 1): "sparse",
    }
    for (shape, met), name in expected.items():
        small = sizes_of_products(cross_products(random_design(SHAPES.index(shape))))
        large = replace(
            small,
            n_levels=tuple(1000 * G for G in small.n_levels),
            meetings={
                pair: met * np.tile(n, 1000) for pair, n in small.meetings.items()
            },
        )
        regime, bid = best_bid(large)
        assert regime.name == name
        assert 0 < bid.seconds < 10 * 60
        assert bid.flops > best_bid(small)[1].flops


@pytest.mark.parametrize(("worth", "name"), [(np.inf, "sparse"), (0.0, "crossed")])
def test_a_sparse_plan_that_saves_little_is_passed_on(worth, name, monkeypatch):
    monkeypatch.setattr("skmixed.likelihood.elimination.dense.DENSE_EFFECTS", 0)
    monkeypatch.setattr("skmixed.likelihood.elimination.regime.MOMENT", 0.0)
    monkeypatch.setattr(
        sparse.SparseElimination, "bid", lambda design: sizes.Bid(0.0, 0)
    )
    monkeypatch.setattr(sparse, "WORTH", worth)
    assert choose_elimination(cross_products(random_design(CROSSED))).name == name


def test_a_response_constant_within_groups_is_refused():
    design = random_design(SHAPES.index("1|a"))
    y = np.linspace(0, 1, design.random[0].n_levels)[design.random[0].codes]
    design = replace(design, y=y, X=np.ones((len(y), 1)), constant=np.ones(1))
    with pytest.raises(ValueError, match="constant within groups"):
        fit_linear(cross_products(design))


def spanning_design(n=36, p=12):
    """Three crossed factors that with many fixed effects reproduce any response."""
    rng = np.random.default_rng(4)
    ones = np.ones((n, 1))
    terms = [(name, ones, rng.permutation(np.arange(n) % 9)) for name in "abc"]
    X = np.column_stack([ones, rng.normal(size=(n, p - 1))])
    return compose(X, rng.normal(size=n), terms)


def test_a_likelihood_without_a_maximum_is_refused():
    """The restricted likelihood counts only the rows that fixed effects leave."""
    A = cross_products(spanning_design())
    with pytest.raises(ValueError, match="reproduce any response of 36 rows"):
        fit_linear(A, reml=False)
    assert fit_linear(A, reml=True).converged


def test_a_singular_covariance_may_leave_the_likelihood_without_a_maximum():
    """All 16 random effects reproduce the 14 rows alone: some of them do not."""
    rng, n = np.random.default_rng(0), 14
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    terms = [(name, X[:, :2], rng.permutation(np.arange(n) % 4)) for name in "ab"]
    y = rng.normal(size=n)
    with pytest.raises(ValueError, match=r"6 columns.* 12 of the random effects of"):
        fit_linear(cross_products(compose(X, y, terms)), reml=False)


@pytest.mark.parametrize(
    ("ratio", "message"),
    [(0.0, "exactly, to within 1e-07"), (1e-7, r"but for [1-9]e-0[78].*offset")],
    ids=["nothing left", "little left"],
)
def test_what_saturated_groups_leave_is_said(ratio, message):
    rng = np.random.default_rng(0)
    codes, ones = np.arange(60) % 10, np.ones((60, 1))
    y = rng.normal(size=10)[codes] + ratio * rng.normal(size=60)
    with pytest.raises(ValueError, match=message):
        fit_linear(cross_products(compose(ones, y, [("a", ones, codes)])))


def test_effects_that_reproduce_any_response_are_not_called_exact():
    design, reml = hostile_design("wild", 20, seed=203)
    with pytest.raises(ValueError, match=r"any response of 47 rows.*fewer random"):
        fit_linear(cross_products(design), reml=reml)


def test_fewer_fixed_effects_leave_a_maximum():
    assert fit_linear(cross_products(spanning_design(p=6)), reml=False).converged


@pytest.mark.parametrize("ratio", [1e2, 1e4, 1e5])
def test_large_variances_keep_their_digits(ratio):
    """Balanced groups have closed-form estimates (Searle et al. 1992, section 4.7)."""
    rng = np.random.default_rng(0)
    codes, n_within = np.repeat(np.arange(10), 6), 6
    y = ratio * rng.normal(size=10)[codes] + rng.normal(size=60)
    fit = fit_linear(
        cross_products(compose(np.ones((60, 1)), y, [("a", np.ones((60, 1)), codes)]))
    )
    means = y.reshape(10, n_within).mean(axis=1)
    within = np.square(y - means[codes]).sum() / 50
    between = means.var(ddof=1)
    variance = between - within / n_within
    assert_allclose(fit.sigma, np.sqrt(within), rtol=CLOSED_FORM)
    assert_allclose(fit.covariances[0], [[variance]], rtol=CLOSED_FORM)
    modes = (means - means.mean()) * variance / between
    assert_allclose(fit.modes[0][:, 0], modes, atol=CLOSED_FORM * fit.sigma * 1e2)


def test_cross_products_tell_their_blocks():
    text = str(cross_products(random_design(SHAPES.index("1|a 1|a:b"))))
    assert "nested in a" in text
    assert "block diagonal" in text


@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
def test_rows_that_are_there_twice_are_refused_where_they_leave_no_residual(reml):
    """Whichever optimum the search meets: beside it the deviance falls without end."""
    for seed in (0, 1, 4, 22):
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 5, 12), rng.integers(0, 4, 12)
        x, y = rng.normal(size=(12, 2)), rng.normal(size=5)[a] + rng.normal(size=12)
        twice = np.tile(np.arange(12), 2)
        X = np.column_stack([np.ones(12), x])[twice]
        terms = [("a", X[:, :2], a[twice]), ("b", X[:, :1], b[twice])]
        Z = [(a == g)[twice, None] * X[:, :2] for g in range(5)]
        Z += [(b == g)[twice, None] for g in range(4)]
        XZ = np.column_stack([X, *Z])
        left = y[twice] - XZ @ np.linalg.lstsq(XZ, y[twice], rcond=None)[0]
        products = cross_products(compose(X, y[twice], terms))
        if left @ left > 1e-9:
            fit_linear(products, reml=reml)
        else:
            with pytest.raises(ValueError, match="reproduce the response exactly"):
                fit_linear(products, reml=reml)
