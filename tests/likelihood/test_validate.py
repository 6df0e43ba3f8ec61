"""What cannot be fitted is refused by name, before or instead of a wrong answer."""

from dataclasses import replace

import numpy as np
import pytest
from random_designs import SHAPES, random_design

from skmixed.likelihood import cross_products, fit_linear
from skmixed.likelihood.elimination import sizes
from skmixed.likelihood.elimination.regime import choose_elimination, suitable_regime
from skmixed.likelihood.elimination.sizes import sizes_of_products, working_bytes

CROSSED = SHAPES.index("1|a 1|s")


def test_a_crossed_fit_that_exceeds_memory_says_what_it_needs(monkeypatch):
    A = cross_products(random_design(CROSSED))
    monkeypatch.setattr("skmixed.likelihood.elimination.regime.DENSE_EFFECTS", 0)
    monkeypatch.setattr(sizes, "available_memory", lambda: 64.0)
    with pytest.raises(ValueError, match=r"needs about .* GB.*`a`.*Leave out"):
        fit_linear(A)


def test_memory_of_a_crossed_fit_grows_with_the_square_of_the_smaller_factor():
    sizes = sizes_of_products(cross_products(random_design(CROSSED)))
    assert working_bytes(sizes, "crossed") >= 8 * min(sizes.n_random) ** 2


@pytest.mark.parametrize("place", range(len(SHAPES)), ids=SHAPES)
def test_a_regime_is_chosen_by_sizes_alone(place, monkeypatch):
    monkeypatch.setattr("skmixed.likelihood.elimination.regime.DENSE_EFFECTS", 0)
    A = cross_products(random_design(place))
    sizes = sizes_of_products(A)
    nested = all(pair.nested for pair in A.pairs)
    alone = "batched" if len(A.factors) == 1 else "nested"
    expected = alone if nested else "crossed"
    assert sizes.nested == nested
    assert suitable_regime(sizes) == choose_elimination(A).name == expected


def test_a_response_constant_within_groups_is_refused():
    design = random_design(SHAPES.index("1|a"))
    y = np.linspace(0, 1, design.random[0].n_levels)[design.random[0].codes]
    design = replace(design, y=y, X=np.ones((len(y), 1)), constant=np.ones(1))
    with pytest.raises(ValueError, match="constant within groups"):
        fit_linear(cross_products(design))


def test_cross_products_tell_their_blocks():
    text = str(cross_products(random_design(SHAPES.index("1|a 1|a:b"))))
    assert "nested in a" in text
    assert "block diagonal" in text
