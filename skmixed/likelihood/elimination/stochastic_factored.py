"""V of very large crossed factors: solved by iterations, its determinant estimated."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.bending import bent, have_inverses, straight
from skmixed.likelihood.elimination.conjugate_gradients import conjugate_gradients
from skmixed.likelihood.elimination.factored import Factorisation
from skmixed.likelihood.elimination.probed import Probed
from skmixed.likelihood.linalg.grouped import (
    levels_major,
    multiply,
    relative_root,
    shared_left,
    shared_right,
)
from skmixed.likelihood.linalg.kronecker import directional_sums


class StochasticFactored(Factorisation):
    """V at some Lambdas; see :class:`StochasticElimination`.

    Parameters
    ----------
    elimination : StochasticElimination
    Lambdas : list of ndarray of shape (k_j, k_j)

    Attributes
    ----------
    samples : ndarray of shape (s,)
        What each probe says of log|V|, but for a constant.
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        e = self.elimination = elimination
        roots = [relative_root(e.ZtZ[j], Lambdas[j]) for j in e.order]
        self.coupling = e.coupling([N for N, _ in roots])
        narrow = e.narrow(self.coupling)
        self.probed = Probed(narrow, e.directions, e.n_exact, e.probe_tol)
        self.logdet_V = sum(logdet for _, logdet in roots) + self.probed.logdet
        self.samples = self.probed.samples
        self.x, explained = self.solve(e.C)
        self.S = e.gram - (explained + explained.T) / 2

    def solve(self, C):
        """``x = M^-1 N C`` and ``C'N'x``, C and x lists by place in the order."""
        coupling = self.coupling
        first, *others = coupling.down(
            [coupling.scaled(a, rows) for a, rows in enumerate(C)]
        )
        rest = np.concatenate(others)
        y = conjugate_gradients(coupling.times, rest, self.elimination.solve_tol).X
        explained = first.T @ first + rest.T @ y
        return coupling.up([first, *coupling.cut(y)[1:]]), explained

    def less_fitted(self, C, x):
        """``Z'V^-1 c`` by factor, given Z'Wc and x of it."""
        e, scaled = self.elimination, self.coupling.scaled
        b = [scaled(a, rows, transpose=True) for a, rows in enumerate(x)]
        fitted = e.spread(b)
        return e.by_factor([own - less for own, less in zip(C, fitted, strict=True)])

    @cached_property
    def F(self):
        """Z'V^-1[X y]."""
        return self.less_fitted(self.elimination.C, self.x)

    def times(self, directions):
        """Z'WZ times some directions."""
        e = self.elimination
        return e.by_factor(e.spread([levels_major(directions[j]) for j in e.order]))

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        C = [levels_major(columns[j]) for j in self.elimination.order]
        return self.less_fitted(C, self.solve(C)[0])

    def own_blocks(self, a):
        """``Z_g'V_g^-1 Z_g`` with the level's own effects alone, and T; by place.

        Returns
        -------
        own, T : ndarray of shape (k, k, G)
            ``P_gg = own_g - T_g'(M^-1 - I)_gg T_g``.
        """
        j, N = self.elimination.order[a], self.coupling.N[a]
        ZtZ, Lambda = self.elimination.ZtZ[j], self.Lambdas[j]
        NA = multiply(N, ZtZ)
        own = ZtZ - multiply(NA, NA, transpose_A=True)
        return own, shared_right(N, np.linalg.inv(Lambda @ Lambda.T))

    def bent(self, step):
        """The same with Psi that have inverses, a number of small steps away."""
        e = self.elimination
        return StochasticFactored(e, bent(self.Lambdas, e.ZtZ, step))

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor, estimated."""
        if not have_inverses(self.Lambdas):
            return straight(lambda step: self.bent(step).P)
        found = {}
        for a, j in enumerate(self.elimination.order):
            own, T = self.own_blocks(a)
            found[j] = own - self.probed.blocks(a, T)
        return [found[j] for j in range(len(found))]

    @cached_property
    def trace_samples(self):
        """What each probe says of every factor's trace, of shape (k_j, k_j, s).

        Their means are ``traces``.
        """
        if not have_inverses(self.Lambdas):
            return straight(lambda step: self.bent(step).trace_samples)
        found = {}
        for a, j in enumerate(self.elimination.order):
            own, T = self.own_blocks(a)
            found[j] = own.sum(axis=2)[:, :, None] - self.probed.traces(a, T)
        return [found[j] for j in range(len(found))]

    @property
    def traces(self):
        """Sums over levels of P, estimated."""
        return [samples.mean(axis=2) for samples in self.trace_samples]

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        found = []
        for Lambda, P in zip(self.Lambdas, self.P, strict=True):
            Psi = Lambda @ Lambda.T
            found.append(Psi[:, :, None] - shared_left(Psi, shared_right(P, Psi)))
        return found

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels."""
        (Pff,) = directional_sums(self.apply, [block[:, None] for block in f])
        return None, Pff, None
