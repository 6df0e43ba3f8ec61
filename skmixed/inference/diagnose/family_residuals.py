"""Residuals of generalised models at the conditional modes, and what they add up to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import ndtri

from skmixed.inference.prediction import random_variance

# Probabilities are held off 0 and 1 by this before they become normal scores.
EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class FamilyRows:
    """Rows of a fit, with the distribution that it gives to each of them.

    Parameters
    ----------
    eta, y, mean : ndarray of shape (n,)
        Linear predictor at the conditional modes, response and its mean.
    law : scipy.stats frozen distribution
        Of ``unit * y``.
    unit : ndarray of shape (n,) or float
        Trials of a share.
    n_effective : float
        Fixed effects, and what the random effects amount to: the trace of the matrix
        from working responses to fitted ones.
    discrete : bool
    """

    eta: np.ndarray
    y: np.ndarray
    mean: np.ndarray
    law: Any
    unit: Any
    n_effective: float
    discrete: bool

    @classmethod
    def of(cls, fit, design):
        """Read the rows of a fit.

        Parameters
        ----------
        fit : Fitted
            Of a generalised model.
        design : Design
            With responses and weights.

        Returns
        -------
        FamilyRows
        """
        result = fit.result
        eta = predictor_at_modes(result, design)
        w = 1.0 if design.weights is None else design.weights
        W = result.family.terms(design.y, w, eta, result.psi).W
        amount = float(W @ random_variance(fit, design))
        return cls.at(result, eta, design.y, w, len(result.coef) + amount)

    @classmethod
    def at(cls, result, eta, y, w, n_effective=np.nan):
        """Rows at some linear predictors.

        Parameters
        ----------
        result : GeneralizedResult
        eta, y : ndarray of shape (n,)
        w : ndarray of shape (n,) or float
        n_effective : float, optional

        Returns
        -------
        FamilyRows
        """
        family, psi = result.family, result.psi
        return cls(
            eta=eta,
            y=y,
            mean=family.mean(eta, psi),
            law=family.distribution(eta, psi, w),
            unit=family.unit(w),
            n_effective=n_effective,
            discrete=family.discrete,
        )

    def quantile_residuals(self, rng):
        """Normal scores of the responses in their distributions.

        Parameters
        ----------
        rng : Generator
            For discrete responses, which are spread over the step that they stand on.

        Returns
        -------
        ndarray of shape (n,)
            Standard normal if the model is right and the modes are near the effects.

        Notes
        -----
        Dunn and Smyth (1996), Journal of Computational and Graphical Statistics 5(3).
        """
        k = self.y * self.unit
        k = np.round(k) if self.discrete else k
        upper = self.law.cdf(k)
        if self.discrete:
            lower = self.law.cdf(k - 1.0)
            upper = lower + rng.uniform(size=len(k)) * (upper - lower)
        return ndtri(np.clip(upper, EDGE, 1.0 - EDGE))

    def dispersion(self):
        """Pearson's chi-square over its degrees of freedom.

        Returns
        -------
        ratio, p_value : float
            1 is expected; the p-value is two-sided, from the normal distribution with
            the variance that the family gives.
        """
        variance = self.law.var() / self.unit**2
        squares = (self.y - self.mean) ** 2 / variance
        df = len(self.y) - self.n_effective
        kurtosis = self.law.stats(moments="k")
        sd = np.sqrt(np.sum(2.0 + kurtosis) * df / len(self.y))
        z = (squares.sum() - df) / sd
        return float(squares.sum() / df), float(2.0 * stats.norm.sf(abs(z)))

    def zeros(self):
        """Rows with a response of zero, how many are expected, and the p-value."""
        chance = self.law.cdf(np.zeros(len(self.y)))
        seen, expected = int(np.sum(self.y == 0)), float(chance.sum())
        sd = np.sqrt(max(np.sum(chance * (1.0 - chance)), np.finfo(float).tiny))
        return seen, expected, float(2.0 * stats.norm.sf(abs(seen - expected) / sd))


def predictor_at_modes(result, design):
    """Linear predictor of rows of known groups, of shape (n,)."""
    eta = design.X[:, result.kept] @ result.coef
    if design.offset is not None:
        eta = eta + design.offset
    for block, (factor, positions, _) in zip(design.random, result.terms, strict=True):
        own = result.modes[factor][block.codes][:, list(positions)]
        eta = eta + np.einsum("nk,nk->n", block.z, own)
    return eta
