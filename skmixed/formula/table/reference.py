"""The typical values of the fixed effects' columns, for grids of marginal means."""

import re

import numpy as np

from skmixed.formula.table.columns import KEYS
from skmixed.formula.text.scanner import column_alias

__all__ = ["typical_values"]

FIRST_ROWS = 64


def typical_values(table, columns, levels, transform_state):
    """Choose the values of each column that stand for its rows.

    Parameters
    ----------
    table : ColumnTable
    columns : sequence of str
        Columns of the fixed part.
    levels : dict of str to list or None
        Levels of the categorical columns.
    transform_state : dict
        Where ``C(x)`` of a numeric column keeps the levels of x.

    Returns
    -------
    dict of str to tuple (list, bool)
        The values, and whether they are levels: all levels of a category, both values
        of a numeric column that has two, else its mean. Of a column that is read as
        labels of groups, a label that is none of them.
    """
    return {
        column: known_levels(column, levels, transform_state)
        or summarise(np.asarray(table[column]), levels.get(column) == KEYS)
        for column in columns
    }


def known_levels(column, levels, transform_state):
    """Levels of a column that the design codes as a category, else None."""
    if isinstance(levels.get(column), list):
        return list(levels[column]), True
    alias = re.compile(rf"\b{column_alias(column, 'category')}\b")
    for call, state in transform_state.items():
        if isinstance(state, dict) and "levels" in state and alias.search(call):
            return list(state["levels"]), True
    return None


def summarise(values, labels_groups=False):
    """Both values of a column that has two of them, else its mean."""
    if labels_groups:
        numeric = values.dtype.kind in "iuf"
        return [float(values.max()) + 1.0 if numeric else "(another group)"], False
    # most columns show a third value at once
    for part in (values[:FIRST_ROWS], values):
        lowest, highest = part.min(), part.max()
        if not np.all((part == lowest) | (part == highest)):
            return [float(values.mean())], False
    return sorted({lowest.item(), highest.item()}), False
