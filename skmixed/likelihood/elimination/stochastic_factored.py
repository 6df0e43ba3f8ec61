"""V of very large crossed factors: solved by iterations, its determinant estimated."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.bending import bent, have_inverses, straight
from skmixed.likelihood.elimination.conjugate_gradients import (
    conjugate_gradients,
    inner,
)
from skmixed.likelihood.elimination.factored import (
    CHUNK_DIRECTIONS,
    Factorisation,
    check_work,
)
from skmixed.likelihood.elimination.probed import Probed
from skmixed.likelihood.linalg.grouped import (
    levels_major,
    multiply,
    relative_root,
    shared_left,
    shared_right,
)
from skmixed.likelihood.linalg.kronecker import directional_sums

# Relative residual of solves whose error enters by its square.
ROW_TOL = 1e-4


class StochasticFactored(Factorisation):
    """V at some Lambdas; see :class:`StochasticElimination`.

    Parameters
    ----------
    elimination : StochasticElimination
    Lambdas : list of ndarray of shape (k_j, k_j)
    """

    solves_rows = True

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        e = self.elimination = elimination
        roots = [relative_root(e.ZtZ[j], Lambdas[j]) for j in e.order]
        self.coupling = e.coupling([N for N, _ in roots])
        self.own_logdet = sum(logdet for _, logdet in roots)
        self.x, explained = self.solve(e.C, self.coupling, e.solve_tol)
        self.S = e.gram - (explained + explained.T) / 2

    @cached_property
    def probed(self):
        """What the probes say; solves for [X y] do without."""
        e = self.elimination
        narrow = e.narrow(self.coupling)
        return Probed(narrow, e.directions, e.n_exact, e.probe_tol)

    @property
    def logdet_V(self):
        """Log det V, estimated."""
        return self.own_logdet + self.probed.logdet

    @property
    def samples(self):
        """What each probe says of log det V, but for a constant."""
        return self.probed.samples

    def solve(self, C, coupling, tol):
        """``x = M^-1 N C`` and ``C'N'x``, C and x lists by place in the order."""
        first, *others = coupling.down(
            [coupling.scaled(a, rows) for a, rows in enumerate(C)]
        )
        rest = np.concatenate(others)
        solution = conjugate_gradients(coupling.times, rest, tol)
        y = solution.X
        # the error of a solution enters by its square, in every pair of columns
        explained = first.T @ first + (rest + solution.residual).T @ y
        return coupling.up([first, *coupling.cut(y)[1:]]), explained

    def less_fitted(self, C, x, coupling):
        """``Z'V^-1 c`` by factor, given Z'Wc and x of it."""
        e, scaled = self.elimination, coupling.scaled
        b = [scaled(a, rows, transpose=True) for a, rows in enumerate(x)]
        fitted = e.spread(b)
        return e.by_factor([own - less for own, less in zip(C, fitted, strict=True)])

    @cached_property
    def F(self):
        """Z'V^-1[X y]."""
        return self.less_fitted(self.elimination.C, self.x, self.coupling)

    def times(self, directions):
        """Z'WZ times some directions."""
        e = self.elimination
        return e.by_factor(e.spread([levels_major(directions[j]) for j in e.order]))

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        C = [levels_major(columns[j]) for j in self.elimination.order]
        x, _ = self.solve(C, self.coupling, self.elimination.solve_tol)
        return self.less_fitted(C, x, self.coupling)

    def apply_roughly(self, directions):
        """Z'V^-1 Z times some directions, in the precision of the probes."""
        e = self.elimination
        C = e.spread([levels_major(directions[j]).astype(e.dtype) for j in e.order])
        narrow = e.narrow(self.coupling)
        x, _ = self.solve(C, narrow, e.probe_tol)
        return self.less_fitted(C, x, narrow)

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

    def row_variances(self, z, codes):
        """``v'M^-1 v`` with v = Lambda'z on the levels of rows, of shape (n,).

        Relative variances of the rows' random parts given the data and beta: the error
        of a solve enters them by its square.

        Parameters
        ----------
        z : list of ndarray of shape (n, k_j)
        codes : list of ndarray of int of shape (n,)
        """
        e, n = self.elimination, len(codes[0])
        check_work(n, sum(factor.size for factor in e.factors), "rows")
        narrow, found = e.narrow(self.coupling), np.empty(n)
        for start in range(0, n, CHUNK_DIRECTIONS):
            part = slice(start, start + CHUNK_DIRECTIONS)
            v = []
            for a, j in enumerate(e.order):
                k, _, G = self.coupling.N[a].shape
                rows = np.zeros((G, k, len(z[j][part])), dtype=e.dtype)
                own = np.einsum(
                    "ikn,nk->ni", self.coupling.N[a][..., codes[j][part]], z[j][part]
                )
                rows[codes[j][part], :, np.arange(len(own))] = own
                v.append(rows.reshape(G * k, -1))
            first, *others = narrow.down(v)
            rest = np.concatenate(others)
            y = conjugate_gradients(narrow.times, rest, ROW_TOL).X
            found[part] = inner(first, first) + inner(rest, y)
        return found

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels."""
        (Pff,) = directional_sums(self.apply_roughly, [block[:, None] for block in f])
        return None, Pff, None
