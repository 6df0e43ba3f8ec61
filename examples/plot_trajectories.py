"""
Spaghetti plot
==============

Reaction times of 18 people over ten days with little sleep: one line per person, and
the lines that a mixed model fits to them.
"""

from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import TrajectoriesDisplay

sleep = load_sleepstudy().frame
model = MixedLinearRegressor("Reaction ~ Days + (1 + Days | Subject)").fit(sleep)
_, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
TrajectoriesDisplay.from_data(
    sleep, x="Days", y="Reaction", group="Subject", highlight=[308, 335], ax=axes[0]
)
TrajectoriesDisplay.from_estimator(model, sleep, highlight=[308, 335], ax=axes[1])
show()
