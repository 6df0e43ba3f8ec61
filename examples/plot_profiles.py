"""
Profile likelihood
==================

Where the curve is straight, estimate and standard error say it all; where it bends, the
interval is not symmetric: here for the standard deviations.
"""

from picture import show

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import ProfileDisplay

sleep = load_sleepstudy().frame
model = MixedLinearRegressor("Reaction ~ Days + (1 + Days | Subject)").fit(sleep)
profile = model.profile()
print(profile.conf_int())
ProfileDisplay.from_profile(profile)
ProfileDisplay.from_profile(profile, kind="density")
show()
