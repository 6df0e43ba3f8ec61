"""Tolerances and fixtures that the whole suite shares."""

import pytest
from dozen_schools import read_schools

from skmixed import MixedLinearRegressor

# The same algebra done in another order: rounding only.
SAME_ALGEBRA = 1e-10
# Against the dense textbook, which loses digits to the condition of V: covariates a
# hundred times their spread away from zero cost it four of them.
SAME_DENSE = 1e-8
# Two optima of one criterion (absolute, in units of the log-likelihood).
SAME_DEVIANCE = 1e-6
# The criterion is flat at its optimum: theta is known to about its square root.
SAME_THETA = 1e-4


@pytest.fixture
def schools():
    """A dozen London schools."""
    return read_schools()


@pytest.fixture(name="X")
def columns_of_schools(schools):
    return schools.drop(columns="exam")


@pytest.fixture
def y(schools):
    return schools["exam"]


@pytest.fixture
def model(schools):
    return MixedLinearRegressor("exam ~ lrt + gender + (1 | school)").fit(schools)
