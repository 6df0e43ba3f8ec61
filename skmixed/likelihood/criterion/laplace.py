"""The Laplace deviance of a generalised model, its exact gradient and a curvature."""

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmixed.likelihood.covariance.structure import scales_of, spans_of
from skmixed.likelihood.criterion.modes import ModeSearch, ModesFailedError
from skmixed.likelihood.criterion.moving_weights import add_moving_weights
from skmixed.likelihood.criterion.objective import Derivatives, Remembering
from skmixed.likelihood.criterion.pieces import Pieces, contract, inverse_root
from skmixed.likelihood.elimination.regime import choose_reweighted
from skmixed.likelihood.linalg.grouped import shared_left
from skmixed.likelihood.products.precondition import whitening

# Newton decrement that the modes are found to, and the loosest far from the optimum:
# of many rows, whose sweeps cost more, at the start too.
TIGHTEST, LOOSEST = 1e-17, 1e-9
MANY_ROWS, LOOSEST_OF_MANY = 50_000, 1e-8
# An error of the modes may move the deviance by this share of the next step's gain.
SHARE_OF_GAIN = 1e-5


@dataclass(frozen=True, eq=False)
class LaplacePoint:
    """The deviance at one x, and the modes there.

    Parameters
    ----------
    theta : ndarray of shape (m,)
        x.
    value : float
    modes : Modes or None
        None where there is no likelihood.
    """

    theta: np.ndarray
    value: float
    modes: Any = None


class LaplaceDeviance(Remembering):
    """Deviance in x = (theta, beta, psi), random effects integrated out by Laplace.

    theta stands first, so that search and boundary checks, which know it by its spans,
    serve unchanged; it is that of scale-free effects, beta that of orthonormal columns.

    Parameters
    ----------
    sweeps : RowSweeps
    start : RowState
        Complete, at random effects of zero: gives x its units.
    solver : str, optional
        A regime by name.

    Notes
    -----
    With eta = X beta + Z b + offset, b = Lambda u and u at its mode, where
    ``b = Psi f`` with f = Z's,

        D(x) = -2 l(eta) + u'u + log|I + Lambda'Z'WZ Lambda|

    (Breslow & Clayton 1993, JASA 88; Bates et al. 2015). Let K = Z'WZ,
    C = (K + Psi^-1)^-1, V^-1 = W - W Z C Z'W, h = diag(Z C Z'), t = h dW/deta and
    e = Z'V^-1(t/W): the third derivative of the log-determinant is one more column of
    the elimination. Then, with P = Z'V^-1 Z,

        dD/dPsi_j = sum_g P_gg - f_g f_g' + (e_g f_g' + f_g e_g') / 2,
        dD/dbeta  = X'(t - 2 s) - (Z'WX)'Psi e,
        dD/dpsi   = -2 l_psi + h'W_psi + (Z's_psi)'Psi e.

    The curvature holds W: it is the information of the linear model at sigma = 1. With
    one factor :func:`add_moving_weights` makes it exact.
    """

    # What an approximate Hessian lacks, where some of the groups have told.
    correction: Any = None

    @property
    def exact(self):
        """Whether the Hessian is exact: of one factor, or without random effects."""
        return len(self.structures) < 2

    def __init__(self, sweeps, start, solver=None):
        self.sweeps, self.family = sweeps, sweeps.family
        self.A = start.A
        self.structures = [factor.structure for factor in sweeps.factors]
        self.spans = spans_of(self.structures)
        self.n_theta = sum(structure.n_theta for structure in self.structures)
        self.p, self.r = sweeps.p, self.family.n_psi
        self.size = self.n_theta + self.p + self.r
        self.at_beta = slice(self.n_theta, self.n_theta + self.p)
        self.at_psi = slice(self.n_theta + self.p, self.size)
        self.bases = [
            whitening(ZtZ.sum(axis=2) / sweeps.n, structure)
            for ZtZ, structure in zip(start.A.ZtZ, self.structures, strict=True)
        ]
        self.beta_basis = inverse_root(start.XtX / sweeps.n)
        self.elimination = choose_reweighted(start.A, solver)
        self.search = ModeSearch(sweeps, self.elimination)
        self.tol_modes, many = TIGHTEST, sweeps.n >= MANY_ROWS
        self.loosest = LOOSEST_OF_MANY if many else LOOSEST
        self.tol_now = self.loosest if many else TIGHTEST
        self.costly, self.costly_curvature = many, many and self.exact
        self.forget()

    def forget(self):
        """Drop what is known of the modes: the next search starts from zero."""
        self.last = self.tangent = self.derived = None

    # ------------------------------------------------------------------ parameters
    @property
    def scales(self):
        """Positions in x of what makes a variance zero, and if they are logs."""
        return scales_of(self.structures)

    def relative_factors(self, x):
        """Lambda of every factor's scale-free effects."""
        return [
            structure.root(x[span])
            for structure, span in zip(self.structures, self.spans, strict=True)
        ]

    def roots(self, x):
        """Lambda of every factor's effects in the basis of the rows."""
        pairs = zip(self.bases, self.relative_factors(x), strict=True)
        return [B @ Lambda for B, Lambda in pairs]

    def fixed(self, x):
        """Coefficients of the rows' columns of X, and psi."""
        return self.beta_basis @ x[self.at_beta], x[self.at_psi]

    def pack(self, theta, beta, psi):
        """The x of theta, of coefficients in the basis of the rows, and of psi."""
        scaled = np.linalg.solve(self.beta_basis, beta) if self.p else beta
        return np.concatenate([theta, scaled, psi])

    # ------------------------------------------------------------------ the value
    def evaluate(self, x):
        """Find the deviance at x: see :meth:`at`."""
        self.derived = None
        starts = [self.predicted(x)]
        if self.tangent is not None:
            starts.append(self.zero)
        for u in starts if self.family.feasible(self.fixed(x)[1]) else ():
            try:
                with np.errstate(all="ignore"):
                    point = self.around(x, self.find_modes(x, u))
            except (ModesFailedError, np.linalg.LinAlgError):
                continue
            if np.isfinite(point.value):
                return point
        return LaplacePoint(x, np.inf)

    def closely(self, x):
        """Deviance at x with modes as exact as they can be; see :meth:`at`."""
        self.tol_now = self.tol_modes
        return self.at(x)

    def start_at(self, x):
        """Deviance at a start, with modes as exact as the first step asks for."""
        point = self.at(x)
        if np.isfinite(point.value) and self.tol_now > self.tol_modes:
            _ = self.derivatives(point).hessian
            point = self.at(x)
        return point

    def find_modes(self, x, u):
        """Find the modes from a start."""
        beta, psi = self.fixed(x)
        return self.search.find(self.roots(x), beta, psi, u, self.tol_now)

    @property
    def zero(self):
        """Random effects of zero."""
        return [np.zeros((f.n_effects, f.n_levels)) for f in self.sweeps.factors]

    def around(self, x, modes):
        """Give the point of some modes."""
        return LaplacePoint(x, float(modes.value), modes)

    def is_known(self, x):
        """Whether x was asked for last, with modes as exact as they shall be now."""
        modes = self.last and self.last.modes
        return bool(modes and modes.tol <= self.tol_now and super().is_known(x))

    def predicted(self, x):
        """Tangent of the modes from the last point with derivatives.

        ``u = Lambda'f``, whose f moves by ``-P dPsi f`` in theta and -F in (beta, psi).
        """
        if self.tangent is None:
            return self.zero
        x0, f0, slopes = self.tangent
        return [
            L.T @ (f + np.matmul(x - x0, slope))
            for L, f, slope in zip(self.roots(x), f0, slopes, strict=True)
        ]

    # ------------------------------------------------------------------ derivatives
    def derivatives(self, point):
        """Gradient and curvature at a point.

        Parameters
        ----------
        point : LaplacePoint

        Returns
        -------
        Derivatives
            ``G_Psi`` and ``scale`` of scale-free effects.
        """
        if self.derived is None or self.derived[0]() is not point:
            with np.errstate(all="ignore"):
                self.derived = weakref.ref(point), self.differentiate(point)
        return self.derived[1]

    def differentiate(self, point):
        """Find the derivatives; see :meth:`derivatives`."""
        pieces = self.pieces(point)
        gradient, G = self.gradient_of(point, pieces)
        known = point, pieces, gradient, G
        held = self.look_ahead(*known) if self.costly_curvature else None

        def curve():
            with np.errstate(all="ignore"):
                found = held or self.look_ahead(*known)
                if len(self.structures) != 1:
                    return found[0]
                return add_moving_weights(self, point, found[0], pieces, found[1])

        pairs = list(zip(self.bases, G, point.modes.factored.traces, strict=True))
        return Derivatives(
            gradient,
            curve,
            [B.T @ G_j @ B for B, G_j, _ in pairs],
            [np.trace(B.T @ T @ B) / len(T) for B, _, T in pairs],
        )

    def look_ahead(self, point, pieces, gradient, G):
        """Curvature with W held, and slopes of f: what foretells modes and gains."""
        hessian, slopes = self.curvature(point, pieces, G)
        self.tangent = point.theta, pieces.f, slopes
        self.set_tolerance(gradient, hessian)
        return hessian, slopes

    def gradient_of(self, point, pieces):
        """Gradient, and Laplace's slopes in every Psi, in the basis of the rows."""
        state, traces = point.modes.state, point.modes.factored.traces
        Pe = [P @ e for P, e in zip(pieces.Psi, pieces.e, strict=True)]
        G = [
            trace - f @ f.T + 0.5 * (e @ f.T + f @ e.T)
            for trace, f, e in zip(traces, pieces.f, pieces.e, strict=True)
        ]
        moved = np.zeros(self.p + self.r)
        for block, a in zip(pieces.columns, Pe, strict=True):
            moved += contract(block, a)
        gradient = np.concatenate(
            [
                *self.theta_gradient(point.theta, G),
                self.beta_basis.T @ (state.Xtt - 2.0 * state.Xts) - moved[: self.p],
                -2.0 * state.l_psi + state.hW_psi - moved[self.p :],
            ]
        )
        return self.refined(point, gradient), G

    def refined(self, point, gradient):
        """Gradient of the deviance itself, where it is not Laplace's."""
        return gradient

    def theta_gradient(self, x, G):
        """Slopes in theta, factor by factor, of the slopes in Psi of the rows."""
        return [
            structure.gradient(x[span], B.T @ G_j @ B)
            for structure, span, B, G_j in zip(
                self.structures, self.spans, self.bases, G, strict=True
            )
        ]

    def pieces(self, point):
        """Sweep the rows for what derivatives are made of."""
        state, factored = point.modes.state, point.modes.factored
        if not state.complete:
            cross = factored.meetings(state.A.pairs)
            cross = [np.ascontiguousarray(block) for block in cross]
            _, psi = self.fixed(point.theta)
            self.sweeps.complete(state, psi, factored.C, cross)
        columns = [
            np.concatenate([np.matmul(self.beta_basis.T, X), -s, t], axis=1)
            for X, s, t in zip(state.ZtX, state.Zt_psi, state.Ztt, strict=True)
        ]
        reduced = factored.reduce(columns)
        return Pieces(
            Psi=[L @ L.T for L in self.roots(point.theta)],
            f=state.Zts,
            e=[block[:, -1] for block in reduced],
            columns=[block[:, :-1] for block in columns],
            F=[block[:, :-1] for block in reduced],
            D=[
                B @ structure.directions(point.theta[span]) @ B.T
                for B, structure, span in zip(
                    self.bases, self.structures, self.spans, strict=True
                )
            ],
        )

    def set_tolerance(self, gradient, hessian):
        """Modes need be no more exact than the step to the next point is long.

        A decrement d of the modes moves the deviance by O(sqrt(d)), to be small beside
        the gain that the next step foretells.
        """
        if not len(gradient):
            return
        values, vectors = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(values), 1e-10 * np.abs(values).max())
        gain = np.sum((vectors.T @ gradient) ** 2 / np.maximum(curvature, 1e-300)) / 2
        tol = (SHARE_OF_GAIN * gain) ** 2
        loosest = max(self.loosest, self.tol_modes)
        self.tol_now = float(np.clip(tol, self.tol_modes, loosest))

    def curvature(self, point, pieces, G):
        """Hessian with W held, and the slopes of f along x.

        Returns
        -------
        hessian : ndarray of shape (m, m)
        slopes : list of ndarray of shape (k_j, m, G_j)
        """
        n_theta, factored = self.n_theta, point.modes.factored
        H = np.zeros((self.size, self.size))
        gram = self.fixed_gram(point)
        for C, P, F in zip(pieces.columns, pieces.Psi, pieces.F, strict=True):
            k, m, n_levels = F.shape
            left = C.transpose(1, 0, 2).reshape(m, k * n_levels)
            right = shared_left(P, F).transpose(1, 0, 2).reshape(m, k * n_levels)
            gram -= left @ right.T
        H[n_theta:, n_theta:] = gram + gram.T
        PP, Pff, _ = factored.kronecker_sums(pieces.f, None)
        for (j, h), tensor in Pff.items():
            K = tensor if PP is None else 2.0 * tensor - PP[j, h]
            k_j, k_h = len(pieces.f[j]), len(pieces.f[h])
            K = K.transpose(2, 0, 1, 3).reshape(k_j**2, k_h**2)
            H[self.spans[j], self.spans[h]] = (
                pieces.D[j].reshape(-1, k_j**2) @ K @ pieces.D[h].reshape(-1, k_h**2).T
            )
        for j, (structure, span, B) in enumerate(
            zip(self.structures, self.spans, self.bases, strict=True)
        ):
            H[span, span] += structure.bend(point.theta[span], B.T @ G[j] @ B)
            F, f, k = pieces.F[j], pieces.f[j], len(B)
            cross = (F.reshape(-1, F.shape[2]) @ f.T).reshape(k, -1, k)
            cross = cross.transpose(0, 2, 1).reshape(k * k, -1)
            H[span, n_theta:] = 2.0 * pieces.D[j].reshape(-1, k * k) @ cross
        H[n_theta:, :n_theta] = H[:n_theta, n_theta:].T
        return (H + H.T) / 2, self.slopes_of_f(point, pieces)

    def fixed_gram(self, point):
        """``[X'WX, -X's_psi; ., -l_psi2]``, of shape (p + r, p + r)."""
        state, p, B = point.modes.state, self.p, self.beta_basis
        gram = np.zeros((p + self.r, p + self.r))
        gram[:p, :p] = B.T @ state.XtX @ B
        gram[p:, :p] = -state.Xt_psi @ B
        gram[:p, p:] = gram[p:, :p].T
        gram[p:, p:] = -state.l_psi2
        return gram

    def slopes_of_f(self, point, pieces):
        """``-P dPsi f`` in theta, -F in (beta, psi)."""
        directions = []
        for D, f, span in zip(pieces.D, pieces.f, self.spans, strict=True):
            block = np.zeros((len(f), self.n_theta, f.shape[1]))
            block[:, span] = np.matmul(D, f).transpose(1, 0, 2)
            directions.append(block)
        return [
            -np.concatenate([PD, F], axis=1)
            for PD, F in zip(
                point.modes.factored.apply(directions), pieces.F, strict=True
            )
        ]
