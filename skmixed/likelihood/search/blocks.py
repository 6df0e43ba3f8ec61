"""From a fit with independent residuals to the best that lets them covary."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.errors import ColumnError, IdentifiabilityError, TooLargeError
from skmixed.likelihood.covariance.parts import RandomPart, ResidualPart
from skmixed.likelihood.covariance.residual import check_whole, residual_structure
from skmixed.likelihood.criterion.marginal import MarginalDeviance, information
from skmixed.likelihood.criterion.series import MarkovDeviance
from skmixed.likelihood.products.blocks import (
    MOST_ROWS,
    BlockProducts,
    batch_rows,
    find_blocks,
)
from skmixed.likelihood.products.patterns import moment_matrix, subject_cubes
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.products.rows import GroupedRows, without_offset
from skmixed.likelihood.products.series import SeriesProducts
from skmixed.likelihood.search.optimize import minimise
from skmixed.likelihood.search.patterns import SAME, SMALL, check_pairs
from skmixed.likelihood.search.start import starting_theta

# Smallest relative variance of random effects that a search starts from.
FLOOR = 1e-3
# Variance of the random effects where the residuals are to explain the rest.
SMALL_VARIANCE = 0.09
# What is added to the first parameter of a correlation over time in further starts.
SHIFTS = (0.0, 1.0, 2.5)
# Parameters whose information is smaller, relative to the largest, are one too many.
REDUNDANT = 1e-10
# Share of a parameter in a direction without information that is named.
NAMED = 0.05
# A column of the dispersion with a mean of so many of its standard deviations.
FAR = 30.0


@dataclass(frozen=True, eq=False)
class BlockModel:
    """A marginal model of the rows, before it is fitted.

    Parameters
    ----------
    deviance : MarginalDeviance or MarkovDeviance
    heads : list of ndarray
        Theta of the random effects to start from.
    rest : ndarray
        Theta of the residuals to start from.
    shape : Shape or None
        Of the first residual covariance.
    scale : ndarray of shape (r,)
        Of the dispersion's columns.
    """

    deviance: MarginalDeviance | MarkovDeviance
    heads: list
    rest: np.ndarray
    shape: object
    scale: np.ndarray


def block_model(A, design, spec, formula, reml):
    """Set the deviance of a marginal model up, and where its search starts.

    Parameters
    ----------
    A : CrossProducts
        Of the rows, with independent residuals.
    design : Design
    spec : ResidualSpec or None
    formula : str or None
        Of the dispersion, for messages.
    reml : bool

    Returns
    -------
    BlockModel

    Raises
    ------
    ValueError
        Where blocks are too large, or the data cannot tell the parameters apart.
    """
    groupings = list(GroupedRows.of(design.random).codes)
    if spec is not None:
        groupings.append(design.residual.subject)
    block = find_blocks(groupings or [np.arange(len(design.y))])
    check_sizes(block, groupings, [f.group for f in A.factors], spec)
    free = scale_free(A)
    basis, factors = free.basis, free.factors
    rows = basis.rows(design)
    y = basis.response(without_offset(design), rows.X)
    w, scale = scaled_dispersion(design, formula)
    columns = lay_columns(design, rows, y, w)
    n_subjects = int((groupings[-1] if groupings else block).max()) + 1
    part, rest = residual_part(spec, design, columns["rows"], w.shape[1])
    products = BlockProducts(
        factors,
        batch_rows(columns, block, (columns["time"], columns["subject"])),
        basis,
        A.n_obs,
        A.n_fixed,
        n_subjects,
        part.structures,
        () if spec is None else spec.labels,
    )
    parts = [RandomPart(j, factor.structure) for j, factor in enumerate(factors)]
    deviance = MarginalDeviance(products, [*parts, part], reml)
    shape = part.structures[0].shape
    heads = starting_heads(free)
    model = BlockModel(deviance, heads, rest, shape, scale)
    check_told_apart(model, spec, formula)
    return model


def series_model(A, design, spec, reml):
    """Set the deviance of first-order Markov residuals up, and where it starts.

    Parameters
    ----------
    A : CrossProducts
        Of the rows, with independent residuals.
    design : Design
    spec : ResidualSpec
    reml : bool

    Returns
    -------
    BlockModel
    """
    rows, at = A.basis.rows(design), design.residual
    y = A.basis.response(without_offset(design), rows.X)
    columns = np.column_stack([rows.X, y])
    if design.weights is not None:
        columns *= np.sqrt(design.weights)[:, None]
    part, rest = residual_part(spec, design, columns, 0)
    products = SeriesProducts.of(columns, at.subject, at.time, part.structures)
    deviance = MarkovDeviance(products, reml)
    shape = part.structures[0].shape
    return BlockModel(deviance, [np.zeros(0)], rest, shape, np.zeros(0))


def is_grid(spec, beside):
    """Whether covariances depend on the visits that a subject has, and on no more.

    Not ``beside`` random effects or a dispersion.
    """
    return spec is not None and spec.by_visit and not beside


def is_series(spec, beside):
    """Whether rows depend on those before them through the last one alone."""
    plain = spec is not None and spec.term.by is None and not spec.by_visit
    name = spec.term.name if plain else ""
    nugget = plain and dict(spec.term.options).get("nugget", False)
    return name in ("ar1", "car1") and not (nugget or beside)


def scaled_dispersion(design, formula):
    """Columns of the dispersion in units of their size, and these units."""
    w = design.dispersion
    if w is None:
        return np.zeros((len(design.y), 0)), np.zeros(0)
    far = np.abs(w.mean(axis=0)) > FAR * w.std(axis=0)
    if far.any() and (w.std(axis=0) > 0).all():
        raise ColumnError(
            f"dispersion='{formula}': a column is far from zero for how little it "
            "varies, and sigma is the standard deviation where it is zero. Centre it "
            "in the data frame first."
        )
    scale = np.sqrt((w**2).mean(axis=0))
    scale[scale == 0] = 1.0
    return w / scale, scale


def lay_columns(design, rows, y, w):
    """Columns of the rows, as :class:`BlockBatch` calls them."""
    n, at = len(y), design.residual
    root = np.ones(n) if design.weights is None else np.sqrt(design.weights)
    none = np.zeros(n, dtype=int)
    return {
        "rows": np.column_stack([rows.X, y]) * root[:, None],
        "z": tuple(z * root[:, None] for z in rows.z),
        "codes": tuple(rows.codes),
        "subject": np.arange(n) if at is None else at.subject,
        "visit": none if at is None else at.visit,
        "level": none if at is None else at.level,
        "time": np.zeros(n) if at is None else at.time,
        "w": w,
    }


def residual_part(spec, design, rows, n_gamma):
    """The residuals' part of V, and theta that its search starts from."""
    if spec is None:
        structure = residual_structure("id", (), (0.0, 1.0))
        return ResidualPart((structure,), True, n_gamma), np.zeros(n_gamma)
    term, n_levels, by_lag = spec.term, len(spec.levels), not spec.by_visit
    times = spec.times if spec.by_visit else (0.0, spec.gap)
    if by_lag and term.name == "ar1":
        check_whole(design.residual.time)
        times = (0.0, 1.0)
    structures = tuple(
        residual_structure(term.name, term.options, times, pinned=level == 0)
        for level in range(n_levels)
    )
    if by_lag:
        thetas = [start_over_time(structure) for structure in structures]
    else:
        cubes = subject_cubes(rows[:, -1:], design.residual, len(times), n_levels)
        moments = [moment_matrix(cube[:, :, 0], seen) for cube, seen in cubes]
        thetas = [
            structure.nearest(moment / moments[0][0, 0])
            for structure, moment in zip(structures, moments, strict=True)
        ]
        if term.name == "us":
            for level, (_, seen) in enumerate(cubes):
                check_pairs(term, spec, level, seen)
    part = ResidualPart(structures, by_lag, n_gamma)
    return part, np.concatenate([*thetas, np.zeros(n_gamma)])


def start_over_time(structure):
    """Theta of a correlation over irregular times: of neighbours exp(-1) or 0.3."""
    shape = structure.shape
    if not shape.n_phi:
        phi = np.zeros(0)
    else:
        first = 0.0 if hasattr(shape, "range_of") else 0.3
        phi = np.append(first, np.full(shape.n_phi - 1, -1.0))
    own = structure.full(np.zeros(structure.n_theta))
    own[: structure.n_scales] = 1.0
    return structure.with_phi(own[structure.n_pinned :], phi)


def starting_heads(A):
    """Theta of the random effects: by moments of independent residuals, and small."""
    if not A.factors:
        return [np.zeros(0)]
    return [starting_theta(A), small_head([factor.structure for factor in A.factors])]


def heads_about(deviance, theta):
    """Theta of the random effects: those of an estimate, and small ones."""
    if not deviance.structures:
        return [np.zeros(0)]
    Lambdas = deviance.relative_factors(theta)
    own = [
        structure.nearest(Lambda @ Lambda.T, FLOOR)
        for structure, Lambda in zip(deviance.structures, Lambdas, strict=True)
    ]
    return [np.concatenate(own), small_head(deviance.structures)]


def small_head(structures):
    """Theta of random effects that are small beside the residuals."""
    small = [s.nearest(SMALL_VARIANCE * np.eye(s.n_effects), FLOOR) for s in structures]
    return np.concatenate(small)


def search_blocks(model, **options):
    """Minimise the deviance of a marginal model.

    Parameters
    ----------
    model : BlockModel
    **options
        Of :func:`skmixed.likelihood.search.optimize.minimise`.

    Returns
    -------
    Optimum

    Notes
    -----
    A random intercept and a slowly decaying correlation can stand in for one another,
    and nuggets make further optima. The deviance at every start costs less than a
    descent, and the lowest mostly leads to the best optimum. Beside random effects a
    second descent begins at the lowest of the unlike starts, and more from the others
    where these two disagree, or where there is a nugget.
    """
    deviance, candidates = model.deviance, starts(model)
    points = [deviance.at(theta).value for _, theta in candidates]
    first, *others = (candidates[int(k)] for k in np.argsort(points))
    optimum = minimise(deviance, first[1], **options)
    if deviance.structures and is_small(deviance):
        # the sort is stable: unlike ones before the others, the lowest first
        others.sort(key=lambda one: not unlike_kinds(one[0], first[0]))
        nugget = hasattr(model.shape, "share")
        for place, (kind, theta) in enumerate(others):
            if place == 0 and not unlike_kinds(kind, first[0]):
                break
            other = minimise(deviance, theta, **options)
            same = abs(other.value - optimum.value) < SAME
            if other.value < optimum.value - SAME:
                optimum = other
            if place == 0 and same and not nugget:
                break
    return replace(optimum, n_iter=deviance.n_evaluations)


def unlike_kinds(one, other):
    """Whether two starts differ in all that they can differ in."""
    return all(a != b for a, b in zip(one, other, strict=True))


def is_small(deviance):
    """Whether a descent from every start is cheap."""
    return deviance.A.n_obs <= SMALL


def starts(model):
    """Starts, each with what kind of one it is."""
    shape, rest = model.shape, model.rest
    part = model.deviance.parts[-1]
    structure, span = part.structures[0], part.spans[0]
    tails = [(0, rest)]
    if shape is not None and shape.n_phi:
        phi = structure.phi(rest[span])
        shifted = [phi + np.eye(1, len(phi))[0] * shift for shift in SHIFTS[1:]]
        others = shape.further(phi)
        for kind, other in enumerate([*shifted, *others], start=1):
            tail = rest.copy()
            tail[span] = structure.with_phi(rest[span], other)
            tails.append((kind, tail))
    return [
        ((head_kind, kind) if len(model.heads) > 1 else (kind,), np.append(head, tail))
        for head_kind, head in enumerate(model.heads)
        for kind, tail in tails
    ]


def check_sizes(block, groupings, names, spec):
    """Raise where a block is too large to hold its V."""
    largest = int(np.bincount(block).max())
    if largest <= MOST_ROWS:
        return
    names = [*names, *([] if spec is None else [spec.term.subject])]
    sizes = [int(np.bincount(codes).max()) for codes in groupings]
    widest = int(np.argmax(sizes))
    why = f"up to {sizes[widest]} rows of one level of `{names[widest]}`"
    if sizes[widest] < largest:
        why = f"the levels of {' and '.join(f'`{n}`' for n in names)} cross"
    raise TooLargeError(
        f"{largest} rows depend on one another ({why}); beside a residual covariance "
        f"or dispersion= that is done for up to {MOST_ROWS}. Leave the coarsest "
        "grouping factor to the fixed effects, or residuals independent."
    )


def check_told_apart(model, spec, formula):
    """Raise where covariance parameters stand for the same at every point.

    Parameters
    ----------
    model : BlockModel
    spec : ResidualSpec or None
    formula : str or None
    """
    deviance = model.deviance
    tails = {kind[-1]: theta for kind, theta in reversed(starts(model))}
    for theta in tails.values():  # far from where the data lie, nothing can be told
        point = deviance.at(theta)
        if not np.isfinite(point.value):
            return
        K = information(deviance, point)
        scale = np.sqrt(np.maximum(np.diag(K), np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(K / np.outer(scale, scale))
        if values[0] > REDUNDANT:
            return
    named = [
        name
        for name, own in named_parts(deviance, spec, formula)
        if (vectors[own, 0] ** 2 > NAMED).any()
    ]
    if vectors[-1, 0] ** 2 > NAMED or len(named) < 2:
        named.append("the residual variance")
    raise IdentifiabilityError(
        f"{', '.join(named[:-1])} and {named[-1]} stand for the same covariances of "
        "the rows, so that their parameters cannot be told apart. Leave one of them "
        "out."
    )


def named_parts(deviance, spec, formula):
    """Yield what parameters are of, in words, and their places in theta."""
    *random, residual = deviance.spans
    for factor, span in zip(deviance.A.factors, random, strict=True):
        yield f"the random effects of `{factor.group}`", span
    cut = residual.stop - deviance.parts[-1].n_gamma
    if spec is not None:
        yield f"residual=`{spec.term}`", slice(residual.start, cut)
    if formula is not None:
        yield f"dispersion='{formula}'", slice(cut, residual.stop)
