"""The regime of first-order Markov residuals: V^-1 is tridiagonal."""

import numpy as np

from skmixed.likelihood.elimination.factored import Factorisation, Regime

# Rows at a time.
CHUNK_ROWS = 8192


class Markov(Regime):
    """Rows depend on those before them through the last one alone.

    With a_j a row of [X y], and r its correlation with the row before,

        w_j = (a_j - r a_(j-1)) / sqrt(1 - r^2),  S = sum w_j w_j',
        log|V| = sum log(1 - r^2),

    in time linear in the rows, for series of any length (Jones & Boadi-Boateng 1991,
    Biometrics 47(1)). See :class:`skmixed.likelihood.elimination.regime.Elimination`
    for the contract.

    Parameters
    ----------
    A : SeriesProducts
    """

    name = "markov"

    def set_up(self, A):
        """Nothing beside the columns."""

    def take_columns(self, A):
        """Take [X y]."""
        self.rows, self.back = A.rows, before(A.rows)

    def factor(self, r):
        """Factor V at the correlations with the rows before, of shape (n,).

        Raises
        ------
        LinAlgError
            Where one is 1.
        """
        return FactoredSeries(self.rows, self.back, r)


class FactoredSeries(Factorisation):
    """V of all series, factored.

    Parameters
    ----------
    rows, back : ndarray of shape (m, n)
        Rows, and those before them.
    r : ndarray of shape (n,)
        Zero at the first row of a subject.
    """

    def __init__(self, rows, back, r):
        super().__init__([])
        self.F = []
        left = 1.0 - r**2
        if not (left > 0).all():
            raise np.linalg.LinAlgError("a correlation of one")
        self.rows, self.back = rows, back
        self.r, self.scale = r, 1.0 / np.sqrt(left)
        self.S, self.logdet_V = 0.0, float(np.log(left).sum())
        for chunk in chunks(len(r)):
            W = self.whitened(chunk)
            self.S = self.S + W @ W.T

    def whitened(self, chunk=slice(None)):
        """The rows w of some rows, of shape (m, n)."""
        W = self.rows[:, chunk] - self.r[chunk] * self.back[:, chunk]
        W *= self.scale[chunk]
        return W

    @property
    def P(self):
        """There are no random effects."""
        return []

    def kronecker_sums(self, f, whitened):
        """Not to be had; the deviance knows its derivatives by rows."""
        raise NotImplementedError


def chunks(n):
    """Slices of rows whose sums are made in fast memory."""
    return [slice(start, start + CHUNK_ROWS) for start in range(0, n, CHUNK_ROWS)]


def before(rows):
    """The rows before, zero before the first."""
    shifted = np.empty_like(rows)
    shifted[:, 0], shifted[:, 1:] = 0.0, rows[:, :-1]
    return shifted


def accumulate_back(y, r, starts):
    """``z_j = y_j + r_(j+1) z_(j+1)`` within series.

    Parameters
    ----------
    y : ndarray of shape (p, n)
    r : ndarray of shape (n,)
    starts : ndarray of int
        First rows of the series.

    Returns
    -------
    ndarray of shape (p, n)
    """
    z, lengths = y.copy(), np.diff(np.append(starts, y.shape[1]))
    order = np.argsort(-lengths, kind="stable")
    ends, left = (starts + lengths - 1)[order], lengths[order]
    for back in range(1, int(left.max())):
        at = ends[: np.count_nonzero(left > back)] - back
        z[:, at] += r[at + 1] * z[:, at + 1]
    return z
