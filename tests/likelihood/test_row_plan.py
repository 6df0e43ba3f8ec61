"""One layout of the rows serves every response, metric and basis."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from random_designs import SHAPES, random_design

from skmixed.likelihood import cross_products
from skmixed.likelihood.products.plan import RowPlan
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.products.residual import Independent, Weighted

every_shape = pytest.mark.parametrize("index", range(len(SHAPES)), ids=SHAPES)
METRICS = {
    "independent": lambda n: Independent(),
    "weighted": lambda n: Weighted(np.random.default_rng(1).uniform(0.5, 2, n)),
}


def assert_same_products(found, expected):
    blocks = [(found.gram, expected.gram)]
    blocks += zip(found.ZtZ, expected.ZtZ, strict=True)
    blocks += zip(found.ZtXy, expected.ZtXy, strict=True)
    pairs = zip(found.pairs, expected.pairs, strict=True)
    blocks += [(one.data, other.data) for one, other in pairs]
    for one, other in blocks:
        size = np.abs(other).max()
        np.testing.assert_allclose(one, other, SAME_ALGEBRA, SAME_ALGEBRA * size)
    assert found.sum_log_weights == expected.sum_log_weights


@every_shape
def test_a_plan_serves_metrics_and_responses_in_turn(index):
    design = replace(random_design(index), offset=None)
    plan, rng = RowPlan.of(design), np.random.default_rng(0)
    for _ in range(3):
        w, y = rng.uniform(0.1, 3, len(design.y)), rng.normal(size=len(design.y))
        expected = cross_products(replace(design, weights=w, y=y))
        found = plan.products(Weighted(w), y)
        assert_same_products(found, expected)


@every_shape
def test_sums_in_a_mixed_basis_are_those_brought_to_it(index):
    design = random_design(index)
    expected = scale_free(cross_products(design))
    assert_same_products(cross_products(design, expected.basis), expected)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_keeps_its_contract(metric):
    n = 50
    residual, rng = METRICS[metric](n), np.random.default_rng(0)
    columns = rng.normal(size=(3, n))
    W = residual.times(np.eye(n))
    np.testing.assert_allclose(residual.times(columns), columns @ W, SAME_ALGEBRA)
    np.testing.assert_allclose(
        residual.root(residual.root(columns)), columns @ W, SAME_ALGEBRA
    )
    np.testing.assert_allclose(
        residual.unroot(residual.root(columns)), columns, SAME_ALGEBRA
    )
    assert residual.logdet == pytest.approx(np.linalg.slogdet(W)[1], rel=SAME_ALGEBRA)
    total, means = residual.means(list(columns))
    assert total == pytest.approx(W.sum())
    np.testing.assert_allclose(means, columns @ W.sum(axis=0) / total, SAME_ALGEBRA)
    rows = slice(10, 30)
    np.testing.assert_allclose(
        residual.times(columns[:, rows], rows), (columns @ W)[:, rows], SAME_ALGEBRA
    )
