"""``[X y]'V^-1[X y]`` without the loss of digits where random effects explain it."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime

# Share of a column's sum of squares that a subtraction may leave: what the random
# effects explain beyond it costs digits that a deviance of many rows needs.
LOST = 1e-3
# The same where six digits of it will do.
ROUGH = 1e-10
# Root of the variance, relative to the residual's, that a rough fit is made with.
LARGE = 1e3
# Steps of iterative refinement of the random effects.
STEPS = 1


@dataclass(frozen=True, eq=False)
class RoughFit:
    """Columns [X y] with a rough fit of the random effects taken off: E = [X y] - Z U.

    Parameters
    ----------
    U : list of ndarray of shape (k_j, m, G_j)
    ZtE : list of ndarray of shape (k_j, m, G_j)
        ``Z'E``, nearly zero.
    gram : ndarray of shape (m, m)
        ``E'E``.
    """

    U: list
    ZtE: list
    gram: np.ndarray

    @classmethod
    def of(cls, elimination):
        """Fit large random effects to the columns of an elimination."""
        C = elimination.columns
        factored = elimination.factor([LARGE * np.eye(len(block)) for block in C])
        U = factored.modes(C)
        fitted = factored.times(U)
        both = inner(U, C)
        gram = elimination.gram - both - both.T + inner(U, fitted)
        return cls(U, [c - z for c, z in zip(C, fitted, strict=True)], gram)


class SettledRegime(Regime):
    """A regime whose factorisations are settled: see :class:`SettledFactorisation`."""

    _rough_fit = None

    @property
    def settles(self):
        """Whether there is room for the rough fit."""
        return True

    def keep_columns(self, A):
        """Keep what a rough fit of [X y] needs; it is made when first asked for."""
        self.gram, self.columns, self._rough_fit = A.gram, A.ZtXy, None

    @property
    def rough_fit(self):
        """Random effects of large variances taken off the columns."""
        if self._rough_fit is None:
            self._rough_fit = RoughFit.of(self)
        return self._rough_fit


class SettledFactorisation(Factorisation):
    """A factorisation that finds S and F by subtracting what random effects explain.

    A regime defines ``elimination``, ``subtracted_S``, ``subtracted_F`` and ``modes``.

    Notes
    -----
    ``S = [X y]'[X y] - ...`` has the rounding of its first term, which is large where
    groups are far apart. With E = [X y] - Z U for any U, random effects b and
    u = Lambda^-1 b,

        S = min_b |E + Z (U - b)|^2 + |u|^2,  F = Z'E + Z'Z (U - b),

    add terms that are no larger than S if U is near the least-squares fit, and an error
    of b enters S by its square.
    """

    elimination: Any
    subtracted_S: np.ndarray

    @property
    @abstractmethod
    def subtracted_F(self):
        """Z'V^-1[X y]."""

    @cached_property
    def settled(self):
        """``S, F``."""
        S, gram = self.subtracted_S, self.elimination.gram
        squares = np.diag(gram)  # zero where only Z'W[X y] is known
        lost = (np.diag(S) < LOST * squares)[squares > 0].any()
        if not (lost and self.elimination.settles):
            return S, None
        rough = self.elimination.rough_fit
        inverse = [np.linalg.pinv(Lambda) for Lambda in self.Lambdas]
        transposed = [matrix.T for matrix in inverse]
        b = self.modes(self.elimination.columns)
        for _ in range(STEPS):
            u = times_each(inverse, b)
            slopes = minus(self.unexplained(b)[1], times_each(transposed, u))
            b = [old + step for old, step in zip(b, self.modes(slopes), strict=True)]
        left, F = self.unexplained(b)
        u, cross = times_each(inverse, b), inner(rough.ZtE, left)
        rest = inner(left, minus(F, rough.ZtE)) + inner(u, u)
        return rough.gram + cross + cross.T + (rest + rest.T) / 2, F

    @abstractmethod
    def modes(self, columns):
        """``(Z'WZ + Psi^-1)^-1 c`` of columns c that are given as Z'Wc."""

    def unexplained(self, b):
        """``U - b`` and ``Z'E + Z'Z (U - b)`` for random effects b."""
        rough = self.elimination.rough_fit
        left = minus(rough.U, b)
        fitted = self.times(left)
        return left, [z + more for z, more in zip(rough.ZtE, fitted, strict=True)]

    @property
    def S(self):
        """``[X y]'V^-1[X y]``."""
        return self.settled[0]

    @property
    def rough_S(self):
        """The same to some six digits."""
        left, gram = np.diag(self.subtracted_S), self.elimination.gram
        return self.S if (left < ROUGH * np.diag(gram)).any() else self.subtracted_S

    @property
    def F(self):
        """Z'V^-1[X y]."""
        F = self.settled[1]
        return self.subtracted_F if F is None else F


def times_each(matrices, blocks):
    """One matrix of every factor times the effects of all its levels."""
    return [np.tensordot(M, B, 1) for M, B in zip(matrices, blocks, strict=True)]


def minus(blocks, others):
    """Differences factor by factor."""
    return [a - b for a, b in zip(blocks, others, strict=True)]


def inner(blocks, others):
    """``sum_g B_g'O_g`` over the levels of all factors, of shape (m, m)."""
    return sum(
        np.tensordot(a, b, axes=([0, 2], [0, 2]))
        for a, b in zip(blocks, others, strict=True)
    )
