"""Links: from the linear predictor to the mean, and averages over a normal one."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_ndtr, logit, ndtr, ndtri, roots_hermitenorm

# Nodes of Gauss-Hermite quadrature where the average of a mean has no closed form.
AVERAGING_NODES = 25
# Predictors are held below this before exp: its square must not overflow.
LARGEST_PREDICTOR = 300.0

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Link:
    """A link eta = g(mu).

    Attributes
    ----------
    name : str
    latent_variance : float or None
        Variance of the standard distribution whose threshold model the link is
        (Nakagawa, Johnson and Schielzeth 2017, table 2): pi^2/3 for the logit. None
        where there is none.
    """

    name: str = ""
    latent_variance: float | None = None

    def of(self, mean):
        """Linear predictor of a mean, g(mu)."""
        raise NotImplementedError

    def mean(self, eta):
        """Mean at a linear predictor, g^-1(eta)."""
        raise NotImplementedError

    def slope(self, eta):
        """dmu/deta, for the delta method."""
        raise NotImplementedError

    def average(self, eta, variance):
        """Mean of g^-1 over a normal predictor.

        Parameters
        ----------
        eta : ndarray of shape (n,)
        variance : ndarray of shape (n,)
            Of the predictor; zero where it is known.

        Returns
        -------
        ndarray of shape (n,)
            E g^-1(eta + z sd), z standard normal, by Gauss-Hermite quadrature.
        """
        nodes, weights = roots_hermitenorm(AVERAGING_NODES)
        sd = np.sqrt(np.maximum(variance, 0.0))
        total = np.zeros(np.broadcast(eta, sd).shape)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            total += weight * self.mean(eta + node * sd)
        return total


@dataclass(frozen=True)
class Logit(Link):
    """eta = log(mu / (1 - mu)): the logistic distribution's quantile."""

    name: str = "logit"
    latent_variance: float = float(np.pi**2 / 3)

    def of(self, mean):
        return logit(mean)

    def mean(self, eta):
        return expit(eta)

    def slope(self, eta):
        p = expit(eta)
        return p * (1.0 - p)


@dataclass(frozen=True)
class Probit(Link):
    """eta = Phi^-1(mu): the normal distribution's quantile."""

    name: str = "probit"
    latent_variance: float = 1.0

    def of(self, mean):
        return ndtri(mean)

    def mean(self, eta):
        return ndtr(eta)

    def slope(self, eta):
        return np.exp(-0.5 * np.square(eta) - 0.5 * LOG_2PI)

    def average(self, eta, variance):
        """E Phi(eta + z sd) = Phi(eta / sqrt(1 + sd^2))."""
        return ndtr(eta / np.sqrt(1.0 + np.maximum(variance, 0.0)))


@dataclass(frozen=True)
class Cloglog(Link):
    """eta = log(-log(1 - mu)): the complementary log-log."""

    name: str = "cloglog"
    latent_variance: float = float(np.pi**2 / 6)

    def of(self, mean):
        return np.log(-np.log1p(-np.asarray(mean)))

    def mean(self, eta):
        return -np.expm1(-np.exp(np.minimum(eta, LARGEST_PREDICTOR)))

    def slope(self, eta):
        eta = np.minimum(eta, LARGEST_PREDICTOR)
        return np.exp(eta - np.exp(eta))


@dataclass(frozen=True)
class Log(Link):
    """eta = log(mu)."""

    name: str = "log"

    def of(self, mean):
        return np.log(mean)

    def mean(self, eta):
        return np.exp(eta)

    def slope(self, eta):
        return np.exp(eta)

    def average(self, eta, variance):
        """E exp(eta + z sd) = exp(eta + sd^2 / 2)."""
        return np.exp(eta + 0.5 * np.maximum(variance, 0.0))


@dataclass(frozen=True)
class Inverse(Link):
    """eta = 1 / mu, of positive means: no mean where eta is not positive."""

    name: str = "inverse"

    def of(self, mean):
        return 1.0 / np.asarray(mean)

    def mean(self, eta):
        return 1.0 / np.asarray(eta)

    def slope(self, eta):
        return -1.0 / np.square(eta)

    def average(self, eta, variance):
        """Mean at the predictor itself where the quadrature's nodes leave its range.

        The average of 1/eta over a normal eta does not exist: mass beyond zero is
        left out by the range of the nodes.
        """
        nodes = roots_hermitenorm(AVERAGING_NODES)[0]
        sd = np.sqrt(np.maximum(variance, 0.0))
        inside = eta + nodes[0] * sd > 0
        safe = np.where(inside, sd, 0.0)
        return super().average(eta, np.square(safe))


@dataclass(frozen=True)
class Identity(Link):
    """eta = mu."""

    name: str = "identity"

    def of(self, mean):
        return np.asarray(mean, dtype=float)

    def mean(self, eta):
        return np.asarray(eta, dtype=float)

    def slope(self, eta):
        return np.ones_like(eta)

    def average(self, eta, variance):
        return np.broadcast_to(eta, np.broadcast(eta, variance).shape).copy()


def mills(x):
    """Log of Phi, and the first four derivatives of its logarithm.

    Parameters
    ----------
    x : ndarray of shape (n,)

    Returns
    -------
    log_cdf, d1, d2, d3, d4 : ndarray of shape (n,)
        ``r = phi / Phi`` solves ``r' = -r (x + r)``, which gives the others.
    """
    log_cdf = log_ndtr(x)
    r = np.exp(-0.5 * x * x - 0.5 * LOG_2PI - log_cdf)
    q = x + r
    r1 = -r * q
    q1 = 1.0 + r1
    r2 = -(r1 * q + r * q1)
    q2 = r2
    r3 = -(r2 * q + 2.0 * r1 * q1 + r * q2)
    return log_cdf, r, r1, r2, r3
