"""The deviance with the residual variance as a parameter of its own."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.criterion.marginal import MarginalDeviance
from skmixed.likelihood.criterion.objective import Derivatives
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.criterion.series import MarkovDeviance


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

    profiles_sigma = False

    def __init__(self, A, elimination):
        super().__init__(A, elimination, reml=False)

    def evaluate(self, x):
        """Find the deviance at x: see :meth:`at`."""
        point, sigma2 = super().evaluate(x), np.exp(2.0 * x[-1])
        value = point.value
        if np.isfinite(value):
            value += self.A.n_obs * (2.0 * x[-1] - 1.0 - np.log(point.sigma2))
            value += point.r2 / sigma2
        return replace(point, value=value, nu=point.r2 / sigma2, sigma2=sigma2)

    def derivatives(self, point):
        """Gradient and Hessian in x at a point."""
        theta = super().derivatives(point)

        def hessian():
            _, d = self.mean_directions(point, self.psi_directions(point))
            H, m = np.empty((self.n_theta + 1, self.n_theta + 1)), self.n_theta
            H[:m, :m] = theta.hessian
            H[:m, m] = H[m, :m] = 2.0 * d / point.sigma2
            H[m, m] = 4.0 * point.nu
            return H

        gradient = np.append(theta.gradient, 2.0 * (self.A.n_obs - point.nu))
        return Derivatives(gradient, hessian, theta.G_Psi, theta.scale)


class ScaledMarginal(ScaledDeviance, MarginalDeviance):
    """The same of dependent blocks of rows.

    Parameters
    ----------
    A : BlockProducts
    parts : sequence of RandomPart or ResidualPart
    """

    def __init__(self, A, parts):
        MarginalDeviance.__init__(self, A, parts, False)


class ScaledMarkov(ScaledDeviance, MarkovDeviance):
    """The same of first-order Markov residuals.

    Parameters
    ----------
    A : SeriesProducts
    """

    def __init__(self, A):
        MarkovDeviance.__init__(self, A, False)


def scaled(deviance):
    """The same deviance with the residual variance as a parameter of its own.

    Parameters
    ----------
    deviance : MarginalDeviance or MarkovDeviance
        Of the likelihood.

    Returns
    -------
    ScaledDeviance
    """
    if isinstance(deviance, MarkovDeviance):
        return ScaledMarkov(deviance.A)
    return ScaledMarginal(deviance.A, deviance.parts)
