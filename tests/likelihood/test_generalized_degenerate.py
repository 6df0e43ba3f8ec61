"""Data at the edge of what a generalised model can be fitted to: each ends finite."""

from dataclasses import replace

import numpy as np
import pytest
from generalized_designs import table

from skmixed.formula import DesignSpec, parse_formula
from skmixed.likelihood.families import family_of
from skmixed.likelihood.generalized import fit_generalized

BINARY, COUNTS, GAMMA = ("binomial", "logit"), ("poisson", "log"), ("Gamma", "log")
INTERCEPTS, ROWS = "~ x + (1 | g)", "~ x + (1 | g) + (1 | row)"


def logistic(eta, rng):
    return rng.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta))


def shared(values, f):
    """One value per group, for its rows."""
    return values[f["g"].to_numpy()]


def trials(n):
    """Counts of successes in n trials, as shares."""
    return lambda f, rng: (
        rng.binomial(n, 1.0 / (1.0 + np.exp(-f["x"].to_numpy()))) / n,
        {"weights": np.full(len(f), float(n))},
    )


def offsets(f, rng):
    offset = 3.0 * rng.normal(size=len(f))
    return rng.poisson(np.exp(offset)), {"offset": offset}


# family, formula, and what draws the response
CASES = {
    "all zero": (BINARY, INTERCEPTS, lambda f, rng: np.zeros(len(f))),
    "all one": (BINARY, INTERCEPTS, lambda f, rng: np.ones(len(f))),
    "one success": (BINARY, INTERCEPTS, lambda f, rng: np.arange(len(f)) == 5),
    "separated": (BINARY, INTERCEPTS, lambda f, rng: f["x"] > 0),
    "nearly separated": (
        BINARY,
        INTERCEPTS,
        lambda f, rng: (f["x"] > 0) ^ (np.arange(len(f)) == 7),
    ),
    "groups of one answer": (BINARY, INTERCEPTS, lambda f, rng: f["g"] % 2 == 0),
    "nearly one answer": (
        BINARY,
        INTERCEPTS,
        lambda f, rng: (f["g"] % 2 == 0) ^ (np.arange(len(f)) == 3),
    ),
    "rare": (BINARY, INTERCEPTS, lambda f, rng: logistic(-4.0 + f["x"], rng)),
    "no variance": (BINARY, INTERCEPTS, lambda f, rng: logistic(f["x"], rng)),
    "far covariate": (
        BINARY,
        "~ far + (1 | g)",
        lambda f, rng: logistic(f["x"], rng),
    ),
    "many trials": (BINARY, INTERCEPTS, trials(100_000)),
    "no counts": (COUNTS, INTERCEPTS, lambda f, rng: np.zeros(len(f))),
    "large counts": (
        COUNTS,
        INTERCEPTS,
        lambda f, rng: rng.poisson(1e6 * np.exp(f["x"])),
    ),
    "large counts, a level per row": (
        COUNTS,
        ROWS,
        lambda f, rng: rng.poisson(1e6 * np.exp(f["x"])),
    ),
    "a level per row": (
        COUNTS,
        ROWS,
        lambda f, rng: rng.poisson(np.exp(f["x"] + rng.normal(size=len(f)))),
    ),
    "wide offsets": (COUNTS, INTERCEPTS, offsets),
    "zero in a group": (
        COUNTS,
        INTERCEPTS,
        lambda f, rng: rng.poisson(shared(3.0 * (np.arange(12) > 4), f)),
    ),
    "not overdispersed": (
        ("nbinom2", "log"),
        INTERCEPTS,
        lambda f, rng: rng.poisson(3, len(f)),
    ),
    "skewed": (
        GAMMA,
        INTERCEPTS,
        lambda f, rng: rng.gamma(0.05, 1, len(f)) + 1e-12,
    ),
    "near exact": (
        GAMMA,
        INTERCEPTS,
        lambda f, rng: np.exp(f["x"] + 1e-3 * rng.normal(size=len(f))),
    ),
    "U-shaped": (
        ("beta", "logit"),
        INTERCEPTS,
        lambda f, rng: np.clip(rng.beta(0.2, 0.2, len(f)), 1e-4, 1 - 1e-4),
    ),
    "slopes without variance": (
        BINARY,
        "~ x + (1 + x + z | g)",
        lambda f, rng: logistic(0.0 * f["x"], rng),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_degenerate_data_end_finite(case):
    (name, link), text, draw = CASES[case]
    frame = table()
    frame = frame.assign(far=1e6 * frame["x"] + 1e9, row=np.arange(len(frame)))
    _, design = DesignSpec.learn(parse_formula(text), frame)
    drawn = draw(frame, np.random.default_rng(0))
    y, more = drawn if isinstance(drawn, tuple) else (drawn, {})
    design = replace(design, y=np.asarray(y, dtype=float), **more)
    fit = fit_generalized(design, family_of(name, link))
    assert fit.converged
    assert np.isfinite(fit.loglik)
    assert np.isfinite(fit.coef).all()
    assert np.isfinite(fit.joint_cov).all()
