"""Every regime of elimination is a value: any question, in any order, twice.

Against dense algebra in the random effects, where ``Z'V^-1 Z = K - K W K`` with
``K = Z'Z`` and ``W = Lambda (I + Lambda'K Lambda)^-1 Lambda'``.
"""

import itertools
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from random_designs import SHAPES, random_design, regimes
from scipy.linalg import block_diag

from skmixed.likelihood import cross_products
from skmixed.likelihood.elimination import sparse, sparse_plan
from skmixed.likelihood.elimination.regime import (
    REWEIGHTED,
    choose_elimination,
    choose_reweighted,
)
from skmixed.likelihood.linalg.grouped import levels_major
from skmixed.likelihood.products.plan import RowPlan
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.products.residual import Independent, Weighted

every_regime = pytest.mark.parametrize(
    ("index", "regime"),
    [
        pytest.param(index, regime, id=f"{shape}-{regime}")
        for index, shape in enumerate(SHAPES)
        for regime in regimes(shape)
    ],
)


class DenseAlgebra:
    """What a factorisation answers, from matrices of all N random effects."""

    def __init__(self, A, Lambdas):
        self.A = A
        self.shapes = [(f.n_levels, f.n_effects) for f in A.factors]
        ends = np.cumsum([0, *(G * k for G, k in self.shapes)])
        self.spans = [slice(*both) for both in itertools.pairwise(ends)]
        K = self.K = self.gram_of_effects(ends[-1])
        self.C = np.concatenate([levels_major(block) for block in A.ZtXy])
        L = block_diag(
            *(
                np.kron(np.eye(G), Lambda)
                for (G, _), Lambda in zip(self.shapes, Lambdas, strict=True)
            )
        )
        M = np.eye(len(L)) + L.T @ K @ L
        W = self.W = L @ np.linalg.solve(M, L.T)
        self.Psi = L @ L.T
        self.PZ = K - K @ W @ K
        self.answers = {
            "logdet_V": np.linalg.slogdet(M)[1],
            "S": A.gram - self.C.T @ W @ self.C,
            "F": self.cut(self.C - K @ W @ self.C),
            "P": [
                np.stack([self.block(self.PZ, j, j, g, g) for g in range(G)], axis=-1)
                for j, (G, _) in enumerate(self.shapes)
            ],
            "C": [
                np.stack([self.block(W, j, j, g, g) for g in range(G)], axis=-1)
                for j, (G, _) in enumerate(self.shapes)
            ],
        }
        self.K, self.L, self.M = K, L, M

    def gram_of_effects(self, size):
        K = np.zeros((size, size))
        for j, block in enumerate(self.A.ZtZ):
            for g in range(block.shape[2]):
                self.block(K, j, j, g, g)[:] = block[:, :, g]
        for pair in self.A.pairs:
            i, j = pair.first, pair.second
            for g, h, data in zip(pair.rows, pair.indices, pair.data, strict=True):
                self.block(K, i, j, g, h)[:] = data
                self.block(K, j, i, h, g)[:] = data.T
        return K

    def block(self, matrix, i, j, g, h):
        """View of level g of factor i by level h of factor j."""
        (_, k_i), (_, k_j) = self.shapes[i], self.shapes[j]
        rows, columns = self.spans[i].start + g * k_i, self.spans[j].start + h * k_j
        return matrix[rows : rows + k_i, columns : columns + k_j]

    def cut(self, matrix):
        return [
            matrix[span].reshape(G, k, -1).transpose(1, 2, 0)
            for span, (G, k) in zip(self.spans, self.shapes, strict=True)
        ]

    def apply(self, U):
        return self.cut(self.PZ @ np.concatenate([levels_major(block) for block in U]))

    def times(self, U):
        return self.cut(self.K @ np.concatenate([levels_major(block) for block in U]))

    def reduce(self, U):
        C = np.concatenate([levels_major(block) for block in U])
        return self.cut(C - self.K @ (self.W @ C))

    def newton(self, g):
        right = np.concatenate([levels_major(block[:, None]) for block in g])
        return [block[:, 0] for block in self.cut(np.linalg.solve(self.M, right))]

    def between(self, j, h, levels_j, levels_h):
        covariance = self.Psi - self.Psi @ self.PZ @ self.Psi
        pairs = zip(levels_j, levels_h, strict=True)
        return np.stack([self.block(covariance, j, h, *pair) for pair in pairs], -1)

    def kronecker_sum(self, loadings):
        """Sums of P_gh (x) u_g u_h' over pairs of levels, by pairs of factors."""
        U = np.concatenate([levels_major(block) for block in loadings])
        return self.sums(U @ U.T)

    @cached_property
    def squares(self):
        return self.sums(self.PZ)

    def sums(self, Q):
        found = {}
        for j, h in itertools.product(range(len(self.shapes)), repeat=2):
            shape = (*self.shapes[j], *self.shapes[h])
            P = self.PZ[self.spans[j], self.spans[h]].reshape(shape)
            own = Q[self.spans[j], self.spans[h]].reshape(shape)
            found[j, h] = np.einsum("gahb,gchd->abcd", P, own)
        return found


def levels_to_ask(A, j, h, rng):
    """Pairs of levels that meet, and others that do not."""
    n = 12
    return tuple(rng.integers(A.factors[i].n_levels, size=n) for i in (j, h))


# Asked of the regimes that serve weights which change.
OF_CHANGING_WEIGHTS = ("C", "times", "reduce", "newton")


def questions(A, dense, rng):
    """Name, question and expected answer of all that a factorisation can be asked."""
    U = [rng.normal(size=(f.n_effects, 2, f.n_levels)) for f in A.factors]
    f = [rng.normal(size=(factor.n_effects, factor.n_levels)) for factor in A.factors]
    asked = [
        (name, lambda factored, name=name: getattr(factored, name), expected)
        for name, expected in dense.answers.items()
    ]
    for name, given in (("apply", U), ("times", U), ("reduce", U), ("newton", f)):
        asked.append(
            (
                name,
                lambda factored, name=name, given=given: getattr(factored, name)(given),
                getattr(dense, name)(given),
            )
        )
    for j, h in itertools.permutations(range(len(A.factors)), 2):
        levels = levels_to_ask(A, j, h, rng)
        asked.append(
            (
                "between",
                lambda factored, place=(j, h, *levels): factored.between(*place),
                dense.between(j, h, *levels),
            )
        )
    PP = dense.squares
    Pff = dense.kronecker_sum([block[:, None] for block in f])
    PUU = dense.kronecker_sum(U)
    asked.append(
        (
            "kronecker_sums",
            lambda factored: factored.kronecker_sums(f, U),
            (PP, Pff, PUU),
        )
    )
    return asked


def assert_same(found, expected, scale=None):
    """Compare numbers, arrays, and lists or dicts of them, None where not given."""
    if found is None:
        return
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found = [found[key] for key in expected]
        expected = list(expected.values())
    if isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
        return
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=SAME_ALGEBRA)


@every_regime
@pytest.mark.parametrize("thin", [False, True], ids=["regular", "thin"])
def test_any_question_in_any_order_twice(index, regime, thin):
    A = cross_products(random_design(index))
    elimination = choose_elimination(A, regime)
    rng = np.random.default_rng(index)
    Lambdas = [
        factor.structure.root(rng.normal(size=factor.structure.n_theta))
        for factor in A.factors
    ]
    if thin:  # a variance of zero in every factor
        for Lambda in Lambdas:
            Lambda[-1] = 0.0
    dense = DenseAlgebra(A, Lambdas)
    asked = questions(A, dense, rng)
    if regime not in [known.name for known in REWEIGHTED]:
        asked = [one for one in asked if one[0] not in OF_CHANGING_WEIGHTS]
    for _ in range(3):
        factored = elimination.factor(Lambdas)
        order = [*rng.permutation(len(asked)), *rng.permutation(len(asked))]
        for place in order:
            name, ask, expected = asked[place]
            try:
                assert_same(ask(factored), expected)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from error


# Limits by which a small design's effects go through every kind of wave.
WAVES = {
    "waves to the last": {"SMALL": 0, "FULL": 2.0, "PAIR_FLOPS": 0.0},
    "dense rows": {"LISTED": 0},
}


@pytest.mark.parametrize("limits", WAVES.values(), ids=WAVES)
@pytest.mark.parametrize(
    "index", [place for place, shape in enumerate(SHAPES) if "sparse" in regimes(shape)]
)
def test_waves_of_every_kind(index, limits, monkeypatch):
    for name, limit in limits.items():
        monkeypatch.setattr(sparse_plan, name, limit)
    A = cross_products(random_design(index))
    rng = np.random.default_rng(index)
    Lambdas = [
        factor.structure.root(rng.normal(size=factor.structure.n_theta))
        for factor in A.factors
    ]
    factored = choose_elimination(A, "sparse").factor(Lambdas)
    for name, ask, expected in questions(A, DenseAlgebra(A, Lambdas), rng):
        try:
            assert_same(ask(factored), expected)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_a_sparse_plan_is_made_once_for_the_same_levels():
    index = next(k for k, shape in enumerate(SHAPES) if "sparse" in regimes(shape))
    A = cross_products(random_design(index))
    plan = choose_elimination(A, "sparse").plan
    assert choose_elimination(scale_free(A), "sparse").plan is plan
    again = cross_products(random_design(index))
    assert choose_elimination(again, "sparse").plan is not plan
    assert sparse.LATEST.get(A) is None
    assert sparse.LATEST.get(again) is not None
    del again
    assert sparse.LATEST.plan is None


@every_regime
def test_weights_of_any_sign(index, regime):
    """Observed weights may be negative in some rows: M alone must be positive."""
    name = regime
    if name not in [known.name for known in REWEIGHTED]:
        return
    design = random_design(index)
    rng = np.random.default_rng(index)
    plan = RowPlan.of(design)
    w = rng.uniform(-0.2, 1.0, len(design.y))
    plain = plan.products(Independent(), design.y)
    A = plan.products(Weighted(1.0 + w), design.y, plain.basis) + negative(plain)
    Lambdas = [0.3 * np.eye(factor.n_effects) for factor in A.factors]
    dense = DenseAlgebra(A, Lambdas)
    assert np.linalg.eigvalsh(dense.M)[0] > 0
    factored = choose_reweighted(plain, name).reweighted(A).factor(Lambdas)
    for what, ask, expected in questions(A, dense, rng):
        try:
            assert_same(ask(factored), expected)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
    for pair, block in zip(A.pairs, factored.meetings(A.pairs), strict=True):
        ends = pair.first, pair.second, pair.rows, pair.indices
        assert_same(block, dense.between(*ends))


def negative(A):
    """Cross-products times -1."""
    return replace(
        A,
        gram=-A.gram,
        ZtZ=tuple(-block for block in A.ZtZ),
        ZtXy=tuple(-block for block in A.ZtXy),
        pairs=tuple(replace(pair, data=-pair.data) for pair in A.pairs),
    )


@every_regime
def test_factorisations_do_not_disturb_each_other(index, regime):
    """One is held while others are made, of the same columns and of other ones."""
    A = cross_products(random_design(index))
    elimination = choose_elimination(A, regime)
    Lambdas = [np.eye(factor.n_effects) for factor in A.factors]
    doubled = [2.0 * Lambda for Lambda in Lambdas]
    first = elimination.factor(Lambdas)
    elimination.factor(doubled)  # dropped at once: what it worked in is used again
    second = elimination.with_columns(A).factor(doubled)
    third = elimination.factor(doubled)
    for factored, at in ((first, Lambdas), (second, doubled), (third, doubled)):
        expected = DenseAlgebra(A, at).answers
        for name in ("P", "F", "S", "logdet_V"):
            assert_same(getattr(factored, name), expected[name])
