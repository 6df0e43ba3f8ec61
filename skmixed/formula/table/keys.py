"""Keys of one column: the levels that occur, and the code of every key among them."""

from functools import cached_property

import numpy as np
import pandas as pd

from skmixed.errors import ColumnError
from skmixed.formula.table.coding import factorize

# A table over the range of integer keys is faster than sorting while the range is at
# most this many times the number of rows (or of levels, at prediction).
DENSE_RANGE = 8
SMALL_RANGE = 1 << 16
# Beyond this many keys, distinct keys are found first: they are usually few.
MANY_KEYS = 1000
# Keys that are looked at together, before it is known whether all levels occur.
FEW_KEYS = 1 << 16
# Levels that came later are looked up beside the others while they are this share.
MOST_LATE = 0.1
# Up to here every integer is a double of its own.
MOST_EXACT = 2.0**53


class Levels:
    """Levels of one column, and what finds keys among them.

    Parameters
    ----------
    levels : ndarray of shape (G,)
    early : Levels, optional
        Of the first of them, with a hash table that need not be made again.
    """

    def __init__(self, levels, early=None):
        self.levels, self.early = levels, early

    @cached_property
    def late(self):
        """The levels that follow the early ones, `Levels`."""
        return Levels(self.levels[len(self.early.levels) :])

    def grown(self, levels):
        """What finds keys among these levels and some that follow them.

        Parameters
        ----------
        levels : ndarray
            All of them.

        Returns
        -------
        Levels
        """
        if len(levels) == len(self.levels):
            return self
        early = self.early or self
        few = len(levels) <= (1.0 + MOST_LATE) * len(early.levels)
        return Levels(levels, early if few else None)

    @cached_property
    def index(self):
        """Hash table of the levels."""
        return pd.Index(self.levels)

    @cached_property
    def places(self):
        """Code of every level: a few keys are found here before a table is asked."""
        return dict(zip(self.levels.tolist(), range(len(self.levels)), strict=True))

    @cached_property
    def kind(self):
        """Whether the levels are "numbers", "text" or "other", such as both."""
        if self.early is None:
            return kind_of(self.levels)
        kinds = {self.early.kind, self.late.kind}
        return kinds.pop() if len(kinds) == 1 else "other"

    @cached_property
    def ascending_integers(self):
        """Whether the levels are integers that ascend; those of categories need not."""
        levels = self.levels
        return levels.dtype.kind in "iu" and bool((levels[:-1] <= levels[1:]).all())


def learn_keys(series, name):
    """Return the levels of one column that occur, and the code of each row."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.array.codes
        used, codes = compact(codes, gaps(codes))
        return plain_levels(series.array.categories)[used], codes
    integers = as_integers(series)
    if integers is not None:
        return compact(integers)
    if is_short_text(series):
        keys = series.tolist()
        levels = sorted({key for key in keys if isinstance(key, str)})
        places = dict(zip(levels, range(len(levels)), strict=True))
        return np.array(levels, dtype=object), codes_among(places, keys)
    values = series.to_numpy() if series.dtype.kind in "fb" else series
    codes, levels = factorize(values, name, sort=True)
    if any(isinstance(level, complex) for level in levels[:1]):
        raise ColumnError(f"Complex data not supported: column {name!r}.")
    return plain_levels(levels), codes.astype(np.int32)


def as_integers(series):
    """Return integer keys as an array, or None for keys of another kind."""
    if series.dtype.kind not in "iu":
        return None
    if not isinstance(series.dtype, np.dtype) and series.hasnans:
        return None
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    return series.to_numpy(dtype=np.uint64 if series.dtype.kind == "u" else np.int64)


def plain_levels(levels):
    """Return levels as an array: numbers as they are, the rest as objects."""
    levels = np.asarray(levels)
    return levels if levels.dtype.kind in "iufbmM" else levels.astype(object)


def compact(keys, missing=None):
    """Return the sorted integers that occur, and the position of each key there.

    Parameters
    ----------
    keys : ndarray of int, shape (n,)
    missing : ndarray of bool, shape (n,), optional
        Rows without a key, which get the code -1.
    """
    if missing is not None and missing.any():
        levels, present = compact(keys[~missing])
        codes = np.full(len(keys), -1, dtype=np.int32)
        codes[~missing] = present
        return levels, codes
    if not len(keys):
        return keys, np.empty(0, dtype=np.int32)
    low, high = int(keys.min()), int(keys.max())
    if high - low > max(DENSE_RANGE * len(keys), SMALL_RANGE):
        codes, levels = pd.factorize(keys, sort=True)
        return levels, codes.astype(np.int32)
    steps = offsets(keys, low)
    occurs = occurring(steps, high - low + 1)
    if occurs.all():
        levels = np.arange(len(occurs)).astype(keys.dtype) + keys.dtype.type(low)
        return levels, steps.astype(np.int32)
    table = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    # in the keys' own type, which wraps around to the right values
    levels = np.flatnonzero(occurs).astype(keys.dtype) + keys.dtype.type(low)
    return levels, table[steps]


def gaps(codes):
    """Rows of the code -1, or None where there are none."""
    return codes < 0 if len(codes) and codes.min() < 0 else None


def occurring(steps, size):
    """Which of the integers below a size occur, an ndarray of bool."""
    occurs = np.zeros(size, dtype=bool)
    for start in range(0, len(steps), FEW_KEYS):
        occurs[steps[start : start + FEW_KEYS]] = True
        if occurs.all():
            break
    return occurs


def offsets(keys, low):
    """Return ``keys - low`` for indexing, without a copy if nothing changes."""
    if low == 0:
        return keys
    if keys.dtype.kind == "u":
        return (keys - keys.dtype.type(low)).astype(np.int64)
    return keys.astype(np.int64, copy=False) - low


def as_dtype(keys, dtype):
    """Bring integers to another integer type; tell which of them it can hold.

    Returns
    -------
    keys : ndarray of the dtype
    fits : ndarray of bool of shape (n,)
    """
    own, wanted = np.iinfo(keys.dtype), np.iinfo(dtype)
    fits = np.ones(len(keys), dtype=bool)
    if own.min < wanted.min:
        fits &= keys >= keys.dtype.type(wanted.min)
    if own.max > wanted.max:
        fits &= keys <= keys.dtype.type(wanted.max)
    return keys.astype(dtype), fits


def match_integers(keys, levels):
    """Return the position of each integer key in the sorted levels, -1 if absent."""
    if not len(levels):
        return np.full(len(keys), -1, dtype=np.int32)
    if keys.dtype != levels.dtype:
        keys, fits = as_dtype(keys, levels.dtype)
        return np.where(fits, match_integers(keys, levels), np.int32(-1))
    low, high = int(levels[0]), int(levels[-1])
    dense = high - low <= max(DENSE_RANGE * len(levels), SMALL_RANGE)
    many = len(keys) >= len(levels)
    if many and not dense:
        return pd.Index(levels).get_indexer(keys).astype(np.int32)
    if not many or not dense:
        codes = np.minimum(np.searchsorted(levels, keys), len(levels) - 1)
        codes[levels[codes] != keys] = -1
        return codes.astype(np.int32)
    table = np.full(high - low + 1, -1, dtype=np.int32)
    table[offsets(levels, low)] = np.arange(len(levels), dtype=np.int32)
    inside = (keys >= levels[0]) & (keys <= levels[-1])
    steps = offsets(np.where(inside, keys, levels[0]), low)
    return np.where(inside, table[steps], np.int32(-1))


def encode_keys(series, lookup):
    """Return the code of each key among the levels, -1 if it is not there.

    Parameters
    ----------
    series : Series of length n
    lookup : Levels
    """
    if lookup.early is not None:
        codes, late = (
            encode_keys(series, part) for part in (lookup.early, lookup.late)
        )
        return np.where(
            (codes < 0) & (late >= 0), late + len(lookup.early.levels), codes
        )
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, categories = series.array.codes, series.array.categories
        if len(codes) < len(categories):
            used, codes = compact(codes, gaps(codes))
            categories = categories[used]
        return np.append(find(lookup.index, categories), np.int32(-1))[codes]
    integers = as_integers(series)
    if integers is not None and lookup.ascending_integers:
        return match_integers(integers, lookup.levels)
    if series.dtype.kind == "f" and lookup.levels.dtype.kind in "iu":
        return match_doubles(series, lookup)
    if is_short_text(series) and lookup.kind == "text":
        return codes_among(lookup.places, series.tolist())
    return find(lookup.index, series)


def is_short_text(series):
    """Whether a column is of text, and has few rows."""
    return len(series) <= MANY_KEYS and isinstance(series.dtype, pd.StringDtype)


def codes_among(places, keys):
    """Code of every key, -1 where there is none, of shape (n,)."""
    return np.array([places.get(key, -1) for key in keys], dtype=np.int32)


def match_doubles(series, lookup):
    """Match integers that came as doubles; beyond 2^53 a double stands for several."""
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = (np.abs(values) <= MOST_EXACT) & (values == np.floor(values))
    codes = np.full(len(values), -1, dtype=np.int32)
    integers = values[whole].astype(np.int64)
    if lookup.ascending_integers:
        codes[whole] = match_integers(integers, lookup.levels)
    else:
        codes[whole] = find(lookup.index, pd.Series(integers))
    return codes


def find(index, keys):
    """Look keys up in a hash table of levels; missing keys get -1."""
    if isinstance(keys, pd.Series) and len(keys) > MANY_KEYS:
        codes, distinct = pd.factorize(keys)
        return np.append(find(index, distinct), np.int32(-1))[codes]
    values = keys.to_numpy()
    if (values.dtype.kind == "b") != (index.dtype.kind == "b"):
        values = values.astype(int) if values.dtype.kind == "b" else values
        index = index.astype(int) if index.dtype.kind == "b" else index
    if index.dtype == object:
        values = values.astype(object, copy=False)
    codes = index.get_indexer(values).astype(np.int32)
    codes[pd.isna(values)] = -1
    return codes


def check_kind(series, levels, learnt, name):
    """Raise if numbers alone were learnt and text is given, or the reverse."""
    given = series
    if isinstance(series.dtype, pd.CategoricalDtype):
        given = series.array.categories
    now = kind_of(given)
    if {learnt, now} == {"numbers", "text"} and not series.isna().all():
        raise ColumnError(
            f"The grouping factor '{name}' held {learnt} in fit (such as "
            f"{levels[:1].tolist()[0]!r}) and holds {now} now, so no group can match."
        )


def kind_of(values):
    """Return "numbers", "text" or "other" for a column, its levels or categories."""
    if values.dtype.kind in "iufb":
        return "numbers"
    if isinstance(values.dtype, pd.StringDtype):
        return "text"
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in ("string", "str"):
        return "text"
    if inferred in ("integer", "floating", "boolean", "mixed-integer-float"):
        return "numbers"
    return "other"
