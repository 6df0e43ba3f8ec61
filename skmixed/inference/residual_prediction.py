"""Uncertainty of predictions where residuals covary over visits."""

import numpy as np

from skmixed.inference.prediction import PredictiveDistribution, theta_covariance


def visit_distribution(fit, X, at, kind):
    """Variance and degrees of freedom of predictions of models without random effects.

    Parameters
    ----------
    fit : Fitted
        With a residual covariance.
    X : ndarray of shape (n, p)
        All columns of the fixed effects.
    at : ResidualRows
        Visits of the rows.
    kind : {"prediction", "mean"}
        A new observation, which has a residual, or its mean.

    Returns
    -------
    PredictiveDistribution

    Notes
    -----
    The variance of a new observation is ``v = x'Cx + s^2`` with the variance s^2 of its
    visit's residual, plus what the estimated covariance adds to the error of the fixed
    effects (Kackar and Harville, 1984, JASA 79(388), equation 2.3). Degrees of freedom
    are Satterthwaite's, ``2 v^2 / g'A g`` with the slopes g of v in theta and log
    sigma, and their covariance A.
    """
    result, curvature = fit.result, fit.open.curvature
    sigma2 = result.sigma**2
    w = X[:, result.kept] @ curvature.root.T
    variance = sigma2 * np.einsum("np,np->n", w, w)
    g = sigma2 * np.einsum("na,jab,nb->nj", w, curvature.slopes, w)
    if kind == "prediction":
        start = 0
        parts = list(result.residual.parts)
        for level, (structure, theta) in enumerate(parts):
            own, stop = at.level == level, start + len(theta)
            visit = at.visit[own]
            root = structure.root(theta)
            variance[own] += sigma2 * np.sum(root**2, axis=1)[visit]
            if stop > start:
                dPsi = structure.directions(theta)
                slopes = np.einsum("kaa->ak", dPsi)
                g[own, start:stop] += sigma2 * slopes[visit]
            start = stop
    # what the estimated covariance adds to the error of the mean
    deviance, point = curvature.deviance, curvature.point
    moved, _ = deviance.mean_directions(point, deviance.psi_directions(point))
    d = moved[curvature.free] @ w.T
    added = (d * (theta_covariance(fit.open, curvature.free) @ d)).sum(axis=0)
    g = np.column_stack([g, 2.0 * variance])
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2.0 * variance**2 / np.einsum("ni,ij,nj->n", g, curvature.covariance, g)
    return PredictiveDistribution(variance + added, df)
