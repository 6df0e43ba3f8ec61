"""From moments to the best covariance of residuals that can be found."""

from dataclasses import replace

import numpy as np

from skmixed.errors import ResidualCovarianceError
from skmixed.likelihood.covariance.residual import has_no_inverse, residual_structure
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.patterns import Patterns
from skmixed.likelihood.products.patterns import (
    Batch,
    PatternProducts,
    moment_matrix,
    subject_cubes,
)
from skmixed.likelihood.products.rows import Factor, without_offset
from skmixed.likelihood.search.optimize import minimise

# More distinct visits than this are no grid: derivatives cost the fourth power.
MOST_VISITS = 60
# Rows up to which a descent from every start is cheap.
SMALL = 20_000
# Optima that differ by less are the same.
SAME = 1e-7
# Evaluations after which a search looks whether it has left all covariances.
STAGE = 15


def pattern_deviance(A, design, spec, reml):
    """The deviance of a residual covariance, and where its search starts.

    Parameters
    ----------
    A : CrossProducts
        Of the same rows, without random effects: their basis is used.
    design : Design
        With ``residual``, the places of the rows.
    spec : ResidualSpec
    reml : bool

    Returns
    -------
    deviance : ProfiledDeviance
    theta : ndarray of shape (m,)

    Raises
    ------
    ValueError
        For a design on which the covariance cannot be known.
    """
    term, times = spec.term, spec.times
    check_visits(term, times)
    X = A.basis.fixed.apply(design.X)
    rows = np.column_stack([X, A.basis.response(without_offset(design), X)])
    if design.weights is not None:
        rows *= np.sqrt(design.weights)[:, None]
    cubes = subject_cubes(rows, design.residual, len(times), len(spec.levels))
    moments = [moment_matrix(cube[:, :, -1], seen) for cube, seen in cubes]
    factors, batches, thetas = [], [], []
    for b, (cube, seen) in enumerate(cubes):
        if term.name == "us":
            check_pairs(term, spec, b, seen)
        structure = residual_structure(term.name, term.options, times, pinned=b == 0)
        batches.append(Batch.of(cube, seen))
        n_levels = batches[-1].rows.shape[2]
        factors.append(Factor(term.subject, spec.labels, n_levels, structure))
        thetas.append(structure.nearest(moments[b] / moments[0][0, 0]))
    n_subjects = sum(len(seen) for _, seen in cubes)
    products = PatternProducts(
        tuple(factors), tuple(batches), A.n_obs, A.n_fixed, n_subjects
    )
    deviance = ProfiledDeviance(products, Patterns(products), reml)
    return deviance, np.concatenate(thetas)


def search_patterns(deviance, start, **options):
    """Minimise the deviance of a residual covariance.

    Parameters
    ----------
    deviance : ProfiledDeviance
    start : ndarray of shape (m,)
    **options
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum
        Of the best start. Where equal variances are forced on unequal ones, ``toep``
        and ``ad`` can have several optima, ``ar1`` where gaps leave the sign open, and
        ``gau`` at several ranges. With a single parameter the lowest start leads to
        the best of them.
    """
    starts = [start]
    if deviance.A.n_obs <= SMALL:
        starts += further_starts(deviance, start)
    if len(starts) > 1 and deviance.n_theta == 1:
        best = min((deviance.at(theta) for theta in starts), key=lambda p: p.value)
        deviance.recall(best)
        starts = [best.theta]
    found = [descend_inside(deviance, theta, **options) for theta in starts]
    optimum = found[0]
    for other in found[1:]:
        if other.value < optimum.value - SAME:
            optimum = other
    return replace(optimum, n_iter=deviance.n_evaluations)


def descend_inside(deviance, theta, *, max_iter=100, **options):
    """Descend, and stop where a correlation matrix loses its inverse.

    Notes
    -----
    There the likelihood has no maximum: a search would go on and on.
    """
    optimum = minimise(deviance, theta, max_iter=min(STAGE, max_iter), **options)
    spent = optimum.n_iter
    while optimum.n_iter >= STAGE and spent < max_iter and not optimum.converged:
        Lambdas = deviance.relative_factors(optimum.theta)
        if any(has_no_inverse(Lambda @ Lambda.T) for Lambda in Lambdas):
            break
        left = min(STAGE, max_iter - spent)
        optimum = minimise(deviance, optimum.theta, max_iter=left, **options)
        spent += optimum.n_iter
    return optimum


def further_starts(deviance, start):
    """Starts of other correlations, as the shapes know where optima can be several."""
    own = [
        [] if structure.shape is None else structure.shape.further(structure.phi(part))
        for structure, part in (
            (structure, start[span])
            for structure, span in zip(deviance.structures, deviance.spans, strict=True)
        )
    ]
    for phis in zip(*own, strict=False):
        theta = start.copy()
        for structure, span, phi in zip(
            deviance.structures, deviance.spans, phis, strict=True
        ):
            theta[span] = structure.with_phi(theta[span], phi)
        yield theta


def check_visits(term, times):
    """Raise unless there are several visits, and not too many."""
    if len(times) < 2:
        raise ResidualCovarianceError(
            f"residual=`{term}`: there is one visit only, and a covariance is between "
            "several."
        )
    if len(times) > MOST_VISITS:
        raise ResidualCovarianceError(
            f"residual=`{term}`: `{term.time}` has {len(times)} distinct values; "
            f"residual covariances are done over up to {MOST_VISITS} visits. Round or "
            "bin the times to the planned visits, "
            + (
                f"or write {term.name}(1 | {term.subject}), for which times do not "
                "matter."
                if term.name in ("cs", "id")
                else "or take car1, which goes by distances in time."
            )
        )


def check_pairs(term, spec, level, seen):
    """Raise where nobody has both of two visits: their covariance is not known."""
    both = seen.T.astype(int) @ seen
    lacking = np.argwhere(np.tril(both == 0))
    if not len(lacking):
        return
    k, j = (spec.labels[i] for i in lacking[0])
    of = "" if term.by is None else f" with {term.by}={spec.levels[level]!r}"
    raise ResidualCovarianceError(
        f"residual=`{term}`: no `{term.subject}`{of} has rows at both {j} and {k} of "
        f"`{term.time}`, so that their covariance is not known. Try toeph, adh or ar1h."
    )
