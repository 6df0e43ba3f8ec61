"""The regime of residual covariances over visits: V itself, per pattern of visits."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime


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
        self.batches = batches
        self.logdet_V, self.S = 0.0, np.zeros((m, m))
        self.T, self.W = [], []
        for batch, Lambda in zip(batches, Lambdas, strict=True):
            seen = batch.seen[:, None] & batch.seen
            # visits not seen get an identity: log 1 = 0, and they meet no data
            V = np.where(seen, (Lambda @ Lambda.T)[:, :, None], 0.0)
            k = np.arange(len(V))
            V[k, k] += ~batch.seen
            T, logdet = root_inverses(V)
            W = times_lower(T, batch.pattern, batch.rows)
            flat = W.transpose(1, 0, 2).reshape(m, -1)
            self.logdet_V += float(batch.count @ logdet)
            self.S += flat @ flat.T
            self.T.append(T)
            self.W.append(W)

    @cached_property
    def F(self):
        """V^-1 [X y], of shape (k, m, s) for every covariance."""
        return [
            times_lower(T, batch.pattern, W, transposed=True)
            for T, batch, W in zip(self.T, self.batches, self.W, strict=True)
        ]

    @cached_property
    def inverses(self):
        """V^-1 of every pattern, of shape (k, k, U), zero where not seen."""
        return [
            np.einsum("cau,cbu->abu", T, T) * (batch.seen[:, None] & batch.seen)
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


def root_inverses(V):
    """Inverse Cholesky factors T of matrices, V^-1 = T'T, and log det V.

    Loops over columns, so that many small matrices cost little.

    Parameters
    ----------
    V : ndarray of shape (k, k, U)

    Returns
    -------
    T : ndarray of shape (k, k, U)
        Lower triangular.
    logdet : ndarray of shape (U,)

    Raises
    ------
    LinAlgError
    """
    k, L = len(V), V.copy()
    for j in range(k):
        if j:
            L[j:, j] -= np.einsum("ahu,hu->au", L[j:, :j], L[j, :j])
        if not (L[j, j] > 0).all():
            raise np.linalg.LinAlgError("not positive definite")
        L[j, j] = np.sqrt(L[j, j])
        L[j + 1 :, j] /= L[j, j]
    T = np.zeros_like(V)
    for j in range(k):
        T[j, j] = 1.0 / L[j, j]
        if j:
            T[j, :j] = -np.einsum("hu,hcu->cu", L[j, :j], T[:j, :j]) * T[j, j]
    return T, 2.0 * np.log([L[j, j] for j in range(k)]).sum(axis=0)


def times_lower(T, pattern, B, transposed=False):
    """``T_s B_s``, or ``T_s' B_s``, for B of shape (k, m, s)."""
    out = np.empty_like(B)
    for a in range(len(B)):
        if transposed:
            out[a] = np.einsum("bs,bms->ms", T[a:, a][:, pattern], B[a:])
        else:
            out[a] = np.einsum("bs,bms->ms", T[a, : a + 1][:, pattern], B[: a + 1])
    return out
