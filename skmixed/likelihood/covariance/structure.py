"""Covariance structures of random effects: theta to Psi, its root and derivatives."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from skmixed.likelihood.covariance.roots import floored_root, lower_root, snapped_root

# Two covariances are one if they agree to this, relative.
SAME = 1e-9


class Described(NamedTuple):
    """A parameter as people call it: a function of the entries of Psi.

    Parameters
    ----------
    name : str
        Without the grouping factor.
    kind : {"sd", "correlation"}
    effects : tuple of int
        Whose standard deviation, or which two effects' correlation, it is.
    place : int or None
        Position in theta of the one parameter that moves it, where there is one that is
        not shared: what a profile likelihood holds.
    smallest : float or None
        Its smallest value, unless it is 0 of a standard deviation, -1 of a correlation.
    """

    name: str
    kind: str
    effects: tuple[int, ...]
    place: int | None = None
    smallest: float | None = None


class Structure(Protocol):
    """Covariance of k effects, relative to the residual variance: Psi(theta).

    ``b = Lambda u`` with ``u`` of variance sigma^2 and Psi = Lambda Lambda', as in
    Bates et al. (2015), Journal of Statistical Software 67(1), section 2.3. Everybody
    who needs to know what may be done with a covariance asks its structure.

    Attributes
    ----------
    name : str
        As users write it, without options.
    heterogeneous : bool
        Whether the name stands for equal variances too, and these are unequal.
    n_effects, n_theta : int
    basis : {"mixed", "scaled", "kept"}
        What may be done to the effects' columns without leaving the model: any linear
        combination, a scale for each, or one scale for all.
    free_blocks : tuple of slice
        Independent sets of effects whose covariance is unrestricted.
    blocks : tuple of slice
        All independent sets of effects.
    scales : list of tuple (place, is_log)
        Positions in theta of what makes a variance zero, by being zero or minus
        infinity: the deviance is stationary there.
    correlated : {"all", "first", "none"}
        Which correlations a table shows: of all pairs, or with the first effect, which
        tell the others.
    """

    name: str
    heterogeneous: bool
    n_effects: int
    n_theta: int
    basis: str
    free_blocks: tuple[slice, ...]
    blocks: tuple[slice, ...]
    scales: list
    correlated: str

    def root(self, theta):
        """Lambda, of shape (k, k), lower triangular."""

    def gradient(self, theta, G):
        """Slopes of ``tr(G Psi)``, of shape (m,); G is symmetric."""

    def directions(self, theta):
        """Slopes of Psi, of shape (m, k, k)."""

    def bend(self, theta, G):
        """Second derivatives of ``tr(G Psi)``, of shape (m, m)."""

    def read(self, root):
        """Theta of a root of this structure; inverts :meth:`root`."""

    def nearest(self, Psi, floor=0.0):
        """Theta of a covariance near a symmetric matrix; inverts Psi(theta).

        ``floor`` is the smallest eigenvalue, or variance, that is given out.
        """

    def change_roots(self, theta, change):
        """Theta after ``change(root)`` of every free block."""

    def snap(self, theta, zero):
        """Theta with directions of Lambda shorter than ``zero`` exactly zero."""

    def inside(self, theta, zero):
        """Which parameters are not at the boundary, of shape (m,)."""

    @property
    def units(self):
        """Matrices whose combinations the moment estimate is sought among."""

    def tangent(self, theta):
        """Matrices that span the directions; fixed ones where Psi is linear."""

    def reported(self, root):
        """What ``theta_`` says of a root on the scale of the user's columns."""

    def parameters(self, effects):
        """The parameters as people call them, a list of Described.

        ``effects`` are the names of the effects.
        """


class OnlyFields:
    """Pickles its fields alone, not what has been derived from them."""

    def __getstate__(self):
        return {field.name: getattr(self, field.name) for field in fields(self)}


class FreeEntries(OnlyFields):
    """What structures share whose theta are entries of Lambda.

    ``rows`` and ``cols`` are those of the free entries, by columns as in lme4.
    """

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
    >>> from skmixed.likelihood.covariance.structure import Unstructured
    >>> Unstructured(2).root([2.0, 1.0, 3.0])
    array([[2., 0.],
           [1., 3.]])
    """

    n_effects: int

    name = "us"
    heterogeneous = False
    basis = "mixed"
    correlated = "all"

    @cached_property
    def free_blocks(self):
        """All effects together."""
        return (slice(0, self.n_effects),)

    @cached_property
    def rows(self):
        """Rows of the free entries, the lower triangle by columns."""
        return np.triu_indices(self.n_effects)[1]

    @cached_property
    def cols(self):
        """Columns of the free entries."""
        return np.triu_indices(self.n_effects)[0]

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

    n_effects: int

    name = "diag"
    heterogeneous = False
    basis = "scaled"
    correlated = "none"

    @cached_property
    def free_blocks(self):
        """Every effect by itself."""
        return tuple(slice(i, i + 1) for i in range(self.n_effects))

    @cached_property
    def rows(self):
        """Rows of the free entries."""
        return np.arange(self.n_effects)

    @property
    def cols(self):
        """Columns of the free entries."""
        return self.rows

    def nearest(self, Psi, floor=0.0):
        """Theta of Psi's variances, floored."""
        return np.sqrt(np.maximum(np.diag(Psi), floor))

    def parameters(self, effects):
        """Standard deviations."""
        return [Described(f"sd_{e}", "sd", (i,)) for i, e in enumerate(effects)]


@dataclass(frozen=True)
class SideBySide(OnlyFields):
    """Several independent terms of one grouping factor; their theta in order.

    Parameters
    ----------
    members : tuple of Structure
    """

    members: tuple

    correlated = "all"

    @cached_property
    def parts(self):
        """Every member with its effects and its theta: (structure, slice, slice)."""
        effects = np.cumsum([0, *(member.n_effects for member in self.members)])
        thetas = np.cumsum([0, *(member.n_theta for member in self.members)])
        return [
            (member, slice(*map(int, block)), slice(*map(int, span)))
            for member, block, span in zip(
                self.members, pairwise(effects), pairwise(thetas), strict=True
            )
        ]

    @cached_property
    def n_effects(self):
        """Number of effects k."""
        return sum(member.n_effects for member in self.members)

    @cached_property
    def n_theta(self):
        """Number of parameters m."""
        return sum(member.n_theta for member in self.members)

    @cached_property
    def free_blocks(self):
        """Free blocks of all members."""
        return self.shifted("free_blocks")

    @cached_property
    def blocks(self):
        """Blocks of all members."""
        return self.shifted("blocks")

    def shifted(self, name):
        """Blocks of the members in the places of their effects."""
        return tuple(
            slice(at.start + block.start, at.start + block.stop)
            for member, at, _ in self.parts
            for block in getattr(member, name)
        )

    @cached_property
    def scales(self):
        """Positions of the standard deviations."""
        return [
            (place + span.start, is_log)
            for member, _, span in self.parts
            for place, is_log in member.scales
        ]

    @cached_property
    def units(self):
        """Unit matrices of all members."""
        return self.stacked([member.units for member in self.members])

    def stacked(self, matrices):
        """Matrices of the members in the places of their effects, (m, k, k)."""
        found = np.zeros((sum(map(len, matrices)), self.n_effects, self.n_effects))
        start = 0
        for own, (_, block, _) in zip(matrices, self.parts, strict=True):
            found[start : start + len(own), block, block] = own
            start += len(own)
        return found

    def root(self, theta):
        """Lambda, block diagonal."""
        Lambda = np.zeros((self.n_effects, self.n_effects))
        for member, block, span in self.parts:
            Lambda[block, block] = member.root(theta[span])
        return Lambda

    def gradient(self, theta, G):
        """Slopes of ``tr(G Psi)``."""
        return np.concatenate(
            [m.gradient(theta[span], G[block, block]) for m, block, span in self.parts]
        )

    def directions(self, theta):
        """Slopes of Psi."""
        return self.stacked([m.directions(theta[span]) for m, _, span in self.parts])

    def tangent(self, theta):
        """Directions that span those of Psi."""
        return self.stacked([m.tangent(theta[span]) for m, _, span in self.parts])

    def bend(self, theta, G):
        """Second derivatives of ``tr(G Psi)``, block diagonal."""
        H = np.zeros((self.n_theta, self.n_theta))
        for member, block, span in self.parts:
            H[span, span] = member.bend(theta[span], G[block, block])
        return H

    def read(self, root):
        """Theta of a root."""
        return np.concatenate(
            [member.read(root[block, block]) for member, block, _ in self.parts]
        )

    def nearest(self, Psi, floor=0.0):
        """Theta of the members' nearest covariances."""
        return np.concatenate(
            [m.nearest(Psi[block, block], floor) for m, block, _ in self.parts]
        )

    def change_roots(self, theta, change):
        """Theta after a change of every free block's root."""
        return np.concatenate(
            [m.change_roots(theta[span], change) for m, _, span in self.parts]
        )

    def snap(self, theta, zero):
        """Theta with directions of Lambda shorter than ``zero`` exactly zero."""
        return np.concatenate([m.snap(theta[s], zero) for m, _, s in self.parts])

    def inside(self, theta, zero):
        """Which parameters are not at the boundary."""
        return np.concatenate([m.inside(theta[s], zero) for m, _, s in self.parts])

    def position(self, row, col):
        """Place in theta of an entry of a free block of Lambda."""
        member, block, span = next(
            p for p in self.parts if p[1].start <= row < p[1].stop
        )
        return span.start + member.position(row - block.start, col - block.start)


class Term(NamedTuple):
    """One random term, as written.

    Parameters
    ----------
    factor : int
        Its grouping factor.
    effects : tuple of int
        Positions of its effects in the factor.
    structure : Structure
    """

    factor: int
    effects: tuple[int, ...]
    structure: Structure


def contains(larger, smaller):
    """Whether every covariance of one structure is one of another.

    Parameters
    ----------
    larger, smaller : Structure
        Of the same effects.

    Returns
    -------
    bool

    Notes
    -----
    What a structure's covariances have in common they have at one point in general
    position, and there the larger structure must give the covariance back.

    Examples
    --------
    >>> from skmixed.likelihood.covariance.names import structure_of
    >>> from skmixed.likelihood.covariance.structure import contains
    >>> ar1, toep, us = (structure_of(n, (), "abc", "g") for n in ("ar1", "toep", "us"))
    >>> contains(toep, ar1), contains(us, toep), contains(ar1, us)
    (True, True, False)
    """
    theta = np.cos(np.arange(1.0, 1.0 + smaller.n_theta)) / 2.0 + 0.1
    root = smaller.root(theta)
    again = larger.root(larger.nearest(root @ root.T))
    gap = np.abs(again @ again.T - root @ root.T).max()
    return bool(gap < SAME * np.abs(root @ root.T).max())


def lifted(value, is_log, stuck, floor):
    """A scale of a covariance, off its boundary if it stands there.

    Parameters
    ----------
    value : float
        An entry of theta.
    is_log : bool
        Whether it is the logarithm of a standard deviation.
    stuck, floor : float
        What is below the first becomes the second.

    Returns
    -------
    float
    """
    if is_log:
        return value if value >= np.log(stuck) else float(np.log(floor))
    return value if abs(value) >= stuck else floor


def canonical(structure, root):
    """Lower-triangular factor of the same covariance, nonnegative on its diagonal.

    Parameters
    ----------
    structure : Structure
    root : ndarray of shape (k, k)

    Returns
    -------
    ndarray of shape (k, k)
    """
    factor = np.zeros_like(root)
    for block in structure.blocks:
        factor[block, block] = lower_root(root[block, block])
    return factor


def side_by_side(structures):
    """Structure of all the effects of a factor.

    Parameters
    ----------
    structures : sequence of Structure

    Returns
    -------
    Structure
    """
    return structures[0] if len(structures) == 1 else SideBySide(tuple(structures))
