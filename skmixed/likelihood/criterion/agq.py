"""Adaptive Gauss-Hermite quadrature for one grouping factor of a few effects."""

import copy
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import logsumexp

from skmixed.likelihood.criterion.laplace import LaplaceDeviance, LaplacePoint
from skmixed.likelihood.criterion.node_sums import node_sums
from skmixed.likelihood.criterion.pieces import contract
from skmixed.likelihood.linalg.group_sums import add_by_group
from skmixed.likelihood.linalg.grouped import (
    multiply,
    shared_left,
    shared_right,
    solve_lower,
)

# Step of the differences of Lambda in theta, whose error is of order four.
ROOT_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class QuadraturePoint(LaplacePoint):
    """The deviance at one x, and sums over the nodes around the modes.

    Parameters
    ----------
    R : ndarray of shape (k, k, G)
    nodes, away : ndarray of shape (q, k, G)
        u at the nodes, and how far b is from its mode there.
    pi : ndarray of shape (q, G)
        Shares of the nodes in their group's integral.
    Zts, Xts : ndarray of shape (q, k, G) and (q, p, G)
    """

    R: Any = None
    nodes: Any = None
    away: Any = None
    pi: Any = None
    Zts: Any = None
    Xts: Any = None


class QuadratureDeviance(LaplaceDeviance):
    """Deviance by quadrature around the conditional modes.

    Parameters
    ----------
    sweeps : RowSweeps
        With one factor.
    start : RowState
    n_nodes : int
        Per effect.

    Notes
    -----
    Nodes ``u_q = u + R x_q`` with R = L^-T of M = LL' give, group by group,

        I_g = log|R| + log sum_q w_q exp(|x_q|^2 / 2 + l_g(u_q) - |u_q|^2 / 2),

    and D = -2 sum I_g (Pinheiro & Bates 1995, J. Comput. Graph. Stat. 4); with one node
    it is Laplace's. The gradient is Laplace's too, with scores that are averaged over
    the nodes by their shares pi, and another covariance in place of M^-1: with
    ``v = Lambda'Z's_q - u_q``, A = sum pi v and ``N = R' sum pi v x'``,

        Cu = R (I + U) R',  U = triu(N) + triu(N, 1)',
        t = h dW/deta for h = z'Lambda Cu Lambda'z,  r = M^-1 (Lambda'Z't - 2 A),
        dD/dLambda = sum_g 2 K Lambda Cu - 2 sum_q pi (Z's_q) u_q' + f r'
                     + (Z't - K Lambda r) u'.

    The curvature is that of Laplace's deviance; of many rows, what it lacks is found
    from some of the groups.
    """

    exact = False

    def __init__(self, sweeps, start, n_nodes):
        super().__init__(sweeps, start)
        self.place_nodes(n_nodes)

    @classmethod
    def beside(cls, laplace, n_nodes):
        """The deviance in the units, and from the modes, of Laplace's."""
        self = copy.copy(laplace)
        self.__class__ = cls
        self.last = self.derived = None
        self.place_nodes(n_nodes)
        return self

    def place_nodes(self, n_nodes):
        """Choose nodes and weights of the standard normal distribution."""
        k = self.structures[0].n_effects
        x, w = hermegauss(n_nodes)
        w = np.log(w / w.sum()) + 0.5 * x**2
        grid = np.array(list(itertools.product(range(n_nodes), repeat=k)))
        self.x_nodes, self.log_w = x[grid], w[grid].sum(axis=1)

    def around(self, x, modes):
        """Give the point of some modes, and the nodes around them."""
        u = modes.u[0]
        k, G = u.shape
        unit = np.repeat(np.eye(k)[:, :, None], G, axis=2)
        R = solve_lower(modes.factored.L, unit).transpose(1, 0, 2)
        nodes = np.array([u + np.einsum("abg,b->ag", R, x) for x in self.x_nodes])
        root = self.roots(x)[0]
        away = np.array([root @ (node - u) for node in nodes])
        logliks, Zts, Xts = node_sums(self, x, modes.state, away)
        terms = self.log_w[:, None] + logliks - 0.5 * (nodes**2).sum(axis=1)
        integrals = logsumexp(terms, axis=0)
        value = modes.factored.logdet_V - 2.0 * float(integrals.sum())
        value -= 2.0 * self.sweeps.constant
        pi = np.exp(terms - integrals)
        return QuadraturePoint(x, float(value), modes, R, nodes, away, pi, Zts, Xts)

    def curvature(self, point, pieces, G):
        """Hessian of Laplace's deviance, corrected where that is known."""
        hessian, slopes = super().curvature(point, pieces, G)
        if self.correction is not None:
            hessian = hessian + self.correction
        return hessian, slopes

    def refined(self, point, gradient):
        """Gradient of the quadrature's deviance."""
        modes, R = point.modes, point.R
        state, u, K, root = (
            modes.state,
            modes.u[0],
            modes.factored.ZtZ,
            self.roots(point.theta)[0],
        )
        v = np.array([root.T @ f for f in point.Zts]) - point.nodes
        A = np.einsum("qg,qag->ag", point.pi, v)
        N = multiply(R, self.spread(point.pi, v), transpose_A=True)
        U = np.eye(len(u))[:, :, None] + np.zeros_like(N)
        for a, b in zip(*np.triu_indices(len(u)), strict=True):
            U[a, b] += N[a, b]
            if a != b:
                U[b, a] += N[a, b]
        Cu = multiply(multiply(R, U), R.transpose(1, 0, 2))
        C = shared_right(shared_left(root, Cu), root.T)
        sums = self.row_sums(point, C)
        right = (root.T @ sums["Ztt"] - 2.0 * A)[:, None]
        r = multiply(R, multiply(R, right, transpose_A=True))[:, 0]
        KL = shared_right(K, root)
        rest = sums["Ztt"] - multiply(KL, r[:, None])[:, 0]
        by_root = 2.0 * multiply(KL, Cu).sum(axis=2) + state.Zts[0] @ r.T + rest @ u.T
        for pi, f, node in zip(point.pi, point.Zts, point.nodes, strict=True):
            by_root -= 2.0 * (pi * f) @ node.T
        by_Lambda = self.bases[0].T @ by_root
        directions = root_directions(self.structures[0], point.theta[self.spans[0]])
        moved = contract(self.columns_of(state), root @ r)
        by_beta = self.beta_basis.T @ (sums["Xtt"] - 2.0 * sums["Xts"])
        return np.concatenate(
            [
                (directions * by_Lambda).sum(axis=(1, 2)),
                by_beta - moved[: self.p],
                sums["hW_psi"] - 2.0 * sums["l_psi"] - moved[self.p :],
            ]
        )

    def spread(self, pi, v):
        """``sum_q pi v x'`` by group, of shape (k, k, G)."""
        total = 0.0
        for share, own, x in zip(pi, v, self.x_nodes, strict=True):
            total = total + (share * own)[:, None] * x[:, None]
        return total

    def columns_of(self, state):
        """``Z'W[X, -s_psi/W]``, of shape (k, p + r, G)."""
        ZtX = np.matmul(self.beta_basis.T, state.ZtX[0])
        return np.concatenate([ZtX, -state.Zt_psi[0]], axis=1)

    def row_sums(self, point, C):
        """Sums over rows with scores averaged over nodes, and t = h W1, h = z'Cz."""
        sweeps, state, r = self.sweeps, point.modes.state, self.r
        sums = {"Xts": np.zeros(self.p), "Xtt": np.zeros(self.p)}
        sums |= {"l_psi": np.zeros(r), "hW_psi": np.zeros(r)}
        if not r:
            sums["Xts"] = np.einsum("qg,qag->a", point.pi, point.Xts)
        Ztt = np.zeros(point.modes.u[0].shape)
        for chunk in sweeps.chunks:
            codes = sweeps.codes(0, chunk)
            ones, h = sweeps.ones[: len(codes)], np.zeros(len(codes))
            sweeps.add_leverages([C], (), chunk, h)
            third, X = h * state.W1[chunk], sweeps.X[:, chunk]
            if r:
                sums["Xts"] += X @ self.mean_score(point, chunk, sums["l_psi"])
            sums["Xtt"] += X @ third
            sums["hW_psi"] += state.W_psi[:, chunk] @ h
            z = sweeps.z(0, chunk)
            products = [(third, ones if column is None else column) for column in z]
            add_by_group(Ztt, codes, products)
        return sums | {"Ztt": Ztt}

    def mean_score(self, point, chunk, l_psi):
        """Scores of some rows averaged over nodes; adds to the sums in psi."""
        sweeps, state = self.sweeps, point.modes.state
        codes, total = sweeps.codes(0, chunk), 0.0
        _, psi = self.fixed(point.theta)
        y, w = sweeps.y[chunk], sweeps.weights(chunk)
        for own, away in zip(point.pi, point.away, strict=True):
            eta = state.eta[chunk] + sweeps.row_values(away, chunk)
            pi = own.take(codes)
            t = self.family.terms(y, w, eta, psi)
            total = total + pi * t.score
            l_psi += [pi @ column for column in t.loglik_psi]
        return total


def root_directions(structure, theta):
    """Slopes of Lambda in every theta of a structure, of shape (m, k, k)."""
    found = []
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = ROOT_STEP
        near = structure.root(theta + step) - structure.root(theta - step)
        far = structure.root(theta + 2 * step) - structure.root(theta - 2 * step)
        found.append((8.0 * near - far) / (12.0 * ROOT_STEP))
    return np.array(found)
