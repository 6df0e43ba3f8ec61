"""Least squares within every group at once, from cross-products per group.

No dummy column is made and no loop runs over groups: an array of shape (k, c, G) holds
one (k, c) matrix for each of G groups, as in :mod:`skmixed.likelihood.linalg.grouped`.
"""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.linalg.grouped import multiply, solve_lower

# Share of a column's sum of squares within a group that must be left over by the
# columns before it; products of rows lose half of the digits.
WITHIN_TOLERANCE = 1e-11
# Share of a column's raw sum of squares below which its spread is rounding.
ROUNDING = 1e-22


@dataclass(frozen=True, eq=False)
class GroupedColumns:
    """Columns as rows, each less its mean in the group of the row if `centred`.

    Attributes
    ----------
    values : list of ndarray of shape (n,)
    means : ndarray of shape (c, G)
        What was taken off; zeros unless `centred`.
    codes : ndarray of intp of shape (n,)
    weights : ndarray of shape (n,) or None
    total : ndarray of shape (G,)
        Sum of the weights in every group.
    """

    values: list[np.ndarray]
    means: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None
    total: np.ndarray

    @classmethod
    def of(cls, columns, codes, weights=None, *, centred):
        """Group columns.

        Parameters
        ----------
        columns : sequence of ndarray of shape (n,)
        codes : ndarray of int of shape (n,)
        weights : ndarray of shape (n,), default=None
        centred : bool
        """
        codes = codes.astype(np.intp, copy=False)
        total = np.bincount(codes, weights=weights).astype(float)
        means = np.zeros((len(columns), len(total)))
        values = list(columns)
        if centred:
            for i, column in enumerate(columns):
                weighted = column if weights is None else column * weights
                means[i] = np.bincount(codes, weights=weighted) / total
                values[i] = column - means[i][codes]
        return cls(values, means, codes, weights, total)

    def products(self, first, second):
        """Sum products of columns within every group.

        Parameters
        ----------
        first, second : sequence of int
            Positions of the columns.

        Returns
        -------
        ndarray of shape (len(first), len(second), G)
        """
        sums = np.zeros((len(first), len(second), len(self.total)))
        for a, i in enumerate(first):
            one = self.values[i]
            one = one if self.weights is None else one * self.weights
            for b, j in enumerate(second):
                if j in first[:a] and i in second:
                    sums[a, b] = sums[list(first).index(j), list(second).index(i)]
                else:
                    sums[a, b] = np.bincount(self.codes, weights=one * self.values[j])
        return sums


@dataclass(frozen=True, eq=False)
class GroupRegressions:
    """A regression of t responses on k effects in each of G groups.

    Attributes
    ----------
    coef : ndarray of shape (k, t, G)
        Coefficients, 0 where the group's rows do not determine them.
    determined : ndarray of bool of shape (k, G)
        Whether the rows tell the effect from those before it.
    leftover : ndarray of shape (t, t)
        Products of the residuals, summed over all rows.
    sizes : ndarray of int of shape (G,)
        Rows of every group.
    MtM : ndarray of shape (k', k', G)
        Products of the effects, without the intercept if `centred`.
    means : ndarray of shape (k', G)
        Their means, where `centred`.
    total : ndarray of shape (G,)
        Sum of the weights of every group.
    L : ndarray of shape (k', k', G)
        Cholesky factors, with the undetermined effects left out.
    centred : bool
        Whether the first effect is the intercept.
    residuals : list of ndarray of shape (n,)
        Of the t responses, row by row.
    """

    coef: np.ndarray
    determined: np.ndarray
    leftover: np.ndarray
    sizes: np.ndarray
    MtM: np.ndarray
    means: np.ndarray
    total: np.ndarray
    L: np.ndarray
    centred: bool
    residuals: list

    @property
    def complete(self):
        """Groups that determine every effect, of shape (G,)."""
        return self.determined.all(axis=0)

    def fill(self, coef, default):
        """Take what a group does not determine from elsewhere.

        Parameters
        ----------
        coef : ndarray of shape (k, G)
            Coefficients of one response, 0 where undetermined.
        default : ndarray of shape (k,) or (k, G)
            Coefficients that the undetermined effects take. The others adapt: the
            fitted values of the group's rows do not change.

        Returns
        -------
        ndarray of shape (k, G)
        """
        short = np.flatnonzero(~self.complete)
        filled = coef.copy()
        if not len(short):
            return filled
        start = int(self.centred)
        given = np.broadcast_to(np.reshape(default, (len(coef), -1)), coef.shape)
        slopes = given[start:, None, short]
        seen = self.MtM[:, :, short]
        L, known = self.L[:, :, short], self.determined[start:, None, short]
        implied = solve(L, multiply(seen, slopes) * known, known)
        filled[start:, short] += (slopes - implied)[:, 0]
        if self.centred:
            shift = (self.means[:, short] * (slopes - implied)[:, 0]).sum(axis=0)
            filled[0, short] -= shift
        return filled

    def mean_covariance(self, share):
        """Covariance of a weighted sum of the groups' coefficients, over sigma^2.

        Parameters
        ----------
        share : ndarray of shape (G,)
            Weights; zero for groups that do not determine every effect.

        Returns
        -------
        ndarray of shape (k, k)
            ``sum_g share_g^2 (M_g'W_g M_g)^-1``.
        """
        k, start = len(self.determined), int(self.centred)
        used = share > 0
        L, weight = self.L[:, :, used], share[used] ** 2
        identity = np.broadcast_to(
            np.eye(k - start)[:, :, None], (k - start, k - start, used.sum())
        )
        inverse = solve(L, identity.copy(), True)
        out = np.zeros((k, k))
        out[start:, start:] = inverse @ weight
        if self.centred:
            means = self.means[:, used]
            shift = np.einsum("abg,bg->ag", inverse, means)
            out[0, start:] = out[start:, 0] = -(shift @ weight)
            spread = 1.0 / self.total[used] + (means * shift).sum(axis=0)
            out[0, 0] = spread @ weight
        return out


def solve(L, B, known):
    """Solve ``L L' C = B`` for every group, with zeros where an effect is not known."""
    C = solve_lower(L, B)
    for j in reversed(range(len(L))):
        for i in range(j + 1, len(L)):
            C[j] -= L[i, j] * C[i]
        C[j] /= L[j, j]
    return C * known


def group_regressions(effects, responses, codes, weights=None, *, centred):
    """Regress responses on effects within every group.

    Parameters
    ----------
    effects : sequence of k ndarray of shape (n,)
        Columns; the first is the intercept if `centred`.
    responses : sequence of t ndarray of shape (n,)
    codes : ndarray of int of shape (n,)
        Group of each row: every one of 0, ..., G - 1 occurs.
    weights : ndarray of shape (n,), default=None
        Precision weights.
    centred : bool
        Whether the first effect is the intercept: then everything is taken less its
        mean in the group, which keeps the digits that products would lose.

    Returns
    -------
    GroupRegressions

    Notes
    -----
    By the theorem of Frisch, Waugh and Lovell, regressing the residuals of one response
    on those of others gives the coefficients of a regression that has the effects of
    every group beside them. O(n (k + t)^2) operations, and the memory of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.baselines.groupwise import group_regressions
    >>> x = np.array([0.0, 1.0, 0.0, 1.0])
    >>> y = np.array([1.0, 3.0, 0.0, 5.0])
    >>> group = np.array([0, 0, 1, 1])
    >>> fit = group_regressions([np.ones(4), x], [y], group, centred=True)
    >>> fit.coef[1, 0].round(2)
    array([2., 5.])
    """
    start = int(centred)
    slopes = list(effects[start:])
    k, t = len(slopes), len(responses)
    columns = [*slopes, *responses]
    rows = GroupedColumns.of(columns, codes, weights, centred=centred)
    first, last = list(range(k)), list(range(k, k + t))
    MtM, MtT = rows.products(first, first), rows.products(first, last)
    L, known = factorize(MtM, rows)
    coef = solve(L, MtT * known, known)
    residuals = [
        rows.values[k + j]
        - sum(rows.values[i] * coef[i, j][rows.codes] for i in range(k))
        for j in range(t)
    ]
    determined = known[:, 0]
    if centred:
        intercept = rows.means[k:] - np.einsum("kg,ktg->tg", rows.means[:k], coef)
        coef = np.concatenate([intercept[None], coef])
        determined = np.vstack([np.ones_like(rows.total, dtype=bool), determined])
    return GroupRegressions(
        coef=coef,
        determined=determined,
        leftover=products_of(residuals, weights),
        sizes=np.bincount(rows.codes),
        MtM=MtM,
        means=rows.means[:k],
        total=rows.total,
        L=L,
        centred=centred,
        residuals=residuals,
    )


def products_of(columns, weights=None):
    """Weighted products of columns over all rows, of shape (t, t)."""
    weighted = columns if weights is None else [c * weights for c in columns]
    return np.array([[a @ b for b in columns] for a in weighted]).reshape(
        len(columns), -1
    )


def factorize(MtM, rows):
    """Cholesky factors that leave out what earlier effects determine.

    Parameters
    ----------
    MtM : ndarray of shape (k, k, G)
    rows : GroupedColumns
        Tells the size of the columns before they were centred.

    Returns
    -------
    L : ndarray of shape (k, k, G)
        Rows and columns of the effects left out are those of the identity.
    known : ndarray of bool of shape (k, 1, G)
    """
    k, _, G = MtM.shape
    L, known = np.zeros((k, k, G)), np.ones((k, 1, G), dtype=bool)
    raw = np.einsum("kkg->kg", MtM) + rows.total * rows.means[:k] ** 2
    for j in range(k):
        pivot = MtM[j, j] - (L[j, :j] ** 2).sum(axis=0)
        known[j] = (pivot > WITHIN_TOLERANCE * MtM[j, j]) & (pivot > ROUNDING * raw[j])
        L[j, j] = np.sqrt(np.where(known[j, 0], pivot, 1.0))
        for i in range(j + 1, k):
            below = MtM[i, j] - (L[i, :j] * L[j, :j]).sum(axis=0)
            L[i, j] = np.where(known[j, 0], below / L[j, j], 0.0)
    # an effect left out must not enter through its row either
    L *= known | np.eye(k, dtype=bool)[:, :, None]
    return L, known


def pivots(S, scale):
    """Tell which rows of a matrix of products the earlier ones do not determine.

    Parameters
    ----------
    S : ndarray of shape (c, c)
    scale : ndarray of shape (c,)
        What the diagonal was before anything was taken off.

    Returns
    -------
    ndarray of bool of shape (c,)
    """
    S = S.copy()
    kept = np.zeros(len(S), dtype=bool)
    for j in range(len(S)):
        kept[j] = S[j, j] > WITHIN_TOLERANCE * scale[j]
        if kept[j]:
            S -= np.outer(S[:, j], S[j]) / S[j, j]
    return kept
