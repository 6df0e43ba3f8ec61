"""Read the precision weights that `fit` and `score` are given."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import _check_sample_weight

from skmixed.errors import WeightError, WeightTypeError
from skmixed.estimators.input import unmask
from skmixed.formula.table.coding import NUMBERS


def read_weights(sample_weight, n_samples, *, allow_missing):
    """Read precision weights, missing ones as NaN.

    Returns
    -------
    ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        For negative or infinite weights, for another length, and for missing ones
        unless `allow_missing`.
    """
    if sample_weight is None:
        return None
    sample_weight = unmask(sample_weight)
    check_weights(sample_weight)
    missing = None
    if allow_missing and not np.isscalar(sample_weight):
        missing = np.asarray(pd.isna(sample_weight))
        if missing.ndim == 1 and missing.any():
            sample_weight = np.where(missing, 0.0, sample_weight).astype(float)
    weights = _check_sample_weight(
        sample_weight,
        np.empty((n_samples, 1)),
        dtype=np.float64,
        ensure_non_negative=True,
    )
    if missing is not None and missing.any():
        weights[missing] = np.nan
    return weights


def check_weights(sample_weight):
    """Raise for weights that are no numbers: a column's name, a dict, dates.

    Raises
    ------
    TypeError, ValueError
    """
    if isinstance(sample_weight, str):
        raise WeightTypeError(
            f"sample_weight={sample_weight!r} should be the weights themselves, not "
            f"the name of a column: pass sample_weight=X[{sample_weight!r}]."
        )
    if isinstance(sample_weight, dict | set):
        raise WeightTypeError(
            f"sample_weight is a {type(sample_weight).__name__}; pass one weight for "
            "each row, as a list, an array or a series."
        )
    kind = kind_of_values(sample_weight)
    if kind not in "biuf":
        raise WeightError(
            "sample_weight should hold one number for each row, got "
            f"{str(sample_weight)[:60]!r}."
        )


def kind_of_values(values):
    """Return the kind of values of any container: numpy's letter, or "O"."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.categories.dtype.kind
    try:
        values = np.asarray(values)
    except (TypeError, ValueError):
        return "O"
    if values.dtype.kind != "O":
        return values.dtype.kind
    held = pd.api.types.infer_dtype(values.ravel(), skipna=True)
    if held == "mixed":  # numbers with None or NaT among them
        held = pd.api.types.infer_dtype(values.ravel()[~pd.isna(values.ravel())])
    return "f" if held in (*NUMBERS, "empty") else "O"
