"""Which source takes which object: told by what the object can do."""

import glob
import os

import numpy as np
import pandas as pd

from skmixed.sources.arrow import DatasetSource, PolarsSource, duckdb_source, parquet
from skmixed.sources.clusters import DaskSource, SparkSource
from skmixed.sources.frames import FrameCalls, FrameStream

__all__ = ["SOURCES", "source_of"]


def is_path(X):
    """Whether a text is the path of files rather than text by mistake."""
    if not isinstance(X, (str, os.PathLike)):
        return False
    text = os.fspath(X)
    ending = text.endswith((".parquet", ".parq", ".pq"))
    return ending or os.path.exists(text) or bool(glob.glob(text))


# No engine is imported: the attributes are its own. The first that fits is taken.
SOURCES = {
    "Parquet files": (is_path, parquet),
    "dask DataFrame": (("to_delayed", "partitions"), DaskSource),
    "Spark DataFrame": (("mapInArrow",), SparkSource),
    "polars LazyFrame": (("collect_batches", "collect_schema"), PolarsSource),
    "DuckDB relation": (("to_arrow_reader",), duckdb_source),
    "DuckDB relation, before 1.4": (("fetch_arrow_reader",), duckdb_source),
    "pyarrow Dataset": (("scanner", "to_batches", "count_rows"), DatasetSource),
    "iterator of frames": (("__next__",), FrameStream),
    "callable": (callable, FrameCalls),
}


def source_of(X):
    """Find the source that an object is.

    Parameters
    ----------
    X : object
        What `fit` was given.

    Returns
    -------
    Source or None
        None for a table in memory.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.sources.types import source_of
    >>> frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    >>> source = source_of(lambda: (frame[k : k + 1] for k in range(3)))
    >>> [len(table) for table in source.tables()], source_of(frame)
    ([1, 1, 1], None)
    """
    if isinstance(X, (pd.DataFrame, np.ndarray)):  # a frame searches long for a name
        return None
    for fits, make in SOURCES.values():
        if isinstance(fits, tuple):
            known = not isinstance(X, type) and all(hasattr(X, name) for name in fits)
        else:
            known = fits(X)
        if known:
            return make(X)
    return None
