"""
Depression over six weeks: what each covariance can say
=======================================================

Simulated patients, whose spread grows and whose correlation falls as in Reisby's trial.
A random intercept, like ``cs``, is flat twice, a random slope bends both by one number.
"""

import numpy as np
from picture import plt, show

from skmixed import MixedLinearRegressor
from skmixed.datasets import make_trial

sd, step = [4.5, 4.7, 5.5, 6.4, 7.0, 7.2], np.cumprod([1, 0.6, 0.65, 0.78, 0.82, 0.7])
R = np.minimum.outer(step, step) / np.maximum.outer(step, step)
X, y = make_trial(66, 6, covariance=R * np.outer(sd, sd), dropout=0.05, random_state=2)
figure, axes = plt.subplots(2, 1, figsize=(5.8, 7.4), layout="constrained")
for name in ["us", "adh", "ar1h", "ar1", "cs", "(visit | subject)", "(1 | subject)"]:
    random = name.startswith("(")
    model = MixedLinearRegressor(f"~ visit + {name}" if random else "~ visit")
    model.set_params(residual=None if random else f"{name}(visit | subject)").fit(X, y)
    V, style = model.marginal_cov(X[:6]), "--" if random else "-"
    axes[0].plot(np.sqrt(np.diag(V)), style, label=f"{name}: AIC {model.aic_:.1f}")
    axes[1].plot(V[0] / np.sqrt(V[0, 0] * np.diag(V)), style)
axes[0].set(ylabel="standard deviation")
axes[1].set(xlabel="week", ylabel="correlation with week 0")
figure.legend(loc="outside upper left", ncols=2)
show()
