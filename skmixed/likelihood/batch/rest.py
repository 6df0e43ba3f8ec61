"""Many responses: the factors besides the leading one, as one dense matrix each."""

import numpy as np

from skmixed.likelihood.batch.blocks import over_groups
from skmixed.likelihood.batch.criterion import Sums, column_sums, safe_cholesky


class Rest:
    """Columns of the other factors: by factor, then effect, then level.

    Parameters
    ----------
    factors : list of tuple (j, k, G, span)
        The other factors with their effects, levels and columns.
    lead : int
    met : ndarray of shape (1 or r, k, N, G) or None
        Z'WZ_rest of the leading factor.
    corner : ndarray of shape (1 or r, N, N) or None
        Z_rest'W Z_rest.
    ZtX : ndarray of shape (1 or r, N, p) or None
    Zty : ndarray of shape (r, N) or None
    """

    def __init__(self, factors, lead, met=None, corner=None, ZtX=None, Zty=None):
        self.factors, self.lead, self.met, self.corner = factors, lead, met, corner
        self.ZtX, self.Zty = ZtX, Zty
        self.size = factors[-1][3].stop if factors else 0

    @classmethod
    def of(cls, products, lead):
        """Lay the columns out, and fill what does not depend on theta."""
        A, factors, start = products.A, [], 0
        for j, factor in enumerate(A.factors):
            if j != lead:
                stop = start + factor.size
                factors.append(
                    (j, factor.n_effects, factor.n_levels, slice(start, stop))
                )
                start = stop
        if not factors:
            return cls(factors, lead)
        c, k, G = len(products.gram), *products.Zty[lead].shape[1:]
        met, corner = np.zeros((c, k, start, G)), np.zeros((c, start, start))
        spans = {j: span for j, _, _, span in factors}
        for pair, data in zip(A.pairs, products.pairs, strict=True):
            place_pair(pair, data, lead, spans, met, corner)
        for j, k_j, G_j, span in factors:
            view = corner[:, span, span].reshape(c, k_j, G_j, k_j, G_j)
            level = np.arange(G_j)
            # advanced indices in front: (G_j, c, k_j, k_j)
            view[:, :, level, :, level] = products.ZtZ[j].transpose(3, 0, 1, 2)
            corner[:, span, span] = view.reshape(c, k_j * G_j, -1)
        ZtX = [
            products.ZtX[j].transpose(0, 1, 3, 2).reshape(c, k_j * G_j, -1)
            for j, k_j, G_j, _ in factors
        ]
        Zty = [products.Zty[j].reshape(len(products), -1) for j, *_ in factors]
        return cls(
            factors,
            lead,
            met,
            corner,
            np.concatenate(ZtX, axis=1),
            np.concatenate(Zty, axis=1),
        )

    def base(self, gram, own):
        """[Z_rest X]'W[Z_rest X]."""
        if not self.size:
            return gram
        ZtX = self.ZtX[own]
        top = np.concatenate([self.corner[own], ZtX], axis=2)
        low = np.concatenate([ZtX.swapaxes(1, 2), gram], axis=2)
        return np.concatenate([top, low], axis=1)

    def right(self, Xty, rows):
        """[Z_rest X]'Wy."""
        return np.concatenate([self.Zty[rows], Xty], axis=1) if self.size else Xty

    def times_root(self, block, Lambdas):
        """``block Lambda`` for columns of the rest, of shape (r, a, N)."""
        out = np.empty_like(block)
        for j, k, G, span in self.factors:
            Lambda, own = Lambdas[j], block[:, :, span]
            if k == 1:
                out[:, :, span] = own * Lambda
                continue
            own = own.reshape(*own.shape[:2], k, G)
            turned = Lambda.swapaxes(1, 2)[:, None] @ own
            out[:, :, span] = turned.reshape(*own.shape[:2], -1)
        return out

    def factor(self, S, Lambdas):
        """Eliminate the rest from what the leading factor has left.

        Parameters
        ----------
        S : ndarray of shape (r, N + p + 1, N + p + 1)
        Lambdas : list of ndarray of shape (r, k_j, k_j)

        Returns
        -------
        logdet : ndarray of shape (r,)
        S : ndarray of shape (r, p + 1, p + 1)
        stage : dict
            For :meth:`sums`.
        """
        N = self.size
        if not N:
            return 0.0, S, {}
        S22 = S[:, :N, :N]
        half = self.times_root(S22, Lambdas)
        M = self.times_root(half.swapaxes(1, 2), Lambdas)
        M = (M + M.swapaxes(1, 2)) / 2.0
        M[:, range(N), range(N)] += 1.0
        L, singular = safe_cholesky(M)
        logdet = 2.0 * np.log(L[:, range(N), range(N)]).sum(axis=1)
        logdet[singular] = np.inf
        H = self.times_back(np.linalg.inv(L), Lambdas)  # T = H'H
        HS = H @ S[:, :N]
        HC = HS[:, :, N:]
        left = S[:, N:, N:] - HC.swapaxes(1, 2) @ HC
        back = H.swapaxes(1, 2)
        stage = {
            "S22": S22,
            "HS22": HS[:, :, :N],
            "H": H,
            "TC": back @ HC,
            "F": S[:, :N, N:] - HS[:, :, :N].swapaxes(1, 2) @ HC,
        }
        return logdet, left, stage

    def times_back(self, block, Lambdas):
        """``block Lambda'`` for columns of the rest."""
        return self.times_root(block, [L.swapaxes(1, 2) for L in Lambdas])

    def sums(self, stage, Q, scaled, leader):
        """Sums over groups of the leading factor and the rest.

        Parameters
        ----------
        stage : dict
            Of :meth:`factor`.
        Q, scaled : ndarray of shape (r, p + 1, N)
            Columns f and W of the rest, and with the roots of their weights.
        leader : Leader

        Returns
        -------
        Sums
        """
        H, HS22 = stage["H"], stage["HS22"]
        P22 = stage["S22"] - HS22.swapaxes(1, 2) @ HS22
        T = H.swapaxes(1, 2) @ H
        E = -H.swapaxes(1, 2) @ HS22  # I - T S22
        E[:, range(self.size), range(self.size)] += 1.0
        M22 = 2.0 * scaled.swapaxes(1, 2) @ scaled - P22
        r, k, G, N = leader.B.shape
        P12 = (leader.B.reshape(r, k * G, N) @ E).reshape(r, k, G, N)
        # q'P12 of every two effects of the leading factor, (r, k, k, columns, N)
        qP = leader.scaled[:, None] @ P12[:, :, None]
        lead, pairs = self.lead, {}
        pairs[lead, lead], trace = lead_with_lead(leader, T)
        traces, columns = {lead: trace}, {lead: column_sums(leader.Q)}
        for at, (j, k_j, G_j, span) in enumerate(self.factors):
            own = Q[:, :, span].reshape(r, -1, k_j, G_j).swapaxes(1, 2)
            columns[j] = column_sums(own)
            own = P22[:, span, span].reshape(r, k_j, G_j, k_j, G_j)
            traces[j] = np.einsum("ragbg->rab", own)
            within = P12[:, :, :, span].reshape(r, k, G, k_j, G_j)
            pairs[lead, j] = -contracted(within, within)
            pairs[lead, j] += 2.0 * summed(qP[..., span], scaled[:, :, span], k_j)
            for h, k_h, G_h, other in self.factors[at:]:
                shape = (r, k_j, G_j, k_h, G_h)
                pairs[j, h] = contracted(
                    P22[:, span, other].reshape(shape),
                    M22[:, span, other].reshape(shape),
                )
        every = range(len(traces))
        return Sums([traces[j] for j in every], [columns[j] for j in every], pairs)


def place_pair(pair, data, lead, spans, met, corner):
    """Put the products of two factors where they stand among the rest's columns."""
    i, j = pair.first, pair.second
    k_i, k_j = data.shape[2:]
    n_i, n_j = len(pair.indptr) - 1, pair.n_second
    for a in range(k_i):
        for b in range(k_j):
            own = data[:, :, a, b]
            if lead == i:
                met[:, a, spans[j].start + b * n_j + pair.indices, pair.rows] = own
            elif lead == j:
                met[:, b, spans[i].start + a * n_i + pair.rows, pair.indices] = own
            else:
                row = spans[i].start + a * n_i + pair.rows
                col = spans[j].start + b * n_j + pair.indices
                corner[:, row, col] = corner[:, col, row] = own


def contracted(P, M):
    """``sum_xy P[ax, by] M[cx, dy]`` by (a, c) and (b, d).

    Parameters
    ----------
    P, M : ndarray of shape (r, k, G, l, H)

    Returns
    -------
    ndarray of shape (r, k^2, l^2)
    """
    r, k, _, m, _ = P.shape
    if k == m == 1:
        return np.einsum("raxby,raxby->rab", P, M)
    P = P.transpose(0, 1, 3, 2, 4).reshape(r, k * m, -1)
    M = M.transpose(0, 1, 3, 2, 4).reshape(r, k * m, -1)
    flat = (P @ M.swapaxes(1, 2)).reshape(r, k, m, k, m)
    return flat.transpose(0, 1, 3, 2, 4).reshape(r, k * k, m * m)


def summed(qP, q, k_j):
    """``sum_y (q'P)[ac, by] q[d, y]`` over the columns q, by (a, c) and (b, d).

    Parameters
    ----------
    qP : ndarray of shape (r, k, k, columns, k_j * G_j)
    q : ndarray of shape (r, columns, k_j * G_j)
    k_j : int

    Returns
    -------
    ndarray of shape (r, k^2, k_j^2)
    """
    r, k, _, c, _ = qP.shape
    if k_j == 1:
        flat = qP.reshape(r, k * k, -1)
        return flat @ np.ascontiguousarray(q).reshape(r, -1, 1)
    left = qP.reshape(r, k * k, c, k_j, -1).swapaxes(2, 3).reshape(r, k * k * k_j, -1)
    right = q.reshape(r, c, k_j, -1).swapaxes(1, 2).reshape(r, k_j, -1)
    return (left @ right.swapaxes(1, 2)).reshape(r, k * k, k_j * k_j)


def lead_with_lead(leader, T):
    """Sums over pairs of levels of the leading factor, and its trace.

    Parameters
    ----------
    leader : Leader
    T : ndarray of shape (r, N, N)

    Returns
    -------
    K : ndarray of shape (r, k^2, k^2)
    trace : ndarray of shape (r, k, k)

    Notes
    -----
    P_gh = [g = h] P_g - B_g T B_h': only sums over single levels are needed, and
    ``U_ac = sum_g B_g[a]'B_g[c]``.
    """
    P, B, q = leader.P, leader.B, leader.scaled
    r, k, G, N = B.shape
    BT = (B.reshape(r, k * G, N) @ T).reshape(r, k, G, N)
    within = np.empty_like(P)  # B_g T B_g'
    for a in range(k):
        for c in range(a + 1):
            own = np.einsum("rgn,rgn->rg", BT[:, a], B[:, c])
            within[:, a, c] = within[:, c, a] = own
    U = (B[:, :, None].swapaxes(3, 4) @ B[:, None]).reshape(r, k * k, N, N)
    TU = (T[:, None] @ U).reshape(r, k * k, -1)
    UT = (U @ T[:, None]).reshape(r, k * k, -1)
    u = q[:, None] @ B[:, :, None]  # (r, a, c, columns, N)
    u = u.reshape(r, k * k, -1, N)
    uT = (u @ T[:, None]).reshape(r, k * k, -1)
    cross = over_groups(P, within) + over_groups(within, P)
    both = TU @ UT.swapaxes(1, 2)
    K = leader.by_group + cross - both
    K -= 2.0 * uT @ u.reshape(r, k * k, -1).swapaxes(1, 2)
    return K, (P - within).sum(axis=3)
