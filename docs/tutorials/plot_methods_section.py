"""
What to write in the methods section
====================================

What a reader needs to repeat an analysis, and where it stands in a fitted model.
"""

import sklearn
from sentences import Say

import skmixed
from skmixed import MixedLinearRegressor, compare_table, likelihood_ratio_test
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame
formulas = {
    "null": "exam ~ 1 + (1 | school)",
    "intercepts": "exam ~ lrt + gender + (1 | school)",
    "slopes": "exam ~ lrt + gender + (1 + lrt | school)",
}
models = {name: MixedLinearRegressor(f).fit(schools) for name, f in formulas.items()}
model = models["slopes"]

# %%
# Methods
# -------
#
# Model, estimation, tests, software: in that order.

test = likelihood_ratio_test(models["intercepts"], model).iloc[1]
Say(
    f"Exam scores of {model.n_obs_} pupils in {model.n_groups_['school']} schools were "
    "modelled by a linear mixed model with fixed effects of reading test and gender, "
    "and random intercepts and slopes of the reading test for schools with an "
    "unstructured covariance matrix. Parameters were estimated by restricted maximum "
    "likelihood. Fixed effects were tested with Satterthwaite's degrees of freedom; "
    f"the random slope by a likelihood ratio against the mixture {test['reference']}. "
    f"Analyses were done with skmixed {skmixed.__version__} (scikit-learn "
    f"{sklearn.__version__})."
)

# %%
# The model as equations, for the appendix:

model.equations(estimates=False)

# %%
# Results: a table
# ----------------
#
# ``to_latex``, ``to_markdown`` and ``to_html`` of it go into the manuscript.

compare_table(models, statistic="interval")

# %%
# Results: sentences
# ------------------

print(model.describe(labels={"lrt": "reading test", "exam": "exam score"}))

# %%
# A checklist
# -----------
#
# - units and groups: how many rows, how many groups, how many rows per group
# - the formula, fixed and random part, and why each random effect is there
# - REML or maximum likelihood; degrees of freedom; how random effects were tested
# - estimates with intervals, standard deviations of random effects, ICC
# - what was singular or left out, and rows that were dropped
# - what was checked: residuals, influence
# - program and version

summary = model.summary()
Say(
    f"Dropped rows: {model.n_dropped_}; columns left out: {model.aliased_ or 'none'}; "
    f"singular: {'yes' if model.singular_ else 'no'}; converged: "
    f"{'yes' if model.converged_ else 'no'}."
)
