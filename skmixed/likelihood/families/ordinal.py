"""Grades: cumulative logit and probit models."""

import numpy as np
from scipy.special import expit, ndtr

from skmixed.likelihood.families.family import Family, Terms
from skmixed.likelihood.families.links import LOG_2PI, Logit, Probit

# Thresholds stay at least this far apart.
NARROWEST_GRADE = 1e-8
# Probabilities are held above this, so that their logarithm exists.
SMALLEST_PROBABILITY = 1e-300
# Beyond this the normal density is zero to working precision.
FARTHEST = 40.0


class Ordinal(Family):
    """``P(y <= j) = F(tau_j - eta)``: y holds grades 0 to J - 1, psi the thresholds.

    ``l = log P`` with ``P = F(tau_y - eta) - F(tau_{y-1} - eta)``, taken from the upper
    tails where both are positive (McCullagh 1980). Derivatives are those of P, relative
    to P.

    Parameters
    ----------
    n_grades : int
    """

    name = "ordinal"
    discrete = True
    response = "grades"

    def __init__(self, n_grades):
        self.n_grades = n_grades
        self.psi_names = tuple(f"threshold_{j + 1}" for j in range(n_grades - 1))

    def cdf(self, x):
        """Distribution function of the latent response."""
        raise NotImplementedError

    def density(self, x):
        """Latent density and its first two derivatives, zero at infinite x."""
        raise NotImplementedError

    def bend(self, x):
        """Third derivative of the latent density."""
        raise NotImplementedError

    def start_eta(self, y, w):
        return np.zeros(len(y))

    def start_psi(self, y, w, mean):
        w = np.broadcast_to(w, y.shape)
        totals = np.bincount(y.astype(np.intp), w, minlength=self.n_grades)
        return self.link.of(np.cumsum(totals)[:-1] / totals.sum())

    def feasible(self, psi):
        return bool(np.all(np.diff(psi) > NARROWEST_GRADE))

    def mean(self, eta, psi):
        """Mean grade, counted from 0."""
        return self.n_grades - 1 - self.cdf(np.asarray(psi)[:, None] - eta).sum(axis=0)

    def probabilities(self, eta, psi, variance=0.0):
        """Probabilities of the grades, averaged over a normal predictor.

        Returns
        -------
        ndarray of shape (n, n_grades)
        """
        edges = np.asarray(psi)[:, None] - eta
        below = np.array([self.link.average(edge, variance) for edge in edges])
        ends = np.zeros((1, below.shape[1]))
        return np.diff(np.vstack([ends, below, ends + 1.0]), axis=0).T

    def distribution(self, eta, psi, w):
        return Grades(self.probabilities(eta, psi))

    def edges(self, y, eta, psi):
        """Distances of the predictor from the grade's upper and lower threshold."""
        thresholds = np.concatenate([[-np.inf], psi, [np.inf]])
        grade = y.astype(np.intp)
        return thresholds[grade + 1] - eta, thresholds[grade] - eta

    def probability(self, upper, lower):
        """P of the rows' grades, from the tail where it keeps its digits."""
        flip = lower > 0
        high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
        return np.maximum(self.cdf(high) - self.cdf(low), SMALLEST_PROBABILITY)

    def step(self, y, w, eta, psi):
        upper, lower = self.edges(y, eta, psi)
        P = self.probability(upper, lower)
        fu, fu1, _ = self.density(upper)
        fl, fl1, _ = self.density(lower)
        p1 = (fl - fu) / P
        return w * np.log(P), w * p1, w * (p1 * p1 - (fu1 - fl1) / P)

    def terms(self, y, w, eta, psi):
        upper, lower = self.edges(y, eta, psi)
        P = self.probability(upper, lower)
        at_upper = [d / P for d in self.density(upper)]
        at_lower = [d / P for d in self.density(lower)]
        p1 = at_lower[0] - at_upper[0]
        p2 = at_upper[1] - at_lower[1]
        p3 = at_lower[2] - at_upper[2]
        p4 = (self.bend(upper) - self.bend(lower)) / P
        W = p1 * p1 - p2
        W1 = -(p3 - 3.0 * p1 * p2 + 2.0 * p1**3)
        W2 = -(p4 - 4 * p1 * p3 - 3 * p2 * p2 + 12 * p1 * p1 * p2 - 6 * p1**4)
        found = Terms(w * np.log(P), w * p1, w * W, w * W1, w * W2)
        self.add_thresholds(found, y, w, (p1, p2), (at_upper, at_lower))
        return found

    def add_thresholds(self, found, y, w, eta_moves, sides):
        """Derivatives in the thresholds: only a row's own two move it."""
        (p1, p2), grade = eta_moves, y.astype(np.intp)
        threshold = np.arange(self.n_psi)[:, None]
        is_upper, is_lower = grade == threshold, grade == threshold + 1
        q, q1, q2 = (
            np.where(is_upper, up, np.where(is_lower, -down, 0.0))
            for up, down in zip(*sides, strict=True)
        )
        slope = -q1 - p1 * q
        found.loglik_psi = list(w * q)
        found.score_psi = list(w * slope)
        found.W_psi = list(w * (2.0 * p1 * slope - (q2 - p2 * q)))
        both = -q[:, None] * q
        both[threshold[:, 0], threshold[:, 0]] += q1
        found.loglik_psi2 = [list(row) for row in w * both]

    def unit_deviance(self, y, mean, psi):
        raise NotImplementedError("Grades have no deviance of a mean.")


class OrdinalLogit(Ordinal):
    """Proportional odds."""

    link = Logit()

    def cdf(self, x):
        return expit(x)

    def density(self, x):
        p = expit(x)
        v = p * (1.0 - p)
        return v, v * (1.0 - 2.0 * p), v * (1.0 - 6.0 * v)

    def bend(self, x):
        p = expit(x)
        v = p * (1.0 - p)
        return v * (1.0 - 2.0 * p) * (1.0 - 12.0 * v)


class OrdinalProbit(Ordinal):
    """A normal latent response, cut at the thresholds."""

    link = Probit()

    def cdf(self, x):
        return ndtr(x)

    def density(self, x):
        x = np.clip(x, -FARTHEST, FARTHEST)
        f = np.exp(-0.5 * x * x - 0.5 * LOG_2PI)
        return f, -x * f, (x * x - 1.0) * f

    def bend(self, x):
        x = np.clip(x, -FARTHEST, FARTHEST)
        return (3.0 * x - x**3) * np.exp(-0.5 * x * x - 0.5 * LOG_2PI)


class Grades:
    """Distribution of grades 0 to J - 1, row by row.

    Parameters
    ----------
    probabilities : ndarray of shape (n, J)
    """

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def cdf(self, grade):
        """Probability of at most this grade, row by row."""
        below = np.cumsum(self.probabilities, axis=1)
        place = np.clip(np.floor(grade), -1, below.shape[1] - 1).astype(np.intp)
        reached = np.take_along_axis(below, np.maximum(place, 0)[:, None], axis=1)[:, 0]
        return np.where(place < 0, 0.0, np.minimum(reached, 1.0))

    def rvs(self, size=None, random_state=None):
        """Draw grades, one a row, or ``size[0]`` of each where ``size`` is (m, n)."""
        rng = np.random.default_rng(random_state)
        n, J = self.probabilities.shape
        u = rng.random(n if size is None else size)
        below = np.cumsum(self.probabilities, axis=1)[:, : J - 1]
        return np.sum(u[..., None] > below, axis=-1).astype(float)
