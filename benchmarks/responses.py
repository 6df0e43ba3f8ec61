"""Generalised models of the benchmark: yes or no, shares and counts in groups."""

MILLION = 1_000_000
LOGISTIC, POISSON, NEGATIVE_BINOMIAL = "binomial", "poisson", "nbinom2"
SLOPE = "y ~ x", (("1 + x", "g"),)
INTERCEPT = "y ~ x", (("1", "g"),)

# name, (fixed effects, random effects), family, table, rows, and what else a case has
MODELS = [
    (
        "cbpp",
        ("cbind(incidence, healthy) ~ period", (("1", "herd"),)),
        LOGISTIC,
        "herds",
        56,
        {},
    ),
    ("220 logistic", INTERCEPT, LOGISTIC, "answers_220", 220, {}),
    (
        "grouseticks",
        (
            "TICKS ~ YEAR + cHEIGHT",
            (("1", "BROOD"), ("1", "INDEX"), ("1", "LOCATION")),
        ),
        POISSON,
        "grouseticks",
        403,
        {},
    ),
    (
        "contraception",
        ("used ~ age + urban + livch", (("1 + urban", "district"),)),
        LOGISTIC,
        "women",
        1_934,
        {},
    ),
    (
        "verbagg",
        (
            "agreed ~ Anger + Gender + btype + situ",
            (("1", "id"), ("1", "item")),
        ),
        LOGISTIC,
        "aggression",
        7_584,
        {"crossed": True},
    ),
    ("10k NB", INTERCEPT, NEGATIVE_BINOMIAL, "counts_10k", 10_000, {}),
    ("100k logistic", SLOPE, LOGISTIC, "answers_100k", 100_000, {}),
    (
        "200k logistic",
        ("y ~ x", (("1", "f"), ("1", "h"))),
        LOGISTIC,
        "answers_crossed",
        200_000,
        {"crossed": True},
    ),
    ("1M logistic", INTERCEPT, LOGISTIC, "answers_1m", MILLION, {}),
    ("1M Poisson", INTERCEPT, POISSON, "counts_1m", MILLION, {}),
    ("1M 9 nodes", INTERCEPT, LOGISTIC, "answers_1m", MILLION, {"n_nodes": 9}),
]


def answers(n_rows, n_groups, seed, *, slope=0.0, n_other=0):
    """Simulate answers of 0 and 1.

    Parameters
    ----------
    n_rows, n_groups : int
    seed : int
    slope : float, default=0.0
        Standard deviation of the groups' slopes.
    n_other : int, default=0
        Levels of a second, crossed factor.

    Returns
    -------
    DataFrame
    """
    import numpy as np

    rng, frame, eta = predictors(n_rows, n_groups, seed, slope, n_other)
    frame["y"] = (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-eta))).astype(int)
    return frame


def counts(n_rows, n_groups, seed, *, shape=None):
    """Simulate counts: Poisson, or negative binomial of a shape."""
    import numpy as np

    rng, frame, eta = predictors(n_rows, n_groups, seed)
    mean = np.exp(0.5 * eta)
    if shape is not None:
        mean = mean * rng.gamma(shape, 1.0 / shape, n_rows)
    frame["y"] = rng.poisson(mean)
    return frame


def predictors(n_rows, n_groups, seed, slope=0.0, n_other=0):
    """Draw groups, a covariate and linear predictors.

    Returns
    -------
    rng : Generator
    frame : DataFrame
        ``x`` and ``g``, or ``f`` and ``h`` where there are two factors.
    eta : ndarray of shape (n_rows,)
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    x, g = rng.standard_normal(n_rows), rng.integers(0, n_groups, n_rows)
    eta = 0.2 + 0.5 * x + 0.8 * rng.standard_normal(n_groups)[g]
    eta += slope * rng.standard_normal(n_groups)[g] * x
    frame = pd.DataFrame({"x": x, "f" if n_other else "g": g})
    if n_other:
        frame["h"] = rng.integers(0, n_other, n_rows)
        eta += 0.6 * rng.standard_normal(n_other)[frame["h"]]
    return rng, frame, eta


def tables(classic):
    """Give what makes every table.

    Parameters
    ----------
    classic : callable
        ``name -> DataFrame`` of skmixed's data; responses are made numbers, which all
        packages take.

    Returns
    -------
    dict of str to callable
    """
    herds, women, aggression = (
        lambda: classic("cbpp").eval("healthy = size - incidence"),
        lambda: classic("contraception").assign(used=lambda f: (f["use"] == "Y") + 0),
        lambda: classic("verbagg").assign(agreed=lambda f: (f["r2"] == "Y") + 0),
    )
    return {
        "herds": herds,
        "women": women,
        "aggression": aggression,
        "answers_220": lambda: answers(220, 50, seed=51),
        "counts_10k": lambda: counts(10_000, 500, seed=52, shape=2.0),
        "answers_100k": lambda: answers(100_000, 5_000, seed=53, slope=0.4),
        "answers_crossed": lambda: answers(200_000, 5_000, seed=54, n_other=1_000),
        "answers_1m": lambda: answers(MILLION, 50_000, seed=55),
        "counts_1m": lambda: counts(MILLION, 50_000, seed=56),
    }
