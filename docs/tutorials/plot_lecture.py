"""
The lecture on one page
=======================

An introduction to multilevel models: pupils in schools, then people over time. Each
section asks a question and answers it with a picture, with sentences whose numbers are
computed here, and with the code, which unfolds.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sentences import Say, p

from skmixed import (
    MixedLinearRegressor,
    SingularFitWarning,
    compare_approaches,
    compare_covariances,
    describe_occasions,
    likelihood_ratio_test,
    naive_vs_mixed,
)
from skmixed.datasets import load_london_schools, load_sleepstudy
from skmixed.inspection import (
    ApproachesDisplay,
    GroupLinesDisplay,
    OccasionsDisplay,
    SlopesDisplay,
    VarianceDisplay,
)

plt.rcParams["font.size"] = 9
schools = load_london_schools().frame

# %%
# Part 1: pupils in schools
# -------------------------
#
# 1. Five ways to analyse them: what does each one see?
# .....................................................
#
# The exam of 4059 pupils at 16, their reading test (``lrt``) at 11, 65 schools.

formula = "exam ~ lrt + (1 + lrt | school)"
table = compare_approaches(formula, schools)
ApproachesDisplay.from_table(table, coefs=["lrt"])

# %%


def slope(name):
    """Slope of ``lrt`` and its standard error."""
    fixed = table.models[name].summary().fixed.loc["lrt"]
    both = ("mean", "sem") if "mean" in fixed else ("estimate", "std_error")
    return "{:.3f} ({:.3f})".format(*fixed[list(both)])


spread = table.models["separate"].summary().fixed.loc["lrt"]
alone = table.models["separate"].group_coef_["school"].loc[28, "lrt"]
drawn = table.models["mixed"].group_coef_["school"].loc[28, "lrt"]
extra = table.frame["extra_df"]
Say(
    f"1 aggregated: {schools['school'].nunique()} means, slope {slope('aggregated')}, "
    "a statement about schools, not about pupils.",
    f"2 pooled: {slope('pooled')}, as if {len(schools)} pupils were independent.",
    f"3 separate: 65 slopes with mean {spread['mean']:.3f} and standard deviation "
    f"{spread['sd']:.3f}; that of school 28 is {alone:.3f}.",
    f"4 interaction: the same lines with {extra['interaction']} parameters more.",
    f"5 mixed: {slope('mixed')} with {extra['mixed']} parameters more, and every "
    f"school keeps a line of its own: the slope of school 28 is drawn to {drawn:.3f}.",
)

# %%
# 2. Do schools differ in level only, or in slope too?
# ....................................................

intercept = MixedLinearRegressor("exam ~ lrt + (1 | school)").fit(schools)
slopes = MixedLinearRegressor(formula).fit(schools)
figure, axes = plt.subplots(1, 2, figsize=(5.4, 2.8), sharex=True, sharey=True)
for ax, model in zip(axes, (intercept, slopes), strict=True):
    GroupLinesDisplay.from_estimator(model, schools, highlight=28, ax=ax)

# %%

test = likelihood_ratio_test(intercept, slopes).iloc[1]
sd = np.sqrt(np.diag(slopes.random_effects_cov_["school"]))
low, high = slopes.fixed_effects_["lrt"] + 1.96 * sd[1] * np.array([-1, 1])
Say(
    f"Schools differ in slope (likelihood ratio {test['chi2']:.1f}, "
    f"{p(test['p_mixture'])}, reference {test['reference']}): the standard deviation "
    f"between schools is {sd[0]:.2f} for the level and {sd[1]:.2f} for the slope, so "
    f"that 95 % of schools have slopes between {low:.2f} and {high:.2f}."
)

# %%
# 3. Can the effect of a category vary, too?
# ..........................................
#
# The difference between boys and girls is a slope like any other.

gender = MixedLinearRegressor("exam ~ lrt + gender + (1 | school)").fit(schools)
varying = MixedLinearRegressor("exam ~ lrt + gender + (1 + gender | school)")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", SingularFitWarning)  # the sentence says it
    varying.fit(schools)
test = likelihood_ratio_test(gender, varying).iloc[1]
gap = gender.fixed_effects_["gender[T.M]"]
Say(
    f"Boys score {-gap:.2f} below girls of the same reading test. That this gap varies "
    f"between schools is not supported (likelihood ratio {test['chi2']:.2f}, "
    f"{p(test['p_mixture'])}{'; the fit is singular' if varying.singular_ else ''})."
)

# %%
# 4. How much of the variance is between schools?
# ...............................................

null = MixedLinearRegressor("exam ~ 1 + (1 | school)").fit(schools)
VarianceDisplay.from_estimator(null)

# %%

icc = null.icc().loc["school"]
worth = null.design_effect()["school"]
Say(
    f"{100 * icc['adjusted']:.0f} % (ICC {icc['adjusted']:.3f}, 95 % CI "
    f"{icc['lower']:.2f} to {icc['upper']:.2f}). The design effect is {worth:.1f}: for "
    f"a mean, {len(schools)} pupils are worth {len(schools) / worth:.0f}."
)

# %%
# 5. What does it cost to ignore the schools?
# ...........................................

both = "exam ~ lrt + gender + school_gender + school_avg + (1 | school)"
compared = naive_vs_mixed(both, schools)
ratio = compared.frame["ratio"].drop("Intercept").sort_values()
figure, ax = plt.subplots(figsize=(5.4, 2.2), layout="constrained")
ax.barh(ratio.index, ratio, color=["tab:orange" if r > 1.05 else "0.75" for r in ratio])
ax.axvline(1, color="black", lw=0.8)
ax.set_xlabel("standard error of the mixed model / naive one")

# %%

Say(
    f"The standard error of {ratio.index[-1]} is {ratio.iloc[-1]:.1f} times the naive "
    f"one, as if every pupil had been counted {ratio.iloc[-1] ** 2:.1f} times; those "
    "of pupils' variables hardly change. Variables of schools are what comes out "
    "falsely significant."
)

# %%
# 6. Does a property of the school change a slope of its pupils?
# ..............................................................

cross = MixedLinearRegressor("exam ~ lrt * school_avg + gender + (1 + lrt | school)")
cross.fit(schools)
SlopesDisplay.from_estimator(cross, schools, "lrt", "school_avg")

# %%

term = cross.summary().fixed.loc["lrt:school_avg"]
Say(
    "Cross-level interaction: with each unit more of the school's mean intake the "
    f"slope of lrt is steeper by {term['estimate']:.2f} (95 % CI {term['lower']:.2f} "
    f"to {term['upper']:.2f}, t({term['df']:.0f}) = {term['t']:.2f}, {p(term['p'])})."
)

# %%
# In the equations it stands at level 2, under the slope:

cross.equations()

# %%
# Part 2: people over time
# ------------------------
#
# 7. Why are repeated measurements not independent?
# .................................................
#
# Reaction times of 18 people over ten days with three hours of sleep.

sleep = load_sleepstudy().frame
OccasionsDisplay.from_data(sleep, "Reaction", "Days", "Subject")

# %%

seen = describe_occasions(sleep, "Reaction", "Days", "Subject")
spread, tie = seen.table["sd"], seen.correlation.to_numpy()
Say(
    f"The standard deviation grows from {spread.iloc[0]:.0f} to {spread.iloc[-1]:.0f} "
    f"ms, and the correlation of neighbouring days, {np.diag(tie, -1).mean():.2f}, "
    f"falls to {tie[-1, 0]:.2f} over nine days. A random intercept alone would hold "
    "both constant; a random slope of days does not."
)

# %%
# A line for everyone, or a covariance of residuals
# .................................................
#
# Random intercepts and slopes are one description of that covariance; patterns of the
# residuals are others. The lowest AIC describes these ten days best.

patterns = ["cs", "ar1", "ar1h", "toep", "toeph"]
residual = MixedLinearRegressor("Reaction ~ Days", residual="cs(Days | Subject)")
structures = compare_covariances(residual, sleep, structures=patterns)
structures

# %%

lines = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
level = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
best = structures.index[0]
Say(
    f"Random intercept: AIC {level.aic_:.0f}, the same as cs. Random intercept and "
    f"slope: {lines.aic_:.0f}. The best of the five patterns, {best}, has "
    f"{structures.loc[best, 'aic']:.0f}."
)

# %%
# What to write
# -------------

print(lines.describe())
