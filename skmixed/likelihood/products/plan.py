"""Rows to cross-products: the layout of the rows, found once, and sums over them."""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from skmixed.likelihood.linalg.group_sums import GroupSums, interleave
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.basis import Basis
from skmixed.likelihood.products.columns import (
    CHUNK_ROWS,
    DistinctColumns,
    FramedRows,
    Moments,
    chunks,
)
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.freeze import (
    fit_crudely,
    freeze_fixed,
    freeze_random,
    refuse_doubtful,
    rounding_of,
)
from skmixed.likelihood.products.pairs import Meetings
from skmixed.likelihood.products.precondition import change_basis
from skmixed.likelihood.products.residual import Residual, residual_of
from skmixed.likelihood.products.rows import GroupedRows, nesting, without_offset


@dataclass(frozen=True, eq=False)
class RowPlan:
    """What is known of rows before a response and a metric: which sums there are.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    constant : ndarray of shape (p,) or None
        Coefficients of the constant in X.
    rows : GroupedRows
    distinct : DistinctColumns
        Those of X and of every factor's z, each once.
    parents : list of dict
        As :func:`nesting` returns it.
    meetings : dict of tuple (i, j) to Meetings
        Pairs of levels of every two factors.

    Notes
    -----
    Of a plan for 1e6 rows of one factor the layout takes a quarter of the time of the
    products, of crossed factors nearly half; who weighs the same rows again and again
    pays it once.
    """

    X: np.ndarray
    constant: np.ndarray | None
    rows: GroupedRows
    distinct: DistinctColumns
    parents: list[dict]
    meetings: dict[tuple, Meetings]

    @classmethod
    def of(cls, design, names=None):
        """Find the layout of a design's rows.

        Parameters
        ----------
        design : Design
            With ``X``, ``constant`` and ``random``.
        names : sequence of str of length p, optional
            Of X's columns, where names and not values shall tell columns apart.

        Returns
        -------
        RowPlan
        """
        rows = GroupedRows.of(design.random)
        parents = nesting(rows)
        if names is None:
            distinct = DistinctColumns.of(design.X, rows.z)
        else:
            effects = [factor.effects for factor in rows.factors]
            distinct = DistinctColumns.named(design.X, names, rows.z, effects)
        return cls(
            design.X,
            design.constant,
            rows,
            distinct,
            parents,
            find_meetings(rows, parents),
        )

    def freeze(self, residual: Residual, y: np.ndarray) -> Basis:
        """Choose the basis: see :mod:`skmixed.likelihood.products.basis`.

        Parameters
        ----------
        residual : Residual
        y : ndarray of shape (n,)

        Returns
        -------
        Basis
        """
        X, places = self.X, self.distinct.places
        moments = Moments.of([*self.distinct.columns, y], residual)
        fixed, constant = freeze_fixed(moments, X, self.constant, residual)
        random = tuple(
            freeze_random(moments, own, terms)
            for own, terms in zip(places, self.rows.constants, strict=True)
        )
        for own, change, factor in zip(places, random, self.rows.factors, strict=True):
            refuse_doubtful(moments, self.distinct.columns, own, change, factor)
        y_shift = float(moments.mean[-1]) if constant.any() else 0.0
        crude_coef = fit_crudely(fixed, moments, y_shift, X, y, residual)
        rounding = float(rounding_of(y, residual))
        return Basis(fixed, random, crude_coef, y_shift, constant, rounding)

    def products(
        self, residual: Residual, y: np.ndarray, basis: Basis | None = None
    ) -> CrossProducts:
        """Accumulate the cross-products of a response.

        Parameters
        ----------
        residual : Residual
        y : ndarray of shape (n,)
            Less its offset.
        basis : Basis, optional
            Of an earlier chunk, where the result shall be added to that chunk's, or of
            an earlier metric. Found from these rows by default.

        Returns
        -------
        CrossProducts
        """
        if basis is None:
            basis = self.freeze(residual, y)
        plain = basis.unmixed()
        columns = FramedRows.of(self.distinct, plain)
        places, m = columns.places, len(basis.crude_coef) + 1
        by_level, by_pair = self.plan_sums(places, m)
        within = find_within(self.rows, places, self.parents)
        sums = summed_over_rows(by_level, by_pair, within)
        gram = np.zeros((m, m))
        for filled, weighted in self.sweep(residual, y, columns, sums):
            gram += weighted[:m] @ filled[:m].T
        self.raise_sums(by_level, within)
        Xy = [range(m)] * len(by_level)
        A = CrossProducts(
            basis=plain,
            factors=self.rows.factors,
            gram=gram,
            ZtZ=tuple(map(GroupSums.block, by_level, places, places)),
            ZtXy=tuple(map(GroupSums.block, by_level, places, Xy)),
            pairs=self.pair_blocks(by_pair, places),
            n_obs=len(y),
            sum_log_weights=residual.logdet,
            terms=self.rows.terms,
        )
        return mixed_as(A, basis)

    def sweep(self, residual, y, columns, sums):
        """Bring the rows to the basis, a chunk at a time, and add to sums by group.

        Parameters
        ----------
        residual : Residual
        y : ndarray of shape (n,)
        columns : FramedRows
        sums : list of GroupSums

        Yields
        ------
        filled, weighted : ndarray of shape (w, n_chunk)
            The rows as :meth:`FramedRows.fill` has them, and W times them, interleaved.
        """
        buffer = np.empty((len(columns.columns) + 1, min(len(y), CHUNK_ROWS)))
        for chunk in chunks(len(y)):
            own = columns.fill(y, chunk, buffer)
            heavy = residual.times(own, chunk)
            filled = interleave(own)
            weighted = filled if heavy is own else interleave(heavy)
            for one in sums:
                one.add_rows(chunk, filled, weighted)
            yield filled, weighted

    def plan_sums(self, places, m):
        """Sums to be added up for every factor, and for every two, as yet zero.

        Parameters
        ----------
        places : tuple of list of int
            Of the factors' effects among the columns.
        m : int
            Columns of [X y].

        Returns
        -------
        by_level, by_pair : list of GroupSums
            Of a factor nested in another, the pair's are the factor's own.
        """
        by_level = [
            GroupSums(codes, factor.n_levels, needed_products(own, m, above, places))
            for codes, factor, own, above in zip(
                self.rows.codes, self.rows.factors, places, self.parents, strict=True
            )
        ]
        by_pair = [
            by_level[i]
            if met.codes is None
            else GroupSums(met.codes, len(met.indices), product(places[i], places[j]))
            for (i, j), met in self.meetings.items()
        ]
        return by_level, by_pair

    def pair_blocks(self, by_pair, places):
        """Return what the sums hold of every two factors, a tuple of PairBlocks."""
        pairs = zip(self.meetings.items(), by_pair, strict=True)
        return tuple(
            met.blocks(pair, sums.block(*(places[f] for f in pair)))
            for (pair, met), sums in pairs
        )

    def raise_sums(self, by_level, within):
        """Sum the factors that lie within a finer one over its levels."""
        for i, finer in within.items():
            by_level[i].add_groups(by_level[finer], self.parents[finer][i])


def summed_over_rows(by_level, by_pair, within):
    """Sums that rows are added to: the others follow from them.

    Parameters
    ----------
    by_level, by_pair : list of GroupSums
        As :meth:`RowPlan.plan_sums` returns them.
    within : dict of int to int
        As :func:`find_within` returns it.

    Returns
    -------
    list of GroupSums
    """
    sums = [own for i, own in enumerate(by_level) if i not in within]
    return sums + [own for own in by_pair if own not in by_level]


def cross_products(design, basis=None):
    """Accumulate the cross-products of a design.

    Parameters
    ----------
    design : Design
        With ``X``, ``y``, ``offset``, ``weights``, ``constant`` and ``random``.
    basis : Basis, optional
        Of an earlier chunk, where the result shall be added to that chunk's. Found from
        this design by default.

    Returns
    -------
    CrossProducts

    Notes
    -----
    One pass over the rows for the basis and one for the products, which are added up by
    group without sorting: O(n k (k + m)) per grouping factor. A factor whose effects
    are also those of a factor within it is summed over that one's levels, not over
    rows. Z is never formed.
    """
    with blas_threads():
        plan = RowPlan.of(design)
        return plan.products(residual_of(design), without_offset(design), basis)


def mixed_as(A, basis):
    """Cross-products in a basis, from those in the same one without mixing."""
    if basis is A.basis:
        return A
    pairs = zip(basis.random, A.basis.random, strict=True)
    return change_basis(A, [own.mixture(old) for own, old in pairs])


def find_meetings(rows, parents):
    """Levels that meet, for every two factors, the one with more levels first.

    Parameters
    ----------
    rows : GroupedRows
    parents : list of dict
        As :func:`nesting` returns it.

    Returns
    -------
    dict of tuple (i, j) to Meetings
    """
    sizes, meetings = [factor.n_levels for factor in rows.factors], {}
    for i, j in combinations(range(len(sizes)), 2):
        if i in parents[j] or (j not in parents[i] and sizes[i] < sizes[j]):
            i, j = j, i
        if j in parents[i]:
            meetings[i, j] = Meetings.nested(parents[i][j], sizes[j])
        else:
            codes = rows.codes[i], rows.codes[j]
            meetings[i, j] = Meetings.of(codes, (sizes[i], sizes[j]))
    return meetings


def needed_products(own, m, above, places):
    """Pairs of columns for ``Z_i'W [X y Z_i Z_parents]``."""
    others = [*range(m), *own, *(place for j in above for place in places[j])]
    return product(own, others)


def find_within(rows, places, parents):
    """Factors whose sums over rows are sums over the levels of a finer one.

    Parameters
    ----------
    rows : GroupedRows
    places : tuple of list of int
        Of the factors' effects among the columns.
    parents : list of dict

    Returns
    -------
    dict of int to int
        The finer factor of each, those with more levels first.
    """
    sizes = [factor.n_levels for factor in rows.factors]
    within = {}
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], -i)):
        finer = [f for f, above in enumerate(parents) if i in above]
        finer = [f for f in finer if set(places[i]) <= set(places[f])]
        if finer:
            within[i] = min(finer, key=sizes.__getitem__)
    return within
