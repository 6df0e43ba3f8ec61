"""The frozen change of columns in which cross-products are accumulated.

Sums of squares of raw columns lose what a model is about as soon as a mean is large
against its standard deviation. Rows are therefore shifted and scaled before they are
multiplied, and the response is reduced to the residual of a least-squares fit. The
basis need not be exact, only frozen: it maps every statement back to raw columns.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from skmixed.likelihood.products.rows import GroupedRows


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
        T = self.to_raw
        return T @ coef if coef.ndim <= 2 else np.tensordot(T, coef, 1)

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
        A residual of this size, in the metric, is the rounding of the response.
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
