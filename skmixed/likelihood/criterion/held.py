"""A deviance of which something is held: parameters, or combinations of columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmixed.likelihood.criterion.objective import Derivatives


@dataclass(frozen=True, eq=False)
class RestrictedPoint:
    """A deviance at y, and the point of the whole one that it is.

    Parameters
    ----------
    theta : ndarray of shape (c,)
        y.
    whole : Point
        At x.
    """

    theta: np.ndarray
    whole: Any

    @property
    def value(self):
        """Deviance."""
        return self.whole.value

    @property
    def samples(self):
        """What every probe says of it; None if exact."""
        return self.whole.samples


class Restricted:
    """A deviance on x = origin + M y, with one theta held at amount / sigma.

    Parameters
    ----------
    deviance : ScaledDeviance
    M : ndarray of shape (m + 1, c)
    scaled : int, optional
        Position in x of the theta that is ``amount / sigma``.
    """

    costly = costly_curvature = False

    def __init__(self, deviance, M, scaled=None):
        self.deviance = deviance
        self.M = M
        self.origin = np.zeros(len(M))
        self.scaled = scaled
        self.amount = 0.0

    @property
    def exact(self):
        """Whether the Hessian is exact."""
        return self.deviance.exact

    def expand(self, y):
        """All of x at some y."""
        x = self.origin + self.M @ y
        if self.scaled is not None:
            x[self.scaled] = self.amount * np.exp(-x[-1])
        return x

    def at(self, y):
        """Deviance at y."""
        return RestrictedPoint(y, self.deviance.at(self.expand(y)))

    def derivatives(self, point):
        """Gradient and Hessian in y at a point."""
        whole = self.deviance.derivatives(point.whole)
        J, bend = self.M, 0.0
        if self.scaled is not None:
            held = point.whole.theta[self.scaled]
            J = J.copy()
            J[self.scaled] = -held * self.M[-1]
            bend = whole.gradient[self.scaled] * held * np.outer(self.M[-1], self.M[-1])
        return Derivatives(
            J.T @ whole.gradient,
            lambda: J.T @ whole.hessian @ J + bend,
            whole.G_Psi,
            whole.scale,
        )


class TransformedElimination:
    """An elimination whose columns [X y] are replaced by linear combinations of them.

    Parameters
    ----------
    elimination : Elimination
    B : ndarray of shape (m, c)
        ``[X y] B`` takes the place of [X y].
    """

    def __init__(self, elimination, B):
        self.inner = elimination
        self.B = B
        self.name, self.exact = elimination.name, elimination.exact
        self.estimates = elimination.estimates

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        return TransformedFactored(self.inner.factor(Lambdas), self.B)


class TransformedFactored:
    """V at one theta, seen through linear combinations of [X y].

    Parameters
    ----------
    factored : Factored
    B : ndarray of shape (m, c)
    """

    def __init__(self, factored, B):
        self.factored, self.B = factored, B
        self.logdet_V = factored.logdet_V
        self.S = B.T @ factored.S @ B
        self.samples = getattr(factored, "samples", None)

    @property
    def F(self):
        """Z'V^-1[X y] B."""
        return [np.matmul(self.B.T, block) for block in self.factored.F]

    @property
    def traces(self):
        """Sums over levels of the diagonal blocks of Z'V^-1 Z."""
        return self.factored.traces

    def paired(self, D, f, whitened, ratio):
        """Terms with two directions; see the factorisation."""
        return self.factored.paired(D, f, whitened, ratio)

    def kronecker_sums(self, f, whitened):
        """Sums over pairs of levels; see the factorisation."""
        return self.factored.kronecker_sums(f, whitened)
