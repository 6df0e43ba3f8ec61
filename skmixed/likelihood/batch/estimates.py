"""Estimates of many responses, on the scale of their columns, and their precision."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.batch.search import in_chunks
from skmixed.likelihood.search.boundary import SINGULAR

# Curvature below this, relative to the largest, leaves a parameter undetermined, as
# for single fits.
FLAT = 1e-8
# Inverses of matrices with a unit diagonal are taken as they are up to this size.
WELL_DETERMINED = 1e3


@dataclass(eq=False)
class Contrasts:
    """Estimates of some contrasts of the fixed effects of r responses.

    Parameters
    ----------
    estimate, std_error, df : ndarray of shape (r, q)
        ``df`` are Satterthwaite's.
    residual_df : ndarray of shape (r,)
        Degrees of freedom of the residual variance, ``2 sigma^4 / var(sigma^2)``:
        rows less fixed effects where there are no random effects, else fewer.
    sigma : ndarray of shape (r,)
        Residual standard deviations.
    """

    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    residual_df: np.ndarray
    sigma: np.ndarray


def fixed_contrasts(fit, L, df=True):
    """Contrasts of the fixed effects with Satterthwaite's degrees of freedom.

    Parameters
    ----------
    fit : ManyFit
    L : ndarray of shape (q, p)
        Of the raw coefficients that are not aliased.
    df : bool, default=True
        Whether degrees of freedom are wanted, for which derivatives are taken.

    Returns
    -------
    Contrasts
        NaN for responses without a fit.

    Notes
    -----
    With w the whitened contrast of unit length, the slopes of its log variance are
    ``w'N_j w`` in theta and 2 in log sigma; see
    :class:`skmixed.inference.fixed.satterthwaite.Satterthwaite`.
    """
    criterion, products = fit.criterion, fit.products
    basis, r = products.A.basis, len(products)
    rows, nothing = fit.fitted, np.full((r, len(L)), np.nan)
    ends = (np.full(r, np.nan) for _ in range(2))
    whole = Contrasts(*(nothing.copy() for _ in range(3)), *ends)
    in_basis = basis.contrasts(L)

    def run(part):
        own = rows[part]
        look = criterion.look if df else criterion.evaluate
        at = look(fit.found.theta[own], own)
        beta = at["beta"] + products.crude[own]
        whole.estimate[own] = beta @ in_basis.T
        whole.estimate[own] += products.shift[own, None] * (L @ basis.constant)
        w = at["RXi"] @ in_basis.T  # (r, p, q)
        sigma = whole.sigma[own] = np.sqrt(at["r2"] / criterion.nu[own])
        length = np.linalg.norm(w, axis=1)
        whole.std_error[own] = sigma[:, None] * length
        if not df:
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            w = w / length[:, None]
        theta = fit.found.theta[own]
        whole.df[own], whole.residual_df[own] = satterthwaite(
            criterion, at, theta, own, w
        )

    in_chunks(criterion, rows, criterion.elimination.doubles, run)
    return whole


def satterthwaite(criterion, at, theta, rows, w):
    """Degrees of freedom of whitened contrasts.

    Parameters
    ----------
    criterion : ManyDeviances
    at : dict
        Of :meth:`ManyDeviances.look`.
    theta : ndarray of shape (r, m)
    rows : ndarray of int of shape (r,)
    w : ndarray of shape (r, p, q)
        Of unit length.

    Returns
    -------
    df : ndarray of shape (r, q)
    residual_df : ndarray of shape (r,)
    """
    r, m = theta.shape
    free = np.hstack(
        [
            own.inside(theta[:, span])
            for own, span in zip(criterion.roots, criterion.spans, strict=True)
        ]
    )
    nu, d = criterion.nu[rows], at["d"] / at["r2"][:, None]
    joint = np.zeros((r, m + 1, m + 1))
    joint[:, :m, :m] = at["hessian"] + nu[:, None, None] * d[:, :, None] * d[:, None]
    joint[:, :m, m] = joint[:, m, :m] = 2.0 * nu[:, None] * d
    joint[:, m, m] = 4.0 * nu
    free = np.column_stack([free, np.ones(r, dtype=bool)])
    both = free[:, :, None] & free[:, None]
    joint = np.where(both, joint, np.eye(m + 1))
    g = np.full((r, w.shape[2], m + 1), 2.0)
    for j in range(m):
        g[:, :, j] = np.einsum("raq,raq->rq", w, at["N"][:, j] @ w)
    g *= free[:, None]
    covariance = 2.0 * determined_inverses(joint)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2.0 / np.einsum("rqi,rqi->rq", g @ covariance, g)
        return df, 0.5 / covariance[:, m, m]


def determined_inverses(matrix):
    """Inverses of symmetric matrices on the spans of their positive curvature."""
    diagonal = np.einsum("rii->ri", matrix)
    scale = np.sqrt(np.maximum(diagonal, np.finfo(float).tiny))
    scaled = matrix / (scale[:, :, None] * scale[:, None])
    with np.errstate(all="ignore"):
        try:
            found = np.linalg.inv(scaled)
        except np.linalg.LinAlgError:
            found = np.full_like(scaled, np.inf)
        doubtful = ~(np.abs(found).max(axis=(1, 2)) < WELL_DETERMINED)
    doubtful |= np.einsum("rii->ri", found).min(axis=1) <= 0.0
    if doubtful.any():
        values, vectors = np.linalg.eigh(scaled[doubtful])
        kept = values > FLAT * values[:, -1:]
        vectors = np.where(kept[:, None], vectors, 0.0)
        inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
        found[doubtful] = (vectors * inverse[:, None]) @ vectors.swapaxes(1, 2)
    return found / (scale[:, :, None] * scale[:, None])


@dataclass(eq=False)
class VarianceEstimates:
    """Variances and likelihoods of r responses, on the raw scale.

    Parameters
    ----------
    sigma, loglik : ndarray of shape (r,)
    singular : ndarray of bool of shape (r,)
    covariances : list of ndarray of shape (r, k_j, k_j)
        Of every factor's effects.
    """

    sigma: np.ndarray
    loglik: np.ndarray
    singular: np.ndarray
    covariances: list


def variance_estimates(fit, sigma):
    """Variances of the random effects, and likelihoods.

    Parameters
    ----------
    fit : ManyFit
    sigma : ndarray of shape (r,)

    Returns
    -------
    VarianceEstimates
    """
    criterion, products, found = fit.criterion, fit.products, fit.found
    A = products.A
    Lambdas = [
        own.of(found.theta[:, span])
        for own, span in zip(criterion.roots, criterion.spans, strict=True)
    ]
    raw = [basis.to_raw @ L for basis, L in zip(A.basis.random, Lambdas, strict=True)]
    constants = products.logdet + (
        2.0 * A.basis.fixed.logdet if criterion.reml else 0.0
    )
    return VarianceEstimates(
        sigma,
        -0.5 * (found.value - constants),
        singular_responses(A, Lambdas),
        [sigma[:, None, None] ** 2 * (L @ L.swapaxes(1, 2)) for L in raw],
    )


def singular_responses(A, Lambdas):
    """Which responses have a covariance on the boundary, as single fits say it.

    Parameters
    ----------
    A : CrossProducts
        In the scale-free basis.
    Lambdas : list of ndarray of shape (r, k_j, k_j)

    Returns
    -------
    ndarray of bool of shape (r,)
    """
    found = np.zeros(len(Lambdas[0]), dtype=bool)
    for j, effects, _ in A.terms:
        basis = A.basis.random[j]
        mix = np.eye(len(basis.kept)) if basis.mix is None else basis.mix
        plain, back = mix @ Lambdas[j], np.linalg.pinv(mix)
        ZtZ = np.einsum("ia,ijg,jb->ab", back, A.ZtZ[j], back)
        weight = np.trace(ZtZ) / (len(ZtZ) * A.n_obs)
        own = plain[:, list(effects)]
        Psi = weight * own @ own.swapaxes(1, 2)
        Psi = np.nan_to_num(Psi)
        least = Psi[:, 0, 0]
        if len(effects) > 1:
            least = np.linalg.eigvalsh(Psi)[:, 0]
        found |= least < SINGULAR**2
    return found
