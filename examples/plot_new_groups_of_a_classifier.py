"""
Probabilities for new groups
============================

Averaged over the effects of patients that it has not seen, a model's probabilities are
calibrated; with the effects left out they are an average patient's, and too extreme.
"""

from picture import plt, show
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import GroupKFold

from skmixed import MixedLogisticClassifier
from skmixed.datasets import make_mixed_classification

X, y = make_mixed_classification(
    400, 10, n_random_slopes=0, covariance=[[6.0]], intercept=-1.5, random_state=0
)
train, test = next(GroupKFold(2).split(X, y, X["group"]))
model = MixedLogisticClassifier("~ x0 + x1 + (1 | group)")
model.fit(X.iloc[train], y.iloc[train])
_, ax = plt.subplots(layout="constrained")
for averaged, name in ((True, "averaged"), (False, "effects left out")):
    p = model.predict_proba(X.iloc[test], averaged=averaged)[:, 1]
    bins = {"n_bins": 8, "strategy": "quantile"}
    CalibrationDisplay.from_predictions(y.iloc[test], p, name=name, ax=ax, **bins)
ax.set(xlabel="predicted probability, new groups", ylabel="share of ones")
ax.legend(frameon=False)
show()
