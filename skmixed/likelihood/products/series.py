"""Rows in series: what the likelihood of a first-order Markov residual needs."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class SeriesProducts:
    """Rows of subjects one after another, each in order of time.

    Parameters
    ----------
    rows : ndarray of shape (m, n)
        [X y] in the basis, times the root of the weights: rows of the table side by
        side.
    gap : ndarray of shape (n,)
        Time since the row before; infinite at the first row of a subject.
    n_obs, n_fixed, n_subjects : int
    structures : tuple of Structure
        One, over two times that tell the unit.
    sigma : None
        The residual variance is estimated.
    """

    rows: np.ndarray
    gap: np.ndarray
    n_obs: int
    n_fixed: int
    n_subjects: int
    structures: tuple
    sigma: None = None

    factors = beside = visits = ()

    def combined(self, B):
        """Rows with ``[X y] B`` in the place of [X y], B of shape (p + 1, c)."""
        rows = np.ascontiguousarray(B.T @ self.rows)
        return replace(self, rows=rows, n_fixed=B.shape[1] - 1)

    @classmethod
    def of(cls, rows, subject, time, structures):
        """Put rows in order.

        Parameters
        ----------
        rows : ndarray of shape (n, m)
        subject : ndarray of int of shape (n,)
        time : ndarray of shape (n,)
            Different within subjects.
        structures : tuple of Structure

        Returns
        -------
        SeriesProducts
        """
        if not in_order(subject, time):
            order = np.lexsort((time, subject))
            rows, subject, time = rows[order], subject[order], time[order]
        gap = np.full(len(rows), np.inf)
        follows = subject[1:] == subject[:-1]
        gap[1:][follows] = np.diff(time)[follows]
        n, m = rows.shape
        return cls(
            np.ascontiguousarray(rows.T),
            gap,
            n,
            m - 1,
            int(np.isinf(gap).sum()),
            structures,
        )


def in_order(subject, time):
    """Whether rows are sorted by subject and, within, by time."""
    step = np.diff(subject)
    return bool(((step > 0) | ((step == 0) & (np.diff(time) > 0))).all())
