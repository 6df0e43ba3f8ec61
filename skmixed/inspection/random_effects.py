"""Caterpillar and normal Q-Q plot of the conditional modes of one factor."""

import numpy as np
from scipy import stats

from skmixed.errors import ArgumentError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.diagnose.unshrunk import standardise_modes
from skmixed.inspection.quantiles import draw_qq, normal_scores
from skmixed.inspection.rows import choose_factor
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    HEIGHT,
    HIGHLIGHTS,
    RASTERISED,
    WIDTH,
    find_groups,
    legend_above,
    open_axes,
    styled,
)

# More groups than this have no room for their names.
MOST_NAMES, SMALLEST_NAME = 80, 4.5
# Of more groups every so many are drawn: a picture has no more lines.
MOST_DRAWN = 4_000


class RandomEffectsDisplay:
    """The random effects of every group, with their uncertainty.

    Make one with `from_estimator`. The caterpillar shows conditional modes and
    intervals, sorted; the Q-Q plot shows whether they look normal.

    Parameters
    ----------
    estimates : ndarray of shape (G, k)
        Conditional modes of the groups.
    std_errors : ndarray of shape (G, k)
        Their standard deviations given the data, the fixed effects and the variances
        (lme4: ``condVar``).
    sd : ndarray of shape (k,)
        Standard deviations of the random effects.
    labels : ndarray of shape (G,)
        Groups, sorted by the first effect.
    effects : tuple of str of length k
        Names of the effects.
    group : str
        Name of the grouping factor.
    confidence_level : float, default=0.95
        Of the intervals.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are several effects.
    figure_ : matplotlib Figure

    See Also
    --------
    ShrinkageDisplay : Random effects beside regressions of every group.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import RandomEffectsDisplay
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(load_sleepstudy().frame)
    >>> display = RandomEffectsDisplay.from_estimator(model, effects="Days")
    >>> display.labels[:3], display.std_errors[0].round(2)
    (array(['335', '309', '310'], dtype=object), array([2.3]))
    """

    def __init__(
        self,
        *,
        estimates,
        std_errors,
        sd,
        labels,
        effects,
        group,
        confidence_level=0.95,
    ):
        self.estimates, self.std_errors, self.sd = estimates, std_errors, sd
        self.labels, self.effects, self.group = labels, effects, group
        self.confidence_level = confidence_level

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        group=None,
        effects=None,
        highlight=(),
        confidence_level=0.95,
        kind="caterpillar",
        ax=None,
        **style,
    ):
        """Plot the random effects of a fitted model.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted.
        group : str, default=None
            Grouping factor; by default the first.
        effects : str or list of str, default=None
            Effects to show; by default all of the factor.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour.
        confidence_level : float, default=0.95
            Of the intervals.
        kind : {"caterpillar", "qq"}, default="caterpillar"
            Which picture.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        RandomEffectsDisplay

        Raises
        ------
        ValueError
            Where the model has no such factor or effect.
        """
        group = choose_factor(estimator, group)
        factor = estimator.result_.groups.index(group)
        names = list(estimator.result_.effects[factor])
        effects = [effects] if isinstance(effects, str) else list(effects or names)
        if not set(effects) <= set(names):
            raise ArgumentError(
                f"effects={effects} of `{group}` should be among {names}."
            )
        columns = [names.index(effect) for effect in effects]
        estimates = estimator.result_.modes[factor][:, columns]
        variances = np.diagonal(
            estimator.fitted_.mode_covariances[factor], axis1=1, axis2=2
        )[:, columns]
        order = np.argsort(estimates[:, 0], kind="stable")
        covariance = estimator.result_.covariances[factor]
        display = cls(
            estimates=estimates[order],
            std_errors=np.sqrt(np.maximum(variances[order], 0.0)),
            sd=np.sqrt(np.diag(covariance)[columns]),
            labels=estimator.spec_.groups[group].labels[order],
            effects=tuple(effects),
            group=group,
            confidence_level=confidence_level,
        )
        return display.plot(ax, kind=kind, highlight=highlight, **style)

    @property
    def intervals(self):
        """Lower and upper ends, of shape (G, k, 2)."""
        level = check_confidence_level(self.confidence_level)
        z = stats.norm.ppf((1.0 + level) / 2.0)
        reach = z * self.std_errors
        return np.stack([self.estimates - reach, self.estimates + reach], axis=2)

    @property
    def standardised(self):
        """Conditional modes over their own standard deviations, of shape (G, k).

        A mode varies with variance ``Psi - condVar`` around zero: less, the fewer rows
        its group has. NaN where that is zero.
        """
        return standardise_modes(self.estimates, self.sd**2, self.std_errors**2)

    def plot(
        self,
        ax=None,
        *,
        title=None,
        highlight=(),
        kind="caterpillar",
        line_kw=None,
        scatter_kw=None,
    ):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the effects.
        title : str, default=None
            Over the picture.
        kind : {"caterpillar", "qq"}, default="caterpillar"
            Sorted intervals, or a normal Q-Q plot of standardised modes.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour.
        line_kw, scatter_kw : dict, default=None
            Style of the intervals and of the modes.

        Returns
        -------
        RandomEffectsDisplay
        """
        if kind not in ("caterpillar", "qq"):
            raise ArgumentError(f"kind={kind!r} should be 'caterpillar' or 'qq'.")
        marked = find_groups(self.labels, highlight, self.group)
        (G, k), caterpillar = self.estimates.shape, kind == "caterpillar"
        tall = 6.0 if G > MOST_NAMES else float(np.clip(0.12 * G + 1.2, 3.2, 9.5))
        wide = max(7.4, 2.2 * k)
        size = (5.0 if k == 1 else wide, tall)
        axes = open_axes(
            self,
            ax,
            (1, k),
            title=title,
            figsize=size if caterpillar else (WIDTH if k == 1 else wide, HEIGHT),
            sharey=caterpillar,
        )
        for column, one in enumerate(axes.flat):
            draw = self._draw_caterpillar if caterpillar else self._draw_qq
            draw(one, column, marked, line_kw, scatter_kw)
        if caterpillar:
            self._name_groups(axes[0, 0])
        legend_above(axes, new=ax is None, ncols=2 if k == 1 else 3)
        return self

    def _draw_caterpillar(self, ax, column, marked, line_kw, scatter_kw):
        G = len(self.labels)
        low, high = self.intervals[:, column].T
        clear = (low > 0) | (high < 0)
        many = G > 300
        # names need one order for all effects; without them each has its own
        place = np.arange(G)
        if G > MOST_NAMES:
            place = np.argsort(np.argsort(self.estimates[:, column]))
        drawn = place % -(-G // MOST_DRAWN) == 0
        thick = 1.4 if not many else max(0.15, 400 / drawn.sum())
        dot = {"lw": 0, "zorder": 3, "rasterized": RASTERISED < G}
        for colour, which in ((GREY, drawn & ~clear), (BLUE, drawn & clear)):
            style = {"color": colour, "lw": thick, "rasterized": RASTERISED < G}
            style["alpha"] = 0.35 if many else 0.8
            rows = place[which]
            ax.hlines(rows, low[which], high[which], **styled(style, line_kw))
            level = f"{100 * self.confidence_level:g} % interval"
            dot |= {"s": 14 if not many else 3, "c": colour}
            dot["label"] = f"{level} {'without' if colour == BLUE else 'with'} 0"
            at = (self.estimates[which, column], rows)
            ax.scatter(*at, **styled(dot, scatter_kw))
        for row, colour in zip(marked, HIGHLIGHTS * 20, strict=False):
            label = f"{self.group} {self.labels[row]}"
            at = (self.estimates[row, column], place[row])
            ax.hlines(at[1], low[row], high[row], color=colour, lw=2.2, zorder=4)
            ax.plot(*at, "o", ms=5, color=colour, zorder=5, label=label)
        ax.axvline(0.0, color=BLACK, lw=0.8, zorder=1)
        ax.set_xlabel(f"{self.effects[column]} (deviation)")
        ax.locator_params(axis="x", nbins=5)
        ax.set_ylim(-0.8, G - 0.2)

    def _name_groups(self, ax):
        G = len(self.labels)
        # points of height that a name has
        room = 0.85 * 72 * ax.get_position().height * ax.figure.get_figheight() / G
        if room >= SMALLEST_NAME:
            ax.set_yticks(np.arange(G), [str(label) for label in self.labels])
            ax.tick_params(axis="y", labelsize=min(room, 10.0), length=0)
            ax.set_ylabel(self.group)
        else:
            ax.set_yticks([])
            ax.set_ylabel(f"{G:,} groups ({self.group}), sorted")

    def _draw_qq(self, ax, column, marked, line_kw, scatter_kw):
        values = self.standardised[:, column]
        if np.isnan(values).all():
            note = f"The variance of `{self.effects[column]}` is 0:\nall modes are 0."
            ax.text(0.5, 0.5, note, ha="center", va="center", transform=ax.transAxes)
            return
        draw_qq(ax, values, self.group, scatter_kw)
        rank = np.argsort(np.argsort(values))
        scores = normal_scores(int(np.isfinite(values).sum()))
        marked = marked[np.isfinite(values[marked])]
        for row, colour in zip(marked, HIGHLIGHTS * 20, strict=False):
            x = scores[rank[row]]
            label = f"{self.group} {self.labels[row]}"
            ax.plot(x, values[row], "o", ms=6, color=colour, zorder=5, label=label)
        ax.set_ylabel(f"{self.effects[column]}, standardised mode")
