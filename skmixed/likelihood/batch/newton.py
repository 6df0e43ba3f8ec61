"""Saddle-free trust-region Newton steps for many responses at once."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.search.optimize import ESCAPE, FLAT, LAST, ROUNDING, SADDLE

# A descent that comes within this of an optimum found before, relative, from above,
# ends there.
NEAR = 0.1
# Optima that differ by less are the same.
SAME = 1e-7
# A trust region of a smaller radius holds no other point.
NO_ROOM = 1e-12
# Halvings that bring a step to the radius.
HALVINGS = 20


@dataclass(eq=False)
class Descents:
    """Where the steps of some responses have led.

    Parameters
    ----------
    theta : ndarray of shape (r, m)
    value, decrement : ndarray of shape (r,)
    n_iter : ndarray of int of shape (r,)
    converged : ndarray of bool of shape (r,)
    """

    theta: np.ndarray
    value: np.ndarray
    decrement: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray

    def put(self, rows, other, same=SAME):
        """Take other descents where they ended lower; count their evaluations.

        Parameters
        ----------
        rows : ndarray of int
            Of the responses.
        other : Descents
            Of those responses.
        same : float, default=1e-7
            Differences of deviances that do not count.
        """
        self.n_iter[rows] += other.n_iter
        lower = other.value < self.value[rows] - same
        for name in ("theta", "value", "decrement", "converged"):
            getattr(self, name)[rows[lower]] = getattr(other, name)[lower]

    def __getitem__(self, rows):
        """Descents of some of the responses."""
        return Descents(*(getattr(self, n)[rows] for n in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts):
        """Join the descents of chunks."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def newton_steps(gradient, hessian, radius):
    """Steps within a radius, as single fits take them.

    Parameters
    ----------
    gradient : ndarray of shape (r, m)
    hessian : ndarray of shape (r, m, m)
    radius : ndarray of shape (r,)

    Returns
    -------
    step : ndarray of shape (r, m)
    gain, decrement : ndarray of shape (r,)
        Predicted fall of the deviance, and half the Newton decrement.
    saddle : ndarray of bool of shape (r,)
    """
    if hessian.shape[1] == 1:
        values, vectors, g = hessian[:, 0], None, gradient
    else:
        values, vectors = np.linalg.eigh(hessian)
        g = np.matmul(gradient[:, None], vectors)[:, 0]
    largest = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-300)
    curvature = np.maximum(np.abs(values), FLAT * largest)
    saddle = values < -SADDLE * largest
    decrement = 0.5 * (g**2 / curvature).sum(axis=1)
    step = -g / curvature
    long = np.linalg.norm(step, axis=1) > radius
    stuck = saddle & (np.abs(step) < ESCAPE / 2) & ~long[:, None]
    if long.any():
        step[long] = damped(g[long], curvature[long], radius[long])
    if stuck.any():
        size = np.minimum(ESCAPE, radius)[:, None]
        step = np.where(stuck, np.where(g > 0, -size, size), step)
    bend = np.where(saddle, values, curvature)
    gain = -(g * step + 0.5 * bend * step**2).sum(axis=1)
    if vectors is not None:
        step = np.matmul(vectors, step[:, :, None])[:, :, 0]
    return step, gain, decrement, saddle.any(axis=1)


def damped(g, curvature, radius):
    """Steps with the curvature shifted until they are as long as the radius."""
    low, high = np.zeros(len(g)), np.linalg.norm(g, axis=1) / radius
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        over = np.linalg.norm(g / (curvature + middle[:, None]), axis=1) > radius
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return -g / (curvature + high[:, None])


class Steps:
    """The steps of some responses; those that have arrived leave the working set.

    Parameters
    ----------
    criterion : object
        With ``derivatives(theta, rows)``: value, gradient and Hessian.
    theta : ndarray of shape (r, m)
    rows : ndarray of int of shape (r,)
        Which responses of the criterion.
    tol : float
    known : tuple of two ndarray, optional
        Optima found before: ``criterion.position(theta)`` and their values.
    """

    def __init__(self, criterion, theta, rows, tol, known=None):
        self.criterion, self.rows, self.tol, self.known = criterion, rows, tol, known
        r = len(theta)
        self.theta = theta.copy()
        value, self.gradient, self.hessian = criterion.derivatives(theta, rows)
        self.value = np.where(np.isfinite(value), value, np.inf)
        self.radius = np.maximum(1.0, np.linalg.norm(theta, axis=1))
        self.decrement = np.full(r, np.inf)
        self.n_iter, self.converged = np.ones(r, int), np.zeros(r, bool)
        self.active = np.flatnonzero(np.isfinite(self.value))

    def advance(self):
        """Try one step of every response that is on its way."""
        active = self.active
        step, gain, decrement, saddle = newton_steps(
            self.gradient[active], self.hessian[active], self.radius[active]
        )
        self.decrement[active] = decrement
        arrived = (decrement < LAST * self.tol) & ~saddle
        self.arrive(active[arrived], step[arrived], gain[arrived])
        self.active = active[~arrived]
        if len(self.active):
            self.judge(step[~arrived], gain[~arrived])

    def arrive(self, rows, step, gain):
        """Take the last step unseen: it lowers the deviance by less than tol."""
        self.theta[rows] += step
        self.value[rows] -= np.maximum(gain, 0.0)
        self.converged[rows] = True

    def judge(self, step, gain):
        """Take or leave steps by the ratio of their gain to the predicted one."""
        active = self.active
        trial, old = self.theta[active] + step, self.value[active]
        value, gradient, hessian = self.criterion.derivatives(trial, self.rows[active])
        self.n_iter[active] += 1
        noise = ROUNDING * np.abs(old) + 1e-12
        with np.errstate(invalid="ignore", divide="ignore"):
            # values say nothing any more, but the step still rests on the gradient
            still = (gain < noise) & (np.abs(old - value) < noise)
            ratio = np.where(still, 1.0, (old - value) / gain)
        ratio[~np.isfinite(ratio)] = -1.0
        length, radius = np.linalg.norm(step, axis=1), self.radius[active]
        grown = np.where(ratio > 0.75, np.maximum(radius, 2.5 * length), radius)
        self.radius[active] = np.where(ratio < 0.25, length / 4, grown)
        take = ratio > 1e-4
        moved = active[take]
        self.theta[moved], self.value[moved] = trial[take], value[take]
        self.gradient[moved], self.hessian[moved] = gradient[take], hessian[take]
        self.converged[active[still]] = True
        keep = ~still & (self.radius[active] > NO_ROOM)
        self.active = active[keep & ~self.nothing_new(active)]

    def nothing_new(self, active):
        """Which responses come down to an optimum that was found before."""
        if self.known is None:
            return np.zeros(len(active), dtype=bool)
        position, value = (known[active] for known in self.known)
        away = self.criterion.position(self.theta[active], self.rows[active]) - position
        size = np.abs(position).max(axis=1) + 1e-3
        near = np.abs(away).max(axis=1) < NEAR * size
        return near & (self.value[active] > value - SAME)


def minimise(criterion, theta, rows, *, tol, max_iter, known=None):
    """Minimise the deviances of some responses.

    Parameters
    ----------
    criterion, theta, rows, tol, known
        As in :class:`Steps`.
    max_iter : int

    Returns
    -------
    Descents
    """
    steps = Steps(criterion, theta, rows, tol, known)
    while len(steps.active) and steps.n_iter[steps.active[0]] < max_iter:
        steps.advance()
    return Descents(
        steps.theta, steps.value, steps.decrement, steps.n_iter, steps.converged
    )
