"""The frozen change of columns in which cross-products are accumulated.

Sums of squares of raw columns lose what a model is about as soon as a mean is large
against its standard deviation. Rows are therefore shifted and scaled before they are
multiplied, and the response is reduced to the residual of a least-squares fit. The
basis need not be exact, only frozen: it maps every statement back to raw columns.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.linalg import lapack

from skmixed.likelihood.products.rows import GroupedRows

# A column is aliased when its part orthogonal to the columns before it is shorter than
# this, relative to its own centred length (the tolerance of R's qr and lme4).
ALIASED = 1e-7
# Below this squared relative length a Gram matrix is no longer trusted with a column:
# it is orthogonalised row by row instead.
WELL_CONDITIONED = 1e-4


@dataclass(frozen=True, eq=False)
class ColumnBasis:
    """Linear change ``C = raw[:, kept] @ T``, carried out as shift, scale and mix.

    Parameters
    ----------
    n_raw : int
        Number of raw columns p.
    kept : ndarray of int of shape (r,)
    shift, scale : ndarray of shape (r,)
        ``C = (raw[:, kept] - shift) / scale @ mix``.
    absorbed : ndarray of shape (r, r)
        ``raw[:, kept] @ absorbed`` equals ``shift`` in every row: the columns whose
        span holds a constant give what the shift takes.
    mix : ndarray of shape (r, r) or None
        None is the identity; upper triangular for fixed effects.
    """

    n_raw: int
    kept: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    absorbed: np.ndarray
    mix: np.ndarray | None = None

    def apply(self, raw):
        """Columns in the basis.

        Parameters
        ----------
        raw : ndarray of shape (n, p)

        Returns
        -------
        ndarray of shape (n, r)
        """
        if len(self.kept) < raw.shape[1]:
            raw = raw[:, self.kept]
        columns = (raw - self.shift) / self.scale
        return columns if self.mix is None else columns @ self.mix

    @property
    def to_raw(self):
        """Matrix T of shape (r, r), so that ``beta_raw = T beta_C``."""
        T = (np.eye(len(self.kept)) - self.absorbed) / self.scale
        return T if self.mix is None else T @ self.mix

    @property
    def coordinates(self):
        """Inverse of T, of shape (r, r): ``raw[:, kept] = C @ coordinates``."""
        return np.linalg.inv(self.to_raw)

    def raw(self, coef):
        """Coefficients of the raw columns.

        Parameters
        ----------
        coef : ndarray of shape (r, ...)
            Of the columns in the basis: T is applied to its first axis.

        Returns
        -------
        ndarray of shape (r, ...)
        """
        return np.tensordot(self.to_raw, coef, 1)

    def contrasts(self, L):
        """Combinations of the raw coefficients as combinations of the basis's.

        Parameters
        ----------
        L : ndarray of shape (..., r)

        Returns
        -------
        ndarray of shape (..., r)
            ``L @ T``.
        """
        return L @ self.to_raw

    def raw_covariance(self, Psi):
        """Covariance of raw coefficients, ``T Psi T'``, for Psi (..., r, r)."""
        T = self.to_raw
        return T @ Psi @ T.T

    def mixed(self, B):
        """The basis of the columns ``C @ B``, for B of shape (r, r)."""
        return replace(self, mix=B if self.mix is None else self.mix @ B)

    def mixture(self, other):
        """Matrix B so that this is ``other.mixed(B)``, of shape (r, r)."""
        own = np.eye(len(self.kept)) if self.mix is None else self.mix
        return own if other.mix is None else np.linalg.solve(other.mix, own)

    @property
    def logdet(self):
        """``log |det T|``: what the REML criterion owes to the change of columns."""
        # det(I - absorbed) is 1: the columns that give a constant are never shifted
        logdet = -float(np.log(self.scale).sum())
        return logdet + (
            0.0 if self.mix is None else float(np.log(np.diag(self.mix)).sum())
        )


@dataclass(frozen=True, eq=False)
class Basis:
    """All that is frozen before accumulation.

    Parameters
    ----------
    fixed : ColumnBasis
        Of the fixed-effects columns X.
    random : tuple of ColumnBasis
        Of the effects columns z of every grouping factor.
    crude_coef : ndarray of shape (r,)
        In the basis, ``y_C = (y - y_shift) - X_C @ crude_coef``.
    y_shift : float
    constant : ndarray of shape (r,)
        Coefficients of the constant in the kept raw columns; zero if not in their span.
    y_rounding : float
        A residual of this size is the rounding of the response.
    """

    fixed: ColumnBasis
    random: tuple[ColumnBasis, ...]
    crude_coef: np.ndarray
    y_shift: float
    constant: np.ndarray
    y_rounding: float

    def response(self, y, X_C):
        """Response in the basis: the residual of a crude fit, of shape (n,)."""
        return (y - self.y_shift) - X_C @ self.crude_coef

    def rows(self, design):
        """Bring the columns of a design to the basis.

        Parameters
        ----------
        design : Design
            With every random term of the model.

        Returns
        -------
        BasisRows
        """
        return BasisRows.of(design, self)

    def contrasts(self, L):
        """Combinations of the raw coefficients as combinations of the basis's.

        Parameters
        ----------
        L : ndarray of shape (q, r)
            Of differences of coefficients: what the response is shifted by is left out.

        Returns
        -------
        ndarray of shape (q, r)
        """
        return self.fixed.contrasts(L)

    def unmixed(self):
        """The basis of the random effects' columns as they are shifted and scaled."""
        if all(own.mix is None for own in self.random):
            return self
        random = tuple(replace(own, mix=None) for own in self.random)
        return replace(self, random=random)

    def mixed(self, bases):
        """The basis in which ``z_j @ bases[j]`` stand in place of the ``z_j``.

        Parameters
        ----------
        bases : sequence of ndarray of shape (k_j, k_j)

        Returns
        -------
        Basis
        """
        random = (own.mixed(B) for own, B in zip(self.random, bases, strict=True))
        return replace(self, random=tuple(random))

    def raw_coef(self, coef):
        """Coefficients of the raw kept columns.

        Parameters
        ----------
        coef : ndarray of shape (r,)
            Of the response in the basis on the columns in the basis.

        Returns
        -------
        ndarray of shape (r,)
        """
        return self.fixed.raw(coef + self.crude_coef) + self.y_shift * self.constant

    def coef_from_raw(self, coef):
        """Coefficients of the basis's response on the basis's columns.

        Parameters
        ----------
        coef : ndarray of shape (r,)
            Of the raw response on the raw columns.

        Returns
        -------
        ndarray of shape (r,)
            The inverse of :meth:`raw_coef`.
        """
        raw = coef - self.y_shift * self.constant
        return np.linalg.solve(self.fixed.to_raw, raw) - self.crude_coef

    @property
    def one(self):
        """The constant as a combination of the basis's columns, of shape (r,)."""
        return np.linalg.solve(self.fixed.to_raw, self.constant)


@dataclass(frozen=True, eq=False)
class BasisRows:
    """Rows of a design in a basis.

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
    def of(cls, design, basis):
        """Bring a design to a basis; see :meth:`Basis.rows`."""
        rows = GroupedRows.of(design.random)
        z = (own.apply(z) for own, z in zip(basis.random, rows.z, strict=True))
        return cls(basis.fixed.apply(design.X), tuple(z), rows.codes)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, chunk):
        return BasisRows(
            self.X[chunk],
            tuple(z[chunk] for z in self.z),
            tuple(codes[chunk] for codes in self.codes),
        )


def same_basis(one, other):
    """Whether sums accumulated in two frames may be added."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same_basis, one, other))
    if isinstance(one, (Basis, ColumnBasis)):
        return all(
            same_basis(getattr(one, field.name), getattr(other, field.name))
            for field in fields(one)
        )
    return one is other or np.array_equal(one, other)


def freeze_fixed(moments, X, constant, residual):
    """Frame of the fixed-effects columns: centred, scaled and without aliases.

    Parameters
    ----------
    moments : Moments
        Of X's columns, and perhaps others behind them.
    X : ndarray of shape (n, p)
    constant : ndarray of shape (p,) or None
        Coefficients of the constant column in X.
    residual : Residual

    Returns
    -------
    basis : ColumnBasis
    constant : ndarray of shape (r,)
        Of the kept columns; zero where the constant is not in their span.
    """
    kept = np.arange(X.shape[1])
    while True:
        anchor = None if constant is None else constant[kept]
        shift, scale = centre_and_scale(moments, kept, anchor)
        independent, mix = np.isfinite(scale), None
        if independent.all():
            gram = moments.about(shift, kept) / (scale[:, None] * scale)
            if len(X) < len(kept) or not well_conditioned(gram):
                columns = (X[:, kept] - shift) / scale
                independent, mix = find_independent(columns, residual)
        if independent.all():
            break
        if constant is not None and np.any(anchor[~independent]):
            constant = None
        kept = kept[independent]
    anchor = np.zeros(len(kept)) if anchor is None else anchor
    absorbed = anchor[:, None] * shift
    return ColumnBasis(X.shape[1], kept, shift, scale, absorbed, mix), anchor


def well_conditioned(gram):
    """Whether no column is all but a combination of the ones before it.

    Parameters
    ----------
    gram : ndarray of shape (r, r)
        Of columns of unit root mean square.

    Returns
    -------
    bool
    """
    if len(gram) == 0:
        return True
    root, failed = lapack.dpotrf(gram, lower=1)
    return not failed and root.diagonal().min() ** 2 > WELL_CONDITIONED


def fit_crudely(fixed, moments, y_shift, X, y, residual):
    """Least-squares coefficients of the shifted response, in the basis.

    Parameters
    ----------
    fixed : ColumnBasis
    moments : Moments
        Of X's columns, perhaps others, and y.
    y_shift : float
    X : ndarray of shape (n, p)
    y : ndarray of shape (n,)
    residual : Residual

    Returns
    -------
    ndarray of shape (r,)
    """
    if fixed.mix is None:  # well conditioned: the moments have the digits
        r = len(fixed.kept)
        if r == 0:
            return np.zeros(0)
        products = moments.about(
            np.append(fixed.shift, y_shift), np.append(fixed.kept, -1)
        )
        gram = products[:r, :r] / (fixed.scale[:, None] * fixed.scale)
        return lapack.dposv(gram, products[:r, r] / fixed.scale)[1]
    X = fixed.apply(X)
    weighted = residual.times(X.T).T
    return np.linalg.lstsq(X.T @ weighted, weighted.T @ (y - y_shift), rcond=None)[0]


def find_independent(columns, residual):
    """Tell the columns that depend on the ones before them, from the rows.

    Parameters
    ----------
    columns : ndarray of shape (n, r)
        Centred, of unit root mean square.
    residual : Residual

    Returns
    -------
    independent : ndarray of bool of shape (r,)
    mix : ndarray of shape (r, r) or None
        Upper triangular and orthogonalising; None where columns are dependent.
    """
    mix, _ = orthogonalise(weighted_gram(columns, residual))
    # Rows, not their Gram matrix, decide: it has lost the digits in question.
    gram = weighted_gram(columns @ mix, residual)
    lengths = np.sqrt(np.diag(gram))
    independent = lengths > ALIASED
    if not independent.all():
        return independent, None
    again, remainders = orthogonalise(gram / np.outer(lengths, lengths))
    independent = lengths * np.sqrt(np.maximum(remainders, 0)) > ALIASED
    return independent, mix / lengths @ again


def weighted_gram(columns, residual):
    """Weighted mean cross-products of columns, of shape (r, r)."""
    total, _ = residual.means([columns[:, 0]])
    return residual.times(columns.T) @ columns / total


def orthogonalise(gram):
    """Orthogonalise columns in their order, given their cross-products.

    Parameters
    ----------
    gram : ndarray of shape (r, r)
        Of columns of unit length.

    Returns
    -------
    mix : ndarray of shape (r, r)
        Unit upper triangular: ``columns @ mix`` are mutually orthogonal.
    remainders : ndarray of shape (r,)
        Squared length of what each column adds to the ones before it.
    """
    r = len(gram)
    mix, left = np.eye(r), np.array(gram, dtype=float)
    remainders = np.zeros(r)
    for j in range(r):
        remainders[j] = max(left[j, j], 0.0)
        if left[j, j] <= 4 * r * np.finfo(float).eps:
            continue
        ratio = left[j, j + 1 :] / left[j, j]
        mix[:, j + 1 :] -= np.outer(mix[:, j], ratio)
        left[j + 1 :, j + 1 :] -= np.outer(left[j + 1 :, j], ratio)
    return mix, remainders


def freeze_random(moments, places, terms):
    """Frame of one grouping factor's effects columns, term by term.

    A covariance that is free within a term is the same model in any basis of its
    columns, so they may be centred; a diagonal one allows scaling only, and any other
    structure one scale for all.

    Parameters
    ----------
    moments : Moments
    places : list of int of length k
        Of the columns among the moments.
    terms : list of tuple (start, stop, basis, constant)
        ``basis`` is that of the term's structure; ``constant`` of shape (stop - start,)
        centres a "mixed" one, unless it is None.

    Returns
    -------
    ColumnBasis
    """
    k = len(places)
    shift, scale, absorbed = np.zeros(k), np.ones(k), np.zeros((k, k))
    for start, stop, basis, constant in terms:
        block = slice(start, stop)
        constant = constant if basis == "mixed" else None
        shift[block], scale[block] = centre_and_scale(moments, places[block], constant)
        if basis == "kept":
            lengths = np.where(np.isfinite(scale[block]), scale[block], 0.0)
            scale[block] = np.sqrt(np.mean(lengths**2)) or np.inf
        if constant is not None:
            absorbed[block, block] = constant[:, None] * shift[block]
    return ColumnBasis(
        k, np.arange(k), shift, np.where(np.isfinite(scale), scale, 1.0), absorbed
    )


def centre_and_scale(moments, places, constant):
    """Shift to mean zero where a constant absorbs it, and scale to unit rms.

    Parameters
    ----------
    moments : Moments
    places : sequence of int of length k
        Of the columns among the moments.
    constant : ndarray of shape (k,) or None
        Coefficients of the constant in the columns. Those columns are left alone.

    Returns
    -------
    shift, scale : ndarray of shape (k,)
        An infinite scale marks a column with nothing left.
    """
    mean = moments.mean[places]
    if constant is None:
        rms = np.sqrt(moments.covariance[places, places] + mean**2)
        return np.zeros_like(mean), np.where(rms > 0, rms, np.inf)
    free = constant == 0
    return np.where(free, mean, 0.0), np.where(free, moments.deviation[places], 1.0)


def rounding_of(y):
    """Size of the rounding of a response, or of each column of many."""
    return 8 * np.finfo(float).eps * np.abs(y).max(axis=0, initial=0.0)
