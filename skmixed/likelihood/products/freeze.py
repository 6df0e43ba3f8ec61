"""Choose the basis of a design from its moments: shifts, scales and what depends."""

import numpy as np
from scipy.linalg import lapack

from skmixed.errors import ColumnError
from skmixed.likelihood.products.basis import Basis, ColumnBasis
from skmixed.likelihood.products.columns import Moments
from skmixed.likelihood.products.own_parts import ALIASED, shortest_parts

# Below this squared relative length a Gram matrix is no longer trusted with a column:
# it is orthogonalised row by row instead.
WELL_CONDITIONED = 1e-4
# Own parts of an effect's column, relative to its length: rounding below the first,
# and too short below the second for what is left of their digits when squared.
NO_PART, SHORT_PART = 1e-12, 2e-5
# Keeps the crude fit of a sample small where its columns depend on each other.
SLACK = 1e-8


def freeze_fixed(moments, X, constant, residual):
    """Frame of the fixed-effects columns: centred, scaled and without aliases.

    Parameters
    ----------
    moments : Moments
        Of X's columns, and perhaps others behind them.
    X : ndarray of shape (n, p)
    constant : ndarray of shape (p,) or None
        Coefficients of the constant column in X.
    residual : Residual

    Returns
    -------
    basis : ColumnBasis
    constant : ndarray of shape (r,)
        Of the kept columns; zero where the constant is not in their span.
    """
    kept = np.arange(X.shape[1])
    while True:
        anchor = None if constant is None else constant[kept]
        shift, scale = centre_and_scale(moments, kept, anchor)
        independent, mix = np.isfinite(scale), None
        if independent.all():
            gram = moments.about(shift, kept) / (scale[:, None] * scale)
            if len(X) < len(kept) or not well_conditioned(gram):
                independent, mix = find_independent(X[:, kept], shift, scale, residual)
        if independent.all():
            break
        if anchor is not None and np.any(anchor[~independent]):
            constant = None
        kept = kept[independent]
    anchor = np.zeros(len(kept)) if anchor is None else anchor
    absorbed = anchor[:, None] * shift
    return ColumnBasis(X.shape[1], kept, shift, scale, absorbed, mix), anchor


def freeze_sample(plan, residual, y):
    """Basis from a sample of the rows: nothing is left out, nothing is mixed.

    Parameters
    ----------
    plan : RowPlan
        Of the sample.
    residual : Residual
    y : ndarray of shape (n,)

    Returns
    -------
    Basis
        With all columns. One that is constant in the sample keeps its size for a
        scale; one of zeros and ones is left as it is.
    """
    X, constant = plan.X, plan.constant
    p, places = X.shape[1], plan.distinct.places
    moments = Moments.of([*plan.distinct.columns, y], residual)
    shift, scale = centre_and_scale(moments, np.arange(p), constant)
    size = np.abs(moments.mean[:p])
    scale = np.where(np.isfinite(scale), scale, np.where(size > 0, size, 1.0))
    plain = np.all((X == 0) | (X == 1), axis=0)
    shift[plain], scale[plain] = 0.0, 1.0
    anchor = np.zeros(p) if constant is None else constant
    y_shift = float(moments.mean[-1]) if anchor.any() else 0.0
    products = moments.about(np.append(shift, y_shift), np.append(np.arange(p), -1))
    gram = products[:p, :p] / (scale[:, None] * scale) + SLACK * np.eye(p)
    return Basis(
        ColumnBasis(p, np.arange(p), shift, scale, anchor[:, None] * shift),
        tuple(
            freeze_random(moments, own, terms)
            for own, terms in zip(places, plan.rows.constants, strict=True)
        ),
        np.linalg.lstsq(gram, products[:p, p] / scale, rcond=None)[0],
        y_shift,
        anchor,
        0.0,
    )


def well_conditioned(gram):
    """Whether no column is all but a combination of the ones before it.

    Parameters
    ----------
    gram : ndarray of shape (r, r)
        Of columns of unit root mean square.

    Returns
    -------
    bool
    """
    if len(gram) == 0:
        return True
    root, failed = lapack.dpotrf(gram, lower=1)
    return not failed and root.diagonal().min() ** 2 > WELL_CONDITIONED


def fit_crudely(fixed, moments, y_shift, X, y, residual):
    """Least-squares coefficients of the shifted response, in the basis.

    Parameters
    ----------
    fixed : ColumnBasis
    moments : Moments
        Of X's columns, perhaps others, and y.
    y_shift : float
    X : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    residual : Residual

    Returns
    -------
    ndarray of shape (r,)
    """
    if fixed.mix is None:  # well conditioned: the moments have the digits
        r = len(fixed.kept)
        if r == 0:
            return np.zeros(0)
        products = moments.about(
            np.append(fixed.shift, y_shift), np.append(fixed.kept, -1)
        )
        gram = products[:r, :r] / (fixed.scale[:, None] * fixed.scale)
        return lapack.dposv(gram, products[:r, r] / fixed.scale)[1]
    X = fixed.apply(X)
    weighted = residual.times(X.T).T
    return np.linalg.lstsq(X.T @ weighted, weighted.T @ (y - y_shift), rcond=None)[0]


def find_independent(X, shift, scale, residual):
    """Tell the columns that depend on the ones before them, from the rows.

    Parameters
    ----------
    X : ndarray of shape (n, r)
    shift, scale : ndarray of shape (r,)
        That centre the columns and give them unit root mean square.
    residual : Residual

    Returns
    -------
    independent : ndarray of bool of shape (r,)
    mix : ndarray of shape (r, r) or None
        Upper triangular and orthogonalising; None where columns are dependent.
    """
    columns = (X - shift) / scale
    mix, _ = orthogonalise(weighted_gram(columns, residual))
    # Rows, not their Gram matrix, decide: it has lost the digits in question.
    gram = weighted_gram(columns @ mix, residual)
    lengths = np.sqrt(np.diag(gram))
    independent = are_long(lengths, X, scale)
    if not independent.all():
        return independent, None
    again, remainders = orthogonalise(gram / np.outer(lengths, lengths))
    own = lengths * np.sqrt(np.maximum(remainders, 0))
    return are_long(own, X, scale), mix / lengths @ again


def are_long(own, X, scale):
    """Whether own parts, relative to the columns' lengths, are more than rounding."""
    independent = own > ALIASED
    short = np.flatnonzero(~independent)
    independent[short] = own[short] * scale[short] > shortest_parts(X, short)
    return independent


def weighted_gram(columns, residual):
    """Weighted mean cross-products of columns, of shape (r, r)."""
    return residual.times(columns.T) @ columns / residual.total(len(columns))


def orthogonalise(gram):
    """Orthogonalise columns in their order, given their cross-products.

    Parameters
    ----------
    gram : ndarray of shape (r, r)
        Of columns of unit length.

    Returns
    -------
    mix : ndarray of shape (r, r)
        Unit upper triangular: ``columns @ mix`` are mutually orthogonal.
    remainders : ndarray of shape (r,)
        Squared length of what each column adds to the ones before it.
    """
    r = len(gram)
    mix, left = np.eye(r), np.array(gram, dtype=float)
    remainders = np.zeros(r)
    for j in range(r):
        remainders[j] = max(left[j, j], 0.0)
        if left[j, j] <= 4 * r * np.finfo(float).eps:
            continue
        ratio = left[j, j + 1 :] / left[j, j]
        mix[:, j + 1 :] -= np.outer(mix[:, j], ratio)
        left[j + 1 :, j + 1 :] -= np.outer(left[j + 1 :, j], ratio)
    return mix, remainders


def freeze_random(moments, places, terms):
    """Frame of one grouping factor's effects columns, term by term.

    A covariance that is free within a term is the same model in any basis of its
    columns, so they may be centred; a diagonal one allows scaling only, and any other
    structure one scale for all.

    Parameters
    ----------
    moments : Moments
    places : list of int of length k
        Of the columns among the moments.
    terms : list of tuple (start, stop, basis, constant)
        ``basis`` is that of the term's structure; ``constant`` of shape (stop - start,)
        centres a "mixed" one, unless it is None.

    Returns
    -------
    ColumnBasis
    """
    k = len(places)
    shift, scale, absorbed = np.zeros(k), np.ones(k), np.zeros((k, k))
    for start, stop, basis, constant in terms:
        block = slice(start, stop)
        constant = constant if basis == "mixed" else None
        shift[block], scale[block] = centre_and_scale(moments, places[block], constant)
        if basis == "kept":
            lengths = np.where(np.isfinite(scale[block]), scale[block], 0.0)
            scale[block] = np.sqrt(np.mean(lengths**2)) or np.inf
        if constant is not None:
            absorbed[block, block] = constant[:, None] * shift[block]
    return ColumnBasis(
        k, np.arange(k), shift, np.where(np.isfinite(scale), scale, 1.0), absorbed
    )


def refuse_doubtful(moments, columns, places, change, factor):
    """Refuse random effects of which others leave too little to be squared.

    Parameters
    ----------
    moments : Moments
    columns : list of ndarray of shape (n,)
    places : list of int of length k
    change : ColumnBasis
        Of the factor's effects.
    factor : Factor

    Raises
    ------
    ValueError
        By name. A column that is a combination of others to the last digit has no
        variance of its own, and is not refused.
    """
    for block in factor.structure.free_blocks:
        own = list(range(*block.indices(len(places))))
        if len(own) < 2:
            continue
        gram = moments.about(change.shift, places)[np.ix_(own, own)]
        size = np.sqrt(np.diag(gram))
        size[size == 0.0] = 1.0
        root, failed = lapack.dpotrf(gram / np.outer(size, size), lower=1)
        if not failed and root.diagonal().min() > SHORT_PART:
            continue
        rows = np.column_stack([columns[places[a]] - change.shift[a] for a in own])
        length = np.linalg.norm(rows, axis=0)
        length[length == 0.0] = 1.0
        part = np.abs(np.diag(np.linalg.qr(rows / length, mode="r")))
        short = (part > NO_PART) & (part < SHORT_PART)
        if short.any():
            names = [factor.effects[a] for a, s in zip(own, short, strict=True) if s]
            raise ColumnError(
                f"The random effects {names} of `{factor.group}` are combinations of "
                f"the others but for a share of {part[short].min():.0e} of their "
                "length, too little for doubles. Take the mean off numbers that are "
                "far from zero, as by center(x)."
            )


def centre_and_scale(moments, places, constant):
    """Shift to mean zero where a constant absorbs it, and scale to unit rms.

    Parameters
    ----------
    moments : Moments
    places : sequence of int of length k
        Of the columns among the moments.
    constant : ndarray of shape (k,) or None
        Coefficients of the constant in the columns. Those columns are left alone.

    Returns
    -------
    shift, scale : ndarray of shape (k,)
        An infinite scale marks a column with nothing left.
    """
    mean = moments.mean[places]
    if constant is None:
        rms = np.sqrt(moments.covariance[places, places] + mean**2)
        return np.zeros_like(mean), np.where(rms > 0, rms, np.inf)
    free = constant == 0
    return np.where(free, mean, 0.0), np.where(free, moments.deviation[places], 1.0)


def rounding_of(y, residual):
    """Size of the rounding of a response, or of each column of many, in the metric."""
    # without a copy of the rows
    largest = np.maximum(y.max(axis=0, initial=0.0), -y.min(axis=0, initial=0.0))
    size = 8 * np.finfo(float).eps * largest
    return size * np.sqrt(residual.total(len(y)) / len(y))
