"""Conditional modes of the random effects: penalised Newton steps."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Newton decrement below which steps are no longer looked back at: Newton is quadratic
# there, and differences of values may be noise.
UNCHECKED = 1e-4
# Steps, and halvings of one step, at the most.
MOST_STEPS, MOST_HALVINGS = 60, 30
# Share of a decrement that a step by an old factor may leave.
FAST = 0.05
# Coefficients that differ by less, relative to themselves, are the same.
SAME = 1e-12


class ModesFailedError(Exception):
    """The conditional modes were not found."""


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes at one (theta, beta, psi).

    Parameters
    ----------
    u : list of ndarray of shape (k_j, G_j)
        With ``b = Lambda u``.
    state : RowState
        Of the sweep at the modes.
    factored : Factored
        V at the modes' weights.
    value : float
        ``-2 l + u'u + log|M|``.
    tol : float
        Decrement that they are at, relative to the deviance; 0 where rounding allows no
        better.
    """

    u: list
    state: Any
    factored: Any
    value: float
    tol: float


class ModeSearch:
    """Steps ``M du = Lambda'Z's - u``, halved while the penalised fit gets worse.

    Parameters
    ----------
    sweeps : RowSweeps
    elimination : Elimination
        Of weights of any kind, whose layout serves all others.
    """

    def __init__(self, sweeps, elimination):
        self.sweeps, self.elimination = sweeps, elimination
        self.n_steps = 0
        self.without_effects: Any = None
        self.stale: Any = None

    def sweep(self, beta, b, psi, spent):
        """Sweep the rows; where b is zero the sweep may be known already."""
        known, self.without_effects = self.without_effects, None
        if known is not None and not any(block.any() for block in b):
            at_beta, at_psi, state = known
            if np.allclose(at_beta, beta, SAME, 0) and np.array_equal(at_psi, psi):
                return replace(state, complete=False)
        return self.sweeps.evaluate(beta, b, psi, spent=spent)

    def find(self, roots, beta, psi, u, tol):
        """Find the modes.

        Parameters
        ----------
        roots : list of ndarray of shape (k_j, k_j)
            Lambda in the basis of the rows.
        beta : ndarray of shape (p,)
        psi : ndarray of shape (r,)
        u : list of ndarray of shape (k_j, G_j)
            Start.
        tol : float
            Bound on the Newton decrement.

        Returns
        -------
        Modes

        Raises
        ------
        ModesFailedError
        """
        last: Any = None
        state: Any = None
        halved, fresh = 0, False
        for _ in range(MOST_STEPS):
            self.n_steps += 1
            b = [L @ block for L, block in zip(roots, u, strict=True)]
            state = self.sweep(beta, b, psi, state)
            objective = -2.0 * state.loglik + inner(u, u)
            if is_worse(objective, last):
                halved += 1
                if halved > MOST_HALVINGS:
                    break
                u = [0.5 * (a + c) for a, c in zip(u, last[1], strict=True)]
                continue
            if not np.isfinite(objective):
                break
            unit = 1.0 + 1e-3 * abs(objective)
            chord = self.chord(state, roots, u, last, tol * unit)
            factored, step, decrement = chord or self.step(
                state, roots, b, u, beta, psi
            )
            floor = fresh and last[2] < 10.0 * decrement < 10.0 * UNCHECKED
            if not chord and (floor or decrement < tol * unit):
                if factored is None:
                    break
                value = objective + factored.logdet_V
                reached = 0.0 if floor else decrement / unit
                return Modes(u, state, factored, value, reached)
            last, halved, fresh = (objective, u, decrement), 0, not chord
            u = [a + c for a, c in zip(u, step, strict=True)]
        raise ModesFailedError

    def chord(self, state, roots, u, last, enough):
        """Step by the factor of other weights, while such steps still gain most.

        Returns
        -------
        tuple (None, step, decrement) or None
            None where V is to be factored anew: at the end, or where too little falls.
        """
        if self.stale is None:
            return None
        slopes = slopes_of(state, roots, u)
        step = self.stale.newton(slopes)
        decrement = inner(slopes, step)
        limit = np.inf if last is None else FAST * last[2]
        if enough < decrement < limit:
            return None, step, decrement
        return None

    def step(self, state, roots, b, u, beta, psi):
        """Newton's step; where M is not positive definite, with expected weights.

        Returns
        -------
        factored : Factored or None
            None where the observed weights do not serve.
        step : list of ndarray of shape (k_j, G_j)
        decrement : float
        """
        try:
            return self.newton_step(state, roots, u)
        except np.linalg.LinAlgError:
            scoring = self.sweeps.evaluate(beta, b, psi, expected=True)
        try:
            return None, *self.newton_step(scoring, roots, u)[1:]
        except np.linalg.LinAlgError:
            raise ModesFailedError from None

    def newton_step(self, state, roots, u):
        """Solve ``M du = Lambda'Z's - u``."""
        factored = self.elimination.reweighted(state.A).factor(roots)
        if not np.isfinite(factored.logdet_V):
            raise np.linalg.LinAlgError
        self.stale = factored if self.elimination.costly else None
        slopes = slopes_of(state, roots, u)
        step = factored.newton(slopes)
        decrement = inner(slopes, step)
        if not decrement > -1e-10:
            raise np.linalg.LinAlgError
        return factored, step, abs(decrement)


def slopes_of(state, roots, u):
    """``Lambda'Z's - u``."""
    return [L.T @ f - block for L, f, block in zip(roots, state.Zts, u, strict=True)]


def is_worse(objective, last):
    """Whether a step has gone too far; of short ones rounding alone would tell.

    Parameters
    ----------
    objective : float
    last : tuple (objective, u, decrement) or None

    Returns
    -------
    bool
    """
    if last is None or last[2] <= UNCHECKED:
        return False
    return not objective <= last[0] + 1e-9 + 1e-12 * abs(last[0])


def inner(one, other):
    """Sum of the products of two lists of arrays."""
    return sum(float(np.vdot(a, c)) for a, c in zip(one, other, strict=True))
