"""What every estimator with a formula shares: its input, its score, its tags."""

import dataclasses
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import (
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import (
    IdentifiabilityError,
    UnavailableAttributeError,
    explained,
)
from skmixed.estimators.by_chunks import score_by_chunks
from skmixed.estimators.input import (
    GivenRows,
    check_response_rules,
    read_features,
    read_response,
    read_table,
    refuse_infinite,
    refuse_missing,
    require_response_in,
    response_label,
)
from skmixed.estimators.rows import response_of
from skmixed.estimators.weights import read_weights
from skmixed.formula.table.arrays import check_magnitudes, power_of, refuse_beyond
from skmixed.formula.table.columns import missing_rows
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.text.parse import parse_formula
from skmixed.likelihood.covariance.names import canonical_name
from skmixed.sources.types import source_of
from skmixed.warnings import warn

# Types whose values say all that a check of parameters asks.
PLAIN = frozenset((str, bool, int, float, type(None)))


@lru_cache(maxsize=256)
def check_parameters(cls, params, kinds):
    """Hold parameters against the constraints of their estimator.

    Parameters
    ----------
    cls : type
    params : tuple of tuple (str, value)
        Of plain values.
    kinds : tuple of type
        Of the values: 1 and True are equal.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
    """
    validate_parameter_constraints(
        cls._parameter_constraints, dict(params), caller_name=cls.__name__
    )


class FormulaEstimator:
    """Read formulas, tables, responses and weights; tell scikit-learn.

    It stands to the left of scikit-learn's mixins and of BaseEstimator. A subclass has
    the parameters `formula`, `na_action` and `unseen_groups`, calls `_learn_design` in
    `fit` and reads `Rows` in `predict`, and gets ``formula_``, ``n_obs_``,
    ``n_dropped_``, ``n_features_in_`` and ``feature_names_in_``.
    """

    # Whether prediction differs between groups.
    _predicts_by_group = True

    _parameter_constraints: ClassVar[dict] = {
        "formula": [str, None],
        "na_action": [StrOptions({"raise", "drop"})],
        "unseen_groups": [StrOptions({"population", "error"})],
    }

    @classmethod
    @cache
    def _get_param_names(cls):
        """Names of the parameters; to read a signature costs a tenth of a small fit."""
        return super()._get_param_names()

    def _validate_params(self):
        """Hold the parameters against their constraints; plain values but once."""
        params = self.get_params(deep=False)
        kinds = tuple(map(type, params.values()))
        with explained("arguments"):
            if PLAIN.issuperset(kinds):
                check_parameters(type(self), tuple(params.items()), kinds)
            else:
                super()._validate_params()

    def _learn_design(self, X, y, sample_weight):
        """Turn the arguments of `fit` into arrays, and learn how to do it again.

        Rows with missing values (``na_action="drop"``) and rows of weight zero are
        left out; only the former count in ``n_dropped_``.

        Returns
        -------
        Design
            With the response, and with the weights if there are any.
        """
        return self._make_design(self._read_rows(X, y, sample_weight))

    def _read_rows(self, X, y, sample_weight):
        """Read the arguments of `fit`, `GivenRows`."""
        self._forget()
        label = response_label(y)
        frame = read_features(self, X, reset=True)
        y = None if y is None else read_response(y, len(frame))
        weights = read_weights(
            sample_weight, len(frame), allow_missing=self.na_action == "drop"
        )
        others = frame.columns
        if label in others:
            others = [column for column in others if column != label]
        parsed = parse_formula(self._formula_to_read(), columns=others)
        formula = parsed.with_covariances(canonical_name)
        for remark in formula.remarks:
            warn(remark, section="powers")
        columns = FrameColumns(frame)
        check_response_rules(formula, columns, y, label)
        if y is None:
            require_response_in(frame, formula, type(self).__name__)
        residual = self._read_residual(formula)
        keep = self._choose_rows(columns, formula, y, weights, residual)
        if not keep.all():
            columns = FrameColumns(frame, keep)
            y = None if y is None else y[keep]
        return GivenRows(frame, columns, formula, y, weights, keep, residual)

    def _make_design(self, given):
        """Make the design of rows that were read; see :meth:`_learn_design`."""
        columns, formula, y = given.columns, given.formula, given.y
        self.spec_, design = self._learn_spec(formula, columns)
        y = self.spec_.read_response(columns) if y is None else y
        refuse_infinite(y)
        self._keep_columns(given.frame, formula)
        self.formula_ = self.spec_.formula_text
        self.n_obs_ = len(y)
        design = dataclasses.replace(
            design,
            y=y,
            weights=self._weigh_rows(columns, given.weights, given.keep),
            **self._learn_residual(given.residual, columns),
        )
        check_magnitudes(design, self.spec_.coef_names)
        return design

    def _formula_to_read(self):
        """The formula with one column, or none, on its left side."""
        return "~ ." if self.formula is None else self.formula

    def _learn_spec(self, formula, columns):
        """Learn the design; families may leave the constant to their own parameters."""
        return DesignSpec.learn(formula, columns)

    def _weigh_rows(self, columns, weights, keep):
        """Weights of the rows that are fitted; families may know of trials."""
        return None if weights is None else weights[keep]

    def _observed(self, frame, y):
        """Response of rows to be looked at, as a number, of shape (n,)."""
        return response_of(self, frame) if y is None else read_response(y, len(frame))

    def _forget(self):
        """Remove an earlier fit, so that a failed one leaves nothing half new."""
        for name in [n for n in vars(self) if n.endswith("_")]:
            delattr(self, name)

    def _read_residual(self, formula):
        """Read a residual covariance, where an estimator has one."""
        return

    def _columns_beside(self, residual):
        """Columns that residuals need beside the formula's."""
        return []

    def _learn_residual(self, residual, columns):
        """Learn where the rows stand in a residual covariance: fields of Design."""
        return {}

    def _choose_rows(self, columns, formula, y, weights, residual=None):
        """Choose the rows that enter the fit; sets ``n_dropped_``."""
        needed, also = list(formula.predictor_columns), self._columns_beside(residual)
        needed += [c for c in also if c in columns and c not in needed]
        if y is None:
            needed += formula.response_columns
        missing = missing_rows(columns, needed)
        for values in (y, weights):
            if values is not None:
                missing |= np.isnan(values)
        if missing.any() and self.na_action == "raise":
            remedy = "Impute them, or set na_action='drop' to leave those rows out."
            refuse_missing(columns.frame, needed, missing, remedy)
        self.n_dropped_ = int(missing.sum())
        keep = ~missing
        if weights is not None:
            keep &= weights > 0
        if not keep.any():
            raise IdentifiabilityError(
                f"None of the {len(keep)} rows is left to fit: {self.n_dropped_} have "
                "missing values, the others weight zero."
            )
        return keep

    def _kept_names(self):
        check_is_fitted(self)
        return self._names_kept()

    def _names_kept(self):
        names = zip(self.spec_.coef_names, self.result_.kept, strict=True)
        return [name for name, kept in names if kept]

    def _publish_coefficients(self, coef):
        """Set the attributes of the coefficients kept, and name those left out."""
        names = self._names_kept()
        has_intercept = names[:1] == ["Intercept"]
        self.intercept_ = float(coef[0]) if has_intercept else 0.0
        self.coef_names_ = names[has_intercept:]
        self.aliased_ = [c for c in self.spec_.coef_names if c not in names]

    def _keep_columns(self, frame, formula):
        """Keep the names of X's columns where the prediction is linear in them."""
        self._linear_columns_ = None
        if formula.offsets or (self._predicts_by_group and formula.random):
            return
        numbers = all(
            is_numeric_dtype(dtype) and not is_bool_dtype(dtype)
            for dtype in frame.dtypes
        )
        columns = [str(column) for column in frame.columns]
        slopes = {name for name in self.spec_.coef_names if name != "Intercept"}
        if numbers and len(set(columns)) == len(columns) and slopes <= set(columns):
            self._linear_columns_ = columns

    @property
    def coef_(self):
        """Coefficients of the columns of X, where ``X @ coef_ + intercept_`` predicts.

        Raises
        ------
        AttributeError
            Where prediction is no linear function of the columns of X in their order:
            with random effects, categories, transformations, interactions or offsets.
        """
        check_is_fitted(self)
        if self._linear_columns_ is None:
            raise UnavailableAttributeError(
                f"coef_ would not line up with the columns of X: `{self.formula_}` "
                "does not predict X @ coef_ + intercept_. The coefficients by name are "
                "in fixed_effects_."
            )
        coef = pd.Series(self._population_coef(), index=self._kept_names())
        return coef.reindex(self._linear_columns_, fill_value=0.0).to_numpy(copy=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        left, tilde, _ = str(self.formula).partition("~")
        tags.target_tags.required = not (tilde and left.strip())
        tags.input_tags.allow_nan = self.na_action == "drop"
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class BaseFormulaRegressor(FormulaEstimator, RegressorMixin, BaseEstimator):
    """A regressor with a formula, and its score."""

    def score(self, X, y=None, sample_weight=None):
        """Coefficient of determination (R2) of ``predict(X)``.

        Parameters
        ----------
        X : data frame, array-like of shape (n_samples, n_features), or source
            Rows to predict; of a source, as `fit` takes it, response and weights are
            columns.
        y : array-like of shape (n_samples,), default=None
            True values, on the scale of `predict`. By default the left side of the
            formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the squared errors.

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of `y`. With ``na_action="drop"``, of
            the rows that have a prediction and a response.

        See Also
        --------
        r2_nakagawa : Shares of the variance explained.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> round(model.fit(sleep).score(sleep), 2)
        0.83
        """
        check_is_fitted(self)
        source = source_of(X)
        if source is not None:
            return score_by_chunks(self, source, y, sample_weight)
        table = read_table(X)
        X = X if table is None else table
        y_pred = self.predict(X)
        refuse_beyond(power_of(y_pred[np.isfinite(y_pred)]), "the predictions")
        if y is None:
            y = response_of(self, read_features(self, X, reset=False))
        if self.na_action == "drop":
            y = read_response(y, len(y_pred))
            complete = ~(np.isnan(y) | np.isnan(y_pred))
            y, y_pred = y[complete], y_pred[complete]
            if sample_weight is not None:
                sample_weight = np.asarray(sample_weight)[complete]
        return r2_score(y, y_pred, sample_weight=sample_weight)
