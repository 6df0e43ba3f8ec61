"""Many responses together against a loop of single fits; see tests_and_intervals.md.

Run with ``python benchmarks/many_responses.py``; one BLAS thread. A response on its own
is fitted with ``refit``'s cross-products, as a loop over responses would best do.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings
from time import process_time

import numpy as np
import pandas as pd

from skmixed import MixedLinearRegressor, fit_many

# Responses of the batch, and of the loop, whose time is scaled up.
TOGETHER, ALONE = 1000, 40
CASES = {
    "(1 | donor)": ("donor",),
    "(x | donor)": ("donor", "slope"),
    "(1 | donor / run)": ("donor", "run"),
    "(1 | donor) + (1 | batch)": ("donor", "batch"),
    "(1 | donor) + (1 | batch) + (1 | tissue)": ("donor", "batch", "tissue"),
    "(x | donor) + (1 | batch)": ("donor", "slope", "batch"),
}


def design(rng, donors=60, per_donor=5):
    """Rows of some tissues of donors, a tenth of them missing."""
    donor = np.repeat(np.arange(donors), per_donor)
    donor = donor[rng.random(len(donor)) < 0.86]
    n = len(donor)
    return pd.DataFrame(
        {
            "donor": donor,
            "run": donor * 3 + rng.integers(0, 3, n),
            "batch": rng.integers(0, 10, n),
            "tissue": rng.integers(0, 4, n),
            "x": rng.normal(size=n),
            "age": rng.normal(size=donors)[donor],
            "sex": rng.choice(["F", "M"], donors)[donor],
        }
    )


def draw(table, parts, n_responses, rng):
    """Responses of which a third have no variance of a part."""
    Y = rng.normal(size=(len(table), n_responses))
    for part in parts:
        codes = table["donor" if part == "slope" else part].to_numpy()
        sd = rng.gamma(1.5, 0.25 if part == "slope" else 0.4, n_responses)
        sd[rng.random(n_responses) < 0.3] = 0.0
        effects = (rng.normal(size=(codes.max() + 1, n_responses)) * sd)[codes]
        Y += effects * (table[["x"]].to_numpy() if part == "slope" else 1.0)
    return Y


def seconds(call):
    """CPU seconds of a call."""
    start = process_time()
    call()
    return process_time() - start


def loop(model, table, Y):
    """Fit and test one response after the other."""
    first = model.fit(table, Y[:, 0])
    for y in Y.T:
        first.refit(table, y).summary(ddf="satterthwaite")


def main():
    """Print a table in Markdown."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    table = design(rng)
    for random, parts in CASES.items():
        model = MixedLinearRegressor(f"~ x + age + sex + {random}")
        Y = draw(table, parts, TOGETHER, rng)
        fit_many(model, table, Y[:, :3])
        together = seconds(lambda m=model, Y=Y: fit_many(m, table, Y).fixed)
        alone = seconds(lambda m=model, Y=Y: loop(m, table, Y[:, :ALONE]))
        alone *= TOGETHER / ALONE
        ratio = alone / together
        name = random.replace("|", "\\|")
        print(f"| `{name}` | {alone:.1f} | {together:.2f} | {ratio:.0f} |")
    Y = draw(table, ("donor",), 20_000, rng)
    model = MixedLinearRegressor("~ x + age + sex + (1 | donor)")
    print(f"20,000 responses: {seconds(lambda: fit_many(model, table, Y)):.2f} s")


if __name__ == "__main__":
    main()
