"""The profiled deviance of dependent blocks of rows, with exact derivatives."""

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.covariance.structure import spans_of
from skmixed.likelihood.criterion.objective import Derivatives
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.blocks import Blocks


class MarginalDeviance(ProfiledDeviance):
    """Deviance of a linear model whose rows have covariance sigma^2 V in blocks.

    Parameters
    ----------
    A : BlockProducts
    parts : sequence of RandomPart or ResidualPart
        Of which V is the sum: those of the factors in order, then the residuals'.
    reml : bool

    Notes
    -----
    With P = V^-1, F = P [X y], f = F [-beta; 1], Rx = X'P X and D_k = dV/dtheta_k, the
    formulas are those of :class:`ProfiledDeviance` with Z = I:

        G      = P - (nu / r^2) f f' [- F_X Rx^-1 F_X'],     slope_k = sum <G, D_k>,
        H_kl   = sum {-tr(P D_k P D_l) + 2 (nu / r^2) f'D_k P D_l f
                      [+ 2 tr(Rx^-1 F_X'D_k P D_l F_X)]} - 2 (nu / r^2) g_k'Rx^-1 g_l
                 - (nu / r^4) d_k d_l [- tr(Rx^-1 N_k Rx^-1 N_l)] + sum <G, d2V_kl>,

    g_k = F_X'D_k f, d_k = f'D_k f, N_k = F_X'D_k F_X. See also Wolfinger, Tobias & Sall
    (1994), SIAM J. Sci. Comput. 15(6).
    """

    def __init__(self, A, parts, reml):
        super().__init__(A, Blocks(A), reml)
        self.parts = tuple(parts)
        self.spans = spans_of(self.parts)
        self.n_theta = sum(part.n_theta for part in self.parts)

    @property
    def plain(self):
        """The same deviance, not evaluated."""
        return MarginalDeviance(self.A, self.parts, self.reml)

    def relative_factors(self, theta):
        """Lambda of every factor, of shape (k_j, k_j)."""
        return [
            structure.root(theta[span])
            for structure, span in zip(self.structures, self.spans, strict=False)
        ]

    def inside(self, theta, zero):
        """Which parameters are not at the boundary, of shape (m,)."""
        own = [
            part.inside(part_theta, zero)
            for part, part_theta in zip(self.parts, self.thetas(theta), strict=True)
        ]
        return np.concatenate(own)

    def thetas(self, theta):
        """Theta of every part."""
        return [theta[span] for span in self.spans]

    def covariance(self, theta, batch):
        """V of a batch, of shape (U, n, n)."""
        return sum(
            part.value(own, batch)
            for part, own in zip(self.parts, self.thetas(theta), strict=True)
        )

    def directions_of(self, theta, batch):
        """Slopes of V of a batch, of shape (m, U, n, n), and ``<G, d2V>`` by parts."""
        found = [
            part.differentiate(own, batch)
            for part, own in zip(self.parts, self.thetas(theta), strict=True)
        ]
        return np.concatenate([D for D, _ in found]), [bend for _, bend in found]

    def factor_at(self, theta, Lambdas):
        """Factor V at theta."""
        own = Lambdas, lambda batch: self.covariance(theta, batch)
        return self.elimination.factor(own)

    def derivatives(self, point):
        """Gradient and Hessian at a point.

        Parameters
        ----------
        point : ProfiledPoint

        Returns
        -------
        Derivatives
        """
        sums = self.sums(point, second=True)
        return Derivatives(sums.gradient, sums.hessian, [], [])

    def psi_directions(self, point):
        """Nothing: directions are those of rows."""

    def mean_directions(self, point, D):
        """Whitened F_X'D f, of shape (m, p), and f'D f, of shape (m,)."""
        sums = self.sums(point)
        return sums.g, sums.d

    def fixed_directions(self, point, D):
        """Whitened F_X'D F_X, of shape (m, p^2)."""
        return self.sums(point).N.reshape(self.n_theta, -1)

    def adjustment_terms(self, point):
        """What Kenward and Roger's adjustment needs of the directions of V.

        Parameters
        ----------
        point : ProfiledPoint

        Returns
        -------
        N : ndarray of shape (m, p, p)
            Whitened ``F_X'D_k F_X``.
        M : ndarray of shape (m, m, p, p)
            Whitened ``F_X'D_k P D_l F_X``.
        """
        m, p = self.n_theta, self.A.n_fixed
        M = np.zeros((m, m, p, p))
        for place, batch in enumerate(self.A.batches):
            T, F = point.factored.T[place], point.factored.solved(place)
            X = whitened_rows(F[:, :, :p], point.RX)
            TDX = (T @ (self.directions_of(point.theta, batch)[0] @ X)).reshape(
                m, -1, p
            )
            M += np.array([[one.T @ other for other in TDX] for one in TDX])
        return self.sums(point).N, M

    def sums(self, point, second=False):
        """Sums over all blocks at a point."""
        sums = DirectionSums(self, point)
        for place, batch in enumerate(self.A.batches):
            sums.add(place, batch, second)
        return sums


class DirectionSums:
    """Sums over blocks that the derivatives are made of.

    Parameters
    ----------
    deviance : MarginalDeviance
    point : ProfiledPoint
    """

    def __init__(self, deviance, point):
        m, p = deviance.n_theta, deviance.A.n_fixed
        self.deviance, self.point, self.m = deviance, point, m
        self.v = np.append(-point.beta, 1.0)
        self.white = lapack.dtrtri(point.RX, lower=1)[0] if p else point.RX
        self.gradient, self.H, self.E = np.zeros(m), np.zeros((m, m)), np.zeros((m, m))
        # C'D C for the columns C of f and of whitened F_X
        self.pulled = np.zeros((m, 1 + p, 1 + p))

    @property
    def g(self):
        """Whitened F_X'D f, of shape (m, p)."""
        return self.pulled[:, 1:, 0]

    @property
    def d(self):
        """F'D f, of shape (m,)."""
        return self.pulled[:, 0, 0]

    @property
    def N(self):
        """Whitened F_X'D F_X, of shape (m, p, p)."""
        return self.pulled[:, 1:, 1:]

    def add(self, place, batch, second):
        """Add the blocks of a batch; for the second derivatives if these are wanted."""
        deviance, factored, p = self.deviance, self.point.factored, len(self.white)
        T, F, P = factored.T[place], factored.solved(place), factored.inverse(place)
        U, n, width = F.shape
        F = F.reshape(U, n, -1, 1 + p)
        C = np.concatenate(
            [(F @ self.v)[..., None], F[..., :-1] @ self.white.T], axis=3
        )
        D, bends = deviance.directions_of(self.point.theta, batch)
        DC = D @ C.reshape(U, n, width)
        flat = C.reshape(-1, 1 + p)
        self.pulled += flat.T @ DC.reshape(self.m, -1, 1 + p)
        # what of them stands in the criterion
        weights = np.full(1 + p, 1.0 * deviance.reml)
        weights[0] = 1.0 / np.sqrt(self.point.sigma2)
        scaled = (C * weights).reshape(U, n, width)
        G = batch.count * P - scaled @ scaled.transpose(0, 2, 1)
        self.gradient += D.reshape(self.m, -1) @ G.ravel()
        if second:
            for span, bend in zip(deviance.spans, bends, strict=True):
                self.E[span, span] += bend(G)
            self.add_second(batch, T, P, D, DC * np.tile(weights, width // (1 + p)))

    def add_second(self, batch, T, P, D, DC):
        """Add the products of two directions."""
        PD = P @ D
        back = (batch.count * PD).transpose(0, 1, 3, 2)
        self.H -= PD.reshape(self.m, -1) @ back.reshape(self.m, -1).T
        TD = (T @ DC).reshape(self.m, -1)
        self.H += 2.0 * TD @ TD.T

    def hessian(self):
        """Second derivatives, of shape (m, m)."""
        H = self.H - 2.0 / self.point.sigma2 * self.g @ self.g.T
        d = self.d / self.point.r2
        if self.deviance.profiles_sigma:
            H -= self.point.nu * np.outer(d, d)
        if self.deviance.reml:
            N = self.N.reshape(len(d), -1)
            H -= N @ N.T
        H += self.E
        return (H + H.T) / 2


def whitened_rows(FX, RX):
    """``F_X RX^-T`` of rows, of shape (U, n, p)."""
    return FX @ lapack.dtrtri(RX, lower=1)[0].T if len(RX) else FX


def information(deviance, point):
    """Expected information on theta and, last, on the logarithm of sigma^2.

    Parameters
    ----------
    deviance : MarginalDeviance
    point : ProfiledPoint

    Returns
    -------
    ndarray of shape (m + 1, m + 1)
        ``tr(P D_k P D_l)`` with V as the last direction.
    """
    m = deviance.n_theta
    K = np.zeros((m + 1, m + 1))
    for place, batch in enumerate(deviance.A.batches):
        PD = (
            point.factored.inverse(place)
            @ deviance.directions_of(point.theta, batch)[0]
        )
        weighed = batch.count * PD
        back = weighed.transpose(0, 1, 3, 2).reshape(m, -1)
        K[:m, :m] += PD.reshape(m, -1) @ back.T
        K[:m, m] += np.einsum("munn->m", weighed)
    K[m, :m], K[m, m] = K[:m, m], deviance.A.n_obs
    return K
