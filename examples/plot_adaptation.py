"""
What the first rows of a new school are worth
=============================================

Schools are left out of the fit, fold by fold; the model then takes k pupils of each, at
the variances of the fit, and predicts the other pupils of these schools.
"""

import numpy as np
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame.sample(frac=1, random_state=0)
pupil = schools.groupby("school").cumcount()
known, squares = [0, 1, 2, 3, 5, 10, 20], []
for fold in range(5):
    new, later = schools["school"] % 5 == fold, pupil >= 20
    model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools[~new])
    rows = schools[new & later]
    for k in known:
        adapted = model.adapt(schools[new & (pupil < k)]) if k else model
        squares.append(((adapted.predict(rows) - rows["exam"]) ** 2).sum())
rmse = np.sqrt(np.reshape(squares, (5, -1)).sum(axis=0) / later.sum())
_, ax = plt.subplots(layout="constrained")
ax.plot(known, rmse, "o-")
ax.set(xlabel="pupils known of each new school", ylabel="RMSE of later pupils")
show()
