"""Approach 3: one regression per group."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.baselines.baseline import BaselineRegressor
from skmixed.baselines.groupwise import group_regressions
from skmixed.baselines.ols import LeastSquares, least_squares
from skmixed.baselines.ols_tables import spread_table
from skmixed.errors import UnavailableAttributeError
from skmixed.printing.numbers import format_number


class SeparateLinearRegressor(BaselineRegressor):
    """One regression per group (lme4's ``lmList``, no pooling).

    The third of the five approaches to multilevel data. Groups borrow no strength from
    each other: lines of small groups are wild. Columns that vary between groups only
    have no place in it and are left out.

    Parameters
    ----------
    formula : str, default=None
        A formula of lme4, for example ``"exam ~ lrt + (1 + lrt | school)"``. The bar
        names the groups; each gets a coefficient for *every* column. Without bars, or
        by default (``"~ ."``), there is one group.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values. "drop" leaves them out of the fit
        and counts them in ``n_dropped_``; `predict` gives NaN for them.
    unseen_groups : {"population", "error"}, default="population"
        What `predict` does with a group that `fit` did not see: use the mean
        coefficients, groups weighted by size, or raise.

    Attributes
    ----------
    intercept_, coef_names_ : float, list of str
        Mean coefficients over groups, weighted by size: what new groups get.
    fixed_effects_ : Series
        The same, with the intercept.
    group_coef_ : dict of str to DataFrame
        Coefficients of every group, NaN where its rows do not determine them.
    unfitted_groups_ : list
        Groups with too few rows for a regression of their own.
    sigma_ : float
        Residual standard deviation within groups, pooled over groups.
    df_resid_ : int
        Rows less coefficients of all groups.
    n_coefficients_, extra_df_ : int
        Coefficients of all groups together, and how many more than in one regression.
    n_obs_, n_dropped_, n_groups_ : int, int, dict of str to int
        Rows in the fit, rows left out, and the groups.
    aliased_ : list of str
        Columns left out because they do not vary within any group.
    formula_ : str
        The formula in full.
    result_ : LeastSquares
        The mean coefficients as arrays.

    See Also
    --------
    five_approaches : All five from one formula.

    Notes
    -----
    `predict` needs a coefficient for every column. A group whose rows do not determine
    one, such as gender in a school of girls, takes it from the regression of all rows
    and keeps its own fitted values; a group with too few rows for any regression of its
    own (``unfitted_groups_``) takes all of them.

    Examples
    --------
    >>> from skmixed import SeparateLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools().frame
    >>> model = SeparateLinearRegressor("exam ~ lrt + (1 + lrt | school)")
    >>> print(model.fit(schools).summary())
    One regression per group
    Formula: exam ~ 1 + lrt + (1 + lrt | school)
    <BLANKLINE>
              count     mean      sd     sem
    Intercept    65 -0.06812 0.51917 0.06440
    lrt          65  0.42458 0.93937 0.11651
    <BLANKLINE>
    Regressions: 65 of 65 groups of school, 130 coefficients; residual sd within groups
    0.7439 on 3929 df
    Mean, sd and sem (sd over the root of count) are over groups, each counting once.
    """

    _title = "One regression per group"
    _reason_to_leave_out = "Columns that do not vary within any group are left out"
    _predicts_by_group = True

    def _fit_design(self, design, y):
        codes = self._one_factor(design)
        if codes is None:
            codes = np.zeros(len(y), dtype=np.intp)
        weights = design.weights
        centred = self.spec_.coef_names[:1] == ("Intercept",)
        fit = group_regressions(design.X.T, [y], codes, weights, centred=centred)
        kept = fit.determined.any(axis=1)
        pooled = least_squares(design.X[:, kept], y, weights)
        default = np.zeros(len(kept))
        default[np.flatnonzero(kept)[pooled.kept]] = pooled.coef

        own = fit.coef[:, 0]
        rank = fit.determined[kept].sum(axis=0)
        unfitted = (rank == fit.sizes) & (rank < kept.sum())
        filled = np.where(unfitted, default[:, None], fit.fill(own, default))[kept]
        share = np.where(unfitted, 0.0, fit.total)
        if not share.any():
            share = fit.total
        self._filled_ = np.column_stack([filled, filled @ (share / share.sum())])
        self._own_ = np.where(fit.determined & ~unfitted, own, np.nan)[kept]
        self._unfitted_ = np.flatnonzero(unfitted)
        self.n_coefficients_ = int(rank[~unfitted].sum())
        self.extra_df_ = self.n_coefficients_ - int(pooled.kept.sum())
        n_coef = int(kept.sum())
        self.result_ = LeastSquares(
            coef=self._filled_[:, -1],
            kept=kept,
            unscaled_cov=np.full((n_coef, n_coef), np.nan),
            rss=float(fit.leftover[0, 0]),
            tss=pooled.tss,
            n_obs=len(y),
            df_resid=len(y) - int(rank.sum()),
        )

    def _predict_design(self, design):
        codes = np.zeros(len(design.X), dtype=np.intp)
        if design.random:
            codes = design.random[0].codes
        predicted = np.zeros(len(codes))
        columns = np.flatnonzero(self.result_.kept)
        # code -1 (unseen) finds the mean at the end
        for column, coef in zip(columns, self._filled_, strict=True):
            predicted += design.X[:, column] * coef[codes]
        return predicted

    @property
    def group_coef_(self):
        """Coefficients of every group, NaN where its rows do not determine them."""
        names = self._kept_names()
        return {
            group: pd.DataFrame(
                self._own_.T,
                index=self.spec_.groups[group].to_index(),
                columns=names,
                copy=True,
            )
            for group in self.n_groups_
        }

    @property
    def unfitted_groups_(self):
        """Groups with too few rows for a regression of their own."""
        check_is_fitted(self)
        return [
            self.spec_.groups[group].to_index()[place]
            for group in self.n_groups_
            for place in self._unfitted_
        ]

    @property
    def fixed_effects_cov_(self):
        """Not defined: the summary has the spread of the coefficients over groups."""
        raise UnavailableAttributeError(
            "SeparateLinearRegressor has no fixed_effects_cov_: see the sd and the sem "
            "of the coefficients over groups in summary()."
        )

    def summary(self):
        """Count, mean, sd and sem of the coefficients over groups.

        Returns
        -------
        LinearSummary
            With the data frames ``fixed`` and ``fit``.

        Examples
        --------
        >>> from skmixed import SeparateLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = SeparateLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model.fit(load_sleepstudy().frame).summary().fixed.round(2)
                   count    mean     sd   sem
        Intercept     18  251.41  28.95  6.82
        Days          18   10.47   6.56  1.55
        """
        check_is_fitted(self)
        own = pd.DataFrame(self._own_.T, columns=self._kept_names())
        return self._summary_of(spread_table(own), self._describe_groups())

    def _say_coefficients(self, fixed, response, level):
        for name, row in fixed.iterrows():
            what = response if name == "Intercept" else f"the effect of {name}"
            where = " where all predictors are 0" * (name == "Intercept")
            yield (
                f"Over {row['count']:.0f} groups, {what}{where} has the mean "
                f"{format_number(row['mean'], 3)} (sd {format_number(row['sd'], 3)}, "
                f"sem {format_number(row['sem'], 3)})."
            )

    def _describe_groups(self):
        result, G = self.result_, self._own_.shape[1]
        names = " of " + ", ".join(self.n_groups_) if self.n_groups_ else ""
        lines = [
            f"Regressions: {G - len(self._unfitted_)} of {G} groups{names}, "
            f"{self.n_coefficients_} coefficients; residual sd within groups "
            f"{result.sigma:.4g} on {result.df_resid} df",
            "Mean, sd and sem (sd over the root of count) are over groups, each "
            "counting once.",
        ]
        if len(self._unfitted_):
            labels = [str(label) for label in self.unfitted_groups_]
            more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
            lines.append(f"Could not be fitted: {', '.join(labels[:10])}{more}")
        partly = np.isnan(self._own_).any(axis=0).sum() - len(self._unfitted_)
        if partly:
            lines.append(
                f"{partly} groups have no variation in some column and no coefficient "
                "for it"
            )
        return lines
