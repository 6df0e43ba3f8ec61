"""Models as JSON: the same model comes back, and nothing else does."""

import json

import numpy as np
import pandas as pd
import pytest
import saved_models
from sklearn.linear_model import Ridge
from test_skops import MODELS

from skmixed import (
    MixedEffectsRegressor,
    MixedLinearRegressor,
    RandomEffectEncoder,
    from_dict,
    to_dict,
)
from skmixed.datasets import load_london_schools, load_sleepstudy

SLEEP, SCHOOLS = load_sleepstudy().frame, load_london_schools().frame


def through_json(model):
    return from_dict(json.loads(json.dumps(to_dict(model), allow_nan=False)))


@pytest.fixture(scope="module")
def slopes():
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(SLEEP)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("place", range(len(MODELS)))
def test_models_come_back_bit_by_bit(place):
    model, frame = MODELS[place]
    again = through_json(model.fit(frame))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    assert str(again.summary()) == str(model.summary())
    assert repr(again) == repr(model)


@pytest.mark.parametrize("name", ["yes_or_no", "counts", "grades"])
def test_models_of_other_responses_come_back(name):
    model, frame = saved_models.fitted(name), saved_models.read(name)
    again = through_json(model)
    assert saved_models.answers(again, frame) == saved_models.answers(model, frame)


def test_a_loaded_model_answers_what_needs_its_likelihood(slopes):
    again = through_json(slopes)
    for method in ("wald", "profile"):
        bounds = [fit.conf_int(method=method).to_numpy() for fit in (again, slopes)]
        np.testing.assert_array_equal(*bounds)
    rows = SLEEP.head(3).assign(Subject="new")
    new = pd.DataFrame({"Days": [1, 2], "Subject": "new", "Reaction": [250.0, 260.0]})
    np.testing.assert_array_equal(
        again.adapt(new).predict_interval(rows),
        slopes.adapt(new).predict_interval(rows),
    )


@pytest.mark.parametrize(
    "labels",
    [
        [1, 2, 3],
        ["a", "b", 'c"'],
        pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        pd.Categorical(["x", "y", "z"]),
        pd.array(["a", "b", "c"], dtype="string"),
        [True, False, True],
    ],
    ids=["integers", "texts", "dates", "categories", "strings", "truth values"],
)
def test_labels_of_groups_come_back(labels):
    g = pd.Series(labels).repeat(4).reset_index(drop=True)
    y = np.random.default_rng(0).normal(size=12) + np.arange(12) // 4
    frame = pd.DataFrame({"g": g, "y": y})
    model = MixedLinearRegressor("y ~ 1 + (1 | g)").fit(frame)
    again = through_json(model)
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    pd.testing.assert_frame_equal(
        again.random_effects_["g"], model.random_effects_["g"]
    )


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (MixedEffectsRegressor(Ridge(), "exam ~ lrt + (1 | school)"), "Ridge"),
        (RandomEffectEncoder(), "RandomEffectEncoder"),
        (Ridge(), "Ridge"),
    ],
)
def test_what_has_no_plain_form_is_refused_by_name(model, named):
    with pytest.raises(TypeError, match=f"{named}, which has no plain form"):
        to_dict(model)


def damaged(change):
    data = to_dict(MixedLinearRegressor("y ~ x + (1 | g)"))
    change(data)
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no model of skmixed"),
        ({"format": "another"}, "no model of skmixed"),
        (damaged(lambda d: d.pop("model")), "damaged"),
        (damaged(lambda d: d["model"].update(part="os.system")), "no part of a model"),
        (damaged(lambda d: d["model"].update(part="skmixed.anova")), "no part of"),
        (damaged(lambda d: d["model"].update(state={"call": []})), "means nothing"),
        (damaged(lambda d: d["model"].update(state={"same": 3})), "damaged"),
    ],
)
def test_other_data_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(data)


def test_a_formula_that_was_tampered_with_calls_nothing(slopes):
    text = json.dumps(to_dict(slopes))
    bad = text.replace("1 + Days + (1", "1 + Days + __import__('os').getpid() + (1")
    assert bad != text
    with pytest.raises(ValueError, match="__import__"):
        from_dict(json.loads(bad)).predict(SLEEP)
