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
from skmixed.formula import FormulaError

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
]
