"""The fitted parameters, and what follows from them and the cross-products alone."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.covariance.parts import ResidualPart
from skmixed.likelihood.covariance.residual import has_no_inverse
from skmixed.likelihood.covariance.structure import canonical
from skmixed.likelihood.products.blocks import BlockProducts, one_block
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.patterns import PatternProducts
from skmixed.likelihood.products.series import SeriesProducts


@dataclass(frozen=True, eq=False)
class ResidualFit:
    """A fitted covariance of residuals over visits.

    Parameters
    ----------
    text : str or None
        As it is written in full; None where only variances differ.
    products : PatternProducts, BlockProducts or SeriesProducts
        What was fitted.
    theta : ndarray of shape (m,)
        Of the random effects, the residual covariances, and the dispersion.
    dispersion : str or None, default=None
        Formula of the standard deviations' logarithms.
    scale : ndarray of shape (r,), optional
        Units of its columns.
    """

    text: str | None
    products: PatternProducts | BlockProducts | SeriesProducts
    theta: np.ndarray
    dispersion: str | None = None
    scale: np.ndarray | None = None

    @property
    def label(self):
        """As it is written among the parameters of an estimator."""
        parts = [] if self.text is None else [f"residual='{self.text}'"]
        parts += [] if self.dispersion is None else [f"dispersion='{self.dispersion}'"]
        return ", ".join(parts)

    @property
    def structures(self):
        """Structure of every covariance: one, or one per level of ``by``."""
        return self.products.structures

    @property
    def visits(self):
        """Names of the visits; none where covariances go by distances in time."""
        return self.products.visits

    @property
    def start(self):
        """Where the parameters of the covariances begin in theta."""
        return sum(structure.n_theta for structure in self.products.beside)

    @property
    def parts(self):
        """Every covariance's structure and theta: one, or one per level of ``by``."""
        start = self.start
        for structure in self.structures:
            stop = start + structure.n_theta
            yield structure, self.theta[start:stop]
            start = stop

    @property
    def own_theta(self):
        """Theta of the residuals alone."""
        return self.theta[self.start :]

    @property
    def gamma(self):
        """Slopes of the standard deviations' logarithms, of shape (r,)."""
        if self.scale is None:
            return np.zeros(0)
        return self.theta[len(self.theta) - len(self.scale) :] / self.scale

    @property
    def part(self):
        """The residuals' part of V."""
        n_gamma = 0 if self.scale is None else len(self.scale)
        return ResidualPart(self.structures, not self.visits, n_gamma)

    def covariance_of(self, residual, dispersion):
        """Covariance of some rows' residuals relative to sigma^2.

        Parameters
        ----------
        residual : ResidualRows or None
            Where the rows stand.
        dispersion : ndarray of shape (n, r) or None

        Returns
        -------
        ndarray of shape (n, n)
        """
        w = None if dispersion is None else dispersion / self.scale
        n = len(residual.visit) if w is None else len(w)
        return self.part.value(self.own_theta, one_block(n, residual, w))[0]

    def variances_of(self, residual, dispersion, theta=None):
        """Variances of some rows' residuals relative to sigma^2, of shape (n,).

        Parameters
        ----------
        residual : ResidualRows or None
            Where the rows stand.
        dispersion : ndarray of shape (n, r) or None
        theta : ndarray of shape (m,), optional
            Another than the estimates.
        """
        theta = self.theta if theta is None else theta
        thetas, gamma = self.part.split(theta[self.start :])
        roots = [s.root(own) for s, own in zip(self.structures, thetas, strict=True)]
        variances = np.array([(root**2).sum(axis=1) for root in roots])
        own = np.ones(1)
        if residual is not None:
            visit = residual.visit if self.visits else np.zeros_like(residual.visit)
            own = variances[residual.level, visit]
        if dispersion is not None:
            own = own * np.exp(2.0 * (dispersion / self.scale) @ gamma)
        return own

    @property
    def covariances(self):
        """Covariances over the visits relative to sigma^2, of shape (k, k)."""
        roots = [structure.root(theta) for structure, theta in self.parts]
        return [root @ root.T for root in roots]

    @property
    def correlations(self):
        """Correlations over the visits, of shape (k, k)."""
        found = []
        for Psi in self.covariances:
            sd = np.sqrt(np.diag(Psi))
            found.append(Psi / np.outer(sd, sd))
        return found

    @property
    def singular(self):
        """Whether some correlation matrix has no inverse."""
        return any(map(has_no_inverse, self.covariances))

    @property
    def scarcest(self):
        """The two visits that fewest subjects have both of, and how many."""
        both = self.products.visits_met(len(self.visits))
        both = np.where(np.tri(len(both), k=-1, dtype=bool), both, np.inf)
        k, j = np.unravel_index(np.argmin(both), both.shape)
        return self.visits[j], self.visits[k], int(both[k, j])


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted linear mixed model, on the raw scale of its columns.

    Factors are the distinct grouping factors in order of first appearance; a factor's
    random terms lie side by side.

    Parameters
    ----------
    A : CrossProducts
        What was fitted, in its basis.
    reml : bool
    solver : str
        Regime that eliminated the random effects.
    coef : ndarray of shape (r,)
        Fixed effects of the columns that are kept.
    coef_cov : ndarray of shape (r, r)
    kept : ndarray of bool of shape (p,)
        The other columns are aliased.
    sigma : float
        Residual standard deviation.
    Lambdas : tuple of ndarray of shape (k_j, k_j)
        Relative factors of the effects in the basis of A, from which those of the raw
        effects follow; the other way round would lose the digits of a shifted slope.
    modes : tuple of ndarray of shape (G_j, k_j)
        Conditional modes b of the random effects.
    loglik : float
        Log-likelihood, or restricted log-likelihood.
    converged : bool
    n_iter : int
        Evaluations of the deviance.
    decrement : float
        Half the Newton decrement at the end: fall of the deviance still predicted.
    singular_terms : tuple of tuple (term, effects)
        Terms on the boundary and the positions of their effects of zero variance.
    n_theta : int
        Covariance parameters m.
    held_from : FitResult, optional
        The fit that the variances are of, where they are held, not estimated from A.
    residual : ResidualFit or None
        Covariance of the residuals of one subject; None where they are independent.
    loglik_se : float
        Standard error of the log-likelihood over probes, where it is estimated.
    theta_mc_se : ndarray of shape (m,) or None
        The same of theta; None where the likelihood is exact.
    """

    A: CrossProducts
    reml: bool
    solver: str
    coef: np.ndarray
    coef_cov: np.ndarray
    kept: np.ndarray
    sigma: float
    Lambdas: tuple[np.ndarray, ...]
    modes: tuple[np.ndarray, ...]
    loglik: float
    converged: bool
    n_iter: int
    decrement: float
    singular_terms: tuple
    n_theta: int
    held_from: "FitResult | None" = None
    residual: ResidualFit | None = None
    loglik_se: float = 0.0
    theta_mc_se: np.ndarray | None = None

    @property
    def groups(self):
        """Names of the grouping factors."""
        return tuple(factor.group for factor in self.A.factors)

    @property
    def effects(self):
        """Names of every factor's effects."""
        return tuple(factor.effects for factor in self.A.factors)

    @property
    def terms(self):
        """Random terms as written, a tuple of Term."""
        return self.A.terms

    @property
    def n_levels(self):
        """Levels of every factor."""
        return tuple(factor.n_levels for factor in self.A.factors)

    @property
    def n_obs(self):
        """Rows that entered the fit."""
        return self.A.n_obs

    @property
    def n_parameters(self):
        """Fixed effects, covariance parameters and sigma, unless it is known."""
        return len(self.coef) + self.n_theta + (self.A.sigma is None)

    @property
    def df_resid(self):
        """Rows less fixed effects: the degrees of freedom of REML."""
        return self.n_obs - len(self.coef)

    @property
    def deviance(self):
        """Minus twice the log-likelihood: the deviance, or the REML criterion."""
        return -2.0 * self.loglik

    @property
    def aic(self):
        """Akaike's information criterion, ``-2 loglik + 2 k``, as R defines it.

        The k parameters are fixed effects, variance parameters and the residual
        variance. Of a REML fit it rests on the restricted likelihood: compare only
        models with the same fixed effects.
        """
        return self.deviance + 2.0 * self.n_parameters

    @property
    def bic(self):
        """Bayesian information criterion, ``-2 loglik + k log(n)``; see ``aic``."""
        return self.deviance + self.n_parameters * float(np.log(self.n_obs))

    @property
    def singular(self):
        """Whether any covariance is estimated on the boundary."""
        if self.residual is not None and self.residual.singular:
            return True
        return bool(self.singular_terms)

    @property
    def independent(self):
        """Whether all rows are: no random effects, no residual covariance."""
        return not self.terms and self.residual is None

    @property
    def relative_factors(self):
        """Lambda, with ``b = Lambda u`` and ``u`` of variance sigma^2.

        Returns
        -------
        tuple of ndarray of shape (k_j, k_j)
            Lower triangular within terms, with nonnegative diagonals.
        """
        return tuple(
            canonical(factor.structure, basis.raw(Lambda))
            for factor, basis, Lambda in zip(
                self.A.factors, self.A.basis.random, self.Lambdas, strict=True
            )
        )

    @property
    def covariances(self):
        """Covariance matrices of the random effects, of shape (k_j, k_j)."""
        return tuple(self.sigma**2 * L @ L.T for L in self.relative_factors)

    @property
    def theta(self):
        """Covariance parameters relative to sigma, terms in lme4's order, (m,).

        Free entries of the relative factors, by columns; of a structured covariance the
        relative standard deviations and the correlations.
        """
        if self.residual is not None:
            return self.residual.theta
        if not self.terms:
            return np.zeros(0)
        parts, roots = [], self.relative_factors
        for term in lme4_order([self.n_levels[j] for j, _, _ in self.terms]):
            j, effects, structure = self.terms[term]
            root = roots[j][np.ix_(effects, effects)]
            parts.append(structure.reported(root))
        return np.concatenate(parts)


def is_linear(result):
    """Whether a fit is a linear model, and no working model of another family.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    bool
    """
    return getattr(result, "family", None) is None


def lme4_order(n_levels):
    """Order of the random terms in lme4's theta: by falling number of levels.

    Parameters
    ----------
    n_levels : list of int
        Of every term's grouping factor, in the order of the formula.

    Returns
    -------
    ndarray of int
    """
    if np.any(np.diff(n_levels) > 0):
        return np.argsort(n_levels, kind="stable")[::-1]
    return np.arange(len(n_levels))
