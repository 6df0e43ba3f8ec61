"""The coverage study runs, and its truths are those of its models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def coverage_study():
    """Import the script by its path: a package has its name."""
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_study", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("name", ["random intercept", "random slope", "crossed"])
def test_every_interval_is_asked(coverage_study, name):
    design = coverage_study.DESIGNS[name]
    options = {"bootstrap": True, "resamples": 9, "seed": 0}
    random = np.random.default_rng(1)
    held = dict(coverage_study.replicate(design, (8, 8), random, options))
    methods = {method for _, method in held}
    assert {"profile", "icc", "predict_interval", "bootstrap, percentile"} <= methods
    assert {quantity for quantity, _ in held} >= set(coverage_study.truths(design))
    assert all(np.isnan(share) or 0 <= share <= 1 for share in held.values())


def test_groups_have_the_variances_that_are_asked_for(coverage_study):
    design = coverage_study.DESIGNS["random intercept"]
    frame = coverage_study.draw(design, 2000, 4, np.random.default_rng(0))
    known = frame[frame["role"] != "new"]
    between = known.groupby("g")["mu"].first() - 2 * known.groupby("g")["x"].first()
    assert abs(between.std() - 1) < 0.06
    assert coverage_study.true_icc(design, "g") == 0.5
    assert (frame["role"] == "new").sum() == coverage_study.N_NEW
