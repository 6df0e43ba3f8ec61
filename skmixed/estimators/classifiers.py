"""Yes-or-no answers and ordered grades with random effects."""

from typing import ClassVar

import numpy as np
from scipy.special import logit
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ColumnError, ResponseError
from skmixed.estimators.generalized import GeneralizedEstimator
from skmixed.estimators.generalized_classifier import GeneralizedClassifier
from skmixed.estimators.generalized_docs import documented
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.text.errors import FormulaError
from skmixed.likelihood.families.names import family_of

# Probabilities are held off 0 and 1 by this before they are put on a scale without end.
SMALLEST = 1e-300

# Grades at the most: their thresholds are parameters, with dense second derivatives.
MOST_GRADES = 50
# Standard deviations that a column's mean may lie from zero, where no intercept is.
FARTHEST = 1e5


@documented
class MixedLogisticClassifier(GeneralizedClassifier):
    """Yes-or-no answers with random effects: the logistic mixed model.

    Parameters
    ----------
    {formula}
    link : {"logit", "probit", "cloglog"}, default="logit"
        From the probability of ``classes_[1]`` to the linear predictor.
    {others}

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The labels, sorted; the model is of the second.
    {attributes}

    See Also
    --------
    MixedBinomialRegressor : Successes out of known numbers of trials.
    MixedOrdinalClassifier : Ordered grades.

    Notes
    -----
    {weights}

    Examples
    --------
    >>> from skmixed import MixedLogisticClassifier
    >>> from skmixed.datasets import load_contraception
    >>> women = load_contraception().frame
    >>> model = MixedLogisticClassifier("use ~ age + urban + livch + (1 | district)")
    >>> model.fit(women).classes_.tolist()
    ['N', 'Y']
    >>> model.predict_proba(women.head(2)).round(2)
    array([[0.69, 0.31],
           [0.82, 0.18]])
    """

    _family_name = "binomial"
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"logit", "probit", "cloglog"})],
    }

    def _check_classes(self, classes):
        super()._check_classes(classes)
        if len(classes) > 2:
            raise ResponseError(
                "Only binary classification is supported. The type of the target is "
                f"multiclass: {np.asarray(classes[:5]).tolist()}. Ordered grades are "
                "for MixedOrdinalClassifier."
            )

    def _outcome(self):
        return f"{super()._outcome()} = {self.classes_[1]}"

    def _probabilities(self, X, random_effects, averaged):
        p = self._mean_response(X, random_effects, averaged)
        return np.column_stack([1.0 - p, p])

    def decision_function(self, X):
        """Log odds of ``classes_[1]``, of the averaged probability.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Positive where `predict` gives ``classes_[1]``, for every link.

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
        >>> model.decision_function(women.head(2)).round(2)
        array([-0.49, -0.7 ])
        """
        check_is_fitted(self)
        p = self._mean_response(X, True, True)
        return logit(np.clip(p, SMALLEST, 1.0 - np.finfo(float).epsneg))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@documented
class MixedOrdinalClassifier(GeneralizedClassifier):
    """Ordered grades with random effects: cumulative logits or probits.

    Parameters
    ----------
    {formula}
    link : {"logit", "probit"}, default="logit"
        From cumulative probabilities to the linear predictor.
    {others}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The grades, in the order of an ordered category; else sorted.
    thresholds_ : ndarray of shape (n_classes - 1,)
        Cuts of the latent response between the grades.
    {attributes}

    See Also
    --------
    MixedLogisticClassifier : Two labels.

    Notes
    -----
    With eta the linear predictor, which has no intercept,

        P(y <= j) = F(threshold_j - eta),

    so that positive coefficients raise grades, as in ``ordinal::clmm``.
    {weights}

    Examples
    --------
    >>> from skmixed import MixedOrdinalClassifier
    >>> from skmixed.datasets import load_wine
    >>> model = MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)")
    >>> model.fit(load_wine().frame).fixed_effects_.round(3)
    temp[T.warm]      3.063
    contact[T.yes]    1.835
    Name: estimate, dtype: float64
    """

    _family_name = "ordinal"
    _ordered = True
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"logit", "probit"})],
    }

    @property
    def thresholds_(self):
        """Cuts of the latent response between the grades."""
        check_is_fitted(self)
        return self.result_.psi.copy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # classes without an order are beyond what one predictor can tell apart
        tags.classifier_tags.poor_score = True
        return tags

    def _check_classes(self, classes):
        super()._check_classes(classes)
        if len(classes) > MOST_GRADES:
            raise ResponseError(
                f"The response has {len(classes)} grades, and every border between "
                f"two is a parameter; {MOST_GRADES} are the most. Merge grades, as by "
                "pd.cut, or take them for numbers with MixedLinearRegressor."
            )

    def _learn_design(self, X, y, sample_weight):
        design = super()._learn_design(X, y, sample_weight)
        spread = FARTHEST * design.X.std(axis=0)
        far = (np.abs(design.X.mean(axis=0)) > spread) & (spread > 0)
        if far.any():
            name = self.spec_.coef_names[int(far.argmax())]
            raise ColumnError(
                f"`{name}` is so far from zero, next to what it varies by, that the "
                f"thresholds lose their digits. Write center({name}) in its place."
            )
        return design

    def _make_family(self, y):
        return family_of("ordinal", self.link, int(y.max()) + 1)

    def _learn_spec(self, formula, columns):
        if not any(str(term) == "1" for term in formula.fixed):
            raise FormulaError(
                "The thresholds between the grades stand in place of the intercept, "
                f"which cannot be left out: take `0 +` or `- 1` from `{formula}`."
            )
        return DesignSpec.learn(formula, columns, without_constant=True)

    def _outcome(self):
        return f"a higher {super()._outcome()}"

    def _curve(self, X, *, random_effects=True):
        """Mean grade, counted from 0, for pictures."""
        averaged = random_effects is False
        probabilities = self._probabilities(X, random_effects, averaged)
        return probabilities @ np.arange(probabilities.shape[1])

    def _probabilities(self, X, random_effects, averaged):
        _, eta, variance = self._predictor(X, random_effects, averaged)
        return self.family_.probabilities(eta, self.result_.psi, variance)
