"""Tables of very many rows: their design is made and summed a part at a time."""

import numpy as np
import pandas as pd

from skmixed.estimators.freezing import SAMPLE_ROWS, freeze_design
from skmixed.estimators.reading import DesignReader, needed_columns
from skmixed.formula.table.design import name_groups
from skmixed.formula.table.groups import GroupIndex
from skmixed.inference.opened.row_sketch import GrowingSketch, sampled_rows
from skmixed.sources.source import Source

# From so many rows on the arrays of all rows take longer to make than parts of them,
# and three times the memory.
MANY_ROWS = 2_000_000
PART_ROWS = 1 << 18


class FrameParts(Source):
    """A table in memory as a source of rows.

    Parameters
    ----------
    given : GivenRows
    """

    def __init__(self, given):
        self.given = given
        self.n_rows = n = len(given)
        keep = given.columns.rows
        self.rows = None if keep is None else np.flatnonzero(keep)
        self.needed = needed_columns(given.formula, None)
        if given.y is not None:
            own = given.formula.predictor_columns
            self.needed = [column for column in self.needed if column in own]
        self.sample = np.linspace(0, n - 1, min(n, SAMPLE_ROWS)).astype(np.intp)

    def part(self, which, columns=None):
        """Some rows of those that enter, by a slice or an array of places."""
        which = which if self.rows is None else self.rows[which]
        frame = self.given.frame
        parts = {c: frame[c].iloc[which] for c in columns or self.needed}
        return pd.DataFrame(parts, copy=False)

    def slices(self):
        """Yield slices of all rows that enter."""
        for start in range(0, self.n_rows, PART_ROWS):
            yield slice(start, min(start + PART_ROWS, self.n_rows))

    def tables(self, columns=None):
        """Read all rows in order."""
        for part in self.slices():
            yield self.part(part, columns)

    def first(self, n, columns=None):
        """Rows spread over all."""
        return self.part(self.sample[:n], columns)


class TableGroups:
    """All groups of one grouping factor, in place of `GrowingGroups`.

    Parameters
    ----------
    given : GivenRows
    """

    def __init__(self, given):
        (name, *_), term = name_groups(given.formula), given.formula.random[0]
        self.factors = {name: tuple(term.columns)}
        learnt = GroupIndex.learn(name, term.columns, given.columns)
        self.name, (self.index, self.codes) = name, learnt
        self.start = self.stop = 0

    def encode(self, columns):
        """Groups of the rows that follow; see `GrowingGroups.encode`."""
        self.stop = self.start + columns.n_rows
        codes = self.codes[self.start : self.stop]
        return {self.name: (codes, range(self.index.n_levels))}

    def keep(self):
        """Go on to the rows behind."""
        self.start = self.stop

    def indexed(self):
        """The groups, and their numbers as they are."""
        return {self.name: (self.index, np.arange(self.index.n_levels))}


def sum_parts(given):
    """Sum the rows of a table as those of a source are summed.

    Parameters
    ----------
    given : GivenRows

    Returns
    -------
    statistics : Statistics
    sketch : GrowingSketch

    Raises
    ------
    ValueError, FormulaError
        Where something is wrong with the rows; or where sums cannot tell columns apart.
    """
    source, y, weights = FrameParts(given), given.y, given.weights
    if source.rows is not None and weights is not None:
        weights = weights[source.rows]
    of_sample = None if y is None else y[source.sample]
    frozen = freeze_design(given.formula, source, None, "raise", of_sample)
    one_factor = len(set(name_groups(given.formula))) == 1
    groups = TableGroups(given) if one_factor else None
    reader, sketch = DesignReader(frozen, groups), GrowingSketch(len(given))
    for part in source.slices():
        design = reader.add(
            source.part(part),
            None if y is None else y[part],
            None if weights is None else weights[part],
        )
        sketch.add(design)
    statistics = reader.statistics()
    few = source.part(sampled_rows(len(given)))
    sketch.look_at(statistics.spec.build(few))
    return statistics, sketch
