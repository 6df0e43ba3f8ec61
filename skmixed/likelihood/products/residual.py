"""The metric of the rows: how the residuals of different rows vary, W = R^-1."""

from typing import Protocol

import numpy as np


class Residual(Protocol):
    """Covariance sigma^2 R of the residuals, as W = R^-1.

    Rows are the last axis of all arrays. A chunk is a slice of the rows; none is all of
    them.
    """

    logdet: float
    """``log|W|``."""

    def times(self, columns: np.ndarray, chunk: slice = ...) -> np.ndarray:
        """``W c`` for columns c, given for the rows of a chunk."""

    def root(self, columns: np.ndarray) -> np.ndarray:
        """``W^1/2 c``: rows of independent residuals."""

    def unroot(self, columns: np.ndarray) -> np.ndarray:
        """``W^-1/2 c``: the inverse of :meth:`root`."""

    def total(self, n: int) -> float:
        """Sum of W's entries over n rows."""

    def means(self, columns: list[np.ndarray]) -> tuple[float, list[float]]:
        """Sum of W's entries, and the means of columns that they weigh."""


class Independent:
    """Independent residuals of one variance: W is the identity."""

    logdet = 0.0

    def times(self, columns, chunk=None):
        """Return the columns as they are."""
        return columns

    root = unroot = times

    def total(self, n):
        """Return the number of rows."""
        return float(n)

    def means(self, columns):
        """Return the number of rows, and means."""
        n = len(columns[0])
        return float(n), [np.add.reduce(column) / n for column in columns]


class Weighted:
    """Independent residuals of variances sigma^2 / w.

    Parameters
    ----------
    w : ndarray of shape (n,)
        Positive: precision weights, or the weights of a working response.
    """

    def __init__(self, w):
        self.w = w

    @property
    def logdet(self):
        """``log|W|``."""
        return float(np.log(self.w).sum())

    def times(self, columns, chunk=slice(None)):
        """``w c``."""
        return columns * self.w[chunk]

    def root(self, columns):
        """``w^1/2 c``."""
        return columns * np.sqrt(self.w)

    def unroot(self, columns):
        """``w^-1/2 c``."""
        return columns / np.sqrt(self.w)

    def total(self, n):
        """Return the sum of the weights."""
        return float(np.add.reduce(self.w))

    def means(self, columns):
        """Return the sum of the weights, and weighted means."""
        total = self.total(len(self.w))
        return total, [self.w @ column / total for column in columns]


def residual_of(design):
    """Metric of a design's rows: its precision weights, or none.

    Parameters
    ----------
    design : Design

    Returns
    -------
    Residual
    """
    return Independent() if design.weights is None else Weighted(design.weights)
