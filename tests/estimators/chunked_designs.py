"""Rows and formulas for fits by chunks: nested, crossed, weighted, learnt, aliased."""

from itertools import pairwise

import numpy as np
import pandas as pd

N = 3000
# Chunks of no row, of one row, and of uneven numbers.
CUTS = [0, 1200, 1201, 1201, 1850, 2990, N]

FORMULAS = [
    "y ~ x + (1 + x | g)",
    "y ~ x*c + z + (x || g)",
    "y ~ x + c + (1 | g) + (1 | h)",
    "y ~ x + (1 + x | g) + (1 + z | h)",
    "y ~ x + (1 | school/room)",
    "y ~ x + (1 | school) + (1 | pupil)",
    "y ~ x + (1 | school) + (1 | pupil) + (1 | h)",
    "y ~ 0 + c + x + (1 | cat)",
    "log(pos) ~ scale(x) + poly(z, 2) + (1 | g)",
    "y ~ bs(z, df=4) + center(x) + (1 | g)",
    "y ~ between(x, g) + within(x, g) + (1 | g)",
    "y ~ x + z + sum + (1 | g)",
    "y ~ t + year + big + (1 | g)",
    "y ~ year + (1 + year | g)",
    "y ~ t + (1 + t | school)",
    "y ~ x + factor(k) + offset(o) + (1 | g)",
    "y ~ c:x + two + (0 + x | g)",
    "y ~ x + (1 | g:h)",
    "y ~ x + (c | h)",
    "y ~ near + x + (1 | g)",
    "y ~ x",
    "y ~ I(x > 0) + (1 | school) + (0 + z | school)",
    "y ~ x + cs(0 + c | g)",
    "y ~ cat2 + flag + (1 | g)",
    "y ~ 0 + x + (0 + z | g)",
    "y ~ x + (1 | key32) + (1 | school:room)",
    "y ~ x + (1 + x + z | g)",
    "y ~ x*z*two + (1 | school) + (1 | g)",
    "y ~ x + (1 | g) + (1 | h) + (1 | school)",
    "y ~ x + (1 + x || school/room)",
    "y ~ x + I(x**2) + (1 + x + I(x**2) || h)",
    "y ~ cr(z, df=4) + (1 | h)",
    "y ~ 0 + c:x + (1 | school)",
    "y ~ c*flag + (1 | cat2:school)",
    "y ~ scale(z) + (1 + scale(z) | g) + (1 | pupil)",
    "y ~ x + year + offset(o) + (0 + z | h) + (1 | h)",
    "y ~ 1 + (1 | g)",
]
WEIGHTED = [
    "y ~ x + (1 + x | g) + (1 | h)",
    "y ~ x*c + (1 | school/room)",
    "y ~ 0 + x + (0 + z | g)",
]


def make_rows(seed=3):
    """Rows with all columns of the formulas; those of time are sorted."""
    rng = np.random.default_rng(seed)
    f = pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "z": rng.normal(size=N),
            "t": np.sort(rng.uniform(0, 3.15e7, N)) + 1.6e9,
            "year": 2010.0 + np.sort(rng.integers(0, 10, N)),
            "big": 1e6 * (1 + 1e-6 * rng.normal(size=N)),
            "c": rng.choice(list("pqrs"), N, p=[0.6, 0.3, 0.09, 0.01]),
            "k": rng.integers(0, 3, N),
            "g": rng.integers(-50, 50, N),
            "h": rng.integers(0, 30, N) * 1000,
            "w": rng.uniform(0.2, 3, N),
            "two": rng.integers(0, 2, N),
            "room": rng.integers(0, 4, N),
            "flag": rng.integers(0, 2, N) == 1,
        }
    )
    school = rng.integers(0, 60, N)
    f["school"] = np.array([f"s{k}" for k in range(60)])[school]
    f["pupil"] = f["school"] + "_" + f["room"].astype(str)
    levels = [str(1000 * k) for k in range(29, -1, -1)]
    f["cat"] = pd.Categorical(f["h"].astype(str), categories=levels)
    f["cat2"] = pd.Categorical(f["c"], categories=list("srqp"))
    f["key32"] = f["h"].astype(np.int32)
    f["o"] = 0.3 * f["x"]
    f["sum"] = f["x"] + f["z"]
    f["near"] = f["x"] + 1e-3 * rng.normal(size=N)
    b = rng.normal(size=(100, 3)) * [0.7, 0.4, 0.3]
    place = f["g"].to_numpy() + 50
    f["y"] = (
        2
        + 0.5 * f["x"]
        + 0.4 * (f["c"] == "q")
        + 0.1 * (f["year"] - 2014)
        + b[place, 0]
        + b[place, 1] * f["x"]
        + b[place, 2] * f["z"]
        + 0.5 * rng.normal(size=30)[f["h"].to_numpy() // 1000]
        + 0.4 * rng.normal(size=60)[school]
        + rng.normal(size=N)
    )
    f["pos"] = np.exp(f["y"] / 3)
    return f


def chunks_of(frame):
    """The rows in uneven chunks."""
    for start, stop in pairwise(CUTS):
        yield frame.iloc[start:stop]
