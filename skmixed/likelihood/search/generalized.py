"""Starting values of generalised models, and the search from them."""

from dataclasses import replace

import numpy as np
from scipy.linalg import lapack

from skmixed.errors import ColumnError
from skmixed.likelihood.elimination.dense import DENSE_EFFECTS
from skmixed.likelihood.products.precondition import change_basis
from skmixed.likelihood.search.boundary import (
    leave_boundary,
    snap_to_boundary,
    thin_directions,
)
from skmixed.likelihood.search.optimize import Optimum, minimise
from skmixed.likelihood.search.start import START_FLOOR, moment_equations

# Rows that a start without random effects is fitted to.
START_ROWS = 20_000
# Steps of that fit, and the relative fall of the deviance that ends it: sooner where
# coefficients and psi take turns, which is slow.
START_STEPS, START_TOL, START_TOL_IN_TURNS = 30, 1e-6, 1e-4
# A deviance below this, of a discrete response, separates: coefficients have no limit.
SEPARATED = 1e-4
# Absolute variances of scale-free effects that a search starts from besides.
FURTHER_VARIANCES = (0.25, 1.0, 0.05)
# More for discrete responses, whose information ebbs where variances are large:
# Laplace's deviance may have other minima there.
WIDE_VARIANCES = (4.0, 25.0)
# The largest variance that moments may start a search from, and the least.
LARGEST_START, LEAST_START = 25.0, 4e-3
# psi of a start stays within this.
WIDEST_PSI = 12.0
# A start without a likelihood is drawn towards zero this much, this often.
SHRINK, MOST_SHRINKS = 0.3, 8
# Optima that differ by less are the same.
SAME = 1e-7


class SomeRows:
    """A part of the rows, for starting values.

    Parameters
    ----------
    sweeps : RowSweeps
    """

    def __init__(self, sweeps):
        rows = slice(None)
        if sweeps.n > 2 * START_ROWS:
            rng = np.random.default_rng(0)
            rows = np.sort(rng.choice(sweeps.n, START_ROWS, replace=False))
        self.family = sweeps.family
        self.X, self.y = sweeps.X[:, rows], sweeps.y[rows]
        self.w = np.ones(len(self.y)) if sweeps.w is None else sweeps.w[rows]
        self.offset = np.zeros(len(self.y))
        if sweeps.offset is not None:
            self.offset = sweeps.offset[rows]

    def loglik(self, eta, psi):
        """Log-likelihood without its constant."""
        return float(self.family.step(self.y, self.w, eta, psi)[0].sum())


def fit_without_effects(sweeps):
    """Coefficients and psi without random effects: Fisher's scoring.

    Parameters
    ----------
    sweeps : RowSweeps

    Returns
    -------
    beta : ndarray of shape (p,)
        Of the columns in the basis of the rows.
    psi : ndarray of shape (r,)
    """
    rows = SomeRows(sweeps)
    family, y, w, X = rows.family, rows.y, rows.w, rows.X
    mean = np.full(len(y), np.average(y, weights=w))
    # a positive response may be skewed so much that its own logarithms mislead
    eta = family.start_eta(y, w) if family.discrete else family.link.of(mean)
    psi = family.start_psi(y, w, mean)
    if family.name != "ordinal":
        psi = np.clip(psi, -WIDEST_PSI, WIDEST_PSI)
    beta, value = None, np.inf
    tol = START_TOL_IN_TURNS if family.n_psi else START_TOL
    for _ in range(START_STEPS):
        score = family.step(y, w, eta, psi)[1]
        WX = X * family.expected_weights(y, w, eta, psi)
        gram = WX @ X.T
        ridge = 1e-8 * np.diag(np.diag(gram) + 1e-8)
        right = WX @ (eta - rows.offset) + X @ score
        new = lapack.dposv(gram + ridge, right)[1] if len(X) else np.zeros(0)
        if beta is not None:
            new = shortened(rows, beta, new, psi, value)
        beta = new
        eta = beta @ X + rows.offset
        psi = improved_psi(rows, eta, psi)
        before, value = value, -2.0 * rows.loglik(eta, psi)
        arrived = before - value < tol * (0.1 + abs(value))
        if arrived or (family.discrete and abs(value) < SEPARATED):
            break
    return beta, psi


def shortened(rows, old, new, psi, value):
    """Shorten a step of the coefficients until the fit is no worse."""
    for _ in range(20):
        loglik = rows.loglik(new @ rows.X + rows.offset, psi)
        if np.isfinite(loglik) and -2.0 * loglik <= value + 1e-8 * abs(value):
            break
        new = 0.5 * (old + new)
    return new


def improved_psi(rows, eta, psi):
    """One damped Newton step of the family's own parameters."""
    family, y, w = rows.family, rows.y, rows.w
    if not family.n_psi:
        return psi
    t = family.terms(y, w, eta, psi)
    g = np.array([v.sum() for v in t.loglik_psi])
    H = -np.array([[np.sum(v) for v in row] for row in t.loglik_psi2])
    if family.n_psi == 1:
        H = np.maximum(np.abs(H), 1e-3 * len(y))
    step, value = np.linalg.lstsq(H, g, rcond=None)[0], t.loglik.sum()
    for _ in range(30):
        if family.feasible(psi + step) and (
            family.terms(y, w, eta, psi + step).loglik.sum() >= value - 1e-9
        ):
            return psi + step
        step = step / 2.0
    return psi


def moments_theta(deviance, state):
    """Theta from the moments of the working response, whose sigma is known to be 1.

    Parameters
    ----------
    deviance : LaplaceDeviance
    state : RowState
        Complete, at random effects of zero.

    Returns
    -------
    ndarray of shape (n_theta,)
    """
    structures, p = deviance.structures, deviance.p
    if not structures:
        return np.zeros(0)
    gram = np.zeros((p + 1, p + 1))
    gram[:p, :p] = state.XtX
    gram[:p, p] = gram[p, :p] = state.Xts
    gram[p, p] = float(state.score @ (state.score / np.maximum(state.W, 1e-10)))
    columns = zip(state.ZtX, state.A.ZtXy, strict=True)
    ZtXy = tuple(np.concatenate(both, axis=1) for both in columns)
    A = change_basis(replace(state.A, gram=gram, ZtXy=ZtXy), deviance.bases)
    flats = [s.units.reshape(-1, s.n_effects**2) for s in structures]
    # observed weights may be negative: a start then does without what has no root
    with np.errstate(invalid="ignore", over="ignore"):
        M, right = map(np.nan_to_num, moment_equations(A, flats))
    M, right = M[:-1, :-1], right[:-1] - M[:-1, -1]
    if not np.isfinite(M).all() or not np.isfinite(right).all():
        # observed weights may be negative, and sums of groups then have no inverse
        plain = FURTHER_VARIANCES[0]
        return np.concatenate(
            [s.nearest(plain * np.eye(s.n_effects)) for s in structures]
        )
    scale = np.sqrt(np.abs(np.diag(M)))
    scale[scale == 0] = 1.0
    phi = np.linalg.lstsq(M / np.outer(scale, scale), right / scale, rcond=None)[0]
    phi = phi / scale
    thetas, start = [], 0
    for structure, flat in zip(structures, flats, strict=True):
        Psi = (phi[start : start + len(flat)] @ flat).reshape(structure.n_effects, -1)
        Psi = np.clip(Psi, -LARGEST_START, LARGEST_START)
        thetas.append(structure.nearest(Psi, max(START_FLOOR, LEAST_START)))
        start += len(flat)
    return np.concatenate(thetas)


def search_generalized(deviance, x, **options):
    """Minimise a generalised model's deviance, boundary included.

    Parameters
    ----------
    deviance : LaplaceDeviance
    x : ndarray of shape (m,)
        Start.
    **options
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum

    Raises
    ------
    ValueError
        If no start has a likelihood.
    """
    optimum = search_roughly(deviance, x, **options)
    value = deviance.closely(optimum.theta).value
    return replace(optimum, value=value, n_iter=deviance.n_evaluations)


def search_roughly(deviance, x, **options):
    """:func:`search_generalized`, whose value may be that of rough modes."""
    x = with_likelihood(deviance, x)
    value = deviance.start_at(x).value
    if not np.isfinite(value):
        raise ColumnError(
            "The likelihood cannot be computed where the search starts. Are responses, "
            "predictors or offsets of extreme size? Rescale them, or leave out the "
            "rows at fault."
        )
    if not deviance.structures and deviance.family.discrete and value < SEPARATED:
        return Optimum(x, value, decrement=0.0, n_iter=1, converged=True, flat=True)
    optimum = minimise(deviance, x, **options)
    if deviance.n_theta and thin_directions(deviance, optimum.theta):
        optimum = leave_boundary(deviance, optimum, **options)
        if thin_directions(deviance, optimum.theta):
            for start in further_starts(deviance, optimum):
                start = with_likelihood(deviance, start)
                if np.isfinite(deviance.at(start).value):
                    other = minimise(deviance, start, **options)
                    other = leave_boundary(deviance, other, **options)
                    if other.value < optimum.value - SAME:
                        optimum = other
            optimum = snap_to_boundary(deviance, optimum)
    return optimum


def with_likelihood(deviance, x):
    """Draw theta towards zero until the start has a likelihood."""
    x = np.array(x)
    for _ in range(MOST_SHRINKS):
        if np.isfinite(deviance.at(x).value):
            break
        x[: deviance.n_theta] *= SHRINK
    return x


def further_starts(deviance, optimum):
    """Starts where variances ended at zero: several in small designs.

    Yields
    ------
    ndarray of shape (m,)
    """
    structures = deviance.structures
    small = sum(f.size for f in deviance.A.factors) <= DENSE_EFFECTS
    several = any(b.stop - b.start > 1 for s in structures for b in s.free_blocks)
    variances = FURTHER_VARIANCES[:1]
    if small and deviance.n_theta > 1:
        wide = WIDE_VARIANCES if deviance.family.discrete else ()
        variances = FURTHER_VARIANCES + wide
    for variance in variances if small or several else ():
        x = optimum.theta.copy()
        for span, structure in zip(deviance.spans, structures, strict=True):
            x[span] = structure.nearest(variance * np.eye(structure.n_effects))
        yield x
