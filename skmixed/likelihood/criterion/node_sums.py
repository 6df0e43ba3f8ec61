"""Sums over the rows of every group at every node of a quadrature."""

import numpy as np

from skmixed.likelihood.families.links import LARGEST_PREDICTOR
from skmixed.likelihood.linalg.group_sums import add_by_group


def node_sums(deviance, x, state, away):
    """Log-likelihoods and scores by node and group.

    Parameters
    ----------
    deviance : QuadratureDeviance
    x : ndarray of shape (m,)
    state : RowState
        At the modes.
    away : ndarray of shape (q, k, G)
        How far b is from its mode at the nodes.

    Returns
    -------
    logliks : ndarray of shape (q, G)
    Zts : ndarray of shape (q, k, G)
    Xts : ndarray of shape (q, p, G)
        Of a family without psi, whose scores are not asked for again.
    """
    sweeps = deviance.sweeps
    p, own = 0 if deviance.r else deviance.p, sweeps.places[0]
    used = [*range(p), *(a for a in own if a >= p)]
    if moves_together(sweeps, state, away):
        logliks, by_column = tilted_sums(sweeps, state, away[:, 0], used, own[0])
    else:
        _, psi = deviance.fixed(x)
        logliks, by_column = plain_sums(sweeps, state, away, used, psi)
    return logliks, by_column[:, [used.index(a) for a in own]], by_column[:, :p]


def plain_sums(sweeps, state, away, used, psi):
    """Sums of log-likelihoods (q, G), and of scores with some columns (q, c, G)."""
    q, _, G = away.shape
    sums = np.zeros((q, 1 + len(used), G))
    for chunk in sweeps.chunks:
        codes, ones, columns = columns_of(sweeps, chunk, used)
        y, w = sweeps.y[chunk], sweeps.weights(chunk)
        for out, b in zip(sums, away, strict=True):
            eta = state.eta[chunk] + sweeps.row_values(b, chunk)
            loglik, score, _ = sweeps.family.step(y, w, eta, psi)
            products = [(loglik, ones), *((score, column) for column in columns)]
            add_by_group(out, codes, products)
    return sums[:, 0], sums[:, 1:]


def columns_of(sweeps, chunk, used):
    """Codes of some rows, ones, and some of their columns."""
    codes = sweeps.codes(0, chunk)
    ones = sweeps.ones[: len(codes)]
    columns = [ones if sweeps.is_one[a] else sweeps.columns[a, chunk] for a in used]
    return codes, ones, columns


def moves_together(sweeps, state, away):
    """Whether a node moves the predictors of a group's rows by one amount.

    In a family that tilts, one exponential per row and one per group and node then do.
    """
    if not sweeps.family.tilts(sweeps.y) or len(sweeps.places[0]) > 1:
        return False
    if not sweeps.is_one[sweeps.places[0][0]]:
        return False
    farthest = max(state.eta.max(), -state.eta.min(), np.abs(away).max())
    return farthest < LARGEST_PREDICTOR


def tilted_sums(sweeps, state, shifts, used, constant):
    """:func:`plain_sums` of a family with ``l = w (y eta - A(eta))``.

    Parameters
    ----------
    sweeps : RowSweeps
    state : RowState
    shifts : ndarray of shape (q, G)
    used : list of int
        Columns.
    constant : int
        The one of ones.
    """
    q, G = shifts.shape
    sums, base = np.zeros((q, 1 + len(used), G)), np.zeros((1 + len(used), G))
    factors = np.exp(shifts)
    for chunk in sweeps.chunks:
        codes, ones, columns = columns_of(sweeps, chunk, used)
        eta, w = state.eta[chunk], sweeps.weights(chunk)
        wy = sweeps.y[chunk] if sweeps.w is None else w * sweeps.y[chunk]
        add_by_group(base, codes, [(wy, eta), *((wy, column) for column in columns)])
        rows = np.exp(eta)
        for out, factor in zip(sums, factors, strict=True):
            odds = factor.take(codes)
            odds *= rows
            A, mean = sweeps.family.tilted(odds)
            if sweeps.w is not None:
                A, mean = w * A, w * mean
            products = [(A, ones), *((mean, column) for column in columns)]
            add_by_group(out, codes, products)
    moved = shifts * base[1 + used.index(constant)]
    return base[0] + moved - sums[:, 0], base[1:] - sums[:, 1:]
