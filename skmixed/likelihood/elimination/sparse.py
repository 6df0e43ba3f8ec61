"""Elimination of sparse crossed designs: waves of independent effects, then a core."""

import copy
import weakref
from typing import Any

import numpy as np
from scipy import sparse

from skmixed.likelihood.elimination.settled import SettledRegime
from skmixed.likelihood.elimination.sizes import (
    PAIR_FLOPS,
    Bid,
    block_bytes,
    block_flops,
    check_memory,
    complement_pairs,
)
from skmixed.likelihood.elimination.sparse_factored import SparseFactored
from skmixed.likelihood.elimination.sparse_plan import Plan
from skmixed.likelihood.linalg.stack import Stack

# Up to this many random effects behind the leading factor a dense matrix is as fast.
DENSE_ENOUGH = 2000
# More pairs of what a leading level meets are too many to list, in number and in
# relation to the entries of a dense matrix.
MOST_PAIRS, FULLEST = 6e7, 0.15
# Share of a random graph's effects that stays in the core, with e pairs that meet for
# each of them: 1 - exp(STAYS (FOREST - e)). Below FOREST it falls apart into trees
# (Erdos & Renyi 1960); graphs of near neighbours leave a far smaller core.
STAYS, FOREST = 0.13, 0.5
# A plan that saves less than this share of the dense work is not worth its lists.
WORTH = 0.5


class SparseElimination(SettledRegime):
    """Random effects of crossed factors that meet in few pairs, integrated out exactly.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        With two factors or more.

    Notes
    -----
    ``M = I + Lambda'Z'Z Lambda`` of all effects is factored as the sparse matrix that
    it is, L D L'. Effects that have no entry in common are eliminated together: those
    of the leading factor, of the factors that it lies within, then repeatedly those
    with the fewest neighbours, until the rest is so full that it is factored as a dense
    matrix (parallel elimination by independent sets: Luby 1986, SIAM J. Comput. 15;
    minimum degree: George & Liu 1989, SIAM Rev. 31). The entries of H = M^-1 where L
    has some follow by the same lists in reverse (Takahashi, Fagan & Chen 1973):

        H_gc = - sum_d L_dg H_dc,   H_gg = 1 / D_g - sum_d L_dg H_dg
        P_gg = Lambda^-T (I - H_gg) Lambda^-1,   C_gg = Lambda H_gg Lambda'.

    The curvature is the average information.
    """

    name = "sparse"
    exact = False

    @classmethod
    def bid(cls, sizes):
        """Bid for factors that cross and of which few levels meet."""
        if len(sizes.groups) < 2 or sizes.nested:
            return None
        m2, pairs = sum(sizes.n_random) - max(sizes.n_random), complement_pairs(sizes)
        if m2 <= DENSE_ENOUGH or pairs > min(MOST_PAIRS, FULLEST * float(m2) ** 2):
            return None
        core, work = expected_work(sizes)
        flops = float(core) ** 3 + 2.0 * work + block_flops(sizes)
        memory = block_bytes(sizes) + int(20 * core**2 + 28 * pairs)
        return Bid(flops, memory, core)

    @classmethod
    def take(cls, A, sizes, rough=False):
        """Make the elimination; None where its core is as large as a dense matrix."""
        elimination = cls(A, rough)
        m2 = sum(sizes.n_random) - max(sizes.n_random)
        if elimination.planned.flops > WORTH * float(m2) ** 3:
            return None
        check_memory(sizes, elimination.planned)
        return elimination

    @classmethod
    def look(cls, A):
        """Bid by a plan: near neighbours leave a far smaller core than a guess says."""
        return cls(A).planned

    @property
    def planned(self):
        """What the plan takes."""
        return Bid(self.plan.flops, self.plan.bytes, self.n_dense)

    def set_up(self, A):
        """Take the random effects' cross-products."""
        sizes = [factor.size for factor in A.factors]
        order = sorted(range(len(sizes)), key=lambda j: -sizes[j])
        self.stack = Stack.of(A.factors, order)
        self.take_products(A)
        self.plan, self.maps = LATEST.get(A) or LATEST.keep(A, self.make_plan(A))
        self.n_dense = len(self.plan.core)

    def make_plan(self, A):
        """The plan, and where it has the entries of every block."""
        plan = Plan(self.K, self.first_waves(A))
        maps = [
            plan.find(rows, columns).astype(plan.index)
            for _, _, rows, columns, _ in self.blocks()
        ]
        return plan, maps

    def take_products(self, A):
        """Take Z'WZ."""
        self.ZtZ, self.pairs = A.ZtZ, A.pairs
        parts = []
        for i, j, row, column, value in self.blocks():
            parts.append((row, column, value))
            if i != j:
                parts.append((column, row, value))
        rows, columns, values = (
            np.concatenate([part.ravel() for part in places])
            for places in zip(*parts, strict=True)
        )
        size = self.stack.size
        self.K = sparse.csr_array((values, (rows, columns)), shape=(size, size))

    def blocks(self):
        """Yield the blocks of Z'WZ, one of every two that are transposes.

        Yields
        ------
        i, j : int
            Factors.
        rows, columns : ndarray of int of shape (n, k_i, k_j)
            The effects that an entry is of.
        values : ndarray of shape (n, k_i, k_j)
        """
        for j in self.stack.order:
            level = np.arange(self.stack.shapes[j][0])
            yield self.placed(j, j, level, level, self.ZtZ[j].transpose(2, 0, 1))
        for pair in self.pairs:
            ends = pair.first, pair.second
            yield self.placed(*ends, pair.rows, pair.indices, pair.data)

    def placed(self, i, j, levels_i, levels_j, values):
        """Blocks of levels of two factors with the effects they are of."""
        rows, columns = self.effects(i, levels_i), self.effects(j, levels_j)
        shape = (len(levels_i), rows.shape[1], columns.shape[1])
        rows = np.broadcast_to(rows[:, :, None], shape)
        return i, j, rows, np.broadcast_to(columns[:, None], shape), values

    def effects(self, j, levels):
        """Places of the effects of some levels, of shape (n, k_j)."""
        start, (_, k) = self.stack.spans[j].start, self.stack.shapes[j]
        return start + levels.astype(np.intp)[:, None] * k + np.arange(k)

    def first_waves(self, A):
        """Effects of the leading factor, and of those that it lies within, in turn."""
        nested = {(pair.first, pair.second) for pair in A.pairs if pair.nested}
        chain = leading_chain(self.stack.order, nested)
        return [
            effect
            for j in chain
            for effect in self.effects(j, np.arange(self.stack.shapes[j][0])).T
        ]

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.keep_columns(A)
        self.C = self.stack.join(A.ZtXy)

    def reweighted(self, A):
        """Give the elimination of the same rows with other weights."""
        other = copy.copy(self)
        other.take_products(A)
        other.take_columns(A)
        return other

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        return SparseFactored(self, Lambdas)


class LatestPlan:
    """The plan that was made last: a fit that is opened again has the same levels.

    It is kept as long as anybody keeps the cross-products that it was made for, whose
    pairs of levels are told by identity: those of other bases share them.
    """

    def __init__(self):
        self.key: tuple[Any, ...] = ()
        self.plan: Any = None

    def get(self, A):
        """The plan for some cross-products, or None."""
        key, plan = self.key, self.plan
        ours = [part() if isinstance(part, weakref.ref) else part for part in key]
        theirs = key_of(A)
        same = len(ours) == len(theirs) and all(map(is_same, ours, theirs))
        return plan if same else None

    def keep(self, A, plan):
        """Keep a plan in place of the one before, and return it."""
        self.key = tuple(
            weakref.ref(part, self.forget) if isinstance(part, np.ndarray) else part
            for part in key_of(A)
        )
        self.plan = plan
        return plan

    def forget(self, gone):
        """Let go of the plan where it was for what is gone."""
        if any(part is gone for part in self.key):
            self.key, self.plan = (), None


def key_of(A):
    """What a plan depends on: numbers of effects, and the levels that meet."""
    sizes = tuple((f.n_levels, f.n_effects) for f in A.factors)
    pairs = [(pair.first, pair.second, pair.indptr, pair.indices) for pair in A.pairs]
    return [sizes, *(part for pair in pairs for part in pair)]


def is_same(one, other):
    """Whether two parts of keys are equal numbers, or one array."""
    return one is other if isinstance(other, np.ndarray) else one == other


LATEST = LatestPlan()


def leading_chain(order, nested):
    """The leading factor and those that it lies within, each within the next.

    Parameters
    ----------
    order : sequence of int
        Factors, the leading one first.
    nested : set of tuple (i, j)
        The factors i that lie within factors j.

    Returns
    -------
    list of int
        Never all of them.
    """
    chain = [order[0]]
    for j in order[1:]:
        if all((i, j) in nested for i in chain):
            chain.append(j)
    return chain if len(chain) < len(order) else chain[:-1]


def expected_work(sizes):
    """Guess the core, and the work of the waves of the leading chain.

    Parameters
    ----------
    sizes : DesignSizes

    Returns
    -------
    core : int
        Of a random graph with as many meetings.
    flops : float
    """
    order = sorted(range(len(sizes.groups)), key=lambda j: -sizes.n_random[j])
    nested = {ends for ends, n in sizes.meetings.items() if np.all(n <= 1)}
    chain = leading_chain(order, nested)
    rest = [j for j in order if j not in chain]
    m, k = sum(sizes.n_random[j] for j in rest), sizes.n_effects
    met = [sum(k[j] * sizes.meetings[i, j] for j in rest) for i in chain]
    edges = max(float(n @ (n - 1.0)) / 2 for n in met) / m
    core = int(m * -np.expm1(STAYS * min(FOREST - edges, 0.0)))
    chained = sum(k[i] for i in chain)
    flops = 0.0
    for i, n in zip(chain, met, strict=True):
        pairs = k[i] * float((n + chained) @ (n + chained)) / 2
        flops += min(PAIR_FLOPS * pairs, sizes.n_random[i] * float(core) ** 2 + pairs)
    return core, flops
