"""What the tests of pictures share: no window, closed figures, three fitted models."""

from functools import cache

import matplotlib as mpl
import pytest

from skmixed import MixedLinearRegressor, datasets

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed_figures():
    import matplotlib.pyplot as plt

    with mpl.rc_context({"figure.dpi": 30}):
        yield
    plt.close("all")


@cache
def sleepstudy():
    frame = datasets.load_sleepstudy().frame
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(frame), frame


@cache
def covarying():
    frame = datasets.load_sleepstudy().frame
    model = MixedLinearRegressor("Reaction ~ Days", residual="ar1h(Days | Subject)")
    return model.fit(frame), frame


@cache
def trial():
    X, y = datasets.make_trial(60, 3, random_state=0)
    model = MixedLinearRegressor("y ~ arm * C(visit)", residual="us(visit | subject)")
    frame = X.assign(y=y)
    return model.fit(frame), frame


@cache
def london():
    frame = datasets.load_london_schools().frame
    return MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(frame), frame


@cache
def many_groups():
    X, y = datasets.make_mixed_regression(
        5000, 6, n_features=1, unbalanced=True, random_state=0
    )
    frame = X.assign(y=y, week=X.groupby("group").cumcount())
    return MixedLinearRegressor("y ~ x0 + (x0 | group)").fit(frame), frame


THREE_SIZES = [sleepstudy, london, many_groups]
