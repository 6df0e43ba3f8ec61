"""
Influence of one school
=======================

The model is fitted again without each school in turn. How much do the fixed effects
move, in units of their covariance (Cook's distance)?
"""

from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import influence

schools = load_london_schools().frame
model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
found = influence(model, schools, level="school")
print(found)
distance = found.table["cooks_distance"].sort_values()
_, ax = plt.subplots(layout="constrained")
ax.stem(range(len(distance)), distance)
for place, school in list(enumerate(distance.index))[-2:]:
    ax.annotate(f"school {school}  ", (place, distance[school]), ha="right")
ax.set(xlabel="schools, sorted", ylabel="Cook's distance")
show()
