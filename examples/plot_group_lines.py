"""
No, partial and complete pooling
================================

Exam on reading test in 65 London schools: one line for all, one regression per school,
and the two mixed models between them. School 28 alone looks quite different.
"""

from picture import show

from skmixed.datasets import load_london_schools
from skmixed.inspection import GroupLinesDisplay

schools = load_london_schools().frame
GroupLinesDisplay.from_data(schools, x="lrt", y="exam", group="school", highlight=28)
show()
