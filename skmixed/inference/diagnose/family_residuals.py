"""Residuals of generalised models at the conditional modes, and what they add up to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import ndtri, roots_hermitenorm

from skmixed.inference.prediction import random_variance

# Nodes of the posterior of a row's predictor.
NODES = 15
# Probabilities are held off 0 and 1 by this before they become normal scores.
EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class FamilyRows:
    """Rows of a fit, with the distribution that it gives to each of them.

    Parameters
    ----------
    result : GeneralizedResult
    y : ndarray of shape (n,)
    w : ndarray of shape (n,) or float
    eta : ndarray of shape (n,)
        Linear predictor at the conditional modes.
    """

    result: Any
    y: np.ndarray
    w: Any
    eta: np.ndarray

    @property
    def mean(self):
        """Mean responses at the conditional modes."""
        return self.result.family.mean(self.eta, self.result.psi)

    def law(self, eta):
        """Distribution of the responses at some linear predictors."""
        return self.result.family.distribution(eta, self.result.psi, self.w)

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
        family, law = self.result.family, self.law(self.eta)
        k = self.y * family.unit(self.w)
        k = np.round(k) if family.discrete else k
        upper = law.cdf(k)
        if family.discrete:
            lower = law.cdf(k - 1.0)
            upper = lower + rng.uniform(size=len(k)) * (upper - lower)
        return ndtri(np.clip(upper, EDGE, 1.0 - EDGE))


def excess(fit, design):
    """How much more responses vary, and how many more are zero, than a fit expects.

    Parameters
    ----------
    fit : Fitted
        Of a generalised model.
    design : Design
        The rows of the fit, with responses and weights.

    Returns
    -------
    dispersion : tuple (ratio, p_value)
    zeros : tuple (seen, expected, p_value)

    Notes
    -----
    At the conditional modes responses are too near to their means, which were fitted
    to them. Averaged over the posterior of the random effects b they are not: with
    mean mu and variance V of a row given b,

        E[ E((y - mu)^2 | y) ] = E[ E(V | y) ],

    whatever the groups' sizes, and zeros likewise. The ratio is that of the two sums
    over rows, each row in units of its V at b = 0, times n / (n - p); the posterior is
    taken for normal. P-values are two-sided and take the rows for independent, which
    makes them large rather than small.
    """
    result = fit.result
    family, psi, y = result.family, result.psi, design.y
    rows = FamilyRows(result, y, weights_of(design), fixed_predictor(result, design))
    unit, base = family.unit(rows.w), rows.law(rows.eta).var()
    center = predictor_at(result, design, result.means)
    sd = np.sqrt(np.maximum(random_variance(fit, design), 0.0))
    nodes, shares = roots_hermitenorm(NODES)
    squares, variance, noise, chance = (np.zeros(len(y)) for _ in range(4))
    for node, share in zip(nodes, shares / shares.sum(), strict=True):
        eta = center + node * sd
        law = rows.law(eta)
        own = law.var()
        squares += share * np.square((y - family.mean(eta, psi)) * unit)
        variance += share * own
        noise += share * (2.0 + law.stats(moments="k")) * own**2
        chance += share * law.cdf(np.zeros(len(y)))
    seen, expected = (squares / base).sum(), (variance / base).sum()
    z = (seen - expected) / np.sqrt((noise / base**2).sum())
    ratio = seen / expected * len(y) / max(len(y) - len(result.coef), 1)
    zero, mass = int(np.sum(y == 0)), np.sum(chance * (1.0 - chance))
    gap = (zero - chance.sum()) / np.sqrt(max(mass, np.finfo(float).tiny))
    dispersion = float(ratio), float(2.0 * stats.norm.sf(abs(z)))
    return dispersion, (zero, float(chance.sum()), float(2 * stats.norm.sf(abs(gap))))


def weights_of(design):
    """Weights of the rows; 1 where there are none."""
    return 1.0 if design.weights is None else design.weights


def fixed_predictor(result, design):
    """Linear predictor at random effects of zero, of shape (n,)."""
    eta = design.X[:, result.kept] @ result.coef
    return eta if design.offset is None else eta + design.offset


def predictor_at(result, design, effects):
    """Linear predictor of rows of known groups at some random effects, of shape (n,).

    Parameters
    ----------
    result : GeneralizedResult
    design : Design
    effects : tuple of ndarray of shape (G_j, k_j)
        ``result.modes``, or ``result.means``.
    """
    eta = fixed_predictor(result, design)
    for block, (factor, positions, _) in zip(design.random, result.terms, strict=True):
        own = effects[factor][block.codes][:, list(positions)]
        eta = eta + np.einsum("nk,nk->n", block.z, own)
    return eta
