"""Approach 1: one row per group."""

import numpy as np

from skmixed.baselines.baseline import BaselineRegressor
from skmixed.baselines.groupwise import GroupedColumns
from skmixed.baselines.ols import least_squares


class AggregatedLinearRegressor(BaselineRegressor):
    """Regression of group means on group means.

    The first of the five approaches to multilevel data: the response and the columns of
    the design are averaged over every group, and least squares is run on the averages,
    each group counting once. It speaks about groups: reading its slope as one of
    individuals is the ecological fallacy.

    Parameters
    ----------
    formula : str, default=None
        A formula of lme4, for example ``"exam ~ lrt + (1 + lrt | school)"``; the bars
        name the groups. Without bars, or by default (``"~ ."``), every row is a group.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values. "drop" leaves them out of the fit
        and counts them in ``n_dropped_``; `predict` gives NaN for them.
    unseen_groups : {"population", "error"}, default="population"
        Taken for the sake of a common interface: predictions do not depend on groups.

    Attributes
    ----------
    intercept_, coef_names_ : float, list of str
        Coefficients, without and of the intercept, and their names.
    fixed_effects_, fixed_effects_cov_ : Series, DataFrame
        Coefficients with the intercept, and their covariance matrix.
    group_coef_ : dict of str to DataFrame
        The same coefficients for every group.
    sigma_ : float
        Residual standard deviation of the group means.
    df_resid_ : int
        Groups less coefficients.
    n_obs_, n_dropped_, n_groups_ : int, int, dict of str to int
        Rows read, rows left out, and the groups.
    aliased_ : list of str
        Columns left out because earlier ones determine them.
    formula_ : str
        The formula in full.
    result_ : LeastSquares
        The fit as arrays.

    See Also
    --------
    five_approaches : All five from one formula.

    Notes
    -----
    ``sample_weight`` weights the rows within their group's mean. `predict` applies the
    equation to every row by itself.

    Examples
    --------
    >>> from skmixed import AggregatedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools().frame
    >>> model = AggregatedLinearRegressor("exam ~ lrt + (1 + lrt | school)")
    >>> model.fit(schools).summary().fixed[["estimate", "std_error"]].round(3)
               estimate  std_error
    Intercept     0.005      0.040
    lrt           0.884      0.116
    """

    _title = "Least squares of group means: one row per group"

    def _fit_design(self, design, y):
        codes = self._one_factor(design)
        if codes is None:
            self.result_ = least_squares(design.X, y, design.weights)
            return
        columns = [*design.X.T, y]
        means = GroupedColumns.of(columns, codes, design.weights, centred=True).means
        group = design.random[0].group
        self.result_ = least_squares(
            np.asfortranarray(means[:-1].T),
            means[-1],
            clusters=[(group, np.arange(means.shape[1]))],
        )

    def _fit_lines(self):
        return [super()._fit_lines()[0].replace("Rows", "Groups", 1)]
