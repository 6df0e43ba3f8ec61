"""The profiled deviance of many responses and its derivatives in theta."""

from dataclasses import dataclass, field

import numpy as np

from skmixed.likelihood.covariance.structure import spans_of


@dataclass(eq=False)
class Point:
    """What an elimination knows of r responses, each at a theta of its own.

    With P = Z'V^-1 Z, F = Z'V^-1[X y], S = [X y]'V^-1[X y] as in
    :class:`skmixed.likelihood.criterion.profiled.ProfiledDeviance`.

    Parameters
    ----------
    logdet : ndarray of shape (r,)
        log|V|.
    S : ndarray of shape (r, p + 1, p + 1)
    rest : dict
        What the elimination needs for derivatives.
    """

    logdet: np.ndarray
    S: np.ndarray
    rest: dict = field(default_factory=dict)


@dataclass(eq=False)
class Sums:
    """Sums over groups that derivatives are made of; factors in the model's order.

    Parameters
    ----------
    traces : list of ndarray of shape (r, k_j, k_j)
        ``sum_g P_gg``.
    columns : list of ndarray of shape (r, k_j (p + 1), k_j (p + 1))
        ``sum_g q_g q_g'`` for the columns q of f and of whitened F_X, effects major.
    pairs : dict of tuple (j, h) to ndarray of shape (r, k_j^2, k_h^2)
        ``sum_gh P_gh[a, b] M_gh[c, d]`` by (a, c) and (b, d), with
        ``M = 2 (nu / r^2 f f' [+ W W']) - P``.
    """

    traces: list
    columns: list
    pairs: dict


class ManyDeviances:
    """Deviances of r responses, beta and sigma profiled out.

    Parameters
    ----------
    elimination : object
        With ``factor(Lambdas, rows) -> Point`` and
        ``sums(point, beta, RXi, ratio, reml) -> Sums``.
    products : ManyProducts
        In a scale-free basis.
    reml : bool
    roots : list of Roots
        Of the factors.
    """

    def __init__(self, elimination, products, reml, roots):
        self.elimination, self.products = elimination, products
        self.reml, self.roots = reml, roots
        self.p = products.A.n_fixed
        self.nu = products.n_obs - (self.p if reml else 0)
        self.spans = spans_of([own.structure for own in roots])

    @property
    def n_theta(self):
        """Number of parameters m."""
        return self.spans[-1].stop if self.spans else 0

    def turned(self, roots):
        """The same deviances with theta on other axes."""
        return ManyDeviances(self.elimination, self.products, self.reml, roots)

    def lambdas(self, theta, rows):
        """Lambda of every factor, of shape (r, k_j, k_j)."""
        return [
            own[rows].of(theta[:, span])
            for own, span in zip(self.roots, self.spans, strict=True)
        ]

    def position(self, theta, rows):
        """Psi of all factors as one vector: what says whether two thetas are near."""
        return np.hstack(
            [
                (L @ L.swapaxes(1, 2)).reshape(len(L), -1)
                for L in self.lambdas(theta, rows)
            ]
        )

    def evaluate(self, theta, rows):
        """Values and what comes with them.

        Parameters
        ----------
        theta : ndarray of shape (r, m)
        rows : ndarray of int of shape (r,)

        Returns
        -------
        dict
            ``value``, ``beta``, ``r2``, ``RXi`` (the inverse of lower triangular RX),
            ``Lambdas`` and ``point``; infinite values where S is singular.
        """
        Lambdas = self.lambdas(theta, rows)
        point = self.elimination.factor(Lambdas, rows)
        S, p, nu = point.S, self.p, self.nu[rows]
        R, singular = safe_cholesky(S)
        r2 = R[:, p, p] ** 2
        value = point.logdet + nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))
        if self.reml:
            value += 2.0 * np.log(R[:, range(p), range(p)]).sum(axis=1)
        value[singular | ~np.isfinite(value)] = np.inf
        RXi = np.linalg.inv(R[:, :p, :p])
        beta = np.matmul(R[:, None, p, :p], RXi)[:, 0]
        return {
            "value": value,
            "beta": beta,
            "r2": r2,
            "RXi": RXi,
            "Lambdas": Lambdas,
            "point": point,
        }

    def values(self, theta, rows):
        """Deviances alone, of shape (r,)."""
        return self.evaluate(theta, rows)["value"]

    def derivatives(self, theta, rows):
        """Value, gradient and Hessian, of shape (r,), (r, m) and (r, m, m)."""
        at = self.look(theta, rows)
        return at["value"], at["gradient"], at["hessian"]

    def look(self, theta, rows):
        """Values and derivatives.

        Parameters
        ----------
        theta : ndarray of shape (r, m)
        rows : ndarray of int of shape (r,)

        Returns
        -------
        dict
            As :meth:`evaluate`, with ``gradient``, ``hessian``, ``G`` (slopes in Psi,
            a list), ``scale`` (their units), ``d`` = f'dPsi f of shape (r, m) and
            ``N`` = whitened F_X'dPsi F_X of shape (r, m, p, p).
        """
        at = self.evaluate(theta, rows)
        p, r = self.p, len(theta)
        ratio = self.nu[rows] / at["r2"]
        sums = self.elimination.sums(
            at["point"], at["beta"], at["RXi"], ratio, self.reml
        )
        parts = [
            self.by_factor(j, sums, at["Lambdas"][j], rows, ratio)
            for j in range(len(self.roots))
        ]
        D, G, bends, d, g, N = (list(part) for part in zip(*parts, strict=True))
        at["gradient"] = np.hstack(
            [
                np.matmul(D_j, G_j.reshape(r, -1, 1))[:, :, 0]
                for D_j, G_j in zip(D, G, strict=True)
            ]
        )
        H = np.zeros((r, self.n_theta, self.n_theta))
        for (j, h), K in sums.pairs.items():
            block = D[j] @ K @ D[h].swapaxes(1, 2)
            H[:, self.spans[j], self.spans[h]] = block
            H[:, self.spans[h], self.spans[j]] = block.swapaxes(1, 2)
        for span, bend in zip(self.spans, bends, strict=True):
            H[:, span, span] += bend
        d, g, N = np.hstack(d), np.hstack(g), np.hstack(N)
        H -= 2.0 * ratio[:, None, None] * (g @ g.swapaxes(1, 2))
        H -= (ratio / at["r2"])[:, None, None] * (d[:, :, None] * d[:, None])
        if self.reml:
            H -= N @ N.swapaxes(1, 2)
        at["hessian"] = (H + H.swapaxes(1, 2)) / 2.0
        scale = [np.einsum("raa->r", t) / t.shape[1] for t in sums.traces]
        return at | {"G": G, "scale": scale, "d": d, "N": N.reshape(r, -1, p, p)}

    def by_factor(self, j, sums, Lambda, rows, ratio):
        """Directions of Psi, slopes in it, and what the directions do to the mean."""
        own, p, r = self.roots[j][rows], self.p, len(Lambda)
        k = own.n_effects
        columns = sums.columns[j].reshape(r, k, p + 1, k, p + 1)
        ff = columns[:, :, 0, :, 0]
        XX = columns[:, :, 1:, :, 1:]
        G = sums.traces[j] - ratio[:, None, None] * ff
        if self.reml:
            G = G - np.einsum("raxbx->rab", XX)
        D = own.directions(Lambda)
        d = np.matmul(D, ff.reshape(r, k * k, 1))[:, :, 0]
        cross = columns[:, :, 1:, :, 0].transpose(0, 1, 3, 2).reshape(r, k * k, p)
        N = D @ XX.transpose(0, 1, 3, 2, 4).reshape(r, k * k, p * p)
        return D, G, own.bend(G), d, D @ cross, N


def safe_cholesky(S):
    """Lower Cholesky factors, of the identity where a matrix has none.

    Parameters
    ----------
    S : ndarray of shape (r, m, m)

    Returns
    -------
    R : ndarray of shape (r, m, m)
    singular : ndarray of bool of shape (r,)
    """
    try:
        return np.linalg.cholesky(S), np.zeros(len(S), dtype=bool)
    except np.linalg.LinAlgError:
        singular = np.zeros(len(S), dtype=bool)
        R = np.tile(np.eye(S.shape[1]), (len(S), 1, 1))
        for i, one in enumerate(S):
            try:
                R[i] = np.linalg.cholesky(one)
            except np.linalg.LinAlgError:
                singular[i] = True
        return R, singular


def whitened_columns(F, beta, RXi):
    """Columns f and F_X RX^-T from F = Z'V^-1[X y].

    Parameters
    ----------
    F : ndarray of shape (r, k, p + 1, G)
    beta : ndarray of shape (r, p)
    RXi : ndarray of shape (r, p, p)

    Returns
    -------
    ndarray of shape (r, k, p + 1, G)
        f first.
    """
    r, p = beta.shape
    turn = np.zeros((r, p + 1, p + 1))
    turn[:, 0, :p], turn[:, 0, p] = -beta, 1.0
    turn[:, 1:, :p] = RXi
    return turn[:, None] @ F


def column_sums(Q):
    """``sum_g q_g q_g'`` for columns of shape (r, k, c, G)."""
    r, k, c, G = Q.shape
    flat = Q.reshape(r, k * c, G)
    return flat @ flat.swapaxes(1, 2)


def column_weights(ratio, p, reml):
    """Weights of the columns [f W] in ``nu / r^2 f f' + W W'``, of shape (r, p + 1)."""
    weights = np.full((len(ratio), p + 1), 1.0 if reml else 0.0)
    weights[:, 0] = ratio
    return weights
