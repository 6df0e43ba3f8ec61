"""Fit a few models and print their numbers: run by test_digits.py as a program."""

import json
import sys

import numpy as np
import pandas as pd

from skmixed import MixedLinearRegressor, MixedLogisticClassifier
from skmixed.datasets import load_contraception, load_scots_schools, load_sleepstudy

MODELS = {
    "one factor": (
        MixedLinearRegressor("Reaction ~ Days + (Days | Subject)"),
        load_sleepstudy,
    ),
    "crossed": (
        MixedLinearRegressor("attain ~ verbal * sex + (1 | primary) + (1 | second)"),
        load_scots_schools,
    ),
    "visits": (
        MixedLinearRegressor("Reaction ~ Days", residual="ar1h(Days | Subject)"),
        load_sleepstudy,
    ),
    "answers": (
        MixedLogisticClassifier("use ~ age + urban + (1 | district)"),
        load_contraception,
    ),
}


def big_crossed():
    """A design whose matrices are large enough for threads."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(700, size=6000), rng.integers(650, size=6000)
    y = rng.normal(size=700)[a] + rng.normal(size=650)[b] + rng.normal(size=6000)
    return pd.DataFrame({"a": a, "b": b, "x": rng.normal(size=6000), "y": y})


def numbers(model):
    """Log-likelihood, coefficients and their standard errors."""
    errors = np.sqrt(np.diag(model.fixed_effects_cov_))
    return {
        "loglik": float(model.loglik_),
        "coef": model.fixed_effects_.tolist(),
        "error": errors.tolist(),
    }


def main():
    """Print the numbers of all models as JSON."""
    found = {k: numbers(m.fit(load().frame)) for k, (m, load) in MODELS.items()}
    large = MixedLinearRegressor("y ~ x + (1 | a) + (1 | b)").fit(big_crossed())
    json.dump({**found, "many crossed": numbers(large)}, sys.stdout)


if __name__ == "__main__":
    main()
