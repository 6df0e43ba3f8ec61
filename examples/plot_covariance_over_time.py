"""
Covariance over time, fitted and seen
=====================================

Residuals of one person covary from day to day. Dots are what the data show, lines what
the model says: spread grows, which ``ar1h`` follows. Its correlations go on falling,
while those of the data level off: a part of what makes persons differ stays.
"""

from picture import show

from skmixed import MixedLinearRegressor, compare_covariances
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import CovarianceDisplay

sleep = load_sleepstudy().frame
model = MixedLinearRegressor("Reaction ~ Days", residual="ar1h(Days | Subject)")
print(compare_covariances(model, sleep))
CovarianceDisplay.from_estimator(model.fit(sleep), sleep)
show()
