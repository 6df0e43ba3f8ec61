"""A generalised model for other responses or other weights, its rows laid out once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmixed.likelihood.coarse import FLOOR, theta_near
from skmixed.likelihood.criterion.agq import QuadratureDeviance
from skmixed.likelihood.criterion.laplace import LaplaceDeviance
from skmixed.likelihood.products.sweeps import RowSweeps
from skmixed.likelihood.search.generalized import search_generalized

# Precision of the deviance that a refit needs, and evaluations at the most.
TOL, MOST_EVALUATIONS = 1e-6, 200


@dataclass(frozen=True, eq=False)
class FamilyRefit:
    """Estimates for one response, on the raw scale.

    Parameters
    ----------
    coef : ndarray of shape (r,)
    coef_cov : ndarray of shape (r, r)
        From the curvature at the optimum: exact with one factor, with several that of
        the working linear model.
    covariances : list of ndarray of shape (k_j, k_j)
    psi : ndarray of shape (n_psi,)
    criterion : float
        The deviance.
    converged : bool
    information : float
        Smallest eigenvalue of what the rows say of the fixed effects, in units of what
        they said at the start.
    """

    coef: np.ndarray
    coef_cov: np.ndarray
    covariances: list
    psi: np.ndarray
    criterion: float
    converged: bool
    information: float
    sigma: float = 1.0


class FamilyRefitter:
    """Fit a generalised model again; its estimates are where every search starts.

    Parameters
    ----------
    result : GeneralizedResult
    design : Design
        The rows of the fit, with responses and weights.
    """

    def __init__(self, result, design):
        family = result.family
        self.result, self.sweeps = result, RowSweeps(design, family)
        into = self.sweeps.basis.fixed.coordinates
        beta = into @ result.coef
        zero = [np.zeros((f.n_effects, f.n_levels)) for f in self.sweeps.factors]
        state = self.sweeps.evaluate(beta, zero, result.psi)
        self.sweeps.complete(state, result.psi)
        self.deviance: Any = (
            LaplaceDeviance(self.sweeps, state)
            if result.n_quadrature == 1
            else QuadratureDeviance(self.sweeps, state, result.n_quadrature)
        )
        self.start = self.deviance.pack(
            theta_near(self.deviance, result.relative_factors), beta, result.psi
        )

    def fit(self, y=None, weights=None, tol=TOL):
        """Fit to a response, or to weights of which some may be zero.

        Parameters
        ----------
        y : ndarray of shape (n,), optional
            By default that of the design, or of the last refit.
        weights : ndarray of shape (n,), optional
        tol : float, default=1e-6
            Of the deviance.

        Returns
        -------
        FamilyRefit

        Raises
        ------
        ValueError
            Where the likelihood cannot be computed.
        """
        deviance, sweeps = self.deviance, self.sweeps
        sweeps.replace_responses(y, weights)
        deviance.forget()
        deviance.tol_now, deviance.n_evaluations = deviance.tol_modes, 0
        optimum = search_generalized(
            deviance, self.start, tol=tol, max_iter=MOST_EVALUATIONS
        )
        point = deviance.at(optimum.theta)
        beta, psi = deviance.fixed(optimum.theta)
        roots = [
            basis.raw(root)
            for basis, root in zip(
                sweeps.basis.random, deviance.roots(optimum.theta), strict=True
            )
        ]
        return FamilyRefit(
            coef=sweeps.basis.fixed.raw(beta),
            coef_cov=self.coef_covariance(point),
            covariances=[root @ root.T for root in roots],
            psi=psi,
            criterion=optimum.value,
            converged=optimum.converged,
            information=self.information(point),
        )

    def information(self, point):
        """Smallest eigenvalue of X'WX at a point whose derivatives were taken."""
        B, XtX = self.deviance.beta_basis, point.modes.state.XtX
        if not len(B):
            return 1.0
        return float(np.linalg.eigvalsh(B.T @ XtX @ B / self.sweeps.n)[0])

    def coef_covariance(self, point):
        """Covariance of the fixed effects at a point."""
        deviance = self.deviance
        H = deviance.derivatives(point).hessian
        free = np.ones(len(H), dtype=bool)
        for structure, span in zip(deviance.structures, deviance.spans, strict=True):
            free[span] = structure.inside(point.theta[span], FLOOR)
        own = np.zeros_like(H)
        own[np.ix_(free, free)] = 2.0 * np.linalg.pinv(
            H[np.ix_(free, free)], rcond=1e-12, hermitian=True
        )
        at, B = deviance.at_beta, deviance.beta_basis
        return self.sweeps.basis.fixed.raw_covariance(B @ own[at, at] @ B.T)
