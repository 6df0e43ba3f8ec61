"""The residual panel: what a fitted model leaves unexplained, seen from four sides."""

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.estimators.input import read_table
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.family_residuals import FamilyRows
from skmixed.inspection.quantiles import draw_qq
from skmixed.inspection.rows import choose_factor, group_codes
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    RASTERISED,
    VERMILLION,
    binned_means,
    choose_rows,
    fade,
    open_axes,
    styled,
)
from skmixed.likelihood.result import is_linear

PANELS = ("fitted", "scale", "qq", "groups")
# Points of a scatter; more only darken it.
MOST_POINTS = 5_000
# More groups than this have no room for their names.
MOST_NAMES = 40


class ResidualsDisplay:
    """Residuals against fitted values, their spread, their normality, by group.

    Make one with `from_estimator`. Conditional residuals are what fixed and random
    effects leave; marginal ones what the fixed effects leave.

    Parameters
    ----------
    fitted : ndarray of shape (n,)
    residuals : ndarray of shape (n,)
        Divided by their standard deviation in the model.
    codes : ndarray of shape (n,) or None
        Group of each row, -1 for none.
    labels : ndarray of shape (G,) or None
    group : str or None
        Name of the grouping factor.
    kind : {"conditional", "marginal", "quantile", "normalised"}

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are several panels.
    figure_ : matplotlib Figure

    See Also
    --------
    check_model : What they say, in sentences.
    simulated_residuals : Residuals with tests.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import ResidualsDisplay
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> display = ResidualsDisplay.from_estimator(model, sleep)
    >>> display.residuals[:3].round(2)
    array([-0.16, -0.57, -1.65])
    """

    def __init__(
        self,
        *,
        fitted,
        residuals,
        codes=None,
        labels=None,
        group=None,
        kind="conditional",
    ):
        self.fitted, self.residuals = fitted, residuals
        self.codes, self.labels, self.group = codes, labels, group
        self.kind = kind

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        sample_weight=None,
        group=None,
        kind="conditional",
        panels=PANELS,
        ax=None,
        **style,
    ):
        """Plot the residuals of a fitted model on some rows.

        Parameters
        ----------
        estimator : MixedLinearRegressor, or estimator of another family
            Fitted. Residuals of other families are randomised quantile residuals at the
            conditional modes (Dunn and Smyth 1996): normal if the model is right.
        X : data frame or array-like of shape (n_samples, n_features)
            Rows of the fit, or new ones.
        y : array-like of shape (n_samples,), default=None
            Response; by default read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights; residuals are divided by the standard deviation that
            they imply.
        group : str, default=None
            Grouping factor of the last panel; by default the first.
        kind : {"conditional", "marginal"}, default="conditional"
            Residuals of fixed and random effects, or of the fixed effects alone. Of
            models with ``residual=`` or ``dispersion=`` they are normalised: what a row
            leaves given the subject's earlier rows, over its standard deviation.
        panels : list of {"fitted", "scale", "qq", "groups"}
            Which panels; by default all that there are data for.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        ResidualsDisplay

        Raises
        ------
        ValueError
            For an unknown kind, panel or group.
        """
        if kind not in ("conditional", "marginal"):
            raise ArgumentError(f"kind={kind!r} should be 'conditional' or 'marginal'.")
        result = getattr(estimator, "result_", None)
        table = read_table(X)
        X = X if table is None else table
        if getattr(result, "residual", None) is not None:
            refuse_marginal(result, kind)
            rows = Rows.read_complete(estimator, X, y, sample_weight)
            residuals, fitted = estimator._whitened_residuals(rows)
            X, kind = rows.frame, "normalised"
        elif result is not None and not is_linear(result):
            fitted, residuals, kind = scores(estimator, X, y, sample_weight, kind)
        else:
            fitted = estimator.predict(X, random_effects=kind == "conditional")
            residuals = standardised(estimator, X, y, sample_weight, kind, fitted)
        codes = labels = None
        if estimator.spec_.groups:
            group = choose_factor(estimator, group)
            codes, labels = group_codes(estimator, X, group)
        known = ~np.isnan(residuals)
        if not known.all():
            fitted, residuals = fitted[known], residuals[known]
            codes = None if codes is None else codes[known]
        names = {"codes": codes, "labels": labels, "group": group, "kind": kind}
        return cls(fitted=fitted, residuals=residuals, **names).plot(
            ax, panels=panels, **style
        )

    def group_quartiles(self):
        """Quartiles of the residuals of every group.

        Returns
        -------
        DataFrame
            Groups by ``q25``, ``q50`` and ``q75``, sorted by the median.
        """
        table = pd.DataFrame({"group": self.codes, "residual": self.residuals})
        table = table.sort_values(["group", "residual"], kind="stable")
        codes, values = table["group"].to_numpy(), table["residual"].to_numpy()
        counts = np.bincount(codes + 1, minlength=len(self.labels) + 1)
        first = (np.cumsum(counts) - counts)[1:]
        counts = counts[1:]
        present = counts > 0
        columns = {}
        for share in (25, 50, 75):
            at = first[present] + share / 100 * (counts[present] - 1)
            low = np.floor(at).astype(np.intp)
            high = np.minimum(low + 1, first[present] + counts[present] - 1)
            part = at - low
            columns[f"q{share}"] = (1 - part) * values[low] + part * values[high]
        index = pd.Index(self.labels[present], name=self.group)
        return pd.DataFrame(columns, index=index).sort_values("q50", kind="stable")

    def plot(
        self, ax=None, *, title=None, panels=PANELS, line_kw=None, scatter_kw=None
    ):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the panels.
        title : str, default=None
            Over the picture.
        panels : list of {"fitted", "scale", "qq", "groups"}
            Which panels; by default all that there are data for.
        line_kw, scatter_kw : dict, default=None
            Style of the means over residuals, and of the residuals.

        Returns
        -------
        ResidualsDisplay
        """
        panels = [panels] if isinstance(panels, str) else list(panels)
        if not panels or not set(panels) <= set(PANELS):
            raise ArgumentError(f"panels={panels} should be among {list(PANELS)}.")
        if self.codes is None or (self.codes < 0).all():
            panels = [panel for panel in panels if panel != "groups"]
        n = len(panels)
        shape = (1, 1) if n == 1 else (-(-n // 2), 2)
        size = (6.4, 4.6) if n == 1 else (7.4, 3.2 * shape[0])
        axes = open_axes(self, ax, shape, n, title=title, figsize=size)
        for panel, one in zip(panels, axes.flat, strict=False):
            getattr(self, f"_draw_{panel}")(one, line_kw, scatter_kw)
        return self

    def _scatter(self, ax, heights, line_kw, scatter_kw):
        shown = choose_rows(len(self.fitted), MOST_POINTS, 0)
        many = len(shown) > RASTERISED
        style = {"s": 14 if len(shown) <= 500 else 6, "lw": 0, "c": BLUE}
        style |= {"alpha": fade(len(shown), at=300, least=0.2), "rasterized": many}
        points = (self.fitted[shown], heights[shown])
        ax.scatter(*points, **styled(style, scatter_kw))
        n_bins = int(np.clip(len(self.fitted) // 25, 4, 12))
        means = binned_means(self.fitted, heights, n_bins)
        ax.plot(*means, **styled({"color": VERMILLION, "lw": 2.2}, line_kw))
        of = ", fixed effects only" if self.kind == "marginal" else ""
        ax.set_xlabel(f"fitted value{of}")

    def _draw_fitted(self, ax, line_kw, scatter_kw):
        ax.axhline(0.0, color=BLACK, lw=0.8)
        self._scatter(ax, self.residuals, line_kw, scatter_kw)
        ax.set_ylabel("standardised residual")
        ax.set_title(
            f"{self.kind.capitalize()} residuals: around 0",
            loc="left",
            fontsize="medium",
        )

    def _draw_scale(self, ax, line_kw, scatter_kw):
        self._scatter(ax, np.sqrt(np.abs(self.residuals)), line_kw, scatter_kw)
        ax.set_ylim(bottom=0.0)
        ax.set_ylabel("sqrt |standardised residual|")
        ax.set_title("Spread: level if constant", loc="left", fontsize="medium")

    def _draw_qq(self, ax, line_kw, scatter_kw):
        # shrinkage leaves conditional residuals less spread than sigma: look at shape
        spread = np.sqrt(np.mean(self.residuals**2))
        draw_qq(ax, self.residuals / spread, "residual", scatter_kw)
        ax.set_ylabel("residual / its sd")
        ax.set_title("Normality: on the line", loc="left", fontsize="medium")

    def _draw_groups(self, ax, line_kw, scatter_kw):
        table = self.group_quartiles()
        G, place = len(table), np.arange(len(table))
        low, middle, high = table.to_numpy().T
        ax.axhline(0.0, color=BLACK, lw=0.8, zorder=1)
        if G > 300:
            ax.fill_between(place, low, high, color=PALE, lw=0, rasterized=True)
            ax.plot(place, middle, color=BLUE, lw=2.0)
        else:
            thick = float(np.clip(170 / G, 0.8, 5.0))
            ax.vlines(place, low, high, color=GREY, lw=thick, alpha=0.6)
            style = {"s": 14, "color": BLUE, "lw": 0, "zorder": 3}
            ax.scatter(place, middle, **styled(style, scatter_kw))
        ax.set_ylabel("median and quartiles")
        ax.set_title(f"By {self.group}: around 0", loc="left", fontsize="medium")
        if G <= MOST_NAMES:
            names = [str(label) for label in table.index]
            turn = 90 if max(map(len, names)) * G > 40 else 0
            ax.set_xticks(place, names, rotation=turn, fontsize="small")
            ax.set_xlabel(self.group)
        else:
            ax.set_xticks([])
            ax.set_xlabel(f"{G:,} groups ({self.group}), sorted")


def standardised(estimator, X, y, sample_weight, kind, fitted):
    """Residuals of a linear model, divided by their standard deviation in it."""
    rows = Rows.read(estimator, X)
    y = rows.response(y)
    weights = 1.0 if sample_weight is None else np.asarray(sample_weight, float)
    sd = estimator.sigma_
    if kind == "marginal":
        sd = marginal_sd(estimator, rows.design, weights)
    return (y - fitted) * np.sqrt(weights) / sd


def refuse_marginal(result, kind):
    """Raise for marginal residuals of rows that covary."""
    if kind == "marginal":
        raise UnavailableError(
            f"Marginal residuals of a model with {result.residual.label} correlate; "
            "leave kind out for normalised ones, and see VariogramDisplay for their "
            "correlation."
        )


def scores(estimator, X, y, sample_weight, kind):
    """Means and randomised quantile residuals of a generalised model.

    Parameters
    ----------
    estimator : estimator
    X, y, sample_weight
        As `ResidualsDisplay.from_estimator` takes them.
    kind : {"conditional", "marginal"}

    Returns
    -------
    fitted, residuals : ndarray of shape (n,)
        NaN where something is missing.
    kind : str
        "quantile".

    Raises
    ------
    ValueError
        For ``kind="marginal"``.
    """
    if kind == "marginal":
        raise UnavailableError(
            "Marginal residuals are there for linear mixed models; simulated_residuals "
            "compares the responses of generalised ones with their population."
        )
    rows = Rows.read(estimator, X)
    y = rows.response(y)
    w = estimator._trials_of(rows.frame, sample_weight, len(y))
    fitted, residuals = np.full(len(y), np.nan), np.full(len(y), np.nan)
    eta = estimator._predict_rows(rows)
    known = ~np.isnan(eta) & ~np.isnan(y)
    result = estimator.result_
    found = FamilyRows(result, y[known], w[known], eta[known])
    fitted[known] = found.mean
    residuals[known] = found.quantile_residuals(np.random.default_rng(0))
    return fitted, residuals, "quantile"


def marginal_sd(estimator, design, weights):
    """Standard deviation of the response around the fixed effects, times sqrt(weight).

    Parameters
    ----------
    estimator : MixedLinearRegressor
    design : Design
    weights : float or ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
        ``sqrt(sigma^2 + w z'Psi z)``.
    """
    result = estimator.result_
    variance = np.full(len(design.X), result.sigma**2)
    for block, (factor, positions, _) in zip(design.random, result.terms, strict=True):
        covariance = result.covariances[factor][np.ix_(positions, positions)]
        variance += weights * np.einsum("ij,ij->i", block.z @ covariance, block.z)
    return np.sqrt(variance)
