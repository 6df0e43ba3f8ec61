"""The profiled deviance and its derivatives in theta, for any regime."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.covariance.structure import scales_of, spans_of
from skmixed.likelihood.criterion.objective import Derivatives, Remembering


@dataclass(frozen=True, eq=False)
class ProfiledPoint:
    """The deviance at one theta, and what comes with it.

    Parameters
    ----------
    theta : ndarray of shape (m,)
    value : float
        Deviance, or REML criterion, in the basis of the cross-products and without the
        weights' constant.
    beta : ndarray of shape (p,)
    r2 : float
        Penalised residual sum of squares.
    RX : ndarray of shape (p, p)
        Lower triangular, ``RX RX' = X'V^-1 X``.
    nu, sigma2 : float
        ``r2 = nu sigma2``: one of them is known, the other is found.
    Lambdas : list of ndarray of shape (k_j, k_j)
        Relative covariance factors.
    factored : Factored or None
        V there; None where it could not be factored.
    """

    theta: np.ndarray
    value: float
    beta: np.ndarray
    r2: float
    RX: np.ndarray
    nu: float
    sigma2: float
    Lambdas: list
    factored: Any

    @property
    def samples(self):
        """What every probe says of the value but for a constant; None if exact."""
        return getattr(self.factored, "samples", None)

    @cached_property
    def scores(self):
        """``f = Z'V^-1(y - X beta)`` of every factor, of shape (k_j, G_j).

        The conditional modes of the random effects are Psi f.
        """
        v = np.append(-self.beta, 1.0)
        return [np.matmul(v, block) for block in self.factored.F]

    @cached_property
    def whitened(self):
        """``F_X RX^-T`` of every factor, of shape (k_j, p, G_j)."""
        blocks = [block[:, :-1] for block in self.factored.F]
        if not len(self.RX):
            return blocks
        inverse = lapack.dtrtri(self.RX, lower=1)[0]
        return [np.matmul(inverse, FX) for FX in blocks]


class ProfiledDeviance(Remembering):
    """Deviance of a linear mixed model with beta and sigma profiled out.

    Parameters
    ----------
    A : CrossProducts
    elimination : Elimination
    reml : bool

    Notes
    -----
    With S = [X y]'V^-1[X y] = R R' (lower triangular), r^2 = R[p, p]^2 and nu = n for
    ML or n - p for REML,

        d(theta) = log|V| + nu (1 + log(2 pi r^2 / nu)) [+ log|X'V^-1 X|],

    Bates et al. (2015), J. Stat. Softw. 67(1), equations 33-42. In Psi_j, with
    P = Z'V^-1 Z, F = Z'V^-1[X y], f = F [-beta; 1] and Rx = X'V^-1 X,

        G_j = sum_g P_gg - (nu / r^2) f_g f_g' [- F_Xg Rx^-1 F_Xg'],

    so that the slope in a theta of factor j is tr(G_j D) with D = dPsi_j / dtheta,
    which the factor's covariance structure knows; it knows <G_j, d2Psi_j> too. The rest
    of the second derivatives follows from dP = -P D P and
    df = -P D f + F_X Rx^-1 F_X' D f.

    Where the cross-products know sigma, ``nu log(2 pi sigma^2) + r^2 / sigma^2`` stands
    in the criterion's middle. ``nu`` is then r^2 / sigma^2, by which the slopes are the
    same, and the second derivatives lack the term of a sigma that follows theta.
    """

    def __init__(self, A, elimination, reml):
        self.A = A
        self.elimination = elimination
        self.reml = reml
        self.structures = [factor.structure for factor in A.factors]
        self.n_informative = A.n_obs - A.n_fixed if reml else A.n_obs
        self.spans = spans_of(self.structures)
        self.n_theta = sum(structure.n_theta for structure in self.structures)

    @property
    def scales(self):
        """Positions in theta of what makes a variance zero, and if they are logs."""
        return scales_of(self.structures)

    @property
    def exact(self):
        """Whether the Hessian is exact, and not the average information."""
        return self.elimination.exact

    @property
    def plain(self):
        """The same deviance by the elimination that takes steps, not evaluated."""
        return ProfiledDeviance(self.A, self.elimination.plain, self.reml)

    def relative_factors(self, theta):
        """Lambda of every factor.

        Parameters
        ----------
        theta : ndarray of shape (m,)

        Returns
        -------
        list of ndarray of shape (k_j, k_j)
        """
        return [
            structure.root(theta[span])
            for structure, span in zip(self.structures, self.spans, strict=True)
        ]

    @property
    def profiles_sigma(self):
        """Whether sigma is at its best for every theta, and not known."""
        return self.A.sigma is None

    def inside(self, theta, zero):
        """Which parameters are not at the boundary, of shape (m,)."""
        own = [
            structure.inside(theta[span], zero)
            for structure, span in zip(self.structures, self.spans, strict=True)
        ]
        return np.concatenate(own)

    def factor_at(self, theta, Lambdas):
        """Factor V at theta, whose Lambda are known."""
        return self.elimination.factor(Lambdas)

    def evaluate(self, theta):
        """Find the deviance at theta: see :meth:`at`."""
        Lambdas, p = self.relative_factors(theta), self.A.n_fixed
        factored: Any = None
        try:
            factored = self.factor_at(theta, Lambdas)
            solved = profile_out(factored.S) if np.isfinite(factored.logdet_V) else None
        except np.linalg.LinAlgError:
            solved = None
        if solved is None:
            none = np.inf, np.zeros(p), np.inf, np.eye(p), np.inf, np.inf
            return ProfiledPoint(theta, *none, Lambdas, factored)
        beta, r2, RX = solved
        nu, sigma2, value = self.residual_part(r2)
        if np.isinf(value):
            r2 = np.inf
        value += factored.logdet_V
        if self.reml:
            value += 2.0 * float(np.log(np.diag(RX)).sum())
        return ProfiledPoint(
            theta, float(value), beta, r2, RX, nu, sigma2, Lambdas, factored
        )

    def residual_part(self, r2):
        """``nu``, sigma^2, and what the residuals add to the deviance."""
        nu, sigma = self.n_informative, self.A.sigma
        if sigma is not None:
            known = nu * np.log(2.0 * np.pi * sigma**2)
            return r2 / sigma**2, sigma**2, known + r2 / sigma**2
        if not (r2 and nu):
            return nu, np.inf, np.inf
        return nu, r2 / nu, nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))

    def derivatives(self, point):
        """Gradient and Hessian at a point.

        Parameters
        ----------
        point : ProfiledPoint

        Returns
        -------
        Derivatives
        """
        traces, G_Psi = point.factored.traces, []
        for f, W, trace in zip(point.scores, point.whitened, traces, strict=True):
            G = trace - f @ f.T / point.sigma2
            if self.reml:
                flat = W.reshape(len(W), -1)
                G = G - flat @ flat.T
            G_Psi.append((G + G.T) / 2)
        parts = zip(self.structures, self.spans, G_Psi, strict=True)
        gradient = [s.gradient(point.theta[span], G) for s, span, G in parts]
        return Derivatives(
            np.concatenate(gradient),
            lambda: self.hessian(point, G_Psi),
            G_Psi,
            [np.trace(trace) / len(trace) for trace in traces],
        )

    def hessian(self, point, G_Psi):
        """Second derivatives in theta: see the class.

        Parameters
        ----------
        point : ProfiledPoint
        G_Psi : list of ndarray of shape (k_j, k_j)

        Returns
        -------
        ndarray of shape (m, m)
        """
        D, weight = self.psi_directions(point), self.weight_of(point)
        H = self.paired(point, D)
        g, d = self.mean_directions(point, D)
        H -= weight * (g @ g.T)
        if self.profiles_sigma:
            d = d / point.r2
            H -= point.nu * np.outer(d, d)
        if self.reml and self.elimination.exact:
            N = self.fixed_directions(point, D)
            H -= N @ N.T
        for G, structure, span in zip(G_Psi, self.structures, self.spans, strict=True):
            H[span, span] += structure.bend(point.theta[span], G)
        return (H + H.T) / 2

    def weight_of(self, point):
        """What products with f f' count in the second derivatives."""
        return (2.0 if self.elimination.exact else 1.0) / point.sigma2

    def paired(self, point, D):
        """Terms of the second derivatives with two directions, of shape (m, m)."""
        f, exact, weight = point.scores, self.elimination.exact, self.weight_of(point)
        whitened = point.whitened if self.reml and exact else None
        H = point.factored.paired(D, f, whitened, 1.0 / point.sigma2)
        if H is not None:
            return H
        PP, Pff, PFF = point.factored.kronecker_sums(f, whitened)
        H = np.empty((self.n_theta, self.n_theta))
        for (j, h), tensor in Pff.items():
            K = weight * tensor
            if exact:
                K = K - PP[j, h] + (2.0 * PFF[j, h] if self.reml else 0.0)
            k_j, k_l = len(f[j]), len(f[h])
            # tr(D_j P_gh D_l Q_hg) = sum D_j[c, a] P[a, b] D_l[b, d] Q[c, d]
            K = K.transpose(2, 0, 1, 3).reshape(k_j**2, k_l**2)
            H[self.spans[j], self.spans[h]] = (
                D[j].reshape(-1, k_j**2) @ K @ D[h].reshape(-1, k_l**2).T
            )
        return H

    def psi_directions(self, point):
        """dPsi_j in each theta of every factor j, of shape (m_j, k_j, k_j)."""
        pairs = zip(self.structures, self.spans, strict=True)
        return [structure.directions(point.theta[span]) for structure, span in pairs]

    def mean_directions(self, point, D):
        """Whitened F_X'D f, of shape (m, p), and f'D f, of shape (m,)."""
        g, d = [], []
        for f_j, W, D_j in zip(point.scores, point.whitened, D, strict=True):
            k, p, G = W.shape
            cross = W.reshape(k * p, G) @ f_j.T
            cross = cross.reshape(k, p, k).transpose(0, 2, 1).reshape(k * k, p)
            flat = D_j.reshape(-1, k * k)
            g.append(flat @ cross)
            d.append(flat @ (f_j @ f_j.T).ravel())
        return np.concatenate(g), np.concatenate(d)

    def fixed_directions(self, point, D):
        """Whitened F_X'D F_X, of shape (m, p^2)."""
        N = []
        for W, D_j in zip(point.whitened, D, strict=True):
            k, p, G = W.shape
            flat = W.reshape(k * p, G)
            cross = (flat @ flat.T).reshape(k, p, k, p).transpose(0, 2, 1, 3)
            N.append(D_j.reshape(-1, k * k) @ cross.reshape(k * k, p * p))
        return np.concatenate(N)


def profile_out(S):
    """Minimise a sum of squares over the coefficients.

    Parameters
    ----------
    S : ndarray of shape (p + 1, p + 1)
        ``[X y]'V^-1[X y]``.

    Returns
    -------
    beta : ndarray of shape (p,)
    r2 : float
        ``(y - X beta)'V^-1(y - X beta)``.
    RX : ndarray of shape (p, p)
        Lower triangular root of ``X'V^-1 X``.
        All three, or None where that is not positive definite.
    """
    p = len(S) - 1
    R, info = lapack.dpotrf(S, lower=1, clean=1)
    if info not in (0, p + 1):
        return None
    RX = R[:p, :p]
    return solve_upper(RX, R[p, :p]), 0.0 if info else float(R[p, p] ** 2), RX


def solve_upper(RX, right):
    """Solve ``RX' x = right``; an empty system has an empty solution."""
    if not len(RX):
        return np.zeros(0)
    return lapack.dtrtrs(RX, right, lower=1, trans=1)[0]
