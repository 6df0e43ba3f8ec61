"""Read what `fit`, `predict` and `score` are given: tables, responses, weights.

Nothing here knows a model: every estimator that takes a formula reads its input so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import (
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from skmixed.errors import (
    ColumnError,
    MissingValuesError,
    ResponseError,
    TableError,
    TableTypeError,
)
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.text.parse import parse_formula
from skmixed.sources.frames import read_table
from skmixed.sources.types import source_of
from skmixed.warnings import warn

REQUIRES_Y = (
    "This {} estimator requires y to be passed, but the target y is None. Call "
    "fit(X, y), or name the response in the formula ('y ~ ...') and keep it in X."
)


@dataclass(frozen=True, eq=False)
class GivenRows:
    """What `fit` was given, read, and which rows of it enter.

    Parameters
    ----------
    frame : DataFrame of pandas
        With all rows.
    columns : FrameColumns of n rows
        Those that enter.
    formula : MixedFormula
    y : ndarray of shape (n,) or None
        None where it is a column.
    weights : ndarray or None
        Of all rows.
    keep : ndarray of bool
        Which of all rows enter.
    residual : object
        Residual covariance as it was read, or None.
    """

    frame: pd.DataFrame
    columns: FrameColumns
    formula: Any
    y: np.ndarray | None
    weights: np.ndarray | None
    keep: np.ndarray
    residual: Any

    def __len__(self):
        return self.columns.n_rows


def read_features(estimator, X, *, reset):
    """Read the table of `fit` (``reset=True``) or `predict`.

    Arrays pass through scikit-learn's own validation and get its names ``x0, x1, ...``.
    In `fit`, sets ``n_features_in_`` and ``feature_names_in_``. Afterwards an estimator
    without a formula asks for the same columns in the same order; one with a formula
    needs the formula's columns only, as `ColumnTransformer` does.

    Returns
    -------
    DataFrame of shape (n_samples, n_columns)
    """
    frame = read_table(X)
    if frame is None:
        return _read_array(estimator, X, reset)
    named = isinstance(frame.columns.dtype, pd.StringDtype) or all(
        isinstance(column, str) for column in frame.columns
    )
    if reset and named:
        # what `validate_data` would set, at a tenth of its price for a small table
        estimator.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        estimator.n_features_in_ = frame.shape[1]
    elif reset or estimator.formula is None:
        validate_data(estimator, frame, skip_check_array=True, reset=reset)
    refuse_empty(frame)
    if not named:
        check_numbered(estimator.formula, frame.columns)
        frame = frame.set_axis(array_names(frame.shape[1]), axis=1)
    return frame


def refuse_source(estimator, X):
    """Raise for rows that do not lie in memory, where they are needed there."""
    if not hasattr(X, "__array__") and source_of(X) is not None:
        raise TableTypeError(
            f"X is a {type(X).__name__}: a source of rows, which MixedLinearRegressor "
            f"reads by chunks. {type(estimator).__name__} needs the rows in memory; "
            "pass a data frame."
        )


def refuse_empty(frame):
    """Raise for a table without rows, in scikit-learn's words."""
    if len(frame) == 0:
        raise TableError(
            f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 "
            "is required."
        )


def check_numbered(formula, columns):
    """Raise unless a formula can do with the names ``x0, x1, ...`` of an array.

    Raises
    ------
    TypeError
    """
    if formula is None:
        return
    names = array_names(len(columns))
    parsed = parse_formula(formula, columns=names)
    if not set(parsed.predictor_columns) <= set(names):
        raise TableTypeError(
            "A formula needs column names that are strings; X has "
            f"{[c for c in columns if not isinstance(c, str)][:5]}. Write X.columns = "
            "[f'x{c}' for c in X.columns], or name the columns x0, x1, ... in the "
            "formula, by position."
        )


def _read_array(estimator, X, reset):
    """Read an array; after a fit on a frame by position, as scikit-learn does."""
    refuse_source(estimator, X)
    names = getattr(estimator, "feature_names_in_", None)
    by_position = not reset and names is not None
    if by_position and estimator.formula is not None:
        _check_width(estimator, X, names)
    finite = "allow-nan" if estimator.na_action == "drop" else True
    try:
        X = validate_data(
            estimator,
            unmask(X),
            reset=reset,
            dtype=None if by_position else "numeric",
            ensure_all_finite=finite,
        )
    except ValueError as error:
        if not str(error).startswith("could not convert"):
            raise
        text = str(error).rpartition(": ")[2]
        raise TableError(
            f"X is an array with text ({text}), and arrays hold numbers. Pass a frame, "
            "whose columns may be text. Where another estimator hands arrays on "
            "(bagging, boosting, RFE, RANSAC), make numbers of text before, and write "
            "the formula with x0, x1, ... in the order of the columns."
        ) from None
    if reset or names is None:
        names = array_names(X.shape[1])
    frame = pd.DataFrame(X, columns=names)
    return frame.infer_objects() if X.dtype == object else frame


def _check_width(estimator, X, names):
    """Raise for an array that has not the columns of the frame that `fit` saw."""
    shape = np.shape(X)
    if len(shape) == 2 and shape[1] != len(names):
        raise TableError(
            f"X came as an array ({type(X).__name__}) of {shape[1]} columns without "
            f"names; fit saw the {len(names)} columns {list(names)[:20]}. Pass a data "
            "frame with the formula's columns "
            f"{sorted(estimator.spec_.predictor_columns)} (after a scikit-learn step: "
            "set_output(transform='pandas')), or all columns in the order of fit."
        )


def unmask(values):
    """Take what is masked in an array for missing.

    Parameters
    ----------
    values : object
        Anything; only a `numpy.ma.MaskedArray` changes.
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if values.dtype.kind in "biuf":
        return values.astype(float).filled(np.nan)
    return values.astype(object).filled(None)


def array_names(n_columns):
    """Name the columns of an array as scikit-learn does."""
    return [f"x{j}" for j in range(n_columns)]


def response_label(y):
    """Find the name that `y` carries: of a series, or of a frame with one column."""
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        name = y.columns[0]
    else:
        name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else None


def read_response(y, n_samples):
    """Read `y` as numbers, missing values as NaN.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    n_samples : int
        Number of rows of `X`.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        Where `y` has another length, another shape, or is not numeric.
    """
    if type(y) is np.ndarray and y.dtype == float and y.shape == (n_samples,):
        return y
    y = unmask(y)
    if isinstance(y, pd.Series) and pd.api.types.is_extension_array_dtype(y):
        y = y.astype(object).where(y.notna(), None).to_numpy()
    shape = getattr(y, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise ResponseError(
            f"y should be a 1d array, got an array of shape {shape} instead. Fit "
            "several responses one after the other, those of MixedLinearRegressor by "
            "skmixed.fit_many(model, X, Y)."
        )
    y = column_or_1d(y, warn=True)
    check_consistent_length(np.empty((n_samples, 0)), y)
    kind = getattr(y.dtype, "kind", "O")
    if kind == "O":
        held = pd.api.types.infer_dtype(y, skipna=True)
        kind = {"string": "U", "complex": "c"}.get(held, kind)
    if kind == "c":
        raise ResponseError("Complex data not supported: y holds complex numbers.")
    if kind not in "UScmM":
        try:
            return np.asarray(y, dtype=float)
        except (TypeError, ValueError):
            pass
    raise ResponseError(
        f"The response y is not numeric (dtype {y.dtype}, first value {y[0]!r})."
    )


def refuse_lacking(frame, names, what):
    """Raise for columns that X lacks.

    Parameters
    ----------
    frame : DataFrame
    names : list of str
    what : str
        The parameter that names them.

    Raises
    ------
    ValueError
    """
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise ColumnError(f"`{what}` names columns that X lacks: {lacking}.")


def require_response_in(frame, formula, name):
    """Raise unless a table holds the response of a formula.

    Parameters
    ----------
    frame : DataFrame
    formula : MixedFormula
    name : str
        Of the estimator that asks.

    Raises
    ------
    ValueError
    """
    if formula.response is None:
        raise ResponseError(REQUIRES_Y.format(name))
    lacking = [c for c in formula.response_columns if c not in frame.columns]
    if lacking:
        others = [c for c in formula.predictor_columns if c not in frame.columns]
        also = f" It lacks the columns {others} too." if others else ""
        raise ResponseError(
            f"X lacks the response {lacking} of the formula and no y was passed. "
            f"Call fit(X, y), or pass a data frame that has the response.{also}"
        )


def check_response_rules(formula, columns, y, label):
    """Hold the formula, `X` and `y` against each other.

    Parameters
    ----------
    formula : MixedFormula
    columns : FrameColumns
        Of `X`.
    y : ndarray of shape (n_samples,) or None
    label : str or None
        The name that `y` carries.

    Raises
    ------
    ValueError
        Where the response is also a predictor, and where the formula transforms its
        response while `y` is given too.

    Warns
    -----
    UserWarning
        Where `y` has another name than the left side, or other values than the
        column of that name.
    """
    named = set(formula.response_columns)
    if y is not None and label is not None and label in columns:
        named.add(label)
    leak = sorted(named & set(formula.predictor_columns))
    if leak:
        raise ResponseError(
            f"The response {leak} is also a predictor in the formula `{formula}`."
        )
    if y is None or formula.response is None:
        return
    if not formula.response_is_column:
        raise ResponseError(
            f"The formula transforms its response (`{formula.response}`) and y was "
            "passed as well, so the scale of predict() would differ from y's. Call "
            "fit(X) alone, with the response in X, or wrap a formula without a left "
            "side in TransformedTargetRegressor."
        )
    _warn_of_another_response(formula.response_columns[0], columns, y, label)


def _warn_of_another_response(column, columns, y, label):
    if label not in (None, column):
        warn(
            f"y is named {label!r} but the formula's response is {column!r}; "
            "y is used.",
            section="two-responses",
        )
    elif column in columns and not same_values(columns[column], y):
        warn(
            f"y differs from column {column!r} of X; y is used as the response.",
            section="two-responses",
        )


def refuse_missing(frame, columns, missing, remedy):
    """Raise for the rows that are `missing`, naming the columns that lack values.

    Raises
    ------
    ValueError
    """
    holes = [c for c in columns if c in frame.columns and frame[c].isna().any()]
    where = f"columns {holes} of X" if holes else "y or sample_weight"
    raise MissingValuesError(
        f"Input contains NaN: {int(missing.sum())} of {len(frame)} rows have missing "
        f"values ({where}). {remedy}"
    )


def same_values(column, y):
    """Whether a column holds the values of y, or labels that y numbers in order."""
    held = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    if np.isnan(held).all():
        held, y = (pd.factorize(np.asarray(v), sort=True)[0] for v in (column, y))
    return np.array_equal(held, y, equal_nan=True)


def refuse_infinite(y):
    """Raise for a response that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(y.dot(y))
    if not (finite or np.isfinite(y).all()):
        raise ResponseError(
            "Input y contains infinity or a value too large: the response is not "
            f"finite in {int((~np.isfinite(y)).sum())} rows."
        )
