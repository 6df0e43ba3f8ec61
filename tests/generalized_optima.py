"""Random designs of generalised models, and other searches of their deviances."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from skmixed.formula import DesignSpec, parse_formula
from skmixed.likelihood.families import family_of

KINDS = (
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("binomial", "cloglog"),
    ("poisson", "log"),
    ("nbinom2", "log"),
    ("Gamma", "log"),
    ("inverse.gaussian", "log"),
    ("beta", "logit"),
    ("ordinal", "logit"),
)
TERMS = (
    "(1 | g)",
    "(1 + x | g)",
    "(1 + x || g)",
    "(1 | g) + (1 | h)",
    "(1 | p / g)",
    "(1 + z | g) + (1 | h)",
    "(1 + x + z | g)",
)
# Families whose predictors are logarithms vary less.
LOGS = ("poisson", "nbinom2", "Gamma", "inverse.gaussian")
CUTS = [-1.0, 0.0, 1.5]
# A search that has no likelihood is worth this.
NOTHING = 1e10


def random_rows(seed):
    """Rows of 6 to 39 groups, whose variances may be zero.

    Parameters
    ----------
    seed : int

    Returns
    -------
    frame : DataFrame
    text : str
        The formula's right side.
    family : Family
    y : ndarray of shape (n,)
    w : ndarray of shape (n,) or None
    """
    rng = np.random.default_rng(seed)
    name, link = KINDS[rng.integers(len(KINDS))]
    text = TERMS[rng.integers(len(TERMS))]
    G, m = int(rng.integers(6, 40)), int(rng.integers(3, 12))
    n, scale = G * m, 10.0 ** rng.uniform(-2, 2)
    g = rng.permutation(np.repeat(np.arange(G), m))
    h = rng.integers(0, int(rng.integers(4, 15)), n)
    x, z = rng.normal(size=n), rng.normal(size=n)
    sds = (0.4 if name in LOGS else 1.0) * rng.choice([0.0, 0.3, 0.8, 1.5], size=4)
    eta = 0.2 + 0.3 * x - 0.2 * z + sds[0] * rng.normal(size=G)[g]
    eta += sds[1] * rng.normal(size=G)[g] * x * ("x" in text)
    eta += sds[2] * rng.normal(size=15)[h] * ("h" in text)
    eta += sds[3] * rng.normal(size=G)[g // 4] * ("p" in text)
    frame = pd.DataFrame({"g": g, "h": h, "p": g // 4, "x": scale * x, "z": z})
    fixed = "0 + x + z" if name == "ordinal" else "x + z"
    return frame, f"~ {fixed} + {text}", *drawn(name, link, eta, rng)


def random_design(seed):
    """The design of :func:`random_rows`, its family and its formula."""
    frame, text, family, y, w = random_rows(seed)
    spec, design = DesignSpec.learn(parse_formula(text), frame)
    fields = {"y": np.asarray(y, dtype=float), "weights": w}
    return type(design)(**{**vars(design), **fields}), family, spec.formula_text


def drawn(name, link, eta, rng):
    """Family, responses and weights at some predictors."""
    if name == "ordinal":
        grades = np.searchsorted(CUTS, eta + rng.logistic(size=len(eta)))
        grades = np.unique(grades, return_inverse=True)[1]
        return family_of(name, link, int(grades.max()) + 1), grades, None
    family, w = family_of(name, link), None
    psi = np.full(family.n_psi, 1.2)
    if name == "binomial" and rng.random() < 0.5:
        w = rng.integers(1, 9, len(eta)).astype(float)
    law = family.distribution(eta, psi, 1.0 if w is None else w)
    y = law.rvs(random_state=rng) / (1.0 if w is None else w)
    return family, np.clip(y, 1e-4, 1 - 1e-4) if name == "beta" else y, w


def best_of_searches(deviance, x, rng, n_starts=4):
    """Least deviance that BFGS and L-BFGS find from random starts.

    Parameters
    ----------
    deviance : LaplaceDeviance
    x : ndarray of shape (m,)
        The optimum at hand.
    rng : Generator
    n_starts : int, default=4

    Returns
    -------
    float
    """

    def value_and_gradient(at):
        point = deviance.closely(at)
        if not np.isfinite(point.value):
            return NOTHING, np.zeros(len(at))
        return point.value, deviance.derivatives(point).gradient

    best, n_theta = np.inf, deviance.n_theta
    for i in range(n_starts):
        start = x + 0.3 * rng.normal(size=len(x))
        start[:n_theta] = rng.normal(size=n_theta) * (0.3, 1.0)[i % 2]
        deviance.forget()
        found = minimize(
            value_and_gradient,
            start,
            jac=True,
            method=("BFGS", "L-BFGS-B")[i % 2],
            options={"maxiter": 300, "gtol": 1e-6},
        )
        best = min(best, float(found.fun))
    return best
