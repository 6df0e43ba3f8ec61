"""Saddle-free trust-region Newton steps on an unconstrained theta."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

# Eigenvalues of the curvature below this, relative to the largest, are held at it.
FLAT = 1e-10
# Curvature below this, relative to the largest, leaves parameters undetermined.
UNDETERMINED = 1e-6
# Curvature this negative, relative to the largest, is a saddle, not rounding.
SADDLE = 1e-6
# Step along a direction of negative curvature whose gradient vanishes.
ESCAPE = 0.1
# Within this of the optimum the next decrement may be foretold from the last two.
NEAR = 1e-3
# The deviance is a sum that is known to this relative error.
ROUNDING = 2e-14


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the steps ended.

    Parameters
    ----------
    theta : ndarray of shape (m,)
    value : float
    decrement : float
        Half the Newton decrement: what a full step is predicted to gain still.
    n_iter : int
        Evaluations of the deviance.
    converged : bool
    flat : bool
        Whether a combination of parameters leaves the deviance as it is.
    """

    theta: np.ndarray
    value: float
    decrement: float
    n_iter: int
    converged: bool
    flat: bool = False


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
        values, self.vectors = np.linalg.eigh(hessian)
        self.gradient = self.vectors.T @ gradient
        largest = max(np.abs(values).max(), np.finfo(float).tiny)
        self.values = values
        self.curvature = np.maximum(np.abs(values), FLAT * largest)
        self.flat = bool(np.abs(values).min() < UNDETERMINED * largest)
        self.saddle = values < -SADDLE * largest
        self.decrement = 0.5 * float(np.sum(self.gradient**2 / self.curvature))

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
        if np.linalg.norm(step) > radius:
            step = -self.gradient / (self.curvature + self.damping(radius))
        elif stuck.any():
            step = np.where(stuck, min(ESCAPE, radius) * away(self.gradient), step)
        bend = np.where(self.saddle, self.values, self.curvature)
        gain = -float(self.gradient @ step + 0.5 * (bend * step) @ step)
        return self.vectors @ step, gain

    def damping(self, radius):
        """Shift of the curvature that brings the step to the radius."""
        low, high = 0.0, float(np.linalg.norm(self.gradient)) / radius
        for _ in range(60):
            middle = 0.5 * (low + high)
            if np.linalg.norm(self.gradient / (self.curvature + middle)) > radius:
                low = middle
            else:
                high = middle
            if high - low < 1e-2 * high:
                break
        return high


def away(gradient):
    """Downhill sign of every entry; plus where the gradient is exactly zero."""
    return np.where(gradient > 0, -1.0, 1.0)


def minimise(deviance, theta, *, tol=1e-8, max_iter=100, verbose=0):
    """Minimise a profiled deviance.

    Parameters
    ----------
    deviance : ProfiledDeviance
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

    Notes
    -----
    The last evaluation is of the value alone where the step to it is predicted to meet
    ``tol``, which saves an inversion on crossed designs.
    """
    bar = tqdm(total=None, desc="fit", unit=" evaluations", disable=not verbose)
    value = deviance.evaluate(theta).value
    at = deviance.derivatives()
    model = NewtonStep(at.gradient, at.hessian)
    radius = max(1.0, float(np.linalg.norm(theta)))
    n_iter, before = 1, 0.0
    while n_iter < max_iter:
        report(bar, verbose, n_iter, value, model.decrement)
        settled = not model.saddle.any()
        if model.decrement < tol and settled:
            break
        step, gain = model.within(radius)
        noise = ROUNDING * abs(value) + 1e-12
        tried = deviance.evaluate(theta + step).value
        n_iter += 1
        rate = min(1.0, model.decrement / before) if before else 1.0
        last = settled and model.decrement < NEAR and model.decrement * rate < tol
        if last and tried <= value + noise:
            theta, value = theta + step, tried
            bar.close()
            return Optimum(
                theta, value, model.decrement * rate, n_iter, True, model.flat
            )
        length = float(np.linalg.norm(step))
        if not np.isfinite(tried):
            radius = length / 4
            continue
        if gain < noise and abs(value - tried) < noise:
            if tried <= value:
                theta, value = theta + step, tried
            break
        ratio = (value - tried) / gain
        if ratio < 0.25:
            radius = length / 4
        elif ratio > 0.75:
            radius = max(radius, 2.5 * length)
        if ratio > 1e-4:
            theta, value, before = theta + step, tried, model.decrement
            at = deviance.derivatives()
            model = NewtonStep(at.gradient, at.hessian)
    bar.close()
    converged = model.decrement < max(10 * tol, 1e3 * ROUNDING * abs(value))
    return Optimum(theta, value, model.decrement, n_iter, bool(converged), model.flat)


def report(bar, verbose, n_iter, value, decrement):
    """Show one evaluation to who asked for it."""
    if verbose:
        bar.update(1)
        bar.set_postfix(deviance=f"{value:.8g}", to_gain=f"{decrement:.1e}")
    if verbose > 1:
        bar.write(f"{n_iter:4d}  deviance {value:.9g}  still to gain {decrement:.2e}")
