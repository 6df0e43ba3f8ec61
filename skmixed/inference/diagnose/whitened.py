"""Residuals of rows that covary, each given the rows before it."""

from dataclasses import replace

import numpy as np

from skmixed.errors import TooLargeError
from skmixed.inference.opened.open_fit import open_residual
from skmixed.likelihood.covariance.parts import RandomPart
from skmixed.likelihood.linalg.roots import inverse_roots
from skmixed.likelihood.products.blocks import MOST_ROWS, batch_rows, find_blocks
from skmixed.likelihood.products.rows import without_offset
from skmixed.likelihood.products.series import SeriesProducts
from skmixed.likelihood.search.blocks import lay_columns


def whitened_residuals(fit, design, codes):
    """What rows leave unexplained by the fixed effects and the rows before them.

    Parameters
    ----------
    fit : Fitted
        With residuals that covary or differ in spread.
    design : Design
        Rows with responses, weights, and their places in the residuals' covariances.
    codes : sequence of ndarray of int of shape (n,)
        Levels of every grouping factor.

    Returns
    -------
    residuals, fitted : ndarray of shape (n,)
        ``L^-1 (y - X b)`` with V = L L', in order of time within subjects: independent
        with variance one where the model is right (nlme's normalized residuals, random
        effects counted to V). The fitted values are those of the fixed effects.
    """
    result, beta = fit.result, fit.open.point.beta
    rows = fit.open.basis.rows(design)
    y = result.A.basis.response(without_offset(design), rows.X)
    e = y - rows.X @ beta
    fitted = design.y - e
    if design.weights is not None:
        e = e * np.sqrt(design.weights)
    whiten = whiten_blocks
    if isinstance(result.residual.products, SeriesProducts):
        whiten = whiten_series
    return whiten(result.residual, design, rows, codes, e) / result.sigma, fitted


def whiten_series(residual, design, rows, codes, e):
    """Whiten first-order Markov series of any length."""
    at = design.residual
    order = np.lexsort((at.time, at.subject))
    products = SeriesProducts.of(
        e[order][:, None], at.subject[order], at.time[order], residual.structures
    )
    deviance = open_residual(replace(residual, products=products), False)
    r = deviance.correlations(residual.theta)[0]
    found = np.empty(len(e))
    found[order] = deviance.elimination.factor(r).whitened()[0]
    return found


def whiten_blocks(residual, design, rows, codes, e):
    """Whiten rows of the blocks that depend on one another."""
    n, groupings = len(e), list(codes)
    if design.residual is not None:
        groupings.append(design.residual.subject)
    block = find_blocks(groupings or [np.arange(n)])
    if np.bincount(block).max() > MOST_ROWS:
        raise TooLargeError(
            f"{np.bincount(block).max()} rows depend on one another; residuals are "
            f"told apart for up to {MOST_ROWS}."
        )
    w = design.dispersion
    w = np.zeros((n, 0)) if w is None else w / residual.scale
    columns = lay_columns(design, rows, e, w)
    columns |= {
        "rows": np.column_stack([e, np.arange(n)]),
        "codes": tuple(codes),
    }
    part, found = residual.part, np.empty(n)
    random = list(random_parts(residual))
    for batch in batch_rows(columns, block, (columns["time"], columns["subject"])):
        V = part.value(residual.own_theta, batch)
        V = V + sum(one.value(theta, batch) for one, theta in random)
        k = np.arange(V.shape[1])
        V[:, k, k] += ~batch.seen
        white = np.matmul(inverse_roots(V)[0], batch.rows[:, :, :1])[:, :, 0]
        found[batch.rows[:, :, 1][batch.seen].astype(int)] = white[batch.seen]
    return found


def random_parts(residual):
    """Parts of V that are the random effects', and their theta."""
    start = 0
    for place, structure in enumerate(residual.products.beside):
        stop = start + structure.n_theta
        yield RandomPart(place, structure), residual.theta[start:stop]
        start = stop
