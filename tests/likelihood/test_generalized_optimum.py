"""No generalised fit ends where other searches find a better optimum."""

import numpy as np
import pytest
from generalized_optima import best_of_searches, random_design

from skmixed.likelihood.generalized import open_deviance
from skmixed.likelihood.products.sweeps import RowSweeps
from skmixed.likelihood.search.generalized import search_generalized

# Deviances that differ by less are of the same optimum.
MISSED = 1e-5


# 196 and 601 have further minima at large variances
@pytest.mark.parametrize("seed", [*range(40), 196, 601])
def test_no_other_search_finds_a_better_optimum(seed):
    design, family, _ = random_design(seed)
    deviance, x = open_deviance(RowSweeps(design, family), 1)
    optimum = search_generalized(deviance, x)
    if not optimum.converged:
        # a likelihood that is not concave, whose Laplace deviance has no minimum
        weights = deviance.closely(optimum.theta).modes.state.W
        assert weights.min() < 0
        return
    with np.errstate(all="ignore"):
        best = best_of_searches(deviance, optimum.theta, np.random.default_rng(seed))
    assert optimum.value - best < MISSED
