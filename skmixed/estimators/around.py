"""Any scikit-learn regressor for the population, random effects around it."""

import copy
import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import GroupKFold, KFold, check_cv
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from skmixed.errors import ArgumentError, ColumnError, ResponseError, explained
from skmixed.estimators.cross_fitting import PREDICTED, fit_and_predict, widest_groups
from skmixed.estimators.input import (
    REQUIRES_Y,
    array_names,
    read_response,
    read_table,
    refuse_empty,
    refuse_lacking,
)
from skmixed.estimators.linear import MixedLinearRegressor
from skmixed.estimators.regressor_error import error_of_regressor
from skmixed.formula.table.columns import check_columns
from skmixed.formula.text.parse import parse_formula
from skmixed.warnings import RankDeficiencyWarning


class MixedEffectsRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Mixed model whose population part is any regressor.

    .. math:: y = x'\beta + \gamma f(X) + z'b + e, \quad b \sim N(0, \Psi)

    with f a scikit-learn regressor and the rest as in a formula of
    :class:`MixedLinearRegressor`. The linear mixed model is the special case gamma = 0.

    Parameters
    ----------
    estimator : regressor, default=None
        Of the population part; by default a `HistGradientBoostingRegressor`.
    formula : str, default=None
        Linear part and random terms: ``"~ lrt + (1 + lrt | school)"``. By default an
        intercept without groups.
    features : list of str, default=None
        Columns that the estimator sees. By default all but the grouping columns and the
        response.
    cv : int or splitter, default=5
        Of the predictions f(X). An integer makes folds of whole groups of the factor
        with the most levels, so that f never learns from a row's own group.
    max_rounds : int, default=4
        Largest number of rounds.
    tol : float, default=1e-3
        A further round must lower the deviance by this much per row.
    n_jobs : int, default=None
        Folds that are fitted at the same time.
    random_state : int, RandomState instance or None, default=None
        Of the folds.

    Attributes
    ----------
    linear_ : MixedLinearRegressor
        The fitted mixed model, with the column ``f(X)``: ``model.linear_.summary()``.
    estimators_ : list of regressors
        One a fold.
    deviances_ : list of float
        By round.
    random_effects_ : dict of str to DataFrame
    random_effects_cov_ : dict of str to DataFrame
    sigma_ : float
        Residual standard deviation of the response, without the chance error of f(X).
    regressor_error_ : float
        Standard deviation of that error within groups, for a new row. Intervals take
        both: ``linear_.sigma_**2 == sigma_**2 + regressor_error_**2``.
    formula_ : str
        Formula of ``linear_``.
    features_ : list of str
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)

    See Also
    --------
    MixedLinearRegressor : The population part is linear, and exact inference follows.

    Notes
    -----
    Rounds of: (1) f fitted on y less the random effects, in folds, and predicted out of
    fold; (2) the linear mixed model of y with these predictions as a column, by REML.
    Its coefficient calibrates f, and what f overfits never enters a variance. The first
    round takes no random effects off. Predictions are the mean of the folds' models,
    put through the linear mixed model.

    The residuals of ``linear_`` hold the error of f(X) for a new row. How large it is
    two models of disjoint halves of the rows tell, for two of the folds: what they get
    wrong by chance is independent.

    Sample weights are not taken: few regressors count a row of weight 2 as two rows.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from skmixed import MixedEffectsRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools().frame[["exam", "lrt", "school_avg", "school"]]
    >>> boosting = HistGradientBoostingRegressor(max_iter=40, max_depth=3)
    >>> model = MixedEffectsRegressor(
    ...     boosting, "exam ~ lrt + (1 + lrt | school)", random_state=0
    ... ).fit(schools)
    >>> known, new = schools.head(2), schools.head(2).assign(school=999)
    >>> bool((model.predict(known) != model.predict(new)).all())
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "formula": [str, None],
        "features": [list, None],
        "cv": ["cv_object"],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        formula=None,
        *,
        features=None,
        cv=5,
        max_rounds=4,
        tol=1e-3,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.formula = formula
        self.features = features
        self.cv = cv
        self.max_rounds = max_rounds
        self.tol = tol
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit the regressor and the random effects in turn.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Response. By default the column that the left side of the formula names.

        Returns
        -------
        MixedEffectsRegressor
            Itself.

        Raises
        ------
        ValueError
            Where `features` or the formula name columns that X lacks, and where there
            is no response.
        """
        with explained("arguments"):
            self._validate_params()
        frame = self._read(X, reset=True)
        text = self.formula or "~ 1"
        formula = parse_formula(text, columns=list(frame.columns))
        y = self._response(frame, y, formula)
        check_columns(frame, formula.predictor_columns)
        if formula.response is not None:
            frame = frame.drop(columns=formula.response_columns, errors="ignore")
        text = text.partition("~")[2]
        self.features_ = self._choose_features(frame, formula)
        groups = widest_groups(frame, formula)
        folds = list(self._folds(frame, y, groups))
        base = default_estimator() if self.estimator is None else self.estimator
        kept = self._take_rounds(base, text, frame, y, folds)
        error = error_of_regressor(self, base, text, frame, y, (folds, *kept, groups))
        self.formula_, self.regressor_error_ = self.linear_.formula_, np.sqrt(error)
        self.sigma_ = np.sqrt(self.linear_.sigma_**2 - error)
        return self

    def _take_rounds(self, base, text, frame, y, folds):
        """Fit f and the random effects in turn; target and predictions of the best."""
        target, best, self.deviances_, kept = y, np.inf, [], None
        for _ in range(self.max_rounds):
            fitted, predicted = self._predict_out_of_fold(base, frame, target, folds)
            linear = self._fit_linear(text, frame.assign(**{PREDICTED: predicted}), y)
            self.deviances_.append(linear.deviance_)
            gain = best - linear.deviance_
            if gain > 0:
                best, self.estimators_, self.linear_ = linear.deviance_, fitted, linear
                kept = target, predicted
            if gain <= self.tol * len(y):
                break
            around = frame.assign(**{PREDICTED: predicted})
            random = linear.predict(around)
            random -= linear.predict(around, random_effects=False)
            target = y - random
        return kept

    def _read(self, X, *, reset):
        """Read a table; arrays get the names x0, x1, ..."""
        frame = read_table(X)
        if frame is None:
            X = validate_data(self, X, reset=reset)
            return pd.DataFrame(X, columns=array_names(X.shape[1]))
        refuse_empty(frame)
        if reset:
            validate_data(self, frame, skip_check_array=True, reset=True)
        if not all(isinstance(column, str) for column in frame.columns):
            frame = frame.set_axis(array_names(frame.shape[1]), axis=1)
        return frame.reset_index(drop=True)

    def _response(self, frame, y, formula):
        if y is not None:
            y = read_response(y, len(frame))
        elif formula.response is None:
            raise ResponseError(REQUIRES_Y.format(type(self).__name__))
        elif not formula.response_is_column:
            raise ResponseError(
                f"The formula transforms its response (`{formula.response}`); pass y, "
                "or wrap the model in TransformedTargetRegressor."
            )
        elif formula.response_columns[0] not in frame.columns:
            raise ResponseError(
                f"X lacks the response {formula.response_columns[0]!r} of the formula, "
                "and no y was passed."
            )
        else:
            y = read_response(frame[formula.response_columns[0]], len(frame))
        if not np.isfinite(y).all():
            raise ResponseError("Input y contains NaN or infinity.")
        return y

    def _choose_features(self, frame, formula):
        if self.features is not None:
            refuse_lacking(frame, self.features, "features")
            return list(self.features)
        groups = set(formula.group_columns)
        features = [c for c in frame.columns if c not in groups]
        if not features:
            raise ColumnError(
                f"X has the grouping columns {sorted(groups)} alone; the estimator "
                "needs at least one other, or name some in `features`."
            )
        return features

    def _folds(self, frame, y, groups):
        """Folds of whole groups of the widest factor, or those of `cv` itself."""
        if not isinstance(self.cv, Integral):
            return check_cv(self.cv).split(
                frame, y, groups if groups.max() > 0 else None
            )
        shuffled = {"shuffle": True, "random_state": self.random_state}
        if groups.max() > 0:
            n_splits = min(self.cv, int(groups.max()) + 1)
            return GroupKFold(n_splits, **shuffled).split(frame, y, groups)
        if len(y) < 2:
            raise ArgumentError(
                f"n_samples={len(y)} is too few: folds need at least 2 rows."
            )
        return KFold(min(self.cv, len(y)), **shuffled).split(frame, y)

    def _predict_out_of_fold(self, base, frame, target, folds):
        """Fit a model a fold; predict each row by those that have not seen it."""
        features = frame[self.features_]
        pairs = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_and_predict)(clone(base), features, target, train, test)
            for train, test in folds
        )
        total, count = np.zeros(len(target)), np.zeros(len(target))
        for (_, test), (_, predicted) in zip(folds, pairs, strict=True):
            total[test] += predicted
            count[test] += 1
        if not count.all():
            raise ArgumentError(
                f"`cv` leaves {int((count == 0).sum())} rows without a prediction: "
                "every row must be in a test fold."
            )
        return [model for model, _ in pairs], total / count

    def _fit_linear(self, text, frame, y):
        """Fit the mixed model; f(X) may be nothing but what the formula has already."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RankDeficiencyWarning)
            return MixedLinearRegressor(f"~ {text} + `{PREDICTED}`").fit(frame, y)

    def _with_predicted(self, X):
        check_is_fitted(self)
        frame = self._read(X, reset=False)
        check_columns(frame, self.features_)
        features = frame[self.features_]
        by_fold = [model.predict(features) for model in self.estimators_]
        return frame.assign(**{PREDICTED: np.mean(by_fold, axis=0)})

    def predict(self, X, *, random_effects=True, return_std=False):
        """Predict the mean response.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        random_effects : bool or list of str, default=True
            Which random effects enter, as in :meth:`MixedLinearRegressor.predict`.
        return_std : bool, default=False
            Whether to return standard errors too; f(X) counts as known.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        std : ndarray of shape (n_samples,)
            With ``return_std=True``.
        """
        check_is_fitted(self)
        return self.linear_.predict(
            self._with_predicted(X),
            random_effects=random_effects,
            return_std=return_std,
        )

    def predict_interval(self, X, *, confidence_level=0.95, kind="prediction"):
        """Intervals of new responses or of their means; f(X) counts as known.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        confidence_level : float, default=0.95
        kind : {"prediction", "mean"}, default="prediction"

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        check_is_fitted(self)
        return self.linear_.predict_interval(
            self._with_predicted(X), confidence_level=confidence_level, kind=kind
        )

    def adapt(self, X, y=None, sample_weight=None):
        """Let the model know more rows; the regressors and the variances are held.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        MixedEffectsRegressor
            A new fitted model; this one stays as it is.

        See Also
        --------
        MixedLinearRegressor.adapt : What becomes of the random effects.
        """
        around = self._with_predicted(X)
        formula = parse_formula(self.formula or "~ 1", columns=list(around.columns))
        y = self._response(around, y, formula)
        adapted = copy.copy(self)
        adapted.linear_ = self.linear_.adapt(around, y, sample_weight)
        return adapted

    @property
    def random_effects_(self):
        """Conditional modes of the random effects, by grouping factor."""
        return self._of_linear("random_effects_")

    @property
    def random_effects_cov_(self):
        """Covariances of the random effects, by grouping factor."""
        return self._of_linear("random_effects_cov_")

    def _of_linear(self, name):
        if "linear_" in vars(self):
            return getattr(self.linear_, name)
        raise AttributeError(f"{name} exists after fit.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        left, tilde, _ = str(self.formula).partition("~")
        tags.target_tags.required = not (tilde and left.strip())
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def default_estimator():
    """Boosted trees; scikit-learn's ensembles are loaded only where they are used."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(random_state=0)
