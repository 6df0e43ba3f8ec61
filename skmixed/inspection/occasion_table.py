"""Longitudinal data described: spread, gaps and correlations of the occasions."""

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from skmixed.errors import ArgumentTypeError, ColumnError
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import Printed, Table
from skmixed.warnings import warn

# More distinct times than this are taken for irregular, and binned; so are fewer, down
# to the second number, where they are half as many again as anybody's rows.
MOST_OCCASIONS, FEW_OCCASIONS = 20, 10
BINS = 6
# Patterns of missing values that are printed.
PATTERNS_SHOWN = 8
PRESENT, ABSENT = "x", "."


@dataclass(frozen=True, eq=False, repr=False)
class Occasions(Printed):
    """What a response does over time, printed.

    Attributes
    ----------
    table : DataFrame
        One row per occasion: ``n``, ``missing`` (groups without a value), ``mean``,
        ``sd``.
    correlation : DataFrame
        Correlations between occasions over the groups that have both.
    pair_counts : DataFrame
        How many groups that are.
    correlation_by_lag : Series
        Mean correlation of occasions that are 1, 2, ... apart.
    patterns : Series
        Number of groups with each pattern of observed (x) and missing (.) occasions.
    """

    table: pd.DataFrame
    correlation: pd.DataFrame
    pair_counts: pd.DataFrame
    correlation_by_lag: pd.Series
    patterns: pd.Series
    title: str
    notes: tuple[str, ...]

    @property
    def frame(self):
        """Table of the occasions: ``table``."""
        return self.table

    def blocks(self):
        """Yield occasions, correlations, patterns and notes."""
        yield Table(self.table, self.title)
        lower = np.tril(np.ones(self.correlation.shape, dtype=bool), -1)
        correlation = self.correlation.where(lower).iloc[1:, :-1]
        two = fixed_decimals(2)
        title = "Correlation between occasions (pairwise complete):"
        yield Table(correlation, title, rules=dict.fromkeys(correlation, two))
        lags = [f"{lag}: {two(r)}" for lag, r in self.correlation_by_lag.items()]
        yield f"Mean correlation by distance in occasions:  {'  '.join(lags)}"
        title = f"Patterns ({PRESENT} observed, {ABSENT} missing), number of groups:"
        yield Table(self.patterns.head(PATTERNS_SHOWN).rename_axis(None), title)
        if len(self.patterns) > PATTERNS_SHOWN:
            yield f"and {len(self.patterns) - PATTERNS_SHOWN} patterns more"
        yield from self.notes


def describe_occasions(
    data, response=None, time=None, group=None, *, x=None, y=None, bins=None
):
    """Describe repeated measurements: mean, spread and correlation over time.

    Parameters
    ----------
    data : data frame
        One row per measurement.
    x, y, group : str
        Columns: when it was measured, what, and on whom; as in pictures of data.
    time, response : str
        Other words for `x` and `y`.
    bins : int or sequence of float, default=None
        Number of equal intervals of time, or their edges. By default every distinct
        time is an occasion, unless the times look irregular (more than 20, or more than
        10 and many more than anybody has rows): then six intervals are made and a
        warning says so.

    Returns
    -------
    Occasions
        With the frames ``table``, ``correlation`` and ``patterns``; prints as a text.

    Raises
    ------
    TypeError
        Where a column is not named, or twice.
    ValueError
        If a column is absent, or a response or a time to be binned is not numeric.

    Warns
    -----
    UserWarning
        If times are irregular and `bins` is not given.

    See Also
    --------
    skmixed.inspection.OccasionsDisplay : The picture.

    Examples
    --------
    >>> from skmixed import describe_occasions
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> columns = {"x": "Days", "y": "Reaction", "group": "Subject"}
    >>> occasions = describe_occasions(sleep, **columns)
    >>> occasions.table.loc[[0, 4, 9]].round(1)
           n  missing   mean    sd
    Days
    0     18        0  256.7  32.1
    4     18        0  288.6  42.5
    9     18        0  350.9  67.0
    """
    response = one_name("y", y, "response", response)
    time = one_name("x", x, "time", time)
    if group is None:
        raise ArgumentTypeError("Name the column of groups: group='...'.")
    frame = nw.from_native(data, eager_only=True).to_pandas()
    for column in (response, time, group):
        if column not in frame.columns:
            raise ColumnError(
                f"The data lack the column {column!r}; they have "
                f"{list(map(str, frame.columns))[:20]}."
            )
    notes = []
    frame = frame[[response, time, group]].dropna(subset=[time, group])
    if len(frame) < len(data):
        dropped = len(data) - len(frame)
        notes.append(f"{dropped} rows without {time} or {group} are left out.")
    if not pd.api.types.is_numeric_dtype(frame[response]):
        raise ColumnError(f"The response {response!r} must be numeric.")
    most_rows = frame[group].value_counts().max()
    occasion = find_occasions(frame[time], bins, most_rows, notes)
    rows = frame.assign(**{time: occasion}).dropna(subset=[time])
    if rows.dropna().duplicated([group, time]).any():
        notes.append(
            f"Some {group} have several values on one occasion; their mean is taken."
        )
    wide = rows.pivot_table(
        response, group, time, aggfunc="mean", dropna=False, observed=True
    ).astype(float)
    return describe_wide(wide, f"{response} by {time}, {len(wide)} {group}", notes)


def one_name(keyword, given, other, also):
    """Take the column that one of two keywords names.

    Parameters
    ----------
    keyword, other : str
        The keywords.
    given, also : str or None
        What they were given.

    Returns
    -------
    str
    """
    if (given is None) == (also is None):
        raise ArgumentTypeError(f"Name one column by {keyword}= (or {other}=), once.")
    return also if given is None else given


def find_occasions(times, bins, most_rows, notes):
    """Turn times into occasions, binning irregular ones.

    Parameters
    ----------
    times : Series of shape (n,)
    bins : int, sequence of float or None
    most_rows : int
        Most rows that a group has.
    notes : list of str
        Gets a line on what was done.

    Returns
    -------
    Series of shape (n,)
        Times, or the intervals that they fall into.
    """
    name, distinct = times.name, times.nunique()
    regular = distinct <= max(FEW_OCCASIONS, min(MOST_OCCASIONS, 1.5 * most_rows))
    if bins is None and regular:
        return times
    if not pd.api.types.is_numeric_dtype(times):
        raise ColumnError(
            f"{name!r} has {distinct} distinct values and is not numeric; bin "
            "it in the data frame first."
        )
    if bins is None:
        bins = BINS
        warn(
            f"{name!r} has {distinct} distinct values; they are put into {BINS} "
            "intervals of equal length. Pass bins= to choose others.",
            section="many-occasions",
        )
    occasion = pd.cut(times.astype(float), bins, include_lowest=True)
    size = len(occasion.cat.categories)
    notes.append(f"{name} is binned into {size} intervals.")
    outside = int(occasion.isna().sum())
    if outside:
        notes.append(f"{outside} rows outside the intervals are left out.")
    return occasion.astype(str).astype(
        pd.CategoricalDtype(occasion.cat.categories.astype(str), ordered=True)
    )


def describe_wide(wide, title, notes):
    """Describe a table of groups by occasions.

    Parameters
    ----------
    wide : DataFrame of shape (n_groups, n_occasions)
        NaN where missing.
    title : str
    notes : sequence of str

    Returns
    -------
    Occasions
    """
    seen = wide.notna()
    count = seen.sum()
    correlation = wide.corr(min_periods=3).rename_axis(index=None, columns=None)
    r = correlation.to_numpy()
    lags = range(1, len(r))
    by_lag = pd.Series([pd.Series(np.diag(r, lag)).mean() for lag in lags], index=lags)
    marks = seen.to_numpy()
    patterns = pd.Series(
        ["".join(PRESENT if mark else ABSENT for mark in row) for row in marks],
        name="groups",
    ).value_counts()
    together = marks.T.astype(int) @ marks.astype(int)
    table = {"n": count, "missing": len(wide) - count, "mean": wide.mean()}
    return Occasions(
        table=pd.DataFrame(table | {"sd": wide.std(ddof=1)}),
        correlation=correlation,
        pair_counts=pd.DataFrame(together, wide.columns, list(wide.columns)),
        correlation_by_lag=by_lag,
        patterns=patterns.rename("groups"),
        title=title,
        notes=tuple(notes),
    )
