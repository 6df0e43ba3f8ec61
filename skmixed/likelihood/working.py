"""A fitted generalised model as a linear one: its working response at the modes."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.covariance.structure import canonical
from skmixed.likelihood.search.boundary import SINGULAR, singular_terms

# Step of the differences of the exact gradient where the curvature is largest: so short
# that the tangent of the modes is exact, and long beside the gradient's rounding.
STEP = 3e-6
# The least curvature that a step is made longer for, relative to the largest, and the
# longest step, relative to x.
FLATTEST, LONGEST = 1e-12, 1e-4


def working_products(deviance, point):
    """Cross-products of the working linear model at a point.

    Parameters
    ----------
    deviance : LaplaceDeviance
    point : LaplacePoint

    Returns
    -------
    CrossProducts
        At theta they give beta, the modes and sigma = 1 by maximum likelihood.

    Notes
    -----
    The weights are W; the response less the offset is chosen so that
    ``Z'Wy = Z'W(eta - offset) + f``, ``X'Wy = X'W(eta - offset)`` and the penalised
    residual sum of squares is n.
    """
    sweeps, state, p = deviance.sweeps, point.modes.state, deviance.p
    beta, _ = deviance.fixed(point.theta)
    eta = state.eta if sweeps.offset is None else state.eta - sweeps.offset
    Weta = state.W * eta
    ZtXy = tuple(
        np.concatenate([X, (f + Wb)[:, None]], axis=1)
        for X, f, Wb in zip(state.ZtX, state.Zts, sweeps.effect_sums(Weta), strict=True)
    )
    gram = np.zeros((p + 1, p + 1))
    gram[:p, :p] = state.XtX
    gram[:p, p] = gram[p, :p] = sweeps.X @ Weta
    residual = [np.matmul(np.append(-beta, 1.0), block) for block in ZtXy]
    roots = deviance.roots(point.theta)
    fitted = sum(
        float(np.vdot(L @ u, r))
        for L, u, r in zip(roots, point.modes.u, residual, strict=True)
    )
    gram[p, p] = (
        sweeps.n + fitted + float(2.0 * gram[:p, p] @ beta - beta @ state.XtX @ beta)
    )
    return replace(state.A, gram=gram, ZtXy=ZtXy)


def covariance_of_estimates(deviance, x):
    """Twice the inverse Hessian of the deviance in x, off the boundary.

    Parameters
    ----------
    deviance : LaplaceDeviance
    x : ndarray of shape (m,)
        The optimum.

    Returns
    -------
    ndarray of shape (m, m)
        Zero in the thetas that lie on the boundary.
    """
    free = np.ones(len(x), dtype=bool)
    for structure, span in zip(deviance.structures, deviance.spans, strict=True):
        free[span] = structure.inside(x[span], SINGULAR)
    H = hessian(deviance, x, np.flatnonzero(free))
    V = np.zeros((len(x), len(x)))
    V[np.ix_(free, free)] = 2.0 * np.linalg.pinv(H, rcond=1e-12, hermitian=True)
    return V


def hessian(deviance, x, free):
    """Hessian in some entries of x: exact, or differences of the exact gradient."""
    if deviance.exact or deviance.correction is not None:
        found = deviance.derivatives(deviance.closely(x)).hessian
        return found[np.ix_(free, free)]
    return differences(deviance, x, free)


def differences(deviance, x, free):
    """Hessian in some entries of x by differences of the exact gradient.

    Notes
    -----
    They are taken along directions that the curvature at hand makes unit ones: far from
    its origin a covariate is hardly told from thresholds, and in such pairs of entries
    single steps lose what tells them apart.
    """
    at = deviance.derivatives(deviance.closely(x))
    values, vectors = np.linalg.eigh(at.hessian[np.ix_(free, free)])
    root = np.sqrt(np.maximum(np.abs(values), FLATTEST * np.abs(values).max()))
    step = np.minimum(STEP * root.max() / root, LONGEST * (1.0 + np.linalg.norm(x)))
    slopes = np.empty((len(free), len(free)))
    for k, length in enumerate(step):
        moved = x.copy()
        moved[free] += length * vectors[:, k]
        there = deviance.derivatives(deviance.closely(moved))
        slopes[k] = (there.gradient[free] - at.gradient[free]) / length
    H = slopes @ vectors
    return vectors @ ((H + H.T) / 2.0) @ vectors.T


def raw_effects(deviance, point):
    """What the result says of the random effects at a point.

    Parameters
    ----------
    deviance : LaplaceDeviance
    point : LaplacePoint

    Returns
    -------
    dict
        Of ``Lambdas``, ``modes``, ``means``, ``directions`` and ``singular_terms``.
    """
    roots, pieces = deviance.roots(point.theta), deviance.pieces(point)
    bases = deviance.sweeps.basis.random
    modes, means, Lambdas = [], [], []
    for basis, structure, L, u, P, e in zip(
        bases,
        deviance.structures,
        roots,
        point.modes.u,
        pieces.Psi,
        pieces.e,
        strict=True,
    ):
        b = L @ u
        modes.append(basis.raw(b).T)
        means.append(basis.raw(b - 0.5 * (P @ e)).T)
        Lambdas.append(canonical(structure, L))
    return {
        "Lambdas": tuple(Lambdas),
        "modes": tuple(modes),
        "means": tuple(means),
        "directions": tuple(
            basis.raw_covariance(D) for basis, D in zip(bases, pieces.D, strict=True)
        ),
        "singular_terms": singular_terms(deviance.A, Lambdas),
    }
