"""Models saved by earlier versions say what they said then."""

import json
import pickle

import numpy as np
import pytest
import saved_models
import skops.io

from skmixed import from_dict, trusted_types

# Predictions on other machines and versions of the libraries below.
SAME_PREDICTION = 1e-9
FOLDERS = sorted(saved_models.FOLDER.iterdir())
# Arrays of numpy 2 are pickled under names that numpy 1 does not know.
OLD = np.lib.NumpyVersion(np.__version__) < "2.0.0"
LOADERS = {
    "pkl": lambda path: pickle.loads(path.read_bytes()),
    "skops": lambda path: skops.io.load(path, trusted=trusted_types()),
    "json": lambda path: from_dict(json.loads(path.read_text(encoding="utf-8"))),
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("name", saved_models.MODELS)
def test_a_saved_model_says_what_it_said(folder, kind, name):
    if kind == "pkl" and OLD:
        pytest.skip("pickled with numpy 2")
    model = LOADERS[kind](folder / f"{name}.{kind}")
    stored = json.loads((folder / "answers.json").read_text(encoding="utf-8"))[name]
    now = saved_models.answers(model, saved_models.read(name))
    np.testing.assert_allclose(
        now["predict"], stored["predict"], rtol=SAME_PREDICTION, atol=0
    )
    assert now["summary"] == stored["summary"]


def test_every_model_of_the_list_is_saved():
    assert FOLDERS
    for folder in FOLDERS:
        names = {path.name for path in folder.iterdir()}
        wanted = {f"{n}.{kind}" for n in saved_models.MODELS for kind in LOADERS}
        assert names == wanted | {"answers.json"}
