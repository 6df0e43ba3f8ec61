"""No fit ends where descents from many starts find a better optimum."""

import numpy as np
import pytest
from hostile_designs import best_of_many_starts, hostile_design

from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.fit import fit_linear
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.search.search import descend

# Log-likelihoods that differ by less are of the same optimum.
MISSED = 1e-6
SETS = {"simpson": 14, "heavy": 30, "wild": 10}


@pytest.mark.parametrize(
    ("kind", "index"), [(kind, index) for kind, n in SETS.items() for index in range(n)]
)
def test_no_other_start_leads_to_a_better_optimum(kind, index):
    """The reference starts from variances of every size, even or not."""
    design, reml = hostile_design(kind, index, seed=7)
    A = cross_products(design)
    try:
        fit = fit_linear(A, reml=reml)
    except ValueError as error:
        pytest.skip(str(error))
    deviance = reopen(fit)
    here = deviance.evaluate(deviance.theta).value
    with np.errstate(all="ignore"):
        best = best_of_many_starts(deviance, lambda start: descend(deviance, start, {}))
    assert 0.5 * (here - best.value) < MISSED * max(1.0, 1e-4 * abs(here))
