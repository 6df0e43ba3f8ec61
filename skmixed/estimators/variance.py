"""How the variance of the response divides, as methods of the estimator."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import TooLargeError, UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.estimators.weights import read_weights
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.variance.parameters import choose_parameters
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.inference.variance.variance_partition import (
    VarianceComponents,
    correlation_table,
    design_effects,
    nakagawa_r2,
    partition_table,
)
from skmixed.inference.variance.wald import variance_errors
from skmixed.printing.numbers import fixed_decimals, say_level
from skmixed.printing.printed import PrintedTable

SHARES = dict.fromkeys(
    (
        *("adjusted", "lower", "upper", "unadjusted", "unadjusted_lower"),
        *("unadjusted_upper", "r2"),
    ),
    fixed_decimals(3),
)
# Rows at the most whose covariance is one matrix: 800 MB.
LARGEST_MARGINAL = 10_000


class VarianceMixin:
    """Intraclass correlations, R2, variance partition and design effects."""

    def icc(self, *, confidence_level=0.95):
        """Intraclass correlation coefficients.

        Parameters
        ----------
        confidence_level : float, default=0.95

        Returns
        -------
        PrintedTable
            Its ``frame`` has a row per grouping factor, and ``all`` where there are
            several. ``adjusted`` is the factor's share of the variance that the fixed
            effects leave, with the bounds ``lower`` and ``upper``; ``unadjusted`` its
            share of the whole variance, with ``unadjusted_lower`` and
            ``unadjusted_upper``.

        Raises
        ------
        ValueError
            If the model has no random effects.

        See Also
        --------
        variance_partition : All shares of the variance.
        design_effect : What they do to a mean.

        Notes
        -----
        With random slopes a factor's variance is its mean over the rows of the fit
        (Johnson, 2014), as in R's ``performance::icc``; without them it is the variance
        of the intercepts. ``all`` is what that function gives.

        Bounds follow from the delta method for the logit; with a single variance
        parameter, those of ``adjusted`` from the profile likelihood. A component
        estimated at zero has no upper bound (NaN) in models with several parameters.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_london_schools
        >>> model = MixedLinearRegressor("exam ~ 1 + (1 | school)")
        >>> model.fit(load_london_schools().frame).icc().round(3).T
                          school
        adjusted           0.168
        lower              0.122
        upper              0.233
        unadjusted         0.168
        unadjusted_lower   0.121
        unadjusted_upper   0.230
        """
        fit = fitted(self)
        level = check_confidence_level(confidence_level)
        if not fit.result.groups:
            raise UnavailableError(
                "The model has no random effects, so there is no intraclass "
                "correlation; add for example (1 | group) to the formula."
            )
        return PrintedTable(
            correlation_table(fit, level),
            "Intraclass correlations",
            [
                "Adjusted: share of the variance that the fixed effects leave.",
                say_level(level),
            ],
            rules=SHARES,
            headings={"unadjusted_lower": "lower", "unadjusted_upper": "upper"},
        )

    def variance_std_errors(self):
        """Variance parameters with standard errors on their own scales.

        Returns
        -------
        PrintedTable
            Its ``frame`` has a row per standard deviation and correlation, named as in
            `conf_int`: ``estimate``, its ``std_error``; and for standard deviations the
            ``variance`` with ``variance_std_error``. No errors at the boundary (NaN).

        See Also
        --------
        conf_int : Intervals, on scales where estimates are nearly normal.

        Notes
        -----
        From the inverse Hessian of the criterion in (theta, log sigma), by the delta
        method: REML's for REML fits. Variances are skewed; intervals of two of these
        errors to each side are not to be had from them.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_dyestuff
        >>> model = MixedLinearRegressor("Yield ~ 1 + (1 | Batch)")
        >>> model.fit(load_dyestuff().frame).variance_std_errors().round(1)
                            estimate  std_error  variance  variance_std_error
        sd_Intercept|Batch      42.0       17.1    1764.1              1432.8
        sigma                   49.5        7.1    2451.2               707.6
        """
        fit = fitted(self, residual=True)
        parameters = choose_parameters(parameters_of(fit), "variance")
        table = pd.DataFrame(
            variance_errors(fit, parameters),
            index=[p.name for p in parameters],
            columns=["estimate", "std_error", "variance", "variance_std_error"],
        )
        title = "Variance parameters with standard errors"
        return PrintedTable(table, title, own_units=True)

    def r2_nakagawa(self):
        """Marginal and conditional R2 of Nakagawa and Schielzeth.

        Returns
        -------
        PrintedTable
            Its ``frame`` is a Series. ``marginal``: share of the fixed effects in the
            variance of the response; ``conditional``: share of fixed and random
            effects.

        See Also
        --------
        score : R2 of predictions.
        variance_partition : What it rests on.

        Notes
        -----
        With random slopes, Johnson's (2014) extension: the mean variance over rows.
        This is not `score`, the coefficient of determination of predictions.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model.fit(load_sleepstudy().frame).r2_nakagawa().round(3)
        marginal       0.279
        conditional    0.799
        Name: r2, dtype: float64
        """
        marginal, conditional = nakagawa_r2(VarianceComponents.of(fitted(self)))
        series = pd.Series(
            {"marginal": marginal, "conditional": conditional}, name="r2"
        )
        return PrintedTable(series, "R² of Nakagawa and Schielzeth", rules=SHARES)

    def variance_partition(self):
        """Variance of the fixed effects, of every grouping factor and of the residual.

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``variance``, its ``share`` of the whole, and
            ``adjusted_share`` of what the fixed effects leave. With random slopes,
            means over the rows.

        See Also
        --------
        icc : Shares with intervals.
        skmixed.inspection.VarianceDisplay : The picture.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_penicillin
        >>> model = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
        >>> model.fit(load_penicillin().frame).variance_partition().round(3)
                       variance  share  adjusted_share
        Fixed effects     0.000  0.000             NaN
        plate             0.717  0.151           0.151
        sample            3.731  0.785           0.785
        Residual          0.302  0.064           0.064
        """
        table = partition_table(VarianceComponents.of(fitted(self)))
        return PrintedTable(table, "Variance of the response")

    def design_effect(self):
        """Factor by which grouping inflates the variance of a mean of the response.

        Returns
        -------
        PrintedTable
            Its ``frame`` is a Series: per grouping factor ``1 + (m - 1) ICC``, with m
            the number of rows in the group of an average row; NaN for a factor without
            random intercept.

        See Also
        --------
        icc : What it rests on.
        skmixed.naive_vs_mixed : Of every coefficient.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_london_schools
        >>> model = MixedLinearRegressor("exam ~ 1 + (1 | school)")
        >>> model.fit(load_london_schools().frame).design_effect().round(1)
        school    13.7
        Name: design_effect, dtype: float64
        """
        series = design_effects(fitted(self))
        return PrintedTable(series, rules={"design_effect": fixed_decimals(2)})

    def marginal_cov(self, X, sample_weight=None):
        """Covariance of the responses of some rows, random effects averaged over.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            For example the rows of one subject; groups need not be known, and rows
            without one share it with no other. With `residual`, visits are those that
            `fit` saw.
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights: the residual variances are divided by them. Without
            them rows have weight one, after a weighted fit too, as in
            `predict_interval`; pass those of `fit` for the covariance that it
            maximised the likelihood with.

        Returns
        -------
        ndarray of shape (n_samples, n_samples)
            ``Z Psi Z' + sigma^2 R`` of the fitted covariances; NaN in the rows and
            columns of samples with missing values (``na_action="drop"``).

        Raises
        ------
        ValueError
            For more rows than fit into a matrix of that size, and for new visits.

        See Also
        --------
        icc : The correlation within groups in one number.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
        >>> model.marginal_cov(sleep.head(2)).round()
        array([[2339., 1378.],
               [1378., 2339.]])
        """
        check_is_fitted(self)
        if len(X) > LARGEST_MARGINAL:
            raise TooLargeError(
                f"marginal_cov of {len(X)} rows would be a matrix of {len(X)} x "
                f"{len(X)}; pass the rows of one group, at most {LARGEST_MARGINAL}."
            )
        rows = Rows.read_all_effects(self, X, refuse_unseen=False)
        weights = None
        if sample_weight is not None:
            weights = read_weights(sample_weight, len(X), allow_missing=False)
        total = self._residual_covariance(rows, weights)
        for group, z, _, root in self._effects_to_draw(rows.design):
            columns = list(self.fitted_.spec.groups[group].columns)
            levels = (
                rows.frame.groupby(columns, observed=True).ngroup().to_numpy(copy=True)
            )
            alone = np.flatnonzero(levels < 0)  # a missing group is one of its own
            levels[alone] = -1 - alone
            effects = z @ root
            total += (effects @ effects.T) * (levels[:, None] == levels)
        total[rows.missing] = total[:, rows.missing] = np.nan
        return total
