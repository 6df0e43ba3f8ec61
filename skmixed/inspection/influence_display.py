"""Cook's distances of groups or rows, the largest by name."""

import numpy as np

from skmixed.inspection.influence import influence
from skmixed.inspection.style import (
    BLUE,
    GREY,
    HEIGHT,
    RASTERISED,
    VERMILLION,
    WIDTH,
    open_axes,
    styled,
)

# Distances from which a unit deserves a look, and from which it is a problem.
BOUNDS = (0.5, 1.0)


class InfluenceDisplay:
    """How far each unit moves the fixed effects, sorted.

    Make one with `from_estimator`, or with `from_influence` of what `influence`
    returns.

    Parameters
    ----------
    distances : ndarray of shape (n_units,)
        Cook's distances, sorted.
    labels : ndarray of shape (n_units,)
        Names of the units.
    level : str
        "observation", or the grouping factor.
    refitted : bool
        Whether the variances were estimated anew without each unit.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    influence : The numbers, with the changes of every coefficient.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import InfluenceDisplay
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> display = InfluenceDisplay.from_estimator(model, sleep, level="Subject")
    >>> display.labels[-1], display.distances[-1].round(2)
    ('309', np.float64(0.15))
    """

    def __init__(self, *, distances, labels, level, refitted):
        self.distances, self.labels = distances, labels
        self.level, self.refitted = level, refitted

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        sample_weight=None,
        level="observation",
        refit=True,
        n_named=3,
        verbose=None,
        ax=None,
        **style,
    ):
        """Measure influence, and plot it.

        Parameters
        ----------
        estimator, X, y, sample_weight, level, refit, verbose
            As of `influence`.
        n_named : int, default=3
            The largest that are named.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        InfluenceDisplay
        """
        options = {"sample_weight": sample_weight, "level": level, "refit": refit}
        found = influence(estimator, X, y, verbose=verbose, **options)
        return cls.from_influence(found, n_named=n_named, ax=ax, **style)

    @classmethod
    def from_influence(cls, found, *, n_named=3, ax=None, **style):
        """Plot influence that is known.

        Parameters
        ----------
        found : Influence
            As `influence` returns it.
        n_named : int, default=3
            The largest that are named.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        InfluenceDisplay
        """
        distance = found.table["cooks_distance"].dropna().sort_values()
        display = cls(
            distances=distance.to_numpy(),
            labels=distance.index.to_numpy(),
            level=found.level,
            refitted=found.random_sd is not None,
        )
        return display.plot(ax, n_named=n_named, **style)

    def plot(self, ax=None, *, title=None, n_named=3, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        n_named : int, default=3
            The largest that are named.
        line_kw, scatter_kw : dict, default=None
            Style of the stems and of their heads.

        Returns
        -------
        InfluenceDisplay
        """
        (ax,) = open_axes(self, ax, title=title, figsize=(WIDTH, HEIGHT)).flat
        place, n = np.arange(len(self.distances)), len(self.distances)
        style = {"color": BLUE, "lw": 1.0 if n <= 300 else 0.3}
        style["rasterized"] = n > RASTERISED
        ax.vlines(place, 0.0, self.distances, **styled(style, line_kw))
        style = {"s": 14 if n <= 300 else 4, "color": BLUE, "lw": 0, "zorder": 3}
        ax.scatter(place, self.distances, **styled(style, scatter_kw))
        for row in range(max(n - n_named, 0), n):
            at = (place[row], self.distances[row])
            style = {"textcoords": "offset points", "xytext": (-6, 0), "va": "center"}
            style |= {"ha": "right", "fontsize": "small"}
            ax.annotate(str(self.labels[row]), at, **style)
        top = 1.1 * self.distances.max() if n else 1.0
        for bound, colour in zip(BOUNDS, (GREY, VERMILLION), strict=True):
            if bound < top:
                ax.axhline(bound, color=colour, lw=1.0, ls="--")
        ax.set_ylim(0.0, top)
        ax.set_xticks([])
        units = "rows" if self.level == "observation" else f"groups ({self.level})"
        ax.set_xlabel(f"{n:,} {units}, sorted")
        how = "estimated anew" if self.refitted else "held"
        ax.set_ylabel(f"Cook's distance, variances {how}")
        return self
