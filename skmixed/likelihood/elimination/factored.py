"""What every regime's eliminations and factorisations have in common."""

import copy
import weakref
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from skmixed.errors import TooLargeError

# Unit directions applied at a time: they bound the working memory.
CHUNK_DIRECTIONS = 64
# Entries of Z'V^-1 Z that a question may find column by column: minutes on one core.
MOST_WORK = 3e9


class Regime(ABC):
    """An elimination: what does not depend on Lambda.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
    rough : bool, default=False
        Whether derivatives need only be good enough for an optimiser's steps.
    """

    exact, estimates = True, False
    n_dense = 0
    costly = False  # whether a factor costs more than a sweep over the rows

    @classmethod  # noqa: B027, most regimes need little memory
    def refuse_too_large(cls, sizes):
        """Raise where a design would not fit into memory."""

    @classmethod
    def take(cls, A, sizes, rough=False):
        """Make the elimination of a design that the bid was for.

        Parameters
        ----------
        A : CrossProducts
        sizes : DesignSizes
            Of them.
        rough : bool, default=False

        Returns
        -------
        Regime or None
            None where a closer look shows that the next best bid is better.
        """
        cls.refuse_too_large(sizes)
        return cls(A, rough)

    @classmethod
    def look(cls, A):
        """Bid once more, after a look at the cross-products; None where it tells none.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        Bid or None
        """
        return

    def __init__(self, A, rough=False):
        self.rough = rough
        self.set_up(A)
        self.take_columns(A)

    @abstractmethod
    def set_up(self, A):
        """Take the random effects' cross-products."""

    @abstractmethod
    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""

    @abstractmethod
    def factor(self, Lambdas):
        """Factor V at some Lambdas."""

    def with_columns(self, A):
        """Give the elimination of other columns [X y] with the same random effects."""
        other = copy.copy(self)
        other.take_columns(A)
        return other

    @property
    def plain(self):
        """The elimination that takes steps: this one."""
        return self

    def curved(self, Lambdas):
        """Give the elimination with an exact Hessian near some Lambdas, if to be had.

        Parameters
        ----------
        Lambdas : list of ndarray of shape (k_j, k_j)

        Returns
        -------
        Elimination
            That takes more time; ``plain`` is the one for steps.
        """
        return self

    def reweighted(self, A):
        """Give the elimination of the same rows with other weights.

        Parameters
        ----------
        A : CrossProducts
            With the same levels and meetings.

        Returns
        -------
        Elimination
        """
        return type(self)(A, self.rough)


class Factorisation(ABC):
    """V factored at one Lambda; questions come in any order, any number of times.

    See :class:`skmixed.likelihood.elimination.regime.Factored` for the contract. A
    regime defines ``logdet_V``, ``S``, ``F``, ``P``, ``kronecker_sums``, and ``times``
    and ``reduce`` or ``apply``; one that serves changing weights also ``C``.

    Parameters
    ----------
    Lambdas : list of ndarray of shape (k_j, k_j)
    """

    S: Any

    # Whether a row's variance is solved for, because blocks of P are estimates.
    solves_rows = False

    def __init__(self, Lambdas):
        self.Lambdas = Lambdas

    @property
    @abstractmethod
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor."""

    @property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        raise NotImplementedError

    def times(self, directions):
        """Z'WZ times some directions."""
        raise NotImplementedError

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        raise NotImplementedError

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        return self.reduce(self.times(directions))

    def newton(self, slopes):
        """``M^-1 g = g - Lambda'P Lambda g`` for M = I + Lambda'Z'WZ Lambda.

        Parameters
        ----------
        slopes : list of ndarray of shape (k_j, G_j)

        Returns
        -------
        list of ndarray of shape (k_j, G_j)
        """
        pairs = list(zip(self.Lambdas, slopes, strict=True))
        moved = self.reduce(self.times([(L @ g)[:, None] for L, g in pairs]))
        return [
            g - L.T @ block[:, 0] for (L, g), block in zip(pairs, moved, strict=True)
        ]

    def paired(self, D, f, whitened, ratio):
        """Terms of the exact Hessian with two directions, where they cost little.

        Parameters
        ----------
        D : list of ndarray of shape (m_j, k_j, k_j)
            Directions of every factor's covariance.
        f, whitened : list of ndarray
            As of ``kronecker_sums``.
        ratio : float
            ``1 / sigma^2``.

        Returns
        -------
        ndarray of shape (m, m) or None
            None where ``kronecker_sums`` cost less.
        """
        return

    @property
    def rough_S(self):
        """``[X y]'V^-1[X y]`` to some six digits, where they cost less."""
        return self.S

    @property
    def traces(self):
        """Sums over levels of P, of shape (k_j, k_j)."""
        return [block.sum(axis=2) for block in self.P]

    def between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, between levels of two factors."""
        found = self.known_between(j, h, levels_j, levels_h)
        rest = np.isnan(found[0, 0])
        if rest.any():
            found[:, :, rest] = self.by_columns(j, h, levels_j[rest], levels_h[rest])
        return found

    def meetings(self, pairs):
        """Covariances as of :meth:`between` for all levels that meet.

        Parameters
        ----------
        pairs : tuple of PairBlocks
            Of the design.

        Returns
        -------
        list of ndarray of shape (k_i, k_j, n_pairs)
        """
        return [
            self.between(pair.first, pair.second, pair.rows, pair.indices)
            for pair in pairs
        ]

    def known_between(self, j, h, levels_j, levels_h):
        """Those that the regime has a formula for; NaN elsewhere."""
        k_j, k_h = len(self.Lambdas[j]), len(self.Lambdas[h])
        return np.full((k_j, k_h, len(levels_j)), np.nan)

    def by_columns(self, j, h, levels_j, levels_h):
        """Find the same as ``-Psi P_gh Psi`` from columns of Z'V^-1 Z.

        Parameters
        ----------
        j, h : int
            Two factors.
        levels_j, levels_h : ndarray of int of shape (n,)

        Returns
        -------
        ndarray of shape (k_j, k_h, n)
        """
        if len(np.unique(levels_j)) < len(np.unique(levels_h)):
            return self.by_columns(h, j, levels_h, levels_j).transpose(1, 0, 2)
        k_j, k_h = len(self.Lambdas[j]), len(self.Lambdas[h])
        found = np.empty((k_j, k_h, len(levels_j)))
        order = np.argsort(levels_h, kind="stable")
        distinct, starts = np.unique(levels_h[order], return_index=True)
        check_work(len(distinct) * k_h, sum(block.size for block in self.P))
        stops = np.append(starts[1:], len(order))
        Psi_j, Psi_h = (L @ L.T for L in (self.Lambdas[j], self.Lambdas[h]))
        step = max(CHUNK_DIRECTIONS // k_h, 1)
        for first in range(0, len(distinct), step):
            chunk = distinct[first : first + step]
            inside = order[starts[first] : stops[first + len(chunk) - 1]]
            PU = self.columns(h, chunk)[j].reshape(k_j, len(chunk), k_h, -1)
            place = np.searchsorted(chunk, levels_h[inside])
            P = PU[:, place, :, levels_j[inside]]
            found[:, :, inside] = -(Psi_j @ P @ Psi_h).transpose(1, 2, 0)
        return found

    def columns(self, j, levels):
        """Columns of Z'V^-1 Z for levels of a factor, a list of (k_l, c k_j, G_l)."""
        k = len(self.Lambdas[j])
        directions = [
            np.zeros((len(block), len(levels) * k, block.shape[2])) for block in self.P
        ]
        place = np.arange(len(levels))
        for a in range(k):
            directions[j][a, place * k + a, levels] = 1.0
        return self.apply(directions)


class Workspace:
    """A square matrix that one factorisation after another works in.

    It is lent again once nobody holds the factorisation that had it; while somebody
    does, the next one gets a matrix of its own.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size):
        self.size = size
        self.matrix, self.borrower = None, lambda: None

    def __reduce__(self):
        return Workspace, (self.size,)

    def lend_to(self, borrower):
        """Give a matrix whose content is left over from whoever had it before.

        Parameters
        ----------
        borrower : Factorisation

        Returns
        -------
        ndarray of shape (size, size)
            Columns one after the other in memory.
        """
        if self.matrix is None or self.borrower() is not None:
            self.matrix = np.empty((self.size, self.size), order="F")
        self.borrower = weakref.ref(borrower)
        return self.matrix


def check_work(n_columns, n_effects, what="levels"):
    """Refuse covariances between levels that would take too long.

    Parameters
    ----------
    n_columns : int
        Columns of Z'V^-1 Z that are needed.
    n_effects : int
        Length of each.
    what : str, default="levels"
        What they are of.

    Raises
    ------
    ValueError
    """
    if n_columns * n_effects > MOST_WORK:
        raise TooLargeError(
            "The standard errors of these rows need the covariances of "
            f"{n_columns} {what} with {n_effects} random effects of the factors that "
            "they occur with in new combinations. Predict fewer rows at a time, or "
            "name one grouping factor in random_effects: the others then count as new "
            "groups, with their full variance."
        )
