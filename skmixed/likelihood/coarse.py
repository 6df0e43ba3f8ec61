"""What some whole groups of a large design tell: starts, and curvatures."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.likelihood.criterion.agq import QuadratureDeviance
from skmixed.likelihood.search.generalized import search_roughly
from skmixed.likelihood.working import differences

# Rows from which on a model of one factor is fitted to some groups first, the rows of
# these, and their number at the least.
COARSE_FROM, COARSE_ROWS, FEWEST_GROUPS = 100_000, 25_000, 200
# Fall of the deviance that the first fit leaves.
COARSE_TOL = 1e-2
# Rows whose groups tell what quadrature adds to Laplace's Hessian: a few percent of it.
CORRECTION_ROWS = 60_000
# A step that these groups foretell is taken if no longer than this share of x.
LONGEST = 0.3
# Variances of scale-free effects start at least here: zero is stationary.
FLOOR = 2.5e-3


@dataclass(frozen=True, eq=False)
class CoarseEstimates:
    """Estimates from some groups, on the raw scale.

    Parameters
    ----------
    coef : ndarray of shape (r,)
    kept : ndarray of int of shape (r,)
        Columns of X that they belong to.
    roots : list of ndarray of shape (k_j, k_j)
    psi : ndarray of shape (n_psi,)
    """

    coef: np.ndarray
    kept: np.ndarray
    roots: list
    psi: np.ndarray

    def serve(self, sweeps):
        """Whether the sweeps lay out the same columns."""
        kept = sweeps.basis.fixed.kept
        return np.array_equal(self.kept, kept) and [len(r) for r in self.roots] == [
            factor.n_effects for factor in sweeps.factors
        ]

    def beta(self, sweeps):
        """Coefficients in the basis of the rows."""
        return sweeps.basis.fixed.coordinates @ self.coef

    def theta(self, deviance):
        """Theta of a deviance of the same model, off the boundary."""
        return theta_near(deviance, self.roots)


def theta_near(deviance, roots):
    """Theta of a deviance from Lambdas on the raw scale, off the boundary.

    Parameters
    ----------
    deviance : LaplaceDeviance
    roots : list of ndarray of shape (k_j, k_j)

    Returns
    -------
    ndarray of shape (n_theta,)
    """
    thetas = [np.zeros(0)]
    for basis, B, structure, raw in zip(
        deviance.sweeps.basis.random,
        deviance.bases,
        deviance.structures,
        roots,
        strict=True,
    ):
        root = np.linalg.solve(B, basis.coordinates @ raw)
        thetas.append(structure.nearest(root @ root.T, FLOOR))
    return np.concatenate(thetas)


def whole_groups(design, n_rows=None):
    """Rows of some groups of a large design of one factor.

    Parameters
    ----------
    design : Design
    n_rows : int, optional
        About so many; by default ``COARSE_ROWS``.

    Returns
    -------
    Design or None
        None where all rows are as well.
    """
    n, names = len(design.y), {block.group for block in design.random}
    if n < COARSE_FROM or len(names) != 1:
        return None
    codes, n_levels = design.random[0].codes, design.random[0].n_levels
    size = int(n_levels * (n_rows or COARSE_ROWS) / n)
    if not FEWEST_GROUPS <= size < n_levels:
        return None
    chosen = np.sort(np.random.default_rng(0).choice(n_levels, size, replace=False))
    code = np.full(n_levels, -1)
    code[chosen] = np.arange(size)
    some = design.select(np.flatnonzero(code[codes] >= 0))
    blocks = tuple(
        replace(block, codes=code[block.codes], n_levels=size) for block in some.random
    )
    return replace(some, random=blocks)


def estimate_coarsely(design, opened):
    """Estimates from some whole groups of a large design.

    Parameters
    ----------
    design : Design
    opened : callable
        Gives the deviance of a design, and a start.

    Returns
    -------
    CoarseEstimates or None
        None where all rows are as well, or some have no likelihood.
    """
    some = whole_groups(design)
    if some is None:
        return None
    try:
        deviance, x = opened(some)
        x = search_roughly(deviance, x, tol=COARSE_TOL, max_iter=50).theta
    except (ValueError, np.linalg.LinAlgError):
        return None
    basis, (beta, psi) = deviance.sweeps.basis, deviance.fixed(x)
    roots = [
        own.raw(root) for own, root in zip(basis.random, deviance.roots(x), strict=True)
    ]
    return CoarseEstimates(basis.fixed.raw(beta), basis.fixed.kept, roots, psi)


def add_nodes(design, laplace, x, n_nodes, opened):
    """Quadrature for a design whose Laplace deviance is near its optimum.

    Parameters
    ----------
    design : Design
        A large one.
    laplace : LaplaceDeviance
    x : ndarray of shape (m,)
        Near its optimum.
    n_nodes : int
        Per effect.
    opened : callable
        Gives the Laplace deviance of a design, and a start.

    Returns
    -------
    deviance : QuadratureDeviance
        That knows from some groups, if they serve, what its Hessian has beside
        Laplace's.
    x : ndarray of shape (m,)
        Where its search starts: near its optimum, by the slopes of these groups.
    """
    deviance = QuadratureDeviance.beside(laplace, n_nodes)
    gradient = laplace.derivatives(laplace.at(x)).gradient
    laplace.forget()  # its rows' arrays, before others are made
    part = part_at(design, laplace, x, opened)
    if part is None:
        return deviance, x
    own = part.derivatives(part.last)
    bend, slopes = own.hessian, own.gradient
    nodes = QuadratureDeviance.beside(part, n_nodes)
    whole = differences(nodes, x, np.arange(len(x)))
    share = laplace.sweeps.factors[0].n_levels / part.sweeps.factors[0].n_levels
    deviance.correction = share * (whole - bend)
    slopes = nodes.derivatives(nodes.closely(x)).gradient - slopes
    step = -np.linalg.solve(share * whole, gradient + share * slopes)
    short = np.linalg.norm(step) <= LONGEST * max(1.0, np.linalg.norm(x))
    return deviance, x + step if short else x


def part_at(design, laplace, x, opened):
    """Laplace deviance of some groups in the units of all, at x; None if not to be had.

    See :func:`add_nodes`.
    """
    some = whole_groups(design, CORRECTION_ROWS)
    if some is None:
        return None
    part, _ = opened(some)
    kept = [each.sweeps.basis.fixed.kept for each in (part, laplace)]
    if not np.array_equal(*kept):
        return None
    take_units(part, laplace)
    return part if np.isfinite(part.closely(x).value) else None


def take_units(part, deviance):
    """Let x mean to the deviance of some rows what it means to that of all."""
    ours, theirs = part.sweeps.basis, deviance.sweeps.basis
    part.bases = [
        own.coordinates @ other.raw(B)
        for own, other, B in zip(
            ours.random, theirs.random, deviance.bases, strict=True
        )
    ]
    raw = theirs.fixed.to_raw @ deviance.beta_basis
    part.beta_basis = ours.fixed.coordinates @ raw
    part.forget()
