"""The same model for another response, from cross-products, with a warm start."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.batch.estimates import fixed_contrasts, variance_estimates
from skmixed.likelihood.batch.fit import can_batch, fit_products
from skmixed.likelihood.covariance.structure import lifted
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.products.many import ManyProducts
from skmixed.likelihood.search.boundary import leave_boundary
from skmixed.likelihood.search.optimize import minimise

# Standard deviations start at least here: zero is stationary.
FLOOR = 0.05
# Precision of the deviance that a replicate needs.
TOL = 1e-6
# Random effects times responses that are fitted together at the most.
AT_ONCE = 500_000


@dataclass(frozen=True, eq=False)
class Refit:
    """Estimates for one response, on the raw scale.

    Parameters
    ----------
    coef : ndarray of shape (r,)
    covariances : list of ndarray of shape (k_j, k_j)
    sigma : float
    criterion : float
        Deviance or REML criterion, but for a constant that all responses share.
    converged : bool
    """

    coef: np.ndarray
    covariances: list
    sigma: float
    criterion: float
    converged: bool


class Refitter:
    """Fit a model to other responses; everything but the response is set up once.

    Parameters
    ----------
    result : FitResult
        Its estimates are where every fit starts.
    """

    def __init__(self, result):
        self.deviance, point = reopen(result)
        self.A = self.deviance.A
        self.Lambdas, self.beta = point.Lambdas, point.beta
        self.start = point.theta.copy()
        self.together = can_batch(self.A)
        for place, is_log in self.deviance.scales:
            self.start[place] = lifted(self.start[place], is_log, FLOOR, FLOOR)

    def fit_each(self, draws):
        """Fit to responses one after the other, or many at a time where that is faster.

        Parameters
        ----------
        draws : iterable of CrossProducts
            In the basis of ``self.A``.

        Yields
        ------
        Refit
        """
        if not self.together:
            yield from map(self.fit, draws)
            return
        size = max(1, AT_ONCE // max(sum(f.size for f in self.A.factors), 1))
        draws = iter(draws)
        while part := list(islice(draws, size)):
            yield from self.fit_together(part)

    def fit_together(self, draws):
        """Fit to some responses by steps that are taken for all of them at once.

        Parameters
        ----------
        draws : list of CrossProducts

        Returns
        -------
        list of Refit
        """
        products = ManyProducts.stacked(draws)
        many = fit_products(products, reml=self.deviance.reml, tol=TOL)
        fixed = fixed_contrasts(many, np.eye(self.A.n_fixed), df=False)
        variances = variance_estimates(many, fixed.sigma)
        found = zip(*variances.covariances, strict=True)
        refits = [
            Refit(coef, list(own), float(sigma), float(value), bool(converged))
            for coef, own, sigma, value, converged in zip(
                fixed.estimate,
                found,
                fixed.sigma,
                many.found.value,
                many.found.converged,
                strict=True,
            )
        ]
        for j in many.failed:
            refits[j] = self.fit(draws[j])
        return refits

    def fit(self, A):
        """Fit to a response in the basis of ``self.A``.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        Refit
        """
        elimination = self.deviance.elimination.plain.with_columns(A)
        deviance = ProfiledDeviance(A, elimination, self.deviance.reml)
        optimum = minimise(deviance, self.start, tol=TOL)
        optimum = leave_boundary(deviance, optimum, tol=TOL)
        point = deviance.at(optimum.theta)
        sigma = float(np.sqrt(point.sigma2))
        roots = [
            sigma * basis.raw(Lambda)
            for basis, Lambda in zip(A.basis.random, point.Lambdas, strict=True)
        ]
        return Refit(
            coef=A.basis.raw_coef(point.beta),
            covariances=[root @ root.T for root in roots],
            sigma=sigma,
            criterion=point.value,
            converged=optimum.converged,
        )
