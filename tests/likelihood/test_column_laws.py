"""What must not change when columns are moved, scaled, split or repeated."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_DEVIANCE, SAME_THETA
from random_designs import SHAPES, random_design
from same_fit import (
    assert_same,
    assert_same_fit,
    assert_same_modes,
    fit,
    sizes,
    take_rows,
)

REML_AND_ML = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
# Where a covariate x stands in the fixed part and, with an intercept, in a random term.
with_slope = pytest.mark.parametrize(
    "index",
    [i for i, shape in enumerate(SHAPES) if shape.startswith("1x|")],
    ids=[shape for shape in SHAPES if shape.startswith("1x|")],
)


def on_grid(values):
    """Multiples of 2^-20, so that adding 1e8 loses no digit."""
    return np.round(values / values.std() * 2.0**20) / 2.0**20


def slope_design(index):
    """X = [1 x], a random intercept and slope in x, values that can be shifted."""
    design = replace(random_design(index), offset=None)
    x = on_grid(design.random[0].z[:, 1])
    return with_covariate(replace(design, y=on_grid(design.y)), x)


def with_covariate(design, x):
    """Put x in place of the second column of X and of the terms that hold x."""
    X = np.column_stack([np.ones_like(x), x])
    random = []
    for block in design.random:
        z = np.array(block.z)
        z[:, [effect == "x" for effect in block.effects]] = x[:, None]
        random.append(replace(block, z=np.asfortranarray(z)))
    return replace(
        design,
        X=np.asfortranarray(X),
        constant=np.array([1.0, 0.0]),
        random=tuple(random),
    )


@with_slope
@REML_AND_ML
@pytest.mark.parametrize(
    ("shift", "unit"), [(5.0, 3.0), (1e8, 1.0), (-1e8, 1.0), (0, 1e6), (0, -1e-6)]
)
def test_origin_and_unit_of_a_covariate_do_not_matter(index, reml, shift, unit):
    design = slope_design(index)
    moved = with_covariate(design, shift + unit * design.X[:, 1])
    result, expected = fit(moved, reml=reml), fit(design, reml=reml)
    # log|X'V^-1X| knows the unit of X
    owed = 2 * np.log(abs(unit)) if reml else 0
    gap = result.deviance - expected.deviance - owed
    assert abs(gap) < 2 * SAME_DEVIANCE
    assert_same(result.sigma, expected.sigma, expected.sigma)
    slope_se = np.sqrt(expected.coef_cov[1, 1])
    assert_same(result.coef[1] * unit, expected.coef[1], slope_se)
    # modes: a line b0 + b1 (shift + unit x) is the line of the first design
    assert_same(
        result.modes[0][:, 1] * unit,
        expected.modes[0][:, 1],
        sizes(expected, design)[0][1],
    )


@with_slope
@REML_AND_ML
@pytest.mark.parametrize("shift", [10.0, 1e9])
def test_origin_of_the_response_moves_the_intercept_only(index, reml, shift):
    design = slope_design(index)
    result = fit(replace(design, y=design.y + shift), reml=reml)
    expected = fit(design, reml=reml)
    assert_same_fit(result, expected, design)
    se = np.sqrt(np.diag(expected.coef_cov))
    assert_same(result.coef - [shift, 0], expected.coef, se)
    assert_same_modes(result.modes, expected.modes, sizes(expected, design))


@pytest.mark.parametrize("others", ["", "1|s", "1|a:b"])
def test_dummies_and_contrasts_span_the_same_random_effects(others):
    shape = f"fgh|a {others}".strip()
    design = random_design(SHAPES.index("fgh|a"))
    if others:
        like = random_design(SHAPES.index("1|a " + others))
        design = replace(design, random=(design.random[0],))
        rows = min(len(like.y), len(design.y))
        design, like = (take_rows(d, slice(0, rows)) for d in (design, like))
        design = replace(design, random=(design.random[0], like.random[1]))
    basis = np.array([[1.0, 1, 1], [0, 1, 0], [0, 0, 1]]).T
    block = design.random[0]
    contrasts = replace(
        block,
        effects=("1", "g", "h"),
        z=np.asfortranarray(block.z @ basis),
        constant=np.array([1.0, 0, 0]),
    )
    result = fit(replace(design, random=(contrasts, *design.random[1:])))
    expected = fit(design)
    gap = result.deviance - expected.deviance
    assert abs(gap) < 2 * SAME_DEVIANCE, shape
    cov = basis @ result.covariances[0] @ basis.T
    sd = sizes(expected, design)[0]
    assert_same(cov, expected.covariances[0], sd.max() ** 2)


def with_random_columns(design, *columns):
    """A design whose one random term has an intercept and these columns."""
    (block,) = design.random
    z = np.column_stack([np.ones(len(design.y)), *columns])
    constant = np.append(1.0, np.zeros(len(columns)))
    effects = tuple(map(str, range(z.shape[1])))
    block = replace(block, z=np.asfortranarray(z), effects=effects, constant=constant)
    return replace(design, random=(block,))


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_constant_column_beside_a_random_intercept_adds_nothing(value):
    design = random_design(SHAPES.index("1|a"))
    column = np.full(len(design.y), value)
    result = fit(with_random_columns(design, column))
    gap = result.deviance - fit(design).deviance
    assert abs(gap) < 2 * SAME_DEVIANCE


def test_a_random_column_that_others_determine_adds_nothing():
    design = random_design(SHAPES.index("1x|a"))
    x = design.random[0].z[:, 1]
    result = fit(with_random_columns(design, x, 2 * x - 1))
    gap = result.deviance - fit(design).deviance
    assert abs(gap) < 2 * SAME_DEVIANCE


def test_a_diagonal_term_is_its_effects_one_by_one():
    design = random_design(SHAPES.index("1xd|a"))
    (block,) = design.random
    apart = tuple(
        replace(
            block,
            effects=(effect,),
            z=block.z[:, [i]],
            covariance="us",
            constant=np.ones(1) if effect == "1" else None,
        )
        for i, effect in enumerate(block.effects)
    )
    result, expected = fit(replace(design, random=apart)), fit(design)
    assert_same_fit(result, expected, design)
    assert len(result.terms) == 2
    np.testing.assert_allclose(
        np.abs(result.theta), np.abs(expected.theta), rtol=0, atol=SAME_THETA
    )
