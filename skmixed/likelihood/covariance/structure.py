"""Covariance structures of random effects: theta to Psi, its root and derivatives."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

import numpy as np

from skmixed.likelihood.covariance.roots import lower_root

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


def spans_of(structures: Sequence[Structure]) -> list[slice]:
    """Where the parameters of every structure stand in theta."""
    ends = accumulate((structure.n_theta for structure in structures), initial=0)
    return [slice(start, stop) for start, stop in pairwise(ends)]


def scales_of(structures: Sequence[Structure]) -> list[tuple[int, bool]]:
    """Positions in theta of what makes a variance zero, and if they are logs."""
    return [
        (place + span.start, is_log)
        for structure, span in zip(structures, spans_of(structures), strict=True)
        for place, is_log in structure.scales
    ]


@dataclass(frozen=True)
class OnlyFields:
    """Pickles its fields alone, not what has been derived from them."""

    def __getstate__(self):
        return {field.name: getattr(self, field.name) for field in fields(self)}


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
    return is_of(larger, general_covariance(smaller))


def absorbs(structure, direction):
    """Whether a structure's covariances stay so when a matrix is added to them.

    Parameters
    ----------
    structure : Structure
    direction : ndarray of shape (k, k)

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.likelihood.covariance.names import structure_of
    >>> from skmixed.likelihood.covariance.structure import absorbs
    >>> homcs, ar1 = (structure_of(name, (), "abc", "g") for name in ("homcs", "ar1"))
    >>> absorbs(homcs, np.ones((3, 3))), absorbs(ar1, np.ones((3, 3)))
    (True, False)
    """
    Psi = general_covariance(structure)
    return is_of(structure, Psi + np.trace(Psi) / np.trace(direction) * direction)


def general_covariance(structure):
    """A covariance of a structure in general position, of shape (k, k)."""
    theta = np.cos(np.arange(1.0, 1.0 + structure.n_theta)) / 2.0 + 0.1
    root = structure.root(theta)
    return root @ root.T


def is_of(structure, Psi):
    """Whether a structure has a covariance."""
    root = structure.root(structure.nearest(Psi))
    return bool(np.abs(root @ root.T - Psi).max() < SAME * np.abs(Psi).max())


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
