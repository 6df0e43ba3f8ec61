"""Approach 4: groups and their interactions as fixed effects."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.baselines.baseline import BaselineRegressor
from skmixed.baselines.groupwise import group_regressions, pivots
from skmixed.baselines.ols import (
    Clusters,
    LeastSquares,
    cluster_scores,
    least_squares,
    sum_of_squares,
    total_sum_of_squares,
)


class InteractionLinearRegressor(BaselineRegressor):
    """One regression with a main effect and interactions for every group.

    The fourth of the five approaches to multilevel data: ``(1 + x | g)`` becomes
    ``g + x:g``, fixed effects of the groups at hand. Every group costs as many degrees
    of freedom as the bar has effects, and nothing is said about other groups.

    Parameters
    ----------
    formula : str, default=None
        A formula of lme4, for example ``"exam ~ lrt + (1 + lrt | school)"``. Effects in
        the bar vary freely between groups, the others are common to all. Without bars,
        or by default (``"~ ."``), it is ordinary least squares.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values. "drop" leaves them out of the fit
        and counts them in ``n_dropped_``; `predict` gives NaN for them.
    unseen_groups : {"population", "error"}, default="population"
        What `predict` does with a group that `fit` did not see: use the mean of the
        groups' effects, weighted by size, or raise.

    Attributes
    ----------
    intercept_, coef_names_ : float, list of str
        Coefficients, without and of the intercept, and their names. Those of effects in
        the bar are means over groups, weighted by size: what new groups get.
    fixed_effects_, fixed_effects_cov_ : Series, DataFrame
        The same with the intercept, and their covariance matrix given these groups.
    group_coef_ : dict of str to DataFrame
        Coefficients of every group.
    n_coefficients_, extra_df_ : int
        Coefficients in all, and how many more than in the pooled regression.
    sigma_ : float
        Residual standard deviation.
    df_resid_ : int
        Rows less all coefficients.
    n_obs_, n_dropped_, n_groups_ : int, int, dict of str to int
        Rows in the fit, rows left out, and the groups.
    aliased_ : list of str
        Columns left out: those that the groups determine, such as a column that is
        constant within every group.
    formula_ : str
        The formula in full.
    result_ : LeastSquares
        The coefficients as arrays.

    See Also
    --------
    five_approaches : All five from one formula.

    Notes
    -----
    No dummy columns are built. What the groups' effects explain is taken off the
    response and the common columns group by group, and least squares is run on what is
    left (Frisch, Waugh and Lovell). Where every effect is in the bar, the lines of the
    groups are those of :class:`SeparateLinearRegressor`.

    A group whose rows do not determine an effect takes the mean of the groups that do;
    its fitted values do not depend on it.

    Examples
    --------
    >>> from skmixed import InteractionLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools().frame
    >>> model = InteractionLinearRegressor("exam ~ lrt + gender + (1 + lrt | school)")
    >>> print(model.fit(schools).summary())
    Least squares with group main effects and interactions
    Formula: exam ~ 1 + lrt + gender + (1 + lrt | school)
    <BLANKLINE>
                Estimate Std. Error   df      t        p    lower    upper
    Intercept    0.05133    0.01857 3928  2.764  0.00573  0.01492  0.08774
    lrt          0.54428    0.01432 3928 38.008  < 2e-16  0.51621  0.57236
    gender[T.M] -0.17530    0.03420 3928 -5.125 3.11e-07 -0.24236 -0.10825
    <BLANKLINE>
    Rows: 4059; residual sd 0.7415 on 3928 df; R2 0.4667
    Coefficients: 131, of which 128 because every group of school has its own
    Means over groups, weighted by size: Intercept, lrt
    Standard errors: classical (independent errors, one variance)
    """

    _title = "Least squares with group main effects and interactions"
    _reason_to_leave_out = (
        "Columns that groups or earlier columns determine are left out"
    )
    _predicts_by_group = True

    def _fit_design(self, design, y):
        pooled = least_squares(design.X, y, design.weights)
        codes, names = self._one_factor(design), self.spec_.coef_names
        self.n_coefficients_ = int(pooled.kept.sum())
        if codes is None:
            self.result_ = pooled
            self._common_ = np.ones(self.n_coefficients_, dtype=bool)
        else:
            effects, columns = gather_effects(design.random)
            common = [j for j, name in enumerate(names) if name not in effects]
            fit = group_regressions(
                columns,
                [*design.X.T[common], y],
                codes,
                design.weights,
                centred=effects[0] == "Intercept",
            )
            self._keep_effects(design, y, fit, effects, common)
        self.extra_df_ = self.n_coefficients_ - int(pooled.kept.sum())

    def _keep_effects(self, design, y, fit, effects, common):
        """Regress what the groups leave of y on what they leave of the columns."""
        weights, names = design.weights, self.spec_.coef_names
        independent = independent_of_groups(design.X[:, common], fit, weights)
        common = [j for j, kept in zip(common, independent, strict=True) if kept]
        S = fit.leftover[:-1, :-1][np.ix_(independent, independent)]
        V = np.linalg.inv(S) if len(S) else S
        b = V @ fit.leftover[:-1, -1][independent]
        onto = fit.coef[:, np.append(independent, False)]
        own = fit.coef[:, -1] - np.einsum("krg,r->kg", onto, b)
        mean, joint_cov = mean_effects(fit, own, onto, V)
        self._effects_ = np.column_stack([fit.fill(own, mean), mean])
        self._effect_names_ = effects

        place = {
            name: i for i, name in enumerate([*effects, *(names[j] for j in common)])
        }
        chosen = np.array([place[name] for name in names if name in place], dtype=int)
        self._common_ = chosen >= len(effects)
        left = [fit.residuals[j] for j in np.flatnonzero(independent)]
        residual = fit.residuals[-1] - sum(x * c for x, c in zip(left, b, strict=True))
        left = np.array(left).reshape(len(b), len(y)).T
        block = design.random[0]
        scores = V @ cluster_scores(left, residual, block.codes, weights)
        # the groups fit their own effects exactly: nothing is left to be robust with
        robust = np.full((len(chosen), len(chosen)), np.nan)
        robust[np.ix_(self._common_, self._common_)] = scores @ scores.T
        self.n_coefficients_ = int(fit.determined.sum()) + len(b)
        self.result_ = LeastSquares(
            coef=np.append(mean, b)[chosen],
            kept=np.array([name in place for name in names], dtype=bool),
            unscaled_cov=joint_cov[np.ix_(chosen, chosen)],
            rss=sum_of_squares(residual, weights),
            tss=total_sum_of_squares(y, weights),
            n_obs=len(y),
            df_resid=len(y) - self.n_coefficients_,
            clusters=(Clusters(block.group, block.n_levels, robust),),
        )

    def _predict_design(self, design):
        if not design.random:
            return design.X @ self._full_coef()
        coef = np.zeros(len(self.result_.kept))
        coef[self.result_.kept] = np.where(self._common_, self.result_.coef, 0.0)
        predicted = design.X @ coef
        codes = design.random[0].codes
        _, columns = gather_effects(design.random)
        # code -1 (unseen) finds the mean at the end
        for column, effect in zip(columns, self._effects_, strict=True):
            predicted += column * effect[codes]
        return predicted

    @property
    def group_coef_(self):
        """Coefficients of every group: its own effects, and the common ones."""
        fixed = self.fixed_effects_
        tables = {}
        for group in self.n_groups_:
            table = pd.DataFrame(
                self._effects_[:, :-1].T,
                index=self.spec_.groups[group].to_index(),
                columns=self._effect_names_,
            )
            names = list(dict.fromkeys([*fixed.index, *table.columns]))
            for name in fixed.index[self._common_]:
                table[name] = fixed[name]
            tables[group] = table[names]
        return tables

    def _fit_lines(self):
        lines = super()._fit_lines()
        if not self.n_groups_:
            return lines
        check_is_fitted(self)
        (group,) = self.n_groups_
        lines.append(
            f"Coefficients: {self.n_coefficients_}, of which {self.extra_df_} because "
            f"every group of {group} has its own"
        )
        means = [n for n in self._effect_names_ if n in self._kept_names()]
        if means:
            lines.append(f"Means over groups, weighted by size: {', '.join(means)}")
        return lines


def mean_effects(fit, own, onto, common_cov):
    """Average the groups' effects, weighted by size.

    Parameters
    ----------
    fit : GroupRegressions
    own : ndarray of shape (k, G)
        Effects of the groups.
    onto : ndarray of shape (k, r, G)
        Coefficients of the r common columns on the groups' effects.
    common_cov : ndarray of shape (r, r)
        Covariance of the common coefficients, over sigma^2.

    Returns
    -------
    mean : ndarray of shape (k,)
        Over the groups that determine every effect, or over all if none does.
    covariance : ndarray of shape (k + r, k + r)
        Of the means and the common coefficients, over sigma^2.
    """
    complete = np.where(fit.complete, fit.total, 0.0)
    share = complete if complete.any() else fit.total
    share = share / share.sum()
    shift = onto @ share
    within = fit.mean_covariance(np.where(fit.complete, share, 0.0))
    shared = shift @ common_cov
    covariance = np.block(
        [[within + shared @ shift.T, -shared], [-shared.T, common_cov]]
    )
    return own @ share, covariance


def gather_effects(blocks):
    """Line up the effects of all terms of one factor, the intercept first.

    Parameters
    ----------
    blocks : sequence of RandomBlock

    Returns
    -------
    names : list of str
    columns : list of ndarray of shape (n,)
    """
    names = [name for block in blocks for name in block.effects]
    columns = [column for block in blocks for column in block.z.T]
    order = sorted(range(len(names)), key=lambda j: names[j] != "Intercept")
    return [names[j] for j in order], [columns[j] for j in order]


def independent_of_groups(X, fit, weights=None):
    """Tell which common columns are left when the groups' effects are taken off.

    Parameters
    ----------
    X : ndarray of shape (n, c)
    fit : GroupRegressions
        With those columns as its first responses.
    weights : ndarray of shape (n,), default=None

    Returns
    -------
    ndarray of bool of shape (c,)
    """
    left = fit.leftover[: X.shape[1], : X.shape[1]]
    spread = np.array(
        [
            total_sum_of_squares(x, weights)
            if x.min() < x.max()
            else sum_of_squares(x, weights)
            for x in X.T
        ]
    )
    return pivots(left, spread)
