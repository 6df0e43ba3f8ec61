"""Pictures of a model, and numbers that say what is wrong with it."""

from skmixed.inspection.check_model import ModelReport, check_model
from skmixed.inspection.group_lines import GroupLinesDisplay
from skmixed.inspection.influence import Influence, influence
from skmixed.inspection.random_effects import RandomEffectsDisplay
from skmixed.inspection.residuals import ResidualsDisplay
from skmixed.inspection.shrinkage import ShrinkageDisplay
from skmixed.inspection.simulated_residuals import (
    SimulatedResiduals,
    simulated_residuals,
)
from skmixed.inspection.trajectories import TrajectoriesDisplay

__all__ = [
    "GroupLinesDisplay",
    "Influence",
    "ModelReport",
    "RandomEffectsDisplay",
    "ResidualsDisplay",
    "ShrinkageDisplay",
    "SimulatedResiduals",
    "TrajectoriesDisplay",
    "check_model",
    "influence",
    "simulated_residuals",
]
