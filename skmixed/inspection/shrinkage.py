"""How far every group is drawn from its own regression towards the population."""

import numpy as np
from scipy import stats

from skmixed.errors import ArgumentError
from skmixed.inference.diagnose.unshrunk import unshrunk_effects
from skmixed.inspection.rows import choose_factor
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    HIGHLIGHTS,
    PALE,
    RASTERISED,
    choose_groups,
    fade,
    find_groups,
    legend_above,
    open_axes,
    styled,
)

# Own estimates farther out than this many interquartile ranges are left off the axes.
FAR_OUT = 3.0


class ShrinkageDisplay:
    """Arrows from every group's own estimates to its conditional modes.

    Make one with `from_estimator`. Own estimates are the least-squares fit of the
    group's rows, other predictors held at the population's effects; the model draws
    them towards the population, the more so the less they can be trusted.

    Parameters
    ----------
    own : ndarray of shape (G, 2)
        Least-squares estimates of two effects; NaN where a group's rows do not
        determine them.
    shrunk : ndarray of shape (G, 2)
        Fixed plus random effects.
    population : ndarray of shape (2,)
        Fixed effects.
    covariance : ndarray of shape (2, 2)
        Of the random effects.
    labels : ndarray of shape (G,)
    effects : tuple of str of length 2
    group : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    RandomEffectsDisplay : The random effects with intervals.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import ShrinkageDisplay
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(load_sleepstudy().frame)
    >>> display = ShrinkageDisplay.from_estimator(model)
    >>> display.own[0].round(1), display.shrunk[0].round(1)
    (array([244.2,  21.8]), array([253.7,  19.7]))
    """

    def __init__(self, *, own, shrunk, population, covariance, labels, effects, group):
        self.own, self.shrunk, self.population = own, shrunk, population
        self.covariance, self.labels = covariance, labels
        self.effects, self.group = effects, group

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        group=None,
        effects=None,
        highlight=(),
        max_groups=150,
        random_state=0,
        ax=None,
        **style,
    ):
        """Plot the shrinkage of a fitted model; no data are needed.

        Parameters
        ----------
        estimator : MixedLinearRegressor, or estimator of another family
            Fitted. Of other families a group's own regression is one Newton step of its
            likelihood from the mode, on the scale of the linear predictor: it exists
            where all answers of a group are the same, too.
        group : str, default=None
            Grouping factor; by default the first.
        effects : pair of str, default=None
            Two random effects of that factor; by default the first two.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour, with their names.
        max_groups : int, default=150
            Of more groups a random sample gets arrows; the others are dots.
        random_state : int, RandomState instance or None, default=0
            Seed of that sample.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        ShrinkageDisplay

        Raises
        ------
        ValueError
            Where the factor has fewer than two effects.
        """
        group = choose_factor(estimator, group)
        result = estimator.result_
        factor = result.groups.index(group)
        names = list(result.effects[factor])
        effects = tuple(names[:2] if effects is None else effects)
        if len(effects) != 2 or not set(effects) <= set(names):
            raise ArgumentError(
                f"Arrows need two random effects of `{group}`; it has {names}, asked "
                f"for are {list(effects)}. RandomEffectsDisplay shows single effects."
            )
        columns = [names.index(effect) for effect in effects]
        fixed = estimator.fixed_effects_.reindex(effects, fill_value=0.0).to_numpy()
        covariance = result.covariances[factor]
        display = cls(
            own=unshrunk_effects(result, factor)[:, columns] + fixed,
            shrunk=result.modes[factor][:, columns] + fixed,
            population=fixed,
            covariance=covariance[np.ix_(columns, columns)],
            labels=estimator.spec_.groups[group].labels,
            effects=effects,
            group=group,
        )
        options = {"max_groups": max_groups, "random_state": random_state}
        return display.plot(ax, highlight=highlight, **options, **style)

    def plot(
        self,
        ax=None,
        *,
        title=None,
        highlight=(),
        max_groups=150,
        random_state=0,
        line_kw=None,
        scatter_kw=None,
    ):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        highlight : label or sequence of labels, default=()
            Groups drawn in colour, with their names.
        max_groups : int, default=150
            Of more groups a random sample gets arrows; the others are dots.
        random_state : int, RandomState instance or None, default=0
            Seed of that sample.
        line_kw, scatter_kw : dict, default=None
            Style of the arrows and of the groups in the model.

        Returns
        -------
        ShrinkageDisplay
        """
        marked = find_groups(self.labels, highlight, self.group)
        (ax,) = open_axes(self, ax, title=title, figsize=(6.4, 5.2)).flat
        limits = self._limits()
        G = len(self.labels)
        drawn = choose_groups(G, max_groups, marked, random_state)
        self._draw_population(ax)
        if len(drawn) < G:
            style = {"s": 3, "lw": 0, "c": BLUE, "rasterized": G > RASTERISED}
            ax.scatter(*self.shrunk.T, alpha=fade(G, at=200), **style)
        alpha = fade(len(drawn), least=0.25)
        self._draw_arrows(ax, drawn, GREY, alpha, 1.0, line_kw)
        own = {"facecolors": "white", "edgecolors": GREY, "linewidths": 0.8}
        size = 16 if len(drawn) <= 80 else 9
        count = f" ({len(drawn)} of {G:,})" if len(drawn) < G else ""
        label = f"own regression of a {self.group}{count}"
        ax.scatter(*self.own[drawn].T, s=size, zorder=2.5, label=label, **own)
        dots = {"s": size, "c": BLUE, "lw": 0, "zorder": 3}
        dots["label"] = f"{self.group} in the model"
        ax.scatter(*self.shrunk[drawn].T, **styled(dots, scatter_kw))
        for row, colour in zip(marked, HIGHLIGHTS * 20, strict=False):
            self._draw_arrows(ax, [row], colour, 1.0, 2.0)
            label = f"{self.group} {self.labels[row]}"
            ax.plot(*self.shrunk[row], "o", c=colour, zorder=5, label=label)
        label = "population"
        ax.plot(
            *self.population, "D", c=BLACK, ms=8, mec="white", zorder=6, label=label
        )
        self._frame(ax, limits)
        return self

    def _draw_population(self, ax):
        values, vectors = np.linalg.eigh(self.covariance)
        turn = np.linspace(0, 2 * np.pi, 200)
        circle = np.array([np.cos(turn), np.sin(turn)])
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        for share in (0.5, 0.95):
            reach = np.sqrt(stats.chi2.ppf(share, 2))
            outline = self.population[:, None] + reach * root @ circle
            label = "50 % and 95 % of the population" if share == 0.5 else None
            ax.plot(*outline, color=PALE, lw=1.4, zorder=1, label=label)

    def _draw_arrows(self, ax, rows, colour, alpha, width, line_kw=None):
        start, end = self.own[rows], self.shrunk[rows]
        known = ~np.isnan(start).any(axis=1)
        start, move = start[known], (end - start)[known]
        head = {"headwidth": 4, "headlength": 5, "headaxislength": 4.5}
        style = {"color": colour, "alpha": alpha, "width": 1.3 * width, **head}
        style["zorder"] = 2 if width == 1.0 else 4
        units = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "dots"}
        ax.quiver(*start.T, *move.T, **units, **styled(style, line_kw))

    def _limits(self):
        """Axes that leave out far-out estimates of single groups, of shape (2, 2)."""
        own = self.own[~np.isnan(self.own).any(axis=1)]
        reach = np.sqrt(stats.chi2.ppf(0.95, 2) * np.diag(self.covariance))
        shown = [self.shrunk, [self.population - reach, self.population + reach]]
        if len(own):
            low, high = np.quantile(own, [0.25, 0.75], axis=0)
            far = FAR_OUT * (high - low)
            inside = ((own >= low - far) & (own <= high + far)).all(axis=1)
            shown.append(own[inside])
        shown = np.vstack(shown)
        ends = np.array([shown.min(axis=0), shown.max(axis=0)])
        return ends + 0.04 * np.array([[-1.0], [1.0]]) * np.ptp(ends, axis=0)

    def _frame(self, ax, limits):
        ax.set_xlim(*limits[:, 0])
        ax.set_ylim(*limits[:, 1])
        ax.set_xlabel(name_effect(self.effects[0], self.group))
        ax.set_ylabel(name_effect(self.effects[1], self.group))
        outside = ((self.own < limits[0]) | (self.own > limits[1])).any(axis=1).sum()
        unknown = np.isnan(self.own).any(axis=1).sum()
        notes = [
            f"{count} of {len(self.labels):,} own regressions {what}"
            for count, what in (
                (outside, "beyond the axes"),
                (unknown, "not determined"),
            )
            if count
        ]
        style = {"ha": "right", "va": "bottom", "fontsize": "small", "color": GREY}
        if notes:
            style["bbox"] = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.5}
            ax.text(0.99, 0.01, "\n".join(notes), transform=ax.transAxes, **style)
        legend_above(np.array([ax]), new=True, ncols=2)


def name_effect(effect, group):
    """Name an effect on an axis: "slope of lrt, by school"."""
    what = "intercept" if effect == "Intercept" else f"slope of {effect}"
    return f"{what}, by {group}"
