"""What the estimates would be without one group: refitted, or at the same variances."""

from dataclasses import replace
from time import perf_counter

import numpy as np

from skmixed.inference.diagnose.crossed_deletion import delete_crossed
from skmixed.inference.diagnose.deletion import Deletion, sigma_without
from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.elimination.regime import bid_for
from skmixed.likelihood.fit import finish
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import GroupedRows, without_offset
from skmixed.likelihood.search.boundary import thin_directions
from skmixed.likelihood.search.optimize import minimise
from skmixed.likelihood.search.search import search
from skmixed.printing.progress import announce, count_done

# Refits are compared with each other: they go farther than a fit does.
TOLERANCE = 1e-11
# Scaled cross-products of the fixed effects with a smaller eigenvalue are singular.
SINGULAR = 1e-12


def delete_groups(fit, design, factor, *, refit=True, verbose=None):
    """Delete the groups of a factor, one at a time.

    Parameters
    ----------
    fit : Fitted
    design : Design
        The rows of the fit, with response and weights.
    factor : int
    refit : bool, default=True
        Whether variances are estimated anew without the group, or held.
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    Deletion

    Notes
    -----
    The cross-products of the other groups are those of all less the group's own, so a
    refit reads no rows but the group's, and it starts at the estimates of all. With
    variances held, the groups of the only factor are deleted all at once, see
    `hold_variances`, and those of one among several by low-rank updates.
    """
    result, codes = fit.result, GroupedRows.of(design.random).codes[factor]
    if not refit and len(result.groups) == 1:
        return hold_variances(fit, design, codes)
    if not refit:
        deletion = delete_crossed(fit, design, codes, result.n_levels[factor], verbose)
        return replace(deletion, leverage=group_leverage(fit, design, codes))
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=result.n_levels[factor])
    found, started = [], perf_counter()
    threads = blas_threads(bid_for(result.A).columns)
    with threads, count_done(len(counts), "influence", "groups", verbose) as done:
        for level, rows in enumerate(np.split(order, np.cumsum(counts)[:-1])):
            A = without(result.A, design, rows, factor, level)
            found.append(estimates(replace(result, A=A)))
            if level == 0 and verbose != 0:
                seconds = (perf_counter() - started) * len(counts)
                groups = f"{len(counts):,} groups of `{result.groups[factor]}`"
                announce(
                    seconds,
                    f"Influence of {groups}, each with a fit (refit=False has none)",
                    verbose or 0,
                )
            done()
    coef, std_error, sigma, covariances = zip(*found, strict=True)
    return Deletion(
        coef=np.array(coef),
        std_error=np.array(std_error),
        sigma=np.array(sigma),
        leverage=group_leverage(fit, design, codes),
        covariances=list(covariances),
    )


def without(A, design, rows, factor, level):
    """Cross-products less those of one group.

    Parameters
    ----------
    A : CrossProducts
    design : Design
    rows : ndarray of int
        Of the group.
    factor, level : int

    Returns
    -------
    CrossProducts
        The group keeps its level, which without rows says nothing.
    """
    own = cross_products(design.select(rows), basis=A.basis)
    negative = replace(
        own,
        gram=-own.gram,
        ZtZ=tuple(-block for block in own.ZtZ),
        ZtXy=tuple(-block for block in own.ZtXy),
        pairs=tuple(replace(pair, data=-pair.data) for pair in own.pairs),
        n_obs=-own.n_obs,
        sum_log_weights=-own.sum_log_weights,
    )
    rest = A + negative
    for products in (rest.ZtZ, rest.ZtXy):
        products[factor][:, :, level] = 0.0
    return rest


def estimates(start):
    """Estimate a model anew from changed cross-products.

    Parameters
    ----------
    start : FitResult
        With the changed cross-products, and the estimates to start from.

    Returns
    -------
    coef, std_error : ndarray of shape (r,)
    sigma : float
    covariances : tuple of ndarray
    """
    A, p = start.A, start.A.n_fixed
    if not determined(A.gram[:p, :p]):
        nothing = np.full(p, np.nan)
        unknown = tuple(np.full_like(one, np.nan) for one in start.covariances)
        return nothing, nothing, np.nan, unknown
    deviance, point = reopen(start)
    optimum = minimise(deviance, point.theta, tol=TOLERANCE)
    found = deviance, optimum
    thin = thin_directions(deviance, optimum.theta)
    if thin or optimum.flat or not optimum.converged:
        found = search(A, start.reml, tol=TOLERANCE)
    fit = finish(A, *found)
    return fit.coef, np.sqrt(np.diag(fit.coef_cov)), fit.sigma, fit.covariances


def determined(gram):
    """Whether cross-products of columns are not singular, for each of a stack."""
    scale = np.sqrt(np.maximum(np.einsum("...ii->...i", gram), np.finfo(float).tiny))
    unit = gram / (scale[..., :, None] * scale[..., None, :])
    if not gram.shape[-1]:
        return np.ones(gram.shape[:-2], dtype=bool)
    return np.linalg.eigvalsh(unit)[..., 0] > SINGULAR


def group_leverage(fit, design, codes):
    """Leverage of the rows on the fixed effects, summed by group: (G,)."""
    posterior = fit.open.posterior
    rows, RX = posterior.basis.rows(design), posterior.RX
    whitened = np.linalg.solve(RX @ RX.T, posterior.marginal_columns(rows).T)
    leverage = np.einsum("ni,in->n", rows.X, whitened)
    return np.bincount(codes, residual_of(design).times(leverage))


def hold_variances(fit, design, codes):
    """Delete all groups of the only factor, the relative variances held.

    Parameters
    ----------
    fit : Fitted
    design : Design
    codes : ndarray of shape (n,)

    Returns
    -------
    Deletion

    Notes
    -----
    V is block diagonal. With e = y - X beta, what a group adds to [X e]'V^-1[X e] is

        S_g = [X e]_g'W[X e]_g - [X e]_g'W Z_g Psi Z_g'V_g^-1[X e]_g,

    and without it ``(S - S_g)_XX (beta_g - beta) = -(S_g)_Xe``.
    """
    result, posterior = fit.result, fit.open.posterior
    A, p = fit.open.deviance.A, len(posterior.beta)
    beta, Lambda = posterior.beta, posterior.Lambdas[0]
    own = own_products(A.basis, design, codes, beta)
    C = np.concatenate([A.ZtXy[0][:, :p], own_scores(A.ZtXy[0], beta)], axis=1)
    F = np.concatenate([posterior.F[0], posterior.f[0][:, None]], axis=1)
    S_g = own - np.einsum("amg,ab,bng->gmn", C, Lambda @ Lambda.T, F, optimize=True)
    rest = posterior.RX @ posterior.RX.T - S_g[:, :p, :p]
    known = determined(rest)
    rest[~known] = np.eye(p)
    inverse = np.linalg.inv(rest)
    shift = np.einsum("gij,gj->gi", inverse, S_g[:, :p, p])
    lost = S_g[:, p, p] + np.einsum("gi,gi->g", shift, S_g[:, :p, p])
    sigma = sigma_without(result, lost, np.bincount(codes))
    L = A.basis.contrasts(np.eye(p))
    variances = np.einsum("ia,gab,ib->gi", L, inverse, L, optimize=True)
    coef = result.coef - shift @ L.T
    std_error = sigma[:, None] * np.sqrt(variances)
    for values in (coef, std_error, sigma):
        values[~known] = np.nan
    return Deletion(coef, std_error, sigma, group_leverage(fit, design, codes))


def own_scores(ZtXy, beta):
    """``Z'W(y - X beta)`` of every group, of shape (k, 1, G)."""
    return np.einsum("amg,m->ag", ZtXy, np.append(-beta, 1.0))[:, None]


def own_products(basis, design, codes, beta):
    """``[X e]_g'W[X e]_g`` of every group, of shape (G, p + 1, p + 1)."""
    X = basis.fixed.apply(design.X)
    y, residual = without_offset(design), residual_of(design)
    columns = [*X.T, basis.response(y, X) - X @ beta]
    m, G = len(columns), codes.max() + 1
    out = np.empty((G, m, m))
    for a, first in enumerate(columns):
        weighted = residual.times(first)
        for b in range(a + 1):
            out[:, a, b] = out[:, b, a] = np.bincount(codes, weighted * columns[b])
    return out
