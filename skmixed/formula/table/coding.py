"""One column of a table as a design reads it: numbers, or codes with labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.errors import ColumnError, ResponseError, UnseenLevelError

__all__ = [
    "CodedValues",
    "check_kind",
    "code",
    "factorize",
    "learn_levels",
    "numbers",
    "read_numbers",
    "read_values",
]

SHOWN = 20
# The hash tables of pandas 2 take a NUL for the end of a text.
OLD_STRINGS = int(pd.__version__.split(".")[0]) < 3
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
DATES = ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period")


@dataclass(frozen=True)
class CodedValues:
    """A column of n labels.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Position of each row's label, -1 where it is missing.
    labels : list of str, int, float or bool
    """

    codes: np.ndarray
    labels: list

    def to_series(self):
        """Return the column as a Series of dtype category."""
        labels = pd.Index(self.labels, dtype=object)
        return pd.Series(pd.Categorical.from_codes(self.codes, categories=labels))


def read_values(series, name):
    """Read a column; refuse dates and complex numbers.

    Parameters
    ----------
    series : pandas.Series of n rows
    name : str

    Returns
    -------
    ndarray of shape (n,) or CodedValues
        Labels in the order of the categories, or in which they appear.

    Raises
    ------
    ValueError
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        categorical = series.array
        return CodedValues(categorical.codes, plain_labels(categorical.categories))
    kind = series.dtype.kind
    if kind == "O":
        series = without_gaps(series)
    inferred = pd.api.types.infer_dtype(series, skipna=True) if kind == "O" else ""
    if kind in "mM" or inferred in DATES:
        raise ColumnError(
            f"Column {name!r} holds dates or times ({series.dtype}); turn it into a "
            "number first, for example the days since a start."
        )
    if kind == "c" or inferred == "complex":
        raise ColumnError(f"Complex data not supported: column {name!r}.")
    if inferred in NUMBERS:
        return np.asarray(pd.to_numeric(series), dtype=float)
    if kind in "iufb":
        return plain_numbers(series)
    codes, labels = factorize(series, name)
    return CodedValues(codes, plain_labels(labels))


def without_gaps(series):
    """Put NaN for whatever stands for a missing value: a gap among dates is no date."""
    gaps = pd.isna(series.to_numpy())
    return series.mask(gaps, np.nan) if gaps.any() else series


def factorize(values, name, *, sort=False):
    """Find the distinct values of a column, and the place of each row's among them.

    Parameters
    ----------
    values : pandas.Series or ndarray of shape (n,)
    name : str
        Of the column.
    sort : bool, default=False

    Returns
    -------
    codes : ndarray of int of shape (n,)
        -1 where the value is missing.
    distinct : ndarray or pandas.Index

    Raises
    ------
    ValueError
        If the column holds what cannot be told apart by value, such as lists.
    """
    try:
        if OLD_STRINGS and values.dtype == object and holds_nul(values):
            # something that is no text, so that the text is not cut at its NUL
            codes, distinct = pd.factorize(np.append(values, [None]), sort=sort)
            return codes[:-1], distinct
        return pd.factorize(values, sort=sort)
    except (TypeError, NotImplementedError, ValueError):
        raise ColumnError(
            f"Column {name!r} (dtype {values.dtype}) holds values that are neither "
            "numbers nor text, such as lists; turn them into text or numbers first."
        ) from None


def holds_nul(values):
    """Tell whether a column of nothing but text has a NUL character somewhere."""
    try:
        return "\0" in "".join(values)
    except TypeError:
        return False


def plain_numbers(series):
    """Return a column of a numeric dtype of any library as an array."""
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    if isinstance(series.dtype, pd.SparseDtype):
        return np.asarray(series.array)
    if series.hasnans:
        return series.to_numpy(dtype=float, na_value=np.nan)
    kinds = {"b": bool, "i": np.int64, "u": np.uint64}
    return series.to_numpy(dtype=kinds.get(series.dtype.kind, float))


def plain_labels(values):
    """Return labels as plain text, numbers or truth values: intervals become text."""
    labels = values.tolist()
    if values.dtype.kind in "iufb":
        return labels
    return [v if isinstance(v, str | int | float) else str(v) for v in labels]


def read_numbers(series, name):
    """Return the response column as doubles, NaN where it is missing.

    Raises
    ------
    ValueError
        If it holds text, categories, dates or complex numbers.
    """
    if isinstance(series.dtype, pd.CategoricalDtype) and (
        series.array.categories.dtype.kind in "iuf"
    ):
        series = series.astype(float)
    values = read_values(series, name)
    if isinstance(values, CodedValues) and (values.codes >= 0).any():
        raise ResponseError(
            f"The response {name!r} must be numeric, but has dtype {series.dtype}."
        )
    return np.array(numbers(values), dtype=float)


def numbers(values):
    """Return a column of numbers, or of nothing but missing values, as an array."""
    if isinstance(values, CodedValues):
        return np.full(len(values.codes), np.nan)
    return values


def learn_levels(values, name, in_order):
    """Return the levels of a column of labels that occur, None for numbers.

    Parameters
    ----------
    values : ndarray or CodedValues
    name : str
    in_order : bool
        Whether the order of the labels is meant; otherwise they are sorted.

    Raises
    ------
    ValueError
        If there are fewer than two levels, or two that read alike.
    """
    if not isinstance(values, CodedValues):
        return None
    levels = [values.labels[k] for k in occurring(values)]
    if not in_order:
        levels = sort_labels(levels)
    if len(levels) < 2:
        raise ColumnError(
            f"Column {name!r} has a single level ({levels}); its effect cannot be "
            "estimated."
        )
    if len(set(map(str, levels))) < len(levels):
        raise ColumnError(
            f"Column {name!r} has levels that read alike ({levels[:SHOWN]}); give "
            "them different names."
        )
    return levels


def occurring(values):
    """Return the positions of the labels that occur, in ascending order."""
    # one more than the codes: -1 counts as a place of its own, the last
    occurs = np.zeros(len(values.labels) + 1, dtype=bool)
    occurs[values.codes] = True
    return np.flatnonzero(occurs[:-1])


def sort_labels(labels):
    """Sort labels; mixed kinds by their text."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


def check_kind(values, levels, given):
    """Raise if a column was numeric in fit and is not as ``given`` now, or reverse.

    A column whose levels are numbers and text may hold either now.
    """
    is_numeric = not isinstance(values, CodedValues)
    if is_numeric == (levels is None) or given.isna().all():
        return
    if levels is not None and not all(isinstance(level, str) for level in levels):
        return
    was, now = "categorical", "numeric"
    if levels is None:
        was, now = now, "categorical"
    raise ColumnError(
        f"Column {given.name!r} was {was} in fit but is {now} now "
        f"(dtype {given.dtype})."
    )


def code(values, levels, name):
    """Code a column of labels by known levels.

    Parameters
    ----------
    values : CodedValues, or ndarray of shape (n,)
        Numbers where some of the levels are numbers, or nothing but missing values.
    levels : list
    name : str

    Returns
    -------
    CodedValues
        With ``levels`` as its labels.

    Raises
    ------
    ValueError
        If there are other labels than the levels.
    """
    if not isinstance(values, CodedValues):
        codes, labels = factorize(values, name)
        values = CodedValues(codes, labels.tolist())
    # one byte per row while it suffices: codes are compared level by level
    narrow = np.min_scalar_type(-len(levels))
    if values.labels == levels:
        return CodedValues(values.codes.astype(narrow, copy=False), levels)
    place_of = {level: k for k, level in enumerate(levels)}
    # the last place is that of missing values, which have the code -1
    places = np.array([*(place_of.get(v, -1) for v in values.labels), -1])
    if (places[:-1] < 0).any():
        new = [values.labels[k] for k in occurring(values) if places[k] < 0]
        if new:
            raise UnseenLevelError(
                f"Column {name!r} has levels that fit did not see: "
                f"{sorted(map(str, new))[:SHOWN]}; seen: {levels[:SHOWN]}. A fixed "
                "effect cannot be predicted for a new level."
            )
    return CodedValues(places.astype(narrow)[values.codes], levels)
