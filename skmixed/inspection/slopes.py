"""Simple slopes: how steep a line is at levels of what changes it."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ArgumentError
from skmixed.estimators.input import read_features
from skmixed.inference.fixed.emmeans import emmeans
from skmixed.inference.fixed.emtrends import emtrends, johnson_neyman
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    legend_above,
    open_axes,
    styled,
)
from skmixed.likelihood.result import is_linear

COLOURS = (BLUE, BLACK, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
# Points of a line, and of the curve of slopes.
POINTS = 61
# More levels of a moderator are not told apart.
MOST_LEVELS = len(COLOURS)


class SlopesDisplay:
    """An interaction of two columns: lines at levels of the moderator, and slopes.

    Make one with `from_estimator`. Above, the fixed part along a numeric column at
    levels of another, the moderator; below, the slope with its interval. Of a numeric
    moderator it is a curve, and grey where the interval holds zero (Johnson and
    Neyman); of a categorical one it is a point per level.

    Parameters
    ----------
    lines : DataFrame
        Columns `var` and `moderator`, ``estimate``, ``lower``, ``upper``.
    slopes : DataFrame
        Column `moderator`, ``estimate``, ``lower``, ``upper``.
    region : DataFrame or None
        As `johnson_neyman` gives it; None for a categorical moderator.
    var, moderator, response : str

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes of shape (2, 1)
    figure_ : matplotlib Figure

    See Also
    --------
    emtrends : The slopes as a table, and their comparisons.
    johnson_neyman : The region.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import SlopesDisplay
    >>> schools = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt * school_avg + (lrt | school)")
    >>> display = SlopesDisplay.from_estimator(
    ...     model.fit(schools), schools, "school_avg", "lrt"
    ... )
    >>> display.region.round(1)
       from   to  sign
    0  -2.9 -0.9     0
    1  -0.9  3.0     1
    """

    def __init__(self, *, lines, slopes, region, var, moderator, response):
        self.lines, self.slopes, self.region = lines, slopes, region
        self.var, self.moderator, self.response = var, moderator, response

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        var,
        moderator,
        *,
        levels=None,
        at=None,
        ddf="auto",
        confidence_level=0.95,
        vcov=None,
        ax=None,
        **style,
    ):
        """Plot the simple slopes of a fitted model.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted, with an interaction of the two columns in its fixed part.
        X : data frame
            The rows of the fit: their ranges are drawn.
        var : str
            Numeric column whose slope it is.
        moderator : str
            Numeric or categorical column that changes it.
        levels : list, default=None
            Values of the moderator with a line each; by default its mean and one
            standard deviation to both sides, rounded, or all categories.
        at : dict of str to list, default=None
            Values of other columns, as in `emtrends`.
        ddf, confidence_level, vcov
            As in `emtrends`.
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; one axes is divided.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        SlopesDisplay

        Raises
        ------
        ValueError
            As `emtrends`; for more than seven levels.
        """
        check_is_fitted(estimator)
        frame = read_features(estimator, X, reset=False)
        check_columns(estimator, var, moderator)
        numeric = not estimator.spec_.typical[moderator][1]
        levels = choose_levels(frame, moderator, levels, estimator.spec_, numeric)
        options = {"ddf": ddf, "confidence_level": confidence_level, "vcov": vcov}
        ends = float(frame[var].min()), float(frame[var].max())
        grid = {**(at or {}), var: np.linspace(*ends, POINTS).tolist()}
        grid[moderator] = levels
        lines = emmeans(estimator, [var, moderator], at=grid, **options).frame
        region, points = None, levels
        if numeric:
            bounds = float(frame[moderator].min()), float(frame[moderator].max())
            points = np.linspace(*bounds, POINTS).tolist()
            found = johnson_neyman(estimator, var, moderator, bounds, at=at, **options)
            region = found.frame
        grid = {**(at or {}), moderator: points}
        slopes = emtrends(estimator, var, moderator, at=grid, **options).frame
        return cls(
            lines=lines,
            slopes=slopes,
            region=region,
            var=var,
            moderator=moderator,
            response=what_is_modelled(estimator),
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None, band_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; one axes is divided.
        title : str, default=None
            Over the picture.
        line_kw, band_kw : dict, default=None
            Style of the lines and of the bands.

        Returns
        -------
        SlopesDisplay
        """
        new = ax is None
        axes = open_axes(self, ax, (2, 1), title=title, figsize=(5.6, 6.4))
        upper, lower = axes[:, 0]
        self._draw_lines(upper, line_kw, band_kw)
        if self.region is None:
            self._draw_points(lower, line_kw)
        else:
            self._draw_curve(lower, line_kw, band_kw)
        lower.axhline(0.0, color=BLACK, lw=0.8, zorder=0)
        upper.set(xlabel=self.var, ylabel=self.response)
        lower.set(xlabel=self.moderator, ylabel=f"slope of {self.var}")
        legend_above(axes, new=new, ncols=2)
        return self

    def _draw_lines(self, ax, line_kw, band_kw):
        levels = list(dict.fromkeys(self.lines[self.moderator]))
        for level, colour in zip(levels, COLOURS, strict=False):
            own = self.lines[self.lines[self.moderator] == level]
            x = own[self.var].to_numpy(dtype=float)
            band = {"color": colour, "alpha": 0.12, "lw": 0}
            ax.fill_between(x, own["lower"], own["upper"], **styled(band, band_kw))
            style = {"color": colour, "lw": 2.0}
            style["label"] = f"{self.moderator} {say_value(level)}"
            ax.plot(x, own["estimate"], **styled(style, line_kw))

    def _draw_curve(self, ax, line_kw, band_kw):
        z = self.slopes[self.moderator].to_numpy(dtype=float)
        for low, high, sign in self.region.itertuples(index=False):
            inside = np.union1d(z[(z > low) & (z < high)], [low, high])
            low_edge, high_edge, middle = (
                np.interp(inside, z, self.slopes[name])
                for name in ("lower", "upper", "estimate")
            )
            colour = GREEN if sign else GREY
            band = {"color": colour, "alpha": 0.2, "lw": 0}
            band["label"] = "interval without zero" if sign else "interval with zero"
            ax.fill_between(inside, low_edge, high_edge, **styled(band, band_kw))
            ax.plot(inside, middle, **styled({"color": colour, "lw": 2.0}, line_kw))
        for edge in self.region["from"].iloc[1:]:
            ax.axvline(edge, color=GREY, lw=1.0, ls="--")
            style = {"xytext": (3, 3), "textcoords": "offset points", "va": "bottom"}
            place = (edge, ax.get_ylim()[0])
            ax.annotate(say_value(edge), place, fontsize="small", **style)

    def _draw_points(self, ax, line_kw):
        names = [say_value(level) for level in self.slopes[self.moderator]]
        middle = self.slopes["estimate"]
        error = [middle - self.slopes["lower"], self.slopes["upper"] - middle]
        place = np.arange(len(names))
        style = {"fmt": "o", "color": BLUE, "capsize": 0, "lw": 1.6}
        ax.errorbar(place, middle, error, **styled(style, line_kw))
        ax.set_xticks(place, names)
        ax.set_xlim(-0.5, len(names) - 0.5)


def what_is_modelled(estimator):
    """Name the response, or of other families the link of its mean."""
    response = estimator.spec_.formula.response or "response"
    result = estimator.fitted_.result
    return response if is_linear(result) else f"{result.family.link.name} of {response}"


def check_columns(estimator, var, moderator):
    """Raise unless both columns are in the fixed part."""
    known = list(estimator.spec_.typical)
    unknown = [column for column in (var, moderator) if column not in known]
    if unknown:
        raise ArgumentError(
            f"{unknown} are not columns of the fixed effects, which are {known}."
        )
    if var == moderator:
        raise ArgumentError(f"var and moderator are both {var!r}; name two columns.")


def choose_levels(frame, moderator, levels, spec, numeric):
    """Values of the moderator that have a line.

    Parameters
    ----------
    frame : DataFrame
    moderator : str
    levels : list or None
    spec : DesignSpec
    numeric : bool

    Returns
    -------
    list
    """
    if levels is None and numeric:
        column = pd.to_numeric(frame[moderator])
        mean, sd = float(column.mean()), float(column.std())
        decimals = int(2 - np.floor(np.log10(sd))) if sd > 0 else 2
        levels = [round(mean + side * sd, decimals) for side in (-1, 0, 1)]
    elif levels is None:
        levels = list(spec.typical[moderator][0])
    if len(levels) > MOST_LEVELS:
        raise ArgumentError(
            f"{moderator!r} has {len(levels)} levels; up to {MOST_LEVELS} lines are "
            "told apart. Name some: levels=[...]."
        )
    return list(levels)


def say_value(level):
    """A level, numbers with three digits."""
    return f"{level:.3g}" if isinstance(level, (float, np.floating)) else str(level)
