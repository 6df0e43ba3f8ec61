"""The scikit-learn face: estimators driven by one formula."""

from skmixed.estimators.linear import MixedLinearRegressor
from skmixed.estimators.warnings import RankDeficiencyWarning, SingularFitWarning

__all__ = ["MixedLinearRegressor", "RankDeficiencyWarning", "SingularFitWarning"]
