"""Cross-products to the fitted parameters of a linear mixed model."""

from functools import cache

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import ThreadpoolController

from skmixed.likelihood.boundary import singular_terms
from skmixed.likelihood.covariance import lower_root
from skmixed.likelihood.optimize import Optimum
from skmixed.likelihood.result import FitResult
from skmixed.likelihood.search import search
from skmixed.likelihood.validate import (
    check_identified,
    check_not_exact,
    check_not_saturated,
    is_exact,
)

# Dense complements from this many columns on are worth more than one BLAS thread.
THREADED = 1000


def fit_linear(A, *, reml=True, solver="auto", tol=1e-8, max_iter=100, verbose=0):
    """Fit a linear mixed model to its cross-products.

    Parameters
    ----------
    A : CrossProducts
    reml : bool, default=True
        Restricted maximum likelihood, else maximum likelihood.
    solver : {"auto", "exact"} or name of a regime, default="auto"
        The names are those of :func:`choose_elimination`, for tests.
    tol : float, default=1e-8
        Bound on the fall of the deviance that a further Newton step would bring.
    max_iter : int, default=100
        Evaluations of the deviance at the most.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        If the data cannot tell the parameters apart, or the fit would not fit into
        memory.
    """
    check_identified(A)
    # Threads cost more than they give on the small products of most designs.
    limit = 1 if largest_dense(A) < THREADED else None
    with thread_pools().limit(limits=limit, user_api="blas"):
        if not A.factors:
            return fit_least_squares(A, reml)
        check_not_exact(A)
        regime = None if solver in ("auto", "exact") else solver
        found = search(A, reml, regime, tol=tol, max_iter=max_iter, verbose=verbose)
        check_not_saturated(A, *found[1:])
        return finish(*found)


@cache
def thread_pools():
    """The process's thread pools; to find them costs as much as a small fit."""
    return ThreadpoolController()


def fit_least_squares(A, reml):
    """Fit a model without random effects: ordinary or weighted least squares.

    Parameters
    ----------
    A : CrossProducts
    reml : bool

    Returns
    -------
    FitResult
    """
    p, n = A.n_fixed, A.n_obs
    R = np.linalg.cholesky(A.gram[:p, :p])
    right = lapack.dtrtrs(R, A.gram[:p, p], lower=1)[0] if p else np.zeros(0)
    r2 = max(float(A.gram[p, p] - right @ right), 0.0)
    nu = n - p if reml else n
    loglik = np.inf
    if nu > 0 and not is_exact(A):
        loglik = -0.5 * (
            nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))
            + reml * 2.0 * (np.log(np.diag(R)).sum() - A.frame.fixed.logdet)
            - A.sum_log_weights
        )
    return assemble(
        A,
        reml,
        solver="least squares",
        beta=lapack.dtrtrs(R, right, lower=1, trans=1)[0] if p else right,
        RX=R,
        sigma=np.sqrt(r2 / nu) if nu > 0 else 0.0,
        loglik=loglik,
        optimum=Optimum(np.zeros(0), 0.0, 0.0, 1, True),
    )


def finish(scale_free, deviance, optimum):
    """Turn the optimum into a result on the raw scale.

    Parameters
    ----------
    scale_free : Preconditioned
    deviance : ProfiledDeviance
        Of ``scale_free``.
    optimum : Optimum

    Returns
    -------
    FitResult
    """
    A = scale_free.original
    f = deviance.conditional_scores(optimum.theta)
    at = deviance.at
    bases = scale_free.to_raw
    Lambdas = deviance.Lambdas
    value = optimum.value - A.sum_log_weights
    if deviance.reml:
        value -= 2.0 * A.frame.fixed.logdet
    return assemble(
        A,
        deviance.reml,
        solver=deviance.elimination.solver,
        beta=at.beta,
        RX=at.RX,
        sigma=np.sqrt(at.r2 / deviance.nu),
        loglik=-0.5 * value,
        optimum=optimum,
        scale_free_covariances=tuple(
            B @ L @ L.T @ B.T for B, L in zip(scale_free.bases, Lambdas, strict=True)
        ),
        relative_factors=tuple(
            canonical(T @ Lambda, template)
            for T, Lambda, template in zip(
                bases, Lambdas, deviance.templates, strict=True
            )
        ),
        modes=tuple(
            (T @ (Lambda @ (Lambda.T @ f_j))).T
            for T, Lambda, f_j in zip(bases, Lambdas, f, strict=True)
        ),
    )


def assemble(
    A,
    reml,
    *,
    solver,
    beta,
    RX,
    sigma,
    loglik,
    optimum,
    relative_factors=(),
    scale_free_covariances=(),
    modes=(),
):
    """Bring the frame's parameters to the raw scale.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    solver : str
    beta : ndarray of shape (r,)
        In the frame.
    RX : ndarray of shape (r, r)
        Lower triangular, ``RX RX' = X'V^-1 X`` in the frame.
    sigma, loglik : float
    optimum : Optimum
    relative_factors, modes : sequenceuence of ndarray

    Returns
    -------
    FitResult
    """
    fixed = A.frame.fixed
    root = np.linalg.solve(RX, fixed.to_raw.T) if len(RX) else RX
    kept = np.zeros(fixed.n_raw, dtype=bool)
    kept[fixed.kept] = True
    return FitResult(
        A=A,
        reml=bool(reml),
        solver=solver,
        coef=A.frame.coef_to_raw(beta),
        coef_cov=sigma**2 * root.T @ root,
        kept=kept,
        sigma=float(sigma),
        relative_factors=relative_factors,
        modes=modes,
        loglik=float(loglik),
        converged=optimum.converged,
        n_iter=optimum.n_iter,
        decrement=optimum.decrement,
        singular_terms=singular_terms(A, scale_free_covariances, relative_factors),
        n_theta=len(optimum.theta),
    )


def canonical(Lambda, template):
    """Lower-triangular factor of the same covariance, nonnegative on its diagonal.

    Parameters
    ----------
    Lambda : ndarray of shape (k, k)
    template : CovarianceTemplate

    Returns
    -------
    ndarray of shape (k, k)
    """
    factor = np.zeros_like(Lambda)
    for block in template.free_blocks():
        factor[block, block] = lower_root(Lambda[block, block])
    return factor


def largest_dense(A):
    """Columns of the largest matrix that an elimination will factor."""
    sizes = sorted(factor.size for factor in A.factors)
    return sum(sizes[:-1])
