"""The deviance with one parameter held at a value, as a smooth function of the rest."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from skmixed.errors import UnavailableError
from skmixed.inference.opened.open_fit import theta_of
from skmixed.likelihood.criterion.held import Restricted, TransformedElimination
from skmixed.likelihood.criterion.scaled import ScaledDeviance
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.products.precondition import change_basis, scale_free

# Logarithm of a standard deviation of zero.
LOWEST_LOG = -1e3


class HeldParameter:
    """The deviance of a model with one parameter held, and the way from value to value.

    Parameters
    ----------
    result : FitResult
        By maximum likelihood.
    parameter : Parameter

    Notes
    -----
    Effects are turned so that the held standard deviation is that of the first one of
    its block, ``sigma a lambda_11``; the held correlation that of the first two, whose
    covariance factor is then linear in lambda_11 and in r, the norm of the second row.
    A held fixed effect moves its column times the value to the response.

    Where the model knows sigma, log sigma is held too, and is none of the coordinates.

    Where lambda_11 and r are of different signs, it is minus the correlation that is
    held: such points are no part of the profile.
    """

    def __init__(self, result, parameter):
        self.parameter = parameter
        self.result = result
        self.term = self.find_term()
        self.refuse_shared()
        self.sigma = result.A.sigma
        A = scale_free(replace(result.A, sigma=None))
        if parameter.factor >= 0 and self.term is None:
            rotations = [np.eye(factor.n_effects) for factor in A.factors]
            rotations[parameter.factor] = self.turn(A.basis.random[parameter.factor])
            A = change_basis(A, rotations)
        elimination = choose_elimination(A)
        if parameter.kind == "fixed":
            A, elimination = self.hold_coefficient(A, elimination)
        self.deviance = ScaledDeviance(A, elimination)
        self.bases = A.basis.random
        self.x = self.estimates()
        self.restricted = self.restrict()

    def find_term(self):
        """Place of the structured term that the parameter belongs to, or None."""
        for place, term in enumerate(self.result.terms):
            own = term.factor == self.parameter.factor
            if own and self.parameter.effects[0] in term.effects:
                return None if term.structure.free_blocks else place
        return None

    def refuse_shared(self):
        """Raise for a parameter that others of a structured covariance move too."""
        if self.term is not None and self.parameter.place is None:
            raise UnavailableError(
                f"`{self.parameter.name}` cannot be held: it depends on several "
                "parameters of its structure. Use method='wald' for it, or the "
                "bootstrap."
            )

    def place(self):
        """Position in theta of a held parameter of a structured term."""
        factor, deviance = self.parameter.factor, self.deviance
        before = [t for t in self.result.terms[: self.term] if t.factor == factor]
        start = sum(t.structure.n_theta for t in before)
        return deviance.spans[factor].start + start + self.parameter.place

    def block(self):
        """Free block of the covariance that the parameter belongs to."""
        structure = self.result.A.factors[self.parameter.factor].structure
        first = self.parameter.effects[0]
        return next(b for b in structure.free_blocks if b.start <= first < b.stop)

    def turn(self, basis):
        """Rotation that makes the held effects the first ones of their block."""
        k, block = basis.n_raw, self.block()
        effects = np.eye(k)[list(reversed(self.parameter.effects))]
        rows = basis.contrasts(effects)[:, block].T
        # effects = (i, k) of a correlation: k, the earlier one, comes first
        Q, R = np.linalg.qr(np.hstack([rows, np.eye(len(rows))]))
        n = rows.shape[1]
        Q[:, :n] *= np.sign(np.diag(R)[:n])
        rotation = np.eye(k)
        rotation[block, block] = Q
        return rotation

    def hold_coefficient(self, A, elimination):
        """Cross-products without the held fixed effect's direction."""
        B = self.combination(A)
        return replace(A, gram=B.T @ A.gram @ B), TransformedElimination(elimination, B)

    def combination(self, A):
        """Columns [X y] without the held fixed effect's direction, (p + 1, p)."""
        at = self.parameter.effects[0]
        direction = A.basis.contrasts(np.eye(A.n_fixed)[at])
        self.known = float(A.basis.raw_coef(np.zeros(A.n_fixed))[at])
        self.along = direction / (direction @ direction)
        p = A.n_fixed
        others = np.linalg.svd(direction[None])[2][1:].T
        B = np.zeros((p + 1, p))
        B[:p, : p - 1], B[p, p - 1] = others, 1.0
        return B

    def estimates(self):
        """(theta, log sigma) of the fit in this basis."""
        old = self.result.A.basis
        theta = theta_of(self.deviance, old, self.result.Lambdas)
        return np.append(theta, np.log(self.result.sigma))

    def restrict(self):
        """Choose the coordinates that are left when the parameter is held."""
        identity, kind = np.eye(len(self.x)), self.parameter.kind
        if kind == "fixed":
            return Restricted(self.deviance, identity)
        if kind == "sigma":
            return Restricted(self.deviance, identity[:, :-1])
        if self.term is not None:
            return self.restrict_structured(identity)
        j, start = self.parameter.factor, self.block().start
        T = self.bases[j].contrasts(np.eye(self.bases[j].n_raw))
        first = self.position(start, start)
        if kind == "sd":
            self.reach = T[self.parameter.effects[0], start]
            return Restricted(self.deviance, np.delete(identity, first, 1), first)
        i, k = self.parameter.effects
        self.reach = T[k, start], T[i, start], T[i, start + 1]
        self.places = (
            first,
            self.position(start + 1, start),
            self.position(start + 1, start + 1),
        )
        return Restricted(self.deviance, np.delete(identity, self.places[2], 1))

    def restrict_structured(self, identity):
        """Hold a standard deviation, or the parameter behind a correlation."""
        place, i = self.place(), self.parameter.effects[0]
        self.places = (place,)
        left = np.delete(identity, place, 1)
        if self.parameter.kind == "correlation":
            return Restricted(self.deviance, left)
        basis = self.bases[self.parameter.factor]
        self.reach = basis.raw(np.eye(basis.n_raw))[i, i]
        if not self.result.terms[self.term].structure.heterogeneous:
            return Restricted(self.deviance, left, place)
        left[place, -1] = -1.0  # log(sd / sigma)
        return Restricted(self.deviance, left)

    def hold_deviation(self, restricted, value):
        """Hold a standard deviation: an entry of theta, or a logarithm there."""
        if restricted.scaled is not None:
            restricted.amount = value / self.reach
        else:
            with np.errstate(divide="ignore"):
                log = np.log(value / self.reach)
            restricted.origin[self.places[0]] = max(log, LOWEST_LOG)

    def position(self, row, col):
        """Place of an entry of the factor's Lambda in theta."""
        j = self.parameter.factor
        start = self.deviance.spans[j].start
        return start + self.deviance.structures[j].position(row, col)

    def hold(self, value):
        """Hold the parameter at a value; returns the deviance of the others.

        Parameters
        ----------
        value : float

        Returns
        -------
        Restricted
        """
        restricted, kind = self.restricted, self.parameter.kind
        if kind == "fixed":
            p = len(self.along)
            held = self.deviance.elimination
            B = held.B.copy()
            B[:p, -1] = -(value - self.known) * self.along
            elimination = TransformedElimination(held.inner, B)
            restricted.deviance = ScaledDeviance(self.deviance.A, elimination)
        elif kind == "sigma":
            restricted.origin[-1] = np.log(value)
        elif kind == "sd":
            self.hold_deviation(restricted, value)
        elif self.term is not None:
            shape = self.result.terms[self.term].structure.shape
            restricted.origin[self.places[0]] = shape.phi_of(value)
        else:
            self.hold_correlation(restricted, value)
        return self.at_known_sigma(restricted)

    def at_known_sigma(self, restricted):
        """Hold log sigma, the last coordinate, where the model knows it."""
        if self.sigma is None:
            return restricted
        outer = Restricted(restricted, np.eye(restricted.M.shape[1])[:, :-1])
        outer.origin[-1] = np.log(self.sigma)
        return outer

    def hold_correlation(self, restricted, rho):
        """Make the second row of Lambda a function of lambda_11 and of its norm r."""
        _, low, last = self.places
        _, c1, c2 = self.reach
        at_first, at_low = self.signed()
        restricted.M[low] = restricted.M[last] = 0.0
        restricted.M[low, at_low] = rho / c2
        restricted.M[low, at_first] = -c1 / c2
        restricted.M[last, at_low] = np.sqrt(max(1.0 - rho**2, 0.0)) / c2

    def mirrored(self, y):
        """Whether minus the correlation is held at y."""
        if self.parameter.kind != "correlation" or self.term is not None:
            return False
        at_first, at_low = self.signed()
        return bool(y[at_first] * y[at_low] < 0.0)

    def reflected(self, y):
        """The same with both standard deviations positive."""
        y, places = y.copy(), list(self.signed())
        y[places] = np.abs(y[places])
        return y

    def signed(self):
        """Places of lambda_11 and r among the coordinates y."""
        first, low, last = self.places
        columns = np.delete(np.arange(len(self.x)), last)
        return tuple(int(np.flatnonzero(columns == at)[0]) for at in (first, low))

    @cached_property
    def boundaries(self):
        """Deviances, as functions of what is left, where either effect does not vary.

        The correlation does not count there. Each comes with a start.
        """
        if self.parameter.kind != "correlation" or self.term is not None:
            return []
        first, low, last = self.places
        _, c1, c2 = self.reach
        identity = np.eye(len(self.x))
        without_first = np.delete(identity, first, 1)
        without_second = identity.copy()
        without_second[low, first] = -c1 / c2
        without_second = np.delete(without_second, [low, last], 1)
        found = [
            (Restricted(self.deviance, without_first), np.delete(self.x, first)),
            (
                Restricted(self.deviance, without_second),
                np.delete(self.x, [low, last]),
            ),
        ]
        return [(self.at_known_sigma(one), self.without_sigma(y)) for one, y in found]

    def without_sigma(self, y):
        """Coordinates that are left where sigma is known."""
        return y if self.sigma is None else y[:-1]

    def deviance_at(self, estimate):
        """Deviance with the parameter held at its estimate.

        Parameters
        ----------
        estimate : float

        Returns
        -------
        float
        """
        self.estimate = estimate
        return self.hold(estimate).at(self.start()).value

    def deviance_rise(self, estimate):
        """What holding the parameter at its estimate adds to the fit's deviance.

        Parameters
        ----------
        estimate : float

        Returns
        -------
        float
            Zero but for rounding; more where a double cannot hold the estimate, as a
            correlation with the intercept of a covariate that is far from zero.
        """
        owed = self.result.A.sum_log_weights
        return self.deviance_at(estimate) - owed - self.result.deviance

    def start(self):
        """Coordinates y of the estimates."""
        return self.without_sigma(self.at_estimates())

    def at_estimates(self):
        """Coordinates of the estimates, log sigma last."""
        kind = self.parameter.kind
        if kind == "fixed":
            return self.x.copy()
        if kind == "sigma":
            return self.x[:-1].copy()
        if self.term is not None:
            return np.delete(self.x, self.places[0])
        if kind == "sd":
            return np.delete(self.x, self.restricted.scaled)
        first, low, last = self.places
        _, c1, c2 = self.reach
        y = self.x.copy()
        across = c1 * y[first] + c2 * y[low]
        y[low] = np.hypot(across, c2 * y[last])
        return np.delete(y, last)
