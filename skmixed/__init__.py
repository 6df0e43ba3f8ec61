"""Linear mixed models with lme4's formulas, as scikit-learn estimators."""

from skmixed.estimators import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    RankDeficiencyWarning,
    SeparateLinearRegressor,
    SingularFitWarning,
)
from skmixed.estimators.hypotheses import (
    anova,
    contrast_test,
    likelihood_ratio_test,
)
from skmixed.estimators.memory import estimate_memory
from skmixed.formula import FormulaError
from skmixed.inference.emmeans import emmeans

__version__ = "0.1.0"

__all__ = [
    "AggregatedLinearRegressor",
    "FormulaError",
    "InteractionLinearRegressor",
    "MixedLinearRegressor",
    "PooledLinearRegressor",
    "RankDeficiencyWarning",
    "SeparateLinearRegressor",
    "SingularFitWarning",
    "anova",
    "contrast_test",
    "emmeans",
    "estimate_memory",
    "likelihood_ratio_test",
]
