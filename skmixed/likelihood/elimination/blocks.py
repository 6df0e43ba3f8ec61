"""The regime of marginal likelihoods: V of every block of rows, dense."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime
from skmixed.likelihood.linalg.roots import inverse_roots


class Blocks(Regime):
    """V_i of every block of rows, factored densely.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract,
    and :mod:`skmixed.likelihood.covariance.parts` for V.

    Parameters
    ----------
    A : BlockProducts
    """

    name = "blocks"

    def set_up(self, A):
        """Nothing beside the columns."""
        self.batches = A.batches
        self.factors = A.factors

    def take_columns(self, A):
        """Take [X y]."""
        self.batches, self.m = A.batches, A.n_fixed + 1

    def factor(self, covariances):
        """Factor V of every block.

        Parameters
        ----------
        covariances : tuple (Lambdas, callable)
            Relative factors of the random effects, and V of a batch.

        Raises
        ------
        LinAlgError
            Where it is not positive definite.
        """
        return FactoredBlocks(self, *covariances)


class FactoredBlocks(Factorisation):
    """V of all blocks, factored.

    Parameters
    ----------
    regime : Blocks
    Lambdas : list of ndarray of shape (k_j, k_j)
    V_of : callable
        V of a batch, of shape (U, n, n).
    """

    def __init__(self, regime, Lambdas, V_of):
        super().__init__(Lambdas)
        self.batches, self.factors = regime.batches, regime.factors
        self.m = regime.m
        self.logdet_V, self.S = 0.0, np.zeros((self.m, self.m))
        self.T, self.W = [], []
        for batch in self.batches:
            V = V_of(batch)
            if batch.padding is not None:  # log 1 = 0, and it meets no data
                np.einsum("unn->un", V)[:] += batch.padding
            T, logdet = inverse_roots(V)
            W = T @ batch.rows
            flat = W.reshape(-1, self.m)
            self.logdet_V += float((batch.count * logdet[:, None, None]).sum())
            self.S += flat.T @ flat
            self.T.append(T)
            self.W.append(W)

    def inverse(self, place):
        """V^-1 of a batch, of shape (U, n, n)."""
        T = self.T[place]
        return T.transpose(0, 2, 1) @ T

    def solved(self, place):
        """V^-1 [X y] of a batch, of shape (U, n, m)."""
        return self.T[place].transpose(0, 2, 1) @ self.W[place]

    @cached_property
    def F(self):
        """Z'V^-1 [X y], of shape (k_j, m, G_j) for every factor."""
        return self.collect([self.solved(i) for i in range(len(self.batches))])

    def collect(self, blocks):
        """Z' of rows given by batches, of shape (U, n, p): (k_j, p, G_j)."""
        found = []
        for j, factor in enumerate(self.factors):
            G, k = factor.n_levels, factor.n_effects
            total = sum(
                batch.transposed_z(j, G) @ rows.reshape(-1, rows.shape[2])
                for batch, rows in zip(self.batches, blocks, strict=True)
            )
            found.append(total.reshape(G, k, -1).transpose(1, 2, 0))
        return found

    @cached_property
    def P(self):
        """Z_g'V^-1 Z_g of every level, of shape (k_j, k_j, G_j)."""
        inverses = [self.inverse(i) for i in range(len(self.batches))]
        found = []
        for j in range(len(self.factors)):
            blocks = [
                batch.within(inverse, j) @ batch.z[j]
                for batch, inverse in zip(self.batches, inverses, strict=True)
            ]
            found.append(self.collect(blocks)[j])
        return found

    def apply(self, directions):
        """Z'V^-1 Z times some directions of shape (k_j, p, G_j)."""
        blocks = []
        for i, batch in enumerate(self.batches):
            rows = sum(
                np.einsum("una,apun->unp", z, block[:, :, codes], optimize=True)
                for z, codes, block in zip(
                    batch.z, batch.codes, directions, strict=True
                )
            )
            blocks.append(self.inverse(i) @ rows)
        return self.collect(blocks)

    def kronecker_sums(self, f, whitened):
        """Not to be had; the deviance knows its derivatives by rows."""
        raise NotImplementedError
