"""
Five approaches, one forest plot
================================

The slope of exam on reading test from five analyses of the same pupils: the estimates
differ, and so do the standard errors that they claim.
"""

from picture import show

from skmixed import compare_approaches
from skmixed.datasets import load_london_schools
from skmixed.inspection import ApproachesDisplay

schools = load_london_schools().frame
table = compare_approaches("exam ~ lrt + (1 + lrt | school)", schools)
print(table)
ApproachesDisplay.from_table(table)
show()
