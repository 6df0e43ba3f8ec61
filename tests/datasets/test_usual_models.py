"""Models that the descriptions name, or that the generator reports, can be fitted."""

import re

import numpy as np
import pytest

from skmixed import (
    MixedBinomialRegressor,
    MixedLinearRegressor,
    MixedLogisticClassifier,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
)
from skmixed.datasets import make_mixed_regression
from skmixed.datasets.tables import TABLES, read_description, read_table

# Estimates may differ from the truth by this many standard errors.
STANDARD_ERRORS = 5
# Groups of 20 rows: their modes follow the effects drawn at least this closely.
CORRELATION = 0.5


# Their responses are no numbers on a line.
ESTIMATORS = {
    "cbpp": MixedBinomialRegressor,
    "contraception": MixedLogisticClassifier,
    "grouseticks": MixedPoissonRegressor,
    "verbagg": MixedLogisticClassifier,
    "wine": MixedOrdinalClassifier,
}


FORMULA = re.compile(r"^    ([\w(), -]+ ~ [^#\n]+)", re.MULTILINE)


def usual_models():
    for name in TABLES:
        section = read_description(name).split("The usual model")[1]
        for formula in FORMULA.findall(section):
            yield pytest.param(name, formula.strip(), id=f"{name}: {formula.strip()}")


@pytest.mark.parametrize(("name", "formula"), list(usual_models()))
def test_usual_model_of_a_description_converges(name, formula):
    frame = read_table(name)
    model = ESTIMATORS.get(name, MixedLinearRegressor)(formula).fit(frame)
    assert model.converged_
    assert model.n_obs_ == len(frame)


@pytest.mark.parametrize("second_factor", [None, "crossed", "nested"])
def test_formula_of_the_generator_recovers_its_truth(second_factor):
    X, y, truth = make_mixed_regression(
        n_groups=200,
        n_per_group=20,
        second_factor=second_factor,
        return_truth=True,
        random_state=0,
    )
    model = MixedLinearRegressor(truth.formula).fit(X, y)
    std_error = np.sqrt(np.diag(model.fixed_effects_cov_))
    expected = np.array([truth.intercept, *truth.coef])
    distance = np.abs(model.fixed_effects_.to_numpy() - expected)
    assert (distance < STANDARD_ERRORS * std_error).all()
    for name, drawn in truth.random_effects.items():
        modes = model.random_effects_[name]
        assert list(modes.columns) == list(drawn.columns)
        assert list(modes.index) == list(drawn.index)
        assert np.corrcoef(modes["Intercept"], drawn["Intercept"])[0, 1] > CORRELATION
