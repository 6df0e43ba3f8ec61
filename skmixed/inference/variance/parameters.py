"""The parameters that people speak of: fixed effects, sds, correlations, sigma."""

from dataclasses import dataclass

import numpy as np

from skmixed.errors import ArgumentError
from skmixed.likelihood.result import is_linear


@dataclass(frozen=True)
class Parameter:
    """One parameter of a fitted model.

    Parameters
    ----------
    name : str
        As confidence intervals are labelled.
    kind : {"fixed", "sd", "correlation", "sigma"}
        Of residual covariances also "ratio" and "range".
    factor : int
        Grouping factor of a random effect; -1 for the others.
    effects : tuple of int
        Position of the fixed effect, of the random effect in its factor, or of the two
        that are correlated.
    place : int or None, default=None
        Position in the term's theta of the one parameter that moves it alone, if it is
        one of a structured covariance.
    smallest : float or None, default=None
        Smallest possible value where it is not that of the kind.
    """

    name: str
    kind: str
    factor: int = -1
    effects: tuple[int, ...] = ()
    place: int | None = None
    smallest: float | None = None

    # whether the limits of the domain are values too
    closed = True

    def value(self, coef, covariances, sigma):
        """Value of the parameter.

        Parameters
        ----------
        coef : ndarray of shape (r,)
        covariances : sequence of ndarray of shape (k_j, k_j)
            With sigma^2 included.
        sigma : float

        Returns
        -------
        float
            NaN for the correlation of an effect that does not vary.
        """
        if self.kind == "fixed":
            return float(coef[self.effects[0]])
        if self.kind == "sigma":
            return float(sigma)
        covariance = covariances[self.factor]
        i, j = self.effects[0], self.effects[-1]
        if self.kind == "sd":
            return float(np.sqrt(max(covariance[i, i], 0.0)))
        scale = np.sqrt(covariance[i, i]) * np.sqrt(covariance[j, j])
        return float(np.clip(covariance[i, j] / scale, -1, 1)) if scale > 0 else np.nan

    def value_of(self, result):
        """Value in a fit."""
        return self.value(result.coef, result.covariances, result.sigma)

    def inverse(self, x, shape=None):
        """Take the scale on which a variance parameter is nearly normal back."""
        return np.tanh(x) if self.kind == "correlation" else np.exp(x)

    def error(self, value, relative):
        """Standard error of a value from that on the nearly normal scale."""
        slope = 1.0 - value**2 if self.kind == "correlation" else value
        return slope * relative

    @property
    def domain(self):
        """Smallest and largest possible value."""
        limits = {"sd": (0.0, np.inf), "sigma": (0.0, np.inf), "correlation": (-1, 1)}
        lower, upper = limits.get(self.kind, (-np.inf, np.inf))
        return lower if self.smallest is None else self.smallest, upper


def list_parameters(result, coef_names):
    """List the parameters of a model: fixed effects first, an estimated sigma last.

    Those of a residual covariance are not among them; see
    :func:`skmixed.inference.variance.residual_parameters.parameters_of`.

    Parameters
    ----------
    result : FitResult
    coef_names : sequence of str of length r

    Returns
    -------
    list of Parameter
    """
    found = [Parameter(n, "fixed", -1, (i,)) for i, n in enumerate(coef_names)]
    for j, positions, structure in result.terms:
        names = [result.effects[j][i] for i in positions]
        for described in structure.parameters(names):
            name = unused(f"{described.name}|{result.groups[j]}", found)
            found.append(
                Parameter(
                    name,
                    described.kind,
                    j,
                    tuple(positions[e] for e in described.effects),
                    described.place,
                    described.smallest,
                )
            )
    if is_linear(result) and result.A.sigma is None:
        found.append(Parameter("sigma", "sigma"))
    return found


def unused(name, found):
    """A name that no parameter has yet: two terms may have one structure."""
    taken = {parameter.name for parameter in found}
    numbered = (f"{name}.{k}" for k in range(2, 2 + len(found)))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def values_of(result, parameters):
    """Estimates of some parameters, of shape (len(parameters),)."""
    if getattr(result, "residual", None) is not None:
        return np.array([p.value_of(result) for p in parameters])
    covariances = result.covariances
    return np.array(
        [p.value(result.coef, covariances, result.sigma) for p in parameters]
    )


def choose_parameters(parameters, names):
    """Choose parameters by name.

    Parameters
    ----------
    parameters : list of Parameter
    names : str, list of str or None
        Names; "fixed" and "variance" stand for all of their kind, None for everything.

    Returns
    -------
    list of Parameter

    Raises
    ------
    ValueError
        For a name that the model does not have.
    """
    if names is None:
        return parameters
    names = [names] if isinstance(names, str) else list(names)
    known = {p.name: [p] for p in parameters}
    known["fixed"] = [p for p in parameters if p.kind == "fixed"]
    known["variance"] = [p for p in parameters if p.kind != "fixed"]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ArgumentError(
            f"The model has no parameter {unknown}; it has "
            f"{[p.name for p in parameters]}, and 'fixed' and 'variance' stand for all "
            "of their kind."
        )
    return list(dict.fromkeys(p for name in names for p in known[name]))
