"""Sums over groups are what they say, however the rows are gone through."""

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from random_designs import SHAPES, random_design

from skmixed.likelihood import cross_products
from skmixed.likelihood.linalg import group_sums
from skmixed.likelihood.linalg.group_sums import GroupSums, interleave, sort_by_levels
from skmixed.likelihood.products import columns
from skmixed.likelihood.products.columns import DistinctColumns, Moments
from skmixed.likelihood.products.pairs import Meetings
from skmixed.likelihood.products.residual import Independent, Weighted

RNG = np.random.default_rng(5)
CODES = RNG.integers(0, 9, 200), RNG.integers(0, 6, 200)
every_shape = pytest.mark.parametrize("index", range(len(SHAPES)), ids=SHAPES)


@pytest.fixture(params=[True, False], ids=["in place", "public"])
def _kernels(request, monkeypatch):
    if not request.param:
        for name in ("coo_tocsr", "csc_matvec", "csc_matvecs", "csr_tocsc"):
            monkeypatch.setattr(group_sums, name, None)


@pytest.mark.usefixtures("_kernels")
def test_sums_by_group_are_those_of_the_rows():
    rows = RNG.normal(size=(3, 200))
    sums = GroupSums(CODES[0], 10, [(0, 1), (1, 0), (2, 2)])
    for chunk in (slice(0, 104), slice(104, 200)):
        part = interleave(rows[:, chunk])
        sums.add_rows(chunk, part, 2.0 * part)
    expected = np.bincount(CODES[0], 2.0 * rows[0] * rows[1], minlength=10)
    assert len(sums.sums) == 2
    np.testing.assert_allclose(sums.block([1], [0])[0, 0], expected, SAME_ALGEBRA)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_rows_are_ordered_by_both_factors(dtype):
    codes = tuple(own.astype(dtype) for own in CODES)
    indptr, second, order = sort_by_levels(codes, (10, 7))
    np.testing.assert_array_equal(order, np.lexsort(codes[::-1]))
    np.testing.assert_array_equal(second, codes[1][order])
    np.testing.assert_array_equal(np.diff(indptr), np.bincount(codes[0], minlength=10))


@pytest.mark.usefixtures("_kernels")
def test_pairs_that_meet_are_found_once():
    met = Meetings.of(CODES, (10, 7))
    pairs, codes = np.unique(CODES[0] * 7 + CODES[1], return_inverse=True)
    np.testing.assert_array_equal(met.codes, codes)
    np.testing.assert_array_equal(met.indices, pairs % 7)
    starts = np.searchsorted(pairs, 7 * np.arange(11))
    np.testing.assert_array_equal(met.indptr, starts)


@every_shape
def test_chunks_add_up_to_the_whole(index, monkeypatch):
    design = random_design(index)
    whole = cross_products(design)
    monkeypatch.setattr(columns, "CHUNK_ROWS", 24)
    parts = cross_products(design, basis=whole.basis)
    for name in ("ZtZ", "ZtXy"):
        for one, other in zip(getattr(parts, name), getattr(whole, name), strict=True):
            size = np.abs(other).max()
            np.testing.assert_allclose(one, other, SAME_ALGEBRA, SAME_ALGEBRA * size)
    for one, other in zip(parts.pairs, whole.pairs, strict=True):
        size = np.abs(other.data).max()
        np.testing.assert_allclose(
            one.data, other.data, SAME_ALGEBRA, SAME_ALGEBRA * size
        )


def test_columns_that_x_has_are_not_kept_twice():
    X = np.asfortranarray(np.column_stack([np.ones(50), RNG.normal(size=(50, 2))]))
    own = RNG.normal(size=50)
    z = np.broadcast_to(1.0, (50, 1)), np.column_stack([X[:, 2], own]), own[:, None]
    distinct = DistinctColumns.of(X, z)
    assert distinct.places == ([0], [2, 3], [3])
    assert len(distinct.columns) == 4


@pytest.mark.parametrize("weighted", [True, False])
def test_moments_about_a_shift(weighted):
    rows = RNG.normal([[1e3], [0.0], [1.0]], size=(3, 50))
    weights = RNG.uniform(0.5, 2, 50) if weighted else None
    residual = Independent() if weights is None else Weighted(weights)
    moments = Moments.of(list(rows), residual)
    np.testing.assert_allclose(
        moments.mean, np.average(rows, axis=1, weights=weights), SAME_ALGEBRA
    )
    shift = np.array([0.5, 1e3])
    moved = rows[[2, 0]] - shift[:, None]
    heavy = moved if weights is None else moved * weights
    expected = heavy @ moved.T / (50 if weights is None else weights.sum())
    np.testing.assert_allclose(moments.about(shift, [2, 0]), expected, SAME_ALGEBRA)
