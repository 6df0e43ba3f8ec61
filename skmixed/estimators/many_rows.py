"""Tables of very many rows: their design is made and summed a part at a time."""

import numpy as np

from skmixed.estimators.freezing import SAMPLE_ROWS, freeze_design
from skmixed.estimators.reading import DesignReader, needed_columns
from skmixed.formula.table.design import name_groups
from skmixed.formula.table.groups import GroupIndex
from skmixed.inference.opened.row_sketch import GrowingSketch, sampled_rows
from skmixed.sources.frames import FrameParts

# From so many rows on the arrays of all rows take longer to make than parts of them,
# and three times the memory.
MANY_ROWS = 2_000_000
PART_ROWS = 1 << 18


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
    y, weights, needed = given.y, given.weights, needed_columns(given.formula, None)
    if y is not None:
        own = given.formula.predictor_columns
        needed = [column for column in needed if column in own]
    keep = given.columns.rows
    source = FrameParts(given.frame, keep, needed, PART_ROWS, SAMPLE_ROWS)
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
