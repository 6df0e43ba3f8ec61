"""Elimination of very large crossed factors, by iterative solves and random probes."""

import copy
from functools import cached_property

import numpy as np
from scipy import sparse

from skmixed.likelihood.elimination.coupling import Coupling
from skmixed.likelihood.elimination.factored import Regime
from skmixed.likelihood.elimination.sizes import Bid, block_bytes, block_flops
from skmixed.likelihood.elimination.stochastic_factored import StochasticFactored
from skmixed.likelihood.linalg.grouped import (
    groups_last,
    levels_major,
    multiply,
    relative_root,
)
from skmixed.likelihood.linalg.probes import FIRST, Probes

# Directions that are treated exactly, and the levels of a factor that all are.
DEFLATED, FEW_LEVELS = 8, 64
# Variance ratio at which those directions are found, and steps of a subspace.
REFERENCE, SUBSPACE_STEPS = 0.1, 3
# Relative residuals of solves for [X y], in double precision, and for directions, in
# single precision: what probes leave to chance is larger than both.
SOLVE_TOL, PROBE_TOL = 1e-8, 1e-4
# Designs with fewer numbers in all directions are worked on in double precision.
SMALL, SMALL_TOL = 10_000, 1e-11
# Conjugate gradient steps that a design takes: a guess before it is seen.
STEPS = 12
# Multiplications, as products of matrices do them, of an entry of a sparse matrix times
# a row of directions, per column.
ENTRY_COST = 12.0


class StochasticElimination(Regime):
    """Random effects of crossed factors integrated out by conjugate gradients.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        With two factors or more, and with ``probes``.

    Notes
    -----
    With M = I + Lambda'Z'WZ Lambda and A as in :class:`Coupling`,

        log|V| = sum_g log|I + Lambda'Z_g'WZ_g Lambda| + log|A|,
        P_gg = own_g - T_g'(M^-1 - I)_gg T_g,

    where log|A| and the blocks of M^-1 are estimated as in :class:`Probed`, everything
    else is solved for. The directions without chance are the leading ones of A at a
    reference variance: all of a small factor, whose few large eigenvalues would cost
    the probes most, and a few more. They do not depend on theta, and the probes neither
    (common random numbers), so that the deviance is a smooth function of theta.
    """

    name = "stochastic"
    exact = False
    estimates = True

    @classmethod
    def bid(cls, sizes, count=FIRST):
        """Bid for factors that cross.

        Parameters
        ----------
        sizes : DesignSizes
        count : int, default=32
            Of the probes.
        """
        if len(sizes.groups) < 2 or sizes.nested:
            return None
        leading = int(np.argmax(sizes.n_random))
        few = [
            size
            for j, size in enumerate(sizes.n_random)
            if j != leading and sizes.n_levels[j] <= FEW_LEVELS
        ]
        columns = DEFLATED + sum(few) + count
        k = sizes.n_effects
        entries = sum(
            float(n.sum()) * k[i] * k[j] for (i, j), n in sizes.meetings.items()
        )
        work = STEPS * ENTRY_COST * entries * (columns + 2 * sizes.n_columns)
        size = sum(sizes.n_random)
        memory = int(8 * entries + (40 * columns + 64 * sizes.n_columns) * size)
        return Bid(block_flops(sizes) + work, block_bytes(sizes) + memory)

    def set_up(self, A):
        """Take the random effects' cross-products, and draw the probes."""
        sizes = [factor.size for factor in A.factors]
        self.order = sorted(range(len(sizes)), key=lambda j: -sizes[j])
        self.ZtZ, self.factors = A.ZtZ, A.factors
        self.probes = A.probes or Probes()
        self.take_products(A)
        self.choose_directions()

    def take_products(self, A):
        """Take Z'WZ of every two factors, in double precision and in single."""
        self.cross, self.cross32 = {}, {}
        place = {j: a for a, j in enumerate(self.order)}
        for pair in A.pairs:
            ends = place[pair.first], place[pair.second]
            matrix = pair.to_csr()
            for key, one in ((ends, matrix), (ends[::-1], matrix.T.tocsr())):
                self.cross[key], self.cross32[key] = in_both_precisions(one)

    def choose_directions(self):
        """Choose how many directions are exact, and in which precision they are."""
        rest = [self.factors[j] for j in self.order[1:]]
        size = sum(factor.size for factor in rest)
        few = sum(factor.size for factor in rest if factor.n_levels <= FEW_LEVELS)
        self.n_exact = min(DEFLATED + few, size)
        columns = self.n_exact + self.probes.count * (self.n_exact < size)
        self.double = size * columns <= SMALL
        self.dtype = np.dtype(np.float64 if self.double else np.float32)
        self.probe_tol = SMALL_TOL if self.double else PROBE_TOL
        self.solve_tol = SMALL_TOL if self.double else SOLVE_TOL

    @cached_property
    def directions(self):
        """Those that are exact, and the probes projected off them."""
        rest = [self.factors[j] for j in self.order[1:]]
        size = sum(factor.size for factor in rest)
        if self.n_exact == size:
            return np.eye(size)
        signs = np.concatenate(
            [self.probes.signs(f.group, f.n_levels, f.n_effects) for f in rest]
        ).astype(self.dtype)
        Q = self.leading_directions(size)
        signs -= Q @ (Q.T @ signs)
        return np.hstack([Q, signs])

    def leading_directions(self, size):
        """Orthonormal directions of the smallest eigenvalues of A, roughly: (n, q)."""
        lambdas = [np.sqrt(REFERENCE) * np.eye(len(block)) for block in self.ZtZ]
        roots = [relative_root(self.ZtZ[j], lambdas[j])[0] for j in self.order]
        coupling = self.narrow(self.coupling(roots))
        rng = np.random.default_rng(self.probes.seed)
        Q = rng.standard_normal((size, self.n_exact)).astype(self.dtype)
        for _ in range(SUBSPACE_STEPS):
            Q = np.linalg.qr(Q)[0]
            Q -= coupling.times(Q)
        return np.linalg.qr(Q.astype(float))[0].astype(self.dtype)

    def coupling(self, roots):
        """M at some relative roots, in double precision."""
        return Coupling(self.cross, roots)

    def narrow(self, coupling):
        """The same in the precision of the directions."""
        if self.double:
            return coupling
        roots = [N.astype(np.float32) for N in coupling.N]
        return Coupling(self.cross32, roots)

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram = A.gram
        self.C = [levels_major(A.ZtXy[j]) for j in self.order]

    def reweighted(self, A):
        """Give the elimination of the same rows with other weights."""
        other = copy.copy(self)
        other.directions = self.directions  # the same whatever the weights
        other.ZtZ = A.ZtZ
        other.take_products(A)
        other.take_columns(A)
        return other

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        return StochasticFactored(self, Lambdas)

    def spread(self, blocks):
        """Z'WZ times arrays (G_a k_a, c), lists by place, in their precision."""
        single = blocks[0].dtype == np.float32
        found, cross = [], self.cross32 if single else self.cross
        for a, own in enumerate(blocks):
            ZtZ = self.ZtZ[self.order[a]].astype(own.dtype, copy=False)
            k, _, G = ZtZ.shape
            total = levels_major(multiply(ZtZ, groups_last(own, (k, own.shape[1], G))))
            for b, other in enumerate(blocks):
                if b != a:
                    total = total + cross[a, b] @ other
            found.append(total)
        return found

    def by_factor(self, blocks):
        """Arrays (G_a k_a, c) by place as arrays (k_j, c, G_j) by factor."""
        found = {}
        for j, rows in zip(self.order, blocks, strict=True):
            factor = self.factors[j]
            shape = factor.n_effects, rows.shape[1], factor.n_levels
            found[j] = groups_last(rows, shape)
        return [found[j] for j in range(len(found))]


def in_both_precisions(matrix):
    """A sparse matrix for double precision and for single; one where that is exact."""
    data = matrix.data.astype(np.float32)
    parts = data, matrix.indices, matrix.indptr
    single = sparse.csr_array(parts, shape=matrix.shape, copy=False)
    return single if np.array_equal(data, matrix.data) else matrix, single
