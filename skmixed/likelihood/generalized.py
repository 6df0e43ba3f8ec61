"""Rows and a family to the fitted parameters of a generalised linear mixed model."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.families import Family
from skmixed.likelihood.result import FitResult


@dataclass(frozen=True, eq=False)
class GeneralizedResult(FitResult):
    """A fitted generalised linear mixed model, as its working linear model.

    What a :class:`FitResult` says holds on the scale of the linear predictor: ``A`` are
    the cross-products of the working response at the modes, weighted by the rows'
    ``-d2l/deta2``; ``sigma`` is 1, so that covariances are absolute; ``reml`` is False.
    Everything that starts from ``A`` and ``Lambdas`` (conditional covariances,
    contrasts, marginal means) therefore serves unchanged. ``coef_cov`` is twice the
    inverse of the deviance's Hessian, theta and psi being estimated too, not
    ``(X'V^-1 X)^-1``.

    Parameters
    ----------
    family : Family
    psi : ndarray of shape (n_psi,)
        The family's own parameters on the scale that is searched: see
        ``family.dispersion(psi)``; of grades the thresholds.
    psi_cov : ndarray of shape (n_psi, n_psi)
    means : tuple of ndarray of shape (G_j, k_j)
        Posterior means of the random effects to first order, beside their ``modes``:
        averaged predictions of known groups are taken around them.
    n_quadrature : int
        Nodes per effect; 1 is Laplace's approximation.
    laplace_shift : float or None
        How far, in standard errors, the parameter that moves most would move if the
        integral were taken by quadrature; None where it was not looked at.
    fingerprint : str
        Of responses, weights and offsets: models of one response share it.
    """

    family: Family
    psi: np.ndarray
    psi_cov: np.ndarray
    means: tuple[np.ndarray, ...]
    n_quadrature: int
    laplace_shift: float | None
    fingerprint: str

    @property
    def n_parameters(self):
        """Fixed effects, covariance parameters and the family's own."""
        return len(self.coef) + self.n_theta + len(self.psi)

    @property
    def approximation(self):
        """How the random effects are integrated out, in words."""
        if not self.A.factors:
            return "none"
        if self.n_quadrature == 1:
            return "Laplace"
        return f"adaptive Gauss-Hermite quadrature, {self.n_quadrature} nodes"


def fit_generalized(
    design,
    family,
    *,
    n_quadrature=1,
    solver="auto",
    tol=1e-8,
    max_iter=200,
    verbose=0,
):
    """Fit a generalised linear mixed model by maximum likelihood.

    Parameters
    ----------
    design : Design
        ``y`` is the response (a share of successes for binomial counts, grades
        0 to J - 1 for ordinal ones), ``weights`` multiply the log-likelihood and are the
        trials of shares: positive, or None for 1. ``offset`` is added to the linear
        predictor. Of ordinal responses X holds no constant. Without random terms the
        plain generalised linear model is fitted.
    family : Family
        Of :func:`skmixed.likelihood.families.family_of`; ``family.check(y, w)`` is the
        caller's.
    n_quadrature : int, default=1
        Nodes of the adaptive Gauss-Hermite quadrature per effect, for one grouping
        factor; 1 is Laplace's approximation, for any design.
    solver : {"auto", "exact"} or name of a regime, default="auto"
    tol : float, default=1e-8
        Bound on the fall of the deviance that a further Newton step would bring.
    max_iter : int, default=200
        Evaluations of the deviance at the most.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation.

    Returns
    -------
    GeneralizedResult

    Raises
    ------
    ValueError
        If quadrature is asked of more than one factor, or of too many nodes; or a
        grouping factor has fewer than two levels, or levels of one row each in a family
        with a dispersion of its own.
    """
    raise NotImplementedError
