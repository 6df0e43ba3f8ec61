"""What all generalised linear mixed models share: fit, mean response, attributes."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ColumnError, UnavailableError
from skmixed.estimators.absent import Absent
from skmixed.estimators.base import FormulaEstimator
from skmixed.estimators.diagnostics import warn_about_design, warn_about_result
from skmixed.estimators.effects import EffectsMixin
from skmixed.estimators.generalized_bootstrap import GeneralizedBootstrapMixin
from skmixed.estimators.generalized_description import GeneralizedDescriptionMixin
from skmixed.estimators.generalized_intervals import GeneralizedIntervalsMixin
from skmixed.estimators.generalized_statements import GeneralizedStatementsMixin
from skmixed.estimators.prediction import PredictionMixin
from skmixed.estimators.rows import Rows
from skmixed.estimators.separation import warn_about_generalized
from skmixed.estimators.weights import read_weights
from skmixed.inference.arguments import check_simulate
from skmixed.inference.opened.fitted import Fitted
from skmixed.inference.prediction import random_variance
from skmixed.likelihood.families.names import family_of
from skmixed.likelihood.generalized import fit_generalized
from skmixed.printing.progress import ignore


class LogitLink:
    """Parameters of estimators whose link is the logit, unless another is chosen."""

    def __init__(
        self,
        formula=None,
        *,
        link="logit",
        n_quadrature=1,
        na_action="raise",
        unseen_groups="population",
        tol=1e-8,
        max_iter=200,
        verbose=0,
    ):
        self.formula = formula
        self.link = link
        self.n_quadrature = n_quadrature
        self.na_action = na_action
        self.unseen_groups = unseen_groups
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose


class GeneralizedEstimator(
    EffectsMixin,
    PredictionMixin,
    GeneralizedStatementsMixin,
    GeneralizedBootstrapMixin,
    GeneralizedIntervalsMixin,
    GeneralizedDescriptionMixin,
    FormulaEstimator,
    BaseEstimator,
):
    """Fit a family of responses, and average its mean over the random effects.

    A subclass has the name of its family in `_family_name`, and the parameters
    `formula`, `n_quadrature`, `na_action`, `unseen_groups`, `tol`, `max_iter` and
    `verbose`.
    """

    _family_name = ""
    _link = "log"

    adapt = Absent("Fit the model to all rows: random effects have no closed form.")
    refit = Absent("Fit a copy to the other response: clone(model).fit(X, y).")
    marginal_cov = Absent("Responses covary through their means: see simulate(X).")
    design_effect = Absent("icc() says how alike the rows of a group are.")
    variance_std_errors = Absent("See conf_int('variance') and bootstrap(X=...).")
    sigma_ = Absent("What the family has of its own is dispersion_.")

    _parameter_constraints: ClassVar[dict] = {
        **FormulaEstimator._parameter_constraints,
        "n_quadrature": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    @property
    def family_(self):
        """The family of the responses, with its link."""
        check_is_fitted(self)
        return self.result_.family

    @property
    def dispersion_(self):
        """Dispersion of the family, None where it has none.

        theta of negative binomial counts (variance ``mu + mu^2 / theta``), phi of the
        others: the variance is ``phi mu^2`` (Gamma), ``phi mu^3`` (inverse Gaussian),
        ``mu (1 - mu) / (1 + phi)`` (beta).
        """
        return self.family_.dispersion(self.result_.psi)

    def _make_family(self, y):
        return family_of(self._family_name, getattr(self, "link", self._link))

    def _check_response(self, family, design):
        family.check(design.y, 1.0 if design.weights is None else design.weights)

    def _fit_design(self, design):
        """Fit what `_learn_design` made, and publish it."""
        family = self._make_family(design.y)
        self._check_response(family, design)
        warn_about_design(self.spec_.formula, design)
        result = fit_generalized(
            design,
            family,
            n_quadrature=self.n_quadrature,
            tol=self.tol,
            max_iter=self.max_iter,
            verbose=self.verbose,
        )
        self._publish(Fitted.of(result, self.spec_, design))
        warn_about_result(
            result,
            self.spec_.formula,
            [name for name in self.aliased_ if name not in self.spec_.implied],
            tol=self.tol,
            max_iter=self.max_iter,
        )
        warn_about_generalized(self.fitted_, design)
        return self

    def _publish(self, fit):
        """Set the fitted attributes that cost nothing."""
        super()._publish(fit)
        self.approximation_ = fit.result.approximation
        self.laplace_shift_ = fit.result.laplace_shift

    def predict_interval(self, X, **options):
        """Refuse: labels have probabilities, see `predict_proba`.

        Raises
        ------
        ValueError

        See Also
        --------
        predict : Labels, or means of other estimators.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> women = load_contraception().frame
        >>> model = MixedLogisticClassifier("use ~ age + (1 | district)").fit(women)
        >>> model.predict_interval(women)
        Traceback (most recent call last):
            ...
        skmixed.errors.UnavailableError: MixedLogisticClassifier predicts labels, ...
        """
        raise UnavailableError(
            f"{type(self).__name__} predicts labels, which have no interval; "
            "predict_proba gives their probabilities."
        )

    def _population_coef(self):
        return self.result_.coef

    def _predictor(self, X, random_effects, averaged):
        """Read rows: their linear predictors, how these vary, and which lack values.

        Returns
        -------
        rows : Rows
        eta, variance : ndarray of shape (n,)
            Mean and variance given the data and the fixed effects; the variance is 0
            where modes are plugged in.
        """
        check_is_fitted(self)
        chosen = self._choose_factors(random_effects)
        averaged = bool(averaged) and bool(self.result_.groups)
        if not averaged:
            rows = Rows.read(self, X, chosen)
            eta = self._predict_rows(rows)
            return rows, eta, np.zeros(len(eta))
        rows = Rows.read_all_effects(self, X, chosen)
        eta = self._predict_rows(rows, self.result_.means)
        variance = np.full(len(eta), np.nan)
        known = ~rows.missing
        variance[known] = random_variance(self.fitted_, rows.select(known).design)
        return rows, eta, variance

    def _mean_response(self, X, random_effects, averaged):
        """Mean response, NaN where values are missing, of shape (n,)."""
        rows, eta, variance = self._predictor(X, random_effects, averaged)
        family, psi = self.family_, self.result_.psi
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if variance.any():
                mean = family.link.average(eta, variance)
            else:
                mean = family.mean(eta, psi)
        refuse_overflow(mean, eta, ~rows.missing)
        return mean

    def _curve(self, X, *, random_effects=True):
        """Mean response for pictures.

        Of single groups at their conditional modes, of the population averaged over
        the random effects.
        """
        return self._mean_response(X, random_effects, averaged=random_effects is False)

    def simulate(
        self,
        X,
        *,
        n_samples=1,
        random_effects="new",
        sample_weight=None,
        random_state=None,
    ):
        """Draw responses from the fitted model.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
        n_samples : int, default=1
        random_effects : {"new", "fitted"}, default="new"
            "new" draws the effects of every group afresh in each sample; "fitted" holds
            those of known groups at their conditional modes.
        sample_weight : array-like of shape (n_rows,), default=None
            Of shares the numbers of trials.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_rows, n_samples)
            NaN where ``predict(X)`` is NaN.

        See Also
        --------
        bootstrap : Refits to what is drawn.
        predict : Expected responses.

        Examples
        --------
        >>> from skmixed import MixedPoissonRegressor
        >>> from skmixed.datasets import load_grouseticks
        >>> ticks = load_grouseticks().frame
        >>> model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
        >>> model = model.fit(ticks)
        >>> model.simulate(ticks, n_samples=10, random_state=0).shape
        (403, 10)
        """
        check_simulate(n_samples, random_effects)
        random = check_random_state(random_state)
        return self._draw_responses(X, n_samples, random_effects, sample_weight, random)

    def _draw_responses(
        self, X, n_samples, random_effects, sample_weight, random, done=ignore
    ):
        """Responses as numbers, of shape (n, n_samples); one `done()` a sample."""
        check_is_fitted(self)
        eta = self._draw_predictors(X, n_samples, random_effects, random)
        w = self._trials_of(X, sample_weight, len(eta))
        known = ~np.isnan(eta[:, 0])
        with np.errstate(over="ignore", divide="ignore"):
            means = np.array([self.family_.mean(e, self.result_.psi) for e in eta.T]).T
        refuse_overflow(means, eta[:, 0], known)
        drawn = np.full(eta.shape, np.nan)
        for sample in range(n_samples):
            law = self.family_.distribution(
                eta[known, sample], self.result_.psi, w[known]
            )
            found = law.rvs(size=int(known.sum()), random_state=random)
            drawn[known, sample] = found / self.family_.unit(w[known])
            done()
        return drawn

    def _trials_of(self, X, sample_weight, n):
        """Weights of rows to be drawn."""
        if sample_weight is None:
            return np.ones(n)
        return read_weights(sample_weight, n, allow_missing=False)


def refuse_overflow(values, eta, known):
    """Raise for means or bounds of responses that are no numbers.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
    eta : ndarray of shape (n,)
        Linear predictor.
    known : ndarray of bool of shape (n,)
        Rows that have no missing values.

    Raises
    ------
    ValueError
    """
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    lost = np.flatnonzero(known & ~finite)
    if len(lost):
        raise ColumnError(
            f"The response cannot be computed in {len(lost)} rows, first at position "
            f"{lost[0]}, where the linear predictor is {eta[lost[0]]:.3g}. Are the "
            "columns in the units of the fit?"
        )
