"""Regressors of generalised linear mixed models: predictions, scores, intervals."""

import numpy as np
from scipy.special import ndtri, roots_hermitenorm
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from skmixed.estimators.generalized import GeneralizedEstimator, refuse_overflow
from skmixed.estimators.input import read_features, read_table
from skmixed.estimators.rows import Rows, response_of
from skmixed.inference.arguments import check_interval
from skmixed.inference.fixed.reference_grid import estimable
from skmixed.inference.prediction import mean_variance

# Nodes over which predictive distributions are mixed, and halvings of their quantiles.
MIXTURE_NODES = 25
HALVINGS = 60
# Bounds whose ratio is larger are halved on the logarithmic scale.
WIDE = 4.0


class GeneralizedRegressor(RegressorMixin, GeneralizedEstimator):
    """Predict the mean response, score it, and draw responses."""

    _positive_only = True

    def __init__(
        self,
        formula=None,
        *,
        n_quadrature=1,
        na_action="raise",
        unseen_groups="population",
        tol=1e-8,
        max_iter=200,
        verbose=0,
    ):
        self.formula = formula
        self.n_quadrature = n_quadrature
        self.na_action = na_action
        self.unseen_groups = unseen_groups
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the model by maximum likelihood.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A pandas, polars, pyarrow or narwhals frame, or an array. Grouping columns
            are columns of `X`.
        y : array-like of shape (n_samples,), default=None
            Response. By default the left side of the formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows' log-likelihoods; of shares the numbers of trials.

        Returns
        -------
        self : estimator

        Raises
        ------
        FormulaError
            Where the formula cannot be read.
        ValueError
            Where data and formula do not fit together, and for responses that the
            family cannot have.

        Warns
        -----
        SeparationWarning, LaplaceAccuracyWarning, SingularFitWarning
        RankDeficiencyWarning, RedundantTermWarning, ConvergenceWarning, UserWarning

        See Also
        --------
        predict : Means, for new groups too.
        summary : What was estimated.

        Examples
        --------
        >>> from skmixed import MixedPoissonRegressor
        >>> from skmixed.datasets import load_grouseticks
        >>> ticks = load_grouseticks().frame
        >>> model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
        >>> model = model.fit(ticks)
        >>> model.n_groups_
        {'BROOD': 118}
        """
        return self._fit_design(self._learn_design(X, y, sample_weight))

    def predict(self, X, *, random_effects=True, averaged=True):
        """Predict the mean response.

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
            conditional modes, and 0 for others, as ``predict`` does in lme4 and
            glmmTMB.

        Returns
        -------
        ndarray of shape (n_samples,)
            NaN where a needed column is missing (``na_action="drop"``).

        See Also
        --------
        predict_interval : With bounds.
        simulate : Responses drawn at random.

        Notes
        -----
        With a link that bends, the mean response of a new group is not that of the
        average group. Known groups are averaged over the normal distribution around
        their posterior mean, by the link's closed form (log, probit) or by 25 nodes.

        Examples
        --------
        >>> from skmixed import MixedPoissonRegressor
        >>> from skmixed.datasets import load_grouseticks
        >>> ticks = load_grouseticks().frame
        >>> model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
        >>> model = model.fit(ticks)
        >>> new = ticks.head(1).assign(BROOD=999)
        >>> model.predict(new).round(2), model.predict(new, averaged=False).round(2)
        (array([2.45]), array([1.56]))
        """
        return self._mean_response(X, random_effects, averaged)

    def predict_interval(self, X, *, confidence_level=0.95, kind="prediction"):
        """Predict the response by intervals.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        confidence_level : float, default=0.95
        kind : {"prediction", "mean"}, default="prediction"
            Where a new observation lies (a share of the trials that `X` holds, else
            of one), or the mean of its groups.

        Returns
        -------
        ndarray of shape (n_samples, 2)

        See Also
        --------
        predict : The means alone.
        conf_int : Intervals of parameters.

        Notes
        -----
        The linear predictor is normal with the variance of fixed effects and of the
        random effects given the data (all of it for new groups). "mean" transforms the
        ends of its interval; "prediction" takes quantiles of the family's distribution
        mixed over it.

        Examples
        --------
        >>> from skmixed import MixedPoissonRegressor
        >>> from skmixed.datasets import load_grouseticks
        >>> ticks = load_grouseticks().frame
        >>> model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
        >>> model = model.fit(ticks)
        >>> model.predict_interval(ticks.head(2))
        array([[0., 3.],
               [0., 3.]])
        """
        check_is_fitted(self)
        check_interval(confidence_level, kind)
        rows = self._within_range(Rows.read(self, X))
        eta = self._predict_rows(rows, self.result_.means)
        known = ~rows.missing & estimable(self.fitted_, rows.design.X)
        variance = mean_variance(self.fitted_, rows.select(known).design)
        trials = self._trials_of(X, None, len(eta))[known]
        tails = np.array([0.5 - confidence_level / 2, 0.5 + confidence_level / 2])
        bounds = np.full((len(eta), 2), np.nan)
        mixture = Mixture(self, eta[known], np.sqrt(variance))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if kind == "mean":
                bounds[known] = np.sort(mixture.mean_at(tails), axis=1)
            else:
                unit = np.broadcast_to(self.family_.unit(trials), trials.shape)
                bounds[known] = mixture.quantiles(tails, trials) / unit[:, None]
        refuse_overflow(bounds, eta, known)
        return bounds

    def score(self, X, y=None, sample_weight=None):
        """Share of the family's deviance that the predictions explain, D2.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            True values. By default the left side of the formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of `y`.

        See Also
        --------
        r2_nakagawa : Shares of the variance explained.

        Examples
        --------
        >>> from skmixed import MixedPoissonRegressor
        >>> from skmixed.datasets import load_grouseticks
        >>> ticks = load_grouseticks().frame
        >>> model = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
        >>> model = model.fit(ticks)
        >>> round(model.score(ticks), 2)
        0.87
        """
        check_is_fitted(self)
        table = read_table(X)
        X = X if table is None else table
        mean = self.predict(X)
        if y is None:
            y = response_of(self, read_features(self, X, reset=False))
        y = np.asarray(y, dtype=float)
        w = self._trials_of(X, sample_weight, len(y))
        if self.na_action == "drop":
            keep = ~(np.isnan(y) | np.isnan(mean))
            y, mean, w = y[keep], mean[keep], w[keep]
        null = np.full_like(y, np.average(y, weights=w))
        lost, all_lost = (w @ self._deviance(y, m) for m in (mean, null))
        return float(1.0 - lost / all_lost) if all_lost > 0 else float(lost == 0)

    def _deviance(self, y, mean):
        return self.family_.unit_deviance(y, mean, self.result_.psi)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self._positive_only
        tags.regressor_tags.poor_score = True
        return tags


class Mixture:
    """The family's distribution of rows whose linear predictor is normal.

    Parameters
    ----------
    model : GeneralizedRegressor
    eta, sd : ndarray of shape (n,)
    """

    def __init__(self, model, eta, sd):
        self.model, self.eta, self.sd = model, eta, sd

    def mean_at(self, levels):
        """Means at quantiles of the predictor, of shape (n, len(levels))."""
        family, psi = self.model.family_, self.model.result_.psi
        ends = self.eta + ndtri(levels)[:, None] * self.sd
        return np.array([family.mean(end, psi) for end in ends]).T

    def quantiles(self, levels, trials):
        """Quantiles of the mixture, of shape (n, len(levels))."""
        nodes, weights = roots_hermitenorm(MIXTURE_NODES)
        weights = weights / weights.sum()
        heavy = weights > 1e-10
        family, psi = self.model.family_, self.model.result_.psi
        laws = [
            family.distribution(self.eta + node * self.sd, psi, trials)
            for node in nodes[heavy]
        ]
        return np.array(
            [quantile(laws, weights[heavy], p, family.discrete) for p in levels]
        ).T


def quantile(laws, weights, p, discrete):
    """Quantile of a mixture between those of its parts, of shape (n,)."""
    ends = np.array([law.ppf(p) for law in laws])
    low, high = ends.min(axis=0), ends.max(axis=0)
    if discrete:
        low = low - 1.0
    smallest, lowest = (1.0, -1.0) if discrete else (np.finfo(float).tiny, 0.0)
    for _ in range(HALVINGS):
        least = np.maximum(low, smallest)
        wide = (low >= lowest) & (high > WIDE * least)
        middle = np.where(wide, np.sqrt(least) * np.sqrt(high), (low + high) / 2)
        if discrete:
            middle = np.floor(middle)
        below = sum(w * law.cdf(middle) for w, law in zip(weights, laws, strict=True))
        reached = below >= p
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
        if discrete and (high - low <= 1).all():
            break
    return high


class LinkedRegressor(GeneralizedRegressor):
    """A regressor whose family has a choice of links."""

    def __init__(
        self,
        formula=None,
        *,
        link="log",
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
