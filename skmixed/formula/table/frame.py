"""The columns of a data frame, each fetched once."""

import numpy as np
import pandas as pd

__all__ = ["FrameColumns"]


class FrameColumns:
    """The columns of a data frame, each fetched and searched for gaps once.

    Parameters
    ----------
    frame : pandas.DataFrame of n rows
    rows : ndarray of bool, shape (n,), optional
        Rows to read; all by default.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula.table.frame import FrameColumns
    >>> columns = FrameColumns(pd.DataFrame({"x": [1.0, None], "g": ["a", "b"]}))
    >>> columns["g"].tolist(), columns.missing("x").tolist(), columns.missing("g")
    (['a', 'b'], [False, True], None)
    """

    def __init__(self, frame, rows=None):
        self.frame = frame
        self.rows = rows
        self.n_rows = len(frame) if rows is None else int(np.count_nonzero(rows))
        self._columns = {}
        self._missing = {}

    @classmethod
    def of(cls, frame):
        """Return the columns of a data frame, or ``frame`` if it is such columns.

        Parameters
        ----------
        frame : pandas.DataFrame or FrameColumns
        """
        return frame if isinstance(frame, cls) else cls(frame)

    def __contains__(self, name):
        return name in self.frame.columns

    def __getitem__(self, name):
        if name not in self._columns:
            column = self.frame[name]
            column = column if self.rows is None else column[self.rows]
            self._columns[name] = native(column)
        return self._columns[name]

    def missing(self, name):
        """Tell which rows lack a value in one column.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray of bool, shape (n,), or None
            None if no row does.
        """
        if name not in self._missing:
            mask = missing_values(self[name])
            self._missing[name] = mask if mask is not None and mask.any() else None
        return self._missing[name]


def native(series):
    """Return a column of numbers in a width and byte order that pandas can hash.

    Parameters
    ----------
    series : pandas.Series
        Of any dtype; those of astronomers' files are in the other byte order.
    """
    dtype = series.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iufc":
        return series
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return series.astype(np.float64)
    return series if dtype.isnative else series.astype(dtype.newbyteorder("="))


def missing_values(series):
    """Tell which values of a series are missing; None for kinds that have no gaps."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.array.codes
        return codes < 0 if len(codes) and codes.min() < 0 else None
    if not isinstance(series.dtype, np.dtype):
        return series.isna().to_numpy() if series.hasnans else None
    if series.dtype.kind in "iub":
        return None
    if series.dtype.kind == "f":
        values = series.to_numpy()
        gaps = np.isnan(values.min(initial=0.0))  # cheaper than to ask every value
        return np.isnan(values) if gaps else None
    return series.isna().to_numpy()
