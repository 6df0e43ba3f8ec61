"""Means of arms at every visit with intervals, and how they differ."""

import numpy as np

from skmixed.errors import ArgumentTypeError
from skmixed.estimators.visits import VisitTable, visit_table
from skmixed.inspection.style import (
    BLUE,
    GREY,
    HIGHLIGHTS,
    legend_above,
    open_axes,
    styled,
)

# More visits than this have no room for their names and numbers.
MOST_LABELS = 9
# Share of the shortest gap between visits that the arms of one visit take.
DODGE = 0.12


class VisitsDisplay:
    """Marginal means by visit, and differences from the reference arm.

    Make one with `from_estimator` or `from_table`. Intervals of the differences, in the
    lower panel, decide; those of two means may overlap where the means differ.

    Parameters
    ----------
    table : VisitTable
        As `visit_table` returns it.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes, one above the other
    figure_ : matplotlib Figure

    See Also
    --------
    skmixed.visit_table : The numbers.
    TrajectoriesDisplay : Every subject's line.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import make_trial
    >>> from skmixed.inspection import VisitsDisplay
    >>> X, y = make_trial(100, 3, random_state=0)
    >>> model = MixedLinearRegressor("~ arm * C(visit)", residual="us(visit | subject)")
    >>> display = VisitsDisplay.from_estimator(model.fit(X, y), X, y, treatment="arm")
    >>> display.table.frame["n"].tolist()
    [50, 50, 42, 39, 36, 33]
    """

    def __init__(self, *, table):
        self.table = table

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        treatment,
        visit=None,
        reference=None,
        at=None,
        adjust="none",
        ddf="kenward-roger",
        confidence_level=0.95,
        ax=None,
        **style,
    ):
        """Make the table of a model, and plot it.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted.
        X, y, treatment, visit, reference, at, adjust, ddf, confidence_level
            As `skmixed.visit_table` takes them.
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        VisitsDisplay
        """
        table = visit_table(
            estimator,
            X,
            y,
            treatment=treatment,
            visit=visit,
            reference=reference,
            at=at,
            adjust=adjust,
            ddf=ddf,
            confidence_level=confidence_level,
        )
        return cls(table=table).plot(ax, **style)

    @classmethod
    def from_table(cls, table, *, ax=None, **style):
        """Plot a table that is there already.

        Parameters
        ----------
        table : VisitTable
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        VisitsDisplay
        """
        if not isinstance(table, VisitTable):
            raise ArgumentTypeError(
                f"VisitsDisplay draws what visit_table returns; given is {table!r}."
            )
        return cls(table=table).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; one axes is divided.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of means and intervals.

        Returns
        -------
        VisitsDisplay
        """
        axes = open_axes(self, ax, (2, 1), title=title, figsize=(5.8, 6.8))
        (upper,), (lower,) = axes
        table, places = self.table, self.positions()
        arms = list(dict.fromkeys(table.frame[table.treatment]))
        others = [f"{arm} - {table.reference}" for arm in arms]
        aside = self.aside(places, len(arms))
        moved_less = iter(self.aside(places, len(arms) - 1))
        palette = (BLUE, *HIGHLIGHTS)
        colours = [palette[k % len(palette)] for k in range(len(arms))]
        if table.reference in arms:
            colours[arms.index(table.reference)] = GREY
        for arm, contrast, colour, moved in zip(
            arms, others, colours, aside, strict=True
        ):
            style = {"color": colour, "lw": 1.6, "ms": 5, "marker": "o", "capsize": 0}
            style = styled(style, line_kw)
            own = table.frame[table.frame[table.treatment] == arm]
            self._draw(upper, own, places, moved, style | {"label": str(arm)})
            own = table.differences[table.differences["contrast"] == contrast]
            if len(own):
                self._draw(lower, own, places, next(moved_less), style)
        lower.set_xlim(upper.get_xlim())
        self._name(upper, lower, places)
        legend_above(axes, new=ax is None)
        return self

    def positions(self):
        """Where the visits lie: at their times if those are numbers."""
        visits = list(dict.fromkeys(self.table.frame[self.table.visit]))
        numeric = all(
            isinstance(v, (int, float, np.number)) and not isinstance(v, bool)
            for v in visits
        )
        places = [float(v) for v in visits] if numeric else range(len(visits))
        return dict(zip(visits, places, strict=True))

    def aside(self, places, n_arms):
        """How far the arms of a visit are moved aside, so that bars do not overlap."""
        at = np.sort(list(places.values()))
        gap = np.diff(at).min() if len(at) > 1 else 1.0
        return DODGE * gap * (np.arange(n_arms) - 0.5 * (n_arms - 1))

    def _draw(self, ax, rows, places, moved, style):
        x = np.array([places[v] for v in rows[self.table.visit]]) + moved
        half = np.abs(rows[["lower", "upper"]].sub(rows["estimate"], axis=0))
        ax.errorbar(x, rows["estimate"], yerr=half.to_numpy().T, **style)

    def _name(self, upper, lower, places):
        table, style = self.table, {"loc": "left", "fontsize": "medium"}
        upper.set_title("Marginal mean, n below", **style)
        lower.set_title(f"Difference from {table.reference}", **style)
        lower.axhline(0.0, color=GREY, lw=0.8, zorder=0)
        labels = [str(v) for v in places]
        seen = labels
        few = len(places) <= MOST_LABELS
        if few:
            sizes = table.frame.groupby(table.visit, sort=False, observed=True)["n"]
            sizes = sizes.apply(lambda n: "\n".join(map(str, n)))
            seen = [f"{v}\n{sizes[v]}" for v in places]
        turn = max(map(len, labels)) > 6
        options = {"rotation": 20, "ha": "right"} if turn else {}
        if few or turn:
            upper.set_xticks(list(places.values()), seen)
            lower.set_xticks(list(places.values()), labels, **options)
        lower.set_xlabel(table.visit)
        upper.set_ylabel("mean")
        lower.set_ylabel("difference")
