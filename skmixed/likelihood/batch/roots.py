"""Theta of many responses: entries of Lambda, one matrix per factor and response."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skmixed.likelihood.covariance.roots import lower_root
from skmixed.likelihood.search.boundary import THIN

# Columns of Lambda shorter than this are at the boundary, as in the single fit.
ZERO = 1e-4


def is_free(structure):
    """Whether theta are the entries of Lambda within blocks of free covariances."""
    free = sum((b.stop - b.start) * (b.stop - b.start + 1) for b in structure.blocks)
    return structure.blocks == structure.free_blocks and free == 2 * structure.n_theta


@dataclass(frozen=True, eq=False)
class Roots:
    """Lambda of one factor for many responses, in turned axes if they are given.

    Parameters
    ----------
    structure : Structure
        Free: see :func:`is_free`.
    axes : ndarray of shape (r, k, k) or None, default=None
        With them ``Lambda = axes T`` for the matrix T of theta's entries: where a
        covariance is nearly singular, the deviance is a straight valley on the
        principal axes.
    """

    structure: object
    axes: np.ndarray | None = None

    @cached_property
    def entries(self):
        """Rows and columns of the free entries of Lambda."""
        rows, cols = [], []
        for block in self.structure.free_blocks:
            col, row = np.triu_indices(block.stop - block.start)
            rows.append(block.start + row)
            cols.append(block.start + col)
        return np.concatenate(rows), np.concatenate(cols)

    @property
    def n_effects(self):
        """Number of effects k."""
        return self.structure.n_effects

    def __getitem__(self, rows):
        return self if self.axes is None else replace(self, axes=self.axes[rows])

    def matrix(self, theta):
        """T, of shape (r, k, k)."""
        k = self.n_effects
        T = np.zeros((len(theta), k, k))
        T[:, *self.entries] = theta
        return T

    def turned(self, T):
        """Bring matrices from theta's axes to those of the basis."""
        return T if self.axes is None else self.axes @ T

    def of(self, theta):
        """Lambda, of shape (r, k, k)."""
        return self.turned(self.matrix(theta))

    def read(self, T):
        """Theta of matrices, of shape (r, m)."""
        return T[:, *self.entries]

    def directions(self, Lambda):
        """Slopes of Psi in theta: E Lambda' + Lambda E', of shape (r, m, k * k)."""
        rows, cols = self.entries
        k, m = self.n_effects, len(rows)
        back = Lambda.swapaxes(1, 2)
        if self.axes is None:
            half = np.zeros((len(Lambda), m, k, k))
            half[:, np.arange(m), rows] = back[:, cols]
        else:
            half = self.axes.swapaxes(1, 2)[:, rows, :, None] * back[:, cols, None, :]
        return (half + half.swapaxes(2, 3)).reshape(len(Lambda), m, k * k)

    def bend(self, G):
        """Second derivatives of ``tr(G Psi)``, of shape (r, m, m)."""
        if self.axes is not None:
            G = self.axes.swapaxes(1, 2) @ G @ self.axes
        rows, cols = self.entries
        return 2.0 * (cols[:, None] == cols) * G[:, rows[:, None], rows]

    def nearest(self, Psi, floor):
        """Theta of the nearest covariances with eigenvalues of at least a floor.

        Parameters
        ----------
        Psi : ndarray of shape (r, k, k)
        floor : float

        Returns
        -------
        ndarray of shape (r, m)
        """
        Lambda = np.zeros_like(Psi)
        for block in self.structure.free_blocks:
            values, vectors = np.linalg.eigh(Psi[:, block, block])
            values = np.maximum(values, floor)[:, None]
            near = (vectors * values) @ vectors.swapaxes(1, 2)
            Lambda[:, block, block] = np.linalg.cholesky(near)
        return self.read(Lambda)

    def thin(self, theta):
        """Which responses have a covariance near the boundary, bool of shape (r,)."""
        found, T = np.zeros(len(theta), dtype=bool), self.matrix(theta)
        for block in self.structure.free_blocks:
            own = T[:, block, block]
            if own.shape[1] == 1:
                values = np.abs(own[:, 0])
            else:
                values = np.linalg.svd(own, compute_uv=False)
            found |= values[:, -1] < THIN * np.maximum(values[:, 0], THIN)
        return found

    def principal(self, theta):
        """The same covariances in their principal axes.

        Parameters
        ----------
        theta : ndarray of shape (r, m)

        Returns
        -------
        roots : Roots
        theta : ndarray of shape (r, m)
        """
        Lambda = self.of(theta)
        axes, T = np.zeros_like(Lambda), np.zeros_like(Lambda)
        for block in self.structure.free_blocks:
            U, values, _ = np.linalg.svd(Lambda[:, block, block])
            axes[:, block, block] = U
            T[:, block, block] = values[:, None] * np.eye(U.shape[1])
        return replace(self, axes=axes), self.read(T)

    def spread(self, rows, r):
        """The axes of some responses, in their places among r."""
        axes = np.zeros((r, *self.axes.shape[1:]))
        axes[rows] = self.axes
        return replace(self, axes=axes)

    def canonical(self, theta, zero=0.0):
        """Theta of the same covariances without turned axes, on lower triangles.

        Parameters
        ----------
        theta : ndarray of shape (r, m)
        zero : float, default=0.0
            Directions of Lambda shorter than it become zero.

        Returns
        -------
        ndarray of shape (r, m)
        """
        Lambda = self.of(theta)
        out = np.zeros_like(Lambda)
        for block in self.structure.free_blocks:
            own = Lambda[:, block, block]
            if own.shape[1] == 1:
                out[:, block, block] = np.where(np.abs(own) < zero, 0.0, np.abs(own))
                continue
            if zero:
                U, values, _ = np.linalg.svd(own)
                own = U * np.where(values < zero, 0.0, values)[:, None]
            out[:, block, block] = [lower_root(one) for one in own]
        return self.read(out)

    def inside(self, theta):
        """Which parameters stand in columns that are not zero, of shape (r, m)."""
        return np.linalg.norm(self.matrix(theta), axis=1)[:, self.entries[1]] > ZERO
