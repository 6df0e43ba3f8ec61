"""Random effects given the data, as predictions of new rows need them."""

import itertools
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

# Rows at a time: they bound the working memory.
CHUNK_ROWS = 16_384


class Posterior:
    """What predictions need of a likelihood at a point.

    Parameters
    ----------
    basis : Basis
        Of the likelihood's columns.
    point : ProfiledPoint
    sigma2 : float
        Residual variance.

    Notes
    -----
    With D = blockdiag(Psi_j), P = Z'V^-1 Z, F = Z'V^-1 X and C = (X'V^-1 X)^-1,
    Henderson's mixed-model equations give

        Var(b_hat - b) = sigma^2 (D - D P D + D F C F' D),
        Cov(beta_hat, b_hat - b) = -sigma^2 C F' D,

    (Robinson, 1991, Statistical Science 6(1), section 2.4), so that for a row x, z

        Var / sigma^2 = z'D z - w'P w + (x - F'w)' C (x - F'w),  w = D z,

    where w is zero for the groups that the fit did not see.
    """

    def __init__(self, basis, point, sigma2):
        self.basis, self.sigma2 = basis, sigma2
        self.factored, self.Lambdas = point.factored, point.Lambdas
        self.beta, self.RX, self.f = point.beta, point.RX, point.scores
        self.F = [block[:, :-1] for block in self.factored.F]

    @property
    def blocks(self):
        """Diagonal blocks of ``P = Z'V^-1 Z`` per level of every factor."""
        return self.factored.P

    def loadings(self, rows):
        """``w = D z`` of every factor, zero for unseen groups, and clipped codes."""
        found = []
        for z, codes, Lambda in zip(rows.z, rows.codes, self.Lambdas, strict=True):
            w = z @ Lambda @ Lambda.T
            w[codes < 0] = 0.0
            found.append((w, np.maximum(codes, 0)))
        return found

    def marginal_columns(self, rows):
        """``W^-1 V^-1 X``: the fixed-effects columns less their conditional modes.

        Parameters
        ----------
        rows : BasisRows
            Of the fit.

        Returns
        -------
        ndarray of shape (n, r)
        """
        columns = rows.X.copy()
        for (w, codes), F in zip(self.loadings(rows), self.F, strict=True):
            for a in range(len(F)):
                columns -= w[:, a, None] * F[a][:, codes].T
        return columns

    @cached_property
    def alone(self):
        """The same as a stack of one."""
        return PosteriorStack([self])

    def mean(self, rows):
        """Prediction less what does not depend on theta, of shape (n,)."""
        return self.alone.mean(rows)[0]

    def variance(self, rows):
        """Variance of prediction less truth, both without residual, of shape (n,).

        Parameters
        ----------
        rows : BasisRows

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.alone.variance(rows)[0]

    def random_variance(self, rows):
        """Variance of the random part given the data and beta, of shape (n,).

        Parameters
        ----------
        rows : BasisRows

        Returns
        -------
        ndarray of shape (n,)
            ``z'D z - w'P w``, w zero for unseen groups.
        """
        total = np.zeros(len(rows))
        if self.factored.solves_rows:
            return self.sigma2 * self.solved(rows)
        for (w, own, codes), P in zip(
            self.alone.loadings(rows), self.blocks, strict=True
        ):
            Pw = np.einsum("abn,nb->na", P[..., codes], w[0])
            total += own[0] - (w[0] * Pw).sum(axis=1)
        if len(rows.z) > 1:
            total -= 2.0 * self.between_factors(rows)
        return self.sigma2 * np.maximum(total, 0.0)

    def solved(self, rows):
        """``z'D z - w'P w`` found row by row where P is an estimate, of shape (n,)."""
        z = [
            own * (codes >= 0)[:, None]
            for own, codes in zip(rows.z, rows.codes, strict=True)
        ]
        total = sum(
            ((own - seen) @ Lambda) ** 2 @ np.ones(len(Lambda))
            for own, seen, Lambda in zip(rows.z, z, self.Lambdas, strict=True)
        )
        codes = [np.maximum(own, 0) for own in rows.codes]
        keys = np.column_stack([*codes, *z])
        _, first, place = np.unique(
            keys, axis=0, return_index=True, return_inverse=True
        )
        found = self.factored.row_variances(
            [own[first] for own in z], [own[first] for own in codes]
        )
        return total + found[place.ravel()]

    def between_factors(self, rows):
        """Sum of ``w_g'P_gh w_h`` over pairs of factors, of shape (n,).

        It is ``-z_g' Cov(b_g, b_h) z_h / sigma^2``, found once for each pair of levels.
        """
        total = np.zeros(len(rows))
        for j, h in itertools.combinations(range(len(rows.codes)), 2):
            both = np.flatnonzero((rows.codes[j] >= 0) & (rows.codes[h] >= 0))
            if not len(both):
                continue
            n_levels = self.blocks[h].shape[2]
            keys = rows.codes[j][both].astype(np.int64) * n_levels + rows.codes[h][both]
            pairs, place = np.unique(keys, return_inverse=True)
            covariance = self.factored.between(j, h, *np.divmod(pairs, n_levels))
            for start in range(0, len(both), CHUNK_ROWS):
                chunk = slice(start, start + CHUNK_ROWS)
                inside = both[chunk]
                total[inside] -= np.einsum(
                    "na,abn,nb->n",
                    rows.z[j][inside],
                    covariance[:, :, place[chunk]],
                    rows.z[h][inside],
                    optimize=True,
                )
        return total


class PosteriorStack:
    """The posterior at several thetas at once: means and variances of the same rows.

    Parameters
    ----------
    posteriors : list of s Posterior
        Of one likelihood.
    """

    def __init__(self, posteriors):
        def stack(parts):
            return parts[0][None] if len(parts) == 1 else np.stack(parts)

        def by_factor(name):
            return [
                stack(parts)
                for parts in zip(*(getattr(p, name) for p in posteriors), strict=True)
            ]

        self.posteriors = posteriors
        self.Psi = [
            L @ L.transpose(0, 2, 1) for L in map(np.asarray, by_factor("Lambdas"))
        ]
        self.F, self.f = map(by_factor, ("F", "f"))
        self.solves_rows = posteriors[0].factored.solves_rows
        if not self.solves_rows:
            self.P = by_factor("blocks")
        self.beta = stack([p.beta for p in posteriors])
        self.sigma2 = np.array([p.sigma2 for p in posteriors])
        identity = np.eye(self.beta.shape[1])
        # X'V^-1 X = R R' and u -> R^-1 u, for rows u
        self.whiten = stack([solve_lower(p.RX, identity).T for p in posteriors])

    def __len__(self):
        return len(self.posteriors)

    def loadings(self, rows):
        """Yield ``D z`` (s, n, k) and ``z'D z`` (s, n) of every factor, and codes."""
        for z, codes, Psi in zip(rows.z, rows.codes, self.Psi, strict=True):
            w = z @ Psi
            own = (w * z).sum(axis=2)
            unseen = codes < 0
            if unseen.any():
                w[:, unseen], codes = 0.0, np.where(unseen, 0, codes)
            yield w, own, codes

    def mean(self, rows):
        """Predictions less what does not depend on theta, of shape (s, n)."""
        predicted = self.beta @ rows.X.T
        for (w, _, codes), f in zip(self.loadings(rows), self.f, strict=True):
            predicted += np.einsum("sna,san->sn", w, f[:, :, codes])
        return predicted

    def variance(self, rows):
        """Variances of prediction less truth, without residual, of shape (s, n)."""
        total = np.empty((len(self), len(rows)))
        step = max(CHUNK_ROWS // len(self), 1)
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            total[:, chunk] = self.within_factors(rows[chunk])
        for own, posterior in zip(total, self.posteriors, strict=True):
            if self.solves_rows:
                own += posterior.solved(rows)
            elif len(rows.z) > 1:
                own -= 2.0 * posterior.between_factors(rows)
        return self.sigma2[:, None] * np.maximum(total, 0.0)

    def within_factors(self, rows):
        """All terms but ``w_g'P_gh w_h`` of levels of two factors, of shape (s, n).

        Where rows are solved for, only that of the fixed part.
        """
        total, u = 0.0, rows.X
        for j, ((w, own, codes), F) in enumerate(
            zip(self.loadings(rows), self.F, strict=True)
        ):
            u = u - np.einsum("sna,sapn->snp", w, F[..., codes])
            if not self.solves_rows:
                Pw = np.einsum("sabn,snb->sna", self.P[j][..., codes], w)
                total = total + own - (w * Pw).sum(axis=2)
        return total + ((u @ self.whiten) ** 2).sum(axis=2)


def solve_lower(R, right):
    """``R^-1 right`` for a lower triangular R, also of no columns."""
    if not len(R):
        return right
    return solve_triangular(R, right, lower=True, check_finite=False)
