"""The profiled deviance of first-order Markov residuals, with exact derivatives."""

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.covariance.parts import ResidualPart
from skmixed.likelihood.criterion.objective import Derivatives
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.series import Markov, accumulate_back, chunks


class MarkovDeviance(ProfiledDeviance):
    """Deviance of a linear model with ``ar1`` or ``car1`` residuals.

    Parameters
    ----------
    A : SeriesProducts
    reml : bool

    Notes
    -----
    With the whitened rows W of :class:`Markov`, S = W'W, so that with their derivatives
    W1 and W2 in theta ``S1 = W1'W + W'W1`` and ``S2 = 2 W1'W1 + W2'W + W'W2``, from
    which those of the deviance follow: S1 is ``-[X y]'V^-1 dV V^-1 [X y]``.
    """

    def __init__(self, A, reml):
        super().__init__(A, Markov(A), reml)
        self.parts = (ResidualPart(A.structures, True, 0),)
        self.spans, self.n_theta = [slice(0, 1)], 1
        self.first = np.isinf(A.gap)
        shape = A.structures[0].shape
        self.lag = np.where(self.first, 1.0, A.gap) / shape.unit

    @property
    def plain(self):
        """The same deviance, not evaluated."""
        return MarkovDeviance(self.A, self.reml)

    def relative_factors(self, theta):
        """There are no random effects."""
        return []

    def inside(self, theta, zero):
        """The correlation has no boundary."""
        return np.ones(1, dtype=bool)

    def correlations(self, theta):
        """Correlations with the rows before and two derivatives, of shape (n,)."""
        structure = self.A.structures[0]
        phi = structure.phi(theta[self.spans[0]])
        r, r1, r2 = structure.shape.at_lags(self.lag, phi)
        return [np.where(self.first, 0.0, one) for one in (r, r1[0], r2[0, 0])]

    def factor_at(self, theta, Lambdas):
        """Factor V at theta."""
        return self.elimination.factor(self.correlations(theta)[0])

    def sums_moved(self, point):
        """First and second derivatives of S, of shape (m, m).

        Notes
        -----
        In r, ``W = s (a - r b)`` with ``s' = r s^3`` has the slopes ``r s^2 W - s b``,
        so that sums of products of rows W and b, the rows before, give all.
        """
        r, r1, r2 = self.correlations(point.theta)
        s = point.factored.scale
        S1 = S2 = np.zeros_like(point.factored.S)
        for chunk in chunks(len(r)):
            W, back = point.factored.whitened(chunk), self.elimination.back[:, chunk]
            first, second = moved_sums(
                W, back, s[chunk], *(a[chunk] for a in (r, r1, r2))
            )
            S1, S2 = S1 + first, S2 + second
        return S1 + S1.T, S2 + S2.T

    def derivatives(self, point):
        """Gradient and Hessian at a point; see :class:`ProfiledDeviance`."""
        _, r1, r2 = self.correlations(point.theta)
        r, s2 = point.factored.r, point.factored.scale**2
        S1, S2 = self.sums_moved(point)
        log1 = -2.0 * float((r * s2) @ r1)
        log2 = -2.0 * float((r * s2) @ r2)
        log2 -= 2.0 * float(((1.0 + r**2) * s2**2) @ r1**2)
        v = np.append(-point.beta, 1.0)
        g, d, N = self.moved(point, S1)
        gradient = log1 - d[0] / point.sigma2
        H = log2 + (v @ S2 @ v - 2.0 * g[0] @ g[0]) / point.sigma2
        if self.profiles_sigma:
            H -= point.nu * (d[0] / point.r2) ** 2
        if self.reml:
            white = white_of(point.RX)
            gradient -= np.trace(N[0])
            H += np.sum((white @ S2[:-1, :-1]) * white) - np.sum(N[0] ** 2)
        return Derivatives(np.array([gradient]), lambda: np.array([[H]]), [], [])

    def moved(self, point, S1):
        """Whitened F_X'D f, f'D f and whitened F_X'D F_X, each for one direction."""
        v, white = np.append(-point.beta, 1.0), white_of(point.RX)
        g = -(white @ (S1 @ v)[:-1])[None]
        return g, np.array([-(v @ S1 @ v)]), -(white @ S1[:-1, :-1] @ white.T)[None]

    def slopes(self, point):
        """The same at a point."""
        return self.moved(point, self.sums_moved(point)[0])

    def psi_directions(self, point):
        """Nothing: the direction is that of rows."""

    def mean_directions(self, point, D):
        """Whitened F_X'D f, of shape (1, p), and f'D f, of shape (1,)."""
        return self.slopes(point)[:2]

    def fixed_directions(self, point, D):
        """Whitened F_X'D F_X, of shape (1, p^2)."""
        return self.slopes(point)[2].reshape(1, -1)

    def adjustment_terms(self, point):
        """N and M of Kenward and Roger's adjustment.

        Notes
        -----
        With V^-1 = C'diag(s^2)C, C bidiagonal, t = s W and u = C'^-1 d(C't), M is
        ``sum u_j u_j' / s_j^2``.
        """
        r1 = self.correlations(point.theta)[1]
        r, s, W = point.factored.r, point.factored.scale, point.factored.whitened()[:-1]
        back = self.elimination.back[:-1]
        moved = r1 * (r * s**2 * W - s * back)
        u = s * moved + r1 * r * s**3 * W
        y = np.zeros_like(W)
        y[:, :-1] = -r1[1:] * s[1:] * W[:, 1:]
        u += accumulate_back(y, r, np.flatnonzero(self.first))
        u = white_of(point.RX) @ (u / s)
        return self.slopes(point)[2], (u @ u.T)[None, None]


def moved_sums(W, back, s, r, r1, r2):
    """Halves of the derivatives of S; see :meth:`MarkovDeviance.sums_moved`."""
    s2 = s**2
    # W1 = c W - e b, and W2 = f W - h b
    c, e = r1 * r * s2, r1 * s
    f = r1**2 * s2 * (1.0 + 3.0 * r**2 * s2) + r2 * r * s2
    h = 2.0 * r1**2 * r * s2 * s + r2 * s
    S1 = (W * c) @ W.T - (W * e) @ back.T
    S2 = (W * (c**2 + f)) @ W.T - (W * (2.0 * c * e + h)) @ back.T
    return S1, S2 + (back * e**2) @ back.T


def white_of(RX):
    """``RX^-1``, also of no columns."""
    return lapack.dtrtri(RX, lower=1)[0] if len(RX) else RX
