"""What a fitted model predicts along one column, for some groups and for nobody's."""

import numpy as np
import pandas as pd

from skmixed.formula.text.scanner import column_alias
from skmixed.inference.opened.fitted import Fitted

# Points of a line.
POINTS = 25


def group_lines(estimator, frame, x, codes, chosen):
    """Predict along a column for some groups, each over its own range.

    Parameters
    ----------
    estimator : MixedLinearRegressor
        Or another estimator with a formula.
    frame : DataFrame of n rows
    x : str
        Column that varies along the lines.
    codes : ndarray of shape (n,)
        Group of each row.
    chosen : ndarray of int of shape (c,)
        Groups to predict for.

    Returns
    -------
    ndarray of shape (c, n_points, 2)
        Values of `x`, predictions. A column that varies within groups is held at its
        mean or most frequent value; one that does not has the group's own value.
    """
    place = np.full(codes.max() + 2, -1)
    place[chosen] = np.arange(len(chosen))
    row = np.flatnonzero(place[codes] >= 0)
    member = place[codes[row]]
    first = np.zeros(len(chosen), dtype=np.intp)
    first[member[::-1]] = row[::-1]
    ends = own_ends(frame[x].to_numpy(dtype=float)[row], member, len(chosen))
    along = points_between(estimator, frame, x, ends)
    needed = list(estimator.spec_.predictor_columns)
    table = frame.iloc[np.repeat(first, along.shape[1])][needed].reset_index(drop=True)
    for column in set(needed) - {x, *estimator.spec_.group_columns}:
        values = frame[column]
        own, of_first = values.iloc[row].to_numpy(), values.iloc[first[member]]
        if (own != of_first.to_numpy()).any():
            table[column] = held(estimator, values, len(table))
    table[x] = along.ravel()
    predicted = predicted_mean(estimator, table)
    return np.stack([along, predicted.reshape(along.shape)], axis=2)


def own_ends(x, member, n_groups):
    """First and last value of x in every group, of shape (n_groups, 2)."""
    ends = np.full((n_groups, 2), np.nan)
    np.fmin.at(ends[:, 0], member, x)
    np.fmax.at(ends[:, 1], member, x)
    return ends


def points_between(estimator, frame, x, ends):
    """Points of lines: evenly spaced, or all values where the model codes them.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    frame : DataFrame
    x : str
    ends : ndarray of shape (c, 2)

    Returns
    -------
    ndarray of shape (c, n_points)
    """
    if is_coded(estimator, x):
        values = np.unique(frame[x].dropna())
        return np.tile(values, (len(ends), 1))
    steps = np.linspace(0.0, 1.0, POINTS)
    return ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * steps


def population_line(estimator, frame, x, ends, *, fixed=None):
    """Predict along a column from the fixed effects alone.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    frame : DataFrame
    x : str
    ends : tuple of float
        First and last value of `x`.
    fixed : dict, optional
        Values of columns; the others are held at their mean or most frequent value.

    Returns
    -------
    ndarray of shape (n_points, 2) or None
        None for the other approaches, which predict for known groups only or for all
        alike. Means of generalised models are averaged over the random effects.
    """
    if not isinstance(getattr(estimator, "fitted_", None), Fitted):
        return None
    along = points_between(estimator, frame, x, np.array([ends], dtype=float))[0]
    table = {x: along}
    for column in estimator.spec_.columns_for(False):
        if column != x:
            values = frame[column]
            if fixed and column in fixed:
                values = values[values == fixed[column]]
            table[column] = held(estimator, values, len(along))
    table = pd.DataFrame(table)
    mean = predicted_mean(estimator, table, random_effects=False)
    return np.column_stack([along, mean])


def predicted_mean(estimator, table, **options):
    """Mean response of rows; of generalised models see their ``_curve``."""
    curve = getattr(estimator, "_curve", None)
    return (curve or estimator.predict)(table, **options)


def held(estimator, values, length):
    """Repeat the mean of a column of numbers, or the most frequent of other values.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    values : Series
    length : int

    Returns
    -------
    Series
    """
    number = pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "b"
    if number and not is_coded(estimator, values.name):
        return pd.Series(np.full(length, values.mean()))
    most_frequent = values.value_counts().index[0]
    return pd.Series([most_frequent] * length, dtype=values.dtype)


def is_coded(estimator, column):
    """Whether the formula takes a column for categories: ``factor(x)``, ``C(x)``."""
    alias = column_alias(column, "category")
    return any(alias in call for call in estimator.spec_.transform_state)
