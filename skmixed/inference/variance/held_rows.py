"""The deviance with one parameter held, where rows stand in blocks or series."""

from dataclasses import replace

import numpy as np

from skmixed.inference.opened.open_fit import open_residual
from skmixed.inference.variance.held_residual import HeldResidualParameter
from skmixed.inference.variance.residual_parameters import DispersionParameter
from skmixed.likelihood.criterion.held import Restricted
from skmixed.likelihood.criterion.scaled import scaled


class HeldRowParameter(HeldResidualParameter):
    """A parameter of a model whose likelihood is that of rows held.

    Parameters
    ----------
    result : FitResult
        By maximum likelihood, with products in blocks or in series.
    parameter : Parameter or ResidualParameter

    Notes
    -----
    Coordinates are theta and log sigma. All parameters that are functions of one of
    them, or of two logarithms, can be held: see :func:`can_hold`.
    """

    free = False

    def __init__(self, result, parameter):
        self.parameter, self.result = parameter, result
        self.sigma, self.term = None, None
        self.fixed = parameter.kind == "fixed"
        self.refuse_shared()
        products = result.residual.products
        if self.fixed:
            self.B = self.combination(result.A)
            products = products.combined(self.B)
        self.deviance = self.deviance_of(products)
        self.x = np.append(result.residual.theta, np.log(result.sigma))
        self.restricted = self.restrict()

    def deviance_of(self, products):
        """Deviance of some products, in theta and log sigma."""
        residual = replace(self.result.residual, products=products)
        return scaled(open_residual(residual, False))

    def restrict(self):
        """Choose the coordinates that are left when the parameter is held."""
        identity, own, last = np.eye(len(self.x)), self.parameter, len(self.x) - 1
        if isinstance(own, DispersionParameter):
            place = last - len(self.result.residual.scale) + own.place
        elif own.kind == "sd":
            place = self.deviance.spans[own.factor].start
            basis = self.result.residual.products.basis.random[own.factor]
            self.reach = float(basis.contrasts(np.eye(1))[0, 0])
        elif own.kind == "sigma" and not hasattr(own, "part"):
            place = last  # of independent residuals
        else:
            return super().restrict()
        self.places = (place,)
        left = np.delete(identity, place, 1)
        return Restricted(self.deviance, left, place if own.kind == "sd" else None)

    def hold(self, value):
        """Hold the parameter at a value; returns the deviance of the others."""
        restricted, own = self.restricted, self.parameter
        if self.fixed:
            B, p = self.B.copy(), len(self.along)
            B[:p, -1] = -(value - self.known) * self.along
            products = self.result.residual.products.combined(B)
            restricted.deviance = self.deviance_of(products)
        elif own.kind == "sd":
            restricted.amount = value / self.reach
        elif isinstance(own, DispersionParameter):
            scale = self.result.residual.scale[own.place]
            restricted.origin[self.places[0]] = value * scale
        else:
            return super().hold(value)
        return restricted
