"""What rows come from, whether or not they fit into memory."""

from functools import cached_property, reduce

import numpy as np
import pandas as pd

from skmixed.errors import TableError

__all__ = ["Source"]


class Source:
    """Rows as tables of some of them, one after the other.

    A subclass gives :meth:`tables`; one whose rows live elsewhere gives :meth:`reduce`
    too, so that they need not travel.

    Attributes
    ----------
    n_rows : int or None
        Rows in all, where they are known without reading them.
    once : bool
        Whether the rows can be read but once.
    """

    n_rows = None
    once = False

    def tables(self, columns=None):
        """Read the rows once, in order.

        Parameters
        ----------
        columns : list of str, optional
            Those that are needed; others may come too.

        Yields
        ------
        DataFrame of pandas
        """
        raise NotImplementedError

    def first(self, n, columns=None):
        """The first rows, with the types that the source declares.

        Parameters
        ----------
        n : int
            Rows, at the most.
        columns : list of str, optional

        Returns
        -------
        DataFrame
        """
        taken, have = [], 0
        for table in self.tables(columns):
            taken.append(table.head(n - have))
            have += len(taken[-1])
            if have >= n:
                break
        if not taken:
            raise TableError("The source of rows gave no table.")
        return pd.concat(taken, ignore_index=True)

    @cached_property
    def blank(self):
        """A table without rows: names and types of the columns."""
        return self.first(1).head(0)

    @property
    def names(self):
        """Names of the columns, a list."""
        return list(self.blank.columns)

    def reduce(self, columns, one, add):
        """Turn every table into something, and add that up in order.

        Parameters
        ----------
        columns : list of str
        one : callable
            Of a table; it can be pickled.
        add : callable
            Of two of what `one` gives; it can be pickled.

        Returns
        -------
        object
        """
        return reduce(add, map(one, self.tables(columns)))

    def each(self, columns, one, plain=True):
        """Turn every table into an array with an entry for each row, in order.

        Parameters
        ----------
        columns : list of str
        one : callable
            Of a table; it can be pickled.
        plain : bool, default=True
            Whether it gives one array; else a tuple of arrays.

        Returns
        -------
        ndarray, or tuple of ndarray
        """
        found = [one(table) for table in self.tables(columns)]
        if plain:
            return np.concatenate(found)
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))

    def again(self, why):
        """Raise where the rows can be read but once, and once is not enough.

        Parameters
        ----------
        why : str
            What they are read for, for the message.
        """
