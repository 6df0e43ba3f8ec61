"""Parameters of a residual covariance as people call them."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.inference.variance.parameters import Parameter, list_parameters

# Correlations nearer to one have no Fisher's z to speak of.
NEAR_ONE = 1e-12
# Kinds with a parameter of theta that they alone are a function of.
OWN_SCALE = ("correlation", "range", "nugget")


@dataclass(frozen=True)
class ResidualParameter(Parameter):
    """A standard deviation, ratio of two, correlation or range of residuals.

    ``factor`` is whose covariance it is of: 0, or the place of the level of ``by``.

    Parameters
    ----------
    kind : {"sigma", "ratio", "correlation", "range", "nugget"}
        "sigma" is a standard deviation, "ratio" one relative to the first visit's.
    effects : tuple of int
        Visits: one of a standard deviation, two of others.
    place : int or None, default=None
        Position in the covariance's theta of the parameter that it is a function of.
    """

    closed = False

    def value_of(self, result):
        """Value in a fit."""
        structure, theta = self.part(result.residual)
        if self.kind in OWN_SCALE and self.place is not None:
            return self.inverse(theta[self.place], structure.shape)
        Psi = structure.root(theta) @ structure.root(theta).T
        i, k = self.effects[0], self.effects[-1]
        if self.kind == "sigma":
            return float(result.sigma * np.sqrt(Psi[i, i]))
        if self.kind == "ratio":
            return float(np.sqrt(Psi[i, i] / Psi[k, k]))
        return float(Psi[i, k] / np.sqrt(Psi[i, i] * Psi[k, k]))

    def part(self, residual):
        """The structure of its covariance, and theta."""
        return list(residual.parts)[self.factor]

    def span(self, residual):
        """Where the theta of its covariance stand in those of all residuals."""
        sizes = [len(theta) for _, theta in residual.parts]
        start = residual.start + sum(sizes[: self.factor])
        return slice(start, start + sizes[self.factor])

    def can_be_held(self, residual):
        """Whether no other parameter of the covariance moves it."""
        free = self.part(residual)[0].shape is None and self.kind == "correlation"
        return self.kind == "sigma" or self.place is not None or free

    @property
    def domain(self):
        """Smallest and largest possible value."""
        if self.kind == "correlation":
            return super().domain
        return 0.0, 1.0 if self.kind == "nugget" else np.inf

    def working(self, result):
        """Value on the scale that is nearly normal, and its slopes.

        That is a structure's own scale where the parameter is one of its own; else the
        logarithm of a standard deviation or ratio, and Fisher's z of a correlation.

        Parameters
        ----------
        result : FitResult

        Returns
        -------
        value : float
            Not finite at the boundary.
        slope : ndarray of shape (m + 1,)
            In the residuals' theta and log sigma.
        """
        residual = result.residual
        structure, theta = self.part(residual)
        slope = np.zeros(len(residual.theta) + 1)
        own = slope[self.span(residual)]
        if self.kind in OWN_SCALE and self.place is not None:
            own[self.place] = 1.0
            return float(theta[self.place]), slope
        root = structure.root(theta)
        Psi, dPsi = root @ root.T, structure.directions(theta)
        i, k = self.effects[0], self.effects[-1]
        half = [0.5 * dPsi[:, a, a] / Psi[a, a] for a in (i, k)]
        at = self.value_of(result)
        if self.kind == "sigma":
            own[:], slope[-1] = half[0], 1.0
            return float(np.log(at)), slope
        if self.kind == "ratio":
            own[:] = half[0] - half[1]
            return float(np.log(at)), slope
        if abs(at) > 1.0 - NEAR_ONE:
            return np.nan, slope
        scale = np.sqrt(Psi[i, i] * Psi[k, k])
        own[:] = (dPsi[:, i, k] / scale - at * (half[0] + half[1])) / (1.0 - at**2)
        return float(np.arctanh(at)), slope

    def inverse(self, x, shape=None):
        """Take the working scale back.

        Parameters
        ----------
        x : float
        shape : Shape, optional
            That of the covariance.

        Returns
        -------
        float
        """
        if self.kind == "range":
            return float(shape.range_of(np.array([x, 0.0])[: shape.n_phi]))
        if self.kind == "nugget":
            return float(shape.share(np.array([x])))
        if self.kind != "correlation":
            return float(np.exp(x))
        if self.smallest is not None and self.place is not None:
            return float(shape.value(np.array([x]))[0, 1])
        return float(np.tanh(x))

    def error(self, value, relative):
        """Standard error of a value from that on the working scale."""
        if self.kind == "nugget":
            return value * (1.0 - value) * relative
        if self.kind != "correlation":
            return value * relative
        if self.smallest is not None and self.place is not None:
            a = -self.smallest  # (1 + a) s - a with s logistic
            share = (value + a) / (1.0 + a)
            return (1.0 + a) * share * (1.0 - share) * relative
        return (1.0 - value**2) * relative


def parameters_of(fit):
    """List all parameters of a fitted model.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    list of Parameter
        Those of a residual covariance take the place of sigma.
    """
    found = list_parameters(fit.result, fit.names)
    residual = getattr(fit.result, "residual", None)
    if residual is None:
        return found
    spec = fit.spec
    if spec.residual is not None:
        found = [p for p in found if p.kind != "sigma"]
        found += list_residual_parameters(residual, spec.residual.levels)
    if spec.dispersion is not None:
        names = [name for name in spec.dispersion.coef_names if name != "Intercept"]
        found += list_dispersion_parameters(names)
    return found


def list_residual_parameters(residual, levels=None):
    """List the parameters of a residual covariance.

    Parameters
    ----------
    residual : ResidualFit
    levels : sequence, optional
        Of ``by``; names get them behind a bar.

    Returns
    -------
    list of ResidualParameter
        Correlations or the range first, then standard deviations by visit and their
        ratios to the first visit's.
    """
    found = []
    visits = residual.visits
    for place, (structure, _) in enumerate(residual.parts):
        own = [*correlations(structure, visits), *deviations(structure, visits)]
        if levels is not None and len(levels) > 1:
            own = [replace(p, name=f"{p.name}|{levels[place]}") for p in own]
        found += [replace(p, factor=place) for p in own]
    return found


def correlations(structure, visits):
    """Correlations of one covariance, without level."""
    shape, first = structure.shape, structure.n_scales - structure.n_pinned
    if shape is None:
        return [
            ResidualParameter(f"cor_{visits[i]}.{visits[k]}", "correlation", 0, (i, k))
            for k in range(len(visits))
            for i in range(k + 1, len(visits))
        ]
    if not shape.n_phi:
        return []
    nugget = []
    if hasattr(shape, "share"):
        nugget = [ResidualParameter("nugget", "nugget", 0, (0,), first + 1)]
    if hasattr(shape, "range_of"):
        return [ResidualParameter("range", "range", 0, (1, 0), first), *nugget]
    names, steps = shape.names, shape.by_step
    if len(names) == 1 and not steps:
        least = None if shape.ordered else shape.smallest
        rho = ResidualParameter("rho", "correlation", 0, (1, 0), first, least)
        return [rho, *nugget]
    return [
        ResidualParameter(
            name,
            "correlation",
            0,
            (k + 1, k) if steps else (k + 1, 0),
            # of lags only the first is a parameter of its own
            first + k if steps or k == 0 else None,
        )
        for k, name in enumerate(names)
    ]


def deviations(structure, visits):
    """Standard deviations of one covariance and their ratios, without level."""
    pinned, shape = structure.n_pinned, structure.shape
    if shape is not None and structure.inner.equal:
        return [ResidualParameter("sd", "sigma", 0, (0,), None if pinned else 0)]
    free = shape is None
    found = [
        ResidualParameter(
            f"sd_{visit}", "sigma", 0, (i,), None if free or i < pinned else i - pinned
        )
        for i, visit in enumerate(visits)
    ]
    return found + [
        ResidualParameter(
            f"ratio_{visit}", "ratio", 0, (i, 0), None if free else i - pinned
        )
        for i, visit in enumerate(visits)
        if i > 0
    ]


@dataclass(frozen=True)
class DispersionParameter(ResidualParameter):
    """A slope of ``dispersion=``; ``place`` is its column's."""

    def value_of(self, result):
        """Value in a fit."""
        return float(result.residual.gamma[self.place])

    def can_be_held(self, residual):
        """It is a parameter of its own."""
        return True

    @property
    def domain(self):
        """Any number."""
        return -np.inf, np.inf

    def working(self, result):
        """Value, and its slopes in theta and log sigma."""
        residual = result.residual
        slope = np.zeros(len(residual.theta) + 1)
        place = len(residual.theta) - len(residual.scale) + self.place
        slope[place] = 1.0 / residual.scale[self.place]
        return self.value_of(result), slope

    def inverse(self, x, shape=None):
        """Take the working scale back: it is the own one."""
        return float(x)

    def error(self, value, relative):
        """Standard error of a value: the working scale is its own."""
        return relative


def list_dispersion_parameters(names):
    """List the slopes of a dispersion.

    Parameters
    ----------
    names : sequence of str
        Of the columns.

    Returns
    -------
    list of DispersionParameter
    """
    return [
        DispersionParameter(f"dispersion_{name}", "dispersion", 0, (0,), place)
        for place, name in enumerate(names)
    ]
