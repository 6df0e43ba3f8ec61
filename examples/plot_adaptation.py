"""
What the first rows of a new school are worth
=============================================

Schools are left out of the fit, fold by fold, but for their first k pupils; the pupils
after the twentieth are predicted. A mixed model draws a school of few pupils towards
the others, the less so the more of them are known.
"""

from picture import show

from skmixed import MixedLinearRegressor, compare_models
from skmixed.datasets import load_london_schools
from skmixed.inspection import AdaptationDisplay

schools = load_london_schools().frame.sample(frac=1, random_state=0)
table = compare_models(
    {
        "mixed model": MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)"),
        "no schools": MixedLinearRegressor("exam ~ lrt"),
    },
    schools,
    groups="school",
    first_rows=[0, 1, 2, 3, 5, 10, 20],
)
AdaptationDisplay.from_table(table)
show()
