"""
Crossed subjects and items, and singular fits step by step
==========================================================

Persons answer the same items. Both are samples: of persons, and of items. The model
that the design asks for is often richer than the data.
"""

import warnings

import numpy as np
from sentences import Say

from skmixed import (
    MixedLinearRegressor,
    MixedLogisticClassifier,
    SingularFitWarning,
    drop_random_terms,
    likelihood_ratio_test,
)
from skmixed.datasets import load_machines, load_verbagg
from skmixed.inspection import RandomEffectsDisplay, VarianceDisplay

# %%
# Two samples in one table
# ------------------------
#
# 316 persons say of 24 situations whether they would curse, scold or shout.

answers = load_verbagg().frame
model = MixedLogisticClassifier("r2 ~ btype + situ + (1 | id) + (1 | item)").fit(
    answers
)
VarianceDisplay.from_estimator(model)

# %%

shares = model.icc()["adjusted"]
Say(
    f"Persons hold {100 * shares['id']:.0f} % of the variance on the latent scale, "
    f"items {100 * shares['item']:.0f} %. A test that forgets the items takes 24 of "
    "them for all that there are."
)

# %%
# Items, with what is known of each:

RandomEffectsDisplay.from_estimator(model, group="item")

# %%
# A singular fit, step by step
# ----------------------------
#
# Six workers, three machines. Does the difference between machines vary from worker to
# worker? The design allows it: all workers used all machines.

machines = load_machines().frame
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    full = MixedLinearRegressor("score ~ Machine + (Machine | Worker)").fit(machines)
Say(f"Singular: {full.singular_}. Warnings: {len(caught)}.")

# %%
# It is not: three repetitions of each pair carry it. Take one repetition, and they do
# not.

one = machines[::3]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", SingularFitWarning)
    rich = MixedLinearRegressor("score ~ Machine + (1 | Worker) + (1 | Worker:Machine)")
    try:
        rich.fit(one)
    except ValueError as error:
        print(error)

# %%
# With one row per pair, what varies from pair to pair is the residual: the message says
# so. What can be said is less:

simple = MixedLinearRegressor("score ~ Machine + (1 | Worker)").fit(one)
drop_random_terms(simple, one)

# %%
# With all rows, each step down costs likelihood, and a ratio test weighs it:

nested = MixedLinearRegressor("score ~ Machine + (1 | Worker/Machine)").fit(machines)
plain = MixedLinearRegressor("score ~ Machine + (1 | Worker)").fit(machines)
likelihood_ratio_test(plain, nested)

# %%
# What to write
# -------------

test = likelihood_ratio_test(plain, nested).iloc[1]
sds = {
    name: float(np.sqrt(c.iloc[0, 0])) for name, c in nested.random_effects_cov_.items()
}
named = ", ".join(f"{name} {sd:.2f}" for name, sd in sds.items())
Say(
    "Random intercepts of workers and of workers' machines were planned, as the design "
    f"has them; standard deviations: {named}, residual {nested.sigma_:.2f}. Machines "
    f"differed between workers (likelihood ratio {test['chi2']:.1f}, reference "
    f"{test['reference']})."
)
