"""A fitted model and more rows: known groups, new groups, held variances."""

import copy
import dataclasses

import numpy as np

from skmixed.errors import (
    IdentifiabilityError,
    MissingValuesError,
    ResponseError,
    RowsError,
    UnavailableError,
)
from skmixed.estimators.input import read_features, require_response_in
from skmixed.estimators.rows import Rows
from skmixed.formula.table.arrays import check_magnitudes
from skmixed.formula.table.frame import FrameColumns
from skmixed.inference.fixed.reference_grid import estimable
from skmixed.inference.opened.adapted import adapt
from skmixed.inference.opened.fitted import refuse_residual


def adapt_model(model, X, y=None, sample_weight=None):
    """A copy of a fitted model that has seen more rows, its variances held.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted; it stays as it is.
    X : data frame or array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), default=None
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    MixedLinearRegressor

    Raises
    ------
    ValueError
    """
    refuse_residual(model.result_, "adapt")
    if not model.result_.groups:
        raise UnavailableError(
            "adapt holds the variances of random effects, and the model has none; fit "
            "it to all rows."
        )
    fit, columns = model.fitted_, FrameColumns(read_features(model, X, reset=False))
    adapted = copy.copy(model)
    for sums_of_old_rows in ("statistics_", "_reader"):
        vars(adapted).pop(sums_of_old_rows, None)
    adapted.spec_, places = extended(model.spec_, columns)
    rows = read_new(adapted, columns, y, sample_weight)
    if not estimable(fit, rows.design.X).all():
        raise RowsError(
            f"Rows of X break the dependence for which {fit.aliased} were left out of "
            "the fit, so that their coefficients are now determined. Fit the model to "
            "all rows."
        )
    groups = fit.result.groups
    adapted._publish(
        adapt(fit, adapted.spec_, rows.design, [places[group] for group in groups])
    )
    adapted.n_obs_ = adapted.result_.n_obs
    adapted.n_dropped_ = model.n_dropped_ + columns.n_rows - len(rows.frame)
    return adapted


def extended(spec, columns):
    """A specification with the groups of more rows.

    Parameters
    ----------
    spec : DesignSpec
    columns : FrameColumns

    Returns
    -------
    spec : DesignSpec
    places : dict of str to ndarray of int
        Where the known groups of every factor are.
    """
    spec, places, groups = copy.copy(spec), {}, {}
    for name, index in spec.groups.items():
        groups[name], places[name] = index.extended(columns)
    spec.groups = groups
    return spec, places


def read_new(model, columns, y, sample_weight):
    """Read rows whose groups a specification knows, all of them but missing ones.

    Returns
    -------
    Rows
        Complete, with response and weights.
    """
    if y is None:
        require_response_in(columns.frame, model.spec_.formula, type(model).__name__)
        y = model.spec_.read_response(columns)
    rows = Rows.read_complete(model, columns, y, sample_weight)
    if any((block.codes < 0).any() for block in rows.design.random):
        raise MissingValuesError(
            "Rows of X have no group: a grouping column is missing. Leave them out, or "
            "set na_action='drop'."
        )
    design = rows.design
    if not len(design.y):
        raise IdentifiabilityError(
            "None of the rows of X is complete and of positive weight."
        )
    if not np.isfinite(design.y).all():
        raise ResponseError("adapt needs a response that is finite.")
    check_magnitudes(design, model.spec_.coef_names)
    return dataclasses.replace(rows, design=design)
