"""Repeated measurements: spread over time, and correlation between occasions."""

import numpy as np
import pandas as pd

from skmixed.inspection.occasion_table import describe_occasions
from skmixed.inspection.style import BLACK, BLUE, GREY, PALE, open_axes, styled

# More occasions than this have no room for their correlations.
MOST_NUMBERS = 12


class OccasionsDisplay:
    """Mean and standard deviation over time, and correlations between occasions.

    Make one with `from_data` or `from_occasions`. Growing standard deviations and
    correlations that fall with distance are what a random slope of time explains.

    Parameters
    ----------
    labels : list of str of length T
        Occasions.
    positions : ndarray of shape (T,)
        Where they lie on the axis of time.
    mean, sd : ndarray of shape (T,)
    n : ndarray of int of shape (T,)
        Values at each occasion.
    correlation : ndarray of shape (T, T)
        Over the groups that have both occasions.
    time_name, response_name : str

    Attributes
    ----------
    ax_ : ndarray of three matplotlib Axes, one above the other
    figure_ : matplotlib Figure

    See Also
    --------
    describe_occasions : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import OccasionsDisplay
    >>> sleep = load_sleepstudy().frame
    >>> display = OccasionsDisplay.from_data(
    ...     sleep, x="Days", y="Reaction", group="Subject"
    ... )
    >>> display.sd[[0, 9]].round(1)
    array([32.1, 67. ])
    """

    def __init__(
        self,
        *,
        labels,
        positions,
        mean,
        sd,
        n,
        correlation,
        time_name,
        response_name,
    ):
        self.labels, self.positions = labels, positions
        self.mean, self.sd, self.n, self.correlation = mean, sd, n, correlation
        self.time_name, self.response_name = time_name, response_name

    @classmethod
    def from_data(
        cls,
        data,
        response=None,
        time=None,
        group=None,
        *,
        x=None,
        y=None,
        bins=None,
        ax=None,
        **style,
    ):
        """Describe repeated measurements, and plot what is found.

        Parameters
        ----------
        data : data frame
            One row per measurement.
        x, y, group : str
            Columns: when it was measured, what, and on whom; as in the other displays
            of data.
        time, response : str
            Other words for `x` and `y`, as in `describe_occasions`.
        bins : int or sequence of float, default=None
            As in `describe_occasions`.
        ax : matplotlib Axes, or array of three, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        OccasionsDisplay

        Raises
        ------
        TypeError
            Where a column is not named, or twice.
        """
        options = {"x": x, "y": y, "bins": bins}
        occasions = describe_occasions(data, response, time, group, **options)
        response = y if response is None else response
        return cls.from_occasions(occasions, response_name=response, ax=ax, **style)

    @classmethod
    def from_occasions(cls, occasions, *, response_name="response", ax=None, **style):
        """Plot a description that is there already.

        Parameters
        ----------
        occasions : Occasions
            As `describe_occasions` returns it.
        response_name : str, default="response"
            Name of what was measured.
        ax : matplotlib Axes, or array of three, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        OccasionsDisplay
        """
        table = occasions.table
        numeric = pd.api.types.is_numeric_dtype(table.index)
        positions = table.index if numeric else range(len(table))
        return cls(
            labels=[f"{v:g}" if numeric else str(v) for v in table.index],
            positions=np.asarray(positions, dtype=float),
            mean=table["mean"].to_numpy(dtype=float),
            sd=table["sd"].to_numpy(dtype=float),
            n=table["n"].to_numpy(),
            correlation=occasions.correlation.to_numpy(dtype=float),
            time_name=str(table.index.name or "time"),
            response_name=response_name,
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of three, default=None
            Where to draw; one axes is divided.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of the lines of means and of standard deviations.

        Returns
        -------
        OccasionsDisplay
        """
        share = {"height_ratios": (1.0, 0.8, 1.7)} if ax is None else {}
        axes = open_axes(self, ax, (3, 1), title=title, figsize=(5.6, 8.6), **share)
        self._draw_mean(axes[0, 0], line_kw)
        self._draw_sd(axes[1, 0], line_kw)
        self._draw_correlation(axes[2, 0])
        return self

    def _draw_mean(self, ax, line_kw):
        x, mean, sd = self.positions, self.mean, self.sd
        ax.fill_between(x, mean - sd, mean + sd, color=PALE, alpha=0.6, lw=0)
        style = {"marker": "o", "color": BLACK, "lw": 2.0, "ms": 4}
        ax.plot(x, mean, **styled(style, line_kw))
        title = "Mean, and one standard deviation around it"
        self._name(ax, title, self.response_name)

    def _draw_sd(self, ax, line_kw):
        x, sd = self.positions, self.sd
        style = {"marker": "o", "color": BLUE, "lw": 2.0, "ms": 4}
        ax.plot(x, sd, **styled(style, line_kw))
        style = {"textcoords": "offset points", "xytext": (0, 5), "ha": "center"}
        for i in range(0, len(x), -(-len(x) // MOST_NUMBERS)):
            text, place = f"{sd[i]:.3g}", (x[i], sd[i])
            ax.annotate(text, place, color=BLUE, fontsize="small", **style)
        ax.set_ylim(0.0, 1.2 * np.nanmax(sd))
        self._name(ax, "Standard deviation: does it grow?", "sd")

    def _name(self, ax, title, y_name):
        ax.set_xlabel(self.time_name)
        ax.set_ylabel(y_name)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.margins(x=0.06)
        if len(self.positions) <= MOST_NUMBERS:
            turn = {"rotation": 20, "ha": "right"} if self._long_labels() else {}
            ax.set_xticks(self.positions, self.labels, **turn)

    def _long_labels(self):
        return max(map(len, self.labels)) * len(self.labels) > 50

    def _draw_correlation(self, ax):
        shown = self.correlation.copy()
        shown[np.triu_indices(len(shown))] = np.nan
        shown, T = shown[1:, :-1], len(shown)
        low = min(0.0, float(np.nanmin(shown))) if T > 1 else 0.0
        image = ax.imshow(shown, cmap="cividis", vmin=low, vmax=1.0)
        ax.figure.colorbar(image, ax=ax, shrink=0.8)
        if T <= MOST_NUMBERS:
            for (i, j), r in np.ndenumerate(shown):
                if np.isfinite(r):
                    dark = (r - low) / (1.0 - low) < 0.55
                    colour = "white" if dark else BLACK
                    style = {"ha": "center", "va": "center", "fontsize": "small"}
                    ax.text(j, i, f"{r:.2f}", color=colour, **style)
            turn = {"rotation": 20, "ha": "right"} if self._long_labels() else {}
            ax.set_xticks(range(T - 1), self.labels[:-1], **turn)
            ax.set_yticks(range(T - 1), self.labels[1:])
        else:
            every = np.unique(np.linspace(0, T - 2, 8).astype(int))
            ax.set_xticks(every, [self.labels[i] for i in every])
            ax.set_yticks(every, [self.labels[i + 1] for i in every])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0, colors=GREY, labelcolor=BLACK)
        ax.set_xlabel(self.time_name)
        ax.set_ylabel(self.time_name)
        ax.set_title("Correlation of occasions", loc="left", fontsize="medium")
