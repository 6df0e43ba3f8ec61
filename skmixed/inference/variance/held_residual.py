"""The deviance with one parameter of a residual covariance model held."""

from dataclasses import replace

import numpy as np
from scipy.special import logit

from skmixed.errors import UnavailableError
from skmixed.inference.opened.residual_refit import by_pattern
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.residual_parameters import ResidualParameter
from skmixed.likelihood.criterion.held import Restricted
from skmixed.likelihood.criterion.scaled import ScaledDeviance
from skmixed.likelihood.elimination.patterns import Patterns


def can_hold(result, parameter):
    """Whether the profile likelihood can hold a parameter.

    Parameters
    ----------
    result : FitResult
        With a residual covariance or a dispersion.
    parameter : Parameter or ResidualParameter

    Returns
    -------
    bool
        Not where several parameters of the likelihood move it.
    """
    if parameter.kind == "fixed":
        return True
    if not isinstance(parameter, ResidualParameter):  # of random effects, or sigma
        alone = parameter.kind == "sd" and len(result.effects[parameter.factor]) == 1
        return parameter.kind == "sigma" or alone
    residual = result.residual
    if by_pattern(result) or parameter.kind == "dispersion":
        return parameter.can_be_held(residual)
    structure, first = parameter.part(residual)[0], parameter.effects[0] == 0
    if structure.shape is None:
        return parameter.kind == "sigma" and first and bool(structure.n_pinned)
    return parameter.can_be_held(residual)


class HeldResidualParameter(HeldParameter):
    """A fixed effect, standard deviation, ratio, correlation or range held.

    Parameters
    ----------
    result : FitResult
        By maximum likelihood, with a residual covariance.
    parameter : Parameter or ResidualParameter

    Notes
    -----
    Coordinates are theta and log sigma, where sigma is the standard deviation of the
    first visit of the first covariance. Of an unstructured covariance the visits are
    put in another order, those of the parameter first: a standard deviation is then
    sigma itself, or sigma lambda_11; and a correlation is held where the second row of
    Lambda is r (rho, sqrt(1 - rho^2)).
    """

    def __init__(self, result, parameter):
        self.parameter, self.result = parameter, result
        self.sigma, self.term = None, None
        self.fixed = parameter.kind == "fixed"
        self.free = not self.fixed and self.own_structure(result).shape is None
        self.refuse_shared()
        products, theta, sigma = self.reordered()
        elimination = Patterns(products)
        if self.fixed:
            A, elimination = self.hold_coefficient(result.A, elimination)
            products = replace(products, n_fixed=A.n_fixed)
        self.deviance = ScaledDeviance(products, elimination)
        self.x = np.append(theta, np.log(sigma))
        self.restricted = self.restrict()

    def own_structure(self, result):
        """Structure of the parameter's covariance."""
        return self.parameter.part(result.residual)[0]

    def refuse_shared(self):
        """Raise for a parameter that others of the covariance move too."""
        own = self.parameter
        if not can_hold(self.result, own):
            where = f"residual='{self.result.residual.text}'"
            if not isinstance(own, ResidualParameter):
                where = "its covariance beside the residuals'"
            raise UnavailableError(
                f"`{own.name}` cannot be held: it depends on several parameters of "
                f"{where}. Use method='wald' for it, or the bootstrap."
            )

    def reordered(self):
        """Products, theta and sigma with the parameter's visits first."""
        residual, sigma = self.result.residual, self.result.sigma
        if not self.free:
            return residual.products, residual.theta, sigma
        level, first = self.parameter.factor, list(reversed(self.parameter.effects))
        covariances = [sigma**2 * Psi for Psi in residual.covariances]
        k = len(covariances[level])
        order = [*first, *(i for i in range(k) if i not in first)]
        covariances[level] = covariances[level][np.ix_(order, order)]
        batches = list(residual.products.batches)
        old = batches[level]
        batches[level] = replace(old, rows=old.rows[order], seen=old.seen[order])
        variance = covariances[0][0, 0]
        theta = [
            structure.nearest(V / variance)
            for (structure, _), V in zip(residual.parts, covariances, strict=True)
        ]
        products = replace(residual.products, batches=tuple(batches))
        return products, np.concatenate(theta), np.sqrt(variance)

    def restrict(self):
        """Choose the coordinates that are left when the parameter is held."""
        identity, kind = np.eye(len(self.x)), self.parameter.kind
        if self.fixed:
            return Restricted(self.deviance, identity)
        structure = self.own_structure(self.result)
        start = self.parameter.span(self.result.residual).start
        if self.free and kind == "correlation":
            # lambda_11 is sigma's, or the first of theta
            low = start + 1 - structure.n_pinned
            self.places = low, low + self.second(structure)
            return Restricted(self.deviance, np.delete(identity, self.places[1], 1))
        if kind == "sigma" and self.is_sigma(structure):
            self.places = (len(self.x) - 1,)
            return Restricted(self.deviance, identity[:, :-1])
        place = start + (0 if self.free else self.parameter.place)
        self.places = (place,)
        left = np.delete(identity, place, 1)
        if kind == "sigma":
            if self.free or structure.inner.equal:
                return Restricted(self.deviance, left, place)
            left[place, -1] = -1.0  # log(sd / sigma)
        elif kind == "ratio" and not structure.n_pinned:
            left[place] = np.delete(identity[start], place)
        return Restricted(self.deviance, left)

    def is_sigma(self, structure):
        """Whether a standard deviation is sigma itself."""
        return bool(structure.n_pinned) and (
            self.free or self.parameter.effects[0] == 0
        )

    def second(self, structure):
        """How far lambda_22 stands behind lambda_21 in theta."""
        return structure.n_effects - 1

    def hold(self, value):
        """Hold the parameter at a value; returns the deviance of the others."""
        restricted, kind = self.restricted, self.parameter.kind
        if self.fixed:
            return super().hold(value)
        if self.free and kind == "correlation":
            low, last = self.places
            restricted.M[low] = restricted.M[last] = 0.0
            restricted.M[low, low] = value
            restricted.M[last, low] = np.sqrt(max(1.0 - value**2, 0.0))
        elif restricted.scaled is not None:
            restricted.amount = value
        elif kind in {"sigma", "ratio"}:
            restricted.origin[self.places[0]] = np.log(value)
        else:
            restricted.origin[self.places[0]] = self.phi_of(value)
        return restricted

    def phi_of(self, value):
        """A structure's own parameter at a correlation, range or nugget."""
        shape = self.own_structure(self.result).shape
        if self.parameter.kind == "range":
            return np.log(value / shape.unit)
        if self.parameter.kind == "nugget":
            return float(logit(value))
        if self.parameter.smallest is not None:
            return shape.phi_of(value)
        with np.errstate(divide="ignore"):
            return float(np.arctanh(np.clip(value, -1.0, 1.0)))

    def at_estimates(self):
        """Coordinates of the estimates, log sigma last."""
        if self.fixed:
            return self.x.copy()
        if self.free and self.parameter.kind == "correlation":
            low, last = self.places
            y = self.x.copy()
            y[low] = np.hypot(y[low], y[last])
            return np.delete(y, last)
        return np.delete(self.x, self.places[0])

    def start(self):
        """Coordinates y of the estimates."""
        return self.at_estimates()

    def mirrored(self, y):
        """Whether minus the correlation is held at y."""
        held = self.free and self.parameter.kind == "correlation"
        return bool(held and y[self.places[0]] < 0.0)

    def reflected(self, y):
        """The same with a positive standard deviation."""
        y = y.copy()
        y[self.places[0]] = abs(y[self.places[0]])
        return y

    @property
    def boundaries(self):
        """No standard deviation of a residual is zero."""
        return []
