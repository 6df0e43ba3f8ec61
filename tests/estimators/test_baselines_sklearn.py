"""scikit-learn's own checks of the four baselines, without expected failures."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skmixed import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
)

BASELINES = [
    AggregatedLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
    InteractionLinearRegressor,
]


# some checks fit more columns than rows, or columns of zeros
@pytest.mark.filterwarnings("ignore::skmixed.RankDeficiencyWarning")
@parametrize_with_checks([baseline() for baseline in BASELINES])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_param_validation]
)
def test_checks_beyond_check_estimator(baseline, check):
    check(baseline.__name__, baseline())
