"""The regime of residual covariances over visits: V itself, per pattern of visits."""

from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from skmixed.likelihood.elimination.factored import Factorisation, Regime
from skmixed.likelihood.linalg.roots import inverse_roots


class Patterns(Regime):
    """V_i is the part of Psi that a subject's visits see; there is no identity.

    With visits as effects and Z = I, the formulas of the profiled deviance are those of
    a covariance pattern model. See
    :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : PatternProducts
    """

    name = "patterns"

    def set_up(self, A):
        """Nothing beside the columns."""

    def take_columns(self, A):
        """Take [X y] of the pseudo-subjects."""
        self.batches, self.m = A.batches, A.n_fixed + 1

    def factor(self, Lambdas):
        """Factor V of every pattern.

        Raises
        ------
        LinAlgError
            Where it is not positive definite.
        """
        return FactoredPatterns(self.batches, Lambdas, self.m)


class FactoredPatterns(Factorisation):
    """V of all patterns, factored.

    Parameters
    ----------
    batches : tuple of Batch
    Lambdas : list of ndarray of shape (k, k)
    m : int
        Columns of [X y].
    """

    def __init__(self, batches, Lambdas, m):
        super().__init__(Lambdas)
        self.batches, self.m = batches, m
        self.logdet_V, self.S = 0.0, np.zeros((m, m))
        self.T, self.W = [], []
        for batch, Lambda in zip(batches, Lambdas, strict=True):
            V = (Lambda @ Lambda.T) * batch.both_seen
            if batch.padding is not None:  # log 1 = 0, and it meets no data
                np.einsum("ukk->uk", V)[:] += batch.padding
            T, logdet = inverse_roots(V)
            blocks = times_rows(T, batch.own_rows)
            self.logdet_V += float(batch.count @ logdet)
            for block in blocks:
                flat = columns_first(block, m)
                self.S += flat @ flat.T
            self.T.append(T)
            self.W.append(blocks)

    @cached_property
    def F(self):
        """V^-1 [X y], of shape (k, m, s) for every covariance."""
        found = []
        for T, W in zip(self.T, self.W, strict=True):
            blocks = times_rows(T.transpose(0, 2, 1), W)
            shape = (T.shape[1], self.m, -1)
            found.append(np.concatenate([b.reshape(shape) for b in blocks], axis=2))
        return found

    @cached_property
    def inverses(self):
        """V^-1 of every pattern, of shape (k, k, U), zero where not seen."""
        return [
            ((T.transpose(0, 2, 1) @ T) * batch.both_seen).transpose(1, 2, 0)
            for T, batch in zip(self.T, self.batches, strict=True)
        ]

    @property
    def P(self):
        """V^-1 of every pseudo-subject."""
        return [
            own[:, :, batch.pattern]
            for own, batch in zip(self.inverses, self.batches, strict=True)
        ]

    @property
    def traces(self):
        """Sums of V^-1 over the subjects."""
        return [
            own @ batch.count
            for own, batch in zip(self.inverses, self.batches, strict=True)
        ]

    def apply(self, directions):
        """V^-1 times some directions of shape (k, p, s)."""
        return [
            np.einsum("abs,bps->aps", own, block, optimize=True)
            for own, block in zip(self.P, directions, strict=True)
        ]

    def paired(self, D, f, whitened, ratio):
        """Second derivatives by directions, where these are few; see the contract."""
        p = 0 if whitened is None else whitened[0].shape[1]
        sizes = [
            (len(own), len(f_j), batch)
            for own, f_j, batch in zip(D, f, self.batches, strict=True)
        ]
        if not all(map(len, D)) or not all(few_directions(*size, p) for size in sizes):
            return None
        found = []
        for j, (own, batch) in enumerate(zip(D, self.batches, strict=True)):
            m, k = len(own), len(f[j])
            P = self.inverses[j].transpose(2, 0, 1)
            PD = P @ own[:, None]
            weighed = (batch.count[:, None, None] * PD).transpose(0, 1, 3, 2)
            H = -weighed.reshape(m, -1) @ PD.reshape(m, -1).T
            columns = np.sqrt(ratio) * f[j][:, None]
            if p:
                columns = np.concatenate([columns, whitened[j]], axis=1)
            flat = columns.reshape(k, -1)
            DC = (own.reshape(-1, k) @ flat).reshape(m, k, 1 + p, -1)
            for u, at in enumerate(batch.own):
                seen = batch.seen[:, u]
                block = DC[:, seen, :, at].reshape(m, np.count_nonzero(seen), -1)
                TD = (self.T[j][u][np.ix_(seen, seen)] @ block).reshape(m, -1)
                H += 2.0 * TD @ TD.T
            found.append(H)
        return block_diag(*found)

    def kronecker_sums(self, f, whitened):
        """Sums of products of V^-1 with itself, with f f' and with F_X F_X'."""
        n, PP, Pff, PFF = len(f), {}, {}, {}
        for j in range(n):
            for h in range(n):
                shape = (*2 * (len(f[j]),), *2 * (len(f[h]),))
                if j != h:
                    PP[j, h] = Pff[j, h] = PFF[j, h] = np.zeros(shape)
                    continue
                batch, k = self.batches[j], len(f[j])
                own = self.inverses[j].reshape(k * k, -1)
                P = own[:, batch.pattern]
                ff = (f[j][:, None] * f[j]).reshape(k * k, -1)
                PP[j, j] = ((own * batch.count) @ own.T).reshape(shape)
                Pff[j, j] = (P @ ff.T).reshape(shape)
                if whitened is not None:
                    X = whitened[j]
                    FF = np.einsum("aps,bps->abs", X, X, optimize=True)
                    PFF[j, j] = (P @ FF.reshape(k * k, -1).T).reshape(shape)
        return PP, Pff, PFF


def few_directions(m, k, batch, p):
    """Whether products of m directions cost less than sums over pairs of visits."""
    U, s = len(batch.count), batch.rows.shape[2]
    by_direction = m * (2 * k**3 * U + 2 * k**2 * s * (1 + p))
    by_direction += m**2 * (k**2 * U + k * s * (1 + p))
    return by_direction < k**4 * (U + (2 if p else 1) * s) + k**2 * s * p


def times_rows(T, blocks):
    """``T_u B_u`` of every pattern."""
    return [one @ block for one, block in zip(T, blocks, strict=True)]


def columns_first(block, m):
    """Rows (k, m s) as columns (m, k s)."""
    k = len(block)
    return block.reshape(k, m, -1).transpose(1, 0, 2).reshape(m, -1)
