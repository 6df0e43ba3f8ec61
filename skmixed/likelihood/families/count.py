"""Counts: Poisson, and negative binomial with variance mu + mu^2 / theta."""

import numpy as np
from scipy import stats
from scipy.special import digamma, gammaln, polygamma, xlogy

from skmixed.errors import ResponseError
from skmixed.likelihood.families.family import Family, Terms, refuse_where
from skmixed.likelihood.families.links import LARGEST_PREDICTOR, LOG_2PI, Log

# Of counts beyond this y log y - y is taken off row by row, and log y! by Stirling's
# series: the log-likelihood is a deviance, and large terms do not cost its digits.
LARGE_COUNT = 1e4
# From this theta on differences of log Gamma are taken by Stirling's series.
STIRLING_FROM = 1e4
# Bound of |log theta|, beyond which the likelihood is flat.
WIDEST_LOG_THETA = 25.0


class Count(Family):
    """What counts with a log link have in common."""

    link = Log()
    discrete = True
    response = "counts"

    def start_eta(self, y, w):
        return np.log(y + 0.1)

    def check(self, y, w):
        refuse_where(y < 0, y, "Counts are not negative")
        refuse_where(y != np.floor(y), y, "Counts are whole numbers")


class PoissonLog(Count):
    """``l = w (y eta - mu - log y!)``, for which W = W1 = W2 = w mu."""

    name = "poisson"
    canonical = True

    def constant(self, y, w):
        rest = gammaln(y + 1.0)
        large = y > LARGE_COUNT
        count = y[large]
        rest[large] = 0.5 * (LOG_2PI + np.log(count)) + 1.0 / (12.0 * count)
        return -float(np.sum(w * rest))

    def step(self, y, w, eta, psi):
        W = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        score = y - W
        loglik = y * eta
        loglik -= W
        large = y > LARGE_COUNT
        if large.any():
            off = eta[large] - np.log(y[large])
            loglik[large] = y[large] * (off - np.expm1(off))
        if np.ndim(w) or w != 1.0:
            loglik *= w
            score *= w
            W *= w
        return loglik, score, W

    def terms(self, y, w, eta, psi):
        loglik, score, W = self.step(y, w, eta, psi)
        return Terms(loglik, score, W, W, W)

    def slopes(self, y, w, eta, psi, score, W):
        return Terms(np.zeros(0), score, W, W, W)

    def tilts(self, y):
        return bool(y.max(initial=0.0) <= LARGE_COUNT)

    def tilted(self, odds):
        return odds, odds

    def latent_variance(self, psi, mean_of_rows):
        return float(polygamma(1, mean_of_rows()))

    def distribution(self, eta, psi, w):
        return stats.poisson(self.link.mean(eta))

    def unit_deviance(self, y, mean, psi):
        return 2.0 * (xlogy(y, y) - xlogy(y, mean) - (y - mean))


class NegativeBinomialLog(Count):
    """NB2: a Gamma mixture of Poisson counts, psi = log theta.

    ``l = log Gamma(y + theta) - log Gamma(theta) - y log theta + y eta
    - (y + theta) log(1 + mu / theta)``.
    """

    name = "nbinom2"
    psi_names = ("log_theta",)

    def check(self, y, w):
        super().check(y, w)
        if not y.any():
            raise ResponseError(
                "All counts are 0: neither their mean nor their dispersion has a bound."
            )

    def constant(self, y, w):
        return -float(np.sum(w * gammaln(y + 1.0)))

    def start_psi(self, y, w, mean):
        excess = np.sum(w * ((y - mean) ** 2 - mean)) / np.sum(w * mean**2)
        return np.array([-np.log(np.clip(excess, 1e-3, 1e3))])

    def feasible(self, psi):
        return bool(abs(psi[0]) < WIDEST_LOG_THETA)

    def step(self, y, w, eta, psi):
        theta = np.exp(psi[0])
        mu = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        rise, _, _ = rises(y, theta, psi[0], 0)
        share = mu / (theta + mu)
        loglik = rise + y * eta - (y + theta) * np.log1p(mu / theta)
        W = (y + theta) * share * (1.0 - share)
        return w * loglik, w * (y - (y + theta) * share), w * W

    def terms(self, y, w, eta, psi):
        theta = np.exp(psi[0])
        mu = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        total, ratio = theta + mu, np.log1p(mu / theta)
        share = mu / total
        rise, rise1, rise2 = rises(y, theta, psi[0], 2)
        W = w * (y + theta) * share * (1.0 - share)
        slope = w * (rise1 - ratio - (y - mu) / total)
        bend = w * (rise2 + 1.0 / theta - 1.0 / total + (y - mu) / total**2)
        moved = mu * ((2 * theta + y) * total - 2 * theta * (y + theta)) / total**3
        return Terms(
            w * (rise + y * eta - (y + theta) * ratio),
            w * (y - (y + theta) * share),
            W,
            W * (1.0 - 2.0 * share),
            W * (1.0 - 6.0 * share * (1.0 - share)),
            loglik_psi=[theta * slope],
            score_psi=[theta * w * (y - mu) * mu / total**2],
            W_psi=[theta * w * moved],
            loglik_psi2=[[theta * slope + theta**2 * bend]],
        )

    def expected_weights(self, y, w, eta, psi):
        mu = np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        return w * mu / (1.0 + mu / np.exp(psi[0]))

    def dispersion(self, psi):
        """theta: the variance of a count is mu + mu^2 / theta."""
        return float(np.exp(psi[0]))

    def latent_variance(self, psi, mean_of_rows):
        precision = 1.0 / (1.0 / mean_of_rows() + 1.0 / self.dispersion(psi))
        return float(polygamma(1, precision))

    def distribution(self, eta, psi, w):
        theta = np.exp(psi[0])
        return stats.nbinom(theta, theta / (theta + self.link.mean(eta)))

    def unit_deviance(self, y, mean, psi):
        theta = np.exp(psi[0])
        off = (y + theta) * np.log((y + theta) / (mean + theta))
        return 2.0 * (xlogy(y, y) - xlogy(y, mean) - off)


def rises(y, theta, log_theta, order):
    """``log Gamma(y + theta) - log Gamma(theta) - y log theta``, and its derivatives.

    Counts repeat: where the largest is below the number of rows, each is computed once.

    Returns
    -------
    rise, slope, bend : ndarray of shape (n,)
        The derivatives of the first two terms alone; zero beyond ``order``.
    """
    largest = int(y.max()) if len(y) else 0
    if largest < len(y):
        table = rise_of(np.arange(largest + 1.0), theta, log_theta, order)
        counts = y.astype(np.intp)
        return tuple(values.take(counts) for values in table)
    return rise_of(y, theta, log_theta, order)


def rise_of(y, theta, log_theta, order):
    """The same for each count given."""
    zero = np.zeros_like(y)
    if theta <= STIRLING_FROM:
        rise = gammaln(y + theta) - gammaln(theta) - y * log_theta
        if not order:
            return rise, zero, zero
        slope = digamma(y + theta) - digamma(theta)
        return rise, slope, polygamma(1, y + theta) - polygamma(1, theta)
    log_share = np.log1p(y / theta)
    up, at = 1.0 / (y + theta), 1.0 / theta
    rise = (y + theta - 0.5) * log_share - y + (up - at) / 12.0
    slope = log_share - 0.5 * (up - at) - (up**2 - at**2) / 12.0
    bend = (up - at) + 0.5 * (up**2 - at**2) + (up**3 - at**3) / 6.0
    return rise, slope, bend
