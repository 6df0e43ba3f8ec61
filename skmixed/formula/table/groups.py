"""Grouping factors: who the groups are, as sorted levels and integer codes."""

import numpy as np
import pandas as pd

from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.keys import (
    Levels,
    check_kind,
    compact,
    encode_keys,
    learn_keys,
    match_integers,
)

__all__ = ["GroupIndex"]

# Rows that mostly settle whether the levels of one column lie within those of another.
FIRST_ROWS = 4096


class GroupIndex:
    """The levels of one grouping factor, learnt from a table.

    Parameters
    ----------
    name : str
        For example "school", or "batch:cask" for an interaction.
    columns : tuple of str
        Columns of the factor.
    column_levels : tuple of ndarray
        Levels of each column: sorted, or in the order of the categories.
    pair_keys : tuple of ndarray of int64
        For the second column and each one after it, the sorted combinations that
        occur: code so far times number of levels of the column, plus its code.

    Attributes
    ----------
    n_levels : int
        Number of groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula import GroupIndex
    >>> frame = pd.DataFrame({"batch": ["B", "A", "B"], "cask": [1, 1, 2]})
    >>> groups, codes = GroupIndex.learn("batch:cask", ("batch", "cask"), frame)
    >>> groups.labels.tolist(), codes.tolist()
    (['A:1', 'B:1', 'B:2'], [1, 0, 2])
    >>> groups.encode(pd.DataFrame({"batch": ["A", "A"], "cask": [1, 2]})).tolist()
    [0, -1]
    """

    def __init__(self, name, columns, column_levels, pair_keys=()):
        self.name = name
        self.columns = tuple(columns)
        self.column_levels = tuple(column_levels)
        self.pair_keys = tuple(pair_keys)

    @classmethod
    def learn(cls, name, columns, frame, column_codes=None):
        """Find the groups that occur in a table.

        Parameters
        ----------
        name : str
        columns : sequence of str
        frame : pandas.DataFrame of n rows
        column_codes : dict, optional
            ``{column: (levels, codes)}`` found earlier; it is filled further.

        Returns
        -------
        groups : GroupIndex
        codes : ndarray of shape (n,) and dtype int32
            Group of each row, -1 where a key is missing.
        """
        found = {} if column_codes is None else column_codes
        frame = FrameColumns.of(frame)
        for column in columns:
            if column not in found:
                found[column] = learn_keys(frame[column], column)
        levels = [found[column][0] for column in columns]
        codes, pair_keys = found[columns[0]][1], []
        for column in columns[1:]:
            more_levels, more_codes = found[column]
            keys, codes = pair_up(codes, more_codes, len(more_levels))
            pair_keys.append(keys)
        return cls(name, columns, levels, pair_keys), codes

    @property
    def n_levels(self):
        """Number of groups."""
        return len(self.pair_keys[-1] if self.pair_keys else self.column_levels[0])

    @property
    def levels(self):
        """Levels: an array, or for an interaction a tuple with one array per column."""
        if not self.pair_keys:
            return self.column_levels[0]
        codes, out = np.arange(self.n_levels), []
        for keys, levels in zip(
            reversed(self.pair_keys), reversed(self.column_levels), strict=False
        ):
            codes, last = np.divmod(keys[codes], len(levels))
            out.append(levels[last])
        out.append(self.column_levels[0][codes])
        return tuple(reversed(out))

    @property
    def labels(self):
        """Labels for display: the levels themselves, or "A:a"."""
        if not self.pair_keys:
            return self.column_levels[0]
        joined = [":".join(map(str, key)) for key in zip(*self.levels, strict=True)]
        return np.array(joined, dtype=object)

    def to_index(self):
        """Levels as a pandas Index, of several columns a MultiIndex."""
        if len(self.columns) == 1:
            return pd.Index(self.levels, name=self.name)
        return pd.MultiIndex.from_arrays(self.levels, names=self.columns)

    def encode(self, frame):
        """Find the group of each row of a table.

        Parameters
        ----------
        frame : pandas.DataFrame of n rows

        Returns
        -------
        ndarray of shape (n,) and dtype int32
            -1 where the group was not seen in ``learn``, or is missing.

        Raises
        ------
        ValueError
            If numbers were learnt and the table holds text, or the reverse: then no
            group can match.
        """
        frame = FrameColumns.of(frame)
        codes = self.encode_column(frame, 0)
        for place, keys in enumerate(self.pair_keys, start=1):
            more = self.encode_column(frame, place)
            combined = combine(codes, more, len(self.column_levels[place]))
            codes = match_integers(combined, keys)
        return codes

    def extended(self, frame):
        """Add the groups of more rows to those that were learnt.

        Parameters
        ----------
        frame : pandas.DataFrame of n rows

        Returns
        -------
        groups : GroupIndex
            New levels of a column follow the known ones; the object itself if no group
            is new.
        places : ndarray of int of shape (n_levels,)
            Where the groups of this index are among them.

        Raises
        ------
        ValueError
            As :meth:`encode`.

        Examples
        --------
        >>> import pandas as pd
        >>> from skmixed.formula import GroupIndex
        >>> groups, _ = GroupIndex.learn("g", ("g",), pd.DataFrame({"g": ["b", "c"]}))
        >>> groups.extended(pd.DataFrame({"g": ["a", "b"]}))[0].labels.tolist()
        ['b', 'c', 'a']
        """
        frame = FrameColumns.of(frame)
        levels, codes = zip(
            *(self.extended_column(frame, i) for i in range(len(self.columns))),
            strict=True,
        )
        places, pair_keys = np.arange(len(self.column_levels[0])), []
        joined = codes[0]
        for old, own, more, known in zip(
            self.pair_keys, levels[1:], codes[1:], self.column_levels[1:], strict=True
        ):
            first, second = np.divmod(old, len(known))
            moved = combine(places[first], second, len(own))
            added = combine(joined, more, len(own))
            keys = np.union1d(moved, added[added >= 0])
            places, joined = np.searchsorted(keys, moved), match_integers(added, keys)
            pair_keys.append(keys)
        groups = GroupIndex(self.name, self.columns, levels, pair_keys)
        if groups.n_levels == self.n_levels:
            return self, places
        groups._lookups = {
            i: self.lookup(i).grown(own) for i, own in enumerate(groups.column_levels)
        }
        return groups, places

    def extended_column(self, frame, place):
        """Levels of one column with those of more rows, and the codes of the rows."""
        levels, codes = self.column_levels[place], self.encode_column(frame, place)
        column = frame[self.columns[place]]
        unseen = (codes < 0) & column.notna().to_numpy()
        if not unseen.any():
            return levels, codes
        fresh, more = learn_keys(column[unseen], self.columns[place])
        codes = codes.copy()
        codes[unseen] = len(levels) + more
        return np.concatenate([levels, fresh]), codes

    def encode_column(self, frame, place):
        """Find the codes of one column."""
        column, levels = self.columns[place], self.column_levels[place]
        lookup = self.lookup(place)
        check_kind(frame[column], levels, lookup.kind, column)
        return encode_keys(frame[column], lookup)

    def lookup(self, place):
        """What finds a column's keys among its levels, made once."""
        found = self.__dict__.setdefault("_lookups", {})
        if place not in found:
            found[place] = Levels(self.column_levels[place])
        return found[place]

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "_lookups"}

    def __repr__(self):
        return f"GroupIndex({self.name!r}, n_levels={self.n_levels})"


def pair_up(codes, more_codes, n_more):
    """Find the pairs of codes that occur.

    Parameters
    ----------
    codes, more_codes : ndarray of int of shape (n,)
        -1 where there is none.
    n_more : int
        Levels of ``more_codes``, all of which occur.

    Returns
    -------
    keys : ndarray of int64
        The pairs that occur, sorted: code times ``n_more`` plus the other code.
    codes : ndarray of int32 of shape (n,)
    """
    owner = find_owners(codes, more_codes, n_more)
    if owner is None:
        keys = combine(codes, more_codes, n_more)
        return compact(keys, keys < 0)
    # names that are unique across the first factor: its levels need only be sorted
    keys = combine(owner, np.arange(n_more), n_more)
    order = np.argsort(keys, kind="stable")
    rank = np.empty(n_more, dtype=np.int32)
    rank[order] = np.arange(n_more, dtype=np.int32)
    return keys[order], rank[more_codes]


def find_owners(codes, more_codes, n_more):
    """Find the code that goes with each level of another factor, if it is but one.

    Returns
    -------
    ndarray of int of shape (n_more,) or None
        None also where a code is missing.
    """
    if min(codes.min(initial=0), more_codes.min(initial=0)) < 0:
        return None
    owner = np.full(n_more, -1, dtype=codes.dtype)
    for rows in (slice(FIRST_ROWS), slice(None)):
        owner[more_codes[rows]] = codes[rows]
        if not np.array_equal(owner[more_codes[rows]], codes[rows]):
            return None
    return owner


def combine(codes, more_codes, n_more):
    """Give each pair of codes its number; -1 where either is missing."""
    keys = codes.astype(np.int64) * n_more + more_codes
    keys[(codes < 0) | (more_codes < 0)] = -1
    return keys
