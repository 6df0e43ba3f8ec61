"""Linear mixed models with lme4's formulas, as scikit-learn estimators."""

from skmixed.estimators import (
    MixedLinearRegressor,
    RankDeficiencyWarning,
    SingularFitWarning,
)
from skmixed.formula import FormulaError

__version__ = "0.1.0"

__all__ = [
    "FormulaError",
    "MixedLinearRegressor",
    "RankDeficiencyWarning",
    "SingularFitWarning",
]
