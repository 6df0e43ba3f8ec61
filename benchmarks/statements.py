"""What is asked of a fitted model: statements after a fit, and predictions of one row.

Run as ``python statements.py`` it prints CPU seconds of the statements about a crossed
design, asked once and asked again, and milliseconds of predictions by the number of
groups. Run it on two checkouts, in turn, to compare them.
"""

import argparse
import time

import numpy as np
import pandas as pd

from skmixed import MixedLinearRegressor, anova, compare_table
from skmixed.datasets import load_insteval

FORMULA = "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)"
N_GROUPS = (65, 50_000, 500_000)
# Predictive intervals need factorisations, which take long before this many groups.
MOST_INTERVALS = 100_000
STATEMENTS = {
    "summary": lambda model: model.summary(),
    "conf_int": lambda model: model.conf_int(),
    "anova": anova,
    "icc": lambda model: model.icc(),
    "compare_table": lambda model: compare_table([model]),
}


def seconds(ask, *arguments):
    """Return CPU seconds of one call."""
    start = time.process_time()
    ask(*arguments)
    return time.process_time() - start


def milliseconds(ask, repetitions):
    """Return the shortest wall time of some calls, after a first one."""
    ask()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def random_slopes(n_groups, seed=0):
    """Draw a table of random intercepts and slopes, four rows a group or more."""
    random = np.random.default_rng(seed)
    n = max(4 * n_groups, 1000)
    g = np.arange(n) % n_groups
    x = random.normal(size=n)
    b = random.normal(size=(n_groups, 2)) * [1.0, 0.5]
    y = 1.0 + x + b[g, 0] + x * b[g, 1] + random.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "g": g})


def print_statements():
    """Print CPU seconds of the statements about one crossed fit."""
    model = MixedLinearRegressor(FORMULA)
    print(f"{FORMULA}: fit {seconds(model.fit, load_insteval().frame):.2f} s")
    for when in ("first", "again"):
        taken = {name: seconds(ask, model) for name, ask in STATEMENTS.items()}
        parts = ", ".join(f"{name} {value:.3f}" for name, value in taken.items())
        print(f"  {when}: {sum(taken.values()):.3f} s ({parts})")


def print_predictions(n_groups, repetitions):
    """Print milliseconds of predictions of one row."""
    frame = random_slopes(n_groups)
    model = MixedLinearRegressor("y ~ x + (x | g)").fit(frame)
    row = frame.iloc[[3]]
    asked = {
        "predict": lambda: model.predict(row),
        "with std": lambda: model.predict(row, return_std=True),
    }
    if n_groups <= MOST_INTERVALS:
        asked["predict_interval"] = lambda: model.predict_interval(row)
    taken = {name: milliseconds(ask, repetitions) for name, ask in asked.items()}
    parts = ", ".join(f"{name} {value:.3f} ms" for name, value in taken.items())
    print(f"{n_groups:,} groups, one row: {parts}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    repetitions = parser.parse_args().repetitions
    print_statements()
    for n_groups in N_GROUPS:
        print_predictions(n_groups, repetitions)
