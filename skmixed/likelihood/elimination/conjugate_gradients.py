"""Conjugate gradients for many right sides, and what their steps tell of log A."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

# Steps at the most: a matrix that needs more is not positive definite in its precision.
MOST_STEPS = 2000
# A column whose residual is this much below the bound waits for the others.
DONE = 1e-3
# Eigenvalues of a Lanczos matrix below this are rounding.
LEAST_EIGENVALUE = 1e-12


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of A X = B, and the steps that led to them.

    Parameters
    ----------
    X, residual : ndarray of shape (n, c)
        And ``B - A X``.
    alphas, betas : ndarray of shape (steps, c)
        Lengths of the steps, and shares of the old directions; zero once a column is
        done.
    """

    X: np.ndarray
    residual: np.ndarray
    alphas: np.ndarray
    betas: np.ndarray

    def logs(self, squares):
        """``b'log(A) b`` of every right side, by Gauss quadrature.

        Parameters
        ----------
        squares : ndarray of shape (c,)
            ``b'b``.

        Returns
        -------
        ndarray of shape (c,)

        Notes
        -----
        The steps are those of Lanczos (1952), whose tridiagonal matrix gives nodes and
        weights: Golub & Meurant (2010), Matrices, Moments and Quadrature, chapter 6.
        """
        found = np.zeros(len(squares))
        for column, square in enumerate(squares):
            alpha, beta = self.alphas[:, column], self.betas[:, column]
            steps = int((alpha > 0).sum())
            if not steps:
                continue
            alpha, beta = alpha[:steps], beta[: steps - 1]
            diagonal = 1.0 / alpha
            diagonal[1:] += beta / alpha[:-1]
            values, vectors = eigh_tridiagonal(diagonal, np.sqrt(beta) / alpha[:-1])
            logs = np.log(np.maximum(values, LEAST_EIGENVALUE))
            found[column] = square * float(vectors[0] ** 2 @ logs)
        return found


def conjugate_gradients(times, right, tol, first=None):
    """Solve A X = B for all columns together, for a positive definite A near I.

    Parameters
    ----------
    times : callable
        ``times(V) = A V``.
    right : ndarray of shape (n, c)
        B, in the precision that is worked in.
    tol : float
        Bound on the norms of the residuals, relative to those of B.
    first : ndarray of shape (n, c), optional
        ``A B``, where it is known.

    Returns
    -------
    Solution

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is not positive definite, or so near singular that steps lead nowhere.
    """
    X, R, H = np.zeros_like(right), right.copy(), right.copy()
    squares = inner(R, R)
    bound = np.where(squares > 0, squares, 1.0) * tol**2
    alphas: list[np.ndarray] = []
    betas: list[np.ndarray] = []
    while (squares > bound).any():
        if len(alphas) == MOST_STEPS:
            raise np.linalg.LinAlgError("conjugate gradients do not converge")
        V = times(H) if alphas or first is None else first.copy()
        going = squares > DONE**2 * bound
        bend = inner(H, V)
        if not (bend[going] > 0).all():
            raise np.linalg.LinAlgError("a matrix is not positive definite")
        alpha = np.where(going, squares / np.where(going, bend, 1.0), 0.0)
        step = alpha.astype(right.dtype)
        X += H * step
        V *= step
        R -= V
        new = inner(R, R)
        beta = np.where(going, new / np.where(going, squares, 1.0), 0.0)
        alphas.append(alpha)
        betas.append(beta)
        squares = np.where(going, new, squares)
        H *= beta.astype(right.dtype)
        H += R
    shape = len(alphas), right.shape[1]
    return Solution(X, R, np.reshape(alphas, shape), np.reshape(betas, shape))


def inner(A, B):
    """Products of columns, summed in double precision, of shape (c,)."""
    return np.einsum("ij,ij->j", A, B, dtype=float)
