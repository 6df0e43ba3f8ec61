"""Labels as grades 0, 1, ...: what classifiers make of a response."""

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skmixed.errors import ResponseError
from skmixed.estimators.input import (
    read_response,
    read_table,
    response_label,
    unmask,
)
from skmixed.formula.text.parse import parse_formula

# What the response of a transformer may be.
TARGET_TYPES = {"auto", "continuous", "binary", "multiclass"}
# Labels that are repeated this often are looked at so often.
REPEATED = 3


def grade_labels(formula, X, y, *, ordered):
    """Put the numbers of the classes in the place of labels.

    Parameters
    ----------
    formula : str or None
    X : data frame or array-like of n rows
    y : array-like of shape (n,) or None
        By default the column on the left side of the formula.
    ordered : bool
        Whether an ordered category has its own order; else labels are sorted.

    Returns
    -------
    X : data frame or array-like
        With grades in the response column, if it has one.
    y : Series or None
    classes : ndarray of shape (n_classes,) or None
        None where the formula computes its response, which then is numeric.
    sorted_text : bool
        Whether text had to be sorted to have an order.
    """
    table, column = read_table(X), response_column(formula)
    if column is not None and (table is None or column not in table):
        column = None
    if y is None and column is None:
        return X, None, None, False
    labels = table[column] if y is None else y
    values, categories = read_labels(labels)
    classes, sorted_text = find_classes(values, categories, ordered)
    if column is not None:
        own = values if y is None else read_labels(table[column])[0]
        table = table.assign(**{column: places_among(own, classes)})
    if y is not None:
        y = pd.Series(places_among(values, classes), name=response_label(y))
    return (X if table is None else table), y, classes, sorted_text


def response_column(formula):
    """Name of the column on the left side of a formula, or None."""
    if formula is None or "~" not in formula or "." in formula.partition("~")[0]:
        parsed = None
    else:
        parsed = parse_formula(f"{formula.partition('~')[0]} ~ 1")
    if parsed is None or not parsed.response_is_column:
        return None
    return parsed.response_columns[0]


def read_labels(labels):
    """Labels as an array, and the categories that they carry in order, or None."""
    labels = unmask(labels)
    if hasattr(labels, "to_pandas"):
        labels = labels.to_pandas()
    dtype = getattr(labels, "dtype", None)
    ordered = isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
    categories = np.asarray(dtype.categories) if ordered else None
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_extension_array_dtype(
        dtype
    ):
        labels = np.asarray(pd.Series(labels).astype(object))
    return column_or_1d(labels, warn=True), categories


def find_classes(values, categories, ordered):
    """Find the distinct labels in their order, and whether text was sorted."""
    known = values[~pd.isna(values)]
    if known.dtype == object and all(isinstance(v, str) for v in known):
        known = known.astype(str)
    elif known.dtype == object:
        known = np.asarray(known.tolist())
    few = pd.unique(known)
    if REPEATED * len(few) < len(known):
        known = np.repeat(few, REPEATED)  # of the same kind, sooner looked through
    with np.errstate(invalid="ignore"):  # infinite ones are refused
        kind = type_of_target(known, input_name="y", raise_unknown=True)
        check_classification_targets(known)
    if kind == "unknown":
        raise ResponseError("Unknown label type: unknown.")
    classes = np.unique(known)
    if ordered and categories is not None:
        return categories[np.isin(categories, classes)], False
    return classes, ordered and classes.dtype.kind in "US" and len(classes) > 2


def grades_of(labels, classes):
    """Positions of labels among the classes, NaN for others, of shape (n,)."""
    return places_among(read_labels(labels)[0], classes)


def places_among(values, classes):
    """Positions of values among the classes, NaN for others, of shape (n,)."""
    places = pd.Index(classes).get_indexer(pd.Index(values)).astype(float)
    places[places < 0] = np.nan
    return places


def read_target(y, n_samples, target_type):
    """Read a response that is of numbers or of labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    n_samples : int
        Number of rows of `X`.
    target_type : {"auto", "continuous", "binary", "multiclass"}
        "auto" takes numbers of more than two values for continuous.

    Returns
    -------
    y : ndarray of shape (n_samples,)
        Numbers, or places among the classes.
    classes : ndarray or None

    Raises
    ------
    ResponseError
    """
    if target_type in ("auto", "continuous"):
        values = np.asarray(read_labels(y)[0])
        inferred = pd.api.types.infer_dtype(values, skipna=True)
        numeric = inferred in ("integer", "floating", "mixed-integer-float")
        if target_type == "continuous" or (numeric and len(pd.unique(values)) != 2):
            y = read_response(y, n_samples)
            if not np.isfinite(y).all():
                raise ResponseError("Input y contains NaN or infinity.")
            return y, None
    values, categories = read_labels(y)
    check_consistent_length(np.empty((n_samples, 0)), values)
    classes, _ = find_classes(values, categories, False)
    grades = places_among(values, classes)
    if np.isnan(grades).any():
        raise ResponseError("Input y contains NaN: some labels are missing.")
    if len(classes) < 2 or (target_type == "binary" and len(classes) > 2):
        raise ResponseError(
            f"The response y has {len(classes)} classes; a response of labels "
            f"{'' if target_type == 'auto' else f'({target_type!r}) '}needs "
            f"{'two' if target_type == 'binary' else 'two or more'}."
        )
    return grades, classes
