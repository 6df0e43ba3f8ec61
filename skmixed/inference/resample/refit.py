"""The same model for another response, from cross-products, with a warm start."""

from dataclasses import dataclass

import numpy as np

from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.covariance.structure import lifted
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.search.boundary import leave_boundary
from skmixed.likelihood.search.optimize import minimise

# Standard deviations start at least here: zero is stationary.
FLOOR = 0.05
# Precision of the deviance that a replicate needs.
TOL = 1e-6


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
        for place, is_log in self.deviance.scales:
            self.start[place] = lifted(self.start[place], is_log, FLOOR, FLOOR)

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
