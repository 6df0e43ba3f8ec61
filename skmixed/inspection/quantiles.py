"""Normal Q-Q plots of any length."""

import numpy as np
from scipy import stats

from skmixed.inspection.style import BLACK, BLUE, PALE, RASTERISED, styled


def normal_scores(n):
    """Normal quantiles that n sorted values are held against, of shape (n,)."""
    return stats.norm.ppf((np.arange(1, n + 1) - 0.5) / n)


def draw_qq(ax, values, name, scatter_kw=None):
    """Draw a normal Q-Q plot with a 95 % band for every order statistic.

    Parameters
    ----------
    ax : matplotlib Axes
    values : ndarray of shape (n,)
        Of unit variance if the model is right.
    name : str
        Of the points, in the legend.
    scatter_kw : dict, optional
        Style of the points.
    """
    values = np.sort(values[np.isfinite(values)])
    n = len(values)
    scores = normal_scores(n)
    shown = thin_sorted(n)
    rank = shown + 1.0
    low, high = stats.norm.ppf(stats.beta.ppf([[0.025], [0.975]], rank, n + 1 - rank))
    x = scores[shown]
    band = "95 % if normal"
    ax.fill_between(x, low, high, color=PALE, alpha=0.5, lw=0, label=band)
    ax.plot(x[[0, -1]], x[[0, -1]], color=BLACK, lw=1.0)
    style = {"s": 14 if n <= 300 else 6, "lw": 0, "c": BLUE, "label": name}
    style |= {"zorder": 3, "rasterized": len(shown) > RASTERISED}
    ax.scatter(x, values[shown], **styled(style, scatter_kw))
    ax.set_xlabel("normal quantile")


def thin_sorted(n, at_most=1500):
    """Positions that draw n sorted values as well as all do: dense in both tails."""
    if n <= at_most:
        return np.arange(n)
    scores = np.linspace(
        -stats.norm.ppf(1 - 0.5 / n), stats.norm.ppf(1 - 0.5 / n), 1000
    )
    inner = np.rint(stats.norm.cdf(scores) * n - 0.5).astype(np.intp)
    ends = np.arange(100)
    return np.unique(np.clip(np.concatenate([ends, inner, n - 1 - ends]), 0, n - 1))
