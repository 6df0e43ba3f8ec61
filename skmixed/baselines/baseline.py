"""What the four baselines share: parameters, fit, published attributes, summary."""

from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import check_is_fitted

from skmixed.baselines.ols import COVARIANCES, coefficient_table
from skmixed.baselines.ols_tables import LinearSummary
from skmixed.errors import UnavailableError
from skmixed.estimators.base import BaseFormulaRegressor
from skmixed.estimators.rows import Rows
from skmixed.likelihood.products.rows import without_offset
from skmixed.printing.render import dropped_line
from skmixed.printing.sentences import Sentences, say_estimates
from skmixed.warnings import RankDeficiencyWarning, warn

_SUMMARY_PARAMETERS = {
    "covariance": [StrOptions(set(COVARIANCES))],
    "group": [str, None],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
}


class BaselineRegressor(BaseFormulaRegressor):
    """Least squares driven by the formula of a mixed model.

    A subclass gives ``_fit_design``, which turns the design into ``result_``,
    ``_predict_design``, ``_title`` and, where they differ from the defaults here,
    ``group_coef_`` and the lines under its summary.
    """

    # What the summary calls the method.
    _title = "Least squares"
    _reason_to_leave_out = "Columns that earlier ones determine are left out"
    # Whether prediction differs between groups, and so needs their columns.
    _predicts_by_group = False

    def __init__(self, formula=None, *, na_action="raise", unseen_groups="population"):
        self.formula = formula
        self.na_action = na_action
        self.unseen_groups = unseen_groups

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A pandas, polars, pyarrow or narwhals frame, or an array. Grouping columns
            are columns of `X`.
        y : array-like of shape (n_samples,), default=None
            Response. By default the left side of the formula is read from `X`; where
            both are given, `y` is used.
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights.

        Returns
        -------
        self : object

        Raises
        ------
        FormulaError
            Where the formula cannot be read.
        ValueError
            Where data and formula do not fit together.

        Warns
        -----
        RankDeficiencyWarning, UserWarning
        """
        design = self._learn_design(X, y, sample_weight)
        response = without_offset(design)
        self.n_groups_ = {b.group: b.n_levels for b in design.random}
        self._fit_design(design, response)
        self._publish()
        return self

    def _one_factor(self, design):
        """Codes of the only grouping factor, None if there is none."""
        if not design.random:
            return None
        if len(self.n_groups_) > 1:
            raise UnavailableError(
                f"{type(self).__name__} takes one grouping factor; the formula has "
                f"{list(self.n_groups_)}. Leave one, or fit a MixedLinearRegressor, "
                "which takes several."
            )
        return design.random[0].codes

    def _publish(self):
        """Set the fitted attributes that all baselines have."""
        self._publish_coefficients(self._population_coef())
        self.sigma_, self.df_resid_ = self.result_.sigma, self.result_.df_resid
        if self.aliased_:
            warn(
                f"{self._reason_to_leave_out}: {self.aliased_}.", RankDeficiencyWarning
            )

    def _population_coef(self):
        return self.result_.coef

    def _full_coef(self):
        """Coefficients of all columns of X, 0 for those left out."""
        coef = np.zeros(len(self.spec_.coef_names))
        coef[self.result_.kept] = self._population_coef()
        return coef

    @property
    def fixed_effects_(self):
        """Coefficients of the population, with the intercept."""
        names = self._kept_names()
        return pd.Series(self._population_coef(), index=names, name="estimate")

    @property
    def group_coef_(self):
        """Coefficients of every group: here the same for all."""
        coef = self.fixed_effects_
        return {
            group: pd.DataFrame(
                np.tile(coef.to_numpy(), (size, 1)),
                index=self.spec_.groups[group].to_index(),
                columns=coef.index,
            )
            for group, size in self.n_groups_.items()
        }

    def predict(self, X):
        """Predict the response.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Needs the columns of the formula only; their order does not matter.

        Returns
        -------
        ndarray of shape (n_samples,)
            With ``na_action="drop"``, NaN where a needed column is missing.

        Raises
        ------
        ValueError
            For missing columns, unseen levels of fixed effects, missing values unless
            ``na_action="drop"``, and unseen groups if ``unseen_groups="error"``.

        Examples
        --------
        >>> from skmixed import SeparateLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = SeparateLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model.fit(sleep).predict(sleep.head(2)).round(1)
        array([244.2, 266. ])
        """
        rows = Rows.read(self, X, self._predicts_by_group)
        predicted = self._predict_design(rows.design)
        if rows.design.offset is not None:
            predicted = predicted + rows.design.offset
        predicted[rows.missing] = np.nan
        return predicted

    def _predict_design(self, design):
        return design.X @ self._full_coef()

    @validate_params(
        {"self": "no_validation", **_SUMMARY_PARAMETERS},
        prefer_skip_nested_validation=True,
    )
    def summary(self, *, covariance="classical", group=None, confidence_level=0.95):
        """Coefficients with standard errors, t tests and intervals.

        Parameters
        ----------
        covariance : {"classical", "CR0", "CR1"}, default="classical"
            Standard errors under independent errors of one variance, or robust to any
            dependence within groups. CR1 is CR0 with the usual correction for few
            groups; t then has the number of groups less one as degrees of freedom.
        group : str, default=None
            Grouping factor of the robust standard errors, where there are several.
        confidence_level : float, default=0.95
            Of the intervals.

        Returns
        -------
        LinearSummary
            With the data frames ``fixed`` and ``fit``.

        Examples
        --------
        >>> from skmixed import PooledLinearRegressor
        >>> from skmixed.datasets import load_london_schools
        >>> schools = load_london_schools().frame
        >>> model = PooledLinearRegressor("exam ~ lrt + (1 | school)").fit(schools)
        >>> print(model.summary(covariance="CR1"))
        Pooled least squares: all rows together, groups ignored
        Formula: exam ~ 1 + lrt + (1 | school)
        <BLANKLINE>
                  Estimate Std. Error df      t       p    lower   upper
        Intercept -0.00119    0.03884 64 -0.031   0.976 -0.07879 0.07640
        lrt        0.59506    0.02346 64 25.366 < 2e-16  0.54819 0.64192
        <BLANKLINE>
        Rows: 4059; residual sd 0.8054 on 4057 df; R2 0.3500
        Standard errors: cluster-robust (CR1), 65 clusters of school
        """
        check_is_fitted(self)
        fixed = coefficient_table(
            self._kept_names(),
            self._population_coef(),
            self._population_cov(covariance, group),
            self.result_.degrees_of_freedom(covariance, group),
            confidence_level,
        )
        footing = [*self._fit_lines(), self._describe_errors(covariance, group)]
        return self._summary_of(fixed, footing)

    def describe(self, **options):
        """Say in sentences what was estimated.

        Parameters
        ----------
        **options
            Of `summary`.

        Returns
        -------
        Sentences
            Printed as text; with ``to_latex()`` and ``to_html()``, and the
            coefficients as ``frame``.

        See Also
        --------
        summary : The same as tables.

        Examples
        --------
        >>> from skmixed import PooledLinearRegressor
        >>> from skmixed.datasets import load_london_schools
        >>> model = PooledLinearRegressor("exam ~ lrt + (1 | school)")
        >>> print(model.fit(load_london_schools().frame).describe())
        Pooled least squares (all rows together, groups ignored): exam ~ 1 + lrt + (1 |
        school).
        <BLANKLINE>
        Where all predictors are 0 or at their reference level, exam is expected to be
        -0.0012 (95 % CI -0.0260 to 0.0236; t(4057) = -0.09, p = .925). Per unit of
        lrt, exam rises by 0.5951 (95 % CI 0.5701 to 0.6200; t(4057) = 46.74, p <
        .001).
        <BLANKLINE>
        Rows: 4059; residual sd 0.8054 on 4057 df; R2 0.3500. Standard errors:
        classical (independent errors, one variance).
        """
        summary, response = self.summary(**options), self.formula_.split("~")[0].strip()
        title, _, about = summary.heading[0].partition(": ")
        level = options.get("confidence_level", 0.95)
        return Sentences(
            summary.fixed,
            [
                f"{title}{f' ({about})' if about else ''}: {self.formula_}.",
                " ".join(self._say_coefficients(summary.fixed, response, level)),
                " ".join(f"{line.rstrip('.')}." for line in summary.footing),
            ],
        )

    def _say_coefficients(self, fixed, response, level):
        return say_estimates(fixed, response, level)

    def _population_cov(self, covariance="classical", group=None):
        return self.result_.covariance(covariance, group)

    def _summary_of(self, fixed, footing):
        footing += dropped_line(self.n_dropped_)
        if self.aliased_:
            left_out = ", ".join(self.aliased_)
            footing.append(f"Columns left out (rank deficiency): {left_out}")
        return LinearSummary(
            fixed=fixed,
            fit=self._fit_table(),
            heading=(self._title, f"Formula: {self.formula_}"),
            footing=tuple(footing),
        )

    def _describe_errors(self, covariance, group):
        if covariance == "classical":
            return "Standard errors: classical (independent errors, one variance)"
        clusters = self.result_.find_clusters(group)
        return (
            f"Standard errors: cluster-robust ({covariance}), {clusters.n_groups} "
            f"clusters of {clusters.group}"
        )

    def _fit_lines(self):
        result = self.result_
        rows = f"Rows: {result.n_obs}"
        return [
            f"{rows}; residual sd {result.sigma:.4g} on {result.df_resid} df; "
            f"R2 {result.r2:.4f}"
        ]

    def _fit_table(self):
        result = self.result_
        row = {"n_obs": result.n_obs, "df_resid": result.df_resid}
        row |= {"sigma": result.sigma, "r2": result.r2, "rss": result.rss}
        return pd.DataFrame([row])

    @property
    def fixed_effects_cov_(self):
        """Classical covariance matrix of the coefficients."""
        names = self._kept_names()
        return pd.DataFrame(self._population_cov(), index=names, columns=names)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "result_")
