"""
A cross-level interaction
=========================

Whether the company of able pupils pays depends on the pupil: the slope of the school's
mean intake, along the intake of the pupil.
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import SlopesDisplay

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt * school_avg + (lrt | school)").fit(schools)
SlopesDisplay.from_estimator(model, schools, "school_avg", "lrt")
show()
