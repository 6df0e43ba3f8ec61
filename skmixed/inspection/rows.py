"""Read the rows that a picture or a diagnostic is about, as the model reads them."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ArgumentError, ColumnError, TableTypeError, UnavailableError
from skmixed.estimators.input import read_features, read_table
from skmixed.formula.text.parse import columns_of


def choose_factor(estimator, group):
    """Find a grouping factor of a fitted model.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    group : str or None
        None is the first factor of the formula.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Where the model has no such factor, or none at all.
    """
    check_is_fitted(estimator)
    known = list(estimator.spec_.groups)
    if not known:
        raise UnavailableError(
            f"The formula `{estimator.formula_}` has no random effects."
        )
    if group is None:
        return known[0]
    if group not in known:
        raise ArgumentError(
            f"group={group!r} is no grouping factor of the model; it has {known}."
        )
    return group


def group_codes(estimator, X, group):
    """Group of every row of a table.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    X : data frame or array-like
    group : str

    Returns
    -------
    codes : ndarray of shape (n,)
        -1 for groups that `fit` did not see.
    labels : ndarray of shape (G,)
    """
    index = estimator.spec_.groups[group]
    return index.encode(read_features(estimator, X, reset=False)), index.labels


def read_along(estimator, X, y, x, group):
    """Read the rows of a picture along one column.

    Parameters
    ----------
    estimator : MixedLinearRegressor
        Fitted.
    X : data frame or array-like
    y : array-like or None
        None is the left side of the formula, read from `X`.
    x, group : str or None
        As `slope_column` and `choose_factor` take them.

    Returns
    -------
    frame : DataFrame of n rows
    y : ndarray of shape (n,)
        Of labels 0 and 1, of grades their places.
    codes : ndarray of shape (n,)
        -1 for groups that `fit` did not see.
    labels : ndarray of shape (G,)
    names : dict of str to str
        ``x_name``, ``y_name`` and ``group_name``.
    """
    group = choose_factor(estimator, group)
    frame = read_features(estimator, X, reset=False)
    codes, labels = group_codes(estimator, frame, group)
    x = slope_column(estimator, frame, group, x)
    y_name = estimator.spec_.formula.response or getattr(y, "name", None) or "y"
    y_name = mean_name(estimator, y_name)
    y = estimator._observed(frame, y)
    names = {"x_name": x, "y_name": y_name, "group_name": group}
    return frame, y, codes, labels, names


def mean_name(estimator, response):
    """What a model's predictions are of: a response, or what its labels stand for."""
    result = getattr(estimator, "result_", None)
    family = getattr(result, "family", None)
    if family is None or family.name not in ("binomial", "ordinal"):
        return response
    if family.name == "ordinal":
        return f"grade of {response}, counted from 0"
    classes = getattr(estimator, "classes_", None)
    return response if classes is None else f"P({response} = {classes[1]})"


def read_table_or_fail(data):
    """Read a data frame of any library.

    Raises
    ------
    TypeError
        Where `data` is no data frame.
    """
    frame = read_table(data)
    if frame is None:
        raise TableTypeError(
            f"The data must be a data frame, got {type(data).__name__}; write "
            "pd.DataFrame(data, columns=[...])."
        )
    return frame


def read_column(frame, name, role):
    """Read a column of numbers.

    Parameters
    ----------
    frame : DataFrame
    name : str
    role : str
        Name of the argument that named it.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        Where the table has no such column, or it does not hold numbers.
    """
    require_column(frame, name, role)
    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        raise ColumnError(
            f"{role}={name!r} must be a column of numbers; it has dtype {column.dtype}."
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def require_column(frame, name, role):
    """Raise where a table lacks a column."""
    if name not in frame.columns:
        raise ColumnError(
            f"{role}={name!r} is not a column of the data, which has "
            f"{list(frame.columns)[:12]}."
        )


def factorize(frame, name, role):
    """Group of every row by the values of a column.

    Returns
    -------
    codes : ndarray of shape (n,)
        -1 where the value is missing.
    labels : ndarray of shape (G,)
    """
    require_column(frame, name, role)
    codes, labels = pd.factorize(frame[name], sort=True)
    return codes, np.asarray(labels)


def slope_column(estimator, frame, group, x):
    """Find the column that runs along the horizontal axis.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    frame : DataFrame
    group : str
    x : str or None
        None is the first numeric column of the random slopes of `group`, else of the
        fixed effects.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Where there is no such column.
    """
    if x is not None:
        require_column(frame, x, "x")
        return x
    formula, own = estimator.spec_.formula, estimator.spec_.groups[group].columns
    slopes = [t for r in formula.random if set(r.columns) == set(own) for t in r.terms]
    for column in columns_of([*slopes, *formula.fixed]):
        if pd.api.types.is_numeric_dtype(frame[column]):
            return column
    raise ArgumentError(
        f"The formula `{formula}` has no numeric column to draw along; name one: x=..."
    )
