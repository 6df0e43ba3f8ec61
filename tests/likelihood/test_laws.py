"""What must not change when the same model is written in another way."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE, SAME_THETA
from oracle import factors
from random_designs import SHAPES, Design, RandomBlock, random_design

from skmixed.likelihood import cross_products, fit_linear

REML_AND_ML = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
every_shape = pytest.mark.parametrize("index", range(len(SHAPES)), ids=SHAPES)

# Where a covariate x stands in the fixed part and, with an intercept, in a random term.
with_slope = pytest.mark.parametrize(
    "index",
    [i for i, shape in enumerate(SHAPES) if shape.startswith("1x|")],
    ids=[shape for shape in SHAPES if shape.startswith("1x|")],
)


def fit(design, *, reml=True):
    return fit_linear(cross_products(design), reml=reml)


def sizes(result, design):
    """Natural size of every random effect: its sd and what moves y by sigma."""
    return [
        np.hypot(np.sqrt(np.diag(cov)), result.sigma / rms(factor.z))
        for cov, factor in zip(result.covariances, factors(design), strict=True)
    ]


def rms(columns):
    return np.sqrt((columns**2).mean(axis=0))


def assert_same(ours, expected, scale=1.0, tolerance=SAME_THETA):
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=tolerance)


def assert_same_fit(result, expected, design, *, deviance=0.0, unit=1.0):
    """Same optimum, up to known changes of the deviance and of the response's unit."""
    gap = result.deviance - expected.deviance - deviance
    assert abs(gap) < 2 * SAME_DEVIANCE + SAME_ALGEBRA * abs(result.deviance)
    assert_same(result.sigma / unit, expected.sigma, expected.sigma)
    for cov, theirs, sd in zip(
        result.covariances, expected.covariances, sizes(expected, design), strict=True
    ):
        assert_same(cov / unit**2, theirs, np.outer(sd, sd))


def assert_same_coef(result, expected):
    se = np.sqrt(np.diag(expected.coef_cov))
    assert_same(result.coef, expected.coef, se)
    assert_same(result.coef_cov, expected.coef_cov, np.outer(se, se))


def assert_same_modes(modes, expected, scale):
    for ours, theirs, sd in zip(modes, expected, scale, strict=True):
        assert_same(ours, theirs, sd)


def take_rows(design, rows):
    """The same model on some of the rows; codes keep their meaning."""
    return replace(
        design,
        X=np.asfortranarray(design.X[rows]),
        y=design.y[rows],
        offset=None if design.offset is None else design.offset[rows],
        weights=None if design.weights is None else design.weights[rows],
        random=tuple(
            replace(block, z=np.asfortranarray(block.z[rows]), codes=block.codes[rows])
            for block in design.random
        ),
    )


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
    frame = whole.frame
    total = cross_products(take_rows(design, first), frame=frame)
    for rows in others:
        total = total + cross_products(take_rows(design, rows), frame=frame)
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


# --- another covariate or response in the same space ---------------------------------


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


def test_a_diagonal_term_is_its_effects_one_by_one():
    design = random_design(SHAPES.index("1xd|a"))
    (block,) = design.random
    apart = tuple(
        replace(
            block,
            effects=(effect,),
            z=block.z[:, [i]],
            diagonal=False,
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


# --- known answers -------------------------------------------------------------------


def one_way(y, n_groups):
    """A balanced one-way layout."""
    n = len(y)
    ones = np.broadcast_to(1.0, (n, 1))
    codes = np.arange(n) % n_groups
    block = RandomBlock("g", ("1",), ones, codes, n_groups, False, np.ones(1))
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
