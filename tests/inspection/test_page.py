"""The page about a model holds everything and needs nothing else."""

import re

import pytest

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_cake, load_machines, load_sleepstudy

pytest.importorskip("matplotlib").use("Agg")

SLEEP, MACHINES = load_sleepstudy().frame, load_machines().frame
MODELS = [
    (SLEEP, "Reaction ~ Days + (Days | Subject)", 4),
    (MACHINES, "score ~ Machine + (1 | Worker/Machine)", 3),
    (SLEEP, "Reaction ~ Days", 1),
    (load_cake().frame, "angle ~ temp * recipe + (1 | recipe:replicate)", 5),
]


@pytest.mark.parametrize(("data", "formula", "n_pictures"), MODELS)
def test_page_is_whole(data, formula, n_pictures, tmp_path):
    model = MixedLinearRegressor(formula).fit(data)
    path = model.report(tmp_path / "report.html", data)
    text = path.read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == n_pictures
    assert not re.search(r'(src|href)="(?!data:)', text)
    for words in ("was fitted by REML", "Fixed effects", "Residuals", "convergence"):
        assert words in text
