"""Rows that live in the workers of dask or Spark: they are summed where they are."""

import pickle
from functools import reduce

import numpy as np

from skmixed.errors import TableError
from skmixed.sources.source import Source

__all__ = ["DaskSource", "SparkSource"]

# Parts that are added at a time: the tree is the same whatever worker does what.
FAN = 4


class DaskSource(Source):
    """A DataFrame of dask.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
    """

    def __init__(self, frame):
        self.frame = frame

    def chosen(self, columns):
        """The frame with some of its columns."""
        return self.frame if columns is None else self.frame[list(columns)]

    def tables(self, columns=None):
        """Compute one partition after the other."""
        for part in self.chosen(columns).partitions:
            yield part.compute()

    def first(self, n, columns=None):
        """The first rows of the first partition that has some."""
        for part in self.chosen(columns).partitions:
            head = part.head(n, npartitions=1, compute=True)
            if len(head):
                return head.reset_index(drop=True)
        raise TableError("The dask DataFrame has no rows.")

    def reduce(self, columns, one, add):
        """Do it in the workers; what they give is added in a tree of fours."""
        from dask import delayed

        # in the graph once, not once for every partition
        one = delayed(one, pure=True, traverse=False)
        parts = [
            delayed(called)(one, part) for part in self.chosen(columns).to_delayed()
        ]
        while len(parts) > 1:
            starts = range(0, len(parts), FAN)
            parts = [delayed(added)(add, parts[k : k + FAN]) for k in starts]
        return parts[0].compute()

    def each(self, columns, one, plain=True):
        """Array of dask, computed by partitions when it is asked."""
        if not plain:
            return super().each(columns, one, plain)
        import dask.array as da
        from dask import delayed

        one = delayed(one, pure=True, traverse=False)
        parts = self.chosen(columns).to_delayed()
        arrays = [
            da.from_delayed(delayed(called)(one, part), (np.nan,), dtype=float)
            for part in parts
        ]
        return da.concatenate(arrays, allow_unknown_chunksizes=True)


class SparkSource(Source):
    """A DataFrame of Spark.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    """

    def __init__(self, frame):
        self.frame = frame

    def chosen(self, columns):
        """The frame with some of its columns."""
        return self.frame if columns is None else self.frame.select(*columns)

    def tables(self, columns=None):
        """Bring the rows to the driver, all at once."""
        yield self.chosen(columns).toPandas()

    def first(self, n, columns=None):
        """The first rows."""
        return self.chosen(columns).limit(n).toPandas()

    def reduce(self, columns, one, add):
        """Do it in the executors; the driver adds what every partition gives."""

        def run(batches):
            import pyarrow as pa

            found = [one(batch.to_pandas()) for batch in batches if batch.num_rows]
            if found:
                total = pickle.dumps(reduce(add, found), protocol=5)
                column = pa.array([total], pa.binary())
                yield pa.RecordBatch.from_arrays([column], ["part"])

        rows = self.chosen(columns).mapInArrow(run, "part binary").collect()
        return reduce(add, [pickle.loads(bytes(row[0])) for row in rows])


def called(one, table):
    """``one(table)``: what a worker does."""
    return one(table)


def added(add, parts):
    """Add parts up in order."""
    return reduce(add, parts)
