"""Tables of any library, as pandas has them, and streams of such tables."""

import itertools

import narwhals as nw
import numpy as np
import pandas as pd

from skmixed.errors import TableError, TableTypeError
from skmixed.sources.source import Source

__all__ = ["FrameCalls", "FrameParts", "FrameStream", "read_table"]

# What turns a table without rows into one with rows: dask, polars, DuckDB, ibis, Spark.
EAGER_METHODS = ("compute", "collect", "df", "to_pandas", "toPandas", "__class__")


def read_table(X):
    """Turn a data frame of any library into a pandas one.

    Parameters
    ----------
    X : object
        What the user gave.

    Returns
    -------
    DataFrame or None
        ``None`` where `X` is no data frame: an array, a list, a sparse matrix.

    Raises
    ------
    TypeError
        For a dict and for a lazy table.
    ValueError
        Where two columns have one name.
    """
    # scipy's dok_matrix is a subclass of dict
    if type(X) is dict:
        raise TableTypeError("X is a dict; pass a data frame: pd.DataFrame(X).")
    if isinstance(X, str):
        raise TableTypeError(
            f"X is the text {X[:40]!r}; pass a data frame: pd.read_csv(X)."
        )
    if isinstance(X, pd.Series):
        raise TableError(
            "Expected 2D data, got a series; pass a data frame: X.to_frame()."
        )
    if isinstance(X, (list, tuple)) and any(isinstance(x, pd.DataFrame) for x in X):
        raise TableTypeError(
            "X is a list of data frames; pass one frame: pd.concat(X)."
        )
    frame = X if isinstance(X, pd.DataFrame) else read_foreign_table(X)
    if frame is not None and not frame.columns.is_unique:
        twice = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
        raise TableError(f"X has several columns with one name: {twice}.")
    return frame


def read_foreign_table(X):
    """Turn a data frame of another library than pandas into a pandas one.

    Parameters
    ----------
    X : object

    Returns
    -------
    DataFrame or None

    Raises
    ------
    TypeError
        For a lazy table.
    """
    if hasattr(X, "to_struct_array"):  # an Arrow table, or a batch of one
        return X.to_pandas()
    table = nw.from_native(X, pass_through=True)
    if isinstance(table, nw.LazyFrame):
        native = nw.to_native(table)
        method = next(m for m in EAGER_METHODS if hasattr(native, m))
        raise TableTypeError(
            f"X is a {type(native).__name__}, which holds no rows yet; pass "
            f"X.{method}()."
        )
    return table.to_pandas() if isinstance(table, nw.DataFrame) else None


class FrameParts(Source):
    """A table in memory, read by parts.

    Parameters
    ----------
    frame : DataFrame of pandas
    keep : ndarray of bool, optional
        Rows that are read; all by default.
    needed : list of str
        Columns that are read.
    size : int
        Rows of a part.
    n_sample : int
        Rows of :meth:`first`.
    """

    def __init__(self, frame, keep, needed, size, n_sample):
        self.frame, self.needed, self.size = frame, needed, size
        self.rows = None if keep is None else np.flatnonzero(keep)
        self.n_rows = n = len(frame) if keep is None else len(self.rows)
        self.sample = np.linspace(0, n - 1, min(n, n_sample)).astype(np.intp)

    def part(self, which, columns=None):
        """Some rows of those that are read, by a slice or an array of places."""
        which = which if self.rows is None else self.rows[which]
        parts = {c: self.frame[c].iloc[which] for c in columns or self.needed}
        return pd.DataFrame(parts, copy=False)

    def slices(self):
        """Yield slices of all rows that are read."""
        for start in range(0, self.n_rows, self.size):
            yield slice(start, min(start + self.size, self.n_rows))

    def tables(self, columns=None):
        """Read the parts in order."""
        for part in self.slices():
            yield self.part(part, columns)

    def first(self, n, columns=None):
        """Rows spread over all."""
        return self.part(self.sample[:n], columns)


class FrameStream(Source):
    """Frames from an iterator: they come once.

    Parameters
    ----------
    frames : iterator of data frames
        Of any library; batches of Arrow too.
    """

    once = True

    def __init__(self, frames):
        self.frames, self.waiting = frames, []

    def tables(self, columns=None):
        """Read what is left."""
        waiting, self.waiting = self.waiting, []
        yield from waiting
        yield from map(frame_of, self.frames)

    def first(self, n, columns=None):
        """The first rows; their frames wait for the pass over all."""
        rest = map(frame_of, self.frames)
        while sum(map(len, self.waiting)) < n:
            further = list(itertools.islice(rest, 1))
            if not further:
                break
            self.waiting += further
        if not self.waiting:
            raise TableError("The iterator gave no frame.")
        return pd.concat(self.waiting).head(n).reset_index(drop=True)

    def again(self, why):
        """Raise: an iterator cannot start anew."""
        raise TableError(
            f"The rows have to be read twice, {why}, and an iterator gives them once. "
            "Pass a function that starts the iteration anew: a callable without "
            "arguments that returns an iterable of frames."
        )


class FrameCalls(Source):
    """Frames from a function that starts anew whenever it is called.

    Parameters
    ----------
    start : callable
        Without arguments; it returns an iterable of data frames.
    """

    def __init__(self, start):
        self.start = start

    def tables(self, columns=None):
        """Call the function and read what it gives."""
        for frame in self.start():
            yield frame_of(frame)


def frame_of(X):
    """Turn what a stream gave into a frame of pandas.

    Raises
    ------
    TypeError
        Where it is no data frame.
    """
    frame = read_table(X)
    if frame is None:
        raise TableTypeError(
            f"A chunk of rows is a {type(X).__name__}; chunks must be data frames."
        )
    return frame
