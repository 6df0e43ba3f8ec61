"""Correlations with a nugget: a share of the variance that is a row's own."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmixed.likelihood.covariance.correlation import LARGEST_PHI, Shape

# Logit of the nugget that searches start from, and others that they start from too.
START = -1.0
FURTHER = (-3.0, 1.0)


@dataclass(frozen=True, init=False)
class Nugget(Shape):
    """(1 - nugget) R + nugget I: nlme's ``corExp(nugget = TRUE)``.

    Parameters
    ----------
    inner : Shape
        That gives R over distances.

    Notes
    -----
    phi holds those of R, and the logit of the nugget last.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.likelihood.covariance.nugget import Nugget
    >>> from skmixed.likelihood.covariance.serial import GapAutoregressive
    >>> shape = Nugget(GapAutoregressive(3, (0.0, 1.0, 2.0)))
    >>> shape.value(np.array([np.arctanh(0.8), 0.0])).round(2)
    array([[1.  , 0.4 , 0.32],
           [0.4 , 1.  , 0.4 ],
           [0.32, 0.4 , 1.  ]])
    """

    inner: Any

    timed = True

    def __init__(self, inner):
        object.__setattr__(self, "n_effects", inner.n_effects)
        object.__setattr__(self, "ordered", inner.ordered)
        object.__setattr__(self, "inner", inner)

    @property
    def n_phi(self):
        """Number of parameters."""
        return self.inner.n_phi + 1

    @property
    def names(self):
        """Those of R."""
        return self.inner.names

    @property
    def smallest(self):
        """The smallest value of a correlation."""
        return self.inner.smallest

    @property
    def unit(self):
        """Unit of the distances."""
        return self.inner.unit

    def share(self, phi):
        """The nugget."""
        return 1.0 / (
            1.0 + np.exp(-np.clip(phi[-1], -2 * LARGEST_PHI, 2 * LARGEST_PHI))
        )

    def derivatives(self, phi):
        """R, dR and d2R."""
        found = self.inner.at_lags(self.inner.lag, phi[:-1])
        return self.with_own(found, phi, np.eye(self.n_effects))

    def at(self, lag, phi):
        """What R is without a nugget over any distances."""
        return self.inner.at(lag, phi[:-1])

    def at_lags(self, lag, phi):
        """The same with its derivatives."""
        return self.inner.at_lags(lag, phi[:-1])

    def at_rows(self, R, phi, same):
        """R of rows; ``same`` is one where a row meets itself."""
        return R + self.share(phi) * (same - R)

    def with_own(self, found, phi, same):
        """R, dR and d2R of rows."""
        R, R1, R2 = found
        share = self.share(phi)
        slope, m = share * (1.0 - share), self.n_phi
        own = same - R
        first = np.concatenate([(1.0 - share) * R1, (slope * own)[None]])
        second = np.empty((m, m, *R.shape))
        second[:-1, :-1] = (1.0 - share) * R2
        second[-1, :-1] = second[:-1, -1] = -slope * R1
        second[-1, -1] = slope * (1.0 - 2.0 * share) * own
        return R + share * own, first, second

    def read(self, R):
        """Phi of R as if there were hardly a nugget."""
        return np.append(self.inner.read(R), START)

    def further(self, phi):
        """Other nuggets, with shorter and longer distances."""
        return [
            np.append(inner, logit)
            for logit in FURTHER
            for inner in (phi[:-1], phi[:-1] + 1.5)
        ]


class RangedNugget(Nugget):
    """A nugget beside a correlation that has a range."""

    def range_of(self, phi):
        """The range, in units of time."""
        return self.inner.range_of(phi[:-1])


def with_nugget(shape):
    """Give a shape a nugget.

    Parameters
    ----------
    shape : Shape

    Returns
    -------
    Nugget
    """
    kind = RangedNugget if hasattr(shape, "range_of") else Nugget
    return kind(shape)
