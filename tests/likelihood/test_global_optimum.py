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


# Groups so far apart, or so large beside the rest, that digits are scarce: by seed.
FAR_APART = [
    ("simpson", 21, 45),
    ("simpson", 21, 203),
    ("simpson", 31, 17),
    ("simpson", 31, 657),
    ("simpson", 41, 690),
    ("simpson", 211, 990),
    ("simpson", 221, 286),
    ("wild", 31, 20),
]


def test_fits_of_groups_far_apart_converge():
    """With a decrement that is computed, at the best optimum."""
    for kind, seed, index in FAR_APART:
        design, reml = hostile_design(kind, index, seed=seed)
        fit = fit_linear(cross_products(design), reml=reml)
        assert fit.converged
        assert shortfall(fit) < MISSED


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
    assert shortfall(fit) < MISSED


def shortfall(fit):
    """What the log-likelihood of a fit lacks of the best of many descents."""
    deviance, here = reopen(fit)
    with np.errstate(all="ignore"):
        best = best_of_many_starts(deviance, lambda start: descend(deviance, start, {}))
    return 0.5 * (here.value - best.value)


def test_starts_where_nothing_can_be_computed_are_left():
    """What is left of 18 rows is refused in words, wherever the search began."""
    design, reml = hostile_design("wild", 1289, seed=203)
    with pytest.raises(ValueError, match="reproduce any response of 18 rows"):
        fit_linear(cross_products(design), reml=reml)
