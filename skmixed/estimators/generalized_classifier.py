"""Classifiers of generalised linear mixed models: labels and probabilities."""

import dataclasses

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ResponseError
from skmixed.estimators.generalized import GeneralizedEstimator, LogitLink
from skmixed.estimators.input import read_features, read_table
from skmixed.estimators.labels import grade_labels, grades_of, response_column
from skmixed.estimators.rows import response_of
from skmixed.warnings import warn


class GeneralizedClassifier(LogitLink, ClassifierMixin, GeneralizedEstimator):
    """Labels to grades and back; probabilities, averaged over the random effects."""

    _ordered = False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A pandas, polars, pyarrow or narwhals frame, or an array. Grouping columns
            are columns of `X`.
        y : array-like of shape (n_samples,), default=None
            Labels of any kind. By default the left side of the formula is read from
            `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows' log-likelihoods.

        Returns
        -------
        self : estimator

        Raises
        ------
        FormulaError
            Where the formula cannot be read.
        ValueError
            Where data and formula do not fit together, or there are too few or too many
            classes.

        Warns
        -----
        SeparationWarning, LaplaceAccuracyWarning, SingularFitWarning
        RankDeficiencyWarning, RedundantTermWarning, ConvergenceWarning, UserWarning

        See Also
        --------
        predict_proba : Probabilities, for new groups too.
        summary : What was estimated.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> model.fixed_effects_.round(2).tolist()
        [-0.7, 0.01, 0.65]
        """
        X, y, classes, sorted_text = grade_labels(
            self.formula, X, y, ordered=self._ordered
        )
        if classes is not None and len(classes):  # else all are missing
            self._check_classes(classes)
        if sorted_text:
            warn(
                f"The grades are text without an order and were sorted: {classes}. "
                "Make them an ordered category: pd.Categorical(y, categories=[...], "
                "ordered=True).",
                section="order-of-grades",
            )
        design = self._learn_design(X, y, sample_weight)
        used, grades = np.unique(design.y, return_inverse=True)
        classes = used if classes is None else classes[used.astype(np.intp)]
        self._check_classes(classes)
        self._fit_design(dataclasses.replace(design, y=grades.astype(float)))
        self.classes_ = classes
        return self

    def _check_classes(self, classes):
        """Raise unless the classes are as many as the model has use for."""
        if len(classes) < 2:
            raise ResponseError(
                "Classifier can't train when only one class is present: "
                f"{np.asarray(classes).tolist()}."
            )

    def _probabilities(self, X, random_effects, averaged):
        """Probabilities of the classes, of shape (n, n_classes)."""
        raise NotImplementedError

    def predict_proba(self, X, *, random_effects=True, averaged=True):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Needs the columns of the formula only.
        random_effects : bool, str or list of str, default=True
            True predicts for the row's groups, False for the population, and names of
            grouping factors take only theirs.
        averaged : bool, default=True
            Average over what is not known of the random effects: the posterior of
            known groups, the population's distribution for others. False plugs in
            conditional modes, and 0 for others, as lme4, glmmTMB and clmm do.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; NaN where a needed column is missing
            (``na_action="drop"``).

        See Also
        --------
        decision_function : Log odds, of two classes.
        simulate : Labels drawn at random.

        Notes
        -----
        With a link that bends, the probability in a new group is not that of the
        average group: averaged probabilities are calibrated, plugged-in ones too far
        from one half.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> new = women.head(1).assign(district=999)
        >>> model.predict_proba(new).round(3)
        array([[0.472, 0.528]])
        >>> model.predict_proba(new, averaged=False).round(3)
        array([[0.471, 0.529]])
        """
        check_is_fitted(self)
        return self._probabilities(X, random_effects, averaged)

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        See Also
        --------
        predict_proba : The probabilities.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> model.predict_log_proba(women.head(1)).round(2)
        array([[-0.48, -0.97]])
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """Predict the most probable class.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            None where a needed column is missing (``na_action="drop"``).

        See Also
        --------
        predict_proba : How probable all classes are.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> model.predict(women.head(2)).tolist()
        ['N', 'N']
        """
        probabilities = self.predict_proba(X)
        missing = np.isnan(probabilities[:, 0])
        best = np.argmax(np.where(missing[:, None], 0.0, probabilities), axis=1)
        labels = self.classes_[best]
        if missing.any():
            labels = labels.astype(object)
            labels[missing] = None
        return labels

    def score(self, X, y=None, sample_weight=None):
        """Share of rows whose class is predicted.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            True labels. By default the left side of the formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float

        See Also
        --------
        predict_proba : Probabilities, whose log loss says more.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> round(model.score(women), 2)
        0.63
        """
        check_is_fitted(self)
        table = read_table(X)
        X = X if table is None else table
        labels = self.predict(X)
        if y is None:
            y = self._labels_of(X)
        if self.na_action == "drop":
            known = np.array([label is not None for label in labels])
            y, labels = np.asarray(y)[known], labels[known]
            labels = labels.astype(self.classes_.dtype)
            if sample_weight is not None:
                sample_weight = np.asarray(sample_weight)[known]
        return accuracy_score(y, labels, sample_weight=sample_weight)

    def simulate(
        self,
        X,
        *,
        n_samples=1,
        random_effects="new",
        sample_weight=None,
        random_state=None,
    ):
        """Draw labels from the fitted model.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
        n_samples : int, default=1
        random_effects : {"new", "fitted"}, default="new"
            "new" draws the effects of every group afresh in each sample; "fitted" holds
            those of known groups at their conditional modes.
        sample_weight : ignored
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_rows, n_samples)
            None where ``predict(X)`` is None.

        See Also
        --------
        bootstrap : Refits to what is drawn.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + urban + (1 | district)")
        >>> model = model.fit(women)
        >>> model.simulate(women, n_samples=10, random_state=0).shape
        (1934, 10)
        """
        grades = super().simulate(
            X,
            n_samples=n_samples,
            random_effects=random_effects,
            random_state=random_state,
        )
        missing = np.isnan(grades)
        labels = self.classes_[np.where(missing, 0, grades).astype(np.intp)]
        if missing.any():
            labels = labels.astype(object)
            labels[missing] = None
        return labels

    def _trials_of(self, X, sample_weight, n):
        return np.ones(n)

    def _observed(self, frame, y):
        labels = self._labels_of(frame) if y is None else y
        return grades_of(labels, self.classes_)

    def _labels_of(self, X):
        """Labels by the left side of the formula."""
        frame = read_features(self, X, reset=False)
        column = response_column(self.formula)
        if column is not None and column in frame:
            return np.asarray(frame[column])
        return response_of(self, frame)
