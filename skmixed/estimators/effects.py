"""The fitted effects as labelled tables, made from arrays when asked for."""

import numpy as np
import pandas as pd

from skmixed.inference.opened.fitted import fitted


class EffectsMixin:
    """Label the arrays of ``fitted_`` with the names that the design knows.

    The estimator keeps arrays only, so that it can be stored anywhere and
    cross-validation does not pay for tables that nobody reads.
    """

    def __sklearn_is_fitted__(self):
        return hasattr(self, "fitted_")

    @property
    def _asked(self):
        """What is fitted, of whatever family."""
        return fitted(self, residual=True, generalized=True)

    @property
    def result_(self):
        """The fit as arrays."""
        return self.fitted_.result

    def _publish(self, fit):
        """Set the fitted attributes that cost nothing."""
        self.fitted_, result = fit, fit.result
        self._publish_coefficients(result.coef)
        self.loglik_, self.deviance_ = result.loglik, result.deviance
        self.aic_, self.bic_ = result.aic, result.bic
        self.converged_, self.n_iter_ = result.converged, result.n_iter
        self.singular_, self.solver_ = result.singular, result.solver
        self.loglik_se_ = result.loglik_se
        self.df_resid_ = result.df_resid
        self.n_groups_ = dict(zip(result.groups, result.n_levels, strict=True))

    @property
    def theta_(self):
        """Covariance parameters relative to sigma, in lme4's order."""
        return self.fitted_.result.theta

    @property
    def theta_mc_se_(self):
        """Standard errors of ``theta_`` over random probes, zeros where it is exact."""
        result = self.fitted_.result
        errors = result.theta_mc_se
        return np.zeros_like(result.theta) if errors is None else errors

    @property
    def fixed_effects_(self):
        """Fixed effects with the intercept (lme4: ``fixef``)."""
        fit = self._asked
        return pd.Series(fit.result.coef, index=fit.names, name="estimate")

    @property
    def fixed_effects_cov_(self):
        """Covariance matrix of the fixed effects (lme4: ``vcov``)."""
        fit = self._asked
        return pd.DataFrame(fit.result.coef_cov, index=fit.names, columns=fit.names)

    @property
    def random_effects_(self):
        """Conditional modes of every grouping factor (lme4: ``ranef``)."""
        fit = self._asked
        return {
            group: pd.DataFrame(modes, fit.spec.groups[group].to_index(), effects)
            for group, effects, modes in self._by_factor(fit.result.modes)
        }

    @property
    def random_effects_cov_(self):
        """Covariance matrix of the effects of every factor (lme4: ``VarCorr``)."""
        return {
            group: pd.DataFrame(covariance, index=effects, columns=effects)
            for group, effects, covariance in self._by_factor(
                self._asked.result.covariances
            )
        }

    @property
    def conditional_cov_(self):
        """Covariances of the random effects given the data (lme4: ``condVar``)."""
        covariances = self._asked.mode_covariances
        return {group: cov.copy() for group, _, cov in self._by_factor(covariances)}

    @property
    def group_coef_(self):
        """Fixed plus random effects of every group (lme4: ``coef``)."""
        fixed = self.fixed_effects_
        tables = {}
        for group, random in self.random_effects_.items():
            names = list(dict.fromkeys([*fixed.index, *random.columns]))
            tables[group] = random.reindex(columns=names, fill_value=0.0).add(
                fixed.reindex(names, fill_value=0.0)
            )
        return tables

    def random_effects_frame(self):
        """Conditional modes of all grouping factors as one table, to store or join.

        Returns
        -------
        DataFrame
            A row per factor, group and effect: ``factor``, ``group`` (of an interaction
            its labels with ``:``), ``effect``, ``estimate`` and ``std_error``, that of
            the mode given the data (lme4: ``as.data.frame(ranef(model))``).

        See Also
        --------
        adapt : The same model with more rows.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model.fit(load_sleepstudy().frame).random_effects_frame().head(2).round(1)
            factor group     effect  estimate  std_error
        0  Subject   308  Intercept       2.3       12.1
        1  Subject   308       Days       9.2        2.3
        """
        columns = ["factor", "group", "effect", "estimate", "std_error"]
        fit, parts = self._asked, [pd.DataFrame(columns=columns)]
        for group, effects, modes in self._by_factor(fit.result.modes):
            variances = np.einsum("gkk->gk", self.conditional_cov_[group])
            parts.append(
                pd.DataFrame(
                    {
                        "factor": group,
                        "group": np.repeat(fit.spec.groups[group].labels, len(effects)),
                        "effect": np.tile(list(effects), len(modes)),
                        "estimate": np.ravel(modes),
                        "std_error": np.sqrt(np.maximum(variances, 0.0)).ravel(),
                    }
                )
            )
        return pd.concat(parts[1:] or parts, ignore_index=True)

    def _by_factor(self, values):
        result = self.result_
        return zip(result.groups, map(list, result.effects), values, strict=True)
