"""Predictions and scores for rows that come from a source, table by table."""

from functools import partial

import numpy as np

from skmixed.errors import ResponseError, WeightTypeError
from skmixed.estimators.weights import read_weights


def predict_by_chunks(model, source, options):
    """Predict rows of a source in their order.

    Parameters
    ----------
    model : estimator
        Fitted.
    source : Source
    options : dict
        Of `predict`.

    Returns
    -------
    ndarray, tuple of ndarray, or Array of dask
        What `predict` gives for all rows at once; of a dask DataFrame an array that is
        computed when it is asked, by its partitions.
    """
    names, needed = source.names, model.spec_.predictor_columns
    columns = [column for column in needed if column in names]
    plain = not options.get("return_std")
    return source.each(columns, partial(predict_table, model, options), plain)


def predict_table(model, options, table):
    """Predict one table, which may have no rows."""
    if len(table):
        return model.predict(table, **options)
    return (np.zeros(0),) * 2 if options.get("return_std") else np.zeros(0)


def score_by_chunks(model, source, y, weights):
    """R2 of the rows of a source, from sums over its tables.

    Parameters
    ----------
    model : estimator
    source : Source
    y : None
    weights : str or None
        A column.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        Where response or weights are no columns.
    """
    if y is not None:
        raise ResponseError(
            "Of a source of rows the response is a column: leave y out."
        )
    if not (weights is None or isinstance(weights, str)):
        raise WeightTypeError(
            "sample_weight of a source of rows is the name of a column."
        )
    needed = [*model.spec_.predictor_columns, *model.spec_.response_columns]
    columns = list(dict.fromkeys([*needed, *([weights] if weights else [])]))
    total, _, about, left = source.reduce(
        columns, partial(table_sums, model, weights), add_sums
    )
    if not total:
        return float("nan")
    return 1.0 - left / about if about else float(left == 0)


def table_sums(model, weights, table):
    """Weight of the rows, mean and sum of squares of the response, and of residuals."""
    if not len(table):
        return 0.0, 0.0, 0.0, 0.0
    y, found = model.spec_.read_response(table), model.predict(table)
    held = None if weights is None else table[weights]
    w = read_weights(held, len(y), allow_missing=model.na_action == "drop")
    w = np.ones(len(y)) if w is None else w
    if model.na_action == "drop":
        known = ~(np.isnan(y) | np.isnan(found) | np.isnan(w))
        y, found, w = y[known], found[known], w[known]
    total = float(w.sum())
    mean = float(w @ y) / total if total else 0.0
    return total, mean, float(w @ (y - mean) ** 2), float(w @ (y - found) ** 2)


def add_sums(one, other):
    """Sums of the rows of both, about the mean of both."""
    total = one[0] + other[0]
    if not total:
        return one
    share, gap = other[0] / total, other[1] - one[1]
    about = one[2] + other[2] + one[0] * share * gap**2
    return total, one[1] + share * gap, about, one[3] + other[3]
