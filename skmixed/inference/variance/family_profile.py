"""Profile likelihoods of generalised models: refits to the rows, one parameter held."""

import copy
from dataclasses import replace

import numpy as np

from skmixed.errors import UnavailableError
from skmixed.inference.opened.family_refit import FamilyRefitter
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.family_parameters import OWN, family_values
from skmixed.inference.variance.profile import follow_all
from skmixed.likelihood.coarse import theta_near
from skmixed.likelihood.criterion.held import Restricted

# Decrement of the modes: the gradient of a held parameter foretells no gain.
MODES_TOL = 1e-14


class HeldFamilyParameter(HeldParameter):
    """The deviance of a generalised model with one parameter held.

    Parameters
    ----------
    refitter : FamilyRefitter
    parameter : Parameter

    Notes
    -----
    Standard deviations and correlations are held as :class:`HeldParameter` says, on
    x = (theta, beta, psi) and without sigma; fixed effects and the family's own
    parameters are linear in x, or their logarithm is.
    """

    def __init__(self, refitter, parameter):
        self.parameter, self.result = parameter, refitter.result
        self.sigma, self.term = None, self.find_term()
        if self.term is not None:
            raise UnavailableError(
                f"`{parameter.name}` cannot be held: it belongs to a structured "
                "covariance. Use method='wald' for it, or the bootstrap."
            )
        self.deviance = deviance = copy.copy(refitter.deviance)
        deviance.forget()
        deviance.tol_now = MODES_TOL
        deviance.set_tolerance = lambda *_: None
        bases = list(deviance.bases)
        self.bases = self.mixed(bases)
        if parameter.factor >= 0:
            j = parameter.factor
            bases[j] = bases[j] @ self.turn(self.bases[j])
            deviance.bases, self.bases = bases, self.mixed(bases)
        self.x = refitter.start.copy()
        self.x[: deviance.n_theta] = theta_near(deviance, self.result.relative_factors)
        if parameter.kind == OWN and not parameter.effects:
            # steps towards zero shrink, as those of sigma do
            self.parameter = replace(parameter, kind="sigma", smallest=0.0)
        self.restricted = self.restrict()

    def mixed(self, bases):
        """Bases of the effects that theta is of."""
        own = self.deviance.sweeps.basis.random
        return [basis.mixed(B) for basis, B in zip(own, bases, strict=True)]

    def restrict(self):
        """Choose the coordinates that are left when the parameter is held."""
        kind, deviance = self.parameter.kind, self.deviance
        if kind == "correlation":
            return super().restrict()
        if kind == "fixed":
            a = np.zeros(len(self.x))
            to_raw = deviance.sweeps.basis.fixed.to_raw @ deviance.beta_basis
            a[deviance.at_beta] = to_raw[self.parameter.effects[0]]
            self.along = a / (a @ a)
            return Restricted(deviance, np.linalg.svd(a[None])[2][1:].T)
        if kind == "sd":
            j, start = self.parameter.factor, self.block().start
            T = self.bases[j].contrasts(np.eye(self.bases[j].n_raw))
            self.reach = T[self.parameter.effects[0], start]
            self.held_at = self.position(start, start)
        else:
            at = self.parameter.effects or (0,)
            self.held_at = deviance.at_psi.start + at[0]
        return Restricted(deviance, np.delete(np.eye(len(self.x)), self.held_at, 1))

    def hold(self, value):
        """Hold the parameter at a value; returns the deviance of the others."""
        kind, origin = self.parameter.kind, self.restricted.origin
        if kind == "correlation":
            self.hold_correlation(self.restricted, value)
        elif kind == "fixed":
            origin[:] = value * self.along
        elif kind == "sd":
            origin[self.held_at] = value / self.reach
        elif kind == "sigma":
            origin[self.held_at] = psi_of(self.result.family, value)
        else:
            origin[self.held_at] = value
        return self.restricted

    def at_estimates(self):
        """Coordinates of the estimates."""
        if self.parameter.kind == "correlation":
            return super().at_estimates()
        if self.parameter.kind == "fixed":
            return self.restricted.M.T @ self.x
        return np.delete(self.x, self.held_at)


def psi_of(family, dispersion):
    """The one psi, a logarithm, of a dispersion as it is reported."""
    at_zero, at_one = (family.dispersion(np.array([psi])) for psi in (0.0, 1.0))
    return np.log(dispersion / at_zero) / np.log(at_one / at_zero)


def family_profile(result, design, parameters, target, verbose=None):
    """Follow the likelihood of a generalised model along some parameters.

    Parameters
    ----------
    result : GeneralizedResult
    design : Design
        The rows of the fit, with responses and weights.
    parameters : list of Parameter
    target : float
        Zeta to be found to both sides; the profiles end just beyond it.
    verbose : int, optional

    Returns
    -------
    ProfileLikelihood
    """
    refitter = FamilyRefitter(result, design)
    return follow_all(
        parameters,
        family_values(result, result.family, parameters),
        [first_width(result, parameter) for parameter in parameters],
        lambda parameter: HeldFamilyParameter(refitter, parameter),
        target,
        verbose,
    )


def first_width(result, parameter):
    """Guess a standard error: the first step of a profile."""
    estimate = float(family_values(result, result.family, [parameter])[0])
    at = parameter.effects[0] if parameter.effects else 0
    if parameter.kind == "fixed":
        return float(np.sqrt(result.coef_cov[at, at]))
    if parameter.kind == "correlation":
        return 0.2
    if parameter.kind == "sd":
        return max(0.2 * estimate, 0.0 if estimate > 0 else 0.05)
    width = float(np.sqrt(result.psi_cov[at, at]))
    return width if parameter.effects else estimate * np.clip(width, 1e-3, 1.0)
