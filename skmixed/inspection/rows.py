"""Read the rows that a picture or a diagnostic is about, as the model reads them."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.estimators.input import (
    read_features,
    read_response,
    read_table,
    read_weights,
)
from skmixed.formula import Design
from skmixed.formula.text.parse import columns_of
from skmixed.inference.diagnose.group_deletion import select_rows
from skmixed.likelihood.products.rows import without_offset

# Cross-products of the same rows differ by rounding; others by more than this.
SAME_ROWS = 1e-6


@dataclass(frozen=True, eq=False)
class Rows:
    """The complete rows of a table, as arrays of a fitted model's design.

    Parameters
    ----------
    design : Design
        With response and weights; rows of weight zero are left out.
    index : Index of length n
        Labels of those rows in the table.
    """

    design: Design
    index: pd.Index

    @classmethod
    def read(cls, estimator, X, y=None, sample_weight=None):
        """Read a table as a fitted estimator does.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted.
        X : data frame or array-like
        y : array-like, optional
            By default the left side of the formula is read from `X`.
        sample_weight : array-like, optional

        Returns
        -------
        Rows
        """
        check_is_fitted(estimator)
        design, missing = estimator._replay_design(X)
        n = len(design.X)
        y = estimator._response_of(X) if y is None else read_response(y, n)
        keep = ~missing & ~np.isnan(y)
        weights = read_weights(sample_weight, n, allow_missing=True)
        if weights is not None:
            keep &= weights > 0
        table = read_table(X)
        index = pd.RangeIndex(n) if table is None else table.index
        if keep.all():
            return cls(dataclasses.replace(design, y=y, weights=weights), index)
        weights = None if weights is None else weights[keep]
        kept = dataclasses.replace(select_rows(design, keep), y=y[keep])
        return cls(dataclasses.replace(kept, weights=weights), index[keep])

    @classmethod
    def read_fitted(cls, estimator, X, y=None, sample_weight=None):
        """Read the table that a model was fitted to, and check that it is the one.

        Raises
        ------
        ValueError
            Where the number of rows differs from that of the fit, or a group is new.
        """
        rows = cls.read(estimator, X, y, sample_weight)
        n, n_fit = len(rows.design.y), estimator.n_obs_
        unseen = any((block.codes < 0).any() for block in rows.design.random)
        if n != n_fit or unseen:
            what = "groups that fit did not see" if unseen else f"{n} complete rows"
            raise ValueError(
                f"X has {what}; the model was fitted to {n_fit} rows and keeps none. "
                "Pass the table (and y, sample_weight) that fit was given."
            )
        if not same_rows(estimator.result_.A, rows.design):
            raise ValueError(
                "X, y or sample_weight differ from those that the model was fitted to; "
                "it keeps no rows. Pass what fit was given."
            )
        return rows


def same_rows(A, design):
    """Whether a response and its predictors have the cross-products of a fit.

    Parameters
    ----------
    A : CrossProducts
    design : Design

    Returns
    -------
    bool
    """
    X = A.basis.fixed.apply(design.X)
    y = without_offset(design)
    y = A.basis.response(y, X)
    weighted = y if design.weights is None else y * design.weights
    found = np.append(X.T @ weighted, y @ weighted)
    scale = np.sqrt(np.diag(A.gram) * A.gram[-1, -1])
    return bool((np.abs(found - A.gram[-1]) <= SAME_ROWS * scale).all())


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
        raise ValueError(f"The formula `{estimator.formula_}` has no random effects.")
    if group is None:
        return known[0]
    if group not in known:
        raise ValueError(
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
    y = estimator._response_of(frame) if y is None else read_response(y, len(frame))
    names = {"x_name": x, "y_name": y_name, "group_name": group}
    return frame, y, codes, labels, names


def read_table_or_fail(data):
    """Read a data frame of any library.

    Raises
    ------
    TypeError
        Where `data` is no data frame.
    """
    frame = read_table(data)
    if frame is None:
        raise TypeError(
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
        raise ValueError(
            f"{role}={name!r} must be a column of numbers; it has dtype {column.dtype}."
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def require_column(frame, name, role):
    """Raise where a table lacks a column."""
    if name not in frame.columns:
        raise ValueError(
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
    raise ValueError(
        f"The formula `{formula}` has no numeric column to draw along; name one: x=..."
    )
