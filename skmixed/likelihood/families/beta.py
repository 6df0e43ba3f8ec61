"""Shares without trials: the beta distribution."""

import numpy as np
from scipy import stats
from scipy.special import digamma, gammaln, polygamma

from skmixed.likelihood.families.family import Family, Terms, refuse_where
from skmixed.likelihood.families.links import Logit

# Bound of |log precision|.
WIDEST_LOG_PRECISION = 18.0
# Means are held this far from 0 and 1, where the density has no derivatives.
MEAN_MARGIN = 1e-12


class BetaLogit(Family):
    """Variance mu (1 - mu) / (1 + phi), psi = log phi (Ferrari and Cribari-Neto 2004).

    ``y ~ Beta(mu phi, (1 - mu) phi)``. Derivatives in eta follow from those in mu,
    d1 to d4, by the chain rule on ``v = dmu/deta = mu (1 - mu)``.
    """

    name = "beta"
    link = Logit()
    psi_names = ("log_precision",)
    response = "shares between 0 and 1, both left out"

    def start_eta(self, y, w):
        return np.log(y / (1.0 - y))

    def start_psi(self, y, w, mean):
        w = np.broadcast_to(w, y.shape)
        spread = np.sum(w * (y - mean) ** 2 / (mean * (1.0 - mean))) / np.sum(w)
        return np.array([np.log(max(1.0 / spread - 1.0, 0.1))])

    def feasible(self, psi):
        return bool(abs(psi[0]) < WIDEST_LOG_PRECISION)

    def check(self, y, w):
        refuse_where(
            (y <= 0) | (y >= 1),
            y,
            "Beta responses lie strictly between 0 and 1. Where 0 and 1 occur, the "
            "share may have trials (`MixedBinomialRegressor`), or be cut into classes "
            "(`MixedOrdinalClassifier`)",
        )

    def terms(self, y, w, eta, psi):
        phi = np.exp(psi[0])
        mu = np.clip(self.link.mean(eta), MEAN_MARGIN, 1.0 - MEAN_MARGIN)
        a, b = mu * phi, (1.0 - mu) * phi
        log_y, log_rest = np.log(y), np.log1p(-y)
        da, db = digamma(a), digamma(b)
        ta, tb = polygamma(1, a), polygamma(1, b)
        qa, qb = polygamma(2, a), polygamma(2, b)
        d1 = phi * (log_y - log_rest - da + db)
        d2 = -(phi**2) * (ta + tb)
        d3 = -(phi**3) * (qa - qb)
        d4 = -(phi**4) * (polygamma(3, a) + polygamma(3, b))
        W, W1, W2 = chain(mu, d1, d2, d3, d4)
        v, v1 = mu * (1.0 - mu), mu * (1.0 - mu) * (1.0 - 2.0 * mu)
        at_phi = digamma(phi) + mu * (log_y - da) + (1.0 - mu) * (log_rest - db)
        bend = polygamma(1, phi) - mu**2 * ta - (1.0 - mu) ** 2 * tb
        d1_phi = d1 / phi - phi * (mu * ta - (1.0 - mu) * tb)
        d2_phi = -2.0 * phi * (ta + tb) - phi**2 * (mu * qa + (1.0 - mu) * qb)
        loglik = gammaln(phi) - gammaln(a) - gammaln(b)
        loglik += (a - 1.0) * log_y + (b - 1.0) * log_rest
        return Terms(
            w * loglik,
            w * d1 * v,
            w * W,
            w * W1,
            w * W2,
            loglik_psi=[w * phi * at_phi],
            score_psi=[w * phi * d1_phi * v],
            W_psi=[-w * phi * (d2_phi * v * v + d1_phi * v1)],
            loglik_psi2=[[w * (phi * at_phi + phi**2 * bend)]],
        )

    def step(self, y, w, eta, psi):
        phi = np.exp(psi[0])
        mu = np.clip(self.link.mean(eta), MEAN_MARGIN, 1.0 - MEAN_MARGIN)
        a, b = mu * phi, (1.0 - mu) * phi
        log_y, log_rest = np.log(y), np.log1p(-y)
        v = mu * (1.0 - mu)
        d1 = phi * (log_y - log_rest - digamma(a) + digamma(b))
        d2 = -(phi**2) * (polygamma(1, a) + polygamma(1, b))
        loglik = gammaln(phi) - gammaln(a) - gammaln(b)
        loglik += (a - 1.0) * log_y + (b - 1.0) * log_rest
        return w * loglik, w * d1 * v, -w * (d2 * v * v + d1 * v * (1.0 - 2.0 * mu))

    def expected_weights(self, y, w, eta, psi):
        phi = np.exp(psi[0])
        mu = np.clip(self.link.mean(eta), MEAN_MARGIN, 1.0 - MEAN_MARGIN)
        v = mu * (1.0 - mu)
        information = polygamma(1, mu * phi) + polygamma(1, (1.0 - mu) * phi)
        return w * phi**2 * v * v * information

    def dispersion(self, psi):
        """Precision phi: the variance is mu (1 - mu) / (1 + phi)."""
        return float(np.exp(psi[0]))

    def latent_variance(self, psi, mean_of_rows):
        return None

    def distribution(self, eta, psi, w):
        phi = np.exp(psi[0])
        mu = np.clip(self.link.mean(eta), MEAN_MARGIN, 1.0 - MEAN_MARGIN)
        return stats.beta(mu * phi, (1.0 - mu) * phi)

    def unit_deviance(self, y, mean, psi):
        return 2.0 * (self.log_density(y, y, psi) - self.log_density(y, mean, psi))

    def log_density(self, y, mean, psi):
        """Log-density at a mean."""
        phi = np.exp(psi[0])
        mean = np.clip(mean, MEAN_MARGIN, 1.0 - MEAN_MARGIN)
        return stats.beta.logpdf(y, mean * phi, (1.0 - mean) * phi)


def chain(mu, d1, d2, d3, d4):
    """W, W1 and W2 from the derivatives of l in mu, by ``mu' = v = mu (1 - mu)``."""
    v = mu * (1.0 - mu)
    v1 = v * (1.0 - 2.0 * mu)
    v2 = v * (1.0 - 6.0 * v)
    v3 = v * (1.0 - 2.0 * mu) * (1.0 - 12.0 * v)
    W = -(d2 * v * v + d1 * v1)
    W1 = -(d3 * v**3 + 3.0 * d2 * v * v1 + d1 * v2)
    W2 = -(
        d4 * v**4
        + 6.0 * d3 * v * v * v1
        + d2 * (3.0 * v1 * v1 + 4.0 * v * v2)
        + d1 * v3
    )
    return W, W1, W2
