"""A simpler model from the statistics of a larger one: columns combine columns.

Columns of a design are products of numbers, levels and calls. Those of the simpler
formula are written in the columns at hand: the indicator of the first level is one less
those of the others, so that another coding is another basis of the same space.
"""

import copy
from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag

from skmixed.errors import StatisticsError
from skmixed.estimators.monomials import Columns, empty_block
from skmixed.formula.table.design import name_groups, part_name
from skmixed.inference.opened.row_facts import column_sums, has_column_sums
from skmixed.likelihood.products.basis import Basis, ColumnBasis
from skmixed.likelihood.products.rows import GroupedRows


def submodel(statistics, formula):
    """Statistics of a model whose columns are combinations of those at hand.

    Parameters
    ----------
    statistics : Statistics
    formula : MixedFormula

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If a column is not a combination of those at hand, by name.
    """
    spec, A = statistics.spec, statistics.products
    refuse_other_response(spec.formula, formula)
    refuse_other_columns(spec, formula)
    wanted, given = Columns.of(spec, formula), Columns.of(spec, spec.formula)
    T = wanted.in_terms_of(given, "fixed", "fixed")
    constant = wanted.constant("fixed")
    to_basis, fixed = centred_fixed(A, T, constant)
    blocks, changes = random_parts(spec, formula, wanted, given)
    rows = GroupedRows.of(blocks)
    random = [
        centred_random(A, factor.group, spans, blocks, changes)
        for factor, spans in zip(rows.factors, rows.constants, strict=True)
    ]
    products = combined(A, rows, response_change(A, to_basis, constant), random)
    basis = basis_of(A, fixed, random, constant)
    sums = statistics.sums
    kept = {c: s for c, s in sums.summaries.items() if c in formula.fixed_columns}
    moments = None
    if sums.moments or not has_column_sums(replace(products, basis=basis)):
        before = sums.moments or moments_of(A)
        moments = moved_moments(A, before, to_basis, rows, random)
    return replace(
        statistics,
        spec=specified(spec, formula, wanted, blocks),
        products=replace(products, basis=basis),
        sums=replace(sums, summaries=kept, moments=moments),
    )


def random_parts(spec, formula, wanted, given):
    """Blocks without rows of the new random terms, and their columns in the old."""
    blocks, changes = [], []
    names = name_groups(formula)
    for place, (name, term) in enumerate(zip(names, formula.random, strict=True)):
        group, part = find_factor(spec, name, term), part_name(place)
        changes.append(wanted.in_terms_of(given, part, group))
        n_levels = spec.groups[group].n_levels
        effects, own = wanted.names(part), wanted.constant(part)
        blocks.append(empty_block(group, effects, term, n_levels, own))
    return blocks, changes


def basis_of(A, fixed, random, constant):
    """Basis of the new model."""
    anchor = np.zeros(len(fixed.kept)) if constant is None else constant
    return Basis(
        fixed,
        tuple(own for _, own in random),
        np.zeros(len(anchor)),
        A.basis.y_shift if anchor.any() else 0.0,
        anchor,
        0.0,
    )


def refuse_other_response(old, new):
    """Raise unless two formulas have one response and the same offsets."""
    for what, a, b in (
        ("response", old.response, new.response),
        ("offsets", list(map(str, old.offsets)), list(map(str, new.offsets))),
    ):
        if a != b:
            raise StatisticsError(
                f"The statistics have the {what} {a!r}, and the formula {b!r}: read "
                "the rows for another."
            )


def refuse_other_columns(spec, formula):
    """Raise for columns of the table that the statistics know nothing of."""
    new = [c for c in formula.design_columns if c not in spec.levels]
    if new:
        raise StatisticsError(
            f"The statistics of `{spec.formula_text}` hold no columns {new}; read the "
            "rows with a formula that has them."
        )


def find_factor(spec, name, term):
    """The grouping factor of a term among those at hand."""
    for group, index in spec.groups.items():
        if set(index.columns) == set(term.columns):
            return group
    raise StatisticsError(
        f"The statistics hold no groups `{name}`; they hold {list(spec.groups)}."
    )


def centred(columns, constant, gram):
    """Columns less their means where a constant takes them, and the means.

    Parameters
    ----------
    columns : ndarray of shape (m, p)
        Combinations of columns with the products `gram`, of shape (m, m).
    constant : ndarray of shape (p,) or None
    """
    if constant is None or not constant.any():
        return columns, np.zeros(columns.shape[1])
    one = columns @ constant
    means = one @ gram @ columns / (one @ gram @ one)
    shift = np.where(constant == 0, means, 0.0)
    return columns - np.outer(one, shift), shift


def centred_fixed(A, T, constant):
    """The new columns in the old basis, and their own basis."""
    m, p = A.n_fixed, T.shape[1]
    to_basis = A.basis.fixed.coordinates @ T
    to_basis, shift = centred(to_basis, constant, A.gram[:m, :m])
    anchor = np.zeros(p) if constant is None else constant
    absorbed = anchor[:, None] * shift
    return to_basis, ColumnBasis(p, np.arange(p), shift, np.ones(p), absorbed)


def centred_random(A, group, spans, blocks, changes):
    """The new effects' columns of one factor in the old basis, and their own basis."""
    j = [factor.group for factor in A.factors].index(group)
    own = [T for block, T in zip(blocks, changes, strict=True) if block.group == group]
    gram, back = A.ZtZ[j].sum(axis=2), A.basis.random[j].coordinates
    parts, shifts, absorbed = [], [], []
    for T, (_, _, kind, constant) in zip(own, spans, strict=True):
        free = constant if kind == "mixed" else None
        columns, shift = centred(back @ T, free, gram)
        parts.append(columns)
        shifts.append(shift)
        anchor = np.zeros(len(shift)) if free is None else free
        absorbed.append(anchor[:, None] * shift)
    B, k = np.hstack(parts), sum(map(len, shifts))
    basis = ColumnBasis(
        k, np.arange(k), np.concatenate(shifts), np.ones(k), block_diag(*absorbed)
    )
    return B, basis


def response_change(A, to_basis, constant):
    """Matrix of the new [X y] in the old: y loses its crude fit, and keeps its shift.

    Without a constant among the columns the shift of the response is put back.
    """
    (m, p), basis = to_basis.shape, A.basis
    R = np.zeros((m + 1, p + 1))
    R[:m, :p], R[m, p] = to_basis, 1.0
    R[:m, p] = basis.crude_coef
    anchored = constant is not None and constant.any()
    if not anchored and basis.y_shift:
        R[:m, p] += basis.one * basis.y_shift
    return R


def combined(A, rows, R, random):
    """Cross-products of combinations of columns.

    Parameters
    ----------
    A : CrossProducts
    rows : GroupedRows
        Of the new model, without rows.
    R : ndarray of shape (m, p + 1)
    random : list of tuple (B, basis)
        Per new factor.
    """
    old = [factor.group for factor in A.factors]
    kept = [old.index(factor.group) for factor in rows.factors]
    B = dict(zip(kept, (own for own, _ in random), strict=True))
    pairs = []
    for pair in A.pairs:
        if pair.first in B and pair.second in B:
            one, two = B[pair.first], B[pair.second]
            data = np.einsum("ia,nij,jb->nab", one, pair.data, two, optimize=True)
            places = kept.index(pair.first), kept.index(pair.second)
            pairs.append(replace(pair, first=places[0], second=places[1], data=data))
    order = sorted(pairs, key=lambda pair: sorted((pair.first, pair.second)))
    return replace(
        A,
        factors=rows.factors,
        gram=R.T @ A.gram @ R,
        ZtZ=tuple(
            np.einsum("ia,ijg,jb->abg", B[j], A.ZtZ[j], B[j], optimize=True)
            for j in kept
        ),
        ZtXy=tuple(
            np.einsum("ia,img,mn->ang", B[j], A.ZtXy[j], R, optimize=True) for j in kept
        ),
        pairs=tuple(order),
        terms=rows.terms,
    )


def moments_of(A):
    """Second moments of rows without weights, as `RowSums` holds them."""
    m, total = A.n_fixed, column_sums(A)
    products = np.empty((m + 1, m + 1))
    products[:m, :m], products[m, m] = A.gram[:m, :m], A.n_obs
    products[:m, m] = products[m, :m] = total
    return products, *(ZtZ.sum(axis=2) for ZtZ in A.ZtZ)


def moved_moments(A, sums, to_basis, rows, random):
    """Second moments of the rows for combinations of columns."""
    old = [factor.group for factor in A.factors]
    change = block_diag(to_basis, np.ones((1, 1)))
    moved = [change.T @ sums[0] @ change]
    for factor, (B, _) in zip(rows.factors, random, strict=True):
        moved.append(B.T @ sums[1 + old.index(factor.group)] @ B)
    return tuple(moved)


def specified(spec, formula, wanted, blocks):
    """The specification of the new model."""
    new = copy.copy(spec)
    new.formula_text = str(formula)
    new.coef_names = wanted.names("fixed")
    new.implied = tuple(name for name in spec.implied if name in new.coef_names)
    new.constant = wanted.constant("fixed")
    new.effects = [(block.group, block.effects) for block in blocks]
    new.random_constants = [block.constant for block in blocks]
    new.groups = {block.group: spec.groups[block.group] for block in blocks}
    new.typical = {
        c: spec.typical[c] for c in formula.fixed_columns if c in spec.typical
    }
    return new
