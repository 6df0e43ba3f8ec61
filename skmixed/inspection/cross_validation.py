"""Cross-validated scores of several models, for known and for new groups."""

import numpy as np

from skmixed.errors import ArgumentError
from skmixed.inspection.style import BLUE, GREY, legend_above, open_axes, styled

# Scores of which less is better.
LOW = ("rmse", "mse", "mae", "median_ae", "fit_time")


class CrossValidationDisplay:
    """Scores of models, one panel per regime, on one scale.

    Make one with `from_table`, of what `compare_models` returns. Knowing a group helps
    where the group is known; the panels say how much is left for new groups.

    Parameters
    ----------
    means : dict of str to ndarray of shape (n_models,)
        Mean score of every model by regime.
    folds : dict of str to ndarray of shape (n_models, n_folds), or None
        Scores of the folds.
    spread : dict of str to ndarray of shape (n_models,)
        Standard deviation over folds.
    models : list of str
    score : str
        Name of the score.

    See Also
    --------
    compare_models : The numbers.

    Notes
    -----
    All models are scored on the same folds. Where the folds are known, the picture
    shows by how much each model differs from the first in every fold: bars of the
    scores themselves would overlap where all folds agree.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are several regimes.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import compare_models
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import CrossValidationDisplay
    >>> formulas = ["Reaction ~ Days", "Reaction ~ Days + (Days | Subject)"]
    >>> table = compare_models(formulas, load_sleepstudy().frame, cv=3)
    >>> display = CrossValidationDisplay.from_table(table)
    >>> display.means["known groups"].round(1)
    array([47.8, 28.5])
    """

    def __init__(self, *, means, spread, models, score, folds=None):
        self.means, self.spread, self.folds = means, spread, folds
        self.models, self.score = models, score

    @classmethod
    def from_table(cls, table, *, score=None, ax=None, **style):
        """Plot a comparison.

        Parameters
        ----------
        table : DataFrame
            As `compare_models` returns it, indexed by ``regime`` and ``model``, or by
            ``regime``, ``model`` and ``fold`` (``per_fold=True``).
        score : str, default=None
            Column to show; by default the first.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        CrossValidationDisplay

        Raises
        ------
        ValueError
            For a score that is not in the table.
        """
        score = table.columns[0] if score is None else score
        if score not in table.columns:
            raise ArgumentError(
                f"score={score!r} is not in the table, which has {list(table.columns)}."
            )
        regimes = list(dict.fromkeys(table.index.get_level_values("regime")))
        models = list(dict.fromkeys(table.index.get_level_values("model")))
        parts = {regime: table.loc[regime] for regime in regimes}
        folds = None
        if "fold" in table.index.names:
            folds = {
                regime: part[score].unstack("fold").loc[models].to_numpy(dtype=float)
                for regime, part in parts.items()
            }
            means = {regime: values.mean(axis=1) for regime, values in folds.items()}
            spread = {r: values.std(axis=1, ddof=1) for r, values in folds.items()}
        else:
            means = {r: part.loc[models, score].to_numpy() for r, part in parts.items()}
            sd = f"{score}_sd"
            spread = {
                r: part.loc[models, sd].to_numpy() if sd in part else 0.0 * means[r]
                for r, part in parts.items()
            }
        display = cls(
            means=means, spread=spread, folds=folds, models=models, score=score
        )
        return display.plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the regimes.
        title : str, default=None
            Over the picture.
        line_kw, scatter_kw : dict, default=None
            Style of the ranges and of the means.

        Returns
        -------
        CrossValidationDisplay
        """
        n, rows = len(self.means), len(self.models)
        size = (6.4, (0.42 * rows + 0.9) * n + 0.3)
        axes = open_axes(
            self, ax, (n, 1), title=title, figsize=size, sharex=True, sharey=True
        )
        place = np.arange(rows)[::-1]
        for regime, one in zip(self.means, axes.flat, strict=True):
            draw = self._draw_scores if self.differences is None else self._draw_paired
            draw(one, regime, place, line_kw, scatter_kw)
            one.set_title(regime, loc="left", fontsize="medium")
            one.grid(axis="x", color="0.92")
            one.set_axisbelow(True)
            one.tick_params(axis="y", length=0)
        axes[0, 0].set_yticks(place, self.models)
        axes[0, 0].set_ylim(-0.6, rows - 0.4)
        axes[-1, 0].set_xlabel(self._axis_name())
        legend_above(axes, new=ax is None, ncols=3)
        return self

    @property
    def differences(self):
        """Scores of the folds less those of the first model; None without folds."""
        if self.folds is None or len(self.models) < 2:
            return None
        return {regime: values - values[0] for regime, values in self.folds.items()}

    def _axis_name(self):
        better = "lower is better" if self.score in LOW else "higher is better"
        if self.differences is None:
            return f"{self.score} (mean, sd over folds; {better})"
        return f"{self.score} less that of the first model ({better})"

    def _draw_scores(self, ax, regime, place, line_kw, scatter_kw):
        mean, sd = self.means[regime], self.spread[regime]
        style = {"color": BLUE, "lw": 2.0, "alpha": 0.5, "label": "sd over folds"}
        ax.hlines(place, mean - sd, mean + sd, **styled(style, line_kw))
        style = {"s": 40, "color": BLUE, "zorder": 3, "label": "mean"}
        ax.scatter(mean, place, **styled(style, scatter_kw))

    def _draw_paired(self, ax, regime, place, line_kw, scatter_kw):
        found = self.differences[regime]
        style = {"color": GREY, "lw": 0.8, "ls": "--", "zorder": 1}
        ax.axvline(0.0, **style)
        style = {"color": BLUE, "lw": 2.0, "alpha": 0.5, "label": "range of folds"}
        ax.hlines(place, found.min(axis=1), found.max(axis=1), **styled(style, line_kw))
        heights = np.repeat(place, found.shape[1])
        style = {"s": 14, "c": GREY, "lw": 0, "zorder": 2, "label": "fold"}
        ax.scatter(found.ravel(), heights, **style)
        style = {"s": 40, "color": BLUE, "zorder": 3, "label": "mean of folds"}
        ax.scatter(found.mean(axis=1), place, **styled(style, scatter_kw))
