"""The columns of a table that a design reads, with their kinds and levels."""

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd

from skmixed.errors import ColumnError
from skmixed.formula.table.coding import (
    CodedValues,
    check_kind,
    code,
    learn_levels,
    numbers,
    read_values,
)
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.text.errors import CallError
from skmixed.formula.text.functions import INTERNAL_FUNCTIONS
from skmixed.formula.text.scanner import R_CONSTANTS, column_alias, column_of_alias

__all__ = ["ColumnTable", "check_columns", "missing_rows"]

SHOWN = 20


class ColumnTable(Mapping):
    """Columns of one table, with text and categories coded by known levels.

    Parameters
    ----------
    columns : dict of str to ndarray, CodedValues or Series, each of length n
    n_rows : int
    levels : dict of str to list or None
        Levels of each categorical column, None for a numeric one, ``KEYS`` for one
        that is read as labels of groups.
    missing : dict of str to ndarray of bool
        Rows without a value, for the columns that have such rows.
    """

    def __init__(self, columns, n_rows, levels, missing):
        self.columns = columns
        self.n_rows = n_rows
        self.levels = levels
        self.missing = missing

    @classmethod
    def learn(cls, frame, names, keys=(), levels=()):
        """Read columns; learn the kind and the levels of each.

        Columns in ``keys`` are read as they are: labels of groups, of any kind. Those
        in ``levels``, a dict, are known.

        Raises
        ------
        ValueError
            If a column holds dates or complex numbers, or has a single level.
        """
        kinds = {n: KEYS if n in keys else LEARN for n in names}
        return cls.read(frame, kinds | {n: levels[n] for n in names if n in levels})

    @classmethod
    def read(cls, frame, levels):
        """Read columns by the kind and the levels learnt in fit.

        Raises
        ------
        ValueError
            If a column has another kind than in fit, or a level unseen in fit.
        """
        frame = FrameColumns.of(frame)
        columns, learnt, missing = {}, {}, {}
        for name, known in levels.items():
            series, absent = frame[name], frame.missing(name)
            if absent is not None:
                missing[name] = absent
            if isinstance(known, str):
                columns[name], learnt[name] = series, known
                continue
            values = read_values(series, name)
            if known is LEARN:
                in_order = isinstance(series.dtype, pd.CategoricalDtype)
                known = learn_levels(values, name, in_order)
            else:
                check_kind(values, known, series)
            coded = known is not None
            columns[name] = code(values, known, name) if coded else numbers(values)
            learnt[name] = known
        return cls(columns, frame.n_rows, learnt, missing)

    def missing_rows(self, names):
        """Return the rows that lack one of the columns, or None if no row does."""
        masks = [self.missing[name] for name in names if name in self.missing]
        return np.logical_or.reduce(masks) if masks else None

    def __getitem__(self, name):
        return self.columns[name]

    def __iter__(self):
        return iter(self.columns)

    def __len__(self):
        return len(self.columns)


class CallNames(Mapping):
    """What the names in a call stand for: functions, and columns by their aliases."""

    def __init__(self, table):
        self.table = table
        self.doubles = {}

    def __getitem__(self, name):
        if name in INTERNAL_FUNCTIONS:
            return INTERNAL_FUNCTIONS[name]
        found = column_of_alias(name)
        if found is None:
            raise KeyError(name)
        role, column = found
        values = self.table[column]
        if isinstance(values, CodedValues):
            values = values.to_series()
        if role == "group":
            return pd.Series(values, name=column)
        if role == "category" or (role == "label" and isinstance(values, pd.Series)):
            return values
        return self.as_doubles(values, column)

    def as_doubles(self, values, column):
        """Return numbers as doubles that no function can write into."""
        if isinstance(values, pd.Series):
            raise CallError(
                f"column {column!r} holds {describe(values)}, and numbers are needed "
                "here"
            )
        if column not in self.doubles:
            doubles = np.asarray(values, dtype=float).view()
            doubles.flags.writeable = False
            self.doubles[column] = doubles
        return self.doubles[column]

    def __iter__(self):
        yield from INTERNAL_FUNCTIONS
        for column in self.table:
            yield column_alias(column)

    def __len__(self):
        return sum(1 for _ in self)


def describe(series):
    """Say what a column of labels holds, with an example."""
    labels = series.cat.categories if hasattr(series, "cat") else series.unique()
    example = next(iter(labels), None)
    kind = "text" if isinstance(example, str) else "categories"
    return f"{kind} (such as {example!r})"


LEARN = object()
# In place of levels: the column holds labels of groups, and new ones may come.
KEYS = "keys"


def check_columns(frame, names):
    """Raise a ValueError that helps unless the table has all the columns.

    Parameters
    ----------
    frame : pandas.DataFrame or FrameColumns
    names : sequence of str

    Raises
    ------
    ValueError
        If a column is missing, or occurs twice.
    """
    given = FrameColumns.of(frame).frame.columns
    missing = [name for name in names if name not in given]
    if missing:
        have = [str(column) for column in given]
        raise ColumnError(
            f"The formula uses columns that X lacks: {missing}. "
            f"X has: {have[:SHOWN]}.{hint_for_missing(missing, have)}"
        )
    if not given.is_unique:
        twice = [name for name in names if (given == name).sum() > 1]
        if twice:
            raise ColumnError(f"X has more than one column named {twice}.")


def hint_for_missing(missing, have):
    """Guess why columns are missing."""
    if any(column.endswith(f"__{name}") for column in have for name in missing):
        return (
            " ColumnTransformer put prefixes on the names; pass "
            "verbose_feature_names_out=False to it."
        )
    if have == [f"x{j}" for j in range(len(have))]:
        return (
            " X came as an array, whose columns are called x0, x1, ...; pass a data "
            "frame, or call set_output(transform='pandas') on the step before. Where "
            "another estimator hands arrays on (bagging, boosting, RFE, RANSAC), write "
            "the formula with x0, x1, ... in the order of the columns."
        )
    for name in missing:
        if name in R_CONSTANTS:
            return (
                f" `{name}` is a number, the same in every row: the intercept stands "
                f"for it; in a call it is understood, as in I(x * {name})."
            )
    spelt = {str(name).lower(): name for name in have}
    close = [
        spelt[match]
        for name in missing
        for match in get_close_matches(name.lower(), spelt, 1)
    ]
    return f" Did you mean {' and '.join(map(repr, close))}?" if close else ""


def missing_rows(frame, names):
    """Tell which rows lack a value in one of the columns.

    Parameters
    ----------
    frame : pandas.DataFrame or FrameColumns of n rows
    names : iterable of str
        Columns; those that the table does not have are passed over.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula.table.columns import missing_rows
    >>> missing_rows(pd.DataFrame({"x": [1.0, None]}), ["x"]).tolist()
    [False, True]
    """
    frame = FrameColumns.of(frame)
    missing = np.zeros(frame.n_rows, dtype=bool)
    for name in names:
        absent = frame.missing(name) if name in frame else None
        if absent is not None:
            missing |= absent
    return missing
