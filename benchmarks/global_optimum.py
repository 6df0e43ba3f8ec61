"""Hold fits of designs with several optima against descents from many starts.

``python benchmarks/global_optimum.py --kind simpson --sets 1000 --seed 1`` prints how
many fits end below the best of many starts, and which. Run it from the repository.
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from hostile_designs import KINDS, best_of_many_starts, hostile_design  # noqa: E402

from skmixed.inference.opened.open_fit import reopen  # noqa: E402
from skmixed.likelihood.fit import fit_linear  # noqa: E402
from skmixed.likelihood.products.plan import cross_products  # noqa: E402
from skmixed.likelihood.search.optimize import NewtonStep  # noqa: E402
from skmixed.likelihood.search.search import (  # noqa: E402
    descend,
    deviance_of,
    scale_free,
)

# A log-likelihood that is below the reference by more has missed the optimum.
MISSED = 1e-6
# A larger decrement is not that of an optimum.
TOL = 1e-7
# Thetas that differ by more, relative to the largest, are not one optimum.
SAME = 1e-3


def compare(kind, index, seed):
    """Hold one fit against the reference.

    Returns
    -------
    verdict : {"best", "missed", "refused", "not converged", "unseen"}
        ``"unseen"``: said to converge, but with a larger decrement at its point.
    short : float
        What the log-likelihood lacks of the reference.
    """
    design, reml = hostile_design(kind, index, seed=seed)
    A = cross_products(design)
    try:
        fit = fit_linear(A, reml=reml)
    except ValueError:
        return "refused", 0.0
    deviance = deviance_of(scale_free(A), reml, None)
    best = best_of_many_starts(deviance, lambda theta: descend(deviance, theta, {}))
    at_fit, here = reopen(fit)
    short = 0.5 * (here.value - best.value)
    derivatives = at_fit.derivatives(here)
    if not fit.converged:
        return "not converged", short
    if short > MISSED and not same_optimum(here.theta, best.theta, derivatives):
        return "missed", short
    step = NewtonStep(derivatives.gradient, derivatives.hessian)
    if step.decrement > TOL:
        return "unseen", step.decrement
    return "best", short


def same_optimum(theta, another, derivatives):
    """Whether two points are one by the curvature, so that rounding parts their values.

    Of 13 rows in five groups that are 6e5 residual standard deviations apart, values
    are known to 1e-5.
    """
    between = np.abs(theta) - np.abs(another)
    near = np.abs(between).max() < SAME * np.abs(theta).max()
    return near and 0.5 * between @ derivatives.hessian @ between < MISSED


def describe(kind, index, seed):
    """Shape of a design in one line."""
    design, reml = hostile_design(kind, index, seed=seed)
    terms = [
        f"{b.group}:{b.n_levels}x{b.z.shape[1]}{'d' if b.covariance == 'diag' else ''}"
        for b in design.random
    ]
    w = design.weights
    spread = 1.0 if w is None else w.max() / w.min()
    return (
        f"{len(design.y)} rows, p {design.X.shape[1]}, {' '.join(terms)}, weights "
        f"{spread:.0e}, {'REML' if reml else 'ML'}"
    )


def main():
    """Compare as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=sorted(KINDS), default="simpson")
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts, began = Counter(), time.perf_counter()
    for index in range(asked.first, asked.first + asked.sets):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            verdict, size = compare(asked.kind, index, asked.seed)
        counts[verdict] += 1
        if verdict in ("missed", "unseen", "not converged"):
            shape = describe(asked.kind, index, asked.seed)
            print(f"{index:6d} {verdict:14s} {size:10.3g}  {shape}", flush=True)
    print(dict(counts), f"in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
