"""One line per group, drawn towards the others not at all, somewhat or entirely."""

import warnings

import numpy as np
import pandas as pd

from skmixed.estimators import MixedLinearRegressor
from skmixed.inspection.fitted_lines import group_lines, population_line
from skmixed.inspection.rows import (
    factorize,
    read_along,
    read_column,
    read_table_or_fail,
)
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    HEIGHT,
    HIGHLIGHTS,
    RASTERISED,
    WIDTH,
    choose_groups,
    choose_rows,
    fade,
    find_groups,
    grid,
    legend_above,
    open_axes,
    styled,
)
from skmixed.warnings import SingularFitWarning

POOLED = "one line for all"
SEPARATE = "one regression per group"
INTERCEPTS = "random intercept"
SLOPES = "random intercept + slope"


class GroupLinesDisplay:
    """Fitted lines of every group under several models, side by side.

    Make one with `from_data`, which fits one line for all, one regression per group, a
    random intercept, and a random intercept and slope; or with `from_estimator`, for
    the lines of a fitted model.

    Parameters
    ----------
    lines : dict of str to ndarray of shape (n_drawn, n_points, 2)
        For every model the lines of the groups drawn: positions, fitted values. NaN
        for groups that have no line.
    population : dict of str to ndarray of shape (n_points, 2)
        For every model its line for nobody in particular, if it has one.
    labels : ndarray of shape (n_drawn,)
        Groups drawn.
    limits : tuple of float
        Responses that the vertical axis shows at least. It also shows all lines but
        the regressions of single groups, which may lead anywhere.
    x_name, y_name, group_name : str
        Names of the axes and of the groups.
    highlight : tuple, default=()
        Labels of groups drawn in colour.
    points : ndarray of shape (m, 2), default=None
        Rows drawn behind the lines; of many rows a sample.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
    figure_ : matplotlib Figure

    See Also
    --------
    ShrinkageDisplay : Where the lines are drawn to.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import GroupLinesDisplay
    >>> display = GroupLinesDisplay.from_data(
    ...     load_london_schools().frame, x="lrt", y="exam", group="school", highlight=28
    ... )
    >>> list(display.lines)
    ['one line for all', 'one regression per group', 'random intercept', 'random
    intercept + slope']
    """

    def __init__(
        self,
        *,
        lines,
        population,
        labels,
        limits,
        x_name,
        y_name,
        group_name,
        highlight=(),
        points=None,
    ):
        self.points = points
        self.lines, self.population = lines, population
        self.labels, self.limits, self.highlight = labels, limits, highlight
        self.x_name, self.y_name, self.group_name = x_name, y_name, group_name

    @classmethod
    def from_data(
        cls,
        data,
        *,
        x,
        y,
        group,
        highlight=(),
        max_groups=200,
        random_state=0,
        ax=None,
        **style,
    ):
        """Fit straight lines in four ways, and plot them.

        Parameters
        ----------
        data : data frame
            One row per observation.
        x, y, group : str
            Columns of the axes and of the groups.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour, with their names.
        max_groups : int, default=200
            Of more groups a random sample is drawn; all are fitted.
        random_state : int, RandomState instance or None, default=0
            Seed of that sample.
        ax : matplotlib Axes, or array of four, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        GroupLinesDisplay
        """
        frame = read_table_or_fail(data)
        codes, labels = factorize(frame, group, "group")
        columns = [read_column(frame, x, "x"), read_column(frame, y, "y")]
        known = ~np.isnan(columns).any(axis=0) & (codes >= 0)
        rows = pd.DataFrame({"x": columns[0], "y": columns[1], "group": codes})[known]
        names = {"x_name": x, "y_name": y, "group_name": group}
        coefficients = fit_four_ways(rows, len(labels))
        keep = find_groups(labels, highlight, group)
        chosen = choose_groups(len(labels), max_groups, keep, random_state)
        ends = own_ranges(rows, len(labels))
        return cls(
            lines={
                title: straight(of_groups[chosen], ends[chosen])
                for title, (of_groups, _) in coefficients.items()
            },
            population={
                title: straight(of_all, rows["x"].quantile([0.002, 0.998]))
                for title, (_, of_all) in coefficients.items()
            },
            labels=labels[chosen],
            limits=tuple(rows["y"].quantile([0.005, 0.995])),
            highlight=tuple(labels[keep].tolist()),
            points=some_rows(rows["x"], rows["y"], random_state),
            **names,
        ).plot(ax, **style)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        x=None,
        group=None,
        highlight=(),
        max_groups=200,
        random_state=0,
        ax=None,
        **style,
    ):
        """Plot the lines of a fitted model.

        Parameters
        ----------
        estimator : MixedLinearRegressor, or estimator of another family
            Fitted. Lines of other families are on the scale of the response: those of
            groups at their conditional modes, that of the population averaged over the
            random effects.
        X : data frame
            Rows whose groups are drawn, over their own ranges. Other predictors are
            held at the group's own value, or at their mean or most frequent value if
            they vary within groups.
        y : array-like of shape (n_samples,), default=None
            Response; by default read from `X`.
        x : str, default=None
            Column of the horizontal axis; by default the first numeric random slope of
            `group`, else the first numeric fixed effect.
        group : str, default=None
            Grouping factor; by default the first.
        highlight, max_groups, random_state, ax, **style
            As in `from_data`.

        Returns
        -------
        GroupLinesDisplay
        """
        frame, y, codes, labels, names = read_along(estimator, X, y, x, group)
        x, group = names["x_name"], names["group_name"]
        present = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(labels)))
        keep = find_groups(labels, highlight, group)
        places = np.searchsorted(present, keep)
        chosen = choose_groups(len(present), max_groups, places, random_state)
        title, ends = estimator.formula_, frame[x].quantile([0.002, 0.998])
        line = population_line(estimator, frame, x, ends)
        return cls(
            lines={title: group_lines(estimator, frame, x, codes, present[chosen])},
            population={} if line is None else {title: line},
            labels=labels[present[chosen]],
            limits=tuple(np.nanquantile(y, [0.005, 0.995])),
            highlight=tuple(labels[keep].tolist()),
            points=some_rows(frame[x], y, random_state),
            **names,
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the models.
        title : str, default=None
            Over the picture.
        line_kw, scatter_kw : dict, default=None
            Style of the groups' lines (of a `LineCollection`) and of the rows.

        Returns
        -------
        GroupLinesDisplay
        """
        n = len(self.lines)
        columns = min(n, 2)
        shape = grid(n, columns, ax)
        size = (6.4, 3.0 * shape[0] + 0.4) if n > 1 else (WIDTH, HEIGHT)
        axes = open_axes(
            self, ax, shape, n, title=title, figsize=size, sharex=True, sharey=True
        )
        for model, one in zip(self.lines, axes.flat, strict=False):
            self._draw_rows(one, scatter_kw)
            self._draw(one, model, line_kw)
            if n > 1:
                one.set_title(model, loc="left", fontsize="medium")
        for bottom in axes[-1]:
            bottom.set_xlabel(self.x_name)
        for left in axes[:, 0]:
            left.set_ylabel(self.y_name)
        axes[0, 0].set_ylim(*self._vertical_range())
        legend_above(axes, new=ax is None, ncols=2 if n == 1 else 4)
        return self

    def _draw_rows(self, ax, scatter_kw):
        if self.points is None:
            return
        style = {"s": 5, "lw": 0, "color": GREY, "zorder": 0, "label": "rows"}
        style["alpha"] = fade(len(self.points), most=0.5, at=300)
        style["rasterized"] = len(self.points) > RASTERISED
        ax.scatter(*self.points.T, **styled(style, scatter_kw))

    def _vertical_range(self):
        shown = [lines for title, lines in self.lines.items() if title != SEPARATE]
        heights = np.concatenate([self.limits, *(one[..., 1].ravel() for one in shown)])
        low, high = np.nanmin(heights), np.nanmax(heights)
        margin = 0.04 * (high - low)
        return low - margin, high + margin

    def _draw(self, ax, title, line_kw):
        from matplotlib.collections import LineCollection

        lines, n = self.lines[title], len(self.labels)
        if title != POOLED:
            style = {"colors": BLUE, "linewidths": 0.9, "rasterized": n > RASTERISED}
            style |= {"alpha": fade(n, least=0.2)}
            style["label"] = f"line per {self.group_name}"
            ax.add_collection(LineCollection(list(lines), **styled(style, line_kw)))
        if title in self.population:
            style = {"color": BLACK, "lw": 2.2, "zorder": 5, "label": "population"}
            ax.plot(*self.population[title].T, **style)
        places = {str(label): place for place, label in enumerate(self.labels)}
        for label, colour in zip(self.highlight, HIGHLIGHTS * 20, strict=False):
            points = lines[places[str(label)]]
            if title == POOLED:
                continue
            style = {"color": colour, "lw": 2.4, "zorder": 4}
            ax.plot(*points.T, label=f"{self.group_name} {label}", **style)


def some_rows(x, y, random_state, at_most=2_000):
    """Rows that are drawn behind the lines, of shape (m, 2)."""
    rows = choose_rows(len(x), at_most, random_state)
    return np.column_stack([np.asarray(x)[rows], np.asarray(y)[rows]]).astype(float)


def fit_four_ways(rows, n_groups):
    """Intercepts and slopes of groups and of all, from four models.

    Parameters
    ----------
    rows : DataFrame
        Columns ``x``, ``y`` and ``group``, the latter coded 0, 1, ...
    n_groups : int

    Returns
    -------
    dict of str to tuple (of_groups, of_all)
        Coefficients of shape (n_groups, 2) and (2,). The line of all is the mean of
        the groups' lines where there is no other.
    """
    pooled = MixedLinearRegressor("y ~ x").fit(rows).fixed_effects_.to_numpy()
    separate = separate_lines(rows, n_groups)
    found = {
        POOLED: (np.tile(pooled, (n_groups, 1)), pooled),
        SEPARATE: (separate, np.nanmean(separate, axis=0)),
    }
    for title, term in ((INTERCEPTS, "(1 | group)"), (SLOPES, "(1 + x | group)")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularFitWarning)
            model = MixedLinearRegressor(f"y ~ x + {term}").fit(rows)
        own = model.group_coef_["group"].reindex(range(n_groups))
        found[title] = (own.to_numpy(), model.fixed_effects_.to_numpy())
    return found


def separate_lines(rows, n_groups):
    """Least-squares line of every group, NaN where its x does not vary: (G, 2)."""
    group = rows["group"].to_numpy()

    def total(values):
        return np.bincount(group, values, minlength=n_groups)

    n = np.maximum(total(np.ones(len(rows))), 1.0)
    x_mean, y_mean = total(rows["x"]) / n, total(rows["y"]) / n
    x = rows["x"].to_numpy() - x_mean[group]
    y = rows["y"].to_numpy() - y_mean[group]
    spread = total(x * x)
    slope = total(x * y) / np.where(spread > 0, spread, np.nan)
    return np.column_stack([y_mean - slope * x_mean, slope])


def own_ranges(rows, n_groups):
    """Lowest and highest x of every group, of shape (G, 2)."""
    ranges = rows.groupby("group")["x"].agg(["min", "max"])
    return ranges.reindex(range(n_groups)).to_numpy()


def straight(coefficients, ends):
    """Points of straight lines at their ends, of shape (..., 2, 2)."""
    ends = np.asarray(ends, dtype=float)
    height = coefficients[..., :1] + coefficients[..., 1:] * ends
    return np.stack([ends, height], axis=-1)
