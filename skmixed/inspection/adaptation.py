"""What the first rows of a new group are worth."""

import re
from itertools import cycle

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError
from skmixed.inspection.style import BLUE, HIGHLIGHTS, legend_above, open_axes, styled

REGIME = re.compile(r"after (\d+) rows?")


class AdaptationDisplay:
    """Scores on later rows of new groups by how many of their rows were known.

    Make one with `from_table`.

    Parameters
    ----------
    scores : DataFrame of shape (n_numbers, n_models)
        Mean scores over folds, by the number of known rows.
    score_name : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skmixed.compare_models : The numbers, with ``first_rows``.
    skmixed.MixedLinearRegressor.adapt : A fitted model and a new group's first rows.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import compare_models
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import AdaptationDisplay
    >>> formulas = ["Reaction ~ Days", "Reaction ~ Days + (1 | Subject)"]
    >>> sleep = load_sleepstudy().frame
    >>> table = compare_models(formulas, sleep, cv=3, first_rows=[0, 1, 3])
    >>> display = AdaptationDisplay.from_table(table)
    >>> display.scores.shape
    (3, 2)
    """

    def __init__(self, *, scores, score_name):
        self.scores, self.score_name = scores, score_name

    @classmethod
    def from_table(cls, table, *, score=None, ax=None, **style):
        """Plot what `compare_models` has found.

        Parameters
        ----------
        table : PrintedTable or DataFrame
            Of `compare_models` with ``first_rows``.
        score : str, default=None
            A column; by default the first one.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        AdaptationDisplay

        Raises
        ------
        ValueError
            Where the table has no regime with first rows.
        """
        frame = getattr(table, "frame", table)
        score = frame.columns[0] if score is None else score
        means = frame[score].groupby(level=["regime", "model"], sort=False).mean()
        means = means.unstack("model", sort=False)
        found = {
            int(match.group(1)): row
            for regime, row in means.iterrows()
            if (match := REGIME.fullmatch(str(regime)))
        }
        if not found:
            raise ArgumentError(
                "The table has no regime `after k rows`; ask for them: "
                "compare_models(..., first_rows=[0, 1, 2, 5])."
            )
        scores = pd.DataFrame(found).T.sort_index().rename_axis(index="first rows")
        return cls(scores=scores, score_name=str(score)).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of the lines.

        Returns
        -------
        AdaptationDisplay
        """
        new = ax is None
        axes = open_axes(self, ax, title=title)
        ax = axes[0, 0]
        colours = cycle((BLUE, *HIGHLIGHTS))
        for (name, values), colour in zip(self.scores.items(), colours, strict=False):
            style = {"marker": "o", "ms": 4, "lw": 2.0, "color": colour}
            style["label"] = str(name)
            ax.plot(self.scores.index, values, **styled(style, line_kw))
        ax.set_xlabel("known rows of each new group")
        ax.set_ylabel(f"{self.score_name} on later rows")
        ax.set_xticks(np.asarray(self.scores.index))
        legend_above(axes, new=new, ncols=1)
        return self
