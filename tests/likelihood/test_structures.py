"""Every covariance structure of the table: derivatives, inverses, definiteness.

A new structure is tested by standing in the table.
"""

import pickle
import re

import numpy as np
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE

from skmixed.likelihood.covariance.names import (
    ALIASES,
    SHAPES,
    canonical_name,
    structure_of,
)
from skmixed.likelihood.covariance.side_by_side import SideBySide

EFFECTS = ["f[a]", "f[b]", "f[c]", "f[d]"]
SPELLINGS = {
    (name, options)
    for name in [*SHAPES, *ALIASES]
    for options in [canonical_name(name)[1]]
    for name in [canonical_name(name)[0]]
}
STRUCTURES = {
    f"{name}{dict(options)}{k}": structure_of(name, options, EFFECTS[:k], "g")
    for name, options in sorted(SPELLINGS)
    for k in (2, 3, 4)
}
STRUCTURES["beside"] = SideBySide(
    (
        structure_of("us", (), EFFECTS[:2], "g"),
        structure_of("ar1", (), EFFECTS[:3], "g"),
        structure_of("diag", (), EFFECTS[:2], "g"),
    )
)
each = pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())


def some_theta(structure, seed=0):
    return np.random.default_rng(seed).normal(size=structure.n_theta)


def some_symmetric(structure, seed=1):
    k = structure.n_effects
    G = np.random.default_rng(seed).normal(size=(k, k))
    return G + G.T


def psi(structure, theta):
    root = structure.root(theta)
    return root @ root.T


def slope(function, theta):
    """Central differences of fourth order, the parameter first."""
    step, found = 1e-3, []
    for e in step * np.eye(len(theta)):
        near = function(theta + e) - function(theta - e)
        far = function(theta + 2 * e) - function(theta - 2 * e)
        found.append((8 * near - far) / (12 * step))
    return np.array(found)


def assert_close(ours, expected, tolerance):
    scale = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=tolerance)


@each
def test_root_is_lower_triangular_and_its_square_positive_definite(structure):
    for seed in range(5):
        theta = 3 * some_theta(structure, seed)
        root = structure.root(theta)
        assert not np.triu(root, 1).any()
        assert np.linalg.eigvalsh(root @ root.T)[0] > 0


@each
def test_directions_are_the_slopes_of_psi(structure):
    theta = some_theta(structure)
    expected = slope(lambda at: psi(structure, at), theta)
    assert_close(structure.directions(theta), expected, SAME_DENSE)


@each
def test_gradient_is_the_directions_in_a_matrix(structure):
    theta, G = some_theta(structure), some_symmetric(structure)
    expected = np.einsum("mab,ab->m", structure.directions(theta), G)
    assert_close(structure.gradient(theta, G), expected, SAME_ALGEBRA)


@each
def test_bend_is_the_slope_of_the_gradient(structure):
    theta, G = some_theta(structure), some_symmetric(structure)
    expected = slope(lambda at: structure.gradient(at, G), theta)
    bend = structure.bend(theta, G)
    assert_close(bend, expected, SAME_DENSE)
    assert_close(bend, bend.T, SAME_ALGEBRA)


@each
def test_nearest_and_read_invert_the_root(structure):
    for seed in range(5):
        Psi = psi(structure, some_theta(structure, seed))
        assert_close(psi(structure, structure.nearest(Psi)), Psi, SAME_DENSE)
        root = structure.root(structure.nearest(Psi))
        assert_close(psi(structure, structure.read(root)), Psi, SAME_DENSE)


@each
def test_nearest_takes_any_symmetric_matrix(structure):
    k = structure.n_effects
    some = some_symmetric(structure)
    for Psi in (some, -np.eye(k), np.zeros((k, k)), np.ones((k, k)), np.diag(some[0])):
        for floor in (0.0, 1e-3):
            found = psi(structure, structure.nearest(Psi, floor))
            assert np.isfinite(found).all()
            assert np.diag(found).min() >= floor * (1 - SAME_DENSE)


@each
def test_tangent_spans_the_directions(structure):
    theta = some_theta(structure)
    flat = structure.tangent(theta).reshape(-1, structure.n_effects**2).T
    expected = structure.directions(theta).reshape(-1, structure.n_effects**2).T
    found = flat @ np.linalg.lstsq(flat, expected, rcond=None)[0]
    assert_close(found, expected, SAME_DENSE)


@each
def test_a_scale_at_its_boundary_is_stationary(structure):
    theta, G = some_theta(structure), some_symmetric(structure)
    places = [place for place, _ in structure.scales]
    if structure.free_blocks:  # entries beside the diagonal keep a variance alive
        theta[:] = 0.0
    theta[places] = [-np.inf if is_log else 0.0 for _, is_log in structure.scales]
    assert not structure.gradient(theta, G)[places].any()
    assert not structure.inside(np.nan_to_num(theta, neginf=-50), 1e-4)[places].any()


@each
def test_short_directions_are_snapped_to_zero_and_long_ones_kept(structure):
    theta = some_theta(structure)
    Psi = psi(structure, theta)
    assert_close(psi(structure, structure.snap(theta, 1e-12)), Psi, SAME_DENSE)
    assert structure.inside(theta, 1e-12).all()
    short = structure.nearest(1e-12 * Psi)
    assert not psi(structure, structure.snap(short, 1e-3)).any()


@pytest.mark.parametrize(
    "structure", [s for k, s in STRUCTURES.items() if k != "beside"]
)
def test_parameters_are_named_once_and_those_that_are_held_move_alone(structure):
    names = EFFECTS[: structure.n_effects]
    described = structure.parameters(names)
    assert len({p.name for p in described}) == len(described) == structure.n_theta
    theta = some_theta(structure)

    def value(at, parameter):
        Psi = psi(structure, at)
        i, j = parameter.effects[0], parameter.effects[-1]
        if parameter.kind == "sd":
            return np.sqrt(Psi[i, i])
        return Psi[i, j] / np.sqrt(Psi[i, i] * Psi[j, j])

    for parameter in described:
        slopes = slope(lambda at, p=parameter: value(at, p), theta)
        if parameter.place is not None:
            moved = np.flatnonzero(np.abs(slopes) > SAME_DENSE)
            assert moved.tolist() == [parameter.place]


@each
def test_a_pickle_holds_the_fields_alone(structure):
    assert len(structure.units)
    again = pickle.loads(pickle.dumps(structure))
    assert again == structure
    assert "units" not in vars(again)


@pytest.mark.parametrize("name", [*SHAPES, *ALIASES])
def test_canonical_names_are_their_own(name):
    canonical = canonical_name(name)
    assert canonical_name(*canonical) == canonical
    assert structure_of(*canonical, EFFECTS, "g") == structure_of(
        name, (), EFFECTS, "g"
    )


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("arma", (), "`arma(... | group)` is not known; there are: us, diag, cs"),
        ("us", (("hom", True),), "`us()` has no option `hom`"),
        ("homcs", (("hom", True),), "`homcs()` has no option `hom`"),
        ("cs", (("het", True),), "`cs()` has no option `het`; it has: hom"),
        ("cs", (("hom", 1),), "`cs(hom=...)` should be True or False"),
    ],
)
def test_what_is_unknown_is_refused_with_what_there_is(name, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        canonical_name(name, options)


@pytest.mark.parametrize("name", ["ar1", "toep", "hetar1"])
def test_structures_in_order_refuse_an_intercept_and_a_single_effect(name):
    with pytest.raises(ValueError, match="intercept has no place"):
        structure_of(name, (), ["Intercept", "f[b]"], "g")
    with pytest.raises(ValueError, match=r"factor\(week\)"):
        structure_of(name, (), ["week"], "g")
