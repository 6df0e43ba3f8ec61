"""What a search sees of a criterion: points, and derivatives at them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numpy as np


class Point(Protocol):
    """A criterion at one theta: a value, whatever is asked for afterwards.

    Attributes
    ----------
    theta : ndarray of shape (m,)
    value : float
        Infinite where it cannot be computed.
    """

    @property
    def theta(self) -> np.ndarray: ...  # noqa: D102

    @property
    def value(self) -> float: ...  # noqa: D102


class Derivatives:
    """Gradient of a criterion at a point, and its curvature once that is asked for.

    Parameters
    ----------
    gradient : ndarray of shape (m,)
    curve : callable
        Gives the Hessian; what it holds of the point is let go of then.
    G_Psi : list of ndarray of shape (k_j, k_j)
        Derivative in each factor's relative covariance Psi.
    scale : list of float
        Mean eigenvalue of ``sum_g P_gg`` per factor: the unit of ``G_Psi``.
    """

    def __init__(self, gradient, curve, G_Psi, scale):
        self.gradient: np.ndarray = gradient
        self.curve: Callable[[], np.ndarray] | None = curve
        self.G_Psi: list = G_Psi
        self.scale: list = scale

    @cached_property
    def hessian(self) -> Any:
        """Exact, or average information plus exact terms of the gradient, (m, m)."""
        curve = self.curve
        self.release()
        return None if curve is None else curve()

    def release(self):
        """Let go of the point, whose Hessian is not asked for then."""
        self.curve = None


class Objective(Protocol):
    """What :func:`skmixed.likelihood.search.optimize.minimise` asks of a criterion.

    Attributes
    ----------
    exact : bool
        Whether the Hessian is exact, and not the average information.
    costly, costly_curvature : bool
        Whether a point, or its Hessian, takes so long that the last step saves one.
    """

    costly: bool
    costly_curvature: bool

    @property
    def exact(self) -> bool: ...  # noqa: D102

    def at(self, theta) -> Any:
        """Give the :class:`Point` at theta; the last one again costs nothing."""

    def derivatives(self, point) -> Derivatives:
        """Differentiate at a point of this criterion."""


class Remembering(ABC):
    """An objective that knows its last point, until it is asked for another one."""

    last: Any = None
    n_evaluations = 0
    # Whether an evaluation costs too much for a step that gains less than the
    # tolerance, and a Hessian more than a step by that of the point before.
    costly = costly_curvature = False

    def at(self, theta):
        """Criterion at theta; an infinite value where it cannot be computed.

        Parameters
        ----------
        theta : ndarray of shape (m,)

        Returns
        -------
        Point
        """
        if not self.is_known(theta):
            self.last = None  # what it worked in serves the next one
            self.n_evaluations += 1
            self.last = self.evaluate(np.array(theta))
        return self.last

    def recall(self, point):
        """Take a point of this criterion for the last one."""
        self.last = point

    def is_known(self, theta):
        """Whether theta was asked for last."""
        return self.last is not None and np.array_equal(theta, self.last.theta)

    @abstractmethod
    def evaluate(self, theta):
        """Find the point at theta."""
