"""
The origin of time and the correlation of intercept and slope
=============================================================

The intercept is the value at time zero. Move that day, and the correlation of intercept
and slope goes from -1 to +1: the model and its likelihood remain the same.
"""

import numpy as np
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy

sleep = load_sleepstudy().frame
origins, correlations = np.arange(-10, 21), []
for origin in origins:
    moved = sleep.assign(time=sleep["Days"] - origin)
    model = MixedLinearRegressor("Reaction ~ time + (1 + time | Subject)").fit(moved)
    covariance = model.random_effects_cov_["Subject"]
    sd = np.sqrt(np.diag(covariance))
    correlations.append(covariance.iloc[0, 1] / sd.prod())
_, ax = plt.subplots(layout="constrained")
ax.plot(origins, correlations, "o-", color="#0072B2")
ax.axvspan(0, 9, color="0.9", zorder=0, label="days observed")
ax.axhline(0, color="0.3", lw=0.8)
ax.legend(frameon=False)
ax.set(xlabel="day that counts as zero", ylabel="correlation of intercept and slope")
show()
