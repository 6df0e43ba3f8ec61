"""How much of the variance lies where: predictors, groups, residual."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    legend_above,
    open_axes,
    styled,
)
from skmixed.likelihood.result import is_linear

FIXED, RESIDUAL = "Fixed effects", "Residual"
COLOURS = (BLUE, ORANGE, PURPLE, SKY)


class VarianceDisplay:
    """Shares of the variance of the response, one bar per model.

    Make one with `from_estimator`, of one model or of several. The intraclass
    correlation stands at the end of each bar: of the variance that the predictors
    leave, the share of every grouping factor.

    Parameters
    ----------
    shares : ndarray of shape (n_models, n_parts)
        Shares of the variance, 0 where a model lacks the part.
    parts : list of str
        Fixed effects, grouping factors, residual.
    models : list of str
    icc : list of dict of str to float
        Intraclass correlations of every model by grouping factor.
    of : {"response", "linear predictor"}
        What the variance is of.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    MixedLinearRegressor.variance_partition : The numbers.
    MixedLinearRegressor.icc : Intraclass correlations with intervals.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import VarianceDisplay
    >>> schools = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt + (1 | school)").fit(schools)
    >>> display = VarianceDisplay.from_estimator(model)
    >>> display.parts, display.shares.round(2)
    (['Fixed effects', 'school', 'Residual'], array([[0.32, 0.1 , 0.58]]))
    """

    def __init__(self, *, shares, parts, models, icc, of="response"):
        self.shares, self.parts, self.models, self.icc = shares, parts, models, icc
        self.of = of

    @classmethod
    def from_estimator(cls, estimator, *, scale=None, ax=None, **style):
        """Plot the variance shares of fitted models.

        Parameters
        ----------
        estimator : MixedLinearRegressor, list or dict of them
            Fitted, with random effects; the keys of a dict name the bars, else their
            formulas do.
        scale : {"link", "response"}, default=None
            Of generalised models: the scale of the linear predictor, which is the
            default, or that of the responses.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        VarianceDisplay
        """
        if hasattr(estimator, "fit"):
            estimator = [estimator]
        if not isinstance(estimator, dict):
            estimator = {model.formula_: model for model in estimator}
        tables = {}
        for name, model in estimator.items():
            check_is_fitted(model)
            options = {} if scale is None else {"scale": scale}
            tables[name] = model.variance_partition(**options)
        rows = list(dict.fromkeys(row for t in tables.values() for row in t.index))
        groups = [row for row in rows if row not in (FIXED, RESIDUAL)]
        parts = [FIXED, *groups, RESIDUAL]
        shares = [
            table["share"].reindex(parts, fill_value=0.0).to_numpy(dtype=float)
            for table in tables.values()
        ]
        icc = [
            {g: float(t.loc[g, "adjusted_share"]) for g in groups if g in t.index}
            for t in tables.values()
        ]
        families = [is_linear(model.result_) for model in estimator.values()]
        of = "response" if scale == "response" or all(families) else "linear predictor"
        names = {"parts": parts, "models": list(tables), "icc": icc, "of": of}
        display = cls(shares=np.array(shares), **names)
        return display.plot(ax, **style)

    def plot(self, ax=None, *, title=None, bar_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        bar_kw : dict, default=None
            Style of the bars.

        Returns
        -------
        VarianceDisplay
        """
        n, new = len(self.models), ax is None
        axes = open_axes(self, ax, title=title, figsize=(6.4, 0.75 * n + 1.2))
        (ax,) = axes.flat
        place, left = np.arange(n)[::-1], np.zeros(n)
        for part, share in zip(self.parts, self.shares.T, strict=True):
            style = {"height": 0.42, "color": self._colour(part), "label": part}
            ax.barh(place, share, left=left, **styled(style, bar_kw))
            for row in np.flatnonzero(share > 0.06):
                at = left[row] + share[row] / 2
                dark = part != RESIDUAL
                style = {"ha": "center", "va": "center", "fontsize": "small"}
                style["color"] = "white" if dark else BLACK
                ax.text(at, place[row], f"{100 * share[row]:.0f} %", **style)
            left = left + share
        for row, found in enumerate(self.icc):
            text = ", ".join(
                f"ICC {group} {value:.2f}" for group, value in found.items()
            )
            head = f"{self.models[row]}   ({text})" if text else self.models[row]
            style = {"ha": "left", "va": "bottom", "fontsize": "small"}
            ax.text(0.0, place[row] + 0.25, head, **style)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(-0.4, n - 0.35)
        ax.set_xlabel(f"share of the variance of the {self.of}")
        legend_above(axes, new=new, ncols=4)
        return self

    def _colour(self, part):
        if part == FIXED:
            return GREEN
        if part == RESIDUAL:
            return PALE
        return COLOURS[self.parts[1:-1].index(part) % len(COLOURS)]
