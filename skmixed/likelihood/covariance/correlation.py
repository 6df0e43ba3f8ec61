"""Shapes of correlation matrices: unconstrained phi to R, with two derivatives.

Every shape of k effects is positive definite for every phi and gives R of shape (k, k),
dR of shape (m, k, k) and d2R of shape (m, m, k, k). Its effects are equally spaced.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# tanh(13) is within 1e-11 of 1: a correlation matrix that still has a root.
LARGEST_PHI = 13.0
# Correlations, as phi, of further starts where all neighbours correlate alike.
FURTHER = (0.2, 0.8, 1.4)


@dataclass(frozen=True)
class Shape:
    """Independent effects, and what every shape has.

    Parameters
    ----------
    n_effects : int
    """

    n_effects: int

    # phi off the limits: tanh(1.5) is 0.9
    within = 1.5
    # whether effects have an order, in which an intercept has no place
    ordered = False
    # whether they stand at times, which the shape takes too
    timed = False
    # whether parameters are of neighbours, and not of lags
    by_step = False

    @property
    def n_phi(self):
        """Number of parameters."""
        return 0

    @property
    def names(self) -> tuple[str, ...]:
        """What parameters are called: the k-th correlates effects 0 and k + 1."""
        return ()

    @property
    def smallest(self):
        """The smallest value of a correlation."""
        return -1.0

    @cached_property
    def lag(self):
        """How far apart two effects are, of shape (k, k)."""
        at = np.arange(self.n_effects)
        return np.abs(at[:, None] - at)

    def value(self, phi):
        """R alone."""
        return self.derivatives(phi)[0]

    def derivatives(self, phi):
        """R, dR and d2R."""
        R = np.eye(self.n_effects)
        return R, np.zeros((0, *R.shape)), np.zeros((0, 0, *R.shape))

    def with_own(self, found, phi, same):
        """R, dR and d2R of rows, as distances tell; a row meets itself in ``same``."""
        return found

    def at_rows(self, R, phi, same):
        """R of rows alone."""
        return R

    def read(self, R):
        """Phi of the shape nearest to a correlation matrix; inverts :meth:`value`."""
        return np.zeros(0)

    def phi_of(self, rho):
        """First entry of phi for a correlation of lag one."""
        return float(arctanh_bounded(np.array(rho)))

    def further(self, phi):
        """Other starts than phi, where the likelihood can have several optima."""
        return []

    def mean_by_lag(self, R):
        """Mean correlation at each lag from 1, of shape (k - 1,)."""
        return np.array([np.diag(R, k).mean() for k in range(1, self.n_effects)])


class Uncorrelated(Shape):
    """R = I: with equal variances glmmTMB's ``homdiag``."""


class CompoundSymmetry(Shape):
    """One correlation for all pairs, between -1 / (k - 1) and 1.

    With a = 1 / (k - 1), rho = (1 + a) expit(phi) - a.
    """

    n_phi = 1
    names = ("rho",)
    within = 3.0

    def derivatives(self, phi):
        """R, dR and d2R."""
        a = -self.smallest
        share = 1.0 / (
            1.0 + np.exp(-np.clip(phi[0], -2 * LARGEST_PHI, 2 * LARGEST_PHI))
        )
        slope = (1.0 + a) * share * (1.0 - share)
        off = 1.0 - np.eye(self.n_effects)
        R = np.eye(self.n_effects) + ((1.0 + a) * share - a) * off
        return R, slope * off[None], slope * (1.0 - 2.0 * share) * off[None, None]

    @property
    def smallest(self):
        """The smallest correlation."""
        return -1.0 / (self.n_effects - 1)

    def phi_of(self, rho):
        """Phi of a correlation."""
        return float(logit_bounded((rho - self.smallest) / (1.0 - self.smallest)))

    def read(self, R):
        """Phi of the mean correlation."""
        k = self.n_effects
        return np.array([self.phi_of((R.sum() - np.trace(R)) / (k * (k - 1)))])


class Autoregressive(Shape):
    """rho^lag with rho = tanh(phi): lme4's ``ar1``."""

    n_phi = 1
    names = ("rho",)
    ordered = True
    # of distances
    unit = 1.0

    def derivatives(self, phi):
        """R, dR and d2R."""
        return self.at_lags(self.lag, phi)

    def value(self, phi):
        """R alone."""
        return self.at(self.lag, phi)

    def at(self, lag, phi):
        """R over any distances, an array of any shape."""
        return np.tanh(np.clip(phi[0], -LARGEST_PHI, LARGEST_PHI)) ** lag

    def at_lags(self, lag, phi):
        """R, dR and d2R over any distances."""
        rho = np.tanh(np.clip(phi[0], -LARGEST_PHI, LARGEST_PHI))
        slope = 1.0 - rho**2
        first = lag * rho ** np.maximum(lag - 1, 0)
        second = lag * (lag - 1) * rho ** np.maximum(lag - 2, 0)
        bend = second * slope**2 - 2.0 * rho * slope * first
        return rho**lag, (slope * first)[None], bend[None, None]

    def read(self, R):
        """Phi of the mean correlation of neighbours."""
        return arctanh_bounded(self.mean_by_lag(R)[:1])


class Toeplitz(Shape):
    """A correlation for every lag, by partial autocorrelations tanh(phi).

    The Durbin-Levinson recursion takes them to autocorrelations; every point is
    positive definite (Barndorff-Nielsen & Schou 1973, J. Multivariate Anal. 3).
    """

    ordered = True

    @property
    def n_phi(self):
        """Number of lags."""
        return self.n_effects - 1

    @property
    def names(self):
        """A name for every lag."""
        return tuple(f"rho{k}" for k in range(1, self.n_effects))

    def value(self, phi):
        """R alone."""
        partial, rho, ar, left = (
            tanh_bounded(phi),
            np.ones(self.n_effects),
            np.zeros(0),
            1.0,
        )
        for k, here in enumerate(partial):
            rho[k + 1] = here * left + ar @ rho[k:0:-1]
            ar = np.append(ar - here * ar[::-1], here)
            left *= 1.0 - here**2
        return rho[self.lag]

    def derivatives(self, phi):
        """R, dR and d2R."""
        rho, g, h = autocorrelations(phi)
        return (
            np.append(1.0, rho)[self.lag],
            np.moveaxis(np.concatenate([np.zeros_like(g[:1]), g])[self.lag], -1, 0),
            np.moveaxis(
                np.concatenate([np.zeros_like(h[:1]), h])[self.lag], (-2, -1), (0, 1)
            ),
        )

    def further(self, phi):
        """First partial autocorrelations alone, small and large."""
        if self.n_phi < 2:
            return []
        return [value * np.eye(1, self.n_phi)[0] for value in FURTHER]

    def read(self, R):
        """Phi of the mean correlations by lag, as far as they are positive definite."""
        rho, partial, ar, left = self.mean_by_lag(R), [], np.zeros(0), 1.0
        for k in range(self.n_phi):
            here = (rho[k] - ar @ rho[:k][::-1]) / left if left > 0 else 0.0
            here = float(np.clip(here, -1.0, 1.0))
            partial.append(here)
            ar = np.append(ar - here * ar[::-1], here)
            left *= 1.0 - here**2
        return arctanh_bounded(np.array(partial))


@dataclass(frozen=True)
class Jet:
    """Numbers with their gradients and Hessians in phi: shapes (n,), (n, m), (n, m, m).

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.likelihood.covariance.correlation import Jet
    >>> x = Jet(np.array([3.0]), np.ones((1, 1)), np.zeros((1, 1, 1)))
    >>> square = x * x
    >>> float(square.v[0]), float(square.g[0, 0]), float(square.h[0, 0, 0])
    (9.0, 6.0, 2.0)
    """

    v: np.ndarray
    g: np.ndarray
    h: np.ndarray

    def __add__(self, other):
        return Jet(self.v + other.v, self.g + other.g, self.h + other.h)

    def __sub__(self, other):
        return Jet(self.v - other.v, self.g - other.g, self.h - other.h)

    def __mul__(self, other):
        outer = self.g[:, :, None] * other.g[:, None, :]
        return Jet(
            self.v * other.v,
            self.v[:, None] * other.g + other.v[:, None] * self.g,
            self.v[:, None, None] * other.h
            + other.v[:, None, None] * self.h
            + outer
            + outer.transpose(0, 2, 1),
        )

    def __getitem__(self, index):
        return Jet(self.v[index], self.g[index], self.h[index])

    def sum(self):
        """Their sum, as one number."""
        return Jet(
            self.v.sum(keepdims=True),
            self.g.sum(axis=0, keepdims=True),
            self.h.sum(axis=0, keepdims=True),
        )


def concatenate(jets):
    """Put numbers behind one another."""
    return Jet(*(np.concatenate([getattr(j, a) for j in jets]) for a in "vgh"))


def autocorrelations(phi):
    """Autocorrelations of lags 1 to m, with their derivatives.

    Parameters
    ----------
    phi : ndarray of shape (m,)
        Inverse hyperbolic tangents of the partial autocorrelations.

    Returns
    -------
    rho : ndarray of shape (m,)
    gradient : ndarray of shape (m, m)
    hessian : ndarray of shape (m, m, m)
    """
    m = len(phi)
    partial = tanh_bounded(phi)
    slope, each = 1.0 - partial**2, np.arange(m)
    h = np.zeros((m, m, m))
    h[each, each, each] = -2.0 * partial * slope
    p = Jet(partial, np.diag(slope), h)
    rho = ar = Jet(np.zeros(0), np.zeros((0, m)), np.zeros((0, m, m)))
    left = Jet(np.ones(1), np.zeros((1, m)), np.zeros((1, m, m)))
    for k in range(m):
        here = p[k : k + 1]
        rho = concatenate([rho, here * left + (ar * rho[::-1]).sum()])
        ar = concatenate([ar - here * ar[::-1], here])
        left = left - here * here * left
    return rho.v, rho.g, rho.h


def tanh_bounded(phi):
    """Correlations that leave a root to their matrix."""
    return np.tanh(np.clip(phi, -LARGEST_PHI, LARGEST_PHI))


def arctanh_bounded(rho):
    """Inverse of tanh, not beyond what still has a root."""
    with np.errstate(divide="ignore"):
        return np.clip(np.arctanh(np.clip(rho, -1, 1)), -LARGEST_PHI, LARGEST_PHI)


def logit_bounded(share):
    """Inverse of the logistic function, not beyond what still has a root."""
    share = np.clip(share, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        logit = np.log(share) - np.log1p(-share)
    return np.clip(logit, -2 * LARGEST_PHI, 2 * LARGEST_PHI)
