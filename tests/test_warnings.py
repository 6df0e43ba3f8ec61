"""A warning points at the line of the user's that it is about."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score

from skmixed import (
    MixedLinearRegressor,
    PooledLinearRegressor,
    RankDeficiencyWarning,
    SingularFitWarning,
    compare_approaches,
    describe_occasions,
)

N_GROUPS, SIZE = 8, 6


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=N_GROUPS * SIZE)
    return pd.DataFrame(
        {
            "group": np.repeat(np.arange(N_GROUPS), SIZE),
            "x": x,
            "double": 2 * x,
            # the groups' means are all equal: their variance is zero
            "y": np.tile(rng.normal(size=SIZE), N_GROUPS),
            "lively": rng.normal(size=N_GROUPS)[np.repeat(range(N_GROUPS), SIZE)]
            + rng.normal(size=N_GROUPS * SIZE),
        }
    )


def mixed(formula, **parameters):
    return MixedLinearRegressor(formula, **parameters)


CALLS = {
    "singular": (
        SingularFitWarning,
        lambda table: mixed("y ~ 1 + (1 | group)").fit(table),
    ),
    "aliased": (
        RankDeficiencyWarning,
        lambda table: mixed("lively ~ x + double + (1 | group)").fit(table),
    ),
    "no convergence": (
        ConvergenceWarning,
        lambda table: mixed("lively ~ x + (x | group)", max_iter=1).fit(table),
    ),
    "design": (
        UserWarning,
        lambda table: mixed("lively ~ 1 + (x | group)").fit(table),
    ),
    "baseline": (
        RankDeficiencyWarning,
        lambda table: PooledLinearRegressor("lively ~ x + double").fit(table),
    ),
    "folds": (
        SingularFitWarning,
        lambda table: cross_val_score(
            mixed("y ~ 1 + (1 | group)"), table, table["y"], cv=KFold(2)
        ),
    ),
    "a comparison": (
        SingularFitWarning,
        lambda table: compare_approaches("y ~ x + (1 | group)", table),
    ),
    "occasions": (
        UserWarning,
        lambda table: describe_occasions(table, "lively", "x", "group"),
    ),
}


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("call", CALLS)
def test_a_warning_points_at_the_users_line(table, call):
    category, run = CALLS[call]
    with pytest.warns(category) as caught:
        run(table)
    assert {warning.filename for warning in caught} == {__file__}
