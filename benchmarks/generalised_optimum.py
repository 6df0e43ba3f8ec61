"""Fits of random generalised models against BFGS and L-BFGS from random starts.

    python benchmarks/generalised_optimum.py [N] [FIRST]

prints the designs whose fit falls short of another search by 1e-5, or did not converge.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from generalized_optima import best_of_searches, random_design

from skmixed.likelihood.generalized import open_deviance
from skmixed.likelihood.products.sweeps import RowSweeps
from skmixed.likelihood.search.generalized import search_generalized

# Deviances that differ by less are of the same optimum.
MISSED = 1e-5


def main(n=500, first=0):
    """Search n designs from a seed on."""
    ours = theirs = 0.0
    evaluations, short = [], 0
    for seed in range(first, first + n):
        design, family, text = random_design(seed)
        start = time.process_time()
        deviance, x = open_deviance(RowSweeps(design, family), 1)
        optimum = search_generalized(deviance, x)
        ours += time.process_time() - start
        evaluations.append(optimum.n_iter)
        start = time.process_time()
        best = best_of_searches(deviance, optimum.theta, np.random.default_rng(seed))
        theirs += time.process_time() - start
        missed = optimum.value - best
        if missed > MISSED or not optimum.converged:
            short += 1
            print(
                f"{seed}: {family.name}, {family.link.name}, {text}: short by "
                f"{missed:.2g}, converged {optimum.converged}"
            )
    print(
        f"{n} designs, {short} short or not converged; evaluations median "
        f"{np.median(evaluations):.0f}, most {max(evaluations)}; fits {ours:.1f} s, "
        f"other searches {theirs:.1f} s"
    )


if __name__ == "__main__":
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        main(*(int(argument) for argument in sys.argv[1:]))
