"""Models that are saved with a release, and loaded by those that follow.

``python tests/saved_models.py`` writes them into ``tests/saved``, in a folder of the
version. Those of a release are never written again; those of a version under
development are, where it changes what a model is made of.
"""

import json
import pickle
import shutil
import sys
import warnings
from pathlib import Path

import skops.io

import skmixed
from skmixed import datasets

FOLDER = Path(__file__).parent / "saved"
ROWS = 12
MODELS = {
    "slopes": (
        skmixed.MixedLinearRegressor("Reaction ~ scale(Days) + (Days | Subject)"),
        "sleepstudy",
    ),
    "nested": (
        skmixed.MixedLinearRegressor("strength ~ 1 + (1 | batch/cask)", reml=False),
        "pastes",
    ),
    "crossed": (
        skmixed.MixedLinearRegressor(
            "attain ~ bs(verbal, df=4) * sex + (1 | primary) + (1 | second)"
        ),
        "scots_schools",
    ),
    "visits": (
        skmixed.MixedLinearRegressor(
            "Reaction ~ Days", residual="ar1h(Days | Subject)"
        ),
        "sleepstudy",
    ),
    "yes_or_no": (
        skmixed.MixedLogisticClassifier("use ~ age + urban + (1 | district)"),
        "contraception",
    ),
    "counts": (
        skmixed.MixedNegativeBinomialRegressor("TICKS ~ YEAR + (1 | BROOD)"),
        "grouseticks",
    ),
    "grades": (
        skmixed.MixedOrdinalClassifier("rating ~ temp + contact + (1 | judge)"),
        "wine",
    ),
    "pooled": (skmixed.PooledLinearRegressor("exam ~ lrt + gender"), "london_schools"),
}


def read(name):
    """Table of a model of the list."""
    return getattr(datasets, f"load_{MODELS[name][1]}")().frame


def answers(model, frame):
    """What a loaded model has to say as the saved one did."""
    ask = getattr(model, "predict_proba", model.predict)
    return {
        "predict": ask(frame.head(ROWS)).tolist(),
        "summary": str(model.summary()),
    }


def fitted(name):
    """Fit a model of the list."""
    model, _ = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(read(name))


def save(folder):
    """Write each model in three formats, and what it says."""
    folder.mkdir(parents=True)
    said = {}
    for name in MODELS:
        model = fitted(name)
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))
        skops.io.dump(model, folder / f"{name}.skops")
        text = json.dumps(skmixed.to_dict(model), allow_nan=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        said[name] = answers(model, read(name))
    (folder / "answers.json").write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    target = FOLDER / skmixed.__version__
    if target.exists() and "dev" not in skmixed.__version__:
        sys.exit(f"{target} exists: files of a release are not written again.")
    shutil.rmtree(target, ignore_errors=True)
    save(target)
