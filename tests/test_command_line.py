"""The command fits a file as Python does, and answers mistakes in words."""

import subprocess
import sys
from importlib import import_module

import pandas as pd
import pytest

import skmixed
from skmixed.__main__ import ESTIMATORS, main
from skmixed.datasets import load_cbpp, load_sleepstudy, load_wine

SLEEP = load_sleepstudy().frame
FORMULA = "Reaction ~ Days + (Days | Subject)"
WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".xlsx": lambda frame, path: frame.to_excel(path, index=False),
    ".dta": lambda frame, path: frame.to_stata(path, write_index=False),
    ".sav": lambda frame, path: write_sav(frame, path),
}
NEEDED = {".parquet": "pyarrow", ".xlsx": "openpyxl", ".sav": "pyreadstat"}


def write_sav(frame, path):
    import_module("pyreadstat").write_sav(frame, path)


@pytest.fixture
def sleep(tmp_path):
    path = tmp_path / "sleep.csv"
    SLEEP.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("ending", WRITERS)
def test_every_file_gives_the_same_summary(ending, tmp_path, capsys):
    if ending in NEEDED:
        pytest.importorskip(NEEDED[ending])
    path = tmp_path / f"sleep{ending}"
    WRITERS[ending](SLEEP.astype({"Subject": str}), path)
    assert main([FORMULA, str(path)]) == 0
    model = skmixed.MixedLinearRegressor(FORMULA).fit(SLEEP.astype({"Subject": str}))
    assert capsys.readouterr().out == f"{model.summary()}\n"


def test_options_reach_the_fit(tmp_path, capsys):
    table = SLEEP.assign(w=1 + SLEEP.index % 3)
    path = tmp_path / "sleep.csv"
    table.to_csv(path, index=False)
    assert main([FORMULA, str(path), "--ml", "--weights", "w"]) == 0
    model = skmixed.MixedLinearRegressor(FORMULA, reml=False)
    model.fit(table, sample_weight=table.w)
    assert capsys.readouterr().out == f"{model.summary()}\n"


@pytest.mark.parametrize(
    ("family", "formula", "frame"),
    [
        (
            "binomial",
            "cbind(incidence, size - incidence) ~ period + (1 | herd)",
            load_cbpp().frame,
        ),
        ("ordinal", "rating ~ temp + contact + (1 | judge)", load_wine().frame),
    ],
)
def test_families_name_their_estimator(family, formula, frame, tmp_path, capsys):
    path = tmp_path / "table.parquet"
    pytest.importorskip("pyarrow")
    frame.to_parquet(path)
    assert main([formula, str(path), "--family", family]) == 0
    model = getattr(skmixed, ESTIMATORS[family])(formula).fit(frame)
    assert capsys.readouterr().out == f"{model.summary()}\n"


def test_every_generalised_estimator_has_a_family():
    mixed = {name for name in skmixed.__all__ if name.startswith("Mixed")}
    assert set(ESTIMATORS.values()) == mixed - {"MixedEffectsRegressor"}


def test_report_is_written(sleep, tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    page = tmp_path / "report.html"
    assert main([FORMULA, sleep, "--report", str(page)]) == 0
    assert f"The report is in {page}." in capsys.readouterr().out
    assert "was fitted by REML" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Reaction ~ Dais + (1 | Subject)", "sleep.csv"], "'Dais'"),
        (["Reaction ~ Days + (1 | Subject", "sleep.csv"], "Subject"),
        ([FORMULA, "nowhere.csv"], "There is no file"),
        ([FORMULA, "sleep.rds"], "are not read"),
        ([FORMULA, "sleep.csv", "--weights", "v"], "There is no column 'v'"),
        (
            [FORMULA, "sleep.csv", "--family", "poisson", "--ml"],
            "--ml belongs to --family gaussian",
        ),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    arguments, words, sleep, capsys, monkeypatch
):
    monkeypatch.chdir(sleep.removesuffix("sleep.csv"))
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    assert "See docs/troubleshooting.md#" in told.err


def test_a_missing_reader_is_named(tmp_path, capsys, monkeypatch):
    path = tmp_path / "sleep.sav"
    path.touch()
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    assert main([FORMULA, str(path)]) == 2
    assert "pip install pyreadstat" in capsys.readouterr().err


def test_warnings_are_told_without_code(tmp_path, capsys):
    path = tmp_path / "flat.csv"
    table = pd.DataFrame({"y": [1.0, 2.0, 3.0, 4.0] * 5, "g": list("abcde") * 4})
    table.to_csv(path, index=False)
    assert main(["y ~ 1 + (1 | g)", str(path)]) == 0
    told = capsys.readouterr().err
    assert told.startswith("SingularFitWarning: ")
    assert ".py" not in told


def test_runs_as_a_module(sleep):
    found = subprocess.run(
        [sys.executable, "-m", "skmixed", FORMULA, sleep],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "251.4" in found.stdout
    assert found.stderr == ""
