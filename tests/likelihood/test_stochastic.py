"""The likelihood of crossed factors as random probes tell it, against exact ones."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, estimate_memory, from_dict, to_dict
from skmixed.likelihood.elimination import regime, sizes
from skmixed.likelihood.elimination.crossed import CrossedElimination
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.elimination.sparse import SparseElimination
from skmixed.likelihood.fit import fit_linear
from skmixed.likelihood.linalg.probes import Probes
from skmixed.likelihood.search import chance, search
from skmixed.likelihood.search import estimated as probing

FORMULA = "y ~ x + (1 | user) + (1 | item)"
FORMULAS = {
    "two factors": FORMULA,
    "three factors": f"{FORMULA} + (1 | land)",
    "slopes": "y ~ x + (1 + x | user) + (1 | item)",
}
# Standard errors over probes that an estimate may be off.
FAR = 4.0
# Share of a parameter's standard error over data that probes may leave to chance.
SMALL_SHARE = 0.01
# Difference of the deviances of two exact fits.
SAME = 1e-6
# Relative errors of what is solved for, of its squares, and of conditional variances.
SOLVED, SQUARED, VARIANCES = 1e-5, 1e-9, 2e-2


def make_ratings(n=12_000, users=900, items=500):
    """Ratings of items by users, of whom a few rate much, in some countries."""
    rng = np.random.default_rng(3)
    often, liked = (np.arange(k) + 10.0 for k in (users, items))
    user = rng.choice(users, n, p=often**-0.6 / (often**-0.6).sum())
    item = rng.choice(items, n, p=liked**-0.8 / (liked**-0.8).sum())
    land, x = user % 12, rng.normal(size=n)
    y = 3.0 + 0.3 * x + 0.9 * rng.normal(size=n)
    y += 0.5 * rng.normal(size=users)[user] + 0.6 * rng.normal(size=items)[item]
    y += 0.4 * rng.normal(size=12)[land] + 0.2 * rng.normal(size=users)[user] * x
    return pd.DataFrame({"y": y, "x": x, "user": user, "item": item, "land": land})


@pytest.fixture(scope="module")
def ratings():
    return make_ratings()


@pytest.fixture(scope="module", params=FORMULAS.values(), ids=FORMULAS)
def exact(ratings, request):
    return MixedLinearRegressor(request.param, solver="exact").fit(ratings)


@pytest.fixture(scope="module")
def estimated(exact, ratings):
    return MixedLinearRegressor(exact.formula, solver="stochastic").fit(ratings)


@pytest.fixture(scope="module")
def plain(ratings):
    return MixedLinearRegressor(FORMULA, solver="stochastic").fit(ratings)


def test_an_evaluation_is_exact_but_for_what_probes_tell(exact):
    A = exact.result_.A
    Lambdas = list(exact.result_.Lambdas)
    known = choose_elimination(A, "crossed").factor(Lambdas)
    found = choose_elimination(replace(A, probes=Probes())).factor(Lambdas)
    lengths = np.sqrt(np.diag(known.S))
    assert np.all(np.abs(found.S - known.S) < SQUARED * np.outer(lengths, lengths))
    for ours, theirs in zip(found.F, known.F, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=SOLVED * scale)
    error = chance.logdet_error(found)
    assert 0 < abs(found.logdet_V - known.logdet_V) < FAR * error
    for j, samples in enumerate(found.trace_samples):
        error = samples.std(axis=2, ddof=1) / np.sqrt(samples.shape[2])
        assert np.all(np.abs(found.traces[j] - known.traces[j]) < FAR * error)
        size = np.abs(known.P[j]).max()
        assert np.abs(found.P[j] - known.P[j]).max() < VARIANCES * size


def test_a_fit_is_that_of_an_exact_regime_within_its_reported_errors(exact, estimated):
    assert estimated.solver_ == "stochastic"
    assert estimated.converged_
    error = 2.0 * estimated.loglik_se_
    assert 0 < abs(estimated.deviance_ - exact.deviance_) < FAR * error
    off = np.abs(estimated.theta_ - exact.theta_)
    assert np.all(off < FAR * estimated.theta_mc_se_ + 1e-5)
    ours, theirs = estimated.fixed_effects_, exact.fixed_effects_
    std = np.sqrt(np.diag(exact.fixed_effects_cov_))
    assert np.all(np.abs(ours - theirs) < SMALL_SHARE * std)


def test_exact_fits_report_no_error_over_probes(exact):
    assert exact.loglik_se_ == 0.0
    np.testing.assert_array_equal(exact.theta_mc_se_, np.zeros_like(exact.theta_))


def test_statements_are_those_of_an_exact_fit(plain, ratings):
    model = MixedLinearRegressor(FORMULA).fit(ratings)
    assert model.solver_ != "stochastic"
    rows = ratings.head(20)
    for ask in (
        lambda m: m.predict(rows),
        lambda m: m.predict(rows, return_std=True)[1],
        lambda m: m.icc().frame["adjusted"],
        lambda m: m.summary().fixed["df"],
    ):
        np.testing.assert_allclose(ask(plain), ask(model), rtol=VARIANCES)


def test_a_fit_is_the_same_every_time(plain, ratings):
    again = MixedLinearRegressor(FORMULA, solver="stochastic").fit(ratings)
    assert again.deviance_ == plain.deviance_
    np.testing.assert_array_equal(again.theta_, plain.theta_)
    other = MixedLinearRegressor(FORMULA, solver="stochastic", random_state=1)
    assert other.fit(ratings).deviance_ != plain.deviance_


def test_what_is_said_later_has_the_probes_of_the_fit(plain):
    opened = plain.fitted_.open.deviance
    assert opened.elimination.name == "stochastic"
    assert opened.A.probes == plain.result_.A.probes
    refit = fit_linear(plain.result_.A, reml=True)
    assert refit.deviance == plain.deviance_
    kept = from_dict(json.loads(json.dumps(to_dict(plain))))
    assert kept.fitted_.open.deviance.elimination.name == "stochastic"


def test_the_summary_says_that_the_deviance_is_estimated(plain):
    assert "estimated by 32 random probes" in " ".join(str(plain.summary()).split())


def test_probes_are_doubled_until_they_leave_little_to_chance(ratings, monkeypatch):
    monkeypatch.setattr(probing, "ENOUGH", 0.0)
    monkeypatch.setattr(probing, "MOST_PROBES", 64)
    model = MixedLinearRegressor(FORMULA, solver="stochastic").fit(ratings)
    assert model.result_.A.probes.count == 64


def test_an_exact_search_may_start_where_an_estimated_one_ends(ratings, monkeypatch):
    exact = MixedLinearRegressor(FORMULA, solver="exact").fit(ratings)
    monkeypatch.setattr(search, "SEEDED_FROM", 1)
    seeded = MixedLinearRegressor(FORMULA, solver="exact").fit(ratings)
    assert seeded.solver_ == exact.solver_ == "crossed"
    assert seeded.loglik_se_ == 0.0
    assert seeded.deviance_ == pytest.approx(exact.deviance_, abs=SAME)


def test_auto_estimates_where_an_exact_fit_would_take_long(ratings, monkeypatch):
    monkeypatch.setattr(regime, "PATIENCE", 0.0)
    assert MixedLinearRegressor(FORMULA).fit(ratings).solver_ == "stochastic"
    assert estimate_memory(FORMULA, ratings).solver == "stochastic"
    exact = MixedLinearRegressor(FORMULA, solver="exact").fit(ratings)
    assert exact.solver_ == "crossed"
    assert fit_linear(exact.result_.A, reml=False).solver == "crossed"


def test_auto_looks_at_the_plan_of_a_sparse_design_first(monkeypatch):
    """Neighbours who meet neighbours have a smaller core than sizes let expect."""
    rng = np.random.default_rng(1)
    home = rng.integers(0, 2500, 12_000)
    firm = np.concatenate([home, (home + rng.integers(0, 2, 12_000)) % 2500])
    moves = pd.DataFrame({"worker": np.tile(np.arange(12_000), 2), "firm": firm})
    moves["y"] = rng.normal(size=24_000) + 0.5 * rng.normal(size=12_000)[moves.worker]
    for kind, flops in ((SparseElimination, 1e15), (CrossedElimination, 2e15)):
        bid = sizes.Bid(flops, 0)
        monkeypatch.setattr(kind, "bid", lambda design, bid=bid: bid)
    model = MixedLinearRegressor("y ~ 1 + (1 | worker) + (1 | firm)").fit(moves)
    assert model.solver_ == "sparse"


def test_more_probes_begin_with_the_first_ones():
    few, many = Probes(7), Probes(7).doubled()
    signs = many.signs("g", 5, 2)
    assert signs.shape == (10, 64)
    np.testing.assert_array_equal(signs[:, :32], few.signs("g", 5, 2))
    np.testing.assert_array_equal(signs[:8], many.signs("g", 4, 2))
    assert np.any(signs != many.signs("h", 5, 2))
    assert set(np.unique(signs)) == {-1.0, 1.0}
