"""Saddle-free trust-region Newton steps on an unconstrained theta."""

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.search.chance import chance
from skmixed.printing.progress import open_bar

# Eigenvalues of the curvature below this, relative to the largest, are held at it.
FLAT = 1e-10
# Curvature below this, relative to the largest, leaves parameters undetermined.
UNDETERMINED = 1e-6
# Curvature this negative, relative to the largest, is a saddle, not rounding.
SADDLE = 1e-6
# Step along a direction of negative curvature whose gradient vanishes.
ESCAPE = 0.1
# Share of the tolerance that is still worth a step: a deviance that is off by d leaves
# theta off by sqrt(2 d) standard errors.
LAST = 0.1
# A step that leaves this share of the decrement was taken on a poor curvature.
SLOW = 0.05
# A curvature holds for another point where that one is no farther than this decrement:
# a seventh of a standard error.
NEAR = 1e-2
# The deviance is a sum that is known to this relative error.
ROUNDING = 2e-14
# Values that are off by no more are doubted where slopes say otherwise.
VALUES_LOST = 1e-6
# A trust region of a smaller radius holds no other point: the border of a likelihood.
NO_ROOM = 1e-100
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the steps ended.

    Parameters
    ----------
    theta : ndarray of shape (m,)
    value : float
    decrement : float
        Half the Newton decrement: what a full step is predicted to gain still; where
        the last step was short of ``tol``, what that one was to gain.
    n_iter : int
        Evaluations of the deviance.
    converged : bool
    flat : bool
        Whether a combination of parameters leaves the deviance as it is.
    errors : ndarray of shape (m, m) or None
        Covariance of theta over probes, where those of an estimated deviance were
        asked.
    """

    theta: np.ndarray
    value: float
    decrement: float
    n_iter: int
    converged: bool
    flat: bool = False
    errors: np.ndarray | None = None


class NewtonStep:
    """Quadratic model of the deviance at a point.

    Parameters
    ----------
    gradient : ndarray of shape (m,)
    hessian : ndarray of shape (m, m)

    Notes
    -----
    Negative eigenvalues enter by their absolute value, so that a saddle repels
    (Dauphin et al. 2014, NeurIPS 27).
    """

    def __init__(self, gradient, hessian):
        values, self.vectors, _ = lapack.dsyevd(hessian)
        self.gradient = self.vectors.T @ gradient
        sizes = np.abs(values)
        largest = max(sizes.max(), TINY)
        self.values = values
        self.curvature = np.maximum(sizes, FLAT * largest)
        self.flat = bool(sizes.min() < UNDETERMINED * largest)
        self.saddle = values < -SADDLE * largest
        self.decrement = self.decrement_of(gradient)

    def decrement_of(self, gradient):
        """Half the Newton decrement of a gradient in this curvature."""
        along = self.vectors.T @ gradient
        return 0.5 * float(along @ (along / self.curvature))

    def turned(self, gradient):
        """The same curvature with another gradient."""
        other = copy.copy(self)
        other.gradient = self.vectors.T @ gradient
        other.decrement = self.decrement_of(gradient)
        return other

    def within(self, radius):
        """Minimise the model in a ball.

        Parameters
        ----------
        radius : float

        Returns
        -------
        step : ndarray of shape (m,)
        gain : float
            Predicted fall of the deviance.
        """
        step = -self.gradient / self.curvature
        stuck = self.saddle & (np.abs(step) < ESCAPE / 2)
        if length_of(step) > radius:
            step = -self.gradient / (self.curvature + self.damping(radius))
        elif stuck.any():
            step = np.where(stuck, min(ESCAPE, radius) * away(self.gradient), step)
        bend = np.where(self.saddle, self.values, self.curvature)
        gain = -float(self.gradient @ step + 0.5 * (bend * step) @ step)
        return self.vectors @ step, gain

    def damping(self, radius):
        """Shift of the curvature that brings the step to the radius."""
        low, high = 0.0, length_of(self.gradient) / radius
        for _ in range(60):
            middle = 0.5 * (low + high)
            if length_of(self.gradient / (self.curvature + middle)) > radius:
                low = middle
            else:
                high = middle
            if high - low < 1e-2 * high:
                break
        return high


def length_of(vector):
    """Euclidean length; NumPy's own takes as long as a step of a small model."""
    return sqrt(vector @ vector)


def away(gradient):
    """Downhill sign of every entry; plus where the gradient is exactly zero."""
    return np.where(gradient > 0, -1.0, 1.0)


class Descent:
    """Steps of a trust region, from a start to where no step is worth taking.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (m,)
    tol : float
    """

    def __init__(self, objective, theta, tol):
        self.objective, self.theta, self.tol = objective, theta, tol
        self.enough = tol if objective.costly else LAST * tol
        point = objective.at(theta)
        self.value, self.slopes = point.value, objective.derivatives(point)
        self.samples = samples_of(point)
        self.n_iter, self.previous = 1, 0.0
        self.radius = max(1.0, length_of(theta))
        self.ended = False
        self.secant = np.zeros((len(theta), len(theta)))
        self.look_around()

    def look_around(self):
        """Model the deviance by the derivatives at hand."""
        gradient, hessian = self.slopes.gradient, self.slopes.hessian + self.secant
        lost = not np.isfinite(hessian).all()
        if lost:  # so far out that rounding is all there is
            gradient, hessian = np.zeros(len(gradient)), np.eye(len(gradient))
        self.model = NewtonStep(gradient, hessian)
        self.decrement = np.inf if lost else self.model.decrement
        self.ended = self.ended or lost

    @property
    def arrived(self):
        """Whether no further step is worth taking."""
        return (self.ended or self.radius < NO_ROOM) or (
            self.decrement < self.enough and not self.model.saddle.any()
        )

    def noise(self, tried):
        """Difference of deviances that rounding and probes alone may make."""
        rounding = ROUNDING * abs(self.value) + 1e-12
        return rounding + chance(self.samples, samples_of(tried))

    def advance(self):
        """Try one step."""
        step, gain = self.model.within(self.radius)
        length = length_of(step)
        tried = self.objective.at(self.theta + step)
        self.n_iter += 1
        fall, noise = self.value - tried.value, self.noise(tried)
        if not np.isfinite(tried.value):
            self.radius = length / 4
        elif self.is_last and fall > -noise:
            self.theta, self.value, self.ended = tried.theta, tried.value, True
        elif gain < noise and abs(fall) < noise:
            self.follow_slopes(tried)
        elif not (fall < 0 and self.moved_by_slopes(tried, gain - fall)):
            self.judge(tried, length, fall / gain)

    @property
    def is_last(self):
        """Whether a step leaves nothing to be seen, by what those before it left."""
        left = self.decrement**2 < LAST**2 * self.tol * self.previous
        return left and self.decrement < self.tol and not self.model.saddle.any()

    def follow_slopes(self, tried):
        """Step by the gradient where values say nothing any more, while it falls."""
        at, value, slopes, model = self.theta, self.value, self.slopes, self.model
        self.move(tried)
        if self.decrement > self.previous:
            self.theta, self.value, self.slopes, self.model = at, value, slopes, model
            self.decrement = model.decrement
        self.ended = self.decrement > LAST * self.previous

    def moved_by_slopes(self, tried, error):
        """Take a step that lost values say was wrong where slopes say it was right.

        Values are sums of all that rows add, and lose digits where groups are far
        apart; near an optimum slopes tell more.
        """
        if error > VALUES_LOST or self.model.saddle.any():
            return False
        slopes = self.objective.derivatives(tried)
        agree = self.model.decrement_of(slopes.gradient) < 0.25 * self.decrement
        if agree:
            self.move(tried, slopes)
        return agree

    def judge(self, tried, length, ratio):
        """Take or leave a step by the ratio of its gain to the predicted one."""
        if ratio < 0.25:
            self.radius = length / 4
        elif ratio > 0.75:
            self.radius = max(self.radius, 2.5 * length)
        if ratio > 1e-4:
            self.move(tried)

    def move(self, point, slopes=None):
        """Go to a point, and look around where the way there does not tell enough."""
        step, before = point.theta - self.theta, self.slopes.gradient
        self.theta, self.value, self.previous = point.theta, point.value, self.decrement
        self.samples = samples_of(point)
        self.slopes = slopes or self.objective.derivatives(point)
        if self.curvature_serves():
            return
        self.look_around()
        if self.decrement > SLOW * self.previous:
            self.learn_curvature(step, self.slopes.gradient - before)

    def curvature_serves(self):
        """Whether that of the point before ends the search here, or one step on."""
        if self.model.saddle.any():
            return False
        gradient, previous = self.slopes.gradient, self.previous
        self.decrement = self.model.decrement_of(gradient)
        if previous < NEAR and self.arrived:
            return True
        costly = self.objective.costly_curvature
        if not costly or self.decrement**2 >= LAST**2 * self.tol * previous:
            return False
        self.model = self.model.turned(gradient)
        if not self.arrived:
            self.slopes.release()
        return True

    def learn_curvature(self, step, change):
        """Correct an approximate curvature where its steps gain too little.

        Parameters
        ----------
        step, change : ndarray of shape (m,)
            Of theta, and of the gradient along it.

        Notes
        -----
        The symmetric rank-one secant update (Nocedal & Wright 2006, Numerical
        Optimization, equation 6.24) of what the average information leaves out.
        """
        if self.objective.exact:
            return
        error = change - (self.slopes.hessian + self.secant) @ step
        along = float(error @ step)
        if abs(along) > 1e-8 * length_of(error) * length_of(step):
            self.secant += np.outer(error, error) / along
            self.look_around()

    def result(self):
        """Where the steps have led.

        Returns
        -------
        Optimum
        """
        return Optimum(
            theta=self.theta,
            value=self.value,
            decrement=self.decrement,
            n_iter=self.n_iter,
            converged=bool(self.decrement < self.tol),
            flat=self.model.flat,
        )


def samples_of(point):
    """What every probe says of an estimated deviance; None of an exact one."""
    return getattr(point, "samples", None)


def minimise(objective, theta, *, tol=1e-8, max_iter=100, verbose=0):
    """Minimise a deviance.

    Parameters
    ----------
    objective : Objective
    theta : ndarray of shape (m,)
        Start.
    tol : float, default=1e-8
        Bound on the Newton decrement, in units of the deviance.
    max_iter : int, default=100
        Evaluations at the most.
    verbose : int, default=0
        With 1, a progress bar; with 2, a line per evaluation too.

    Returns
    -------
    Optimum
    """
    value = objective.at(theta).value
    if not len(theta):
        return Optimum(theta, value, decrement=0.0, n_iter=1, converged=True)
    if not np.isfinite(value):
        return Optimum(theta, np.inf, decrement=np.inf, n_iter=1, converged=False)
    with progress_bar(verbose) as bar:
        descent = Descent(objective, theta, tol)
        report(bar, verbose, descent)
        while not descent.arrived:
            if descent.n_iter >= max_iter:
                break
            descent.advance()
            report(bar, verbose, descent)
    return descent.result()


def progress_bar(verbose):
    """Progress bar for who asked for one; to make a silent one costs a small fit."""
    return open_bar(None, "fit", "evaluations") if verbose else nullcontext()


def report(bar, verbose, descent):
    """Show one evaluation to who asked for it."""
    if verbose:
        bar.update(1)
        bar.set_postfix(
            deviance=f"{descent.value:.8g}", to_gain=f"{descent.decrement:.1e}"
        )
    if verbose > 1:
        bar.write(
            f"{descent.n_iter:4d}  deviance {descent.value:.9g}  "
            f"still to gain {descent.decrement:.2e}"
        )
