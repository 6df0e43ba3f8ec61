"""
What is wrong with this fit?
============================

A check that says what it looked at, pictures of what it found, and what changes when it
is mended.
"""

import numpy as np
from sentences import Say

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import (
    InfluenceDisplay,
    RandomEffectsDisplay,
    ResidualsDisplay,
    check_model,
    influence,
    simulated_residuals,
)

# %%
# A table with three faults
# -------------------------
#
# Reaction times, of which one was typed wrongly; the scale makes large ones vary more;
# and one person is unlike the others.

sleep = load_sleepstudy().frame
wrong = sleep.copy()
wrong.loc[10, "Reaction"] = 999.0
wrong["Reaction"] = np.where(
    wrong["Subject"] == "335", wrong["Reaction"] - 8 * wrong["Days"], wrong["Reaction"]
)
model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(wrong)
print(check_model(model, wrong))

# %%
# Residuals
# ---------

ResidualsDisplay.from_estimator(model, wrong)

# %%
# The row that is far off has a name: look it up before anything else. With it repaired,
# groups come to light.

wrong.loc[10, "Reaction"] = sleep.loc[10, "Reaction"]
model.fit(wrong)
RandomEffectsDisplay.from_estimator(model, highlight="335")

# %%
# Influence
# ---------
#
# What would be estimated without each person?

found = influence(model, wrong, level="Subject")
InfluenceDisplay.from_estimator(model, wrong, level="Subject")

# %%

moved = found.dfbetas.loc["335", "Days"]
without = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
without.fit(wrong[wrong["Subject"] != "335"])
Say(
    f"Without 335 the slope of days is {without.fixed_effects_['Days']:.1f} in place "
    f"of {model.fixed_effects_['Days']:.1f}: {abs(moved):.1f} standard errors."
)

# %%
# Does the model draw such data?
# ------------------------------

print(simulated_residuals(model, wrong, random_state=0))

# %%
# What to write
# -------------

Say(
    "One value was a typing error and was corrected. Estimates were compared with and "
    f"without the most influential person ({without.fixed_effects_['Days']:.1f} and "
    f"{model.fixed_effects_['Days']:.1f} ms per day); conclusions do not depend on it. "
    "Residuals were compared with those of simulated data."
)
