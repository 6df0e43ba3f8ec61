"""Sums over rows that live in the workers of a cluster."""

import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from estimators.chunked_designs import make_rows
from estimators.test_sources import assert_same_fit

from skmixed import MixedLinearRegressor

FORMULA = "y ~ x*c + center(z) + (1 + x | g) + (1 | school)"
pytestmark = [
    # of the engines, about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def rows():
    frame = make_rows()[["y", "x", "z", "c", "school", "g"]]
    return frame.astype({"c": str, "school": str})


@pytest.fixture(scope="module")
def whole(rows):
    return MixedLinearRegressor(FORMULA).fit(rows)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("dask.dataframe")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def frame(rows, tmp_path, client):
    for k, start in enumerate(range(0, len(rows), 500)):
        rows[start : start + 500].to_parquet(tmp_path / f"{k}.parquet", index=False)
    dataframe = pytest.importorskip("dask.dataframe")
    return dataframe.read_parquet(f"{tmp_path}/*.parquet")


def test_two_worker_processes_give_the_fit_of_the_table(whole, frame):
    model = MixedLinearRegressor(FORMULA).fit(frame)
    assert_same_fit(model, whole)
    again = MixedLinearRegressor(FORMULA).fit(frame)
    assert again.deviance_ == model.deviance_
    assert np.array_equal(again.theta_, model.theta_)


def slowly(part):
    time.sleep(0.2)
    return part


@pytest.mark.slow
def test_a_worker_that_dies_costs_no_bit(frame, client):
    model = MixedLinearRegressor(FORMULA).fit(frame)
    slow = frame.map_partitions(slowly, meta=frame._meta)
    worker = next(iter(client.run(os.getpid).values()))
    threading.Timer(0.5, os.kill, (worker, signal.SIGKILL)).start()  # in mid-job
    again = MixedLinearRegressor(FORMULA).fit(slow)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert again.deviance_ == model.deviance_
    assert np.array_equal(again.theta_, model.theta_)


@pytest.mark.slow
def test_spark_gives_the_fit_of_the_table(rows, whole):
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    builder = sql.SparkSession.builder.master("local[2]")
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        given = spark.createDataFrame(rows).repartition(4)
        assert_same_fit(MixedLinearRegressor(FORMULA).fit(given), whole)
    finally:
        spark.stop()
