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
        """Slopes of V of a batch, by parts, arrays of shape (U, n, n)."""
        return [
            part.directions(own, batch)
            for part, own in zip(self.parts, self.thetas(theta), strict=True)
        ]

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
            by_part = self.directions_of(point.theta, batch)
            TDX = [(T @ (D @ X)).reshape(-1, p) for part in by_part for D in part]
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
        self.deviance, self.point = deviance, point
        self.v = np.append(-point.beta, 1.0)
        self.gradient, self.H, self.E = np.zeros(m), np.zeros((m, m)), np.zeros((m, m))
        self.g, self.d, self.N = np.zeros((m, p)), np.zeros(m), np.zeros((m, p, p))

    def add(self, place, batch, second):
        """Add the blocks of a batch; for the second derivatives if these are wanted."""
        deviance, factored = self.deviance, self.point.factored
        F, P = factored.solved(place), factored.inverse(place)
        f, X = F @ self.v, whitened_rows(F[:, :, :-1], self.point.RX)
        by_part = deviance.directions_of(self.point.theta, batch)
        D = [one for part in by_part for one in part]
        G = P - f[:, :, None] * f[:, None] / self.point.sigma2
        if deviance.reml:
            G -= X @ X.transpose(0, 2, 1)
        self.add_first(G, D, f, X)
        if second and D:
            self.bend(batch, G, by_part)
            self.add_second(P, factored.T[place], D, f, X)

    def bend(self, batch, G, by_part):
        """Add ``<G, d2V>``."""
        deviance = self.deviance
        for part, span, theta, slopes in zip(
            deviance.parts,
            deviance.spans,
            deviance.thetas(self.point.theta),
            by_part,
            strict=True,
        ):
            self.E[span, span] += part.bend(theta, batch, G, slopes)

    def add_first(self, G, D, f, X):
        """Add slopes."""
        p = X.shape[2]
        flat = X.reshape(-1, p)
        for k, one in enumerate(D):
            Df = np.matmul(one, f[:, :, None])[:, :, 0]
            self.gradient[k] += np.vdot(G, one)
            self.g[k] += flat.T @ Df.ravel()
            self.d[k] += np.vdot(f, Df)
            self.N[k] += flat.T @ (one @ X).reshape(-1, p)

    def add_second(self, P, T, D, f, X):
        """Add the products of two directions."""
        scaled = f[:, :, None] / np.sqrt(self.point.sigma2)
        columns = np.concatenate([scaled, X], axis=2)
        if not self.deviance.reml:
            columns = columns[:, :, :1]
        PD = [P @ one for one in D]
        back = np.array([one.transpose(0, 2, 1).ravel() for one in PD])
        self.H -= np.array([one.ravel() for one in PD]) @ back.T
        TD = np.array([(T @ (one @ columns)).ravel() for one in D])
        self.H += 2.0 * TD @ TD.T

    def hessian(self):
        """Second derivatives, of shape (m, m)."""
        H = self.H - 2.0 / self.point.sigma2 * self.g @ self.g.T
        d = self.d / self.point.r2
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
        P = point.factored.inverse(place)
        by_part = deviance.directions_of(point.theta, batch)
        PD = [P @ one for part in by_part for one in part]
        if not PD:
            continue
        back = np.array([one.transpose(0, 2, 1).ravel() for one in PD])
        K[:m, :m] += np.array([one.ravel() for one in PD]) @ back.T
        K[:m, m] += [np.trace(one, axis1=1, axis2=2).sum() for one in PD]
    K[m, :m], K[m, m] = K[:m, m], deviance.A.n_obs
    return K
