"""
Shrinkage
=========

Every arrow starts at the regression of one school alone and ends where the mixed model
puts the school: nearer to the population, the less its pupils say.
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import ShrinkageDisplay

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
ShrinkageDisplay.from_estimator(model, highlight=[28, 53])
show()
