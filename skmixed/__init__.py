"""Linear mixed models with lme4's formulas, as scikit-learn estimators."""

from skmixed.estimators import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    RankDeficiencyWarning,
    RedundantTermWarning,
    SeparateLinearRegressor,
    SingularFitWarning,
)
from skmixed.estimators.hypotheses import (
    anova,
    bootstrap_test,
    contrast_test,
    likelihood_ratio_test,
)
from skmixed.estimators.many import fit_many
from skmixed.estimators.memory import estimate_memory
from skmixed.formula import FormulaError
from skmixed.inference.emmeans import emmeans
from skmixed.inference.marginal_effects import as_marginaleffects
from skmixed.inference.occasions import describe_occasions
from skmixed.inference.report import compare_table
from skmixed.model_selection import (
    compare_approaches,
    compare_models,
    five_approaches,
    naive_vs_mixed,
)

__version__ = "0.1.0"

__all__ = [
    "AggregatedLinearRegressor",
    "FormulaError",
    "InteractionLinearRegressor",
    "MixedLinearRegressor",
    "PooledLinearRegressor",
    "RankDeficiencyWarning",
    "RedundantTermWarning",
    "SeparateLinearRegressor",
    "SingularFitWarning",
    "anova",
    "as_marginaleffects",
    "bootstrap_test",
    "compare_approaches",
    "compare_models",
    "compare_table",
    "contrast_test",
    "describe_occasions",
    "emmeans",
    "estimate_memory",
    "fit_many",
    "five_approaches",
    "likelihood_ratio_test",
    "naive_vs_mixed",
]
