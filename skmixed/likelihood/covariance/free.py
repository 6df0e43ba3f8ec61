"""Covariances whose theta are entries of Lambda: lme4's ``us`` and ``diag``."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skmixed.likelihood.covariance.roots import floored_root, snapped_root
from skmixed.likelihood.covariance.structure import Described, OnlyFields


@dataclass(frozen=True)
class FreeEntries(OnlyFields):
    """What structures share whose theta are entries of Lambda.

    Parameters
    ----------
    n_effects : int
    """

    n_effects: int

    heterogeneous = False

    @cached_property
    def free_blocks(self):
        """All effects together."""
        return (slice(0, self.n_effects),)

    @cached_property
    def rows(self):
        """Rows of the free entries: lower triangles of the blocks, by columns."""
        return self.entries(1)

    @cached_property
    def cols(self):
        """Columns of the free entries."""
        return self.entries(0)

    def entries(self, axis):
        """Rows (1) or columns (0) of the free entries."""
        return np.concatenate(
            [
                b.start + np.triu_indices(b.stop - b.start)[axis]
                for b in self.free_blocks
            ]
        )

    @property
    def n_theta(self):
        """Number of parameters m."""
        return len(self.rows)

    @cached_property
    def scales(self):
        """Positions of the diagonal of Lambda."""
        return [(int(at), False) for at in np.flatnonzero(self.rows == self.cols)]

    @cached_property
    def meeting(self):
        """2 where two thetas stand in one column of Lambda, else 0."""
        return 2.0 * (self.cols[:, None] == self.cols)

    @cached_property
    def units(self):
        """Unit matrices of the free covariances, of shape (m, k, k)."""
        units = np.zeros((self.n_theta, self.n_effects, self.n_effects))
        each = np.arange(self.n_theta)
        units[each, self.rows, self.cols] = units[each, self.cols, self.rows] = 1.0
        units.flags.writeable = False
        return units

    @property
    def blocks(self):
        """Independent sets of effects."""
        return self.free_blocks

    def root(self, theta):
        """Lambda; see :class:`Structure`."""
        Lambda = np.zeros((self.n_effects, self.n_effects))
        Lambda[self.rows, self.cols] = theta
        return Lambda

    def gradient(self, theta, G):
        """Slopes of ``tr(G Psi)``: 2 G Lambda at the free entries."""
        return 2.0 * (G @ self.root(theta))[self.rows, self.cols]

    def directions(self, theta):
        """Slopes of Psi: E Lambda' + Lambda E' for unit matrices E."""
        E_Lambda = np.zeros((self.n_theta, self.n_effects, self.n_effects))
        E_Lambda[np.arange(self.n_theta), self.rows] = self.root(theta).T[self.cols]
        return E_Lambda + E_Lambda.transpose(0, 2, 1)

    def bend(self, theta, G):
        """Second derivatives: thetas of one column of Lambda meet in them."""
        return self.meeting * G[self.rows[:, None], self.rows]

    def read(self, root):
        """Free entries of a root."""
        return root[self.rows, self.cols]

    reported = read

    def change_roots(self, theta, change):
        """Theta after a change of every free block's root."""
        root = self.root(theta)
        for block in self.free_blocks:
            root[block, block] = change(root[block, block])
        return self.read(root)

    def snap(self, theta, zero):
        """Theta with directions of Lambda shorter than ``zero`` exactly zero."""
        return self.change_roots(theta, lambda root: snapped_root(root, zero))

    def inside(self, theta, zero):
        """Which parameters stand in columns of Lambda that are not zero."""
        return np.linalg.norm(self.root(theta), axis=0)[self.cols] > zero

    def tangent(self, theta):
        """Unit matrices: Psi is linear in its entries."""
        return self.units

    def of(self, n_effects):
        """The same structure for another number of effects."""
        return replace(self, n_effects=n_effects)

    def position(self, row, col):
        """Place in theta of an entry of Lambda."""
        return int(np.flatnonzero((self.rows == row) & (self.cols == col))[0])


@dataclass(frozen=True)
class Unstructured(FreeEntries):
    """All variances and covariances are free: lme4's ``us``.

    Parameters
    ----------
    n_effects : int

    Examples
    --------
    >>> from skmixed.likelihood.covariance.free import Unstructured
    >>> Unstructured(2).root([2.0, 1.0, 3.0])
    array([[2., 0.],
           [1., 3.]])
    """

    name = "us"
    basis = "mixed"
    correlated = "all"

    def nearest(self, Psi, floor=0.0):
        """Theta of the covariance with Psi's eigenvalues, floored."""
        return self.read(floored_root(Psi, floor))

    def parameters(self, effects):
        """Standard deviations, each followed by correlations with effects before it."""
        found = []
        for i, name in enumerate(effects):
            found.append(Described(f"sd_{name}", "sd", (i,)))
            found += [
                Described(f"cor_{name}.{effects[k]}", "correlation", (i, k))
                for k in range(i)
            ]
        return found


@dataclass(frozen=True)
class Diagonal(FreeEntries):
    """Independent effects, a variance for each: lme4's ``diag``.

    Parameters
    ----------
    n_effects : int
    """

    name = "diag"
    basis = "scaled"
    correlated = "none"

    @cached_property
    def free_blocks(self):
        """Every effect by itself."""
        return tuple(slice(i, i + 1) for i in range(self.n_effects))

    def nearest(self, Psi, floor=0.0):
        """Theta of Psi's variances, floored."""
        return np.sqrt(np.maximum(np.diag(Psi), floor))

    def parameters(self, effects):
        """Standard deviations."""
        return [Described(f"sd_{e}", "sd", (i,)) for i, e in enumerate(effects)]
