"""One model for many responses: genes, voxels, items."""

import copy
import dataclasses

import numpy as np
import pandas as pd
from sklearn.base import clone

from skmixed.estimators.diagnostics import warn_about_design
from skmixed.estimators.input import read_response
from skmixed.estimators.rows import Rows
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.responses import with_responses
from skmixed.printing.progress import count_done


def fit_many(model, X, Y, sample_weight=None, *, verbose=None):
    """Fit one model to every column of Y; all that does not depend on y is done once.

    Parameters
    ----------
    model : MixedLinearRegressor
        Only its parameters are used; it stays as it is.
    X : data frame or array-like of shape (n_samples, n_features)
        Without missing values.
    Y : DataFrame or array-like of shape (n_samples, n_responses)
        A left side of the formula does not matter.
    sample_weight : array-like of shape (n_samples,), default=None
        Positive precision weights, the same for all responses.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    dict of str to MixedLinearRegressor
        Fitted models, by the names of Y's columns (``y0``, ``y1``, ... of an array).
        They are what `fit` gives for each response, and share the design. Whether one
        is singular says its ``singular_``; there is no warning for each.

    Raises
    ------
    ValueError
        If Y is not two-dimensional and finite, if rows would have to be dropped, and
        for estimators of other families.

    See Also
    --------
    MixedLinearRegressor.refit : One more response for a fitted model.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed import MixedLinearRegressor, fit_many
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> Y = sleep[["Reaction"]].assign(log=np.log(sleep["Reaction"]))
    >>> models = fit_many(MixedLinearRegressor("~ Days + (Days | Subject)"), sleep, Y)
    >>> {name: round(float(m.fixed_effects_["Days"]), 3) for name, m in models.items()}
    {'Reaction': 10.467, 'log': 0.034}
    """
    names, Y = read_responses(Y)
    if not hasattr(model, "_fit_products"):
        raise ValueError(
            "fit_many is for MixedLinearRegressor, whose cross-products serve all "
            f"responses; fit {type(model).__name__} to one response after the other."
        )
    first = clone(model)
    design = first._learn_design(X, Y[:, 0], sample_weight)
    if len(design.X) != len(Y):
        raise ValueError(
            f"{len(Y) - len(design.X)} rows have missing values or weight zero. Leave "
            "them out of X, Y and sample_weight, so that all responses have the same "
            "rows."
        )
    warn_about_design(first.spec_.formula, design)
    A = cross_products(design)
    products = with_responses(A, design, Y)
    models, fit = {}, None
    with count_done(len(names), "fit", "responses", verbose) as done:
        for name, own, y in zip(names, products, Y.T, strict=True):
            if design.residual is None:
                result = first._fit_products(own)
            else:
                result = first._fit_design(dataclasses.replace(design, y=y))
            if fit is None:
                fit = Fitted.of(result, first.spec_, design)
            else:
                fit = dataclasses.replace(fit, result=result)
            models[name] = copy.copy(first)
            models[name]._publish(fit)
            done()
    return models


def refit_model(model, X, y, sample_weight=None):
    """Fit a fitted model to another response, with its design as it was learnt.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted; it stays as it is.
    X : data frame or array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    MixedLinearRegressor
    """
    rows, residual = Rows.read_known(model, X, sample_weight), model.spec_.residual
    design = rows.design
    y = read_response(y, len(design.X))
    if not np.isfinite(y).all():
        raise ValueError("refit needs a response without missing or infinite values.")
    places = residual and residual.read(rows.frame)
    design = dataclasses.replace(design, y=y, residual=places)
    fitted = copy.copy(model)
    result = model._fit_design(design)
    fitted._publish(Fitted.of(result, model.spec_, design))
    fitted.n_obs_, fitted.n_dropped_ = len(y), 0
    return fitted


def read_responses(Y):
    """Read the responses as numbers, with their names.

    Parameters
    ----------
    Y : DataFrame or array-like of shape (n, m)

    Returns
    -------
    names : list of str
    Y : ndarray of shape (n, m)
    """
    frame = Y if isinstance(Y, pd.DataFrame) else None
    values = np.asarray(Y, dtype=float)
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"Y has shape {values.shape}; it needs a column per response. For a single "
            "response use model.fit(X, y)."
        )
    names = [f"y{j}" for j in range(values.shape[1])]
    if frame is not None:
        names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ValueError("The columns of Y need different names.")
    finite = np.isfinite(values).all(axis=0)
    bad = [name for name, ok in zip(names, finite, strict=True) if not ok]
    if bad:
        raise ValueError(
            f"Responses {bad[:10]} have missing or infinite values; leave those rows "
            "out for all responses, or fit them one by one."
        )
    return names, values
