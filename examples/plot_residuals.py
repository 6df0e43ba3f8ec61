"""
Residual panel and model check
==============================

Four views of what a model leaves unexplained, and the same questions answered in
sentences.
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import ResidualsDisplay, check_model

sleep = load_sleepstudy().frame
model = MixedLinearRegressor("Reaction ~ Days + (1 + Days | Subject)").fit(sleep)
print(check_model(model, sleep))
ResidualsDisplay.from_estimator(model, sleep)
show()
