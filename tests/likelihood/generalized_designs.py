"""Small designs of every family of responses, for tests of generalised models."""

from dataclasses import replace

import numpy as np
import pandas as pd

from skmixed.formula import DesignSpec, parse_formula
from skmixed.likelihood.families import FAMILIES, family_of

# Structure of the random effects by name, with the regimes that serve it.
STRUCTURES = {
    "intercept": ("(1 | g)", ("batched",)),
    "slope": ("(1 + z | g)", ("batched",)),
    "diagonal": ("(1 + z || g)", ("batched",)),
    "nested": ("(1 | p / q)", ("nested", "dense")),
    "crossed": ("(1 + z | g) + (1 | h)", ("dense", "crossed")),
}
N_GRADES = 4


def table(seed=0, n_groups=12, size=6):
    """Rows of nested and crossed groups, with two covariates."""
    rng = np.random.default_rng(seed)
    n = n_groups * size
    g = rng.permutation(np.repeat(np.arange(n_groups), size))
    return pd.DataFrame(
        {
            "g": g,
            "p": g // 3,
            "q": g,
            "h": rng.integers(0, 7, n),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
        }
    )


def every_family():
    """All families, as ids and values."""
    return {
        f"{name}-{link}": family_of(name, link, N_GRADES if name == "ordinal" else None)
        for name, link in FAMILIES
    }


def responses(family, frame, rng):
    """Draw responses whose groups differ."""
    shift = 0.4 * rng.normal(size=frame["g"].max() + 1)[frame["g"]]
    eta = 0.3 + 0.4 * frame["x"].to_numpy() + shift
    if family.link.name == "inverse":
        eta = 2.0 + 0.3 * eta
    psi = {
        "ordinal": np.array([-0.8, 0.2, 1.4]),
        "gaussian": np.array([0.3]),
    }.get(family.name, np.full(family.n_psi, 1.2))
    w = np.ones(len(frame))
    if family.name == "binomial":
        w = rng.integers(1, 5, len(frame)).astype(float)
    y = family.distribution(eta, psi, w).rvs(random_state=rng)
    if family.name == "binomial":
        return y / w, w
    if family.name == "beta":
        y = np.clip(y, 1e-4, 1 - 1e-4)
    return np.asarray(y, dtype=float), None


def generalized_design(family, structure, seed=0, frame=None):
    """Design of a family and a structure, with an offset."""
    rng = np.random.default_rng(seed)
    frame = table(seed) if frame is None else frame
    text = STRUCTURES[structure][0]
    fixed = "~ 0 + x" if family.name == "ordinal" else "~ x"
    _, design = DesignSpec.learn(parse_formula(f"{fixed} + {text}"), frame)
    y, w = responses(family, frame, rng)
    offset = 0.1 * rng.normal(size=len(frame))
    return replace(design, y=y, weights=w, offset=offset)
