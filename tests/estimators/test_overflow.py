"""Numbers far beyond the data: the right answer, or a refusal by name."""

import numpy as np
import pandas as pd
import pytest

from skmixed import (
    MixedGammaRegressor,
    MixedLinearRegressor,
    MixedLogisticClassifier,
    MixedPoissonRegressor,
    contrast_test,
    emmeans,
)

# Relative error of statements that are multiples of each other.
MULTIPLES = 1e-9
HUGE = 1e200
MODELS = {
    "linear": (MixedLinearRegressor, "y"),
    "logistic": (MixedLogisticClassifier, "high"),
    "poisson": (MixedPoissonRegressor, "count"),
    "gamma": (MixedGammaRegressor, "positive"),
}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=200), np.arange(200) % 10
    y = x + rng.normal(size=10)[g] + rng.normal(size=200)
    responses = {"y": y, "high": y > 0, "positive": np.exp(y / 3)}
    count = rng.poisson(np.exp(0.3 * x))
    return pd.DataFrame(
        {"x": x, "g": g, "f": np.arange(200) % 3, "count": count}
    ).assign(**responses, f=lambda t: t["f"].map({0: "a", 1: "b", 2: "c"}))


@pytest.fixture(scope="module", params=MODELS)
def model(request, table):
    estimator, response = MODELS[request.param]
    return estimator(f"{response} ~ x + f + (1 | g)").fit(table)


def test_statements_of_multiples_are_multiples(model):
    """Contrasts, and means so far out that the rest of the model adds nothing."""
    far, near = (emmeans(model, "f", at={"x": v}).frame for v in (HUGE, HUGE / 2**300))
    own = ["estimate", "std_error", "lower", "upper"]
    np.testing.assert_allclose(far[own], near[own] * 2.0**300, rtol=MULTIPLES)
    tests = [contrast_test(model, {"x": v}).frame for v in (HUGE, 1.0)]
    pd.testing.assert_frame_equal(*tests, rtol=MULTIPLES)
    table = str(contrast_test(model, {"x": HUGE}, joint=False))
    assert max(map(len, table.splitlines())) <= 80
    assert "e+199" in table or "e+200" in table


def far_answers(model, far):
    """Statements about rows far out, those that a model makes."""
    yield lambda: model.predict(far)
    yield lambda: model.simulate(far, random_state=0)
    yield lambda: model.score(far)
    yield lambda: emmeans(model, "f", at={"x": HUGE}, scale="response").frame
    if not isinstance(model, MixedLogisticClassifier):
        yield lambda: model.predict_interval(far)


def outcome(ask):
    """What is wrong with an answer: nothing, the message of a refusal, or numbers."""
    try:
        found = ask()
    except ValueError as error:
        return str(error)
    if isinstance(found, pd.DataFrame):
        found = found[["estimate", "std_error"]]
    finite = np.isfinite(np.asarray(found, dtype=float)).all()
    return "" if finite else str(found)


def test_what_no_double_holds_is_refused_in_words(model, table):
    refusals = ("cannot be computed", "leaves the range", "leave the range")
    for ask in far_answers(model, table.assign(x=HUGE * table["x"])):
        wrong = outcome(ask)
        assert not wrong or any(words in wrong for words in refusals)


def test_intervals_of_huge_means_hold_the_mean(table):
    """Quantiles over twenty powers of ten: halved on the scale of logarithms."""
    model = MixedGammaRegressor("positive ~ x + (1 | g)").fit(table)
    far = table.assign(x=300 * table["x"])
    low, high = model.predict_interval(far).T
    middle = model.predict(far, averaged=False)
    assert np.mean((low < middle) & (middle < high)) == 1
    ends = model.predict_interval(far, kind="mean")
    assert np.abs(np.log(np.column_stack([low, high])) - np.log(ends)).max() < 5
