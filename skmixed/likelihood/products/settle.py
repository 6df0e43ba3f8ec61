"""The final basis of accumulated cross-products: no row is read for it."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.errors import ExplainedError
from skmixed.likelihood.products.basis import ColumnBasis
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.freeze import orthogonalise, well_conditioned

# Squared relative length of a column's own part: above the first it is kept, below
# the second it is a combination of others; between them only the rows could tell.
CLEAR, ALIASED = 1e-8, 1e-12
# A centred column that is shorter than this, relative to itself uncentred, is constant.
EMPTY = 1e-7
# Mean square of the constant less 1, above which it is none.
NOT_ONE = 1e-8


class DoubtfulColumnsError(ExplainedError, ValueError):
    """Columns that their sums cannot tell from combinations of others."""

    section = "doubtful-columns"


@dataclass(frozen=True, eq=False)
class Chosen:
    """The columns that a basis keeps, in terms of those that were accumulated.

    Parameters
    ----------
    fixed : ColumnBasis
    anchor : ndarray of shape (r,)
        Coefficients of the constant in the kept raw columns.
    change : ndarray of shape (p, r)
        The kept columns in the new basis, as combinations of the accumulated.
    """

    fixed: ColumnBasis
    anchor: np.ndarray
    change: np.ndarray


def settle(A, total, rounding, names):
    """Centre accumulated cross-products, leave aliases out, and mix what is near them.

    Parameters
    ----------
    A : CrossProducts
        Of all columns, in a basis frozen from a sample of the rows.
    total : float
        Of the rows' weights.
    rounding : float
        Of the response, in the metric of the rows.
    names : sequence of str of length p
        Of the fixed-effects columns.

    Returns
    -------
    A : CrossProducts
        As `RowPlan.products` gives it.
    alias_weights : ndarray of shape (r, p - r) or None
        Weights with which the kept columns in the basis give the raw ones left out.

    Raises
    ------
    DoubtfulColumnsError
        If the sums have lost the digits that would tell whether a column follows from
        others, by name.

    Notes
    -----
    All is linear in [X y]: with C = X_old M the centred columns, their lengths, and
    the remainders of C'C by pivoting in order say what is kept; X_new = X_old T, and
    the response is reduced to the residual of its least-squares fit by the gram.
    """
    old, p, G = A.basis, A.n_fixed, A.gram
    chosen = choose_columns(A, total, names)
    T, kept = chosen.change, chosen.fixed.kept
    out = np.setdiff1d(np.arange(p), kept)
    right = np.column_stack(
        [
            G[:p, p],
            G[:p, :p] @ old.crude_coef,
            G[:p, :p] @ old.fixed.coordinates[:, out],
        ]
    )
    step = np.zeros((0, right.shape[1]))
    if len(kept):
        step = np.linalg.solve(T.T @ G[:p, :p] @ T, T.T @ right)
    R = np.zeros((p + 1, len(kept) + 1))
    R[:p, :-1], R[:p, -1], R[p, -1] = T, -T @ step[:, 0], 1.0
    basis = replace(
        old,
        fixed=chosen.fixed,
        crude_coef=step[:, 0] + step[:, 1],
        constant=chosen.anchor,
        y_rounding=rounding,
    )
    return changed(A, basis, R), (step[:, 2:] if len(out) else None)


def changed(A: CrossProducts, basis, R) -> CrossProducts:
    """Cross-products of ``[X y] @ R``, for R of shape (m, r + 1)."""
    return replace(
        A,
        basis=basis,
        gram=R.T @ A.gram @ R,
        ZtXy=tuple(np.einsum("amg,mn->ang", block, R) for block in A.ZtXy),
    )


def choose_columns(A, total, names):
    """Choose the columns that are kept, and their basis.

    Parameters
    ----------
    A : CrossProducts
    total : float
    names : sequence of str

    Returns
    -------
    Chosen
    """
    old, p = A.basis.fixed, A.n_fixed
    G, anchor = A.gram[:p, :p] / total, A.basis.constant.copy()
    refuse_late_change(A.basis, G, names)
    M, mean = centring(A.basis, G, anchor)
    C = M.T @ G @ M
    lengths = np.sqrt(np.maximum(np.diag(C), 0.0))
    empty = lengths <= EMPTY * np.sqrt(np.maximum(np.diag(G), 0.0))
    lengths[empty | (anchor != 0)] = 1.0
    kept = find_kept(C / np.outer(lengths, lengths), empty, names)
    anchor[empty] = 0.0
    if anchor[~kept].any():
        raise DoubtfulColumnsError(
            f"The columns {[n for n, a in zip(names, anchor, strict=True) if a]} add "
            "up to a constant, and some of them follow from columns before them. Put "
            "them first in the formula, or write an intercept."
        )
    kept = np.flatnonzero(kept)
    T = M[:, kept] / lengths[kept]
    gram, mix = T.T @ G @ T, None
    size = np.sqrt(np.diag(gram))
    if not well_conditioned(gram / np.outer(size, size)):
        mix = orthogonalise(gram)[0]
        mix = mix / np.sqrt(np.diag(mix.T @ gram @ mix))
        T = T @ mix
    anchor = anchor[kept]
    shift = np.where(anchor != 0, 0.0, (old.shift + old.scale * mean)[kept])
    scale, absorbed = (old.scale * lengths)[kept], anchor[:, None] * shift
    fixed = ColumnBasis(old.n_raw, kept, shift, scale, absorbed, mix)
    return Chosen(fixed, anchor, T)


def refuse_late_change(basis, G, names):
    """Raise where columns add up to 1 in the sample, but not in all rows."""
    if not basis.constant.any():
        return
    one = basis.one
    if abs(one @ G @ one - 1.0) > NOT_ONE:
        found = [n for n, a in zip(names, basis.constant, strict=True) if a]
        raise DoubtfulColumnsError(
            f"The columns {found} add up to 1 in the first rows and not in all. Sort "
            "the rows so that early ones show what the columns hold."
        )


def centring(basis, G, anchor):
    """Matrix that takes means off columns where a constant absorbs them; the means."""
    p = len(G)
    if not anchor.any():
        return np.eye(p), np.zeros(p)
    one = basis.one
    mean = G @ one / (one @ G @ one)
    mean[anchor != 0] = 0.0
    return np.eye(p) - np.outer(one, mean), mean


def find_kept(C, empty, names):
    """Tell the columns that add to those before them.

    Parameters
    ----------
    C : ndarray of shape (p, p)
        Mean products of the centred columns of unit length.
    empty : ndarray of bool of shape (p,)
    names : sequence of str

    Returns
    -------
    ndarray of bool of shape (p,)
    """
    size = np.maximum(np.diag(C), np.finfo(float).tiny)
    remainders = orthogonalise(C)[1] / size
    kept = (remainders > CLEAR) & ~empty
    doubtful = ~kept & ~empty & (remainders > ALIASED)
    if doubtful.any():
        found = [name for name, doubt in zip(names, doubtful, strict=True) if doubt]
        raise DoubtfulColumnsError(
            f"Sums of products cannot tell whether {found} follow from the columns "
            "before them: less than 1e-4 of their lengths is their own. Put "
            "differences in their place, or leave them out."
        )
    return kept
