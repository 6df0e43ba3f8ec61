"""
Contrasts, simple slopes and marginal means
===========================================

A model with factors answers many questions; a table of coefficients answers those of
its coding.
"""

from sentences import Say, p

from skmixed import (
    MixedLinearRegressor,
    anova,
    emmeans,
    emtrends,
    johnson_neyman,
    joint_tests,
)
from skmixed.datasets import load_cake, load_london_schools
from skmixed.inspection import SlopesDisplay

# %%
# Is there an effect at all?
# --------------------------
#
# Cakes of three recipes, baked at six temperatures; 15 replicates of each recipe. An F
# test per term does not depend on the coding.

cake = load_cake().frame
model = MixedLinearRegressor("angle ~ recipe * factor(temp) + (1 | recipe:replicate)")
model.fit(cake)
anova(model, ddf="kenward-roger")

# %%
# Which levels differ?
# --------------------
#
# Means of the recipes over all temperatures, each counting once, and their differences:

means = emmeans(model, "recipe", ddf="kenward-roger")
means.pairs

# %%
# Questions of one's own are weights: the first recipe against the others.

means.contrasts({"A - mean of B and C": [1, -0.5, -0.5]})

# %%
# Within each temperature (simple effects):

joint_tests(model, by="temp")

# %%
# A slope that depends
# --------------------
#
# With a number in place of the factor the question becomes one of slopes.

line = MixedLinearRegressor("angle ~ recipe * temp + (1 | recipe:replicate)").fit(cake)
emtrends(line, "temp", "recipe")

# %%
# Where two numbers interact, a slope is a line of its own: where does it differ from
# zero?

schools = load_london_schools().frame
both = MixedLinearRegressor("exam ~ lrt * school_avg + (lrt | school)").fit(schools)
SlopesDisplay.from_estimator(both, schools, "school_avg", "lrt")

# %%

johnson_neyman(both, "school_avg", "lrt", bounds=(-3, 3))

# %%
# What to write
# -------------

alike = MixedLinearRegressor("angle ~ recipe + temp + (1 | recipe:replicate)").fit(cake)
table = anova(line).frame.loc["recipe:temp"]
slope = alike.summary().fixed.loc["temp"]
Say(
    f"The angle of breakage rose by {slope['estimate']:.3f} per degree "
    f"(95 % CI {slope['lower']:.3f} to {slope['upper']:.3f}), alike for the three "
    f"recipes (interaction F({table['num_df']:.0f}, {table['den_df']:.0f}) = "
    f"{table['F']:.2f}, {p(table['p'])})."
)
