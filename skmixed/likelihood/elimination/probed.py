"""Log-determinant and inverse of a coupling, from directions and random probes."""

from functools import cached_property

import numpy as np

from skmixed.likelihood.elimination.conjugate_gradients import (
    conjugate_gradients,
    inner,
)


class Probed:
    """Estimates of log|A| and of the diagonal blocks of M^-1; see `Coupling`.

    Parameters
    ----------
    coupling : Coupling
        In the precision of the directions.
    directions : ndarray of shape (n, q + s)
        On the rest: q orthonormal ones, on which nothing is left to chance, and s
        probes, random signs projected on what is orthogonal to them.
    n_exact : int
        q.
    tol : float
        Of the solves.

    Notes
    -----
    What is estimated has a mean that is known subtracted from it, and added exactly
    (control variates):

        log|A| = -|L|^2 + tr(log A + L L'),
        M^-1 - I = L'L + L L' + E^-T (A^-1) E^-1 - I - L'L - L L',

    the squares exactly, level by level; what is left is of third order in L, and its
    trace is that over the q directions plus the mean over probes (Hutchinson 1990,
    Commun. Stat. Simul. 19; Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. 38).
    """

    def __init__(self, coupling, directions, n_exact, tol):
        self.coupling, self.n_exact = coupling, n_exact
        self.Z = directions
        z = coupling.cut(directions)
        self.lifted = coupling.up(z)
        first = coupling.remainder(directions, self.lifted)
        solution = conjugate_gradients(coupling.times, directions, tol, first)
        self.X = solution.X
        self.left, self.both = self.squares(z, first)
        self.control, total = coupling.squared_blocks()
        logs = solution.logs(inner(directions, directions))
        logs += sum(inner(rows, rows) for rows in self.left if rows is not None)
        self.samples = at_least_one(logs[n_exact:])
        self.logdet = float(logs[:n_exact].sum() + self.samples.mean()) - total

    def squares(self, z, first):
        """``L'z`` and ``L L'z``, known of two factors from ``E^-T z`` and ``A z``."""
        if len(z) > 2:
            return self.coupling.squares_of(z)
        return [-self.lifted[0], None], [None, self.Z - first]

    @cached_property
    def solved(self):
        """``E^-T A^-1 z`` of every direction, a list by factor."""
        return self.coupling.up(self.coupling.cut(self.X))

    def products(self, a):
        """Pairs of rows whose products add up to blocks of ``M^-1 - I`` less squares.

        Parameters
        ----------
        a : int
            Factor.

        Yields
        ------
        sign : int
        one, other : ndarray of shape (G k, q + s)
        """
        yield 1, self.solved[a], self.lifted[a]
        if a:
            z = self.coupling.cut(self.Z)[a]
            yield -1, z, z
            yield -1, z, self.both[a]
        if self.left[a] is not None:
            yield -1, self.left[a], self.left[a]

    def blocks(self, a, T):
        """``T_g'(M^-1 - I)_gg T_g`` of every level.

        Parameters
        ----------
        a : int
            Factor.
        T : ndarray of shape (k, k, G)

        Returns
        -------
        ndarray of shape (k, k, G)
        """
        k, _, G = T.shape
        found = np.zeros((k, k, G))
        weights = np.ones(self.Z.shape[1])
        weights[self.n_exact :] /= len(self.samples)
        weights = weights.astype(self.Z.dtype)
        for sign, one, other in self.products(a):
            one, other = one.reshape(G, k, -1), other.reshape(G, k, -1)
            found += sign * np.einsum("gic,ghc,c->ihg", one, other, weights)
        found = self.control[a] + (found + found.transpose(1, 0, 2)) / 2
        return np.einsum("iag,ihg,hbg->abg", T, found, T, optimize=True)

    def traces(self, a, T):
        """Sums of :meth:`blocks` over levels.

        Parameters
        ----------
        a : int
            Factor.
        T : ndarray of shape (k, k, G)

        Returns
        -------
        ndarray of shape (k, k, s)
            As each probe tells them.
        """
        k = len(T)
        sums = np.zeros((k, k, self.Z.shape[1]))
        narrow = T.astype(self.Z.dtype)
        for sign, one, other in self.products(a):
            one, other = (pulled(narrow, rows) for rows in (one, other))
            for i in range(k):
                for h in range(k):
                    sums[i, h] += sign * inner(one[:, i], other[:, h])
        sums = (sums + sums.transpose(1, 0, 2)) / 2
        exact = np.einsum("iag,ihg,hbg->ab", T, self.control[a], T, optimize=True)
        exact += sums[:, :, : self.n_exact].sum(axis=2)
        return exact[:, :, None] + at_least_one(sums[:, :, self.n_exact :])


def at_least_one(samples):
    """What probes tell; a zero of no chance where there are none."""
    return samples if samples.shape[-1] else np.zeros((*samples.shape[:-1], 1))


def pulled(T, rows):
    """``T_g'`` times the rows of every level, of shape (G, k, c)."""
    k, _, G = T.shape
    rows = rows.reshape(G, k, -1)
    if k == 1:
        return T[0, 0][:, None, None] * rows
    found = np.zeros_like(rows)
    for i in range(k):
        for h in range(k):
            found[:, i] += T[h, i][:, None] * rows[:, h]
    return found
