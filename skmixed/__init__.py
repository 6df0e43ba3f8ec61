"""Linear mixed models with lme4's formulas, as scikit-learn estimators."""

import importlib

from skmixed.baselines import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
    compare_approaches,
    five_approaches,
    naive_vs_mixed,
)
from skmixed.estimators import MixedEffectsRegressor, MixedLinearRegressor
from skmixed.estimators.classifiers import (
    MixedLogisticClassifier,
    MixedOrdinalClassifier,
)
from skmixed.estimators.covariances import compare_covariances
from skmixed.estimators.deletions import drop_fixed_terms, drop_random_terms
from skmixed.estimators.encoder import RandomEffectEncoder
from skmixed.estimators.hypotheses import anova, contrast_test
from skmixed.estimators.many import fit_many
from skmixed.estimators.memory import estimate_memory
from skmixed.estimators.mixed_regressors import (
    MixedGammaRegressor,
    MixedInverseGaussianRegressor,
    MixedNegativeBinomialRegressor,
    MixedPoissonRegressor,
)
from skmixed.estimators.permutations import permutation_test
from skmixed.estimators.pooling import pool
from skmixed.estimators.power import simulate_power
from skmixed.estimators.ratio_tests import bootstrap_test, likelihood_ratio_test
from skmixed.estimators.robust import cluster_robust
from skmixed.estimators.sentences import describe
from skmixed.estimators.shares import MixedBetaRegressor, MixedBinomialRegressor
from skmixed.estimators.statistics import Statistics
from skmixed.estimators.visits import visit_table
from skmixed.formula import FormulaError
from skmixed.inference.fixed.emmeans import emmeans
from skmixed.inference.fixed.emtrends import emtrends, johnson_neyman
from skmixed.inference.fixed.joint_tests import joint_tests
from skmixed.inference.report.model_table import compare_table
from skmixed.interop.marginaleffects import as_marginaleffects
from skmixed.interop.plain import from_dict, to_dict
from skmixed.interop.skops import trusted_types
from skmixed.model_selection import compare_models
from skmixed.warnings import (
    LaplaceAccuracyWarning,
    RankDeficiencyWarning,
    RedundantTermWarning,
    SeparationWarning,
    SingularFitWarning,
)

__version__ = "0.2.0.dev0"

# Loaded when they are first asked for.
_PACKAGES = ("datasets", "inspection", "interop", "model_selection")
_NAMES = {"describe_occasions": "skmixed.inspection.occasion_table"}

__all__ = [
    "AggregatedLinearRegressor",
    "FormulaError",
    "InteractionLinearRegressor",
    "LaplaceAccuracyWarning",
    "MixedBetaRegressor",
    "MixedBinomialRegressor",
    "MixedEffectsRegressor",
    "MixedGammaRegressor",
    "MixedInverseGaussianRegressor",
    "MixedLinearRegressor",
    "MixedLogisticClassifier",
    "MixedNegativeBinomialRegressor",
    "MixedOrdinalClassifier",
    "MixedPoissonRegressor",
    "PooledLinearRegressor",
    "RandomEffectEncoder",
    "RankDeficiencyWarning",
    "RedundantTermWarning",
    "SeparateLinearRegressor",
    "SeparationWarning",
    "SingularFitWarning",
    "Statistics",
    "anova",
    "as_marginaleffects",
    "bootstrap_test",
    "cluster_robust",
    "compare_approaches",
    "compare_covariances",
    "compare_models",
    "compare_table",
    "contrast_test",
    "describe",
    "describe_occasions",
    "drop_fixed_terms",
    "drop_random_terms",
    "emmeans",
    "emtrends",
    "estimate_memory",
    "fit_many",
    "five_approaches",
    "from_dict",
    "johnson_neyman",
    "joint_tests",
    "likelihood_ratio_test",
    "naive_vs_mixed",
    "permutation_test",
    "pool",
    "simulate_power",
    "to_dict",
    "trusted_types",
    "visit_table",
]


def __getattr__(name):
    if name in _PACKAGES:
        return importlib.import_module(f"skmixed.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'skmixed' has no attribute {name!r}")


def __dir__():
    return sorted({"__version__", *__all__, *_PACKAGES})
