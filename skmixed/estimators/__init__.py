"""The scikit-learn face: estimators driven by one formula."""

from skmixed.estimators.around import MixedEffectsRegressor
from skmixed.estimators.linear import MixedLinearRegressor

__all__ = ["MixedEffectsRegressor", "MixedLinearRegressor"]
