"""The covariance of all effects of a grouping factor: its terms, side by side."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from skmixed.likelihood.covariance.structure import OnlyFields, scales_of, spans_of


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
        return [
            (member, slice(*map(int, block)), span)
            for member, block, span in zip(
                self.members, pairwise(effects), spans_of(self.members), strict=True
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
        return scales_of(self.members)

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
