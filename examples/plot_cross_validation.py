"""
Known groups and new groups
===========================

Random effects predict better where the school is known. For schools that the model has
never seen, they have nothing to say.
"""

from picture import show

from skmixed import compare_models
from skmixed.datasets import load_london_schools
from skmixed.inspection import CrossValidationDisplay

schools = load_london_schools().frame
formulas = [
    "exam ~ lrt",
    "exam ~ lrt + (1 | school)",
    "exam ~ lrt + (1 + lrt | school)",
]
table = compare_models(formulas, schools, per_fold=True)
CrossValidationDisplay.from_table(table)
show()
