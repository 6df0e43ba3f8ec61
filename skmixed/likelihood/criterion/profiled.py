"""The profiled deviance and its derivatives in theta, for any regime."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.covariance.structure import scales_of, spans_of


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The deviance at one theta, and what comes with it.

    Parameters
    ----------
    value : float
        Deviance, or REML criterion, in the basis of the cross-products and without the
        weights' constant.
    beta : ndarray of shape (p,)
    r2 : float
        Penalised residual sum of squares.
    RX : ndarray of shape (p, p)
        Lower triangular, ``RX RX' = X'V^-1 X``.
    """

    value: float
    beta: np.ndarray
    r2: float
    RX: np.ndarray


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Gradient and curvature of the deviance in theta.

    Parameters
    ----------
    gradient : ndarray of shape (m,)
    hessian : ndarray of shape (m, m)
        Exact, or the average information plus the exact gradient terms.
    G_Psi : list of ndarray of shape (k_j, k_j)
        Derivative in each factor's relative covariance Psi.
    scale : list of float
        Mean eigenvalue of ``sum_g P_gg`` per factor: the unit of ``G_Psi``.
    """

    gradient: np.ndarray
    hessian: np.ndarray
    G_Psi: list
    scale: list


class ProfiledDeviance:
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
        self.nu = self.n_informative = A.n_obs - A.n_fixed if reml else A.n_obs
        self.spans = spans_of(self.structures)
        self.n_theta = sum(structure.n_theta for structure in self.structures)
        self.n_evaluations = 0
        self.factored: Any = None
        self.f: Any = None

    @property
    def scales(self):
        """Positions in theta of what makes a variance zero, and if they are logs."""
        return scales_of(self.structures)

    @property
    def exact(self):
        """Whether the Hessian is exact, and not the average information."""
        return self.elimination.exact

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

    def evaluate(self, theta):
        """Deviance at theta; an infinite value where it cannot be computed.

        Parameters
        ----------
        theta : ndarray of shape (m,)

        Returns
        -------
        Evaluation
        """
        self.n_evaluations += 1
        self.theta, self.Lambdas = theta, self.relative_factors(theta)
        self.f = self.factored = None  # what it worked in serves the next one
        p = self.A.n_fixed
        try:
            self.factored = self.elimination.factor(self.Lambdas)
            R, info = lapack.dpotrf(self.factored.S, lower=1, clean=1)
            known = np.isfinite(self.factored.logdet_V) and info in (0, p + 1)
        except np.linalg.LinAlgError:
            known = False
        if not known:
            self.at = Evaluation(np.inf, np.zeros(p), np.inf, np.eye(p))
            return self.at
        r2, RX = 0.0 if info else float(R[p, p] ** 2), R[:p, :p]
        nothing_left = info or not self.nu
        if nothing_left and self.A.sigma is None:
            self.at = Evaluation(np.inf, solve_upper(RX, R[p, :p]), np.inf, RX)
            return self.at
        value = self.factored.logdet_V + self.residual_part(r2)
        if self.reml:
            value += 2.0 * float(np.log(np.diag(RX)).sum())
        self.at = Evaluation(float(value), solve_upper(RX, R[p, :p]), r2, RX)
        return self.at

    @property
    def sigma2(self):
        """Residual variance at the theta evaluated last, estimated or known."""
        sigma = self.A.sigma
        return self.at.r2 / self.nu if sigma is None else sigma**2

    @property
    def precision(self):
        """One over the residual variance, estimated or known."""
        sigma = self.A.sigma
        return self.nu / self.at.r2 if sigma is None else 1.0 / sigma**2

    def residual_part(self, r2):
        """What the residuals add to the deviance; sets ``nu`` where sigma is known."""
        sigma = self.A.sigma
        if sigma is None:
            return self.nu * (1.0 + np.log(2.0 * np.pi * r2 / self.nu))
        self.nu = r2 / sigma**2
        return self.n_informative * np.log(2.0 * np.pi * sigma**2) + self.nu

    def derivatives(self):
        """Gradient and Hessian at the theta evaluated last.

        Returns
        -------
        Derivatives
        """
        p = self.A.n_fixed
        F = self.factored.F
        f = self.scores(F)
        whitened = whiten([block[:, :p] for block in F], self.at.RX)
        traces = self.factored.traces
        G_Psi = []
        for f_j, W, trace in zip(f, whitened, traces, strict=True):
            G = trace - self.precision * (f_j @ f_j.T)
            if self.reml:
                flat = W.reshape(len(W), -1)
                G = G - flat @ flat.T
            G_Psi.append((G + G.T) / 2)
        gradient = np.concatenate(
            [
                structure.gradient(self.theta[span], G)
                for structure, span, G in zip(
                    self.structures, self.spans, G_Psi, strict=True
                )
            ]
        )
        hessian = self.hessian(f, whitened, G_Psi)
        scale = [np.trace(trace) / len(trace) for trace in traces]
        return Derivatives(gradient, hessian, G_Psi, scale)

    def scores(self, F):
        """``f = Z'V^-1(y - X beta)`` of every factor, of shape (k_j, G_j)."""
        v = np.append(-self.at.beta, 1.0)
        self.f = [np.matmul(v, block) for block in F]
        return self.f

    def conditional_scores(self, theta):
        """``Z'V^-1(y - X beta)`` at theta; the conditional modes are Psi times it.

        Parameters
        ----------
        theta : ndarray of shape (m,)

        Returns
        -------
        list of ndarray of shape (k_j, G_j)
        """
        if self.theta is not theta:
            self.evaluate(theta)
        if self.f is None:
            self.scores(self.factored.F)
        return self.f

    def hessian(self, f, whitened, G_Psi):
        """Second derivatives in theta: see the class.

        Parameters
        ----------
        f : list of ndarray of shape (k_j, G_j)
        whitened : list of ndarray of shape (k_j, p, G_j)
            ``F_X RX^-T``.
        G_Psi : list of ndarray of shape (k_j, k_j)

        Returns
        -------
        ndarray of shape (m, m)
        """
        exact, ratio = self.elimination.exact, self.precision
        PP, Pff, PFF = self.factored.kronecker_sums(
            f, whitened if self.reml and exact else None
        )
        D = [self.psi_directions(j) for j in range(len(f))]
        weight = 2.0 * ratio if exact else ratio
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
        g, d = self.mean_directions(f, whitened, D)
        H -= weight * (g @ g.T)
        if self.A.sigma is None:
            d = d / self.at.r2
            H -= self.nu * np.outer(d, d)
        if self.reml and exact:
            N = self.fixed_directions(whitened, D)
            H -= N @ N.T
        for G, structure, span in zip(G_Psi, self.structures, self.spans, strict=True):
            H[span, span] += structure.bend(self.theta[span], G)
        return (H + H.T) / 2

    def psi_directions(self, j):
        """dPsi_j in each theta of factor j, of shape (m_j, k_j, k_j)."""
        return self.structures[j].directions(self.theta[self.spans[j]])

    def mean_directions(self, f, whitened, D):
        """Whitened F_X'D f, of shape (m, p), and f'D f, of shape (m,)."""
        g, d = [], []
        for f_j, W, D_j in zip(f, whitened, D, strict=True):
            k, p, G = W.shape
            cross = W.reshape(k * p, G) @ f_j.T
            cross = cross.reshape(k, p, k).transpose(0, 2, 1).reshape(k * k, p)
            flat = D_j.reshape(-1, k * k)
            g.append(flat @ cross)
            d.append(flat @ (f_j @ f_j.T).ravel())
        return np.concatenate(g), np.concatenate(d)

    def fixed_directions(self, whitened, D):
        """Whitened F_X'D F_X, of shape (m, p^2)."""
        N = []
        for W, D_j in zip(whitened, D, strict=True):
            k, p, G = W.shape
            flat = W.reshape(k * p, G)
            cross = (flat @ flat.T).reshape(k, p, k, p).transpose(0, 2, 1, 3)
            N.append(D_j.reshape(-1, k * k) @ cross.reshape(k * k, p * p))
        return np.concatenate(N)


def solve_upper(RX, right):
    """Solve ``RX' x = right``; an empty system has an empty solution."""
    if not len(RX):
        return np.zeros(0)
    return lapack.dtrtrs(RX, right, lower=1, trans=1)[0]


def whiten(blocks, RX):
    """``F_X RX^-T`` for blocks of shape (k, p, G)."""
    if not len(RX):
        return blocks
    inverse = lapack.dtrtri(RX, lower=1)[0]
    return [np.matmul(inverse, FX) for FX in blocks]
