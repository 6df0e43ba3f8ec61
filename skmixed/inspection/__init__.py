"""Pictures of a model, and numbers that say what is wrong with it."""

from skmixed.inspection.group_lines import GroupLinesDisplay
from skmixed.inspection.random_effects import RandomEffectsDisplay
from skmixed.inspection.residuals import ResidualsDisplay
from skmixed.inspection.shrinkage import ShrinkageDisplay
from skmixed.inspection.trajectories import TrajectoriesDisplay

__all__ = [
    "GroupLinesDisplay",
    "RandomEffectsDisplay",
    "ResidualsDisplay",
    "ShrinkageDisplay",
    "TrajectoriesDisplay",
]
