"""Progress bars count what is done, and come by themselves where somebody watches."""

import io
import re
import sys

import pytest

from skmixed import MixedLinearRegressor, bootstrap_test, compare_models, fit_many
from skmixed.datasets import load_sleepstudy
from skmixed.inspection import influence, simulated_residuals
from skmixed.printing import progress

SLEEP = load_sleepstudy().frame
INTERCEPT, SLOPE = "Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (Days|Subject)"
N_RESAMPLES = 150


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def model():
    return MixedLinearRegressor(SLOPE).fit(SLEEP)


def compare(model, **options):
    compare_models([SLOPE], SLEEP, cv=3, **options)


def test_bootstrap(model, **options):
    null = MixedLinearRegressor(INTERCEPT).fit(SLEEP)
    return bootstrap_test(null, model, N_RESAMPLES, **options)


def many(model, **options):
    fit_many(model, SLEEP, SLEEP[["Reaction"]], **options)


def bootstrap(model, **options):
    model.bootstrap(N_RESAMPLES, **options)


test_bootstrap.__test__ = False
# name -> (call, units that it counts)
LONG_WORK = {
    "bootstrap": (bootstrap, N_RESAMPLES),
    "bootstrap of rows": (lambda m, **o: m.bootstrap(20, X=SLEEP, **o), 20),
    "bootstrap, two jobs": (lambda m, **o: bootstrap(m, n_jobs=2, **o), N_RESAMPLES),
    "bootstrap intervals": (
        lambda m, **o: m.conf_int(method="bootstrap", n_resamples=20, **o),
        20,
    ),
    "bootstrap test": (test_bootstrap, N_RESAMPLES),
    "bootstrap test, two jobs": (
        lambda m, **o: test_bootstrap(m, n_jobs=2, **o),
        N_RESAMPLES,
    ),
    "profile": (lambda m, **o: m.profile(["Days", "sigma"], **o), 2),
    "influence": (lambda m, **o: influence(m, SLEEP, level="Subject", **o), 18),
    "simulated residuals": (lambda m, **o: simulated_residuals(m, SLEEP, **o), 250),
    "many responses": (many, 1),
    "folds": (compare, 6),
    "folds, two jobs": (lambda m, **o: compare(m, n_jobs=2, **o), 6),
}


def shown_on(stream, monkeypatch, work, model, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    work(model, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", LONG_WORK)
def test_a_bar_counts_what_is_done(name, model, monkeypatch):
    work, total = LONG_WORK[name]
    text = shown_on(Terminal(), monkeypatch, work, model)
    counts = [(int(n), int(of)) for n, of in re.findall(r"(\d+)/(\d+) \[", text)]
    assert {of for _, of in counts} == {total}
    assert counts[0][0] == 0
    assert counts[-1][0] == total


@pytest.mark.parametrize("name", LONG_WORK)
def test_no_bar_for_who_wants_none(name, model, monkeypatch):
    work, _ = LONG_WORK[name]
    assert shown_on(Terminal(), monkeypatch, work, model, verbose=0) == ""


@pytest.mark.parametrize("name", ["bootstrap", "influence", "folds"])
def test_no_bar_that_nobody_watches(name, model, monkeypatch):
    work, _ = LONG_WORK[name]
    assert shown_on(io.StringIO(), monkeypatch, work, model) == ""
    assert shown_on(io.StringIO(), monkeypatch, work, model, verbose=1) != ""


def test_short_work_shows_no_bar(model, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    model.bootstrap(20)
    assert sys.stderr.getvalue() == ""


def test_a_notebook_is_watched():
    stream = type("OutStream", (), {"__module__": "ipykernel.iostream"})()
    assert progress.watched(stream)


def test_refits_of_many_groups_are_announced(model, monkeypatch):
    monkeypatch.setattr(progress, "LONG", 0.0)

    def work(m, **options):
        influence(m, SLEEP, level="Subject", **options)

    text = shown_on(Terminal(), monkeypatch, work, model)
    assert "Influence of 18 groups of `Subject`, each with a fit" in text
    assert shown_on(Terminal(), monkeypatch, work, model, verbose=0) == ""
    assert shown_on(io.StringIO(), monkeypatch, work, model) == ""
