"""
A known school and a new one
============================

Prediction intervals for a pupil of school 53, and for a pupil of a school that the
model has not seen: there, how much schools differ makes the interval wider.
"""

import numpy as np
import pandas as pd
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
lrt = np.linspace(-2.5, 2.5, 50)
_, ax = plt.subplots(layout="constrained")
for school, label, colour in ((0, "new school", "0.4"), (53, "school 53", "#0072B2")):
    pupils = pd.DataFrame({"lrt": lrt, "school": school})
    ax.plot(lrt, model.predict(pupils), color=colour, label=label)
    band = model.predict_interval(pupils).T
    ax.fill_between(lrt, *band, color=colour, alpha=0.2, lw=0)
ax.legend(frameon=False)
ax.set(xlabel="lrt", ylabel="exam, with 95 % prediction interval")
show()
