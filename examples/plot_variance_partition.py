"""
Where the variance is
=====================

How much of the variance of exam results the predictors explain, how much lies between
schools, and how much between the pupils of a school.
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import VarianceDisplay

schools = load_london_schools().frame
formulas = ["1", "lrt", "lrt + gender + school_avg"]
models = [
    MixedLinearRegressor(f"exam ~ {predictors} + (1 | school)").fit(schools)
    for predictors in formulas
]
VarianceDisplay.from_estimator(models)
show()
