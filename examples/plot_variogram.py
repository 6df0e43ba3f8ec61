"""
What fades with time, and what stays
====================================

Half the squared difference of two residuals of one person, by their distance in days.
By what the dots start at, two measurements at once would differ; what they rise by
fades with time; what is left up to the total variance stays between persons. A random
intercept (``cs``) has no rise.
"""

from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import VariogramDisplay

sleep = load_sleepstudy().frame
_, axes = plt.subplots(2, 1, figsize=(5.8, 8.0), layout="constrained")
for ax, name in zip(axes, ["cs", "ar1"], strict=True):
    residual = f"{name}(Days | Subject)"
    model = MixedLinearRegressor("Reaction ~ Days", residual=residual).fit(sleep)
    VariogramDisplay.from_estimator(model, sleep, ax=ax)
show()
