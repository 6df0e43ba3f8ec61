"""Cross-products to the fitted parameters of a linear mixed model."""

from dataclasses import replace

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.covariance.structure import canonical
from skmixed.likelihood.elimination.regime import bid_for, with_probes
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.result import FitResult, ResidualFit
from skmixed.likelihood.saturation import check_bounded, check_not_saturated
from skmixed.likelihood.search.blocks import (
    block_model,
    is_grid,
    is_series,
    search_blocks,
    series_model,
)
from skmixed.likelihood.search.boundary import ground, singular_terms
from skmixed.likelihood.search.chance import logdet_error
from skmixed.likelihood.search.estimated import search_with_probes
from skmixed.likelihood.search.patterns import pattern_deviance, search_patterns
from skmixed.likelihood.validate import check_identified, check_not_exact, is_exact
from skmixed.printing.progress import announce

# Fixed and random effects of a fit that takes but a moment, whatever they are.
SMALL = 1000
# What people ask for; other names are those of regimes.
SOLVERS = ("auto", "exact", "stochastic")
# Relative step of differences in theta.
STEP = 1e-5


def fit_linear(
    A, *, reml=True, solver="exact", seed=0, tol=1e-8, max_iter=100, verbose=0
):
    """Fit a linear mixed model to its cross-products.

    Parameters
    ----------
    A : CrossProducts
        Those that have ``probes`` keep them.
    reml : bool, default=True
        Restricted maximum likelihood, else maximum likelihood.
    solver : {"auto", "exact", "stochastic"} or name of a regime, default="exact"
        As of :func:`skmixed.likelihood.elimination.regime.best_bid`; other names are
        for tests.
    seed : int, default=0
        Of the probes, where the likelihood is estimated.
    tol : float, default=1e-8
        Bound on the fall of the deviance that a further Newton step would bring.
    max_iter : int, default=100
        Evaluations of the deviance at the most.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation. A fit that will take more than
        minutes is announced with 0 too, where somebody watches standard error.

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
    regime = None if solver in SOLVERS else solver
    if regime is None and (solver == "stochastic" or not is_small(A)):
        A = with_probes(A, solver, seed)
    # far from the optimum a factorisation may fail: its deviance is then infinite
    quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")
    with blas_threads(look_ahead(A, verbose)), quiet:
        if A.sigma is None:  # a known residual variance bounds the likelihood
            check_not_exact(A)
            if not reml:
                check_bounded(A)
        found = search_with_probes(
            A, reml, regime, tol=tol, max_iter=max_iter, verbose=verbose
        )
        if A.probes is not None:
            A = replace(A, probes=found[0].A.probes)
        if A.sigma is None:
            check_not_saturated(A, *found)
        return finish(A, *ground(*found))


def look_ahead(A, verbose):
    """Announce a fit that will take long.

    Parameters
    ----------
    A : CrossProducts
    verbose : int

    Returns
    -------
    int
        Columns of the largest dense matrix, 0 where it is small.
    """
    if is_small(A):
        return 0
    bid = bid_for(A)
    random = ", ".join(f"{f.size:,} of `{f.group}`" for f in A.factors)
    how = ", estimated by random probes" if A.probes is not None else ""
    announce(bid.fit_seconds, f"Fit with {random} random effects{how}", verbose)
    return bid.columns


def is_small(A):
    """Whether a fit takes but a moment, whatever the design."""
    return A.n_fixed + sum(factor.size for factor in A.factors) < SMALL


def fit_residual(A, design, spec, *, reml=True, tol=1e-8, max_iter=100, verbose=0):
    """Fit a linear model whose residuals covary within subjects.

    Parameters
    ----------
    A : CrossProducts
        Of the rows, as if residuals were independent.
    design : Design
        With ``residual``, the places of the rows, or ``dispersion``.
    spec : DesignSpec
        What the residual covariance and the dispersion have learnt.
    reml, tol, max_iter, verbose
        As in :func:`fit_linear`.

    Returns
    -------
    FitResult
        Not converged where the covariance ends up singular: the likelihood has no
        maximum there.

    Raises
    ------
    ValueError
        If the data cannot tell the parameters apart.
    """
    check_identified(A)
    dispersion = None if spec.dispersion is None else spec.dispersion.formula_text
    spec = spec.residual
    options = {"tol": tol, "max_iter": max_iter, "verbose": verbose}
    with blas_threads(A.n_fixed + 1):
        check_not_exact(A, covary=True)
        beside = bool(A.factors) or design.dispersion is not None
        if is_grid(spec, beside):
            deviance, start = pattern_deviance(A, design, spec, reml)
            optimum = search_patterns(deviance, start, **options)
            scale = None
        else:
            if is_series(spec, beside):
                model = series_model(A, design, spec, reml)
            else:
                model = block_model(A, design, spec, dispersion, reml)
            deviance, scale = model.deviance, model.scale
            optimum = search_blocks(model, **options)
    residual = ResidualFit(
        None if spec is None else str(spec.term),
        deviance.A,
        optimum.theta,
        dispersion,
        None if dispersion is None else scale,
    )
    result = replace(finish(A, deviance, optimum), residual=residual)
    return replace(result, converged=False) if residual.singular else result


def finish(A, deviance, optimum):
    """Turn the optimum into a result on the raw scale.

    Parameters
    ----------
    A : CrossProducts
        What was fitted.
    deviance : ProfiledDeviance
        Of the same rows in a basis of its own.
    optimum : Optimum

    Returns
    -------
    FitResult
    """
    point = deviance.at(optimum.theta)
    n = len(A.factors)
    Lambdas = raw_factors(A, deviance, optimum.theta) if n else []
    modes = [
        basis.raw(Lambda @ (Lambda.T @ f)).T
        for basis, Lambda, f in zip(
            deviance.A.basis.random if n else (),
            point.Lambdas[:n],
            point.scores[:n] if n else [],
            strict=True,
        )
    ]
    result = assemble(
        A,
        deviance.reml,
        deviance.elimination.name,
        point,
        optimum,
        Lambdas=tuple(Lambdas),
        modes=tuple(modes),
        singular_terms=singular_terms(A, Lambdas),
    )
    if optimum.errors is None:
        return result
    return replace(
        result,
        loglik_se=0.5 * logdet_error(point.factored),
        theta_mc_se=reported_errors(result, deviance, optimum),
    )


def raw_factors(A, deviance, theta):
    """Lambdas at a theta of a basis of its own, in the basis of cross-products."""
    n = len(A.factors)
    return [
        canonical(structure, basis.mixture(own) @ Lambda)
        for own, basis, Lambda, structure in zip(
            A.basis.random,
            deviance.A.basis.random,
            deviance.relative_factors(theta)[:n],
            deviance.structures[:n],
            strict=True,
        )
    ]


def reported_errors(result, deviance, optimum):
    """Standard errors of the reported theta over probes.

    Parameters
    ----------
    result : FitResult
    deviance : ProfiledDeviance
        That was estimated.
    optimum : Optimum
        With ``errors``.

    Returns
    -------
    ndarray of shape (m,)
    """

    def reported(theta):
        Lambdas = raw_factors(result.A, deviance, theta)
        return replace(result, Lambdas=tuple(Lambdas)).theta

    theta = optimum.theta
    steps = np.maximum(STEP * np.abs(theta), STEP**2)
    slopes = [
        (reported(theta + step) - reported(theta - step)) / (2.0 * size)
        for size, step in zip(steps, np.diag(steps), strict=True)
    ]
    spread = np.transpose(slopes) @ optimum.errors @ slopes
    return np.sqrt(np.maximum(np.diag(spread), 0.0))


def assemble(A, reml, solver, point, optimum, **random):
    """Bring the basis's parameters to the raw scale.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    solver : str
    point : ProfiledPoint
        At the optimum, in the basis.
    optimum : Optimum
    **random
        What :class:`FitResult` says of the random effects.

    Returns
    -------
    FitResult
    """
    fixed, nu = A.basis.fixed, A.n_obs - (A.n_fixed if reml else 0)
    determined = nu > 0 and np.isfinite(point.r2)
    sigma = float(np.sqrt(point.r2 / nu)) if determined else 0.0
    sigma = sigma if A.sigma is None else A.sigma
    root = point.RX
    if len(root):
        root = lapack.dtrtrs(root, fixed.to_raw.T, lower=1)[0]
    constants = A.sum_log_weights + (2.0 * fixed.logdet if reml else 0.0)
    loglik = np.inf  # without a residual the density has no bound
    if A.sigma is not None or (determined and not is_exact(A)):
        loglik = float(-0.5 * (optimum.value - constants))
    kept = np.zeros(fixed.n_raw, dtype=bool)
    kept[fixed.kept] = True
    return FitResult(
        A=A,
        reml=bool(reml),
        solver=solver,
        coef=A.basis.raw_coef(point.beta),
        coef_cov=sigma**2 * root.T @ root,
        kept=kept,
        sigma=sigma,
        loglik=loglik,
        converged=optimum.converged,
        n_iter=optimum.n_iter,
        decrement=optimum.decrement,
        n_theta=len(optimum.theta),
        **random,
    )
