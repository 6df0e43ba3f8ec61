import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE
from headless import closed_figures, london, sleepstudy  # noqa: F401
from sklearn.exceptions import ConvergenceWarning

from skmixed import MixedLinearRegressor, SingularFitWarning
from skmixed.inference.diagnose.collinearity import variance_inflation
from skmixed.inspection import check_model, findings, influence

TOPICS = [
    "convergence",
    "singular fit",
    "collinearity",
    "group sizes",
    "constant slopes",
    "influence",
    "linearity",
    "rows",
    "spread",
    "residual normality",
    "random effects",
    "random effects",
]


def sentence(report, topic):
    row = report.table.loc[topic]
    return row["status"], row["finding"]


def test_good_model_passes():
    report = check_model(*london())
    assert report.ok
    assert [finding.topic for finding in report.findings] == TOPICS


def test_every_finding_points_to_the_docs():
    report = check_model(*sleepstudy())
    assert report.table["docs"].str.startswith("docs/diagnostics.md#").all()
    text = str(report)
    assert "NOTE         residual normality: The residuals have heavy tails" in text
    assert "docs/diagnostics.md#residual-normality" in text
    assert "<table>" in report._repr_html_()
    page = Path(__file__).parents[2] / "docs" / "diagnostics.md"
    sections = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.M)
    assert set(report.table["docs"].str.rpartition("#")[2]) <= set(sections)


def test_singular_fit_names_the_term_and_the_remedy():
    _, sleep = sleepstudy()
    frame = sleep.assign(noise=np.sin(np.arange(len(sleep)) ** 2))
    model = MixedLinearRegressor("Reaction ~ Days + noise + (noise | Subject)")
    with pytest.warns(SingularFitWarning):
        model.fit(frame)
    status, text = sentence(check_model(model, frame), "singular fit")
    assert status == "note"
    assert "try the simpler `Reaction ~" in text


def test_fit_that_stopped_early_is_a_problem():
    _, sleep = sleepstudy()
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)", max_iter=1)
    frame = sleep.drop(sleep.index[::7])
    with pytest.warns(ConvergenceWarning):
        model.fit(frame)
    status, text = sentence(check_model(model, frame), "convergence")
    assert status == "problem"
    assert "Raise max_iter" in text


def test_collinear_predictors_are_named():
    _, sleep = sleepstudy()
    frame = sleep.assign(late=sleep["Days"] + 0.1 * np.sin(np.arange(len(sleep))))
    model = MixedLinearRegressor("Reaction ~ Days + late + (1 | Subject)").fit(frame)
    status, text = sentence(check_model(model, frame), "collinearity")
    assert status == "problem"
    assert "`Days`, `late` can hardly be told apart" in text


def test_variance_inflation_is_that_of_regressing_each_predictor_on_the_others():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    X["c"] += X["a"] + X["b"]
    frame = X.assign(y=rng.normal(size=80))
    model = MixedLinearRegressor("y ~ a + b + c").fit(frame)
    found = variance_inflation(model.result_, np.array([True, False, False, False]))
    expected = np.diag(np.linalg.inv(X.corr()))
    np.testing.assert_allclose(found[1:], expected, rtol=SAME_DENSE)
    assert np.isnan(found[0])


def test_few_groups_and_lone_rows_are_noted():
    _, sleep = sleepstudy()
    few = sleep[sleep["Subject"].isin(sleep["Subject"].unique()[:4])]
    few = few.reset_index(drop=True)
    model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(few)
    status, text = sentence(check_model(model, few), "group sizes")
    assert status == "note"
    assert "rests on 4 groups" in text
    lone = sleep.assign(unit=np.where(sleep.index < 100, sleep.index, sleep["Subject"]))
    model = MixedLinearRegressor("Reaction ~ Days + (1 | unit)").fit(lone)
    status, text = sentence(check_model(model, lone), "group sizes")
    assert status == "note"
    assert "have a single row" in text


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_slope_that_is_constant_within_groups_is_a_problem():
    _, schools = london()
    model = MixedLinearRegressor("exam ~ lrt + school_avg + (school_avg | school)")
    status, text = sentence(check_model(model.fit(schools), schools), "constant slopes")
    assert status == "problem"
    assert "`school_avg` does not vary within any `school`" in text


def test_group_that_drives_the_fit_is_a_problem():
    _, sleep = sleepstudy()
    first = sleep["Subject"] == sleep["Subject"][0]
    frame = sleep.assign(
        Reaction=sleep["Reaction"] + 90.0 * first * sleep["Days"],
        Days=sleep["Days"] * np.where(first, 6.0, 1.0),
    )
    model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(frame)
    status, text = sentence(check_model(model, frame), "influence")
    assert status == "problem"
    assert f"`Subject` {sleep['Subject'][0]} moves the fixed effects most" in text


def test_spread_that_grows_is_noted():
    _, schools = london()
    model = MixedLinearRegressor("grown ~ lrt + (1 | school)")
    frame = schools.assign(grown=np.exp(schools["exam"] / 2))
    report = check_model(model.fit(frame), frame)
    status, text = sentence(report, "spread")
    assert status == "note"
    assert "grows with the response" in text
    assert sentence(report, "residual normality")[0] == "note"


def test_model_without_random_effects_is_checked_too():
    _, sleep = sleepstudy()
    model = MixedLinearRegressor("Reaction ~ Days").fit(sleep)
    topics = [finding.topic for finding in check_model(model, sleep).findings]
    assert "influence" not in topics
    assert "collinearity" in topics


def planted(n_groups=20, size=15, seed=0):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), size)
    x = rng.normal(size=len(group))
    y = x + rng.normal(size=n_groups)[group] + rng.normal(size=len(group))
    index = [f"row{i}" for i in range(len(group))]
    return pd.DataFrame({"y": y, "x": x, "group": group}, index=index)


@pytest.mark.parametrize("bend", [np.square, np.exp, lambda x: x**3])
def test_a_bent_relation_is_seen_and_mended(bend):
    frame = planted()
    model = MixedLinearRegressor("y ~ x + (1 | group)")
    assert sentence(check_model(model.fit(frame), frame), "linearity")[0] == "ok"
    frame["y"] += bend(frame["x"])
    status, text = sentence(check_model(model.fit(frame), frame), "linearity")
    assert status in ("note", "problem")
    assert "`I(x^2)`" in text
    model = MixedLinearRegressor("y ~ poly(x, 3) + (1 | group)").fit(frame)
    if bend is not np.exp:
        assert sentence(check_model(model, frame), "linearity")[0] == "ok"


def test_rows_far_out_are_named():
    frame = planted()
    model = MixedLinearRegressor("y ~ x + (1 | group)")
    status, text = sentence(check_model(model.fit(frame), frame), "rows")
    assert status == "ok"
    frame.loc["row17", "y"] += 60
    status, text = sentence(check_model(model.fit(frame), frame), "rows")
    assert status == "note"
    assert "row row17 (+" in text


@pytest.mark.filterwarnings("ignore")
def test_remedies_do_not_contradict_each_other():
    frame = planted()
    frame["const"] = frame["group"] % 3
    # no variance between groups is left
    frame["y"] -= frame.groupby("group")["y"].transform("mean")
    model = MixedLinearRegressor("y ~ x + const + (1 + const | group)").fit(frame)
    report = check_model(model, frame)
    assert sentence(report, "constant slopes")[0] == "problem"
    status, text = sentence(report, "singular fit")
    assert status == "note"
    assert "try the simpler" not in text
    assert "constant slopes" in text


def test_what_was_not_looked_at_is_not_ok():
    frame = planted(n_groups=8, size=6)
    model = MixedLinearRegressor("y ~ 1 + (1 | group)").fit(frame)
    report = check_model(model, frame)
    status = report.table["status"]
    for topic in ("collinearity", "linearity", "random effects"):
        assert status[topic] == "not checked"
    assert "not checked  collinearity:" in str(report)
    assert max(map(len, str(report).splitlines())) <= 79


def test_too_many_effects_next_to_others_are_not_checked(monkeypatch):
    frame = planted()
    frame["item"] = np.arange(len(frame)) % 7
    frame["y"] += np.arange(7)[frame["item"]]
    model = MixedLinearRegressor("y ~ x + (1 | group) + (1 | item)").fit(frame)
    assert (check_model(model, frame).table.loc["influence", "status"] == "ok").all()
    monkeypatch.setattr(findings, "MOST_EFFECTS", 20)
    status = check_model(model, frame).table.loc["influence", "status"]
    assert (status == "not checked").all()


def test_influence_says_whether_variances_are_held():
    model, sleep = sleepstudy()
    held = sentence(check_model(model, sleep), "influence")[1]
    assert "the variances held" in held
    for refit, how in ((False, "variances held"), (True, "variances estimated anew")):
        assert how in repr(influence(model, sleep, level="Subject", refit=refit))
