"""
Grades of wine by nine judges
=============================

An ordinal model of bitterness: the probabilities of the grades for cold and warm
crushing, averaged over the population of judges.
"""

import numpy as np
from picture import plt, show

from skmixed import MixedOrdinalClassifier
from skmixed.datasets import load_wine

wine = load_wine().frame
model = MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)").fit(wine)
kinds = wine[["temp", "contact"]].drop_duplicates()
shares = model.predict_proba(kinds, random_effects=False)
labels = [f"{temp}, {contact} contact" for temp, contact in kinds.to_numpy()]
_, ax = plt.subplots(layout="constrained", figsize=(7, 3.5))
left = np.zeros(len(kinds))
shades = plt.get_cmap("Blues")(np.linspace(0.2, 0.9, len(model.classes_)))
for grade, share, shade in zip(model.classes_, shares.T, shades, strict=True):
    ax.barh(labels, share, left=left, color=shade, label=grade)
    left += share
ax.set(xlabel="probability", xlim=(0, 1))
ax.legend(title="bitterness", ncols=5, frameon=False, loc="lower center",
          bbox_to_anchor=(0.5, 1.0))  # fmt: skip
show()
