"""Many responses, one leading factor of any effects and a dense rest."""

import numpy as np

from skmixed.likelihood.batch.blocks import (
    cholesky,
    from_left,
    multiply,
    multiply_transposed,
    over_groups,
    solve_lower,
)
from skmixed.likelihood.batch.criterion import (
    Point,
    Sums,
    column_sums,
    column_weights,
    whitened_columns,
)
from skmixed.likelihood.batch.rest import Rest

# Numbers at the most in the products of a level's columns that all responses share.
LARGEST_OUTER = 20_000_000


class Leading:
    """The factor with the most levels is eliminated by group, the rest densely.

    Parameters
    ----------
    products : ManyProducts
    lead : int
        The leading factor.

    Notes
    -----
    With w_g = Lambda (I + Lambda'A_g Lambda)^-1 Lambda' the complement that is left of
    the other columns is linear in w: where all responses have the same weights, one
    product of matrices makes it for all of them. A single factor has no rest.
    """

    def __init__(self, products, lead):
        self.lead, self.p = lead, products.A.n_fixed
        self.A, self.Cy = products.ZtZ[lead], products.Zty[lead]
        self.CX = products.ZtX[lead]
        self.Xty, self.yty, self.gram = products.Xty, products.yty, products.gram
        self.shared = products.shared
        self.rest = Rest.of(products, lead)
        self.outer = None
        k, G = self.A.shape[1], self.A.shape[3]
        N = self.p + self.rest.size
        if self.shared and k * (k + 1) // 2 * G * N**2 <= LARGEST_OUTER:
            self.outer = outer_products(self.columns_of(slice(0, 1))[0])

    @property
    def doubles(self):
        """Numbers of work space per response."""
        k, G, N, p = self.A.shape[1], self.A.shape[3], self.rest.size, self.p
        return G * (8 * k**2 + 4 * k * (p + 1) + 4 * k * N) + 8 * (N + p + 1) ** 2

    def columns_of(self, own):
        """Z'W[Z_rest X] of the leading factor, of shape (1 or r, k, N + p, G)."""
        CX = self.CX[own]
        if not self.rest.size:
            return CX
        return np.concatenate([self.rest.met[own], CX], axis=2)

    def factor(self, Lambdas, rows):
        """Eliminate the leading factor, then the rest.

        Parameters
        ----------
        Lambdas : list of ndarray of shape (r, k_j, k_j)
        rows : ndarray of int of shape (r,)

        Returns
        -------
        Point
        """
        own = slice(None) if self.shared else rows
        Lambda, A = Lambdas[self.lead], self.A[own]
        LA = from_left(Lambda, A)
        M = np.empty_like(LA)
        k = len(M[0])
        for i in range(k):
            for j in range(i + 1):
                M[:, i, j] = sum(LA[:, i, h] * Lambda[:, h, j, None] for h in range(k))
            M[:, i, i] += 1.0
        logdet = cholesky(M)
        J = np.repeat(Lambda.swapaxes(1, 2)[:, :, :, None], M.shape[3], axis=3)
        J = solve_lower(M, J)  # w = J'J
        w, Cy = multiply_transposed(J, J), self.Cy[rows]
        wCy = multiply(w, Cy[:, :, None])[:, :, 0]
        S = self.complement(w, wCy, Cy, rows, own)
        more, S, stage = self.rest.factor(S, Lambdas)
        return Point(
            logdet + more,
            S,
            {
                "JA": solve_lower(M, LA),
                "J": J,
                "rows": rows,
                "own": own,
                "stage": stage,
            },
        )

    def complement(self, w, wCy, Cy, rows, own):
        """What the leading factor leaves of [Z_rest X y]'W[Z_rest X y]."""
        r, N = len(w), self.rest.size + self.p
        S = np.empty((r, N + 1, N + 1))
        S[:, :-1, :-1] = self.rest.base(self.gram[own], own)
        S[:, -1, :-1] = self.rest.right(self.Xty[rows], rows)
        S[:, -1, -1] = self.yty[rows] - np.einsum("rkg,rkg->r", wCy, Cy)
        k = w.shape[1]
        if self.outer is not None:
            lower = np.tril_indices(k)
            flat = w[:, *lower].reshape(r, -1)
            S[:, :-1, :-1] -= (flat @ self.outer).reshape(r, N, N)
        C = self.columns_of(own)
        if self.outer is None:
            wC = multiply(w, C).transpose(0, 2, 1, 3).reshape(r, N, -1)
            S[:, :-1, :-1] -= wC @ C.transpose(0, 1, 3, 2).reshape(len(C), -1, N)
        flat = C.transpose(0, 1, 3, 2).reshape(len(C), -1, N)
        right = wCy.reshape(r, -1)
        if self.shared:
            S[:, -1, :-1] -= right @ flat[0]
        else:
            S[:, -1, :-1] -= np.matmul(right[:, None], flat)[:, 0]
        S[:, :-1, -1] = S[:, -1, :-1]
        return S

    def sums(self, point, beta, RXi, ratio, reml):
        """Sums over groups for the derivatives; see :meth:`Chain.sums`."""
        own, rows = point.rest["own"], point.rest["rows"]
        J, JA, stage = (point.rest[name] for name in ("J", "JA", "stage"))
        P = self.A[own] - multiply_transposed(JA, JA)
        K = -multiply_transposed(JA, J)  # I - A w
        for a in range(K.shape[1]):
            K[:, a, a] += 1.0
        F = self.leading_columns(K, rows, own, stage)
        Q = whitened_columns(F, beta, RXi)
        weights = np.sqrt(column_weights(ratio, self.p, reml))[:, None, :, None]
        scaled = Q * weights
        by_group = over_groups(P, 2.0 * products_within(scaled) - P)
        if not self.rest.size:
            j = self.lead
            return Sums([P.sum(axis=3)], [column_sums(Q)], {(j, j): by_group})
        B = multiply(K, self.rest.met[own]).transpose(0, 1, 3, 2)  # (r, k, G, N)
        turned = whitened_columns(stage["F"].swapaxes(1, 2)[:, None], beta, RXi)[:, 0]
        return self.rest.sums(
            stage, turned, turned * weights[:, 0], Leader(P, B, Q, scaled, by_group)
        )

    def leading_columns(self, K, rows, own, stage):
        """F = Z'V^-1[X y] of the leading factor, of shape (r, k, p + 1, G)."""
        Cy = self.Cy[rows]
        C = np.empty((len(Cy), Cy.shape[1], self.p + 1, Cy.shape[2]))
        C[:, :, :-1], C[:, :, -1] = self.CX[own], Cy
        if self.rest.size:
            met = self.rest.met[own]
            flat = met.transpose(0, 1, 3, 2).reshape(len(met), -1, self.rest.size)
            r, k, c, G = C.shape
            C -= (flat @ stage["TC"]).reshape(r, k, G, c).swapaxes(2, 3)
        return multiply(K, C)


class Leader:
    """What the rest needs of the leading factor; arrays as in :meth:`Leading.sums`."""

    def __init__(self, P, B, Q, scaled, by_group):
        self.P, self.B, self.Q, self.scaled, self.by_group = P, B, Q, scaled, by_group


def outer_products(C):
    """Products of every level's columns, a row per entry of w and level.

    Parameters
    ----------
    C : ndarray of shape (k, N, G)

    Returns
    -------
    ndarray of shape (k (k + 1) / 2 G, N * N)
    """
    parts = []
    for a, b in zip(*np.tril_indices(len(C)), strict=True):
        outer = np.einsum("xg,yg->gxy", C[a], C[b])
        if a != b:
            outer = outer + outer.transpose(0, 2, 1)
        parts.append(outer.reshape(len(outer), -1))
    return np.concatenate(parts)


def products_within(Q):
    """``q_g q_g'`` summed over the columns q, of shape (r, k, k, G)."""
    k = Q.shape[1]
    out = np.empty((len(Q), k, k, Q.shape[3]))
    for a in range(k):
        for b in range(a + 1):
            out[:, a, b] = out[:, b, a] = np.einsum("rcg,rcg->rg", Q[:, a], Q[:, b])
    return out
