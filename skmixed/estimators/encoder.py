"""Columns of many levels, encoded by shrunken effects of all of them together."""

from numbers import Integral
from typing import ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, check_cv
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skmixed.errors import ColumnError, MissingValuesError, ResponseError, explained
from skmixed.estimators.encoded_effects import held_effects
from skmixed.estimators.input import (
    REQUIRES_Y,
    read_features,
    refuse_lacking,
)
from skmixed.estimators.labels import TARGET_TYPES, read_target
from skmixed.formula import Design, GroupIndex, RandomBlock


class RandomEffectEncoder(TransformerMixin, BaseEstimator):
    """Encode columns of many levels by their random effects in one mixed model.

    Every level becomes its conditional mode: its mean deviation in the response, drawn
    towards zero the more so the fewer rows it has, and corrected for the other columns.
    `fit_transform` encodes each fold by the effects given the other folds, so that no
    row's own response enters its features.

    Parameters
    ----------
    columns : list of str, default=None
        Columns to encode; by default those that are not numeric. Columns of arrays
        are named ``x0, x1, ...``.
    fixed : list of str, default=None
        Numeric columns whose linear effects are held apart from those of the levels.
    variances : {"auto", "reml", "moments"}, default="auto"
        Estimate the variances by restricted maximum likelihood, or by moments without
        iteration. "auto" is REML unless crossed columns need a dense matrix of more
        than 1500 columns.
    target_type : {"auto", "continuous", "binary", "multiclass"}, default="auto"
        What `y` is. "auto" takes numbers of more than two values for continuous, other
        responses for labels of classes.
    cv : int or cross-validation splitter, default=5
        Folds of `fit_transform`.
    shuffle : bool, default=True
        Whether the rows are shuffled before they are cut into `cv` folds.
    random_state : int, RandomState instance or None, default=None
        Of the shuffling.

    Attributes
    ----------
    columns_ : list of str
        The columns that are encoded.
    effects_ : dict of str to Series
        Conditional modes of the levels of every encoded column, given all rows; a
        DataFrame with a column per class where there are more than two.
    variances_ : Series
        Variances of the columns' effects, and "residual" of a continuous response; a
        DataFrame with a column per class where there are more than two.
    target_type_ : str
    classes_ : ndarray of shape (n_classes,) or None
        Labels in order; None for a continuous response.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)

    See Also
    --------
    sklearn.preprocessing.TargetEncoder : One column at a time, by their means.

    Notes
    -----
    The model is ``y ~ 1 + fixed + (1 | a) + (1 | b) + ...``. Its variances are
    estimated once, from all rows; then a fold's cross-products are taken off the total,
    and one evaluation at these variances gives the best linear unbiased predictors of
    the other folds: k evaluations in place of k fits. A column of which no level
    occurs twice, or which has but one level, says nothing and becomes 0.

    Labels of two classes have a logistic mixed model, and effects are log odds of the
    second class. Its working linear models (penalised quasi-likelihood; Breslow and
    Clayton, 1993) estimate the variances once; at these, every fold is iterated to the
    modes given the other folds. More than two classes have a model each, against the
    rest, and every encoded column becomes as many, ``school_a``, ``school_b``, ...

    Crossed columns whose exact model would take too long or too much memory are solved
    by conjugate gradients, with variances by moments.

    Examples
    --------
    >>> from skmixed import RandomEffectEncoder
    >>> from skmixed.datasets import load_penicillin
    >>> frame = load_penicillin().frame
    >>> encoder = RandomEffectEncoder(random_state=0)
    >>> encoded = encoder.fit_transform(frame[["plate", "sample"]], frame["diameter"])
    >>> encoded.shape
    (144, 2)
    >>> encoder.effects_["sample"].round(2).tolist()
    [2.19, -1.01, 1.94, -0.1, -0.01, -3.0]
    """

    _parameter_constraints: ClassVar[dict] = {
        "columns": [list, None],
        "fixed": [list, None],
        "variances": [StrOptions({"auto", "reml", "moments"})],
        "target_type": [StrOptions(TARGET_TYPES)],
        "cv": ["cv_object"],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
    }
    # tables are read as by an estimator without a formula, missing values and all
    formula = None
    na_action = "drop"

    def __init__(
        self,
        columns=None,
        *,
        fixed=None,
        variances="auto",
        target_type="auto",
        cv=5,
        shuffle=True,
        random_state=None,
    ):
        self.columns = columns
        self.fixed = fixed
        self.variances = variances
        self.target_type = target_type
        self.cv = cv
        self.shuffle = shuffle
        self.random_state = random_state

    def fit(self, X, y):
        """Learn the effects of all levels from all rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers, or labels of classes.

        Returns
        -------
        RandomEffectEncoder
            Itself.
        """
        self._learn(X, y)
        return self

    def fit_transform(self, X, y):
        """Learn the effects, and encode each row by those given the other folds.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
        """
        frame, target, held = self._learn(X, y)
        codes = {name: index.encode(frame) for name, index in self._indices.items()}
        if held is None:
            return self._encode(frame, codes, {})
        out = np.empty((len(frame), len(self.get_feature_names_out())))
        for _, test in self._folds(frame, target):
            effects = held.without(test)
            own = {name: code[test] for name, code in codes.items()}
            out[test] = self._encode(frame.iloc[test], own, effects)
        return out

    def transform(self, X):
        """Encode rows by the effects given all rows of `fit`.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            Levels that `fit` did not see, and missing ones, are 0.
        """
        check_is_fitted(self)
        frame = read_features(self, X, reset=False)
        codes = {name: index.encode(frame) for name, index in self._indices.items()}
        effects = {name: self.effects_[name].to_numpy() for name in codes}
        return self._encode(frame, codes, effects)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Those of `fit`, where they are given.

        Returns
        -------
        ndarray of str
            Those of `X`; of more than two classes an encoded column has one for each.

        See Also
        --------
        transform : Makes the columns.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        found = []
        for name, column in zip(names, self._names, strict=True):
            several = column in self.columns_ and self.target_type_ == "multiclass"
            found += [f"{name}_{c}" for c in self.classes_] if several else [name]
        return np.asarray(found, dtype=object)

    def _learn(self, X, y):
        """Learn from all rows; return them, the response and the held variances."""
        with explained("arguments"):
            self._validate_params()
        if y is None:
            raise ResponseError(REQUIRES_Y.format(type(self).__name__))
        frame = read_features(self, X, reset=True)
        y, self.classes_ = read_target(y, len(frame), self.target_type)
        n_classes = 0 if self.classes_ is None else len(self.classes_)
        kinds = {0: "continuous", 2: "binary"}
        self.target_type_ = kinds.get(n_classes, "multiclass")
        self._names = list(frame.columns)
        self.columns_ = choose_columns(frame, self.columns)
        numbers(frame.drop(columns=self.columns_))
        fixed = read_fixed(frame, self.fixed or [])
        self._indices, blocks = {}, []
        for name in self.columns_:
            index, codes = GroupIndex.learn(name, (name,), frame)
            self._indices[name] = index
            blocks += intercepts(name, codes, index.n_levels)
        design = Design(fixed, y, None, None, tuple(blocks), np.eye(fixed.shape[1])[0])
        held = held_effects(design, n_classes, self.variances)
        self._publish({} if held is None else held.all, held)
        return frame, y, held

    def _publish(self, effects, held):
        """Set the fitted effects and variances."""
        shape, columns = (), None
        if self.target_type_ == "multiclass":
            shape, columns = (len(self.classes_),), self.classes_
        self.effects_ = {
            name: labelled(
                effects.get(name, np.zeros((index.n_levels, *shape))),
                index.levels,
                columns,
            )
            for name, index in self._indices.items()
        }
        variances = {} if held is None else held.variances
        names = [*self.columns_]
        names += ["residual"] if self.target_type_ == "continuous" else []
        found = [variances.get(name, np.zeros(shape)) for name in names]
        found = np.reshape(found, (len(names), *shape))
        self.variances_ = labelled(found, names, columns)

    def _encode(self, frame, codes, effects):
        """Put effects in the place of levels."""
        several = self.target_type_ == "multiclass"
        found = []
        for name in frame.columns:
            if name not in codes:
                found.append(numbers(frame[[name]]))
            elif name in effects:
                padded = np.concatenate(
                    [effects[name], np.zeros_like(effects[name][:1])]
                )
                found.append(padded[codes[name]].reshape(len(frame), -1))
            else:
                width = len(self.classes_) if several else 1
                found.append(np.zeros((len(frame), width)))
        return np.hstack(found)

    def _folds(self, frame, y):
        if not isinstance(self.cv, Integral):
            return check_cv(self.cv).split(frame, y)
        state = self.random_state if self.shuffle else None
        n_splits = min(self.cv, len(y))
        return KFold(n_splits, shuffle=self.shuffle, random_state=state).split(frame)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def labelled(values, index, columns):
    """A Series, or a DataFrame where there are columns."""
    if columns is None:
        return pd.Series(values, index, dtype=float)
    return pd.DataFrame(values, index, columns)


def choose_columns(frame, columns):
    """Columns to encode: those asked for, else those that are not numeric."""
    if columns is None:
        return [
            name
            for name, dtype in frame.dtypes.items()
            if is_bool_dtype(dtype) or not is_numeric_dtype(dtype)
        ]
    refuse_lacking(frame, columns, "columns")
    return list(columns)


def read_fixed(frame, fixed):
    """A column of ones and the columns whose effects are held apart."""
    refuse_lacking(frame, fixed, "fixed")
    values = numbers(frame[fixed])
    if not np.isfinite(values).all():
        raise MissingValuesError(f"The columns {fixed} in `fixed` have missing values.")
    return np.asfortranarray(np.column_stack([np.ones(len(frame)), values]))


def numbers(frame):
    """Columns that are not encoded as numbers; missing ones as NaN."""
    text = [n for n, dtype in frame.dtypes.items() if not is_numeric_dtype(dtype)]
    if text:
        raise ColumnError(
            f"The columns {text} are not numeric; name them in `columns` too, or leave "
            "them out with a ColumnTransformer."
        )
    return frame.to_numpy(dtype=float, na_value=np.nan)


def intercepts(name, codes, n_levels):
    """The random intercept of a column: none if its levels say nothing.

    Parameters
    ----------
    name : str
    codes : ndarray of int of shape (n,)
        -1 where the level is missing: such a row has no effect of this column.
    n_levels : int

    Returns
    -------
    list of RandomBlock
    """
    known = codes >= 0
    if n_levels < 2 or np.bincount(codes[known]).max() < 2:
        return []
    constant = np.ones(1) if known.all() else None
    z = known.astype(float)[:, None]
    codes = np.maximum(codes, 0)
    return [
        RandomBlock(
            group=name,
            effects=("Intercept",),
            z=z,
            codes=codes,
            n_levels=n_levels,
            covariance="us",
            options=(),
            constant=constant,
        )
    ]
