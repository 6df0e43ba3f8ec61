"""The Reisby data are fetched, checked and kept; no test touches a network."""

import hashlib
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import pandas as pd
import pytest

from skmixed.datasets import fetch_reisby, reisby

RAW = (
    b"  901 20  1  0  1  0\r\n  901  .  1  1  1  1\r\n  902 15  1  0  0  0\r\n\x1a\r\n"
)
# A copy beside the repository; the data may not be part of it.
LOCAL_COPY = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def made_up_source(monkeypatch):
    """Serve RAW in place of the network; returns the list of addresses opened."""
    opened = []

    def serve(url, timeout):
        opened.append((url, timeout))
        return BytesIO(RAW)

    monkeypatch.setattr(reisby, "urlopen", serve)
    monkeypatch.setattr(reisby, "SHA256", hashlib.sha256(RAW).hexdigest())
    return opened


@pytest.fixture
def no_network(monkeypatch):
    def refuse(url, timeout):
        raise URLError("no network")

    monkeypatch.setattr(reisby, "urlopen", refuse)


def test_download_is_parsed_and_kept(tmp_path, made_up_source):
    loaded = fetch_reisby(data_home=tmp_path)
    expected = pd.DataFrame(
        {
            "id": [901, 901, 902],
            "hamd": [20, float("nan"), 15],
            "week": [0, 1, 0],
            "endog": [1, 1, 0],
        }
    )
    pd.testing.assert_frame_equal(loaded.frame, expected)
    pd.testing.assert_frame_equal(fetch_reisby(data_home=tmp_path).frame, expected)
    assert made_up_source == [(reisby.URL, reisby.TIMEOUT_SECONDS)]
    assert [path.name for path in tmp_path.iterdir()] == ["reisby.csv"]


def test_bunch_follows_scikit_learn(tmp_path, made_up_source):
    loaded = fetch_reisby(data_home=tmp_path)
    assert loaded.feature_names == ["id", "week", "endog"]
    assert loaded.target_names == ["hamd"]
    assert "Hamilton" in loaded.DESCR
    assert Path(loaded.filename) == tmp_path / "reisby.csv"
    X, y = fetch_reisby(data_home=tmp_path, return_X_y=True)
    pd.testing.assert_frame_equal(X, loaded.data)
    pd.testing.assert_series_equal(y, loaded.target)
    assert fetch_reisby(data_home=tmp_path, as_frame=False).data.shape == (3, 3)


def test_original_file_in_the_folder_is_used(tmp_path, made_up_source):
    (tmp_path / reisby.RAW_NAME).write_bytes(RAW)
    assert fetch_reisby(data_home=tmp_path).frame.shape == (3, 4)
    assert made_up_source == []


def test_absent_data_raise_when_download_is_not_wanted(tmp_path, no_network):
    with pytest.raises(OSError, match="`download_if_missing` is False"):
        fetch_reisby(data_home=tmp_path, download_if_missing=False)


def test_failed_download_says_where_to_put_the_file(tmp_path, no_network):
    with pytest.raises(OSError, match=r"could not be downloaded.*riesby\.dat\.txt"):
        fetch_reisby(data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_content_is_refused(tmp_path, made_up_source, monkeypatch):
    monkeypatch.setattr(reisby, "SHA256", "0" * 64)
    with pytest.raises(OSError, match="not the expected file"):
        fetch_reisby(data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not (LOCAL_COPY / "reisby.csv").exists(), reason="no copy of the Reisby data"
)
def test_trial_has_66_patients_and_375_ratings(no_network):
    frame = fetch_reisby(data_home=LOCAL_COPY).frame
    assert frame.shape == (396, 4)
    assert frame["hamd"].notna().sum() == 375
    assert frame["id"].nunique() == 66
    assert (frame.groupby("id")["endog"].nunique() == 1).all()
