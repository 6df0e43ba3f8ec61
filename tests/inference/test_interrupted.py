"""Ctrl-C in the midst of work: the bar ends, and the model answers as before."""

import sys

import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from tqdm import tqdm

from skmixed import MixedLinearRegressor, bootstrap_test, compare_models
from skmixed.datasets import load_penicillin, load_sleepstudy
from skmixed.inspection import influence, simulated_residuals
from skmixed.likelihood.criterion.profiled import ProfiledDeviance

SLEEP = load_sleepstudy().frame
SLOPE, INTERCEPT = "Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (1|Subject)"


def against_the_intercept(model):
    null = MixedLinearRegressor(INTERCEPT).fit(SLEEP)
    return bootstrap_test(null, model, 50, verbose=1)


WORK = {
    "bootstrap": lambda m: m.bootstrap(50, verbose=1),
    "bootstrap test": against_the_intercept,
    "profile": lambda m: m.profile(verbose=1),
    "influence": lambda m: influence(m, SLEEP, level="Subject", verbose=1),
    "residuals": lambda m: simulated_residuals(m, SLEEP, verbose=1),
    "folds": lambda m: compare_models([SLOPE], SLEEP, cv=3, verbose=1),
}


class Interrupted:
    """Raise KeyboardInterrupt in place of a method's n-th call."""

    def __init__(self, monkeypatch, owner, name, at):
        self.left, inner = at, getattr(owner, name)

        def call(*args, **options):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return inner(*args, **options)

        monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("name", WORK)
def test_long_work_ends_its_bar(name, monkeypatch, capsys):
    model = MixedLinearRegressor(SLOPE).fit(SLEEP)
    before = str(model.summary())
    with monkeypatch.context() as patch:
        Interrupted(patch, tqdm, "update", at=1)
        with pytest.raises(KeyboardInterrupt):
            WORK[name](model)
    assert not [bar for bar in tqdm._instances if bar.fp is sys.stderr]
    assert str(model.summary()) == before
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", sys.stdout)
        WORK[name](model)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_likelihood_that_was_left_elsewhere_comes_back(at, monkeypatch):
    # crossed factors have no exact second derivatives: gradients are differenced
    data, formula = load_penicillin().frame, "diameter ~ 1 + (1 | plate) + (1 | sample)"
    expected = MixedLinearRegressor(formula, solver="auto").fit(data)
    monkeypatch.setattr(ProfiledDeviance, "exact", property(lambda self: False))
    wanted = expected.summary().fixed
    model = MixedLinearRegressor(formula).fit(data)
    with monkeypatch.context() as patch:
        Interrupted(patch, ProfiledDeviance, "derivatives", at)
        with pytest.raises(KeyboardInterrupt):
            model.summary()
    np.testing.assert_allclose(model.summary().fixed, wanted, rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(
        model.predict(data), expected.predict(data), rtol=SAME_ALGEBRA
    )
