"""
How many groups a trial needs
=============================

Two arms, five weeks; slopes differ between persons. Samples are drawn from what is
believed, and tested; the band is the binomial interval of the share of rejections.
"""

import pandas as pd
from picture import show

from skmixed import MixedLinearRegressor, simulate_power
from skmixed.inspection import PowerDisplay

rows = [(i, week, "ab"[i % 2]) for i in range(20) for week in range(5)]
plan = pd.DataFrame(rows, columns=["person", "week", "arm"])
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
