"""The scikit-learn face: estimators driven by one formula."""

from skmixed.estimators.aggregated import AggregatedLinearRegressor
from skmixed.estimators.interaction import InteractionLinearRegressor
from skmixed.estimators.linear import MixedLinearRegressor
from skmixed.estimators.pooled import PooledLinearRegressor
from skmixed.estimators.separate import SeparateLinearRegressor
from skmixed.warnings import (
    RankDeficiencyWarning,
    RedundantTermWarning,
    SingularFitWarning,
)

__all__ = [
    "AggregatedLinearRegressor",
    "InteractionLinearRegressor",
    "MixedLinearRegressor",
    "PooledLinearRegressor",
    "RankDeficiencyWarning",
    "RedundantTermWarning",
    "SeparateLinearRegressor",
    "SingularFitWarning",
]
