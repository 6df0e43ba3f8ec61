"""Mixed models of shares: of trials, and without."""

from typing import ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from skmixed.estimators.generalized import GeneralizedEstimator, LogitLink
from skmixed.estimators.generalized_docs import documented
from skmixed.estimators.generalized_regressor import LinkedRegressor
from skmixed.estimators.input import read_table
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.text.trials import read_trials


class ShareRegressor(LogitLink, LinkedRegressor):
    """What responses between 0 and 1 have in common."""

    _positive_only = False

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # check_estimator draws responses of any size, and no tag of a target says that
        # it lies between 0 and 1: the tests run every check on shares made of them
        tags._skip_test = True
        return tags


@documented
class MixedBetaRegressor(ShareRegressor):
    """Shares strictly between 0 and 1 with random effects: beta regression.

    Parameters
    ----------
    {formula}
    link : {"logit"}, default="logit"
        From the mean to the linear predictor.
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedBinomialRegressor : Shares of known numbers of trials.

    Notes
    -----
    The variance is ``mu (1 - mu) / (1 + phi)``, phi being ``dispersion_``. Shares of 0
    and 1 are refused. `score` is R2.
    {weights}

    Examples
    --------
    >>> from skmixed import MixedBetaRegressor
    >>> from skmixed.datasets import make_mixed_regression
    >>> X, y = make_mixed_regression(random_state=0)
    >>> model = MixedBetaRegressor("~ x0 + x1 + (1 | group)")
    >>> model.fit(X, 1 / (1 + 2.0**-y)).converged_
    True
    """

    _family_name = "beta"
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"logit"})],
    }

    def _deviance(self, y, mean):
        return (y - mean) ** 2


@documented
class MixedBinomialRegressor(ShareRegressor):
    """Successes out of known numbers of trials, with random effects.

    The response is the share of successes. Its trials stand on the left side of the
    formula, ``cbind(successes, failures) ~`` or ``successes / trials ~``, or are the
    ``sample_weight`` of `fit`.

    Parameters
    ----------
    {formula}
    link : {"logit", "probit", "cloglog"}, default="logit"
        From the share to the linear predictor.
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedLogisticClassifier : Yes-or-no answers with labels and probabilities.

    Notes
    -----
    {weights}
    Where the left side holds the trials, ``sample_weight`` multiplies them; weights
    that are the trials themselves, as in R's ``k / n ~ ..., weights = n``, count once.

    Examples
    --------
    >>> from skmixed import MixedBinomialRegressor
    >>> from skmixed.datasets import load_cbpp
    >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
    >>> model.fit(load_cbpp().frame).fixed_effects_.round(2)
    Intercept     -1.40
    period[T.2]   -0.99
    period[T.3]   -1.13
    period[T.4]   -1.58
    Name: estimate, dtype: float64
    """

    _family_name = "binomial"
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"logit", "probit", "cloglog"})],
    }

    def _formula_to_read(self):
        return "~ ." if self.formula is None else read_trials(self.formula).formula

    def _weigh_rows(self, columns, weights, keep):
        weights = super()._weigh_rows(columns, weights, keep)
        trials = self._read_trials(columns)
        return weights if trials is None else weighted_trials(trials, weights)

    def _read_trials(self, columns):
        """Trials by the left side of the formula, or None."""
        if self.formula is None or read_trials(self.formula).trials is None:
            return None
        return DesignSpec(f"{read_trials(self.formula).trials} ~ 1").read_response(
            columns
        )

    def _trials_of(self, X, sample_weight, n):
        weights = super()._trials_of(X, sample_weight, n)
        given = None if sample_weight is None else weights
        table = read_table(X)
        needed = [] if self.formula is None else self.spec_.response_columns
        if table is None or not all(column in table for column in needed):
            return weights
        trials = self._read_trials(table)
        return weights if trials is None else weighted_trials(trials, given)

    def _outcome(self):
        return "success"

    def _publish(self, fit):
        super()._publish(fit)
        left = None if self.formula is None else read_trials(self.formula).written
        if left is not None:
            self.formula_ = f"{left} ~{self.formula_.partition('~')[2]}"


def weighted_trials(trials, weights):
    """Trials times weights; weights that are the trials count once."""
    if weights is None or np.array_equal(weights, trials):
        return trials
    return trials * weights
