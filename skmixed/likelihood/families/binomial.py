"""Binomial responses: y is a share of successes, its weight the number of trials."""

from dataclasses import replace

import numpy as np
from scipy import stats
from scipy.special import gammaln, ndtri, xlogy

from skmixed.errors import ResponseError
from skmixed.likelihood.families.family import Family, Terms, refuse_where
from skmixed.likelihood.families.links import (
    LARGEST_PREDICTOR,
    LOG_2PI,
    Cloglog,
    Logit,
    Probit,
    mills,
)

# A share times its trials is a whole number to within this.
WHOLE = 1e-6
# Below this probability the complementary log-log is taken by its series.
RARE = 1e-8
# The exponential of this is a double still, and so is its inverse.
LARGEST_EXPONENT = 700.0
# Numbers from 1/2 to 1 of which a product does not underflow.
MULTIPLIED = 64


class Binomial(Family):
    """k successes in w trials, y = k / w: ``l = w (y log p + (1 - y) log(1 - p))``."""

    name = "binomial"
    discrete = True
    response = "shares of successes between 0 and 1"

    def constant(self, y, w):
        """Log of the binomial coefficients; none for rows of one trial."""
        if np.ndim(w) == 0 and np.all((y == 0) | (y == 1)):
            return 0.0
        k = w * y
        return float(np.sum(gammaln(w + 1.0) - gammaln(k + 1.0) - gammaln(w - k + 1.0)))

    def start_eta(self, y, w):
        return self.link.of((y + 0.5) / 2.0)

    def check(self, y, w):
        refuse_where(
            (y < 0) | (y > 1),
            y,
            "Binomial responses are shares of successes between 0 and 1",
        )
        k = np.asarray(w * y)
        if np.any(np.abs(k - np.round(k)) > WHOLE * np.maximum(1.0, k)):
            raise ResponseError(
                "A share of successes needs its number of trials: share times trials "
                "must be whole. Give the trials as `sample_weight`, or write the left "
                "side as `cbind(successes, failures)` or `successes / trials`."
            )

    def distribution(self, eta, psi, w):
        trials = self.unit(np.broadcast_to(w, np.shape(eta)))
        return stats.binom(trials.astype(np.int64), self.link.mean(eta))

    def unit(self, w):
        return np.maximum(np.round(w), 1.0)

    def unit_deviance(self, y, mean, psi):
        mean = np.clip(mean, 1e-15, 1.0 - 1e-15)
        return 2.0 * (
            xlogy(y, y) - xlogy(y, mean) + xlogy(1 - y, 1 - y) - xlogy(1 - y, 1 - mean)
        )


class BinomialLogit(Binomial):
    """Logistic regression: ``W = w p (1 - p)`` from ``exp(-eta)`` alone."""

    link = Logit()
    canonical = True

    def start_eta(self, y, w):
        return np.log((y + 0.5) / (1.5 - y))

    def step(self, y, w, eta, psi):
        q, score, W = self.halves(y, eta)
        loglik = y * eta
        loglik -= np.maximum(eta, 0.0)
        loglik += np.log(q)  # twice as fast as log1p, and as exact in a sum
        if np.ndim(w) or w != 1.0:
            loglik *= w
            score *= w
            W *= w
        return loglik, score, W

    def summed_step(self, y, w, eta, psi):
        if np.ndim(w) or w != 1.0:
            return super().summed_step(y, w, eta, psi)
        q, score, W = self.halves(y, eta)
        loglik = y * eta
        loglik -= np.maximum(eta, 0.0)  # row by row: zero where they are separated
        return float(loglik.sum()) + sum_of_logs(q), score, W

    def halves(self, y, eta):
        """``q = max(p, 1 - p)``, score and W of rows of one trial."""
        rest = np.negative(eta)
        np.minimum(rest, LARGEST_EXPONENT, out=rest)
        np.exp(rest, out=rest)
        p = rest + 1.0
        np.reciprocal(p, out=p)
        rest *= p  # 1 - p, to all its digits
        q = np.maximum(p, rest)
        rest *= p
        return q, np.subtract(y, p, out=p), rest

    def tilts(self, y):
        return True

    def tilted(self, odds):
        odds += 1.0
        A = np.log(odds)
        np.reciprocal(odds, out=odds)
        return A, np.subtract(1.0, odds, out=odds)

    def terms(self, y, w, eta, psi):
        loglik, score, W = self.step(y, w, eta, psi)
        return replace(self.slopes(y, w, eta, psi, score, W), loglik=loglik)

    def slopes(self, y, w, eta, psi, score, W):
        v, slope = W, score
        if np.ndim(w) or w != 1.0:
            trials = np.where(w > 0, w, 1.0)  # rows left out add nothing
            v, slope = W / trials, score / trials
        slope = slope - y  # -p
        slope *= 2.0
        slope += 1.0
        slope *= W
        bend = -6.0 * v
        bend += 1.0
        bend *= W
        return Terms(np.zeros(0), score, W, slope, bend)


class BinomialProbit(Binomial):
    """``p = Phi(eta)``: the derivatives are those of Mills' ratio on either side."""

    link = Probit()

    def start_eta(self, y, w):
        return ndtri((y + 0.5) / 2.0)

    def terms(self, y, w, eta, psi):
        a, b = w * y, w * (1.0 - y)
        l1, r1, s1, t1, u1 = mills(eta)
        l0, r0, s0, t0, u0 = mills(-eta)
        return Terms(
            a * l1 + b * l0,
            a * r1 - b * r0,
            -(a * s1 + b * s0),
            -(a * t1 - b * t0),
            -(a * u1 + b * u0),
        )

    def expected_weights(self, y, w, eta, psi):
        log_p, *_ = mills(eta)
        log_q, *_ = mills(-eta)
        return w * np.exp(-eta * eta - LOG_2PI - log_p - log_q)


class BinomialCloglog(Binomial):
    """``p = 1 - exp(-exp(eta))``: discrete-time hazards."""

    link = Cloglog()

    def terms(self, y, w, eta, psi):
        t = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        p = -np.expm1(-t)
        rare = t <= RARE
        safe = np.where(rare, 1.0, np.maximum(p, 1e-300))
        log_p = np.where(rare, eta, np.log(safe))
        # a = dlog(p)/deta = t exp(-t) / p; c = dlog(a)/deta
        a = np.where(rare, 1.0 - t / 2, t * np.exp(-t) / safe)
        c = 1 - t - a
        a1 = a * c
        c1 = -t - a1
        a2 = a1 * c + a * c1
        a3 = a2 * c + 2 * a1 * c1 + a * (-t - a2)
        u, v = w * y, w * (1.0 - y)
        return Terms(
            u * log_p - v * t,
            u * a - v * t,
            v * t - u * a1,
            v * t - u * a2,
            v * t - u * a3,
        )

    def expected_weights(self, y, w, eta, psi):
        t = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        return w * t * t * np.exp(-t) / np.maximum(-np.expm1(-t), 1e-300)


def sum_of_logs(q):
    """Sum of the logarithms of numbers from 1/2 to 1: few of their products."""
    even = len(q) - len(q) % MULTIPLIED
    products = np.multiply.reduce(q[:even].reshape(MULTIPLIED, -1), axis=0)
    return float(np.log(products).sum() + np.log(q[even:]).sum())
