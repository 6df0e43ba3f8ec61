"""The examples that redo the lecture run, and print what it prints."""

import importlib
import importlib.util
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
REISBY = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def examples_on_path(monkeypatch):
    # a script finds its neighbours
    monkeypatch.syspath_prepend(str(EXAMPLES))


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lecture_is_one_page(capsys):
    path = EXAMPLES / "lecture_on_one_page.py"
    assert len(path.read_text().splitlines()) <= 40
    runpy.run_path(str(path))
    printed = capsys.readouterr().out
    for figure in (
        *("0.005 (0.040) 0.884 (0.116)", "-0.001 (0.013) 0.595 (0.013)"),
        *("-0.06812 0.51917 0.06440", "0.42458 0.93937 0.11651"),
        *("128", "new groups", "known groups", "examᵢⱼ = b₀ᵢ + b₁ᵢ lrtᵢⱼ + εᵢⱼ"),
    ):
        assert figure in printed


def test_false_positives_are_those_of_the_level():
    example = load_example("type_one_error")
    rng = example.np.random.default_rng(1)
    n = 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)
        p = example.pd.DataFrame(
            [example.p_values(example.simulate(rng)) for _ in range(n)]
        )
    rate = (p < example.LEVEL).mean()
    error = (example.LEVEL * (1 - example.LEVEL) / n) ** 0.5
    for name in ("1. aggregated", "5. mixed, Satterthwaite"):
        assert abs(rate[name] - example.LEVEL) < 2.5 * error
    assert rate["2. pooled"] > 0.25


def test_five_approaches_are_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    example = load_example("plot_five_approaches")
    schools = example.load_london_schools().frame
    table = example.compare_approaches(example.FORMULA, schools)
    example.print_beside_the_lecture(table)
    assert capsys.readouterr().out.count(" yes") == 6
    example.draw_lines(table, schools, tmp_path / "lines.png")
    assert (tmp_path / "lines.png").stat().st_size > 10_000


@pytest.mark.skipif(not (REISBY / "reisby.csv").exists(), reason="no Reisby data")
def test_reisby_is_described_and_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    load_example("plot_reisby").main(tmp_path / "reisby.png", REISBY)
    printed = capsys.readouterr().out
    assert "0.740 0.011" in " ".join(printed.split())
    assert "1.112 0.088" in " ".join(printed.split())
    assert (tmp_path / "reisby.png").exists()


def test_the_page_of_the_lecture_says_what_the_lecture_says(monkeypatch, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    tutorials = ROOT / "docs" / "tutorials"
    monkeypatch.syspath_prepend(str(tutorials))
    sentences = importlib.import_module("sentences")
    monkeypatch.setattr(
        sentences.Say, "__init__", lambda self, *paragraphs: print(*paragraphs)
    )
    runpy.run_path(str(tutorials / "plot_lecture.py"))
    said = " ".join(capsys.readouterr().out.split())
    for figure in (
        *("slope 0.884 (0.116)", "0.595 (0.013)", "mean 0.425", "deviation 0.939"),
        *("128 parameters", "school 28 is 0.282", "ICC 0.168"),
    ):
        assert figure in said
