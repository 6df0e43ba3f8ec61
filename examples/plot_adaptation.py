"""
What the first rows of a new school are worth
=============================================

Schools are left out of the fit; the model then takes k pupils of each, its variances
held, and predicts the other pupils of these schools.
"""

import numpy as np
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame.sample(frac=1, random_state=0)
new = schools["school"] % 5 == 0
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools[~new])
pupil = schools[new].groupby("school").cumcount()
later, errors = schools[new][pupil >= 20], []
known = [0, 1, 2, 3, 5, 10, 20]
for k in known:
    first = schools[new][pupil < k]
    adapted = model.adapt(first) if k else model
    errors.append(np.sqrt(np.mean((adapted.predict(later) - later["exam"]) ** 2)))
_, ax = plt.subplots(layout="constrained")
ax.plot(known, errors, "o-")
ax.set(xlabel="pupils known of each new school", ylabel="RMSE of later pupils")
show()
