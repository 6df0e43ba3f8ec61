"""Profile likelihoods: how the deviance rises along every parameter."""

import numpy as np
from scipy import stats
from scipy.interpolate import CubicSpline

from skmixed.errors import ArgumentError
from skmixed.inference.opened.fitted import fitted
from skmixed.inspection.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    VERMILLION,
    grid,
    legend_above,
    open_axes,
    styled,
)
from skmixed.likelihood.result import is_linear

# Points of a smooth curve, and zeta at which it ends: beyond there is next to nothing.
CURVE, FARTHEST = 201, 3.2


class ProfileDisplay:
    """Profile zeta plots, or profile densities, with intervals.

    Make one with `from_estimator` or `from_profile`. Zeta is the signed root of the
    rise of the deviance when a parameter is held; where it is a straight line, the
    parameter's likelihood is quadratic and Wald's interval is right. The density is
    that of a parameter whose zeta is standard normal.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (m, 2)
        For every parameter its values and zeta.
    estimates : dict of str to float
        Maximum-likelihood estimates.
    intervals : dict of str to tuple of float
        Ends of the interval; NaN where the profile was not followed so far.
    confidence_level : float
    reml_estimates : dict of str to float, default=None
        Estimates by restricted maximum likelihood.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        An array where there are several parameters.
    figure_ : matplotlib Figure

    See Also
    --------
    MixedLinearRegressor.profile : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import ProfileDisplay
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(load_sleepstudy().frame)
    >>> display = ProfileDisplay.from_estimator(model, "sigma")
    >>> [round(end, 1) for end in display.intervals["sigma"]]
    [22.9, 28.9]
    """

    def __init__(
        self, *, curves, estimates, intervals, confidence_level, reml_estimates=None
    ):
        self.curves, self.estimates = curves, estimates
        self.reml_estimates = reml_estimates or {}
        self.intervals, self.confidence_level = intervals, confidence_level

    @classmethod
    def from_profile(
        cls,
        profile,
        *,
        reml_estimates=None,
        confidence_level=0.95,
        kind="zeta",
        ax=None,
        **style,
    ):
        """Plot profiles that are there already.

        Parameters
        ----------
        profile : ProfileLikelihood
            As `MixedLinearRegressor.profile` returns it: of the likelihood.
        reml_estimates : dict of str to float, default=None
            Estimates by restricted likelihood, marked beside those of the likelihood.
        confidence_level : float, default=0.95
            Of the intervals.
        kind : {"zeta", "density"}, default="zeta"
            Which picture.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; by default on a new figure.
        **style
            Title and styles, as of `plot`.

        Returns
        -------
        ProfileDisplay
        """
        bounds = profile.conf_int(confidence_level)
        parts = profile.table.groupby("parameter", sort=False)
        display = cls(
            curves={name: part[["value", "zeta"]].to_numpy() for name, part in parts},
            estimates=bounds["estimate"].to_dict(),
            intervals={
                name: (float(row["lower"]), float(row["upper"]))
                for name, row in bounds.iterrows()
            },
            reml_estimates=reml_estimates,
            confidence_level=confidence_level,
        )
        return display.plot(ax, kind=kind, **style)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        parameters=None,
        *,
        confidence_level=0.95,
        X=None,
        y=None,
        sample_weight=None,
        kind="zeta",
        ax=None,
        **style,
    ):
        """Follow the profiles of a fitted model, and plot them.

        Parameters
        ----------
        estimator : MixedLinearRegressor, or estimator of another family
            Fitted.
        parameters : str or list of str, default=None
            As in `MixedLinearRegressor.profile`; by default the standard deviations
            and correlations, or the fixed effects where there are no random ones.
        confidence_level : float, default=0.95
            Of the intervals. The profiles are followed farther.
        X, y, sample_weight : default=None
            Of generalised models: the table of the fit, as their ``profile`` takes it.
        kind, ax, **style
            As in `from_profile`.

        Returns
        -------
        ProfileDisplay
        """
        farther = {"confidence_level": max(0.99, confidence_level)}
        options = {"residual": True, "generalized": True}
        if not is_linear(fitted(estimator, "ProfileDisplay", **options).result):
            farther |= {"X": X, "y": y, "sample_weight": sample_weight}
            parameters = parameters or ("variance" if estimator.n_groups_ else "fixed")
        elif parameters is None:
            known = estimator.conf_int().index
            fixed = set(estimator.fixed_effects_.index)
            parameters = [name for name in known if name not in fixed]
            parameters = parameters if len(parameters) > 1 else list(known)
        profile = estimator.profile(parameters, **farther)
        options = {"confidence_level": confidence_level, "kind": kind, "ax": ax}
        if getattr(estimator, "reml", False):
            names = list(profile.estimates.index)
            estimates = estimator.conf_int(names)["estimate"]
            options["reml_estimates"] = estimates.to_dict()
        return cls.from_profile(profile, **options, **style)

    def smooth(self, name):
        """Zeta of a parameter as a smooth rising function.

        Parameters
        ----------
        name : str

        Returns
        -------
        CubicSpline
        """
        value, zeta = self.curves[name].T
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(zeta)) > 1e-9])
        return CubicSpline(value[rising], zeta[rising])

    def points(self, name):
        """Values along which a parameter's curve is drawn, of shape (m,)."""
        smooth = self.smooth(name)
        x = np.linspace(*smooth.x[[0, -1]], 10 * CURVE)
        x = x[np.abs(smooth(x)) <= FARTHEST]
        return np.linspace(x[0], x[-1], CURVE)

    def plot(self, ax=None, *, title=None, kind="zeta", line_kw=None, band_kw=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw; one axes is divided among the parameters.
        title : str, default=None
            Over the picture.
        kind : {"zeta", "density"}, default="zeta"
            Signed root deviances, or densities.
        line_kw, band_kw : dict, default=None
            Style of the profiles and of the intervals.

        Returns
        -------
        ProfileDisplay
        """
        if kind not in ("zeta", "density"):
            raise ArgumentError(f"kind={kind!r} should be 'zeta' or 'density'.")
        n = len(self.curves)
        columns = min(n, 2)
        shape = grid(n, columns, ax)
        size = (5.6, 4.2) if n == 1 else (3.2 * columns, 2.3 * shape[0] + 0.6)
        axes = open_axes(
            self, ax, shape, n, title=title, figsize=size, sharey=kind == "zeta"
        )
        for name, one in zip(self.curves, axes.flat, strict=False):
            draw = self._draw_zeta if kind == "zeta" else self._draw_density
            draw(one, name, line_kw, band_kw)
            one.set_xlabel(name)
        for left in axes[:, 0]:
            left.set_ylabel("zeta" if kind == "zeta" else "profile density")
        legend_above(axes, new=ax is None, ncols=3)
        return self

    def _draw_zeta(self, ax, name, line_kw, band_kw):
        smooth, x = self.smooth(name), self.points(name)
        slope = float(smooth.derivative()(self.estimates[name]))
        straight = slope * (x - self.estimates[name])
        inside = np.abs(straight) <= FARTHEST
        level = f"{100 * self.confidence_level:g} % interval"
        band = {"color": PALE, "alpha": 0.5, "lw": 0, "label": level}
        ax.axvspan(*self._ends(name), **styled(band, band_kw))
        ax.axhline(0.0, color=BLACK, lw=0.8)
        style = {"color": GREY, "lw": 1.2, "ls": "--"}
        ax.plot(x[inside], straight[inside], label="if quadratic (Wald)", **style)
        style = {"color": BLUE, "lw": 2.0, "label": "profile"}
        ax.plot(x, smooth(x), **styled(style, line_kw))
        ax.plot(self.estimates[name], 0.0, "o", color=VERMILLION, label="ML estimate")
        if name in self.reml_estimates:
            hollow = {"mfc": "white", "mec": VERMILLION, "label": "REML estimate"}
            at = self.reml_estimates[name]
            ax.plot(at, 0.0, "D", ls="none", ms=5, zorder=4, **hollow)

    def _draw_density(self, ax, name, line_kw, band_kw):
        smooth, x = self.smooth(name), self.points(name)
        density = stats.norm.pdf(smooth(x)) * smooth.derivative()(x)
        low, high = self._ends(name)
        inside = (x >= low) & (x <= high)
        level = f"{100 * self.confidence_level:g} % interval"
        band = {"color": PALE, "lw": 0, "label": level}
        ax.fill_between(x[inside], density[inside], **styled(band, band_kw))
        style = {"color": BLUE, "lw": 2.0, "label": "profile"}
        ax.plot(x, density, **styled(style, line_kw))
        at = self.estimates[name]
        ax.axvline(at, color=VERMILLION, lw=1.2, label="ML estimate")
        if name in self.reml_estimates:
            style = {"color": VERMILLION, "lw": 1.2, "ls": ":"}
            ax.axvline(self.reml_estimates[name], label="REML estimate", **style)
        ax.set_ylim(bottom=0.0)
        ax.set_yticks([])

    def _ends(self, name):
        """Ends of the interval, or of the curve where it has none."""
        ends = zip(self.intervals[name], self.curves[name][[0, -1], 0], strict=True)
        return [other if np.isnan(end) else end for end, other in ends]
