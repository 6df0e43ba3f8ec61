"""What must not change when the same model is written in another way."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_DEVIANCE
from random_designs import SHAPES, random_design
from same_fit import (
    assert_same,
    assert_same_coef,
    assert_same_fit,
    assert_same_modes,
    fit,
    sizes,
    take_rows,
)

from skmixed.likelihood import cross_products, fit_linear

REML_AND_ML = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
every_shape = pytest.mark.parametrize("index", range(len(SHAPES)), ids=SHAPES)


@every_shape
@REML_AND_ML
def test_the_order_of_rows_does_not_matter(index, reml):
    design = random_design(index)
    shuffled = np.random.default_rng(0).permutation(len(design.y))
    result, expected = (
        fit(take_rows(design, shuffled), reml=reml),
        fit(design, reml=reml),
    )
    assert_same_fit(result, expected, design)
    assert_same_coef(result, expected)
    assert_same_modes(result.modes, expected.modes, sizes(expected, design))


@every_shape
def test_the_names_of_groups_do_not_matter(index):
    design = random_design(index)
    rng = np.random.default_rng(1)
    order = {block.group: rng.permutation(block.n_levels) for block in design.random}
    relabelled = replace(
        design,
        random=tuple(
            replace(block, codes=order[block.group][block.codes])
            for block in design.random
        ),
    )
    result, expected = fit(relabelled), fit(design)
    assert_same_fit(result, expected, design)
    modes = [
        b[order[name]] for b, name in zip(result.modes, result.groups, strict=True)
    ]
    assert_same_modes(modes, expected.modes, sizes(expected, design))


@every_shape
def test_the_order_of_random_terms_does_not_matter(index):
    design = random_design(index)
    result = fit(replace(design, random=design.random[::-1]))
    expected = fit(design)
    gap = result.deviance - expected.deviance
    assert abs(gap) < 2 * SAME_DEVIANCE
    assert_same_coef(result, expected)
    assert set(result.groups) == set(expected.groups)


@every_shape
def test_chunks_of_rows_add_to_the_whole(index):
    design = random_design(index)
    first, *others = np.array_split(np.arange(len(design.y)), 3)
    whole = cross_products(design)
    basis = whole.basis
    total = cross_products(take_rows(design, first), basis=basis)
    for rows in others:
        total = total + cross_products(take_rows(design, rows), basis=basis)
    result, expected = fit_linear(total), fit_linear(whole)
    assert result.n_obs == expected.n_obs
    assert_same_fit(result, expected, design)
    assert_same_coef(result, expected)
    assert_same_modes(result.modes, expected.modes, sizes(expected, design))


@every_shape
def test_a_known_offset_is_subtracted_from_the_response(index):
    design = replace(random_design(index), offset=None)
    offset = np.random.default_rng(2).normal(size=len(design.y))
    result = fit(replace(design, y=design.y + offset, offset=offset))
    assert_same_fit(result, fit(design), design)


@every_shape
@REML_AND_ML
def test_weights_matter_up_to_a_factor_that_sigma_takes(index, reml):
    design = random_design(index)
    weights = np.random.default_rng(3).uniform(0.5, 2, size=len(design.y))
    expected = fit(replace(design, weights=weights), reml=reml)
    result = fit(replace(design, weights=4 * weights), reml=reml)
    assert abs(result.deviance - expected.deviance) < 2 * SAME_DEVIANCE
    assert_same(result.sigma, 2 * expected.sigma, expected.sigma)
    assert_same_coef(result, expected)
    assert_same_modes(result.modes, expected.modes, sizes(expected, design))


@every_shape
def test_weights_of_one_are_no_weights(index):
    design = replace(random_design(index), weights=None)
    weighted = replace(design, weights=np.ones(len(design.y)))
    assert_same_fit(fit(weighted), fit(design), design)


@every_shape
@REML_AND_ML
@pytest.mark.parametrize("unit", [1e8, 1e-8, -3.0])
def test_the_unit_of_the_response_does_not_matter(index, reml, unit):
    design = replace(random_design(index), offset=None)
    result = fit(replace(design, y=unit * design.y), reml=reml)
    expected = fit(design, reml=reml)
    freedom = len(design.y) - (design.X.shape[1] if reml else 0)
    shift = 2 * freedom * np.log(abs(unit))
    assert_same_fit(result, expected, design, deviance=shift, unit=abs(unit))
    se = np.sqrt(np.diag(expected.coef_cov))
    assert_same(result.coef / unit, expected.coef, se)
    modes = [b / unit for b in result.modes]
    assert_same_modes(modes, expected.modes, sizes(expected, design))


@every_shape
def test_two_copies_with_groups_of_their_own_double_the_deviance(index):
    design = random_design(index)
    rows = np.tile(np.arange(len(design.y)), 2)
    copy = np.repeat([0, 1], len(design.y))
    doubled = take_rows(design, rows)
    doubled = replace(
        doubled,
        random=tuple(
            replace(
                block,
                codes=block.codes + block.n_levels * copy,
                n_levels=2 * block.n_levels,
            )
            for block in doubled.random
        ),
    )
    expected = fit(design, reml=False)
    result = fit(doubled, reml=False)
    assert_same_fit(result, expected, design, deviance=expected.deviance)
    for twice, once, sd in zip(
        result.modes, expected.modes, sizes(expected, design), strict=True
    ):
        assert_same(twice, np.tile(once, (2, 1)), sd)


@every_shape
def test_an_aliased_column_changes_nothing_but_is_dropped(index):
    design = random_design(index)
    n_fixed = design.X.shape[1]
    if n_fixed == 0:
        pytest.skip("nothing to repeat")
    twice = np.column_stack([design.X, design.X.sum(axis=1)])
    constant = None if design.constant is None else np.append(design.constant, 0.0)
    expected = fit(design)
    result = fit(replace(design, X=np.asfortranarray(twice), constant=constant))
    assert result.kept.tolist() == [True] * n_fixed + [False]
    assert_same_fit(result, expected, design)
    assert_same_coef(result, expected)
