"""The stored data sets: as R has them, handed over as scikit-learn does."""

from importlib import resources

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA
from sklearn.utils import Bunch

from skmixed import datasets
from skmixed.datasets.tables import TABLES, read_description

SHAPES = {
    "london_schools": (4059, 9),
    "sleepstudy": (180, 3),
    "penicillin": (144, 3),
    "pastes": (60, 4),
    "dyestuff": (30, 2),
    "cake": (270, 5),
    "machines": (54, 3),
    "oxboys": (234, 3),
    "scots_schools": (3435, 6),
    "chem97": (31022, 6),
    "insteval": (73421, 7),
    "cbpp": (56, 4),
    "contraception": (1934, 5),
    "grouseticks": (403, 7),
    "verbagg": (7584, 8),
    "wine": (72, 5),
}
# Sums of the response, from the tables of the R packages.
TARGET_SUMS = {
    "sleepstudy": 53731.4205,
    "penicillin": 3308,
    "pastes": 3603.2,
    "dyestuff": 45825,
    "cake": 8673,
    "machines": 3221.1,
    "oxboys": 34987.54,
    "cbpp": 99,
    "grouseticks": 2567,
}


def loader(name):
    return getattr(datasets, f"load_{name}")


@pytest.fixture(params=SHAPES)
def name(request):
    return request.param


def test_every_table_has_a_loader():
    assert set(TABLES) == set(SHAPES)
    assert {f"load_{name}" for name in SHAPES} < set(datasets.__all__)


def test_bunch_holds_the_whole_table_and_its_parts(name):
    loaded = loader(name)()
    assert isinstance(loaded, Bunch)
    assert loaded.frame.shape == SHAPES[name]
    assert not loaded.frame.isna().any(axis=None)
    (target,) = loaded.target_names
    assert loaded.target.name == target
    assert list(loaded.data.columns) == loaded.feature_names
    assert set(loaded.feature_names) | {target} == set(loaded.frame.columns)
    source = resources.files(loaded.data_module) / loaded.filename
    assert source.is_file()


def test_columns_have_the_types_of_the_table(name):
    frame = loader(name)().frame
    for column, dtype in TABLES[name].columns.items():
        assert frame[column].dtype == dtype
        if isinstance(dtype, pd.CategoricalDtype):
            assert set(frame[column].unique()) == set(dtype.categories)


def test_data_and_target_alone_are_the_same(name):
    loaded = loader(name)()
    X, y = loader(name)(return_X_y=True)
    pd.testing.assert_frame_equal(X, loaded.data)
    pd.testing.assert_series_equal(y, loaded.target)


def test_arrays_on_request(name):
    loaded = loader(name)(as_frame=False)
    assert loaded.frame is None
    assert isinstance(loaded.data, np.ndarray)
    assert isinstance(loaded.target, np.ndarray)
    assert loaded.data.shape == (SHAPES[name][0], SHAPES[name][1] - 1)


def test_options_are_keyword_only(name):
    with pytest.raises(TypeError):
        loader(name)(True)


def test_loaded_frames_do_not_share_memory():
    first = datasets.load_dyestuff().frame
    first["Yield"] = 0.0
    assert datasets.load_dyestuff().frame["Yield"].iloc[0] == 1545


@pytest.mark.parametrize("name", [*SHAPES, "reisby"])
def test_description_names_size_and_every_column(name):
    text = read_description(name)
    n_rows, columns = (
        (396, ["id", "hamd", "week", "endog"])
        if name == "reisby"
        else (SHAPES[name][0], TABLES[name].columns)
    )
    assert f":Number of rows: {n_rows}\n" in text
    assert f":Number of columns: {len(columns)}\n" in text
    assert all(f"``{column}``\n" in text for column in columns)
    for part in ("The usual model", "Source", "|"):
        assert part in text


def test_help_shows_the_shared_parameters(name):
    text = loader(name).__doc__
    assert "return_X_y : bool" in text
    assert "{parameters}" not in text


@pytest.mark.parametrize("name", TARGET_SUMS)
def test_response_sums_to_its_published_total(name):
    total = loader(name)().target.sum()
    assert total == pytest.approx(TARGET_SUMS[name], rel=SAME_ALGEBRA)


def test_sleepstudy_begins_as_in_r():
    frame = datasets.load_sleepstudy().frame
    assert frame["Reaction"].head(3).tolist() == [249.56, 258.7047, 250.8006]
    assert (frame["Subject"].value_counts() == 10).all()


def test_london_schools_give_the_textbook_lines():
    frame = datasets.load_london_schools().frame
    assert sorted(frame["school"].unique()) == list(range(1, 66))
    means = frame.groupby("school")[["exam", "lrt"]].mean()
    slope, intercept = np.polyfit(means["lrt"], means["exam"], 1)
    assert (round(intercept, 3), round(slope, 3)) == (0.005, 0.884)
    slope, intercept = np.polyfit(frame["lrt"], frame["exam"], 1)
    assert (round(intercept, 3), round(slope, 3)) == (-0.001, 0.595)


def test_reference_levels_are_those_of_r():
    schools = datasets.load_london_schools().frame
    assert list(schools["gender"].cat.categories) == ["F", "M"]
    assert schools["school_gender"].cat.categories[0] == "mixed"
    assert datasets.load_machines().frame["Worker"].cat.categories[0] == "6"
    assert datasets.load_cake().frame["temperature"].cat.ordered


def test_levels_are_nested_where_the_description_says_so():
    pastes = datasets.load_pastes().frame
    assert (pastes["batch"].astype(str) + ":" + pastes["cask"].astype(str)).equals(
        pastes["sample"].astype(str)
    )
    chem97 = datasets.load_chem97().frame
    assert (chem97.groupby("school")["lea"].nunique() == 1).all()


def test_insteval_is_the_large_crossed_table():
    frame = datasets.load_insteval().frame
    assert (frame["s"].nunique(), frame["d"].nunique()) == (2972, 1128)
    assert frame["dept"].cat.categories.size == 14
    assert sorted(frame["y"].unique()) == [1, 2, 3, 4, 5]


def test_london_schools_says_what_its_bands_are():
    schools = datasets.load_london_schools()
    frame = schools.frame
    means = frame.groupby("intake", observed=True)["exam"].mean().round(2)
    assert means["bottom 25%"] > means["mid 50%"] > means["top 25%"]
    assert "**The labels run the other way:**" in schools.DESCR
    for label in ("bottom 25%", "top 25%"):
        assert f"{means[label]:.2f}" in schools.DESCR
    by_school = frame.groupby("school")[["vr", "school_avg"]].first()
    ends = by_school.groupby("vr", observed=True)["school_avg"].agg(["min", "max"])
    assert (ends["max"].to_numpy()[:-1] < ends["min"].to_numpy()[1:]).all()
