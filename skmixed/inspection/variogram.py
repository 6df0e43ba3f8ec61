"""The variogram: how residuals of one subject part as their distance in time grows."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ArgumentError, ColumnError, IdentifiabilityError
from skmixed.estimators.rows import Rows
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    PALE,
    assign_bins,
    legend_above,
    open_axes,
    styled,
)

# Rows whose covariance is one matrix: subjects are taken together up to here.
AT_ONCE = 400
# Pairs of rows that are looked at; of more, subjects are drawn.
MOST_PAIRS = 2_000_000
# Bins of lags that are drawn.
BINS = 15
# Variances that differ by less, relative, are one; a curve that ends nearer to their
# total, or still rises by as much, leaves nothing between subjects.
EQUAL, LEVEL = 1e-6, 0.98
# Square points of the smallest and of the largest dot.
SMALLEST, LARGEST = 10.0, 60.0


class VariogramDisplay:
    r"""Half squared differences of residuals by distance in time, empirical and fitted.

    Make one with `from_estimator`. Between zero and the total variance lie three parts:
    what two measurements at one time differ by (a nugget, the start of the curve), what
    fades with time (the rise of the curve), and what stays between subjects (from where
    the curve levels off to the total, shaded: a random intercept).

    Parameters
    ----------
    variogram : DataFrame
        A row per range of lags: mean ``lag``, ``n`` pairs of rows, ``empirical`` and
        ``fitted``.
    total : dict of str to float
        ``empirical`` and ``fitted`` variance of the residuals of the fixed part.
    time_name : str
    structure : str or None
        The residual covariance.
    stationary : bool
        Whether all rows have one fitted variance.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    CovarianceDisplay : Standard deviations and correlations of planned visits.

    Notes
    -----
    With residuals r of the fixed part at the times t of one subject, and V the fitted
    covariance of its rows, random effects included, the variogram at lag u is

    .. math:: \gamma(u) = E[(r_j - r_k)^2 / 2] = (V_{jj} + V_{kk}) / 2 - V_{jk},
              \quad |t_j - t_k| = u

    (Diggle, Heagerty, Liang and Zeger, Analysis of Longitudinal Data, section 3.4).
    Times need not be planned. Where variances grow over time, both are means over the
    pairs of a lag.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import VariogramDisplay
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> display = VariogramDisplay.from_estimator(
    ...     model, sleep, time="Days", subject="Subject"
    ... )
    >>> display.variogram.loc[[0, 8], ["lag", "n", "empirical", "fitted"]].round(0)
       lag    n  empirical  fitted
    0  1.0  162      485.0   672.0
    8  9.0   18     1558.0  2075.0
    """

    def __init__(self, *, variogram, total, time_name, structure, stationary):
        self.variogram, self.total = variogram, total
        self.time_name, self.structure = time_name, structure
        self.stationary = stationary

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        time=None,
        subject=None,
        sample_weight=None,
        n_bins=BINS,
        random_state=0,
        ax=None,
        **style,
    ):
        """Compare the residuals of rows with a model's covariance.

        Parameters
        ----------
        estimator : MixedLinearRegressor
            Fitted.
        X : data frame
            Rows, of the fit or others.
        y : array-like of shape (n_samples,), default=None
            By default the response's column of `X`.
        time, subject : str, default=None
            Columns: a number, and who was measured; by default those of ``residual=``,
            whose visits may be labels, which count as 0, 1, 2, ...
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights of the rows.
        n_bins : int, default=15
            Ranges of lags, equally full, where there are more lags than these.
        random_state : int, RandomState instance or None, default=0
            Of the subjects that are drawn where there are more than two million pairs.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        VariogramDisplay

        Raises
        ------
        ValueError
            Where a column is not named, and where no subject has two rows.
        """
        check_is_fitted(estimator)
        rows = Rows.read_complete(estimator, X, y, sample_weight)
        at, members, time_name = read_times(estimator, rows, time, subject)
        left = rows.design.y - estimator.predict(rows.frame, random_effects=False)
        members = drawn(members, check_random_state(random_state))
        found = pairs_of(estimator, rows, left, at, members)
        variances = np.concatenate([own for own, _ in found])
        pairs = pd.concat([own for _, own in found], ignore_index=True)
        if pairs.empty:
            raise IdentifiabilityError(
                "No subject has two rows, so that there are no differences within "
                "subjects."
            )
        residual = getattr(estimator, "residual_", None)
        chosen = np.concatenate(members)
        return cls(
            variogram=by_lag(pairs, n_bins),
            total={
                "empirical": float(np.mean(left[chosen] ** 2)),
                "fitted": float(variances.mean()),
            },
            time_name=time_name,
            structure=residual,
            stationary=bool(np.ptp(variances) <= EQUAL * variances.max()),
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None, scatter_kw=None, band_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of what is fitted.
        scatter_kw : dict, default=None
            Style of what is empirical.
        band_kw : dict, default=None
            Style of what stays between subjects.

        Returns
        -------
        VariogramDisplay
        """
        axes = open_axes(self, ax, title=title, figsize=(5.8, 4.4))
        (new, ax), table, total = (ax is None, axes[0, 0]), self.variogram, self.total
        last = float(table["fitted"].iloc[-1])
        rise = np.ptp(table["fitted"].iloc[-2:])
        level = self.stationary and rise < (1.0 - LEVEL) * total["fitted"]
        if level and last < LEVEL * total["fitted"]:
            style = {"color": PALE, "alpha": 0.45, "lw": 0.0, "zorder": 0}
            style["label"] = "stays between subjects"
            ax.axhspan(last, total["fitted"], **styled(style, band_kw))
        for which, colour in (("empirical", BLACK), ("fitted", BLUE)):
            style = {"color": colour, "lw": 1.0, "ls": "--", "zorder": 1}
            ax.axhline(total[which], label=f"total, {which}", **style)
        area = np.maximum(LARGEST * table["n"] / table["n"].max(), SMALLEST)
        style = {"color": BLACK, "s": area, "zorder": 3, "label": "empirical"}
        ax.scatter(table["lag"], table["empirical"], **styled(style, scatter_kw))
        name = f"fitted: {self.structure}" if self.structure else "fitted"
        style = {"color": BLUE, "lw": 2.0, "label": name}
        if len(table) == 1:
            style |= {"marker": "_", "ms": 14}
        ax.plot(table["lag"], table["fitted"], **styled(style, line_kw))
        ax.set_xlabel(f"distance in {self.time_name}")
        ax.set_ylabel("half squared difference")
        ax.set_ylim(bottom=0.0)
        ax.set_xlim(left=0.0)
        legend_above(axes, new=new, ncols=2)
        return self


def read_times(estimator, rows, time, subject):
    """Times of the rows, the rows of every subject, and what time is called."""
    spec = getattr(estimator.spec_, "residual", None)
    if spec is not None and time in (None, spec.term.time):
        at = spec.read(rows.frame).time
        time = spec.term.time or "row"
    elif time is None:
        raise ArgumentError("Name the columns: time= and subject=.")
    else:
        at = column_of(rows.frame, time)
        if at.dtype.kind not in "iufb":
            raise ColumnError(f"`{time}` holds no numbers; times must be some.")
    if subject is None and spec is not None:
        subject = spec.term.subject
    if subject is None:
        raise ArgumentError("Name the columns: time= and subject=.")
    codes = pd.factorize(column_of(rows.frame, subject))[0]
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return at.astype(float), [own for own in members if codes[own[0]] >= 0], time


def column_of(frame, name):
    """A column as an array."""
    if name not in frame:
        raise ColumnError(f"X has no column {name!r}.")
    return frame[name].to_numpy()


def drawn(members, random):
    """Subjects in random order until there are enough pairs; all where they are few."""
    sizes = np.array([len(own) for own in members])
    pairs = sizes * (sizes - 1) // 2
    if pairs.sum() <= MOST_PAIRS:
        return members
    order = random.permutation(len(members))
    enough = np.searchsorted(np.cumsum(pairs[order]), MOST_PAIRS) + 1
    return [members[i] for i in np.sort(order[:enough])]


def pairs_of(estimator, rows, left, at, members):
    """Variances of some subjects' rows, and their pairs, for several at a time.

    Returns
    -------
    list of tuple (variances, pairs)
        ``pairs`` is a data frame with ``lag``, ``empirical`` and ``fitted``.
    """
    found, sizes = [], np.cumsum([len(own) for own in members])
    weights = rows.design.weights
    for together in np.split(
        np.arange(len(members)), np.flatnonzero(np.diff(sizes // AT_ONCE)) + 1
    ):
        own = np.concatenate([members[i] for i in together])
        label = np.repeat(together, [len(members[i]) for i in together])
        w = None if weights is None else weights[own]
        V = estimator.marginal_cov(rows.frame.iloc[own], sample_weight=w)
        j, k = np.nonzero(np.tril(label[:, None] == label, -1))
        variances, r = np.diag(V), left[own]
        pairs = {
            "lag": np.abs(at[own][j] - at[own][k]),
            "empirical": 0.5 * (r[j] - r[k]) ** 2,
            "fitted": 0.5 * (variances[j] + variances[k]) - V[j, k],
        }
        found.append((variances, pd.DataFrame(pairs)))
    return found


def by_lag(pairs, n_bins):
    """Means over the pairs of a lag, or of a range of many lags."""
    if pairs["lag"].nunique() <= n_bins:
        bins = pd.factorize(pairs["lag"], sort=True)[0]
    else:
        bins, _ = assign_bins(pairs["lag"].to_numpy(), n_bins)
    grouped = pairs.groupby(np.asarray(bins))
    means = grouped.mean()
    means.insert(1, "n", grouped.size())
    return means.sort_values("lag").reset_index(drop=True)
