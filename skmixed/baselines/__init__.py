"""The lecture's other approaches to grouped data."""

from skmixed.baselines.aggregated import AggregatedLinearRegressor
from skmixed.baselines.approaches import (
    compare_approaches,
    five_approaches,
    naive_vs_mixed,
)
from skmixed.baselines.interaction import InteractionLinearRegressor
from skmixed.baselines.pooled import PooledLinearRegressor
from skmixed.baselines.separate import SeparateLinearRegressor

__all__ = [
    "AggregatedLinearRegressor",
    "InteractionLinearRegressor",
    "PooledLinearRegressor",
    "SeparateLinearRegressor",
    "compare_approaches",
    "five_approaches",
    "naive_vs_mixed",
]
