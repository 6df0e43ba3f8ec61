"""
Where the variance is
=====================

How much of the variance of exam results the predictors explain, how much lies between
schools, and how much between the pupils of a school.
"""

import pandas as pd
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame
parts = {}
for predictors in ("1", "lrt", "lrt + gender + school_avg"):
    model = MixedLinearRegressor(f"exam ~ {predictors} + (1 | school)").fit(schools)
    parts[predictors] = model.variance_partition()["variance"]
table = pd.DataFrame(parts).T[["Fixed effects", "school", "Residual"]].fillna(0.0)
_, ax = plt.subplots(figsize=(8, 3), layout="constrained")
table.plot.barh(ax=ax, stacked=True, color=["#009E73", "#0072B2", "0.75"])
ax.invert_yaxis()
ax.set(xlabel="variance of exam", ylabel="predictors")
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
show()
