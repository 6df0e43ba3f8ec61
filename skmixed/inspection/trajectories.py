"""The spaghetti plot: raw lines of every group, their mean, and the fitted lines."""

import numpy as np
from sklearn.utils import check_random_state

from skmixed.inspection.rows import (
    factorize,
    read_along,
    read_table_or_fail,
)
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    HEIGHT,
    HIGHLIGHTS,
    PALE,
    RASTERISED,
    WIDTH,
    fade,
    find_groups,
    grid,
    legend_above,
    open_axes,
    styled,
)
from skmixed.inspection.trajectory_panels import (
    TrajectoryRows,
    find_occasions,
    make_panel,
    with_gaps,
    with_model,
)

# More panels than this are small.
FEW = 9


class TrajectoriesDisplay:
    """Spaghetti plot: one line per group.

    Make one with `from_data`, or with `from_estimator`, which adds the lines of a
    fitted model. Of many groups a random sample is drawn, over a band of all rows.

    Parameters
    ----------
    panels : list of TrajectoryPanel
        One per facet: lines, mean, band, and the lines of the model.
    x_name, y_name, group_name : str
        Names of the axes and of the groups.
    facet_name : str, default=None
        Name of the facets.
    highlight : tuple, default=()
        Labels of groups drawn in colour.
    kind : {"lines", "points"}, default="lines"
        How rows are drawn.
    x_labels : list of str, default=None
        Names of the places 0, 1, ... of a horizontal axis of categories.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are facets.
    figure_ : matplotlib Figure

    See Also
    --------
    OccasionsDisplay : Means, spread and correlation over time.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import TrajectoriesDisplay
    >>> sleep = load_sleepstudy().frame
    >>> display = TrajectoriesDisplay.from_data(
    ...     sleep, x="Days", y="Reaction", group="Subject"
    ... )
    >>> len(display.panels[0].lines), display.panels[0].mean[0].round(1)
    (18, array([  0. , 256.7]))
    """

    def __init__(
        self,
        *,
        panels,
        x_name,
        y_name,
        group_name,
        facet_name=None,
        highlight=(),
        kind="lines",
        x_labels=None,
    ):
        self.panels = panels
        self.x_name, self.y_name, self.group_name = x_name, y_name, group_name
        self.facet_name, self.highlight, self.kind = facet_name, highlight, kind
        self.x_labels = x_labels

    @classmethod
    def from_data(
        cls,
        data,
        *,
        x,
        y,
        group,
        facet=None,
        highlight=(),
        kind="auto",
        max_groups=70,
        random_state=0,
        ax=None,
        **style,
    ):
        """Plot the rows of a table.

        Parameters
        ----------
        data : data frame
            In long form, one row per occasion.
        x, y, group : str
            Columns of the axes and of the groups. `x` may hold categories, at most 30,
            which stand side by side in their order.
        facet : str, default=None
            Column whose values, at most 30, get a panel each: a property of the groups,
            or the groups themselves.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour, with their names.
        kind : {"auto", "lines", "points"}, default="auto"
            "auto" draws points where groups have many rows, or several at one place.
        max_groups : int, default=70
            Of more groups a random sample is drawn.
        random_state : int, RandomState instance or None, default=0
            Seed of that sample.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        TrajectoriesDisplay

        Raises
        ------
        ValueError
            Where a column is missing, or an axis does not hold numbers.
        """
        frame = read_table_or_fail(data)
        rows = TrajectoryRows(frame, x, y, *factorize(frame, group, "group"), facet)
        names = {"x_name": x, "y_name": y, "group_name": group}
        options = (highlight, kind, max_groups, random_state)
        return cls._compute(rows, names, None, *options).plot(ax, **style)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        x=None,
        group=None,
        facet=None,
        highlight=(),
        kind="auto",
        max_groups=70,
        random_state=0,
        ax=None,
        **style,
    ):
        """Plot the rows of a table, with the lines of a model.

        Parameters
        ----------
        estimator : MixedLinearRegressor, or estimator of another family
            Fitted. Lines of other families are on the scale of the response: those of
            groups at their conditional modes, that of the population averaged over the
            random effects.
        X : data frame
            Rows to draw. Predictors that are not drawn are held at the group's own
            value, or at their mean or most frequent value if they vary within groups.
        y : array-like of shape (n_samples,), default=None
            Response; by default read from `X`.
        x : str, default=None
            Column of the horizontal axis; by default the first numeric random slope of
            `group`, else the first numeric fixed effect.
        group : str, default=None
            Grouping factor; by default the first.
        facet, highlight, kind, max_groups, random_state, ax, **style
            As in `from_data`.

        Returns
        -------
        TrajectoriesDisplay
        """
        frame, y, codes, labels, names = read_along(estimator, X, y, x, group)
        rows = TrajectoryRows(frame, names["x_name"], y, codes, labels, facet)
        options = (highlight, kind, max_groups, random_state)
        return cls._compute(rows, names, estimator, *options).plot(ax, **style)

    @classmethod
    def _compute(
        cls, rows, names, estimator, highlight, kind, max_groups, random_state
    ):
        random_state = check_random_state(random_state)
        keep = find_groups(rows.labels, highlight, names["group_name"])
        if kind == "auto":
            kind = "points" if rows.crowded() else "lines"
        panels = []
        for facet in rows.facets():
            panel, chosen = make_panel(rows, facet, keep, max_groups, random_state)
            if estimator is not None:
                panel = with_model(panel, chosen, rows, facet, estimator)
            panels.append(panel)
        shown = tuple(rows.labels[keep].tolist())
        names |= {"facet_name": rows.facet, "x_labels": rows.x_labels}
        return cls(panels=panels, kind=kind, highlight=shown, **names)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the facets.
        title : str, default=None
            Over the picture.
        line_kw, scatter_kw : dict, default=None
            Style of the rows: of a `LineCollection`, or of points.

        Returns
        -------
        TrajectoriesDisplay
        """
        n = len(self.panels)
        columns = min(n, 2 if n <= 4 else 3 if n <= FEW else 5)
        shape = grid(n, columns, ax)
        wide, high = (3.4, 3.2) if n <= FEW else (1.5, 1.4)
        size = (WIDTH, HEIGHT)
        if n > 1:
            size = (wide * columns, high * shape[0] + 0.5)
        axes = open_axes(
            self, ax, shape, n, title=title, figsize=size, sharex=True, sharey=True
        )
        for panel, panel_axes in zip(self.panels, axes.flat, strict=False):
            self._draw_rows(panel, panel_axes, line_kw, scatter_kw)
            self._draw_summary(panel, panel_axes)
            if panel.title:
                # many panels have no room for the name of what they show
                title = panel.title if n > FEW else f"{self.facet_name} {panel.title}"
                size = "small" if n > FEW else "medium"
                panel_axes.set_title(title, loc="left", fontsize=size)
        self._name_axes(axes, n)
        legend_above(axes, new=ax is None, ncols=3)
        return self

    def _name_axes(self, axes, n):
        if n > FEW:
            self.figure_.supxlabel(self.x_name, fontsize="medium")
            self.figure_.supylabel(self.y_name, fontsize="medium")
        else:
            for left in axes[:, 0]:
                left.set_ylabel(self.y_name)
            for bottom in axes[-1]:
                bottom.set_xlabel(self.x_name)
        if self.x_labels is not None:
            for panel_axes in axes.flat[:n]:
                panel_axes.set_xticks(range(len(self.x_labels)), self.x_labels)

    def _draw_rows(self, panel, ax, line_kw=None, scatter_kw=None):
        from matplotlib.collections import LineCollection

        n = len(panel.lines)
        count = f"{n} of {panel.n_groups:,}" if n < panel.n_groups else f"{n:,}"
        label = self.group_name
        if len(self.panels) == 1:
            label = f"{self.group_name} ({count})"
        if panel.band is not None:
            x, low, high = panel.band.T
            band = "90 % of all rows"
            ax.fill_between(x, low, high, color=PALE, alpha=0.45, lw=0, label=band)
        many = sum(map(len, panel.lines)) > RASTERISED
        if self.kind == "points":
            points = np.concatenate(panel.lines)
            style = {"s": 7, "lw": 0, "color": GREY, "rasterized": many}
            style |= {"alpha": fade(len(points), at=400), "label": f"rows of {label}"}
            ax.scatter(*points.T, **styled(style, scatter_kw))
            return
        alone = n == 1 and panel.fitted is None
        style = {"colors": BLACK if alone else GREY, "rasterized": many}
        style["linewidths"] = 1.2 if n == 1 else 0.7
        lines, occasions = panel.lines, self._occasions()
        if occasions is not None:
            lines = [with_gaps(line, occasions) for line in lines]
            single = np.concatenate([isolated(line) for line in lines])
            ax.scatter(*single.T, s=5, lw=0, color=GREY, alpha=fade(n))
        lines = [line for line in lines if len(line) > 1]
        alpha = fade(n) if panel.fitted is None or n == 1 else 0.6 * fade(n)
        style = styled(style | {"alpha": alpha, "label": label}, line_kw)
        ax.add_collection(LineCollection(lines, **style))
        ax.autoscale_view()

    def _occasions(self):
        """Visits of everybody: a panel of one group cannot tell what it lacks."""
        return find_occasions([line for one in self.panels for line in one.lines])

    def _draw_summary(self, panel, ax):
        from matplotlib.collections import LineCollection

        if panel.fitted is None and panel.n_groups > 1:
            ax.plot(*panel.mean.T, color=BLACK, lw=2.4, label="mean")
        elif panel.fitted is not None:
            n, label = len(panel.fitted), "fitted line per " + self.group_name
            style = {"colors": BLUE, "linewidths": 1.0, "alpha": fade(n, least=0.2)}
            ax.add_collection(LineCollection(panel.fitted, label=label, **style))
            if panel.population is not None:
                ax.plot(*panel.population.T, color=BLACK, lw=2.6, label="population")
        places = {str(label): place for place, label in enumerate(panel.labels)}
        for label, colour in zip(self.highlight, HIGHLIGHTS * 20, strict=False):
            if str(label) in places:
                self._draw_highlight(panel, places[str(label)], colour, ax)

    def _draw_highlight(self, panel, place, colour, ax):
        name = f"{self.group_name} {panel.labels[place]}"
        marker = {"marker": "o", "ms": 3.5, "color": colour, "zorder": 4}
        line = "-" if self.kind == "lines" and panel.fitted is None else "none"
        named = {"label": name} if panel.fitted is None else {}
        ax.plot(*panel.lines[place].T, ls=line, lw=1.6, **marker, **named)
        if panel.fitted is not None:
            style = {"color": colour, "lw": 2.2, "zorder": 4}
            ax.plot(*panel.fitted[place].T, label=name, **style)


def isolated(line):
    """Points of a broken line with a gap on both sides, of shape (m, 2)."""
    gap = np.isnan(line[:, 0])
    gap = np.concatenate([[True], gap, [True]])
    alone = gap[:-2] & gap[2:] & ~gap[1:-1]
    return line[alone]
