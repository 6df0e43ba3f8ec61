"""Pass 0 over a source of rows: levels, transforms and a basis, frozen for all."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from skmixed.errors import MissingValuesError
from skmixed.estimators.input import check_response_rules, refuse_infinite
from skmixed.estimators.reading import FrozenDesign, needed_columns
from skmixed.formula.table.arrays import check_magnitudes
from skmixed.formula.table.coding import CodedValues, read_values
from skmixed.formula.table.columns import (
    ColumnTable,
    check_columns,
    missing_rows,
)
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.materializer import FormulaParts, make_plans
from skmixed.formula.text.operators import factor_columns
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.freeze import freeze_sample
from skmixed.likelihood.products.plan import RowPlan
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import without_offset

# Rows that freeze the basis.
SAMPLE_ROWS = 50_000


def freeze_design(formula, source, weights, na_action, y=None):
    """Learn levels, transforms and a basis from as little of a source as will do.

    Parameters
    ----------
    formula : MixedFormula
    source : Source
    weights : str, ndarray or None
    na_action : {"raise", "drop"}
    y : ndarray, optional
        Response of the first table, where it is no column.

    Returns
    -------
    FrozenDesign

    Notes
    -----
    A pass over all rows is made for the levels of columns of labels, and for what
    calls learn, over these columns alone; a formula of numbers needs none. The first
    rows freeze the basis.
    """
    column = weights if isinstance(weights, str) else None
    needed = needed_columns(formula, column)
    if y is not None:
        needed = [c for c in needed if c in formula.predictor_columns]
    columns, complete = complete_sample(formula, source, needed, column)
    whole = partial(whole_columns, source, tuple(needed), na_action, column)
    levels = learn_levels(formula, columns, source, whole)
    state = learn_calls(formula, columns, levels, whole)
    spec, design = DesignSpec.learn(formula, columns, known=(levels, state))
    y = spec.read_response(columns) if y is None else y[: len(complete)][complete]
    refuse_infinite(y)
    check_magnitudes(replace(design, y=y), spec.coef_names)
    held = None if column is None else np.asarray(columns[column], dtype=float)
    basis = basis_of(replace(design, y=y, weights=held))
    orders = {
        c: columns[c].array.categories.tolist()
        for c in formula.group_columns
        if isinstance(columns[c].dtype, pd.CategoricalDtype)
    }
    spec.groups = dict.fromkeys(spec.groups)
    return FrozenDesign(spec, basis, orders, column, na_action)


def basis_of(design):
    """Basis from the rows of a sample."""
    with blas_threads():
        plan = RowPlan.of(design)
        return freeze_sample(plan, residual_of(design), without_offset(design))


def complete_sample(formula, source, needed, weights):
    """The first rows, those of them that are complete and count.

    Returns
    -------
    columns : FrameColumns
    complete : ndarray of bool
        Of the first rows.
    """
    sample = source.first(SAMPLE_ROWS, needed)
    columns = FrameColumns(sample)
    check_columns(columns, needed)
    check_response_rules(formula, columns, None, None)
    complete = ~missing_rows(columns, needed)
    if weights is not None:
        complete &= np.asarray(columns[weights], dtype=float) > 0
    if not complete.any():
        raise MissingValuesError(
            f"The first {len(sample):,} rows have missing values in columns of the "
            "formula, every one; sort the rows so that complete ones come early."
        )
    return FrameColumns(sample, None if complete.all() else complete), complete


def learn_levels(formula, columns, source, whole):
    """Levels of the columns of labels, from all rows.

    Returns
    -------
    dict of str to list
    """
    keys, levels = formula.key_columns, {}
    for name in formula.design_columns:
        if name in keys or not isinstance(
            read_values(columns[name], name), CodedValues
        ):
            continue
        declared = columns[name].dtype
        in_order = isinstance(declared, pd.CategoricalDtype)
        if in_order and source.once:  # a pass over all rows would use them up
            known = declared.categories
            found = pd.DataFrame({name: pd.Categorical(known, categories=known)})
        else:
            found = whole([name], f"for the levels of {name!r}", distinct=True)
        if in_order:
            found = found.astype({name: object}).astype({name: declared})
        levels |= ColumnTable.learn(FrameColumns(found), [name]).levels
    return levels


def learn_calls(formula, columns, levels, whole):
    """What calls learn from all rows, from their own columns alone.

    Returns
    -------
    dict
    """
    parts = {"design": formula.design_terms, "response": formula.response_terms}
    learning = {
        name: [term for term in terms if learns(term, columns, formula, levels)]
        for name, terms in parts.items()
    }
    learning = {name: terms for name, terms in learning.items() if terms}
    if not learning:
        return {}
    names = columns_of_terms([t for terms in learning.values() for t in terms])
    calls = [str(term) for terms in learning.values() for term in terms]
    found = FrameColumns(whole(names, f"for what {calls} learn"))
    table = ColumnTable.learn(found, names, formula.key_columns, levels)
    return make_plans(FormulaParts(learning), table, {})[1]


def learns(term, columns, formula, levels):
    """Whether a term holds a call that depends on other rows than a row's own."""
    parts = FormulaParts({"term": [term]})
    if not parts.has_calls:
        return False
    names = [c for c in columns_of_terms([term]) if c in columns]
    table = ColumnTable.learn(columns, names, formula.key_columns, levels)
    return any(make_plans(parts, table, {})[1].values())


def columns_of_terms(terms):
    """Columns that terms read, each once."""
    factors = [factor for term in terms for factor in term.factors]
    return list(dict.fromkeys(c for f in factors for c in factor_columns(f)))


def whole_columns(source, needed, na_action, weights, names, why, distinct=False):
    """Columns of all rows that enter the fit.

    Parameters
    ----------
    source : Source
    needed : sequence of str
        Columns that decide which rows enter.
    na_action : {"raise", "drop"}
    weights : str or None
    names : list of str
    why : str
        For the message, where the source cannot be read again.
    distinct : bool, default=False
        Of one column: its distinct values only.

    Returns
    -------
    DataFrame
    """
    source.again(why)
    choosing = na_action == "drop" or weights is not None
    read = list(needed) if choosing else list(names)
    one = partial(complete_part, read, weights if choosing else None, names, distinct)
    found = source.reduce(read, one, partial(joined, distinct))
    return found.dropna() if distinct else found


def complete_part(needed, weights, names, distinct, frame):
    """Columns of the rows of one table that enter the fit."""
    check_columns(frame, needed)
    keep = ~missing_rows(frame, needed)
    if weights is not None:
        keep &= np.asarray(frame[weights], dtype=float) > 0
    found = frame.loc[keep, list(names)].reset_index(drop=True)
    return distinct_rows(found) if distinct else found


def joined(distinct, one, other):
    """Put what two parts gave one after the other."""
    both = pd.concat([one, other], ignore_index=True)
    return distinct_rows(both) if distinct else both


def distinct_rows(frame):
    """Distinct values of a column; dictionaries of batches as plain values."""
    found = frame.drop_duplicates(ignore_index=True)
    name = found.columns[0]
    dtype = found[name].dtype
    if isinstance(dtype, pd.CategoricalDtype):
        found = found.astype({name: dtype.categories.dtype})
    return found
