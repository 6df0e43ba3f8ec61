"""Description of repeated measurements."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import SAME_ALGEBRA

from skmixed import describe_occasions
from skmixed.datasets import fetch_reisby, load_oxboys, load_sleepstudy

REISBY = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def sleep():
    return load_sleepstudy().frame


def describe(frame, **options):
    return describe_occasions(frame, "Reaction", "Days", "Subject", **options)


def test_numbers_are_those_of_the_wide_table(sleep):
    occasions = describe(sleep)
    wide = sleep.pivot_table("Reaction", "Subject", "Days", observed=True)
    np.testing.assert_allclose(occasions.table["sd"], wide.std(), rtol=SAME_ALGEBRA)
    np.testing.assert_allclose(occasions.correlation, wide.corr(), rtol=SAME_ALGEBRA)
    assert occasions.correlation_by_lag.index.tolist() == list(range(1, 10))
    np.testing.assert_allclose(
        occasions.correlation_by_lag[9], wide[0].corr(wide[9]), rtol=SAME_ALGEBRA
    )
    assert occasions.patterns.to_dict() == {"x" * 10: 18}


def test_correlations_use_the_pairs_that_are_there(sleep):
    holes = sleep.assign(Reaction=sleep["Reaction"].where(sleep.index % 7 > 0))
    occasions = describe(holes)
    wide = holes.pivot_table("Reaction", "Subject", "Days", observed=True)
    expected = wide[0].corr(wide[1])
    np.testing.assert_allclose(
        occasions.correlation.loc[1, 0], expected, rtol=SAME_ALGEBRA
    )
    assert occasions.pair_counts.loc[1, 0] == wide[[0, 1]].dropna().shape[0]
    assert (occasions.table["n"] + occasions.table["missing"] == 18).all()
    assert occasions.patterns.sum() == 18


def test_rows_of_a_table_and_absent_rows_are_the_same(sleep):
    holes = sleep.assign(Reaction=sleep["Reaction"].where(sleep.index % 7 > 0))
    pd.testing.assert_frame_equal(describe(holes).table, describe(holes.dropna()).table)


def test_irregular_times_are_binned_and_it_says_so():
    boys = load_oxboys().frame
    with pytest.warns(UserWarning, match="16 distinct values; they are put into 6"):
        occasions = describe_occasions(boys, "height", "age", "Subject")
    assert len(occasions.table) == 6
    assert "age is binned into 6 intervals" in str(occasions)
    assert "several values" in str(occasions)


def test_bins_may_be_given():
    boys = load_oxboys().frame
    occasions = describe_occasions(boys, "height", "age", "Subject", bins=[-1, 0, 0.5])
    assert len(occasions.table) == 2
    assert "rows outside the intervals" in str(occasions)


def test_rows_without_time_or_group_are_counted(sleep):
    sleep = sleep.assign(Days=sleep["Days"].where(sleep.index > 1))
    assert "2 rows without Days or Subject" in str(describe(sleep))


def test_other_frames_and_html(sleep):
    sleep["Subject"] = sleep["Subject"].astype(str)
    occasions = describe(pl.from_pandas(sleep))
    np.testing.assert_allclose(occasions.table["mean"], describe(sleep).table["mean"])
    assert occasions._repr_html_().count("<table") == 3


def test_mistakes_are_named(sleep):
    with pytest.raises(ValueError, match="lack the column 'Day'"):
        describe_occasions(sleep, "Reaction", "Day", "Subject")
    with pytest.raises(ValueError, match="must be numeric"):
        describe_occasions(
            sleep.astype({"Reaction": str}), "Reaction", "Days", "Subject"
        )
    text = sleep.assign(Days=[f"day {i}" for i in range(180)])
    with pytest.raises(ValueError, match="not numeric; bin it"):
        describe(text)


@pytest.mark.skipif(not (REISBY / "reisby.csv").exists(), reason="no Reisby data")
def test_depression_spreads_and_forgets():
    patients = fetch_reisby(data_home=REISBY, download_if_missing=False).frame
    occasions = describe_occasions(patients, "hamd", "week", "id")
    assert occasions.table["n"].tolist() == [61, 63, 65, 65, 63, 58]
    assert occasions.table["sd"].is_monotonic_increasing
    assert occasions.correlation_by_lag.is_monotonic_decreasing
    assert [f"{sd:.2f}" for sd in occasions.table["sd"]] == [
        *("4.53", "4.70", "5.49", "6.42", "6.97", "7.22")
    ]
    assert f"{occasions.correlation.loc[5, 0]:.2f}" == "0.18"
    reference = REISBY.parent / "reference" / "baselines" / "reisby_baselines.json"
    if reference.exists():
        theirs = json.loads(reference.read_text())["pairwise_corr"]
        np.testing.assert_allclose(occasions.correlation, theirs, rtol=SAME_ALGEBRA)
