"""The deviance with the residual variance as a parameter of its own."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.criterion.profiled import Derivatives, ProfiledDeviance


class ScaledDeviance(ProfiledDeviance):
    """Deviance in x = (theta, log sigma): the residual variance is not profiled out.

    Parameters
    ----------
    A : CrossProducts
    elimination : Elimination

    Notes
    -----
    ``d(x) = log|V| + n log(2 pi sigma^2) + r^2(theta) / sigma^2``. The derivatives of
    the profiled deviance hold nu / r^2 where these hold 1 / sigma^2, and then lack
    d d' / (sigma^2 r^2) with d_j = f'dPsi_j f.
    """

    def __init__(self, A, elimination):
        super().__init__(A, elimination, reml=False)

    def evaluate(self, x):
        """Deviance at x; see :class:`ProfiledDeviance`."""
        n = self.nu = self.A.n_obs
        at = super().evaluate(x[:-1])
        self.known_precision = np.exp(-2.0 * x[-1])
        if np.isfinite(at.value):
            value = at.value - n * (1.0 + np.log(at.r2 / n))
            value += 2.0 * n * x[-1] + at.r2 * self.known_precision
            self.nu = at.r2 * self.known_precision
            self.at = replace(at, value=float(value))
        return self.at

    def derivatives(self):
        """Gradient and Hessian in x at the point evaluated last."""
        profiled = super().derivatives()
        r2, precision, m = self.at.r2, self.known_precision, self.n_theta
        d = np.concatenate(
            [
                self.psi_directions(j).reshape(-1, len(f) ** 2) @ (f @ f.T).ravel()
                for j, f in enumerate(self.f)
            ]
        )
        gradient = np.append(profiled.gradient, 2.0 * (self.A.n_obs - r2 * precision))
        hessian = np.empty((m + 1, m + 1))
        hessian[:m, :m] = profiled.hessian + (precision / r2) * np.outer(d, d)
        hessian[:m, m] = hessian[m, :m] = 2.0 * precision * d
        hessian[m, m] = 4.0 * r2 * precision
        return Derivatives(gradient, hessian, profiled.G_Psi, profiled.scale)
