"""Approach 2: all rows together, groups ignored."""

from skmixed.baselines.baseline import BaselineRegressor
from skmixed.baselines.ols import least_squares


class PooledLinearRegressor(BaselineRegressor):
    """Least squares on all rows, the groups ignored.

    The second of the five approaches to multilevel data (disaggregation, complete
    pooling). It takes the rows for independent: standard errors of what varies between
    groups come out too small, unless ``summary(covariance="CR1")`` is asked to respect
    the groups.

    Parameters
    ----------
    formula : str, default=None
        A formula of lme4, for example ``"exam ~ lrt + (1 + lrt | school)"``. The bars
        do not enter the fit; they name the clusters of robust standard errors. By
        default ``"~ ."``: every column.
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
        Residual standard deviation.
    df_resid_ : int
        Rows less coefficients.
    n_obs_, n_dropped_, n_groups_ : int, int, dict of str to int
        Rows in the fit, rows left out, and the groups.
    aliased_ : list of str
        Columns left out because earlier ones determine them.
    formula_ : str
        The formula in full.
    result_ : LeastSquares
        The fit as arrays.

    See Also
    --------
    five_approaches : All five from one formula.
    naive_vs_mixed : What ignoring the groups costs.

    Examples
    --------
    >>> from skmixed import PooledLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools().frame
    >>> model = PooledLinearRegressor("exam ~ lrt + (1 + lrt | school)")
    >>> model.fit(schools).summary().fixed[["estimate", "std_error"]].round(3)
               estimate  std_error
    Intercept    -0.001      0.013
    lrt           0.595      0.013
    """

    _title = "Pooled least squares: all rows together, groups ignored"

    def _fit_design(self, design, y):
        clusters = {block.group: block.codes for block in design.random}
        self.result_ = least_squares(
            design.X, y, design.weights, clusters=list(clusters.items())
        )
