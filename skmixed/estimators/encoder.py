"""Columns of many levels, encoded by shrunken effects of all of them together."""

from numbers import Integral
from typing import ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.model_selection import KFold, check_cv
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import (
    ColumnError,
    IdentifiabilityError,
    MissingValuesError,
    ResponseError,
    explained,
)
from skmixed.estimators.input import (
    REQUIRES_Y,
    read_features,
    read_response,
    refuse_lacking,
)
from skmixed.formula import Design, GroupIndex, RandomBlock
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.regime import bid_for, choose_elimination
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.precondition import change_basis, scale_free
from skmixed.likelihood.search.search import search
from skmixed.likelihood.search.start import starting_theta

# "auto" takes moments where a dense matrix of more columns would be factored.
LARGEST_REML = 1500
# Variances need not be sharper than this, in the deviance.
TOL = 1e-4
# A response whose residual sum of squares is this share of its size is a constant.
CONSTANT = 1e-20


class RandomEffectEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
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
        Conditional modes of the levels of every encoded column, given all rows.
    variances_ : Series
        Variances of the columns' effects, and "residual".
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
        cv=5,
        shuffle=True,
        random_state=None,
    ):
        self.columns = columns
        self.fixed = fixed
        self.variances = variances
        self.cv = cv
        self.shuffle = shuffle
        self.random_state = random_state

    def fit(self, X, y):
        """Learn the effects of all levels from all rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Numbers.

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
        ndarray of shape (n_samples, n_features)
        """
        frame, design, held = self._learn(X, y)
        codes = {name: index.encode(frame) for name, index in self._indices.items()}
        if held is None:
            return self._encode(frame, codes, {})
        out = np.empty(frame.shape)
        for _, test in self._folds(frame, design.y):
            effects = held.effects(design.select(test))
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
        ndarray of shape (n_samples, n_features)
            Levels that `fit` did not see, and missing ones, are 0.
        """
        check_is_fitted(self)
        frame = read_features(self, X, reset=False)
        codes = {name: index.encode(frame) for name, index in self._indices.items()}
        effects = {name: self.effects_[name].to_numpy() for name in codes}
        return self._encode(frame, codes, effects)

    def _learn(self, X, y):
        """Learn from all rows; return them, their design and the held variances."""
        with explained("arguments"):
            self._validate_params()
        if y is None:
            raise ResponseError(REQUIRES_Y.format(type(self).__name__))
        frame = read_features(self, X, reset=True)
        y = read_response(y, len(frame))
        if not np.isfinite(y).all():
            raise ResponseError("Input y contains NaN or infinity.")
        self.columns_ = choose_columns(frame, self.columns)
        numbers(frame.drop(columns=self.columns_))
        fixed = read_fixed(frame, self.fixed or [])
        self._indices, blocks = {}, []
        for name in self.columns_:
            index, codes = GroupIndex.learn(name, (name,), frame)
            self._indices[name] = index
            blocks += intercepts(name, codes, index.n_levels)
        design = Design(fixed, y, None, None, tuple(blocks), np.eye(fixed.shape[1])[0])
        held = HeldVariances.of(design, self.variances)
        effects, variances = ({}, {}) if held is None else (held.all, held.variances)
        self.effects_ = {
            name: pd.Series(effects.get(name, np.zeros(index.n_levels)), index.levels)
            for name, index in self._indices.items()
        }
        names = [*self.columns_, "residual"]
        self.variances_ = pd.Series(variances).reindex(names, fill_value=0.0)
        return frame, design, held

    def _encode(self, frame, codes, effects):
        """Put effects in the place of levels."""
        out = np.empty(frame.shape)
        for place, name in enumerate(frame.columns):
            if name not in codes:
                out[:, place] = numbers(frame[[name]])[:, 0]
            elif name in effects:
                out[:, place] = np.append(effects[name], 0.0)[codes[name]]
            else:
                out[:, place] = 0.0
        return out

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


class HeldVariances:
    """A model of all rows at its variances, which those of some rows leave.

    Parameters
    ----------
    A : CrossProducts
        Of all rows.
    scaled : CrossProducts
        In the basis of theta.
    theta : ndarray of shape (m,)
    """

    def __init__(self, A, scaled, theta):
        self.A, self.theta = A, theta
        self.bases = [
            new.mixture(old)
            for new, old in zip(scaled.basis.random, A.basis.random, strict=True)
        ]
        deviance, point = self.at(A)
        self.all = modes(deviance, point)
        sigma2 = point.sigma2
        self.variances = {"residual": sigma2}
        for factor, basis, Lambda in zip(
            A.factors, deviance.A.basis.random, point.Lambdas, strict=True
        ):
            root = basis.raw(Lambda)
            self.variances[factor.group] = sigma2 * float((root @ root.T).item())

    @classmethod
    def of(cls, design, method):
        """Estimate the variances; None where the rows say nothing of them.

        Parameters
        ----------
        design : Design
        method : {"auto", "reml", "moments"}
        """
        if not design.random or len(design.y) <= design.X.shape[1]:
            return None
        A = cross_products(design)
        if A.gram[-1, -1] <= CONSTANT * float(design.y @ design.y):
            return None
        with blas_threads(bid_for(A).columns):
            if method == "moments" or (
                method == "auto" and bid_for(A).columns > LARGEST_REML
            ):
                scaled = scale_free(A)
                return cls(A, scaled, starting_theta(scaled))
            deviance, optimum = search(A, True, tol=TOL, max_iter=50, verbose=0)
            return cls(A, deviance.A, optimum.theta)

    def at(self, A):
        """The criterion of some rows at these variances."""
        own = change_basis(A, self.bases)
        deviance = ProfiledDeviance(own, choose_elimination(own), True)
        point = deviance.at(self.theta)
        if point.factored is None:
            raise IdentifiabilityError(
                "The rows outside a fold do not determine the effects of the columns "
                "in `fixed`; take fewer folds, or fewer columns."
            )
        return deviance, point

    def effects(self, fold):
        """Effects given the rows that are not in a fold.

        Parameters
        ----------
        fold : Design

        Returns
        -------
        dict of str to ndarray of shape (n_levels,)
        """
        with blas_threads(bid_for(self.A).columns):
            own = cross_products(fold, basis=self.A.basis)
            return modes(*self.at(self.A - own))


def modes(deviance, point):
    """Conditional modes of scalar random effects, by grouping factor."""
    return {
        factor.group: basis.raw(Lambda @ (Lambda.T @ f))[0]
        for factor, basis, Lambda, f in zip(
            deviance.A.factors,
            deviance.A.basis.random,
            point.Lambdas,
            point.scores,
            strict=True,
        )
    }


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
