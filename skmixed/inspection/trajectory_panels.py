"""The arrays of a spaghetti plot: which rows are drawn, and what sums them up."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError
from skmixed.inspection.fitted_lines import group_lines, population_line
from skmixed.inspection.rows import read_column, require_column
from skmixed.inspection.style import SCARCE, assign_bins, binned_means, choose_groups

# More rows per group than this make a hairball of lines; points show more.
LONGEST_LINE = 25
# More values than this are no facets.
MOST_FACETS = 30
# Distinct places that are taken for the occasions of a study.
MOST_OCCASIONS = 30


@dataclass(frozen=True, eq=False)
class TrajectoryPanel:
    """What one panel of a `TrajectoriesDisplay` shows.

    Attributes
    ----------
    title : str
        Value of the facet, "" if there are none.
    lines : list of ndarray of shape (n_i, 2)
        Rows of the groups drawn, sorted along the first column.
    labels : ndarray of shape (n_drawn,)
        Those groups.
    n_groups : int
        Groups that there are.
    mean : ndarray of shape (m, 2)
        Mean of all rows at each value, or in each bin, of the horizontal axis.
    band : ndarray of shape (m, 3) or None
        Where groups are left out: the axis, and the 5 % and 95 % points of all rows.
    fitted : ndarray of shape (n_drawn, n_points, 2) or None
        Lines that a model predicts for the groups drawn.
    population : ndarray of shape (n_points, 2) or None
        Line that it predicts from the fixed effects.
    """

    title: str
    lines: list
    labels: np.ndarray
    n_groups: int
    mean: np.ndarray
    band: np.ndarray | None
    fitted: np.ndarray | None = None
    population: np.ndarray | None = None


class TrajectoryRows:
    """Rows of a table by group and facet.

    Parameters
    ----------
    frame : DataFrame of n rows
    x : str
        Column of the horizontal axis: numbers, or categories, which stand side by side.
    y : str or ndarray of shape (n,)
        Column of the vertical axis, or its values.
    codes : ndarray of shape (n,)
        Group of each row, -1 for none.
    labels : ndarray of shape (G,)
    facet : str or None
        Column of the facets.
    """

    def __init__(self, frame, x, y, codes, labels, facet):
        self.frame, self.x_name, self.labels, self.facet = frame, x, labels, facet
        self.x, self.x_labels = read_places(frame, x)
        self.y = read_column(frame, y, "y") if isinstance(y, str) else y
        complete = ~np.isnan(self.x) & ~np.isnan(self.y)
        self.codes = codes if complete.all() else np.where(complete, codes, -1)

    def facets(self):
        """List the facets: (value, mask of rows, or None for all rows)."""
        if self.facet is None:
            return [(None, None)]
        require_column(self.frame, self.facet, "facet")
        column = self.frame[self.facet]
        values = values_of(column)
        if len(values) > MOST_FACETS:
            raise ArgumentError(
                f"facet={self.facet!r} has {len(values)} values; at most {MOST_FACETS} "
                "make a picture. Cut it into classes, for example with pd.cut."
            )
        return [(value, (column == value).to_numpy()) for value in values]

    def crowded(self):
        """Whether lines through the rows of a group would be a hairball."""
        known = self.codes[self.codes >= 0]
        if len(known) > LONGEST_LINE * max(len(self.labels), 1):
            return True
        row = np.flatnonzero((self.codes >= 0) & (self.codes < 100))
        keys = pd.DataFrame({"group": self.codes[row], "x": self.x[row]})
        return bool(keys.duplicated().mean() > 0.1)


def read_places(frame, name):
    """Read where rows stand on the horizontal axis.

    Parameters
    ----------
    frame : DataFrame of n rows
    name : str
        Column of numbers, or of at most 30 categories.

    Returns
    -------
    places : ndarray of shape (n,)
        NaN where missing.
    labels : list of str or None
        Of the places 0, 1, ... where the column has categories.
    """
    require_column(frame, name, "x")
    column = frame[name]
    values = [] if pd.api.types.is_numeric_dtype(column) else values_of(column)
    dates = pd.api.types.is_datetime64_any_dtype(column)
    if not values or dates or len(values) > MOST_OCCASIONS:
        return read_column(frame, name, "x"), None
    codes = pd.Categorical(column, categories=values).codes
    return np.where(codes < 0, np.nan, codes), [str(value) for value in values]


def values_of(column):
    """Values of a column: sorted, or as its categories are ordered."""
    values = sorted(pd.unique(column.dropna()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = set(values)
        values = [value for value in column.cat.categories if value in present]
    return values


def make_panel(rows, facet, keep, max_groups, random_state):
    """Choose the groups of a panel, and sum up its rows.

    Parameters
    ----------
    rows : TrajectoryRows
    facet : tuple (value, mask)
    keep : ndarray of int
        Groups that are drawn in any case.
    max_groups : int
    random_state : numpy RandomState

    Returns
    -------
    TrajectoryPanel
    chosen : ndarray of int
        Codes of the groups drawn.
    """
    value, inside = facet
    codes = rows.codes if inside is None else np.where(inside, rows.codes, -1)
    present = np.bincount(codes + 1, minlength=len(rows.labels) + 1)[1:] > 0
    groups = np.flatnonzero(present)
    kept = np.searchsorted(groups, keep[present[keep]])
    chosen = groups[choose_groups(len(groups), max_groups, kept, random_state)]
    x, y = rows.x, rows.y
    if (codes < 0).any():
        known = codes >= 0
        x, y = x[known], y[known]
    panel = TrajectoryPanel(
        title="" if value is None else str(value),
        lines=cut_lines(rows, codes, chosen),
        labels=rows.labels[chosen],
        n_groups=len(groups),
        mean=np.column_stack(binned_means(x, y)),
        band=quantile_band(x, y) if len(chosen) < len(groups) else None,
    )
    return panel, chosen


def cut_lines(rows, codes, chosen):
    """Rows of some groups, sorted along x: a list of arrays of shape (n_i, 2)."""
    place = np.full(len(rows.labels) + 1, -1)
    place[chosen] = np.arange(len(chosen))
    member = place[codes]
    row = np.flatnonzero(member >= 0)
    row = row[np.lexsort([rows.x[row], member[row]])]
    points = np.column_stack([rows.x[row], rows.y[row]])
    counts = np.bincount(member[row], minlength=len(chosen))
    return np.split(points, np.cumsum(counts)[:-1])


def with_gaps(line, occasions):
    """Break a line where occasions were missed, unless it missed most of them.

    Parameters
    ----------
    line : ndarray of shape (n_i, 2)
        Sorted along the first column.
    occasions : ndarray of shape (T,)
        Sorted places at which groups were measured.

    Returns
    -------
    ndarray of shape (n_i + n_gaps, 2)
        NaN rows where it is broken.
    """
    places = np.searchsorted(occasions, line[:, 0])
    missed = np.diff(places) > 1
    if not missed.any() or len(line) <= (places[-1] - places[0] + 1) / 2:
        return line
    return np.insert(line, np.flatnonzero(missed) + 1, np.nan, axis=0)


def find_occasions(lines):
    """Places that all lines share, sorted; None where everybody has their own."""
    x = np.concatenate([line[:, 0] for line in lines]) if lines else np.empty(0)
    occasions = np.unique(x)
    if len(occasions) > min(MOST_OCCASIONS, len(x) / 2):
        return None
    return occasions


def quantile_band(x, y, n_bins=12):
    """Positions, 5 % and 95 % points of y along x, of shape (m, 3)."""
    if len(x) > 200_000:
        step = len(x) // 100_000
        x, y = x[::step], y[::step]
    bins, n_bins = assign_bins(x, n_bins)
    count = np.bincount(bins, minlength=n_bins)
    enough = (count > SCARCE * count.mean())[bins]
    table = pd.DataFrame({"x": x, "y": y})[enough].groupby(bins[enough])
    middle, bounds = table["x"].mean(), table["y"].quantile([0.05, 0.95]).unstack()
    return np.column_stack([middle.to_numpy(), bounds.to_numpy()])


def with_model(panel, chosen, rows, facet, estimator):
    """Add what a model predicts to a panel.

    Parameters
    ----------
    panel : TrajectoryPanel
    chosen : ndarray of int
    rows : TrajectoryRows
    facet : tuple (value, mask)
    estimator : MixedLinearRegressor

    Returns
    -------
    TrajectoryPanel
    """
    value, inside = facet
    codes = rows.codes if inside is None else np.where(inside, rows.codes, -1)
    known = rows.x[codes >= 0]
    return replace(
        panel,
        fitted=group_lines(estimator, rows.frame, rows.x_name, codes, chosen),
        population=population_line(
            estimator,
            rows.frame,
            rows.x_name,
            (known.min(), known.max()),
            fixed={} if value is None else {rows.facet: value},
        ),
    )
