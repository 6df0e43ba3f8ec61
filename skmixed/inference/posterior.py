"""Random effects given the data, as predictions of new rows need them."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skmixed.likelihood.cross_products import GroupedRows

# Rows at a time, and unit directions at a time: they bound the working memory.
CHUNK_ROWS = 16_384
CHUNK_DIRECTIONS = 64
# Multiplications for the covariances between levels of crossed factors that a call
# may cost (minutes on one core); more are refused.
MOST_WORK = 1e12


@dataclass(frozen=True, eq=False)
class PredictionRows:
    """New rows in the basis of a reopened likelihood.

    Parameters
    ----------
    X : ndarray of shape (n, r)
    z : tuple of ndarray of shape (n, k_j)
    codes : tuple of ndarray of int of shape (n,)
        Levels, -1 where the fit did not see the group: its effects are then a new draw.
    """

    X: np.ndarray
    z: tuple[np.ndarray, ...]
    codes: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, design, scale_free):
        """Bring a design to the basis.

        Parameters
        ----------
        design : Design
            With every random term of the model.
        scale_free : Preconditioned

        Returns
        -------
        PredictionRows
        """
        frame, rows = scale_free.A.frame, GroupedRows.of(design.random)
        return cls(
            frame.fixed.apply(design.X),
            tuple(
                random.apply(z) @ basis
                for random, z, basis in zip(
                    frame.random, rows.z, scale_free.bases, strict=True
                )
            ),
            rows.codes,
        )

    def __len__(self):
        return len(self.X)

    def __getitem__(self, chunk):
        return PredictionRows(
            self.X[chunk],
            tuple(z[chunk] for z in self.z),
            tuple(codes[chunk] for codes in self.codes),
        )


class Posterior:
    """What predictions need of a likelihood at the theta it was evaluated at.

    Parameters
    ----------
    deviance : ProfiledDeviance

    Notes
    -----
    Valid until the deviance is evaluated elsewhere. With D = blockdiag(Psi_j), P =
    Z'V^-1 Z, F = Z'V^-1 X and C = (X'V^-1 X)^-1, Henderson's mixed-model equations give

        Var(b_hat - b) = sigma^2 (D - D P D + D F C F' D),
        Cov(beta_hat, b_hat - b) = -sigma^2 C F' D,

    (Robinson, 1991, Statistical Science 6(1), section 2.4), so that for a row x, z

        Var / sigma^2 = z'D z - w'P w + (x - F'w)' C (x - F'w),  w = D z,

    where w is zero for the groups that the fit did not see.
    """

    def __init__(self, deviance):
        elimination, at = deviance.elimination, deviance.at
        self.elimination = elimination
        self.Lambdas, self.RX = deviance.Lambdas, at.RX
        self.sigma2 = at.r2 / deviance.nu
        F = elimination.solve()
        self.F = [block[:, :-1] for block in F]
        self.f = [np.matmul(np.append(-at.beta, 1.0), block) for block in F]
        self.beta = at.beta
        self.blocks = elimination.diagonal()

    def loadings(self, rows):
        """``w = D z`` of every factor, zero for unseen groups, and clipped codes."""
        found = []
        for z, codes, Lambda in zip(rows.z, rows.codes, self.Lambdas, strict=True):
            w = z @ Lambda @ Lambda.T
            w[codes < 0] = 0.0
            found.append((w, np.maximum(codes, 0)))
        return found

    def mean(self, rows):
        """Prediction less what does not depend on theta, of shape (n,)."""
        predicted = rows.X @ self.beta
        for (w, codes), f in zip(self.loadings(rows), self.f, strict=True):
            predicted += np.einsum("na,an->n", w, f[:, codes])
        return predicted

    def variance(self, rows):
        """Variance of prediction less truth, both without residual, of shape (n,).

        Parameters
        ----------
        rows : PredictionRows

        Returns
        -------
        ndarray of shape (n,)
        """
        total = np.empty(len(rows))
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            total[chunk] = self.within_factors(rows[chunk])
        total -= 2.0 * self.between_factors(rows)
        return self.sigma2 * np.maximum(total, 0.0)

    def within_factors(self, rows):
        """All terms but ``w_g'P_gh w_h`` of levels of two factors."""
        total, u = np.zeros(len(rows)), rows.X.copy()
        loadings = self.loadings(rows)
        for (w, codes), z, Lambda, P, F in zip(
            loadings, rows.z, self.Lambdas, self.blocks, self.F, strict=True
        ):
            total += ((z @ Lambda) ** 2).sum(axis=1)
            total -= np.einsum("na,abn,nb->n", w, P[:, :, codes], w, optimize=True)
            u -= np.einsum("na,apn->np", w, F[:, :, codes])
        if u.shape[1]:
            root = solve_triangular(self.RX, u.T, lower=True, check_finite=False)
            total += (root**2).sum(axis=0)
        return total

    def between_factors(self, rows):
        """Sum of ``w_g'P_gh w_h`` over pairs of factors, of shape (n,)."""
        total = np.zeros(len(rows))
        loadings = self.loadings(rows)
        n_levels = [len(np.unique(codes[codes >= 0])) for codes in rows.codes]
        order = sorted(range(len(n_levels)), key=lambda j: n_levels[j])
        for place, j in enumerate(order[:-1]):
            others = [h for h in order[place + 1 :] if n_levels[h]]
            if n_levels[j] and others:
                self.add_pairs(total, loadings, rows.codes[j], j, others)
        return total

    def add_pairs(self, total, loadings, codes, j, others):
        """Add the pairs of a factor's occurring levels with those of other factors."""
        k = len(self.Lambdas[j])
        known = np.flatnonzero(codes >= 0)
        known = known[np.argsort(codes[known], kind="stable")]
        levels, starts = np.unique(codes[known], return_index=True)
        check_work(self.elimination, len(levels) * k)
        stops = np.append(starts[1:], len(known))
        step = max(CHUNK_DIRECTIONS // k, 1)
        for first in range(0, len(levels), step):
            chunk = levels[first : first + step]
            inside = known[starts[first] : stops[first + len(chunk) - 1]]
            columns = self.columns(j, chunk)
            place = np.searchsorted(chunk, codes[inside])
            w = loadings[j][0][inside]
            for h in others:
                w_h, codes_h = (part[inside] for part in loadings[h])
                PU = columns[h].reshape(len(self.Lambdas[h]), len(chunk), k, -1)
                blocks = PU[:, place, :, codes_h]
                total[inside] += np.einsum("na,nab,nb->n", w_h, blocks, w)

    def columns(self, j, levels):
        """Columns of P for some levels of a factor, a list of (k_l, c k_j, G_l)."""
        k = len(self.Lambdas[j])
        directions = [
            np.zeros((len(block), len(levels) * k, block.shape[2]))
            for block in self.blocks
        ]
        place = np.arange(len(levels))
        for a in range(k):
            directions[j][a, place * k + a, levels] = 1.0
        return self.elimination.apply(directions)


def check_work(elimination, n_columns):
    """Refuse covariances between levels that would take too long.

    Parameters
    ----------
    elimination : Elimination
    n_columns : int
        Columns of Z'V^-1 Z that are needed.

    Raises
    ------
    ValueError
    """
    dense = getattr(elimination, "m2", 0)
    if n_columns * dense**2 > MOST_WORK:
        raise ValueError(
            "The standard errors of these rows need the covariances of "
            f"{n_columns} levels with those of the factors they are crossed with, each "
            f"from a dense matrix of {dense} columns. Predict fewer rows at a time, or "
            "name one grouping factor in random_effects: the others then count as new "
            "groups, with their full variance."
        )
