"""Power curves of studies that are planned."""

import numpy as np

from skmixed.inspection.style import BLUE, GREY, PALE, open_axes, styled


class PowerDisplay:
    """Power of a test by the number of groups, with binomial intervals.

    Make one with `from_table`.

    Parameters
    ----------
    sizes : ndarray of shape (m,)
    power, lower, upper : ndarray of shape (m,)
    target : float or None
        Power that is wanted.
    needed : float
        Groups that reach it, NaN where none do.
    group_name, hypothesis : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skmixed.simulate_power : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor, simulate_power
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import PowerDisplay
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> curve = simulate_power(
    ...     model, sleep, [6, 12], "Days = 0", effects={"Days": 4.0}, n_samples=100,
    ...     random_state=0,
    ... )
    >>> PowerDisplay.from_table(curve).sizes
    array([ 6, 12])
    """

    def __init__(
        self, *, sizes, power, lower, upper, target, needed, group_name, hypothesis
    ):
        self.sizes, self.power = sizes, power
        self.lower, self.upper = lower, upper
        self.target, self.needed = target, needed
        self.group_name, self.hypothesis = group_name, hypothesis

    @classmethod
    def from_table(cls, curve, *, target=0.8, ax=None, **style):
        """Plot what `simulate_power` has found.

        Parameters
        ----------
        curve : PowerCurve
        target : float or None, default=0.8
            Power that is wanted: a line, and the groups that reach it.
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        PowerDisplay
        """
        frame = curve.frame
        return cls(
            sizes=np.asarray(frame.index),
            power=frame["power"].to_numpy(),
            lower=frame["lower"].to_numpy(),
            upper=frame["upper"].to_numpy(),
            target=target,
            needed=np.nan if target is None else curve.size_for(target),
            group_name=curve.group,
            hypothesis=curve.hypothesis,
        ).plot(ax, **style)

    def plot(self, ax=None, *, title=None, line_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default on a new figure.
        title : str, default=None
            Over the picture.
        line_kw : dict, default=None
            Style of the curve.

        Returns
        -------
        PowerDisplay
        """
        ax = open_axes(self, ax, title=title)[0, 0]
        ax.fill_between(self.sizes, self.lower, self.upper, color=PALE, alpha=0.7, lw=0)
        style = {"color": BLUE, "marker": "o", "ms": 4, "lw": 2.0}
        ax.plot(self.sizes, self.power, **styled(style, line_kw))
        if self.target is not None:
            ax.axhline(self.target, color=GREY, lw=1.0, ls="--")
        if np.isfinite(self.needed):
            ax.axvline(self.needed, color=GREY, lw=1.0, ls="--")
            place = (self.needed, 0.02)
            text = f" {np.ceil(self.needed):.0f} for {self.target:.0%}"
            ax.annotate(text, place, color=GREY, fontsize="small")
        ax.set_ylim(0.0, 1.02)
        ax.set_xlabel(f"groups of {self.group_name}")
        ax.set_ylabel(f"power to reject {self.hypothesis}")
        return self
