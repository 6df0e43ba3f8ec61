"""
Yes or no, and counts
=====================

Women use contraception or do not, in districts; broods carry ticks. What a coefficient
says, what a probability is, and when counts vary too much.
"""

import matplotlib.pyplot as plt
import numpy as np
from sentences import Say
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import GroupKFold, cross_val_predict

from skmixed import (
    MixedLogisticClassifier,
    MixedNegativeBinomialRegressor,
    MixedPoissonRegressor,
    emmeans,
    likelihood_ratio_test,
)
from skmixed.datasets import load_contraception, load_grouseticks
from skmixed.inspection import check_model

# %%
# Yes or no
# ---------
#
# Odds ratios, with intervals:

women = load_contraception().frame
formula = "use ~ age + I(age^2) + urban + livch + (1 | district)"
model = MixedLogisticClassifier(formula).fit(women)
model.summary(exponentiate=True)

# %%
# Differences on the scale of probabilities depend on where one stands. Averaged over
# all districts:

emmeans(model, "urban", scale="response", averaged=True)

# %%
# Do districts differ? A variance is tested at its boundary.

null = MixedLogisticClassifier("use ~ age + I(age^2) + urban + livch").fit(women)
test = likelihood_ratio_test(null, model).iloc[1]
sd = float(np.sqrt(model.random_effects_cov_["district"].iloc[0, 0]))
Say(
    f"Districts differ (likelihood ratio {test['chi2']:.1f}, reference "
    f"{test['reference']}): between a district one standard deviation above the "
    "average and the average one the odds of use differ by a factor of "
    f"{np.exp(sd):.2f}."
)

# %%
# Probabilities for districts that were never seen
# ------------------------------------------------
#
# ``predict_proba`` averages over what is not known of a district. Plugged-in
# probabilities are those of the average district, which is another thing.

folds = GroupKFold(10)
X, y = women.drop(columns="use"), women["use"]
averaged = cross_val_predict(
    model, X, y, groups=women["district"], cv=folds, method="predict_proba"
)[:, 1]
figure, ax = plt.subplots(figsize=(4.4, 4), layout="constrained")
CalibrationDisplay.from_predictions(
    y == model.classes_[1], averaged, n_bins=8, ax=ax, name="new districts"
)

# %%
# Counts
# ------
#
# Ticks on the heads of grouse chicks. A Poisson variance equals its mean; a check says
# whether that is so.

ticks = load_grouseticks().frame
poisson = MixedPoissonRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)").fit(ticks)
print(check_model(poisson, ticks))

# %%
# A negative binomial model lets counts vary more.

wider = MixedNegativeBinomialRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)").fit(
    ticks
)
Say(
    f"AIC {poisson.aic_:.0f} for Poisson, {wider.aic_:.0f} for negative binomial "
    "counts; a chick's count of mean 5 has the variance "
    f"{5 + 25 / wider.dispersion_:.1f} in place of 5, given its brood."
)

# %%
# What to write
# -------------

print(model.describe())
