"""What a fitted model predicts along one column, for some groups and for nobody's."""

import numpy as np
import pandas as pd

from skmixed.estimators import MixedLinearRegressor


def group_lines(estimator, frame, x, codes, chosen, *, ends=None, n_points=25):
    """Predict along a column for some groups.

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
    ends : tuple of float, optional
        First and last value of `x`. Every group's own range by default.
    n_points : int, default=25
        Points of a line.

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
    grid = frame_grid(frame.iloc[row][x].to_numpy(float), member, len(chosen), ends)
    steps = np.linspace(0.0, 1.0, n_points)
    along = grid[:, :1] + (grid[:, 1:] - grid[:, :1]) * steps
    columns = list(estimator._spec.predictor_columns)
    table = frame.iloc[np.repeat(first, n_points)][columns].reset_index(drop=True)
    grouping = set(estimator._spec.group_columns)
    for column in columns:
        if column not in {x, *grouping}:
            own = frame[column].iloc[row].to_numpy()
            if (own != frame[column].iloc[first[member]].to_numpy()).any():
                table[column] = constant_column(frame[column], len(table))
    table[x] = along.ravel()
    predicted = estimator.predict(table)
    return np.stack([along, predicted.reshape(along.shape)], axis=2)


def frame_grid(x, member, n_groups, ends):
    """First and last value of x for every group, of shape (n_groups, 2)."""
    if ends is not None:
        return np.tile(np.asarray(ends, dtype=float), (n_groups, 1))
    low, high = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(low, member, x)
    np.maximum.at(high, member, x)
    return np.column_stack([low, high])


def population_line(estimator, frame, x, ends, *, fixed=None, n_points=50):
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
    n_points : int, default=50

    Returns
    -------
    ndarray of shape (n_points, 2) or None
        None for the other approaches, which predict for known groups only or for all
        alike.
    """
    if not isinstance(estimator, MixedLinearRegressor):
        return None
    fixed = {} if fixed is None else fixed
    along = np.linspace(*ends, n_points)
    grouping = set(estimator._spec.group_columns)
    table = {x: along}
    for column in estimator._spec.predictor_columns:
        if column != x and column not in grouping:
            values = frame[column]
            if column in fixed:
                values = values[values == fixed[column]]
            table[column] = constant_column(values, n_points)
    table = pd.DataFrame(table)
    return np.column_stack([along, estimator.predict(table, random_effects=False)])


def constant_column(values, length):
    """Repeat the mean of a column of numbers, or the most frequent of other values.

    Parameters
    ----------
    values : Series
    length : int

    Returns
    -------
    Series
    """
    if pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "b":
        return pd.Series(np.full(length, values.mean()))
    most_frequent = values.value_counts().index[0]
    return pd.Series([most_frequent] * length, dtype=values.dtype)
