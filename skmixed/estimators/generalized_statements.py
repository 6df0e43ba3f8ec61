"""What a fitted generalised model lets one say: summary, intervals, shares."""

import dataclasses

import numpy as np
import pandas as pd

from skmixed.errors import UnavailableError
from skmixed.estimators.generalized_intervals import refuse_ratios
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.report.summary import exponentiated, summarize
from skmixed.inference.variance.family_variance import family_components
from skmixed.inference.variance.variance_partition import nakagawa_r2, partition_table
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import PrintedTable

# Shares are written with three decimals.
SHARES = dict.fromkeys(
    ("adjusted", "unadjusted", "share", "adjusted_share", "r2"), fixed_decimals(3)
)


class GeneralizedStatementsMixin:
    """Methods that turn ``fitted_`` into tables; they never read rows."""

    def summary(self, *, confidence_level=0.95, exponentiate=False):
        """Tables of the fit, printed as lme4 prints them, with z tests.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the intervals of the fixed effects.
        exponentiate : bool, default=False
            Fixed effects as odds ratios (logit), rate ratios or ratios of means (log),
            hazard ratios (cloglog); of grades thresholds stay as they are.

        Returns
        -------
        Summary
            With the data frames ``fixed``, ``random`` and ``fit``.

        Raises
        ------
        ValueError
            For `exponentiate` with a link whose coefficients are no logarithms.

        See Also
        --------
        describe : The same in sentences.
        conf_int : Intervals, of variances too.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> model = model.fit(load_cbpp().frame)
        >>> model.summary(exponentiate=True).fixed["estimate"].round(2).tolist()
        [0.25, 0.37, 0.32, 0.21]
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        found = summarize(
            fit, n_dropped=self.n_dropped_, confidence_level=confidence_level
        )
        footing = [*found.footing, *self._threshold_lines()]
        if exponentiate:
            refuse_ratios(self.family_.link.name)
            footing.insert(0, "Fixed effects are exponentiated: ratios.")
            found = dataclasses.replace(found, fixed=exponentiated(found.fixed))
        heading = (*found.heading[:-1], f"Formula: {self.formula_}")
        return dataclasses.replace(found, heading=heading, footing=tuple(footing))

    def _threshold_lines(self):
        """Thresholds between the grades, with standard errors, where there are any."""
        if not hasattr(self, "thresholds_"):
            return []
        errors = np.sqrt(np.diag(self.result_.psi_cov))
        cuts = [
            f"  {a}|{b}  {t:.3f} ({error:.3f})"
            for a, b, t, error in zip(
                self.classes_[:-1],
                self.classes_[1:],
                self.thresholds_,
                errors,
                strict=True,
            )
        ]
        return ["Thresholds (standard errors):", *cuts]

    def icc(self, *, scale="link"):
        """Intraclass correlation coefficients.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"
            Of the linear predictor, or of the responses themselves.

        Returns
        -------
        PrintedTable
            Its ``frame`` has a row per grouping factor, and ``all`` where there are
            several: ``adjusted`` is its share of what the fixed effects leave,
            ``unadjusted`` of the whole.

        Raises
        ------
        ValueError
            If the model has no random effects, or the family no variance on that scale.

        See Also
        --------
        r2_nakagawa : Shares of what is explained.
        variance_partition : The variances themselves.

        Notes
        -----
        Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134). The
        residual variance is that of the latent distribution (pi^2/3 for the logit), for
        a log link the trigamma function at the mean of the null model, as the paper
        recommends. On the scale of the response means and variances are integrated
        over fixed and random effects, both taken for normal (Goldstein, Browne and
        Rasbash 2002, Understanding Statistics 1(4), by nodes in place of simulation).

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> model = model.fit(load_cbpp().frame)
        >>> round(float(model.icc()["adjusted"]["herd"]), 3)
        0.111
        >>> round(float(model.icc(scale="response")["adjusted"]["herd"]), 3)
        0.047
        """
        fit = fitted(self, generalized=True)
        if not fit.result.groups:
            raise UnavailableError(
                "The model has no random effects, so there is no intraclass "
                "correlation; add for example (1 | group) to the formula."
            )
        found = family_components(fit, scale)
        parts, names = list(found.random), list(found.groups)
        if len(parts) > 1:
            parts, names = [*parts, sum(parts)], [*names, "all"]
        left = found.total - found.fixed
        table = {"adjusted": np.array(parts) / left}
        table["unadjusted"] = np.array(parts) / found.total
        return PrintedTable(
            pd.DataFrame(table, index=names),
            "Intraclass correlations",
            [
                "Adjusted: share of the variance that the fixed effects leave.",
                on(scale),
            ],
            rules=SHARES,
        )

    def r2_nakagawa(self, *, scale="link"):
        """Marginal and conditional R2 of Nakagawa, Johnson and Schielzeth.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        PrintedTable
            Its ``frame`` is a Series: ``marginal`` is the share of the fixed effects in
            the variance, ``conditional`` that of fixed and random effects. See `icc`.

        See Also
        --------
        icc : How alike the rows of a group are.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> model = model.fit(load_cbpp().frame)
        >>> model.r2_nakagawa().round(3)
        marginal       0.085
        conditional    0.187
        Name: r2, dtype: float64
        """
        found = family_components(fitted(self, generalized=True), scale)
        marginal, conditional = nakagawa_r2(found)
        series = pd.Series(
            {"marginal": marginal, "conditional": conditional}, name="r2"
        )
        title = "R² of Nakagawa, Johnson and Schielzeth"
        return PrintedTable(series, title, [on(scale)], rules=SHARES)

    def variance_partition(self, *, scale="link"):
        """Variance of fixed effects, grouping factors and residual; see `icc`.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``variance``, its ``share`` of the whole, and
            ``adjusted_share`` of what the fixed effects leave.

        See Also
        --------
        skmixed.inspection.VarianceDisplay : The picture.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> model = model.fit(load_cbpp().frame)
        >>> model.variance_partition()["variance"].round(2)
        Fixed effects    0.35
        herd             0.41
        Residual         3.29
        Name: variance, dtype: float64
        """
        fit = fitted(self, generalized=True)
        table = partition_table(family_components(fit, scale))
        return PrintedTable(table, "Variance of the response", [on(scale)])


def on(scale):
    """Say the scale of variances."""
    what = "the linear predictor" if scale == "link" else "the response"
    return f"On the scale of {what}."
