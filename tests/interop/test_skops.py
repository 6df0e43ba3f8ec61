"""Saved models consist of the types that are published, and of no others."""

import io
import pickle

import pytest

from skmixed import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
    trusted_types,
)
from skmixed.datasets import load_london_schools, load_sleepstudy

SLEEP, SCHOOLS = load_sleepstudy().frame, load_london_schools().frame
SLOPES = "Reaction ~ Days + (Days | Subject)"
MODELS = [
    (MixedLinearRegressor(SLOPES), SLEEP),
    (MixedLinearRegressor("Reaction ~ poly(Days, 2) + (1 | Subject)"), SLEEP),
    (MixedLinearRegressor("exam ~ lrt + (1 | school) + (1 | student)"), SCHOOLS),
    (MixedLinearRegressor("exam ~ lrt * gender"), SCHOOLS),
    (MixedLinearRegressor("exam ~ lrt + (1 + lrt || school)"), SCHOOLS),
    (MixedLinearRegressor("exam ~ gender + diag(1 + gender | school)"), SCHOOLS),
    (MixedLinearRegressor("Reaction ~ Days", residual="ar1h(Days | Subject)"), SLEEP),
    (MixedLinearRegressor("Reaction ~ Days", residual="car1(Days | Subject)"), SLEEP),
    (AggregatedLinearRegressor("exam ~ lrt + (1 | school)"), SCHOOLS),
    (InteractionLinearRegressor(SLOPES), SLEEP),
    (PooledLinearRegressor(SLOPES), SLEEP),
    (SeparateLinearRegressor(SLOPES), SLEEP),
]


class Watcher(pickle.Unpickler):
    def find_class(self, module, name):
        self.found.add(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("place", range(len(MODELS)))
def test_every_type_of_a_saved_model_is_published(place):
    model, frame = MODELS[place]
    model.fit(frame).summary()
    watcher = Watcher(io.BytesIO(pickle.dumps(model)))
    watcher.found = set()
    watcher.load()
    ours = {name for name in watcher.found if name.startswith("skmixed.")}
    assert f"{type(model).__module__}.{type(model).__name__}" in ours
    assert ours <= set(trusted_types())
