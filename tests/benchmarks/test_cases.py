"""What packages are asked for; nothing is timed here."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = [path.stem for path in BENCHMARKS.glob("*.py")]


@pytest.fixture
def benchmark(monkeypatch):
    """Import modules of the benchmark, and forget them again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield lambda name: __import__(name)
    for name in set(sys.modules) - before:
        if name in MODULES:
            del sys.modules[name]


def test_packages_are_asked_for_the_models_that_they_have(benchmark):
    cases, rivals = benchmark("cases").CASES, benchmark("rivals")
    of_r = {rival.name: rival for rival in rivals.R_RIVALS}
    by_name = {case.name: case for case in cases}
    us, ar1h = by_name["200 x 4 us"], by_name["sleepstudy ar1h"]
    assert of_r["nlme"].r_call(us) == (
        "gls(y ~ base + sex + arm * visit, table, correlation = "
        "corSymm(form = ~ time | id), weights = varIdent(form = ~ 1 | visit))"
    )
    assert of_r["nlme"].r_call(ar1h) == (
        "gls(Reaction ~ Days, table, correlation = corAR1(form = ~ Days | Subject), "
        "weights = varIdent(form = ~ 1 | Days))"
    )
    assert "us(0 + factor(visit) | id)" in of_r["glmmTMB"].r_call(us)
    assert of_r["nlme"].reason(by_name["200k x 6 toeph"]) == "has no toeph"
    assert of_r["lme4"].reason(us) == "not asked for residuals that covary"
    assert of_r["nlme"].reason(by_name["sleepstudy"]) == "not asked for linear models"
    assert of_r["lme4"].r_call(by_name["sleepstudy"]) == (
        "lmer(Reaction ~ Days + (1 + Days | Subject), table)"
    )
    for rival in rivals.RIVALS:
        assert rival.reason(us) == "not asked for residuals that covary"
        assert rival.reason(by_name["sleepstudy"]) in (
            "",
            rival.refuse(by_name["sleepstudy"]),
        )


def test_packages_are_asked_for_the_families_that_they_have(benchmark):
    cases, rivals = benchmark("cases").CASES, benchmark("rivals")
    by_name = {case.name: case for case in cases}
    of_r = {rival.name: rival for rival in rivals.R_RIVALS}
    cbpp = by_name["cbpp"]
    call = "(cbind(incidence, healthy) ~ period + (1 | herd), table, family = binomial)"
    assert of_r["lme4"].r_call(cbpp) == f"glmer{call}"
    assert of_r["glmmTMB"].r_call(cbpp) == f"glmmTMB{call}"
    assert of_r["glmmTMB"].reason(by_name["1M 9 nodes"]) == "has no such model"
    assert of_r["lme4"].reason(by_name["10k NB"]) == "has no such model"
    assert "not tried" in of_r["lme4"].reason(by_name["1M Poisson"])
    assert of_r["glmmTMB"].reason(by_name["sleepstudy"]) == (
        "not asked for linear models"
    )
    by_rival = {rival.name: rival for rival in rivals.RIVALS}
    assert by_rival["glmm"].reason(cbpp) == ""
    assert by_rival["statsmodels"].reason(cbpp) == "not asked for families of responses"
    assert by_rival["gpboost"].reason(by_name["100k logistic"])
    assert by_rival["gpboost"].method_on(by_name["verbagg"]) == "other"
    assert by_rival["gpboost"].method_on(cbpp) == "ML"


def test_trials_are_the_tables_of_their_cases(benchmark):
    frame = benchmark("trials").trial(200, 4, seed=1)
    assert frame.groupby("id")["visit"].nunique().max() == 4
    assert not frame.duplicated(["id", "time"]).any()
    assert list(frame) == ["id", "visit", "time", "arm", "base", "sex", "y"]
