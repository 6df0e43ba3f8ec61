"""Positive responses: Gamma and inverse Gaussian."""

import numpy as np
from scipy import stats
from scipy.special import digamma, gammaln, polygamma

from skmixed.likelihood.families.family import Family, Terms, refuse_where
from skmixed.likelihood.families.links import LOG_2PI, Inverse, Log

# Bound of |psi|, beyond which a dispersion is none.
WIDEST_LOG_DISPERSION = 30.0


class Positive(Family):
    """What positive responses with a dispersion have in common."""

    response = "positive numbers"

    def start_eta(self, y, w):
        return self.link.of(y)

    def feasible(self, psi):
        return bool(abs(psi[0]) < WIDEST_LOG_DISPERSION)

    def check(self, y, w):
        refuse_where(y <= 0, y, f"Responses of the {self.name} family are positive")

    def dispersion(self, psi):
        """phi: the variance is phi times the variance function."""
        return float(np.exp(-psi[0]))


class Gamma(Positive):
    """Variance mu^2 / a, psi = log a.

    ``l = w (a log a - log Gamma(a) + (a - 1) log y - a (log mu + y / mu))``.
    """

    name = "Gamma"
    psi_names = ("log_shape",)

    def start_psi(self, y, w, mean):
        w = np.broadcast_to(w, y.shape)
        return np.array([-np.log(np.sum(w * (y / mean - 1.0) ** 2) / np.sum(w))])

    def of_shape(self, y, w, psi):
        """The shape, the terms of l in it alone, and their derivatives in it."""
        shape = np.exp(psi[0])
        log_y = np.log(y)
        base = w * ((shape - 1.0) * log_y + shape * psi[0] - gammaln(shape))
        slope = w * (log_y + psi[0] + 1.0 - digamma(shape))
        return shape, base, slope, w * (1.0 / shape - polygamma(1, shape))

    def distribution(self, eta, psi, w):
        shape = np.exp(psi[0])
        return stats.gamma(shape, scale=self.link.mean(eta) / shape)

    def unit_deviance(self, y, mean, psi):
        return 2.0 * ((y - mean) / mean - np.log(y / mean))


class GammaLog(Gamma):
    """Gamma with ``mu = exp(eta)``: W = a y / mu."""

    link = Log()

    def terms(self, y, w, eta, psi):
        shape, base, slope, bend = self.of_shape(y, w, psi)
        ratio = w * y * np.exp(-eta)
        W = shape * ratio
        slope = slope - w * eta - ratio
        score = shape * (ratio - w)
        return Terms(
            base - shape * (w * eta + ratio),
            score,
            W,
            -W,
            W,
            loglik_psi=[shape * slope],
            score_psi=[score],
            W_psi=[W],
            loglik_psi2=[[shape * slope + shape**2 * bend]],
        )

    def expected_weights(self, y, w, eta, psi):
        return w * np.exp(psi[0]) + np.zeros_like(eta)

    def latent_variance(self, psi, mean_of_rows):
        return float(polygamma(1, np.exp(psi[0])))


class GammaInverse(Gamma):
    """Gamma with ``mu = 1 / eta``, the canonical link: W = a / eta^2."""

    link = Inverse()
    canonical = True

    def terms(self, y, w, eta, psi):
        shape, base, slope, bend = self.of_shape(y, w, psi)
        outside = eta <= 0
        safe = np.where(outside, 1.0, eta)
        core = w * (np.log(safe) - y * safe)
        W = shape * w / safe**2
        slope = slope + core
        loglik = np.where(outside, -np.inf, base + shape * core)
        score = shape * w * (1.0 / safe - y)
        return Terms(
            loglik,
            score,
            W,
            -2.0 * W / safe,
            6.0 * W / safe**2,
            loglik_psi=[shape * slope],
            score_psi=[score],
            W_psi=[W],
            loglik_psi2=[[shape * slope + shape**2 * bend]],
        )

    def expected_weights(self, y, w, eta, psi):
        return w * np.exp(psi[0]) / np.where(eta <= 0, 1.0, eta) ** 2


class InverseGaussianLog(Positive):
    """Variance phi mu^3, psi = -log phi, ``mu = exp(eta)``.

    ``l = w (psi - log(2 pi y^3) - (y - mu)^2 / (phi mu^2 y)) / 2``; the observed W
    ``= (2 y / mu^2 - 1 / mu) / phi`` may be negative.
    """

    name = "inverse.gaussian"
    link = Log()
    psi_names = ("log_precision",)

    def start_psi(self, y, w, mean):
        w = np.broadcast_to(w, y.shape)
        spread = np.sum(w * (y - mean) ** 2 / (y * mean**2)) / np.sum(w)
        return np.array([-np.log(spread)])

    def terms(self, y, w, eta, psi):
        precision = np.exp(psi[0])
        inverse = np.exp(-eta)
        first, second = w * y * inverse**2, w * inverse
        deviance = first - 2.0 * second + w / y
        half = -0.5 * precision * deviance
        score, W = precision * (first - second), precision * (2.0 * first - second)
        return Terms(
            0.5 * w * (psi[0] - LOG_2PI - 3.0 * np.log(y)) + half,
            score,
            W,
            precision * (second - 4.0 * first),
            precision * (8.0 * first - second),
            loglik_psi=[0.5 * w + half],
            score_psi=[score],
            W_psi=[W],
            loglik_psi2=[[half]],
        )

    def expected_weights(self, y, w, eta, psi):
        return w * np.exp(psi[0] - eta)

    def distribution(self, eta, psi, w):
        precision = np.exp(psi[0])
        return stats.invgauss(self.link.mean(eta) / precision, scale=precision)

    def unit_deviance(self, y, mean, psi):
        return (y - mean) ** 2 / (mean**2 * y)
