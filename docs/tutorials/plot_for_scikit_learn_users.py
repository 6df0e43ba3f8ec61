"""
Mixed models for users of scikit-learn
======================================

A mixed model is a regressor that knows which rows belong together. What is new is what
a group that was never seen can be predicted by, and how sure that is.
"""

import pickle
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sentences import Say
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skmixed import MixedLinearRegressor, compare_models
from skmixed.datasets import load_london_schools
from skmixed.inspection import CrossValidationDisplay

X, y = load_london_schools(return_X_y=True)
model = MixedLinearRegressor("~ lrt + gender + (1 + lrt | school)").fit(X, y)

# %%
# Two questions, two splitters
# ----------------------------
#
# ``KFold`` asks for new pupils of schools that are known, ``GroupKFold`` for pupils of
# new schools.

known = cross_val_score(model, X, y, cv=KFold(5, shuffle=True, random_state=0))
new = cross_val_score(model, X, y, cv=GroupKFold(5), groups=X["school"])
Say(f"R2 {known.mean():.3f} in known schools, {new.mean():.3f} in new ones.")

# %%
# ``compare_models`` asks both of any regressors. Boosting gets the school as a
# category; of a school that it has not seen it knows nothing, and does not say so.

columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["school", "gender"]),
    ("passthrough", ["lrt"]),
    sparse_threshold=0,
)
rivals = {
    "mixed": model,
    "ridge": make_pipeline(columns, Ridge()),
    "boosting": make_pipeline(columns, HistGradientBoostingRegressor(max_iter=50)),
}
table = compare_models(rivals, X, y, per_fold=True)
CrossValidationDisplay.from_table(table)

# %%
# A pipeline and a grid
# ---------------------
#
# Steps before the model keep the names of columns; the formula is a parameter like
# another.

steps = make_column_transformer(
    (SimpleImputer(), ["lrt"]),
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")
pipeline = make_pipeline(steps, MixedLinearRegressor())
grid = {
    "mixedlinearregressor__formula": [
        "~ lrt + (1 | school)",
        "~ lrt + (1 + lrt | school)",
        "~ lrt + school_avg + (1 + lrt | school)",
    ]
}
search = GridSearchCV(pipeline, grid, cv=GroupKFold(5)).fit(X, y, groups=X["school"])
pd.DataFrame(search.cv_results_)[
    ["param_mixedlinearregressor__formula", "mean_test_score"]
]

# %%
# How sure is a prediction?
# -------------------------
#
# An interval of a new school holds the schools' spread as well. That it holds what it
# says can be cross-validated like any score.


def coverage(estimator, X, y):
    """Share of the responses that 95 % intervals hold."""
    low, high = estimator.predict_interval(X).T
    return np.mean((low <= y) & (y <= high))


held = {
    "known schools": cross_val_score(
        model, X, y, scoring=coverage, cv=KFold(5, shuffle=True, random_state=0)
    ),
    "new schools": cross_val_score(
        model, X, y, scoring=coverage, cv=GroupKFold(5), groups=X["school"]
    ),
}
figure, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
for place, scores in enumerate(held.values()):
    ax.plot(scores, np.full(5, place), "o", alpha=0.6)
ax.axvline(0.95, color="black", lw=0.8)
ax.set(yticks=[0, 1], yticklabels=list(held), ylim=(-0.5, 1.5))
ax.set_xlabel("coverage of 95 % intervals, a dot per fold")

# %%
# Is it calibrated? The model's own simulations say where each response falls among
# them.

draws = model.simulate(X, n_samples=200, random_state=0)
ranks = (draws < y.to_numpy()[:, None]).mean(axis=1)
figure, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
ax.hist(ranks, bins=20, color="0.8", edgecolor="white")
ax.axhline(len(y) / 20, color="black", lw=0.8)
ax.set_xlabel("rank of a response among those that the model draws")

# %%
# What to deploy
# --------------
#
# A saved model holds sums, no rows. It serves a row at a time, and takes the first rows
# of a school that it has not seen.

saved = pickle.dumps(model)
served = pickle.loads(saved)
row = X.head(1)
served.predict(row)
start = time.perf_counter()
for _ in range(100):
    served.predict(row)
each = (time.perf_counter() - start) / 100
first = X.head(3).assign(school=-1)
later = X.iloc[3:4].assign(school=-1)
before = served.predict(later)[0]
after = served.adapt(first, y.head(3)).predict(later)[0]
Say(
    f"{len(saved) / 1024:.0f} KiB; a row in {1000 * each:.1f} ms on the machine that "
    f"built this page. The next pupil of a new school: {before:.2f} before its first "
    f"three rows, {after:.2f} after."
)
