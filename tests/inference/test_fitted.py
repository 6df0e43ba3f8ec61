"""The one door to a fitted model: opened once, in any order, and no part of pickles."""

import copy
import pickle

import numpy as np
import pytest
from conftest import SAME_ALGEBRA, SAME_DEVIANCE

from skmixed import (
    MixedLinearRegressor,
    PooledLinearRegressor,
    anova,
    compare_table,
    contrast_test,
    emmeans,
    likelihood_ratio_test,
)
from skmixed.datasets import load_pastes, load_penicillin, load_sleepstudy
from skmixed.inference.opened import fitted as door
from skmixed.inference.opened import open_fit
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood import fit_linear
from skmixed.likelihood.elimination.regime import choose_elimination

MODELS = {
    "one factor": ("Reaction ~ Days + (Days | Subject)", load_sleepstudy),
    "nested": ("strength ~ 1 + (1 | batch/cask)", load_pastes),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", load_penicillin),
    "boundary": ("Reaction ~ Days + (1 | Subject) + (1 | Days)", load_sleepstudy),
}
STATEMENTS = {
    "summary": lambda model, frame: model.summary().fixed,
    "Kenward-Roger": lambda model, frame: model.summary(ddf="kenward-roger").fixed,
    "intervals": lambda model, frame: model.conf_int(),
    "shares": lambda model, frame: model.icc(),
    "errors": lambda model, frame: model.predict(frame, return_std=True)[1],
    "bounds": lambda model, frame: model.predict_interval(frame.head(20)),
    "modes": lambda model, frame: next(iter(model.conditional_cov_.values())),
}


def fit(name):
    formula, load = MODELS[name]
    frame = load().frame
    return MixedLinearRegressor(formula).fit(frame), frame


@pytest.mark.filterwarnings("ignore::skmixed.warnings.SingularFitWarning")
@pytest.mark.parametrize("name", MODELS)
def test_statements_do_not_depend_on_what_was_asked_before(name):
    model, frame = fit(name)
    alone = {what: ask(copy.deepcopy(model), frame) for what, ask in STATEMENTS.items()}
    random = np.random.default_rng(0)
    for _ in range(3):
        other = copy.deepcopy(model)
        for what in random.permutation([*STATEMENTS, *STATEMENTS]):
            np.testing.assert_allclose(
                STATEMENTS[what](other, frame), alone[what], rtol=SAME_ALGEBRA
            )


@pytest.mark.parametrize("regime", ["nested", "crossed"])
def test_intervals_are_the_same_in_every_regime_and_order(regime, monkeypatch):
    model, frame = fit("nested")
    alone = copy.deepcopy(model).predict_interval(frame)
    monkeypatch.setattr(
        open_fit, "choose_elimination", lambda A: choose_elimination(A, regime)
    )
    model.summary()
    model.predict(frame, return_std=True)
    for _ in range(2):
        np.testing.assert_allclose(
            model.predict_interval(frame), alone, rtol=SAME_DEVIANCE
        )
        model.conf_int()


def test_the_likelihood_is_opened_once_and_no_part_of_the_state():
    model, _ = fit("crossed")
    before = len(pickle.dumps(model))
    opened = model.fitted_.open
    model.summary()
    assert model.fitted_.open is opened
    assert len(pickle.dumps(model)) == before
    assert pickle.loads(pickle.dumps(model)).fitted_.open is not opened


def test_what_is_too_large_is_not_kept(monkeypatch):
    model, _ = fit("crossed")
    crossed = Fitted(fit_linear(model.result_.A, solver="crossed"))
    monkeypatch.setattr(door, "LARGEST_KEPT", 5)
    assert crossed.open is not crossed.open


def test_responses_of_one_design_share_no_likelihood():
    model, frame = fit("one factor")
    other = model.refit(frame, frame["Reaction"][::-1].to_numpy())
    model.summary()
    assert other.fitted_.open is not model.fitted_.open
    assert copy.copy(model).fitted_.open is model.fitted_.open


@pytest.mark.parametrize(
    "ask",
    [
        anova,
        compare_table,
        lambda model: contrast_test(model, {"Days": 1}),
        lambda model: emmeans(model, "Days"),
        lambda model: likelihood_ratio_test(model, model),
    ],
)
def test_other_models_are_refused_by_name(ask):
    model = PooledLinearRegressor("Reaction ~ Days").fit(load_sleepstudy().frame)
    with pytest.raises(ValueError, match="PooledLinearRegressor is none"):
        ask([model] if ask is compare_table else model)


def test_sums_of_rows_are_added_up_later_and_rows_are_no_part_of_the_state():
    model, frame = fit("nested")
    frame["strength"] = 0.0
    stored = pickle.loads(pickle.dumps(model)).fitted_.sketch
    assert vars(stored).keys() == {*stored.SUMS}
    again = fit("nested")[0].fitted_.sketch
    for part in ("X", "one", "y"):
        np.testing.assert_array_equal(getattr(again, part), getattr(stored, part))
    np.testing.assert_array_equal(again.forms, stored.forms)
