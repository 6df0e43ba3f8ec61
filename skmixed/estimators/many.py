"""One model for many responses: genes, voxels, items."""

import copy
import dataclasses
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone

from skmixed.errors import (
    IdentifiabilityError,
    MissingValuesError,
    ResponseError,
    UnavailableError,
    WeightError,
)
from skmixed.estimators.diagnostics import warn_about_design
from skmixed.estimators.input import read_response
from skmixed.estimators.many_fits import ManyFits
from skmixed.estimators.many_sources import Batches, Loop
from skmixed.estimators.rows import Rows
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood.batch.fit import can_batch
from skmixed.likelihood.products.plan import cross_products
from skmixed.printing.progress import count_done
from skmixed.warnings import warn


def fit_many(model, X, Y, sample_weight=None, *, verbose=None):
    """Fit one model to every column of Y, all responses together.

    Parameters
    ----------
    model : MixedLinearRegressor
        Only its parameters are used; it stays as it is.
    X : data frame or array-like of shape (n_samples, n_features)
        Without missing values.
    Y : DataFrame or array-like of shape (n_samples, n_responses)
        Missing values are left out response by response. A left side of the formula
        does not matter.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_responses), \
            default=None
        Positive precision weights, the same for all responses or each response's own;
        zero leaves a value out.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    ManyFits
        A mapping of names (Y's columns, or ``y0``, ``y1``, ...) to fitted models, each
        made when it is asked for, with tables of all responses: ``fixed``, ``random``,
        ``shares``, ``fit``. Whether one is singular says its row there; there is no
        warning for each.

    Raises
    ------
    ValueError
        If Y is not two-dimensional or has infinite values, if rows would have to be
        dropped for all responses, if no response has a fit, and for estimators of other
        families.

    Warns
    -----
    UserWarning
        Once, where responses have no fit (all values alike, say); ``failed`` has why.

    See Also
    --------
    ManyFits : What it returns.
    MixedLinearRegressor.refit : One more response for a fitted model.

    Notes
    -----
    Every step of the search is taken for all responses at once, as products of arrays;
    responses whose variances end up zero are searched again together. Estimates,
    standard errors and degrees of freedom are those of single fits. Structured
    covariances, a known sigma, models without random effects, and crossed factors of
    which all but the largest have more than 150 effects together, are fitted one
    response after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed import MixedLinearRegressor, fit_many
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> Y = sleep[["Reaction"]].assign(log=np.log(sleep["Reaction"]))
    >>> fits = fit_many(MixedLinearRegressor("~ Days + (Days | Subject)"), sleep, Y)
    >>> fits.fixed["estimate"].round(3)
    response  coefficient
    Reaction  Intercept      251.405
              Days            10.467
    log       Intercept        5.530
              Days             0.034
    Name: estimate, dtype: float64
    >>> fits["Reaction"].predict(sleep.head(2)).round(1)
    array([253.7, 273.3])
    """
    names, Y = read_responses(Y)
    if not hasattr(model, "_fit_products"):
        raise UnavailableError(
            "fit_many is for MixedLinearRegressor, whose cross-products serve all "
            f"responses; fit {type(model).__name__} to one response after the other."
        )
    first = clone(model)
    shared, W = read_many_weights(sample_weight, Y)
    some = np.where(np.isfinite(Y[:, 0]), Y[:, 0], 0.0)
    design = learn_without_response(first, X, some, shared)
    if len(design.X) != len(Y):
        raise MissingValuesError(
            f"{len(Y) - len(design.X)} rows have missing values or weight zero. Leave "
            "them out of X, Y and sample_weight, so that all responses have the same "
            "rows."
        )
    warn_about_design(first.spec_.formula, design)
    A = dataclasses.replace(cross_products(design), sigma=first.sigma)
    together = design.rows_are_independent and can_batch(A)
    together = together and first.solver != "stochastic"
    source = (Batches if together else Loop)(first, design, A, Y, W)
    with count_done(len(names), "fit", "responses", verbose) as done:
        fits = ManyFits(names, source.fit(done))
    report_failed(fits)
    return fits


def learn_without_response(model, X, y, sample_weight):
    """Learn the design of responses that no column of X need hold.

    The left side of the formula counts for nothing then, but that ``.`` leaves it out:
    models of other responses must not read it from new rows.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y differs from column", UserWarning)
        design = model._learn_design(X, y, sample_weight)
    right = model.spec_.formula_text.partition("~")[2]
    model.spec_.formula_text = model.formula_ = f"~{right}"
    return design


def read_many_weights(sample_weight, Y):
    """Weights that all responses share, or weights of every response's own.

    Parameters
    ----------
    sample_weight : array-like of shape (n,) or (n, r), or None
    Y : ndarray of shape (n, r)

    Returns
    -------
    shared : array-like of shape (n,) or None
    W : ndarray of shape (n, r) or None
        Zero where a response is missing.
    """
    known = np.isfinite(Y) if not np.isfinite(Y.sum()) else np.ones((1, 1), dtype=bool)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if weights is not None and weights.ndim == 2:
        if weights.shape != Y.shape:
            raise WeightError(
                f"sample_weight has shape {weights.shape} and Y {Y.shape}; weights of "
                "every response's own need the shape of Y."
            )
        bad = ~np.isfinite(weights) | (weights < 0)
        if (bad & known).any():
            raise WeightError(
                f"{int((bad & known).sum())} weights are negative, missing or infinite."
            )
        return None, np.where(known, weights, 0.0)
    if known.all():
        return sample_weight, None
    return None, known * (1.0 if weights is None else weights[:, None])


def report_failed(fits):
    """Warn about responses without a fit; raise where none has one."""
    failed = fits.failed
    if not failed:
        return
    name, why = next(iter(failed.items()))
    if len(failed) == len(fits):
        raise IdentifiabilityError(f"No response has a fit; {name}: {why}")
    warn(
        f"{len(failed)} of {len(fits)} responses have no fit; `failed` of the result "
        f"says why. {name}: {why}",
        section="responses-without-a-fit",
    )


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
    rows = Rows.read_known(model, X, sample_weight)
    design = rows.design
    y = read_response(y, len(design.X))
    if not np.isfinite(y).all():
        raise ResponseError(
            "refit needs a response without missing or infinite values."
        )
    design = dataclasses.replace(design, y=y, **model._residual_places(rows.frame))
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
        With NaN where values are missing.
    """
    frame = Y if isinstance(Y, pd.DataFrame) else None
    values = np.asarray(Y, dtype=float)
    if values.ndim != 2 or not values.size:
        raise ResponseError(
            f"Y has shape {values.shape}; it needs a column per response. For a single "
            "response use model.fit(X, y)."
        )
    names = [f"y{j}" for j in range(values.shape[1])]
    if frame is not None:
        names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ResponseError("The columns of Y need different names.")
    if np.isfinite(values.sum()):
        return names, values
    infinite = np.isinf(values).any(axis=0)
    bad = [name for name, is_bad in zip(names, infinite, strict=True) if is_bad]
    if bad:
        raise ResponseError(
            f"Responses {bad[:10]} have infinite values; write them as missing to "
            "leave them out."
        )
    return names, values
