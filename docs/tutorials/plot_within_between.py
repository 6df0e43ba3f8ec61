"""
Within and between
==================

Pupils with better tests do better; so do schools of better pupils. That is two slopes,
and a model with one reports a mixture.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sentences import Say

from skmixed import MixedLinearRegressor, contrast_test
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame
one = MixedLinearRegressor("exam ~ lrt + (1 | school)").fit(schools)
two = MixedLinearRegressor(
    "exam ~ within(lrt, school) + between(lrt, school) + (1 | school)"
).fit(schools)
two.summary()

# %%
# The two slopes in one picture: pupils of a school follow one line, the means of
# schools another.

means = schools.groupby("school")[["lrt", "exam"]].mean()
a, w, b = two.fixed_effects_
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for school in (28, 53, 1, 17):
    x = schools.loc[schools["school"] == school, "lrt"].to_numpy()
    x = np.array([x.min(), x.max()])
    middle = means.loc[school, "lrt"]
    effect = two.random_effects_["school"].loc[school, "Intercept"]
    ax.plot(x, a + b * middle + effect + w * (x - middle), color="tab:blue", lw=1)
ax.plot(means["lrt"], means["exam"], ".", color="0.5", ms=4)
ends = np.array([means["lrt"].min(), means["lrt"].max()])
ax.plot(ends, a + b * ends, color="black", lw=2)
ax.set(xlabel="lrt", ylabel="exam")
ax.set_title("blue: within four schools; black: between schools", fontsize=9)

# %%
# Do they differ?
# ---------------

names = list(two.fixed_effects_.index)
contrast_test(two, {names[2]: 1, names[1]: -1})

# %%
# The mixture
# -----------
#
# The slope of the model with one lies between the two, nearer to that within, for most
# of the information is there.

Say(
    f"Within {w:.3f}, between {b:.3f}, one slope for both "
    f"{one.fixed_effects_['lrt']:.3f}."
)

# %%
# When the two have opposite signs (Simpson's paradox) the mixture describes nobody.

rng = np.random.default_rng(1)
school = np.repeat(np.arange(12), 30)
centre = school - 5.5
x = centre + rng.normal(size=len(school))
y = 1.0 * centre - 0.8 * (x - centre) + rng.normal(size=len(school))
paradox = pd.DataFrame({"x": x, "y": y, "school": school})
model = MixedLinearRegressor("y ~ x + (1 | school)").fit(paradox)
pooled = np.polyfit(x, y, 1)[0]
Say(
    "Simulated with -0.8 within: the mixed model says "
    f"{model.fixed_effects_['x']:.2f}, pooled least squares {pooled:.2f}."
)

# %%
# What to write
# -------------

interval = two.summary().fixed
low = interval["lower"]
high = interval["upper"]
Say(
    "The reading test was split into the school's mean and the pupil's deviation from "
    f"it. Within schools the slope was {w:.2f} (95 % CI {low.iloc[1]:.2f} to "
    f"{high.iloc[1]:.2f}), between schools {b:.2f} ({low.iloc[2]:.2f} to "
    f"{high.iloc[2]:.2f})."
)
