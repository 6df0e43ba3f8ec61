"""Rows to cross-products: all that the likelihood needs of the data.

Everything is a sum over rows, so the cross-products of chunks add up to those of the
whole table, and their size grows with the groups, not with the rows.
"""

from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from skmixed.likelihood.covariance.structure import Term
from skmixed.likelihood.linalg.group_sums import GroupSums, interleave
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.basis import (
    Basis,
    fit_crudely,
    freeze_fixed,
    freeze_random,
    same_basis,
)
from skmixed.likelihood.products.columns import (
    CHUNK_ROWS,
    DistinctColumns,
    FramedRows,
    Moments,
    chunks,
)
from skmixed.likelihood.products.pairs import Meetings, PairBlocks, add_pairs
from skmixed.likelihood.products.rows import (
    Factor,
    GroupedRows,
    nesting,
    without_offset,
)


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Weighted cross-products of [Z X y] in a frozen basis, with m = r + 1 columns.

    Parameters
    ----------
    basis : Basis
    factors : tuple of Factor
    gram : ndarray of shape (m, m)
        ``[X y]'W[X y]``.
    ZtZ : tuple of ndarray of shape (k_i, k_i, G_i)
        The diagonal blocks ``Z_i'W Z_i``, group axis last.
    ZtXy : tuple of ndarray of shape (k_i, m, G_i)
    pairs : tuple of PairBlocks
        For every two factors.
    n_obs : int
    sum_log_weights : float
    terms : tuple of Term
        The random terms as written.
    """

    basis: Basis
    factors: tuple[Factor, ...]
    gram: np.ndarray
    ZtZ: tuple[np.ndarray, ...]
    ZtXy: tuple[np.ndarray, ...]
    pairs: tuple[PairBlocks, ...]
    n_obs: int
    sum_log_weights: float
    terms: tuple[Term, ...]

    @property
    def n_fixed(self):
        """Number of fixed-effects columns that are not aliased."""
        return len(self.gram) - 1

    def __str__(self):
        lines = [f"Cross-products of {self.n_obs:,} rows, {self.n_fixed} fixed effects"]
        for factor in self.factors:
            effects = " + ".join(factor.effects)
            lines.append(
                f"  {factor.group}: {factor.n_levels:,} levels x {factor.n_effects} "
                f"({effects}), block diagonal"
            )
        for pair in self.pairs:
            names = [self.factors[j].group for j in (pair.first, pair.second)]
            shape = "nested in" if pair.nested else "crossed with"
            cells = self.factors[pair.first].n_levels * pair.n_second
            lines.append(
                f"  {names[0]} {shape} {names[1]}: {len(pair.indices):,} of {cells:,} "
                "blocks"
            )
        return "\n".join(lines)

    def __add__(self, other):
        if not same_basis(self.basis, other.basis):
            raise ValueError(
                "Cross-products add only when they were accumulated in one basis: pass "
                "`basis=first.basis` to cross_products for every further chunk."
            )
        if [f.n_levels for f in self.factors] != [f.n_levels for f in other.factors]:
            raise ValueError(
                "Cross-products add only when their groups are coded alike; the "
                f"numbers of levels are {[f.n_levels for f in self.factors]} and "
                f"{[f.n_levels for f in other.factors]}."
            )
        return replace(
            self,
            gram=self.gram + other.gram,
            ZtZ=tuple(a + b for a, b in zip(self.ZtZ, other.ZtZ, strict=True)),
            ZtXy=tuple(a + b for a, b in zip(self.ZtXy, other.ZtXy, strict=True)),
            pairs=tuple(map(add_pairs, self.pairs, other.pairs)),
            n_obs=self.n_obs + other.n_obs,
            sum_log_weights=self.sum_log_weights + other.sum_log_weights,
        )


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
        return accumulate(design, basis)


def accumulate(design, basis):
    """Carry :func:`cross_products` out."""
    y = without_offset(design)
    rows = GroupedRows.of(design.random)
    distinct = DistinctColumns.of(design.X, rows.z)
    if basis is None:
        basis = freeze(design, y, rows, distinct)
    columns = FramedRows.of(distinct, basis)
    parents = nesting(rows)
    meetings = find_meetings(rows, parents)
    gram, by_level, by_pair = add_up(design, y, columns, rows, parents, meetings)
    Xy = [range(len(gram))] * len(by_level)
    return CrossProducts(
        basis=basis,
        factors=rows.factors,
        gram=gram,
        ZtZ=tuple(map(GroupSums.block, by_level, columns.places, columns.places)),
        ZtXy=tuple(map(GroupSums.block, by_level, columns.places, Xy)),
        pairs=tuple(
            met.blocks(pair, sums.block(*(columns.places[f] for f in pair)))
            for (pair, met), sums in zip(meetings.items(), by_pair, strict=True)
        ),
        n_obs=len(y),
        sum_log_weights=(
            0.0 if design.weights is None else float(np.log(design.weights).sum())
        ),
        terms=rows.terms,
    )


def freeze(design, y, rows, distinct):
    """Choose the basis for a design: see :mod:`skmixed.likelihood.products.basis`.

    Parameters
    ----------
    design : Design
    y : ndarray of shape (n,)
        Response without its offset.
    rows : GroupedRows
    distinct : DistinctColumns

    Returns
    -------
    Basis
    """
    X, weights = design.X, design.weights
    moments = Moments.of([*distinct.columns, y], weights)
    fixed, constant = freeze_fixed(moments, X, design.constant, weights)
    random = tuple(
        freeze_random(moments, places, terms)
        for places, terms in zip(distinct.places, rows.constants, strict=True)
    )
    y_shift = float(moments.mean[-1]) if constant.any() else 0.0
    crude_coef = fit_crudely(fixed, moments, y_shift, X, y, weights)
    y_rounding = 8 * np.finfo(float).eps * float(np.abs(y).max(initial=0.0))
    return Basis(fixed, random, crude_coef, y_shift, constant, y_rounding)


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


def add_up(design, y, columns, rows, parents, meetings):
    """Sum the rows' products, a chunk of rows at a time.

    Parameters
    ----------
    design : Design
    y : ndarray of shape (n,)
    columns : FramedRows
    rows : GroupedRows
    parents : list of dict
    meetings : dict of tuple to Meetings

    Returns
    -------
    gram : ndarray of shape (m, m)
    by_level, by_pair : list of GroupSums
        For every factor, and for every two.
    """
    m, places = len(columns.basis.crude_coef) + 1, columns.places
    by_level, by_pair = plan_sums(m, places, rows, parents, meetings)
    within = find_within(rows, places, parents)
    sums = [own for i, own in enumerate(by_level) if i not in within]
    sums += [own for own in by_pair if own not in by_level]
    weights, gram = design.weights, np.zeros((m, m))
    buffer = np.empty((len(columns.columns) + 1, min(len(y), CHUNK_ROWS)))
    for chunk in chunks(len(y)):
        filled = interleave(columns.fill(y, chunk, buffer))
        weighted = filled if weights is None else filled * interleave(weights[chunk])
        gram += weighted[:m] @ filled[:m].T
        for own in sums:
            own.add_rows(chunk, filled, weighted)
    for i, finer in within.items():
        by_level[i].add_groups(by_level[finer], parents[finer][i])
    return gram, by_level, by_pair


def plan_sums(m, places, rows, parents, meetings):
    """Sums to be added up for every factor, and for every two, as yet zero.

    Parameters
    ----------
    m : int
        Columns of [X y].
    places : tuple of list of int
        Of the factors' effects among the columns.
    rows : GroupedRows
    parents : list of dict
    meetings : dict of tuple to Meetings

    Returns
    -------
    by_level, by_pair : list of GroupSums
        Of a factor nested in another, the pair's are the factor's own.
    """
    by_level = [
        GroupSums(codes, factor.n_levels, needed_products(own, m, above, places))
        for codes, factor, own, above in zip(
            rows.codes, rows.factors, places, parents, strict=True
        )
    ]
    by_pair = [
        by_level[i]
        if met.codes is None
        else GroupSums(met.codes, len(met.indices), product(places[i], places[j]))
        for (i, j), met in meetings.items()
    ]
    return by_level, by_pair


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
