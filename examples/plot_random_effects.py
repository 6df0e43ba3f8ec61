"""
Caterpillar plot
================

How far does each school deviate from the average line, in intercept and in slope? The
intervals are wide where a school has few pupils (48 has two).
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import RandomEffectsDisplay

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
RandomEffectsDisplay.from_estimator(model, highlight=[28, 48])
RandomEffectsDisplay.from_estimator(model, kind="qq", highlight=[28, 48])
show()
