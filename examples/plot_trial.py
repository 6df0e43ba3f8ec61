"""
A trial with dropout: means by visit
====================================

Patients who do badly leave, so that the mean of those who are left is too good. The
model of all rows estimates the means as if nobody had left. Above, marginal means with
the patients seen; below, the difference between the arms, which decides.
"""

from picture import show

from skmixed import MixedLinearRegressor, visit_table
from skmixed.datasets import make_trial
from skmixed.inspection import VisitsDisplay

X, y = make_trial(300, dropout=0.4, random_state=0)
model = MixedLinearRegressor("~ arm * C(visit)", residual="us(visit | subject)")
table = visit_table(model.fit(X, y), X, y, treatment="arm")
print(table)
VisitsDisplay.from_table(table)
show()
