"""The fitted effects as labelled tables, made from arrays when asked for."""

import pandas as pd
from sklearn.utils.validation import check_is_fitted


class EffectsMixin:
    """Label the arrays of ``result_`` with the names that the design knows.

    The estimator keeps arrays only, so that it can be stored anywhere and
    cross-validation does not pay for tables that nobody reads.
    """

    def __sklearn_is_fitted__(self):
        return hasattr(self, "result_")

    @property
    def fixed_effects_(self):
        """Fixed effects with the intercept (lme4: ``fixef``)."""
        names = self._kept_names()
        return pd.Series(self.result_.coef, index=names, name="estimate")

    @property
    def fixed_effects_cov_(self):
        """Covariance matrix of the fixed effects (lme4: ``vcov``)."""
        names = self._kept_names()
        return pd.DataFrame(self.result_.coef_cov, index=names, columns=names)

    @property
    def random_effects_(self):
        """Conditional modes of every grouping factor (lme4: ``ranef``)."""
        return {
            group: pd.DataFrame(modes, index=self._levels(group), columns=effects)
            for group, effects, modes in self._by_factor("modes")
        }

    @property
    def random_effects_cov_(self):
        """Covariance matrix of the effects of every factor (lme4: ``VarCorr``)."""
        return {
            group: pd.DataFrame(covariance, index=effects, columns=effects)
            for group, effects, covariance in self._by_factor("covariances")
        }

    @property
    def conditional_cov_(self):
        """Covariances of the random effects given the data (lme4: ``condVar``)."""
        return {
            group: cov.copy() for group, _, cov in self._by_factor("mode_covariances")
        }

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

    def _by_factor(self, attribute):
        check_is_fitted(self)
        values = getattr(self.result_, attribute)
        effects = map(list, self.result_.effects)
        return zip(self.result_.groups, effects, values, strict=True)
