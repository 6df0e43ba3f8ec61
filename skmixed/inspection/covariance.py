"""Covariance over time: what the residuals show, and what the model says."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    HIGHLIGHTS,
    assign_bins,
    legend_above,
    open_axes,
    styled,
)

# Correlations of fewer subjects say nothing.
FEWEST = 3
# More visits than this have no room for their names.
MOST_LABELS = 12
# Square points of the smallest and of the largest dot of a pair of visits.
SMALLEST, LARGEST = 6.0, 36.0


class CovarianceDisplay:
    """Standard deviation by time and correlation by lag, empirical and fitted.

    Make one with `from_estimator`. Where the dots leave the line, the structure of the
    residual covariance is not that of the data.

    Parameters
    ----------
    spread : DataFrame
        A row per visit: ``level`` (of ``by=``, else ""), ``time``, ``n`` subjects,
        ``empirical`` and ``fitted`` standard deviation.
    correlation : DataFrame
        A row per pair of visits that some subjects have both of: ``level``, ``lag``,
        ``n`` subjects, ``empirical`` and ``fitted``.
    labels : list of str
        Names of the visits.
    positions : ndarray of float of shape (T,)
        Where they lie on the axis of time.
    time_name, structure : str

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes, one above the other
    figure_ : matplotlib Figure

    See Also
    --------
    skmixed.compare_covariances : Several structures in a table.
    OccasionsDisplay : The raw data, without a model.

    Notes
    -----
    Empirical are mean products of the residuals of the fixed part, over the subjects
    that have both visits, without a correction for fixed effects. In the lower panel
    large dots and the line are means over the pairs of visits of a lag, weighed by
    subjects; small dots are the pairs, by area as many as their subjects. Where visits
    go missing because of earlier responses, the empirical ones are those of who stayed,
    and only the likelihood accounts for that.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import CovarianceDisplay
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days", residual="ar1(Days | Subject)")
    >>> display = CovarianceDisplay.from_estimator(model.fit(sleep), sleep)
    >>> display.spread.loc[[0, 9], ["empirical", "fitted"]].round(1)
       empirical  fitted
    0       31.4    49.5
    9       65.2    49.5
    """

    def __init__(self, *, spread, correlation, labels, positions, time_name, structure):
        self.spread, self.correlation = spread, correlation
        self.labels, self.positions = labels, positions
        self.time_name, self.structure = time_name, structure

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, sample_weight=None, ax=None, **style
    ):
        """Compare a model's residual covariance with the residuals of rows.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted, with ``residual=``.
        X : data frame
            Rows, of the fit or others.
        y : array-like of shape (n_samples,), default=None
            By default the response's column of `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Residuals are multiplied by their square roots.
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        CovarianceDisplay

        Raises
        ------
        ValueError
            Where the model has no ``residual=``.
        """
        check_is_fitted(estimator)
        spec = getattr(estimator.spec_, "residual", None)
        if spec is None:
            raise UnavailableError(
                "CovarianceDisplay is for models with residual='name(time | subject)'; "
                f"`{estimator.formula_}` has none. OccasionsDisplay.from_data shows "
                "spread and correlation of the raw data."
            )
        if not spec.by_visit:
            raise UnavailableError(
                f"CovarianceDisplay is by visit, and residual='{estimator.residual_}' "
                "is over irregular times. Bin the times to visits for it."
            )
        residuals, at = read_residuals(
            estimator, Rows.read_complete(estimator, X, y, sample_weight)
        )
        fitted = estimator.residual_cov_
        fitted = fitted if spec.term.by is not None else {"": fitted}
        spread, pairs = [], []
        for place, (level, V) in enumerate(fitted.items()):
            own = at.level == place
            seen = products(residuals[own], at.subject[own], at.visit[own], len(V))
            one, two = tables(*seen, V.to_numpy(), np.array(spec.times))
            spread.append(one.assign(level=str(level)))
            pairs.append(two.assign(level=str(level)))
        return cls(
            spread=pd.concat(spread, ignore_index=True),
            correlation=pd.concat(pairs, ignore_index=True),
            labels=list(spec.labels),
            positions=np.array(spec.times),
            time_name=spec.term.time or "row",
            structure=estimator.residual_,
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of two, default=None
            Where to draw; one axes is divided.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of what is fitted.
        scatter_kw : dict, default=None
            Style of what is empirical.

        Returns
        -------
        CovarianceDisplay
        """
        axes = open_axes(self, ax, (2, 1), title=title, figsize=(5.6, 6.8))
        upper, lower = axes[:, 0]
        levels = list(dict.fromkeys(self.spread["level"]))
        alone = len(levels) == 1
        colours = [(BLACK, BLUE)] if alone else [(c, c) for c in (BLUE, *HIGHLIGHTS)]
        for place, level in enumerate(levels):
            dots, line = colours[place % len(colours)]
            name = f"{level}: " if level else ""
            dot = styled({"color": dots, "s": 28, "zorder": 3}, scatter_kw)
            dot["label"] = f"{name}empirical"
            curve = styled({"color": line, "lw": 2.0}, line_kw)
            curve["label"] = f"{name}fitted"
            own = self.spread[self.spread["level"] == level]
            upper.scatter(own["time"], own["empirical"], **dot)
            upper.plot(own["time"], own["fitted"], **curve)
            pairs = self.correlation[self.correlation["level"] == level]
            self._draw_pairs(lower, pairs, GREY if alone else dots)
            means = by_lag(pairs)
            lower.scatter(means["lag"], means["empirical"], **dot)
            # a single lag makes no line
            single = {"marker": "_", "ms": 14} if len(means) == 1 else {}
            lower.plot(means["lag"], means["fitted"], **single | curve)
        self._name(upper, lower)
        legend_above(axes, new=ax is None, ncols=3 if alone else 2)
        return self

    def _draw_pairs(self, ax, pairs, colour):
        if pairs.empty:
            return
        area = np.maximum(LARGEST * pairs["n"] / pairs["n"].max(), SMALLEST)
        style = {"color": colour, "alpha": 0.45, "linewidths": 0.0}
        label = "a pair of visits" if colour == GREY else None
        ax.scatter(pairs["lag"], pairs["empirical"], s=area, label=label, **style)

    def _name(self, upper, lower):
        style = {"loc": "left", "fontsize": "medium"}
        upper.set_title("Standard deviation of the residuals", **style)
        lower.set_title(f"Correlation: {self.structure}", **style)
        upper.set_xlabel(self.time_name)
        upper.set_ylabel("sd")
        upper.set_ylim(bottom=0.0)
        if len(self.positions) <= MOST_LABELS:
            turn = max(map(len, self.labels)) > 4
            options = {"rotation": 20, "ha": "right"} if turn else {}
            upper.set_xticks(self.positions, self.labels, **options)
        lags = self.correlation["lag"].unique()
        if 0 < len(lags) <= MOST_LABELS:
            lower.set_xticks(lags, [f"{lag:g}" for lag in lags])
        lower.axhline(0.0, color=GREY, lw=0.8, zorder=0)
        lower.set_xlabel(f"distance in {self.time_name}")
        lower.set_ylabel("correlation")
        lower.set_ylim(top=1.0)


def read_residuals(estimator, rows):
    """Residuals of the fixed part, and where their rows stand."""
    residuals = rows.design.y - estimator.predict(rows.frame)
    if rows.design.weights is not None:
        residuals = residuals * np.sqrt(rows.design.weights)
    return residuals, estimator.spec_.residual.read(rows.frame)


def products(residuals, subject, visit, n_visits):
    """Sums of products of the residuals of subjects that have both visits.

    Returns
    -------
    n, cross, squares : ndarray of shape (T, T)
        Subjects, sums of r_j r_k, and sums of r_j^2 over those that have k too.
    """
    codes, subjects = pd.factorize(subject)
    wide = np.zeros((len(subjects), n_visits))
    seen = np.zeros_like(wide)
    wide[codes, visit], seen[codes, visit] = residuals, 1.0
    return seen.T @ seen, wide.T @ wide, (wide**2).T @ seen


def tables(n, cross, squares, V, times):
    """Standard deviations by visit and correlations by pair, empirical and fitted."""
    count, sd = np.diag(n), np.sqrt(np.diag(V))
    empirical = np.sqrt(np.diag(cross) / np.where(count > 0, count, np.nan))
    spread = {"time": times, "n": count.astype(int), "empirical": empirical}
    later, first = np.nonzero(np.tril(n >= FEWEST, -1))
    scale = np.sqrt(squares * squares.T)[later, first]
    pairs = {
        "lag": times[later] - times[first],
        "n": n[later, first].astype(int),
        "empirical": cross[later, first] / np.where(scale > 0, scale, np.nan),
        "fitted": (V / np.outer(sd, sd))[later, first],
    }
    return pd.DataFrame(spread | {"fitted": sd}), pd.DataFrame(pairs).dropna()


def by_lag(pairs):
    """Means over the pairs of a lag, or of a range of many lags, weighed by n."""
    if pairs.empty:
        return pairs
    bins, _ = assign_bins(pairs["lag"].to_numpy(), 12)
    columns = ["lag", "empirical", "fitted"]
    sums = pairs[columns].mul(pairs["n"], axis=0).groupby(bins).sum()
    return sums.div(pairs["n"].groupby(bins).sum(), axis=0)
