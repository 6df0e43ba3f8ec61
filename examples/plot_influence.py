"""
Influence of one school
=======================

The model is fitted again without each school in turn. How much do the fixed effects
move, in units of their covariance (Cook's distance)?
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import InfluenceDisplay, influence

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
found = influence(model, schools, level="school")
print(found)
InfluenceDisplay.from_influence(found)
show()
