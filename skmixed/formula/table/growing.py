"""Groups that are met chunk by chunk, and the union of groups met in two places."""

import numpy as np
import pandas as pd

from skmixed.errors import ColumnError
from skmixed.formula.table.coding import factorize
from skmixed.formula.table.groups import GroupIndex, pair_up
from skmixed.formula.table.keys import (
    DENSE_RANGE,
    kind_of,
    learn_keys,
)

__all__ = ["GrowingGroups", "unite"]

# Integer keys over a range up to this are looked up in a table.
SMALL_RANGE = 1 << 20


class GrowingKeys:
    """Distinct keys of one column, numbered as they are met.

    Parameters
    ----------
    name : str
        Of the column, for messages.
    """

    def __init__(self, name):
        self.name = name
        self.levels = np.zeros(0, dtype=np.int64)
        self.kind = None
        self.found = None
        self.fresh = None

    def find(self, levels):
        """Numbers of distinct keys; new ones follow, and are kept by :meth:`keep`.

        Raises
        ------
        ValueError
            Where numbers were met and these are text, or the reverse.
        """
        if self.kind is not None and len(levels) and kind_of(levels) != self.kind:
            raise ColumnError(
                f"The grouping factor {self.name!r} held {self.kind} so far and holds "
                f"{kind_of(levels)} now, such as {levels[:1].tolist()[0]!r}."
            )
        places = self.look_up(levels)
        new = np.flatnonzero(places < 0)
        places[new] = len(self.levels) + np.arange(len(new))
        self.fresh = levels[new]
        return places

    def keep(self):
        """Keep what was new in the last chunk."""
        if self.fresh is not None and len(self.fresh):
            first = self.kind is None
            self.kind = kind_of(self.fresh)
            known = self.levels[:0].astype(self.fresh.dtype) if first else self.levels
            self.levels = np.concatenate([known, self.fresh])
            self.found = None
        self.fresh = None

    def look_up(self, levels):
        """Numbers of distinct keys, -1 for new ones."""
        known = self.levels
        if not len(known):
            return np.full(len(levels), -1, dtype=np.int64)
        integers = known.dtype.kind == levels.dtype.kind == "i"
        if self.found is None:
            self.found = pd.Index(known)
            if integers and spread(known) <= max(DENSE_RANGE * len(known), SMALL_RANGE):
                self.found = np.full(spread(known) + 1, -1, dtype=np.int64)
                self.found[known - known.min()] = np.arange(len(known))
        if not isinstance(self.found, np.ndarray):
            return self.found.get_indexer(levels).astype(np.int64)
        if not integers:
            return pd.Index(known).get_indexer(levels).astype(np.int64)
        low, high = known.min(), known.max()
        inside = (levels >= low) & (levels <= high)
        return np.where(inside, self.found[np.where(inside, levels, low) - low], -1)


class GrowingGroups:
    """The grouping factors of a formula, whose groups come chunk by chunk.

    Parameters
    ----------
    factors : dict of str to tuple of str
        Columns of every factor.
    orders : dict of str to list
        Categories of columns that have an order of their own.
    """

    def __init__(self, factors, orders):
        self.factors, self.orders = factors, orders
        columns = dict.fromkeys(c for own in factors.values() for c in own)
        self.keys = {column: GrowingKeys(column) for column in columns}
        self.joined = {
            name: [GrowingKeys(name) for _ in own[1:]] for name, own in factors.items()
        }

    def encode(self, columns):
        """Number the groups of a chunk.

        Parameters
        ----------
        columns : FrameColumns of n rows
            Without missing keys.

        Returns
        -------
        dict of str to tuple (codes, places)
            Of every factor the group of each row among those of the chunk, an array of
            n, and the numbers of these among all.

        Raises
        ------
        ValueError
            For keys of another kind than before; then nothing changes.
        """
        found, coded = {}, {}
        for column, keys in self.keys.items():
            levels, codes = learn_keys(columns[column], column)
            levels = levels.astype(np.int64) if fits(levels) else levels
            found[column] = codes, keys.find(levels)
        for name, own in self.factors.items():
            codes, places = found[own[0]]
            for column, keys in zip(own[1:], self.joined[name], strict=True):
                more, further = found[column]
                pairs, codes = pair_up(codes, more, len(further))
                one, other = np.divmod(pairs, max(len(further), 1))
                places = keys.find(places[one] << 32 | further[other])
            coded[name] = codes, places
        return coded

    def keep(self):
        """Keep the groups of the chunk that was encoded last."""
        for keys in self.keys.values():
            keys.keep()
        for own in self.joined.values():
            for keys in own:
                keys.keep()

    def indexed(self):
        """The groups so far, in order.

        Returns
        -------
        dict of str to tuple (GroupIndex, ndarray of int)
            With the final number of every group.
        """
        ranks, levels, out = {}, {}, {}
        for column, keys in self.keys.items():
            order = order_of(keys.levels, column, self.orders.get(column))
            ranks[column], levels[column] = inverse(order), keys.levels[order]
        for name, own in self.factors.items():
            parts, at = [], slice(None)
            for column, keys in zip(own[:0:-1], self.joined[name][::-1], strict=True):
                pairs = keys.levels[at]
                at = pairs >> 32
                parts.append(ranks[column][pairs & 0xFFFFFFFF])
            parts.append(ranks[own[0]][at])
            out[name] = joined_up(name, own, [levels[c] for c in own], parts[::-1])
        return out


def joined_up(name, columns, levels, parts):
    """Index of combinations of codes, and the code of each combination."""
    codes, pair_keys = parts[0].astype(np.int32), []
    for more, own in zip(parts[1:], levels[1:], strict=True):
        keys, codes = pair_up(codes, more.astype(np.int32), len(own))
        pair_keys.append(keys)
    return GroupIndex(name, columns, levels, pair_keys), codes


def order_of(levels, name, categories=None):
    """Order of distinct keys: that of categories, else ascending."""
    if categories is not None:
        places = pd.Index(categories, dtype=object).get_indexer(levels.astype(object))
        return np.argsort(np.where(places < 0, len(categories), places), kind="stable")
    if levels.dtype.kind in "iuf":
        return np.argsort(levels, kind="stable")
    codes, _ = factorize(levels, name, sort=True)
    return np.argsort(codes, kind="stable")


def inverse(order):
    """The inverse of a permutation."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def spread(levels):
    """Range of integers."""
    return int(levels.max()) - int(levels.min())


def fits(levels):
    """Whether integers are 64-bit ones, or can be."""
    if levels.dtype.kind == "i":
        return True
    signed = np.iinfo(np.int64).max
    return levels.dtype.kind == "u" and int(levels.max(initial=0)) <= signed


def unite(one, other, orders):
    """Union of two indexes of one factor.

    Parameters
    ----------
    one, other : GroupIndex
    orders : dict of str to list
        Categories of columns that have an order of their own.

    Returns
    -------
    index : GroupIndex
    of_one, of_other : ndarray of int
        Where the groups of each are.

    Raises
    ------
    ValueError
        Where one holds numbers and the other text.
    """
    levels, places = [], ([], [])
    columns = zip(one.columns, one.column_levels, other.column_levels, strict=True)
    for column, a, b in columns:
        keys = GrowingKeys(column)
        numbers = [keep_all(keys, own) for own in (a, b)]
        order = order_of(keys.levels, column, orders.get(column))
        rank = inverse(order)
        levels.append(keys.levels[order])
        for found, own in zip(places, numbers, strict=True):
            found.append(rank[own])
    both = codes_of(one, places[0]), codes_of(other, places[1])
    parts = [np.concatenate(pair) for pair in zip(*both, strict=True)]
    index, codes = joined_up(one.name, one.columns, levels, parts)
    return index, codes[: one.n_levels], codes[one.n_levels :]


def keep_all(keys, levels):
    """Number distinct keys, and keep them."""
    found = keys.find(levels)
    keys.keep()
    return found


def codes_of(index, places):
    """Codes of every group's columns, after new numbers of these columns' levels."""
    at, parts = np.arange(index.n_levels), []
    steps = zip(
        index.pair_keys[::-1], index.column_levels[:0:-1], places[:0:-1], strict=True
    )
    for keys, own, place in steps:
        at, last = np.divmod(keys[at], len(own))
        parts.append(place[last])
    parts.append(places[0][at])
    return parts[::-1]
