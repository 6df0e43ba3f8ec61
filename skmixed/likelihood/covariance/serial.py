"""Shapes of correlations between visits at given times: phi to R, two derivatives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skmixed.likelihood.covariance.correlation import (
    FURTHER,
    LARGEST_PHI,
    Autoregressive,
    Shape,
    arctanh_bounded,
)

# Logarithms of a range in units of the median gap stay within this.
LARGEST_RANGE = 25.0


@dataclass(frozen=True)
class GapAutoregressive(Autoregressive):
    """rho^gap for whole-number times: nlme's ``corAR1(form = ~ time | id)``.

    Parameters
    ----------
    n_effects : int
    times : tuple of float
        Whole numbers.
    """

    times: tuple = ()

    timed = True

    @cached_property
    def lag(self):
        """Distances in time, of shape (k, k)."""
        t = np.rint(np.array(self.times))
        return np.abs(t[:, None] - t)

    def read(self, R):
        """Phi of the mean correlation at the shortest distance."""
        shortest = self.lag[self.lag > 0].min()
        rho = R[self.lag == shortest].mean()
        return arctanh_bounded(np.array([np.sign(rho) * abs(rho) ** (1.0 / shortest)]))

    def further(self, phi):
        """The other sign, which even gaps leave open, near and far from zero."""
        gaps = np.diff(np.sort(self.times))
        return [] if (gaps == 1).all() else [-phi, *np.outer((-1.4, 1.4), phi**0)]


@dataclass(frozen=True)
class Exponential(Shape):
    """exp(-d / range) for continuous times: SAS's SP(EXP), nlme's ``corCAR1``.

    Parameters
    ----------
    n_effects : int
    times : tuple of float

    Notes
    -----
    phi is the logarithm of the range in units of the median gap.
    """

    times: tuple = ()

    timed = True
    n_phi = 1
    names = ("rho",)
    smallest = 0.0
    power = 1

    @cached_property
    def unit(self):
        """Median distance of neighbouring times."""
        return float(np.median(np.diff(np.sort(self.times))))

    @cached_property
    def lag(self):
        """Distances in units of the median gap, of shape (k, k)."""
        t = np.array(self.times) / self.unit
        return np.abs(t[:, None] - t)

    def derivatives(self, phi):
        """R, dR and d2R."""
        return self.at_lags(self.lag, phi)

    def value(self, phi):
        """R alone."""
        return self.at(self.lag, phi)

    def at(self, lag, phi):
        """R over any distances in units of the gap, an array of any shape."""
        log = np.clip(phi[0], -LARGEST_RANGE, LARGEST_RANGE)
        return np.exp(-((lag * np.exp(-log)) ** self.power))

    def at_lags(self, lag, phi):
        """R, dR and d2R over any distances."""
        c, log = self.power, np.clip(phi[0], -LARGEST_RANGE, LARGEST_RANGE)
        r = (lag * np.exp(-log)) ** c
        R = np.exp(-r)
        return R, (c * r * R)[None], (c**2 * (r**2 - r) * R)[None, None]

    def read(self, R):
        """Phi of the mean correlation at the shortest distance."""
        shortest = self.lag[self.lag > 0].min()
        rho = float(np.clip(R[self.lag == shortest].mean(), 0.05, 0.98))
        return np.array([np.log(shortest) - np.log(-np.log(rho)) / self.power])

    def range_of(self, phi):
        """The range, in units of time."""
        return float(self.unit * np.exp(phi[0]))


@dataclass(frozen=True)
class GaussianShape(Exponential):
    """exp(-(d / range)^2): SAS's SP(GAU)."""

    power = 2

    def further(self, phi):
        """Shorter and longer ranges."""
        return [phi + shift for shift in (-1.0, 0.7, 1.4)]


@dataclass(frozen=True)
class Antedependence(Shape):
    """The product of the correlations of all steps between: SAS's ANTE(1).

    Of effects j < k it is rho_j rho_(j+1) ... rho_(k-1), with rho = tanh(phi).
    """

    by_step = True

    @property
    def n_phi(self):
        """Number of steps."""
        return self.n_effects - 1

    @property
    def names(self):
        """A name for every step."""
        return tuple(f"rho{k}" for k in range(1, self.n_effects))

    @cached_property
    def spanned(self):
        """Whether a step lies between two effects, of shape (k - 1, k, k)."""
        at = np.arange(self.n_effects)
        low, high = np.minimum(at[:, None], at), np.maximum(at[:, None], at)
        steps = at[:-1, None, None]
        return (low <= steps) & (steps < high)

    def derivatives(self, phi):
        """R, dR and d2R."""
        rho = np.tanh(np.clip(phi, -LARGEST_PHI, LARGEST_PHI))
        slope, k, m = 1.0 - rho**2, self.n_effects, self.n_phi
        factors = np.where(self.spanned, rho[:, None, None], 1.0)
        R1, R2 = np.zeros((m, k, k)), np.zeros((m, m, k, k))
        for i in range(m):
            without = factors.copy()
            without[i] = self.spanned[i]
            R1[i] = slope[i] * without.prod(axis=0)
            R2[i, i] = -2.0 * rho[i] * R1[i]
            for j in range(i):
                both = without.copy()
                both[j] = self.spanned[j]
                R2[i, j] = R2[j, i] = slope[i] * slope[j] * both.prod(axis=0)
        return factors.prod(axis=0), R1, R2

    def value(self, phi):
        """R alone."""
        rho = np.tanh(np.clip(phi, -LARGEST_PHI, LARGEST_PHI))
        return np.where(self.spanned, rho[:, None, None], 1.0).prod(axis=0)

    def further(self, phi):
        """One correlation for all steps, small and large."""
        return [np.full(self.n_phi, value) for value in FURTHER if self.n_phi > 1]

    def read(self, R):
        """Phi of the correlations of neighbours."""
        return arctanh_bounded(np.diag(R, 1))
