"""The gallery runs headless, draws, and stays short."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from headless import closed_figures  # noqa: F401

EXAMPLES = Path(__file__).parents[2] / "examples"
GALLERY = [
    "approaches",
    "cross_validation",
    "group_lines",
    "influence",
    "occasions",
    "profiles",
    "random_effects",
    "residuals",
    "shrinkage",
    "time_origin",
    "trajectories",
    "unseen_group",
    "variance_partition",
]


@pytest.mark.parametrize("name", GALLERY)
def test_example_draws_in_under_30_lines(name, monkeypatch, capsys):
    path = EXAMPLES / f"plot_{name}.py"
    assert len(path.read_text().splitlines()) < 30
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(path))
    assert plt.get_fignums()
    capsys.readouterr()
