"""The adapter for marginaleffects; its own results where that package is installed."""

import importlib.util

import numpy as np
import pytest
from conftest import SAME_DENSE, SAME_THETA

from skmixed import (
    MixedLinearRegressor,
    MixedLogisticClassifier,
    as_marginaleffects,
)
from skmixed.datasets import load_london_schools
from skmixed.interop.marginaleffects import FixedEffectsAdapter, plain_formula

INSTALLED = importlib.util.find_spec("marginaleffects") is not None


@pytest.fixture(scope="module")
def frame():
    return load_london_schools().frame


@pytest.fixture(scope="module")
def model(frame):
    return MixedLinearRegressor("exam ~ lrt * gender + (1 | school)").fit(frame)


@pytest.fixture
def adapter(model):
    adapter = FixedEffectsAdapter()
    adapter.model = model
    return adapter


class Table:
    """Stands for a polars table."""

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        return self.frame.astype({"gender": str})


def test_predictions_are_those_for_the_population(adapter, model, frame):
    columns = adapter.get_exog(Table(frame[["lrt", "gender"]]))
    np.testing.assert_allclose(
        adapter.predict_design(model.result_.coef, columns),
        model.predict(frame, random_effects=False),
        rtol=SAME_DENSE,
    )


def test_predictions_of_other_families_are_means(frame):
    frame = frame.assign(good=frame["exam"] > 0)
    model = MixedLogisticClassifier("good ~ lrt * gender + (1 | school)").fit(frame)
    adapter = FixedEffectsAdapter()
    adapter.model = model
    columns = adapter.get_exog(Table(frame[["lrt", "gender"]]))
    np.testing.assert_allclose(
        adapter.predict_design(model.result_.coef, columns),
        model.predict_proba(frame, random_effects=False, averaged=False)[:, 1],
        rtol=SAME_DENSE,
    )


def test_covariances(adapter, model):
    assert adapter.get_vcov(False) is None
    np.testing.assert_array_equal(adapter.get_vcov(True), model.fixed_effects_cov_)
    adjusted = adapter.get_vcov("kenward-roger")
    assert (np.diag(adjusted) >= np.diag(model.fixed_effects_cov_)).all()


def test_names_that_are_no_identifiers_are_quoted():
    assert plain_formula(["y", "a b", "x"]) == "y ~ `a b` + x"


@pytest.mark.skipif(INSTALLED, reason="marginaleffects is installed")
def test_its_absence_is_told(model, frame):
    with pytest.raises(ImportError, match="pip install marginaleffects"):
        as_marginaleffects(model, frame)


@pytest.mark.skipif(not INSTALLED, reason="marginaleffects is not installed")
def test_average_comparisons_are_contrasts(model, frame):
    import marginaleffects

    wrapped = as_marginaleffects(model, frame)
    found = marginaleffects.avg_comparisons(wrapped, variables="gender")
    contrast = np.array([0, 0, 1, frame["lrt"].mean()])
    assert found["estimate"][0] == pytest.approx(contrast @ model.result_.coef)
    sd = np.sqrt(contrast @ model.result_.coef_cov @ contrast)
    assert found["std_error"][0] == pytest.approx(sd, rel=SAME_THETA)


@pytest.mark.skipif(not INSTALLED, reason="marginaleffects is not installed")
@pytest.mark.parametrize("by", ["intake", "gender", "text"])
def test_any_column_divides_the_averages(model, frame, by):
    import marginaleffects as other

    frame = frame.assign(text=frame["intake"].astype(str).to_numpy(dtype=object))
    found = other.avg_predictions(as_marginaleffects(model, frame), by=by).to_pandas()
    predicted = model.predict(frame, random_effects=False)
    wanted = frame.assign(predicted=predicted).groupby(by)["predicted"].mean()
    found = found.set_index(found[by].astype(str))["estimate"]
    np.testing.assert_allclose(found[wanted.index.astype(str)], wanted, rtol=SAME_DENSE)
