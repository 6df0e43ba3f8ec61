"""The columns of a residual covariance: who was seen when."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from skmixed.errors import ResidualCovarianceError, UnseenLevelError
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.residual import ResidualTerm

__all__ = ["ResidualRows", "ResidualSpec"]

# Times beyond this, and infinite ones, have no distances in doubles.
LARGEST_TIME = 1e100
# More distinct times than this many for every row of the longest subject are not
# those of planned visits.
VISITS_PER_ROW = 2


@dataclass(frozen=True, eq=False)
class ResidualRows:
    """Where the rows of a table stand in a residual covariance.

    Parameters
    ----------
    visit, subject, level : ndarray of int of shape (n,)
        Positions among the visits, subjects from 0 in any order, and whose covariance.
    time : ndarray of shape (n,)
        Visits as numbers.
    """

    visit: np.ndarray
    subject: np.ndarray
    level: np.ndarray
    time: np.ndarray

    def select(self, rows):
        """Return some of the rows, their subjects counted anew."""
        subject = pd.factorize(self.subject[rows])[0]
        return ResidualRows(
            self.visit[rows], subject, self.level[rows], self.time[rows]
        )


@dataclass(frozen=True, eq=False)
class ResidualSpec:
    """What a residual covariance learnt from a table.

    Parameters
    ----------
    term : ResidualTerm
    visits : list
        Distinct times or visits in order; empty where covariances go by distances in
        time.
    levels : list
        Of the column ``by``; one that is None without it.
    gap : float, default=1.0
        Median distance of neighbouring rows of a subject, their unit.
    """

    term: ResidualTerm
    visits: list
    levels: list
    gap: float = 1.0

    @classmethod
    def learn(cls, term, columns, most=None):
        """Learn visits and levels, and read the rows.

        Parameters
        ----------
        term : ResidualTerm
        columns : FrameColumns
        most : int, optional
            More distinct times than this are no visits; nor are those of rows that may
            share one.

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
        if term.time is not None:
            check_times(columns[term.time], term.time)
        if term.time is None:
            largest = int(columns[term.subject].value_counts().max())
            by_lag = most is not None and largest > most
            visits = [] if by_lag else list(range(1, largest + 1))
        elif most is not None and is_irregular(columns, term, most):
            visits = []
        else:
            visits = in_order(columns[term.time], term.time)
        levels = [None] if term.by is None else in_order(columns[term.by], term.by)
        spec = cls(term, visits, levels)
        rows = spec.read(columns)
        numeric = term.time and pd.api.types.is_numeric_dtype(columns[term.time].dtype)
        if numeric and shares_times(term) and first_twice(rows) is not None:
            spec = cls(term, [], levels)
            rows = replace(rows, visit=np.zeros_like(rows.visit))
        spec.check(rows)
        return spec if spec.by_visit else replace(spec, gap=median_gap(rows)), rows

    @property
    def by_visit(self):
        """Whether rows have visits, and not just times."""
        return bool(self.visits)

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
            time = visit.astype(float)
            if not self.by_visit:
                visit = np.zeros_like(visit)
            elif len(visit) and visit.max() >= len(self.visits):
                raise ResidualCovarianceError(
                    f"A subject has {visit.max() + 1} rows; in fit none had more than "
                    f"{len(self.visits)}."
                )
        elif self.by_visit:
            visit = positions(columns[term.time], self.visits, term.time)
            time = np.array(self.times)[visit]
        else:
            time = columns[term.time].to_numpy(dtype=float)
            visit = np.zeros(len(time), dtype=int)
        level = np.zeros(len(subject), dtype=int)
        if term.by is not None:
            level = positions(columns[term.by], self.levels, term.by)
        return ResidualRows(visit, subject, level, time)

    def has_twice(self, rows):
        """Whether some subject may have two rows at one time."""
        if not self.by_visit:
            return True
        cells = rows.subject * np.int64(len(self.visits)) + rows.visit
        n_cells = len(self.visits) * (int(rows.subject.max(initial=-1)) + 1)
        seen = np.zeros(n_cells, dtype=bool)
        seen[cells] = True
        return np.count_nonzero(seen) < len(cells)

    def check(self, rows):
        """Raise for two rows of a subject at one visit, or of two levels of ``by``."""
        term = self.term
        twice = None
        may_share = shares_times(term) and not self.by_visit
        if not may_share and self.has_twice(rows):
            twice = first_twice(rows)
        if twice is not None:
            label = written(rows.time[twice])
            if self.by_visit:
                label = self.labels[rows.visit[twice]]
            raise ResidualCovarianceError(
                f"residual=`{term}`: some subjects of `{term.subject}` have several "
                f"rows at one visit, for example at {label} of `{term.time}`. Rows "
                "of one subject need different visits: aggregate them, or "
                "name the column that tells them apart."
                f"{or_nugget(term)}"
            )
        if term.by is not None:
            own = np.full(rows.subject.max() + 1, -1)
            own[rows.subject] = rows.level
            if not np.array_equal(own[rows.subject], rows.level):
                raise ResidualCovarianceError(
                    f"residual=`{term}`: some subjects of `{term.subject}` have rows "
                    f"of several levels of `{term.by}`; by= needs a column that is "
                    "constant within subjects."
                )


def shares_times(term):
    """Whether two rows of a subject may be at one time: they differ by the nugget."""
    return bool(dict(term.options).get("nugget", False))


def or_nugget(term):
    """Say that rows may share times with a nugget, where there is the option."""
    if term.name not in ("car1", "gau"):
        return ""
    return " With nugget=True rows may share times."


def check_times(column, name):
    """Raise for times that have no distances."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return
    times = column.to_numpy(dtype=float, na_value=np.nan)
    far = np.abs(times) > LARGEST_TIME
    if far.any():
        raise ResidualCovarianceError(
            f"Times `{name}` of the residual covariance are not finite, or too large "
            f"to be squared, in {int(far.sum())} rows, such as {times[far][0]:g}."
        )


def in_time(rows):
    """Subjects and times of rows, sorted by both, and the places of the rows."""
    subject, time, order = rows.subject, rows.time, np.arange(len(rows.time))
    step = np.diff(subject)
    if not ((step > 0) | ((step == 0) & (np.diff(time) >= 0))).all():
        order = np.lexsort((time, subject))
    return subject[order], time[order], order


def first_twice(rows):
    """Place of a row whose subject has another at its time; None without one."""
    subject, time, order = in_time(rows)
    same = (np.diff(subject) == 0) & (np.diff(time) == 0)
    return order[1:][same][0] if same.any() else None


def is_irregular(columns, term, most):
    """Whether times are more distinct numbers than there can be planned visits."""
    column = columns[term.time]
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return False
    if column.head(1000).nunique() > most:
        return True
    largest = int(columns[term.subject].value_counts().max())
    return column.nunique() > min(most, VISITS_PER_ROW * largest)


def median_gap(rows):
    """Median distance in time of neighbouring rows of a subject."""
    subject, time, _ = in_time(rows)
    gaps = np.diff(time)[np.diff(subject) == 0]
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0


def in_order(column, name):
    """Distinct values in order: of the levels of categories, else of size."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        seen = set(column.unique())
        return [level for level in column.cat.categories if level in seen]
    values = column.unique().tolist()
    try:
        return sorted(values)
    except TypeError:
        raise ResidualCovarianceError(
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
        raise UnseenLevelError(
            f"`{name}` has the value {new!r}, which fit did not see; there the "
            "residual covariance is not known."
        )
    return places.astype(int)


def written(value):
    """Write a visit's name: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
