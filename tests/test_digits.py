"""The same digits whatever the threads, the kernels, the rows' order or their type."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import digits
import numpy as np
import pytest

from skmixed.datasets import load_sleepstudy

# Of the log-likelihood, relative; of coefficients, in standard errors; of these.
SAME_LOGLIK, SAME_COEF, SAME_ERROR = 1e-11, 1e-7, 1e-7
# Responses of seven digits, in standard errors of the coefficients.
SINGLE_PRECISION = 1e-5
# Kernels that every processor with 64 bits runs, from old to new.
KERNELS = ("Prescott", "Nehalem")
INTEL = platform.machine() in ("x86_64", "AMD64")
SETTINGS = {
    f"{threads} threads, {kernel if INTEL else 'any kernel'}": {
        "threads": threads,
        "kernel": kernel if INTEL else None,
    }
    for threads, kernel in zip((2, 8), KERNELS, strict=True)
}


def run(threads, kernel=None):
    """Numbers of the models in a process with other threads and kernels."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env |= {f"{name}_NUM_THREADS": str(threads) for name in ("OPENBLAS", "OMP")}
    if kernel is not None:
        env["OPENBLAS_CORETYPE"] = kernel
    here = Path(__file__).parent
    env["PYTHONPATH"] = os.pathsep.join([str(here.parent), env.get("PYTHONPATH", "")])
    found = subprocess.run(
        [sys.executable, str(here / "digits.py")],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def plain():
    return run(threads=1)


def assert_same(found, wanted, scale=1.0):
    for name, numbers in wanted.items():
        error = np.array(numbers["error"])
        ours = found[name]
        assert ours["loglik"] == pytest.approx(
            numbers["loglik"], rel=SAME_LOGLIK * scale, abs=0
        )
        gaps = (np.array(ours["coef"]) - numbers["coef"]) / error
        assert np.abs(gaps).max() < SAME_COEF * scale
        np.testing.assert_allclose(
            ours["error"], error, rtol=SAME_ERROR * scale, atol=0
        )


@pytest.mark.parametrize("setting", SETTINGS)
def test_threads_and_kernels_do_not_show(plain, setting):
    assert_same(run(**SETTINGS[setting]), plain)


@pytest.mark.parametrize("name", digits.MODELS)
@pytest.mark.filterwarnings("ignore::skmixed.LaplaceAccuracyWarning")
def test_the_order_of_rows_does_not_show(name):
    model, load = digits.MODELS[name]
    frame = load().frame
    shuffled = frame.sample(frac=1.0, random_state=0)
    found = {name: digits.numbers(model.fit(shuffled))}
    assert_same(found, {name: digits.numbers(model.fit(frame))})


def test_columns_of_single_precision_are_their_values():
    """Sums are of double precision: what single precision rounds is the data alone."""
    frame = load_sleepstudy().frame
    model, _ = digits.MODELS["one factor"]
    single = frame.astype({"Reaction": "float32", "Days": "float32"})
    rounded = single.astype({"Reaction": "float64", "Days": "float64"})
    found = digits.numbers(model.fit(single))
    assert found == digits.numbers(model.fit(rounded))
    whole = digits.numbers(model.fit(frame))
    gaps = np.subtract(found["coef"], whole["coef"]) / whole["error"]
    assert np.abs(gaps).max() < SINGLE_PRECISION
    assert model.predict(single).dtype == np.float64
