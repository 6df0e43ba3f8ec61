"""Gaussian responses, for which Laplace's approximation is exact."""

import numpy as np
from scipy import stats

from skmixed.likelihood.families.family import Family, Terms
from skmixed.likelihood.families.links import LOG_2PI, Identity


class GaussianIdentity(Family):
    """Variance ``exp(-psi)``: the linear mixed model by maximum likelihood."""

    name = "gaussian"
    link = Identity()
    psi_names = ("log_precision",)
    canonical = True

    def start_eta(self, y, w):
        return np.asarray(y, dtype=float)

    def start_psi(self, y, w, mean):
        w = np.broadcast_to(w, y.shape)
        return np.array([-np.log(np.sum(w * (y - mean) ** 2) / np.sum(w))])

    def terms(self, y, w, eta, psi):
        precision = np.exp(psi[0])
        residual = y - eta
        half = -0.5 * w * precision * residual**2
        zero = np.zeros_like(residual)
        W = w * precision + zero
        score = W * residual
        return Terms(
            0.5 * w * (psi[0] - LOG_2PI) + half,
            score,
            W,
            zero,
            zero,
            loglik_psi=[0.5 * w + half],
            score_psi=[score],
            W_psi=[W],
            loglik_psi2=[[half]],
        )

    def dispersion(self, psi):
        """Residual variance."""
        return float(np.exp(-psi[0]))

    def distribution(self, eta, psi, w):
        return stats.norm(eta, np.sqrt(self.dispersion(psi) / w))

    def unit_deviance(self, y, mean, psi):
        return (y - mean) ** 2
