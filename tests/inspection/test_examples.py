"""The gallery runs headless, draws, and stays short."""

import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from headless import closed_figures  # noqa: F401

EXAMPLES = Path(__file__).parents[2] / "examples"
# one draws tables of a whole page, the other needs a file that has to be fetched
ELSEWHERE = {"plot_five_approaches", "plot_reisby"}
GALLERY = sorted({path.stem for path in EXAMPLES.glob("plot_*.py")} - ELSEWHERE)


@pytest.mark.parametrize("name", GALLERY)
def test_example_draws_in_under_30_lines(name, tmp_path, monkeypatch, capsys):
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text().splitlines()) < 30
    picture = run(path, tmp_path / "picture.png", monkeypatch)
    assert plt.get_fignums()
    assert picture.stat().st_size > 0
    capsys.readouterr()


def run(path, picture, monkeypatch):
    """Run an example as a script that is given the name of a file."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "argv", [str(path), str(picture)])
    runpy.run_path(str(path), run_name="__main__")
    return picture


def test_every_picture_of_the_examples_takes_a_file():
    drawing = [path for path in EXAMPLES.glob("*.py") if path.stem != "picture"]
    for path in drawing:
        text = path.read_text()
        assert "import matplotlib" not in text
        assert ("show(" in text) == path.stem.startswith("plot_"), path.stem


def test_without_a_screen_the_picture_is_saved(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    path = EXAMPLES / "plot_occasions.py"
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    assert (tmp_path / "plot_occasions.png").exists()
    assert "plot_occasions.png" in capsys.readouterr().out


def test_an_example_says_how_to_get_matplotlib():
    path = EXAMPLES / "plot_occasions.py"
    hide = "import sys; sys.modules['matplotlib'] = None; import runpy; "
    script = (
        f"{hide}sys.path.insert(0, {str(EXAMPLES)!r}); runpy.run_path({str(path)!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert 'pip install ".[plot]"' in done.stderr
    assert "Traceback" not in done.stderr
