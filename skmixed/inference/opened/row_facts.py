"""What statements need of the rows of a fit beyond its cross-products."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.products.columns import chunks


@dataclass(frozen=True, eq=False)
class RowMoments:
    """Second moments of the rows, each row counting once, in the basis of a fit.

    Parameters
    ----------
    fixed : ndarray of shape (r, r)
        Covariance matrix of the fixed-effects columns, with divisor n - 1.
    random : tuple of ndarray of shape (k_j, k_j)
        Mean of z z' per grouping factor.
    mean : ndarray of shape (r,), optional
        Of the fixed-effects columns, where rows were read.
    """

    fixed: np.ndarray
    random: tuple[np.ndarray, ...]
    mean: np.ndarray | None = None

    @classmethod
    def of_design(cls, design, basis):
        """Read them from the rows: where weights hide them, or no column is constant.

        Parameters
        ----------
        design : Design
        basis : Basis

        Returns
        -------
        RowMoments
        """
        n, first = len(design.X), None
        for chunk in chunks(n):
            rows = basis.rows(design.select(chunk))
            if first is None:
                first = rows.X.mean(axis=0)
                sums, gram, random = 0.0, 0.0, [0.0] * len(rows.z)
            about = rows.X - first
            sums, gram = sums + about.sum(axis=0), gram + about.T @ about
            random = [own + z.T @ z for own, z in zip(random, rows.z, strict=True)]
        mean = sums / n
        fixed = (gram - n * np.outer(mean, mean)) / max(n - 1, 1)
        return cls(fixed, tuple(own / n for own in random), first + mean)

    @classmethod
    def of_result(cls, result):
        """Take them from the cross-products of a fit without weights.

        Parameters
        ----------
        result : FitResult

        Returns
        -------
        RowMoments or None
            None where neither X nor the random effects hold a constant, whose products
            with the columns are their sums.
        """
        A, r, n = result.A, result.A.n_fixed, result.n_obs
        sums = column_sums(A)
        if sums is None:
            return None
        scatter = A.gram[:r, :r] - np.outer(sums, sums) / n
        return cls(scatter / max(n - 1, 1), tuple(ZtZ.sum(axis=2) / n for ZtZ in A.ZtZ))


def has_column_sums(A):
    """Whether cross-products without weights give the sums of the columns."""
    constant = A.basis.constant.any() or not A.n_fixed
    return constant or any("Intercept" in factor.effects for factor in A.factors)


def column_sums(A):
    """Sums of the fixed-effects columns in the frame, of shape (r,), or None."""
    r, constant = A.n_fixed, A.basis.constant
    if not r:
        return np.zeros(0)
    if constant.any():
        return A.gram[:r, :r] @ A.basis.one
    for factor, ZtXy in zip(A.factors, A.ZtXy, strict=True):
        if "Intercept" in factor.effects:
            return ZtXy[factor.effects.index("Intercept"), :r].sum(axis=1)
    return None


def alias_weights(result, design):
    """Weights with which the kept columns give the aliased ones.

    Parameters
    ----------
    result : FitResult
    design : Design
        Of the fit.

    Returns
    -------
    ndarray of shape (r, p - r) or None
        Of the kept columns in the basis; None where no column is aliased.
    """
    if result.kept.all():
        return None
    columns = result.A.basis.fixed.apply(design.X)
    return np.linalg.lstsq(columns, design.X[:, ~result.kept], rcond=None)[0]
