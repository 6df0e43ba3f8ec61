"""
How many groups a trial needs
=============================

Two arms are followed over five weeks; slopes differ between persons. Responses are
drawn from what is believed of them, every sample is fitted and tested, and the share of
rejections is the power. The band is its binomial interval.
"""

import pandas as pd
from picture import show

from skmixed import MixedLinearRegressor, simulate_power
from skmixed.inspection import PowerDisplay

plan = pd.DataFrame(
    [(i, week, "ab"[i % 2]) for i in range(20) for week in range(5)],
    columns=["person", "week", "arm"],
)
believed = {"week:arm[T.b]": 0.3, "sd_Intercept|person": 1.0, "sd_week|person": 0.25}
curve = simulate_power(
    MixedLinearRegressor("~ week * arm + (week | person)"),
    plan,
    sizes=[10, 20, 30, 40, 60, 80, 100],
    L="week:arm[T.b] = 0",
    effects=believed | {"sigma": 1.0},
    n_samples=400,
    random_state=0,
)
print(curve)
PowerDisplay.from_table(curve)
show()
