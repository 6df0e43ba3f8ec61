"""Listed pairs and dense products of sparse rows are one and the same sum."""

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from scipy import sparse

from skmixed.likelihood.linalg import entry_pairs, scatter
from skmixed.likelihood.linalg.scatter import LevelScatter

RNG = np.random.default_rng(3)


def sparse_rows(n_levels, k, m2):
    """A (n_levels * k, m2) matrix whose k rows of a level share their pattern."""
    pattern = RNG.random((n_levels, m2)) < RNG.uniform(0.05, 0.9, size=(n_levels, 1))
    values = RNG.normal(size=(n_levels, k, m2)) * pattern[:, None]
    indices = [np.flatnonzero(row) for row in pattern for _ in range(k)]
    indptr = np.concatenate([[0], np.cumsum([len(index) for index in indices])])
    rows = values.reshape(n_levels * k, m2)
    data = [row[index] for row, index in zip(rows, indices, strict=True)]
    return sparse.csr_array(
        (np.concatenate(data), np.concatenate(indices), indptr), shape=rows.shape
    )


def symmetric_blocks(k, n_levels):
    blocks = RNG.normal(size=(k, k, n_levels))
    return blocks + blocks.transpose(1, 0, 2)


@pytest.fixture(params=["listed", "dense", "both", "public"])
def way(request, monkeypatch):
    if request.param == "dense":
        monkeypatch.setattr(scatter, "PAIR_BUDGET", 0)
    elif request.param == "both":
        monkeypatch.setattr(scatter, "PAIR_BUDGET", 200)
    else:
        monkeypatch.setattr(scatter, "DENSE_COST", np.inf)
    if request.param == "public":
        monkeypatch.setattr(scatter, "csc_matvec", None)
        monkeypatch.setattr(scatter, "csr_matvec", None)
    monkeypatch.setattr(scatter, "PAIR_CHUNK", 37)
    monkeypatch.setattr(scatter, "DENSE_ROWS", 5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_scatter_subtracts_the_weighted_outer_products(k):
    A = sparse_rows(12, k, 9)
    W = symmetric_blocks(k, 12)
    flat = np.zeros(81)
    LevelScatter(A, k).subtract(W, flat)
    rows = A.toarray().reshape(12, k, 9)
    expected = -np.einsum("gah,abg,gbi->hi", rows, W, rows)
    ours = flat.reshape(9, 9).T
    np.testing.assert_allclose(
        np.tril(ours), np.tril(expected), rtol=0, atol=SAME_ALGEBRA
    )


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_gather_is_the_quadratic_form_of_every_level(k):
    A = sparse_rows(12, k, 9)
    T = symmetric_blocks(9, 1)[:, :, 0]
    halved = np.tril(T)
    halved[np.diag_indices(9)] /= 2
    ours = LevelScatter(A, k).gather(halved.reshape(-1, order="F"))
    rows = A.toarray().reshape(12, k, 9)
    expected = np.einsum("gah,hi,gbi->abg", rows, T, rows)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=SAME_ALGEBRA)


@pytest.mark.parametrize("looked_up", [1, 7, 1 << 15])
@pytest.mark.parametrize("k", [1, 2])
def test_new_values_are_summed_on_the_known_pattern(monkeypatch, k, looked_up):
    monkeypatch.setattr(scatter, "DENSE_COST", np.inf)
    monkeypatch.setattr(entry_pairs, "LOOKED_UP", looked_up)
    A, W, T = sparse_rows(12, k, 9), symmetric_blocks(k, 12), symmetric_blocks(9, 1)
    pattern = LevelScatter(A, k)
    A.data[:] = RNG.normal(size=A.nnz)
    ours, flat, halved = pattern.reweighted(A), np.zeros(81), np.tril(T[:, :, 0])
    ours.subtract(W, flat)
    halved[np.diag_indices(9)] /= 2
    halved = halved.reshape(-1, order="F")
    met, blocks = ours.through(halved)
    met = ours.times_pattern(A, halved) if met is None else met
    rows = A.toarray().reshape(12, k, 9)
    summed = -np.einsum("gah,abg,gbi->hi", rows, W, rows)
    lower = np.tril(flat.reshape(9, 9).T)
    np.testing.assert_allclose(lower, np.tril(summed), rtol=0, atol=SAME_ALGEBRA)
    moved = rows @ T[:, :, 0]
    found = [moved[:, a][rows[:, 0] != 0] for a in range(k)]
    np.testing.assert_allclose(met, found, rtol=0, atol=SAME_ALGEBRA)
    through = np.einsum("gah,gbh->abg", rows, moved)
    np.testing.assert_allclose(blocks, through, rtol=0, atol=SAME_ALGEBRA)


def test_heavy_levels_are_the_ones_with_many_entries(monkeypatch):
    monkeypatch.setattr(scatter, "PAIR_BUDGET", 60)
    light = scatter.light_levels(np.array([10, 2, 9, 3]), 1, 1000)
    assert light.tolist() == [False, True, True, True]
