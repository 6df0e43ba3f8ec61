"""Random effects of several factors one after another, as rows of one matrix."""

import itertools
from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.linalg.grouped import groups_last, levels_major


@dataclass(frozen=True)
class Stack:
    """Rows of some factors' random effects: a factor's levels major, effects minor.

    Parameters
    ----------
    order : tuple of int
        The factors, in the order of their rows.
    shapes : dict of int to tuple (G_j, k_j)
        Levels and effects.
    spans : dict of int to slice
        Rows.
    size : int
        Number of rows N.
    """

    order: tuple[int, ...]
    shapes: dict[int, tuple[int, int]]
    spans: dict[int, slice]
    size: int

    @classmethod
    def of(cls, factors, order):
        """Stack factors.

        Parameters
        ----------
        factors : sequence of Factor
        order : sequence of int

        Returns
        -------
        Stack
        """
        ends = list(itertools.accumulate((factors[j].size for j in order), initial=0))
        return cls(
            order=tuple(order),
            shapes={j: (factors[j].n_levels, factors[j].n_effects) for j in order},
            spans={
                j: slice(*ends)
                for j, ends in zip(order, itertools.pairwise(ends), strict=True)
            },
            size=ends[-1],
        )

    def join(self, blocks):
        """Stack arrays of shape (k_j, c, G_j), by factor, into one of shape (N, c)."""
        return np.concatenate([levels_major(blocks[j]) for j in self.order])

    def cut(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j), by factor."""
        return {
            j: groups_last(matrix[self.spans[j]], (k, matrix.shape[1], G))
            for j, (G, k) in self.shapes.items()
        }

    def scale(self, factors, matrix):
        """Multiply every level's rows by its factor's matrix.

        Parameters
        ----------
        factors : mapping of int to ndarray of shape (k_j, k_j)
        matrix : ndarray of shape (N, c)

        Returns
        -------
        ndarray of shape (N, c)
        """
        scaled = np.empty_like(matrix)
        for j, (G, k) in self.shapes.items():
            rows = self.spans[j]
            if k == 1:
                np.multiply(matrix[rows], factors[j][0, 0], out=scaled[rows])
                continue
            product = np.matmul(factors[j], matrix[rows].reshape(G, k, -1))
            scaled[rows] = product.reshape(G * k, -1)
        return scaled


def leading_factor(sizes):
    """Index of the factor with the most random effects, and of the others.

    Parameters
    ----------
    sizes : sequence of int
        Random effects of every factor.
    """
    leading = int(np.argmax(sizes))
    return leading, [j for j in range(len(sizes)) if j != leading]
