"""Pictures of a model, and numbers that say what is wrong with it."""

from skmixed.inspection.adaptation import AdaptationDisplay
from skmixed.inspection.approaches import ApproachesDisplay
from skmixed.inspection.check_model import ModelReport, check_model
from skmixed.inspection.covariance import CovarianceDisplay
from skmixed.inspection.cross_validation import CrossValidationDisplay
from skmixed.inspection.group_lines import GroupLinesDisplay
from skmixed.inspection.influence import Influence, influence
from skmixed.inspection.influence_display import InfluenceDisplay
from skmixed.inspection.occasions import OccasionsDisplay
from skmixed.inspection.power import PowerDisplay
from skmixed.inspection.profiles import ProfileDisplay
from skmixed.inspection.random_effects import RandomEffectsDisplay
from skmixed.inspection.residuals import ResidualsDisplay
from skmixed.inspection.shrinkage import ShrinkageDisplay
from skmixed.inspection.simulated_residuals import (
    SimulatedResiduals,
    simulated_residuals,
)
from skmixed.inspection.slopes import SlopesDisplay
from skmixed.inspection.trajectories import TrajectoriesDisplay
from skmixed.inspection.variance import VarianceDisplay
from skmixed.inspection.variogram import VariogramDisplay
from skmixed.inspection.visits import VisitsDisplay

__all__ = [
    "AdaptationDisplay",
    "ApproachesDisplay",
    "CovarianceDisplay",
    "CrossValidationDisplay",
    "GroupLinesDisplay",
    "Influence",
    "InfluenceDisplay",
    "ModelReport",
    "OccasionsDisplay",
    "PowerDisplay",
    "ProfileDisplay",
    "RandomEffectsDisplay",
    "ResidualsDisplay",
    "ShrinkageDisplay",
    "SimulatedResiduals",
    "SlopesDisplay",
    "TrajectoriesDisplay",
    "VarianceDisplay",
    "VariogramDisplay",
    "VisitsDisplay",
    "check_model",
    "influence",
    "simulated_residuals",
]
