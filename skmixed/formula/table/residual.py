"""The columns of a residual covariance: who was seen when."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.residual import ResidualTerm

__all__ = ["ResidualRows", "ResidualSpec"]


@dataclass(frozen=True, eq=False)
class ResidualRows:
    """Where the rows of a table stand in a residual covariance.

    Parameters
    ----------
    visit, subject, level : ndarray of int of shape (n,)
        Positions among the visits, subjects from 0 in any order, and whose covariance.
    """

    visit: np.ndarray
    subject: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class ResidualSpec:
    """What a residual covariance learnt from a table.

    Parameters
    ----------
    term : ResidualTerm
    visits : list
        Distinct times or visits in order.
    levels : list
        Of the column ``by``; one that is None without it.
    """

    term: ResidualTerm
    visits: list
    levels: list

    @classmethod
    def learn(cls, term, columns):
        """Learn visits and levels, and read the rows.

        Parameters
        ----------
        term : ResidualTerm
        columns : FrameColumns

        Returns
        -------
        spec : ResidualSpec
        rows : ResidualRows

        Raises
        ------
        ValueError
            Where a subject has two rows at one visit, or rows of two levels.
        """
        for name in term.columns:
            if name not in columns:
                raise FormulaError(
                    f"X has no column {name!r}, which residual=`{term}` needs."
                )
        if term.time is None:
            sizes = columns[term.subject].value_counts()
            visits = list(range(1, int(sizes.max()) + 1))
        else:
            visits = in_order(columns[term.time], term.time)
        levels = [None] if term.by is None else in_order(columns[term.by], term.by)
        spec = cls(term, visits, levels)
        rows = spec.read(columns)
        spec.check(rows)
        return spec, rows

    @property
    def times(self):
        """Visits as numbers: themselves, or their places where they are labels."""
        numeric = all(isinstance(v, (int, float, np.number)) for v in self.visits)
        if numeric:
            return tuple(float(v) for v in self.visits)
        return tuple(float(k) for k in range(len(self.visits)))

    @property
    def labels(self):
        """Names of the visits."""
        return tuple(written(v) for v in self.visits)

    def read(self, columns):
        """Read rows of visits that are known.

        Parameters
        ----------
        columns : FrameColumns or DataFrame

        Returns
        -------
        ResidualRows
        """
        columns, term = FrameColumns.of(columns), self.term
        subject = pd.factorize(columns[term.subject])[0]
        if term.time is None:
            visit = pd.Series(subject).groupby(subject).cumcount().to_numpy()
            if len(visit) and visit.max() >= len(self.visits):
                raise ValueError(
                    f"A subject has {visit.max() + 1} rows; in fit none had more than "
                    f"{len(self.visits)}."
                )
        else:
            visit = positions(columns[term.time], self.visits, term.time)
        level = np.zeros(len(subject), dtype=int)
        if term.by is not None:
            level = positions(columns[term.by], self.levels, term.by)
        return ResidualRows(visit, subject, level)

    def check(self, rows):
        """Raise for two rows of a subject at one visit, or of two levels of ``by``."""
        term = self.term
        cells = rows.subject * np.int64(len(self.visits)) + rows.visit
        n_cells = len(self.visits) * (int(rows.subject.max(initial=-1)) + 1)
        seen = np.zeros(n_cells, dtype=bool)
        seen[cells] = True
        if np.count_nonzero(seen) < len(cells):
            cell = cells[pd.Series(cells).duplicated().to_numpy()][0]
            label = self.labels[cell % len(self.visits)]
            raise ValueError(
                f"residual=`{term}`: some subjects of `{term.subject}` have several "
                f"rows at one visit, for example at {label} of `{term.time}`. Rows "
                "of one subject need different visits: aggregate them, or "
                "name the column that tells them apart."
            )
        if term.by is not None:
            own = np.full(rows.subject.max() + 1, -1)
            own[rows.subject] = rows.level
            if not np.array_equal(own[rows.subject], rows.level):
                raise ValueError(
                    f"residual=`{term}`: some subjects of `{term.subject}` have rows "
                    f"of several levels of `{term.by}`; by= needs a column that is "
                    "constant within subjects."
                )


def in_order(column, name):
    """Distinct values in order: of the levels of categories, else of size."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        seen = set(column.unique())
        return [level for level in column.cat.categories if level in seen]
    values = column.unique().tolist()
    try:
        return sorted(values)
    except TypeError:
        raise ValueError(
            f"The values of `{name}` have no order; make it an ordered categorical."
        ) from None


def positions(column, known, name):
    """Places of values among those that are known.

    Raises
    ------
    ValueError
        For a value that is not.
    """
    places = pd.Index(known).get_indexer(pd.Index(column))
    if (places < 0).any():
        new = column.to_numpy()[places < 0][0]
        raise ValueError(
            f"`{name}` has the value {new!r}, which fit did not see; there the "
            "residual covariance is not known."
        )
    return places.astype(int)


def written(value):
    """Write a visit's name: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
