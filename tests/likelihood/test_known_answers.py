"""Designs whose answer is known in closed form."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from random_designs import SHAPES, Design, RandomBlock, random_design
from same_fit import assert_same, fit, sizes

every_shape = pytest.mark.parametrize("index", range(len(SHAPES)), ids=SHAPES)


def one_way(y, n_groups):
    """A balanced one-way layout."""
    n = len(y)
    ones = np.broadcast_to(1.0, (n, 1))
    codes = np.arange(n) % n_groups
    block = RandomBlock("g", ("1",), ones, codes, n_groups, constant=np.ones(1))
    return Design(np.ones((n, 1)), y, (block,), constant=np.ones(1))


def test_balanced_one_way_reml_is_the_analysis_of_variance():
    rng = np.random.default_rng(4)
    groups, size = 8, 5
    y = np.tile(2 * rng.normal(size=groups), size) + rng.normal(size=groups * size)
    table = y.reshape(size, groups)
    within = table.var(axis=0, ddof=1).mean()
    between = size * table.mean(axis=0).var(ddof=1)
    result = fit(one_way(y, groups))
    assert_same(result.sigma**2, within, within)
    assert_same(result.covariances[0].item(), (between - within) / size, within)
    shrunk = (1 - within / between) * (table.mean(axis=0) - y.mean())
    assert_same(result.modes[0][:, 0], shrunk, np.sqrt(within))


def test_groups_more_alike_than_chance_give_least_squares():
    y = np.tile([-1.0, 0.5, 2.0, 0.0, 1.5], 8).reshape(5, 8, order="F").ravel()
    y = y + np.linspace(0, 1e-3, len(y))
    result = fit(one_way(y, 8))
    assert result.singular
    assert result.singular_terms == ((0, (0,)),)
    assert result.covariances[0].item() < SAME_ALGEBRA
    assert_same(result.sigma, y.std(ddof=1), result.sigma, SAME_ALGEBRA)
    assert_same(result.coef, y.mean(), 1.0, SAME_ALGEBRA)
    assert_same(result.modes[0], 0, 1.0, SAME_ALGEBRA)


@every_shape
def test_modes_sum_to_zero_where_the_effect_is_fixed_too(index):
    design = random_design(index)
    block = design.random[0]
    columns = np.array(block.z)
    result = fit(replace(design, X=np.asfortranarray(columns), constant=block.constant))
    n_effects = columns.shape[1]
    total = result.modes[0][:, :n_effects].sum(axis=0)
    assert_same(total / sizes(result, design)[0][:n_effects], 0)
