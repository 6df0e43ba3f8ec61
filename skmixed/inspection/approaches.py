"""The five approaches to multilevel data, as a forest plot."""

import numpy as np
from scipy import stats

from skmixed.errors import ArgumentError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    grid,
    legend_above,
    open_axes,
    styled,
)

# Columns of the table that are no estimates.
OTHER_COLUMNS = {"n", "extra_df", "inference", "danger"}
# An interval that many times wider than the median one does not set the axis.
FAR_WIDER = 20.0


class ApproachesDisplay:
    """Estimates and intervals of several approaches, one panel per coefficient.

    Make one with `from_table`, of what `compare_approaches` returns.

    Parameters
    ----------
    estimates, std_errors : ndarray of shape (n_approaches, n_coef)
        NaN where an approach has none.
    approaches : list of str
    coef_names : list of str
    reference : str or None
        Approach whose estimates get a line to compare with.
    confidence_level : float, default=0.95
        Of the intervals, ``estimate ± z std_error``.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are several coefficients.
    figure_ : matplotlib Figure

    See Also
    --------
    compare_approaches : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import compare_approaches
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import ApproachesDisplay
    >>> schools = load_london_schools().frame
    >>> table = compare_approaches("exam ~ lrt + (1 + lrt | school)", schools)
    >>> display = ApproachesDisplay.from_table(table, coefs="lrt")
    >>> display.estimates[:, 0].round(3)
    array([0.884, 0.595, 0.425, 0.548, 0.557])
    """

    def __init__(
        self,
        *,
        estimates,
        std_errors,
        approaches,
        coef_names,
        reference=None,
        confidence_level=0.95,
    ):
        self.estimates, self.std_errors = estimates, std_errors
        self.approaches, self.coef_names = approaches, coef_names
        self.reference, self.confidence_level = reference, confidence_level

    @classmethod
    def from_table(
        cls,
        table,
        *,
        coefs=None,
        reference="mixed",
        confidence_level=0.95,
        ax=None,
        **style,
    ):
        """Plot a comparison.

        Parameters
        ----------
        table : ApproachTable or DataFrame
            As `compare_approaches` returns it: one row per approach and, for every
            coefficient, the columns ``<name>`` and ``<name>_se``.
        coefs : str or list of str, default=None
            Coefficients to show; by default all.
        reference : str, default="mixed"
            Approach whose estimates get a line, if it is in the table.
        confidence_level : float, default=0.95
            Of the intervals.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        ApproachesDisplay

        Raises
        ------
        ValueError
            For a coefficient that is not in the table.
        """
        frame = getattr(table, "frame", table)
        known = [
            name
            for name in frame.columns
            if name not in OTHER_COLUMNS and f"{name}_se" in frame.columns
        ]
        coefs = [coefs] if isinstance(coefs, str) else list(coefs or known)
        if not coefs or not set(coefs) <= set(known):
            raise ArgumentError(f"coefs={coefs} should be among {known}.")
        errors = [f"{name}_se" for name in coefs]
        return cls(
            estimates=frame[coefs].to_numpy(dtype=float),
            std_errors=frame[errors].to_numpy(dtype=float),
            approaches=[str(name) for name in frame.index],
            coef_names=coefs,
            reference=reference if reference in frame.index else None,
            confidence_level=confidence_level,
        ).plot(ax, **style)

    @property
    def intervals(self):
        """Lower and upper ends, of shape (n_approaches, n_coef, 2)."""
        level = check_confidence_level(self.confidence_level)
        reach = stats.norm.ppf((1 + level) / 2) * self.std_errors
        return np.stack([self.estimates - reach, self.estimates + reach], axis=2)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the coefficients.
        title : str, default=None
            Over the picture.
        line_kw, scatter_kw : dict, default=None
            Style of the intervals and of the estimates.

        Returns
        -------
        ApproachesDisplay
        """
        rows, n = self.estimates.shape
        columns = min(n, 2)
        shape = grid(n, columns, ax)
        size = (6.4, (0.36 * rows + 0.9) * shape[0] + 0.4)
        axes = open_axes(self, ax, shape, n, title=title, figsize=size, sharey=True)
        place = np.arange(rows)[::-1]
        for column, one in zip(range(n), axes.flat, strict=False):
            self._draw(one, column, place, line_kw, scatter_kw)
        axes[0, 0].set_yticks(place, self.approaches)
        axes[0, 0].set_ylim(-0.6, rows - 0.4)
        legend_above(axes, new=ax is None, ncols=3)
        return self

    def _limits(self, column):
        """Ends of an axis, which intervals far wider than the others run out of."""
        intervals = self.intervals[:, column]
        widths = intervals[:, 1] - intervals[:, 0]
        usual = widths <= FAR_WIDER * np.nanmedian(widths)
        low, high = np.nanmin(intervals[usual]), np.nanmax(intervals[usual])
        margin = 0.06 * (high - low)
        return low - margin, high + margin

    def _draw(self, ax, column, place, line_kw, scatter_kw):
        low, high = self.intervals[:, column].T
        estimate = self.estimates[:, column]
        if self.reference is not None:
            at = estimate[self.approaches.index(self.reference)]
            label = f"estimate of {self.reference}"
            ax.axvline(at, color=GREY, lw=1.0, ls="--", zorder=1, label=label)
        colours = [BLUE if a == self.reference else BLACK for a in self.approaches]
        level = f"{100 * self.confidence_level:g} % interval"
        lines = {"colors": colours, "lw": 2.2, "label": level}
        ax.hlines(place, low, high, **styled(lines, line_kw))
        ax.scatter(
            estimate, place, **styled({"c": colours, "s": 36, "zorder": 3}, scatter_kw)
        )
        ax.set_xlim(*self._limits(column))
        for row in np.flatnonzero(np.isnan(estimate)):
            style = {"ha": "center", "va": "center", "color": GREY, "fontsize": "small"}
            middle = np.mean(ax.get_xlim())
            ax.text(middle, place[row], "not estimable", **style)
        ax.set_xlabel(self.coef_names[column])
        ax.tick_params(axis="y", length=0)
