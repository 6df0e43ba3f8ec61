"""The columns of a table as a design reads them: numbers, or levels with codes."""

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd

from skmixed.formula.functions import FUNCTIONS, INTERNAL_FUNCTIONS
from skmixed.formula.scanner import column_alias, column_of_alias

__all__ = ["ColumnTable", "check_columns", "missing_rows", "read_numbers"]

SHOWN = 20
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
DATES = ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period")


class ColumnTable(Mapping):
    """Columns of one table, with text and categories coded by known levels.

    Parameters
    ----------
    columns : dict of str to ndarray or categorical Series, each of length n
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
    def learn(cls, frame, names, keys=()):
        """Read columns; learn the kind and the levels of each.

        Columns in ``keys`` are read as they are: labels of groups, of any kind.

        Raises
        ------
        ValueError
            If a column holds dates or complex numbers, or has a single level.
        """
        return cls.read(frame, {n: KEYS if n in keys else LEARN for n in names})

    @classmethod
    def read(cls, frame, levels):
        """Read columns by the kind and the levels learnt in fit.

        Raises
        ------
        ValueError
            If a column has another kind than in fit, or a level unseen in fit.
        """
        columns, learnt, missing = {}, {}, {}
        for name, known in levels.items():
            if isinstance(known, str):
                columns[name], learnt[name] = frame[name], known
                if frame[name].hasnans:
                    missing[name] = frame[name].isna().to_numpy()
                continue
            series = plain_series(frame[name], name)
            absent = series.isna().to_numpy() if series.hasnans else None
            if absent is not None:
                missing[name] = absent
            if known is LEARN:
                in_order = isinstance(frame[name].dtype, pd.CategoricalDtype)
                known = learn_levels(series, name, in_order)
            else:
                check_kind(series, known, frame[name])
            coded = known is not None
            columns[name] = code(series, known, name) if coded else numbers(series)
            learnt[name] = known
        return cls(columns, len(frame), learnt, missing)

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
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        if name in INTERNAL_FUNCTIONS:
            return INTERNAL_FUNCTIONS[name]
        found = column_of_alias(name)
        if found is None:
            raise KeyError(name)
        role, column = found
        values = self.table[column]
        if role == "group":
            return pd.Series(values, name=column)
        if role == "category" or isinstance(values, pd.Series):
            return values
        if column not in self.doubles:
            self.doubles[column] = np.asarray(values, dtype=float)
        return self.doubles[column]

    def __iter__(self):
        yield from FUNCTIONS
        yield from INTERNAL_FUNCTIONS
        for column in self.table:
            yield column_alias(column)

    def __len__(self):
        return sum(1 for _ in self)


LEARN = object()
# In place of levels: the column holds labels of groups, and new ones may come.
KEYS = "keys"


def check_columns(frame, names):
    """Raise a ValueError that helps unless the table has all the columns.

    Parameters
    ----------
    frame : pandas.DataFrame
    names : sequence of str

    Raises
    ------
    ValueError
        If a column is missing, or occurs twice.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        have = [str(column) for column in frame.columns]
        raise ValueError(
            f"The formula uses columns that X lacks: {missing}. "
            f"X has: {have[:SHOWN]}.{hint_for_missing(missing, have)}"
        )
    if not frame.columns.is_unique:
        twice = [name for name in names if (frame.columns == name).sum() > 1]
        if twice:
            raise ValueError(f"X has more than one column named {twice}.")


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
            "frame, or call set_output(transform='pandas') on the step before."
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
    frame : pandas.DataFrame of n rows
    names : iterable of str
        Columns; those that the table does not have are passed over.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula.columns import missing_rows
    >>> missing_rows(pd.DataFrame({"x": [1.0, None]}), ["x"]).tolist()
    [False, True]
    """
    missing = np.zeros(len(frame), dtype=bool)
    for name in names:
        if name in frame.columns and frame[name].hasnans:
            missing |= frame[name].isna().to_numpy()
    return missing


def plain_series(series, name):
    """Return a numeric or categorical column; refuse dates and complex numbers."""
    kind = series.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r}.")
    inferred = ""
    if kind == "O" and not isinstance(series.dtype, pd.CategoricalDtype):
        inferred = pd.api.types.infer_dtype(series, skipna=True)
    if kind in "mM" or inferred in DATES:
        raise ValueError(
            f"Column {name!r} holds dates or times ({series.dtype}); turn it into a "
            "number first, for example the days since a start."
        )
    if inferred == "complex":
        raise ValueError(f"Complex data not supported: column {name!r}.")
    if inferred in NUMBERS:
        return pd.Series(np.asarray(pd.to_numeric(series), dtype=float))
    if is_numeric(series) or isinstance(series.dtype, pd.CategoricalDtype):
        return series
    codes, distinct = pd.factorize(series)
    return pd.Series(pd.Categorical.from_codes(codes, categories=distinct))


def is_numeric(series):
    """Tell whether a column holds numbers or truth values."""
    return series.dtype.kind in "iufb"


def numbers(series):
    """Return a column of numbers, or of nothing but missing values, as an array."""
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    if isinstance(series.dtype, pd.SparseDtype):
        return np.asarray(series.array)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return np.full(len(series), np.nan)
    if series.hasnans:
        return series.to_numpy(dtype=float, na_value=np.nan)
    kinds = {"b": bool, "i": np.int64, "u": np.uint64}
    return series.to_numpy(dtype=kinds.get(series.dtype.kind, float))


def read_numbers(series, name):
    """Return the response column as doubles, NaN where it is missing.

    Raises
    ------
    ValueError
        If it holds text, categories, dates or complex numbers.
    """
    plain = plain_series(series, name)
    if not is_numeric(plain) and not plain.isna().all():
        raise ValueError(
            f"The response {name!r} must be numeric, but has dtype {series.dtype}."
        )
    return np.array(numbers(plain), dtype=float)


def learn_levels(series, name, in_order):
    """Return the levels of a categorical column that occur, None for numbers.

    Parameters
    ----------
    series : pandas.Series
        Numeric or categorical.
    name : str
    in_order : bool
        Whether the order of the categories is meant; otherwise they are sorted.
    """
    if is_numeric(series):
        return None
    used = np.unique(series.cat.codes.to_numpy())
    levels = plain_labels(series.cat.categories[used[used >= 0]])
    if not in_order:
        levels = sort_labels(levels)
    if len(levels) < 2:
        raise ValueError(
            f"Column {name!r} has a single level ({levels}); its effect cannot be "
            "estimated."
        )
    return levels


def sort_labels(labels):
    """Sort labels; mixed kinds by their text."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


def plain_labels(values):
    """Return labels as plain text, numbers or truth values: intervals become text."""
    if isinstance(values, pd.Index) and values.dtype.kind in "iufb":
        return values.tolist()
    return [v if isinstance(v, str | int | float) else str(v) for v in values]


def check_kind(series, levels, given):
    """Raise if a column was numeric in fit and is not as ``given`` now, or reverse."""
    if is_numeric(series) == (levels is None) or series.isna().all():
        return
    was, now = "categorical", "numeric"
    if levels is None:
        was, now = now, "categorical"
    raise ValueError(
        f"Column {given.name!r} was {was} in fit but is {now} now "
        f"(dtype {given.dtype})."
    )


def code(series, levels, name):
    """Code a categorical column by known levels.

    Returns
    -------
    pandas.Series of dtype category, with missing values where the column has them;
    a numeric column has nothing but missing values here
    """
    table = pd.Index(levels, dtype=object)
    if is_numeric(series):
        return pd.Series(pd.Categorical([np.nan] * len(series), categories=table))
    labels = plain_labels(series.cat.categories)
    places = table.get_indexer(np.array(labels, dtype=object))
    rows = series.cat.codes.to_numpy()
    if (places < 0).any():
        occurs = np.unique(rows)
        new = [labels[k] for k in occurs[occurs >= 0] if places[k] < 0]
        if new:
            raise ValueError(
                f"Column {name!r} has levels that fit did not see: "
                f"{sorted(map(str, new))[:SHOWN]}; seen: {levels[:SHOWN]}. A fixed "
                "effect cannot be predicted for a new level."
            )
    codes = np.append(places, -1)[rows]
    return pd.Series(pd.Categorical.from_codes(codes, categories=table))
