"""What estimates would be without a subject, where residuals covary over visits."""

from dataclasses import replace

import numpy as np

from skmixed.inference.diagnose.deletion import Deletion, sigma_without
from skmixed.inference.diagnose.group_deletion import determined
from skmixed.inference.opened.curvature import whitening_root
from skmixed.inference.opened.residual_refit import residual_estimates
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.likelihood.products.patterns import Batch, subject_cubes
from skmixed.likelihood.products.rows import without_offset
from skmixed.printing.progress import count_done

# Refits are compared with each other: they go farther than a fit does.
TOLERANCE = 1e-11


def delete_subjects(fit, design, at, *, refit=True, verbose=None):
    """Delete the subjects, one at a time.

    Parameters
    ----------
    fit : Fitted
        With a residual covariance.
    design : Design
        The rows of the fit, with response and weights.
    at : ResidualRows
        Where they stand.
    refit : bool, default=True
        Whether the covariance is estimated anew without the subject, or held.
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    Deletion
        Where refitted, ``covariances`` holds the values of the covariances' parameters.
    """
    held = hold_covariance(fit, design, at)
    if not refit:
        return held
    return replace(refit_without(fit, design, at, verbose), leverage=held.leverage)


def framed_rows(result, design):
    """[X y] of the rows in the basis of the fit, times the roots of their weights."""
    basis = result.A.basis
    X = basis.fixed.apply(design.X)
    rows = np.column_stack([X, basis.response(without_offset(design), X)])
    if design.weights is not None:
        rows = rows * np.sqrt(design.weights)[:, None]
    return rows


def hold_covariance(fit, design, at):
    """Delete every subject, the relative covariance held.

    Notes
    -----
    With e = y - X beta and V_i the subject's covariance, it adds ``[X e]'V_i^-1[X e]``
    to the sums of squares and products, from which its deletion follows.
    """
    result, point = fit.result, fit.open.point
    rows, p = framed_rows(result, design), len(point.beta)
    rows[:, p] -= rows[:, :p] @ point.beta
    n, covariances = int(at.subject.max()) + 1, result.residual.covariances
    S, counts = np.zeros((n, p + 1, p + 1)), np.bincount(at.subject)
    order = np.argsort(at.subject, kind="stable")
    for i, members in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        visits = at.visit[members]
        V = covariances[at.level[members[0]]][np.ix_(visits, visits)]
        own = rows[members]
        S[i] = own.T @ np.linalg.solve(V, own)
    return deletion_of(fit, S, counts)


def deletion_of(fit, S, counts):
    """Estimates without every unit, the relative covariance held.

    Parameters
    ----------
    fit : Fitted
    S : ndarray of shape (G, p + 1, p + 1)
        What units add to the sums of squares and products of [X e].
    counts : ndarray of int of shape (G,)
        Their rows.

    Returns
    -------
    Deletion
    """
    result, point = fit.result, fit.open.point
    p = len(point.beta)
    information = point.RX @ point.RX.T
    rest = information - S[:, :p, :p]
    known = determined(rest)
    rest[~known] = np.eye(p)
    inverse = np.linalg.inv(rest)
    shift = np.einsum("gij,gj->gi", inverse, S[:, :p, p])
    lost = S[:, p, p] + np.einsum("gi,gi->g", shift, S[:, :p, p])
    sigma = sigma_without(result, lost, counts)
    L = result.A.basis.contrasts(np.eye(p))
    variances = np.einsum("ia,gab,ib->gi", L, inverse, L, optimize=True)
    coef = result.coef - shift @ L.T
    std_error = sigma[:, None] * np.sqrt(variances)
    for values in (coef, std_error, sigma):
        values[~known] = np.nan
    whole = np.linalg.inv(information) if p else information
    leverage = np.einsum("ij,gji->g", whole, S[:, :p, :p])
    return Deletion(coef, std_error, sigma, leverage)


def refit_without(fit, design, at, verbose):
    """Fit the model without every subject, from the estimates of all."""
    result, residual = fit.result, fit.result.residual
    n_visits, n_levels = len(fit.spec.residual.visits), len(fit.spec.residual.levels)
    rows, p = framed_rows(result, design), result.A.n_fixed
    cubes = subject_cubes(rows, at, n_visits, n_levels)
    counts = np.bincount(at.subject)
    level = np.zeros(len(counts), dtype=int)
    level[at.subject] = at.level
    place = np.zeros(len(counts), dtype=int)
    for b in range(n_levels):
        place[level == b] = np.arange(np.count_nonzero(level == b))
    total = rows[:, :p].T @ rows[:, :p]
    found = []
    with count_done(len(counts), "influence", "subjects", verbose) as done:
        for i, count in enumerate(counts):
            b = level[i]
            cube, seen = (np.delete(part, place[i], axis=0) for part in cubes[b])
            own = rows[at.subject == i, :p]
            left = len(cube) and determined((total - own.T @ own)[None])[0]
            if left:
                batches = list(residual.products.batches)
                batches[b] = Batch.of(cube, seen)
                products = replace(
                    residual.products,
                    batches=tuple(batches),
                    n_obs=result.n_obs - int(count),
                    n_subjects=len(counts) - 1,
                )
                found.append(estimates(fit, products))
            else:
                found.append(None)
            done()
    return gathered(found, fit)


def variance_parameters(fit):
    """Parameters of the covariances of a model whose residuals covary, a list."""
    return [p for p in parameters_of(fit) if p.kind != "fixed"]


def estimates(fit, products):
    """Coefficients, standard errors, sigma and the covariances' parameters."""
    result = fit.result
    found, RX = residual_estimates(result, products, tol=TOLERANCE)
    root = whitening_root(result, RX)
    std_error = found.sigma * np.sqrt(np.einsum("pr,pr->r", root, root))
    values = np.array([p.value_of(found) for p in variance_parameters(fit)])
    return found.coef, std_error, found.sigma, values


def gathered(found, fit):
    """All deletions together, NaN where a subject determines an effect."""
    r, m = len(fit.result.coef), len(variance_parameters(fit))
    nothing = np.full(r, np.nan), np.full(r, np.nan), np.nan, np.full(m, np.nan)
    found = [nothing if one is None else one for one in found]
    coef, std_error, sigma, values = zip(*found, strict=True)
    return Deletion(
        np.array(coef),
        np.array(std_error),
        np.array(sigma),
        np.full(len(found), np.nan),
        covariances=list(values),
    )
