"""Residuals turned so that they are independent if the model is right."""

import numpy as np
from scipy import sparse

from skmixed.errors import TooLargeError
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import transposed_z, without_offset

# Several factors are rotated by a dense eigendecomposition of this size at most.
MOST_EFFECTS = 3_000


def rotate_residuals(fit, design):
    """Residuals of the fixed effects, rotated by the inverse root of their covariance.

    Parameters
    ----------
    fit : Fitted
    design : Design
        The rows of the fit, with response and weights.

    Returns
    -------
    residuals : ndarray of shape (n,)
        ``V^-1/2 (y - X beta) / sigma``: of unit variance and uncorrelated, but for the
        estimation of beta.
    basis : ndarray of shape (n, r)
        Orthonormal columns that span ``V^-1/2 X``; the residuals are orthogonal to
        them.

    Raises
    ------
    ValueError
        For several grouping factors with more random effects than can be rotated.

    Notes
    -----
    With U = W^1/2 Z Lambda and U'U = Q diag(s) Q', the symmetric root is

        V^-1/2 = (I + U U')^-1/2 = I + U Q diag(((1 + s)^-1/2 - 1) / s) Q'U',

    per group where there is one factor.
    """
    result, y = fit.result, without_offset(design)
    posterior = fit.open.posterior
    rows = posterior.basis.rows(design)
    e = result.A.basis.response(y, rows.X) - rows.X @ posterior.beta
    residual = residual_of(design)
    columns = residual.root(np.vstack([rows.X.T, e])).T
    rotate = rotate_groups if len(rows.z) == 1 else rotate_jointly
    loadings = [
        residual.root(z.T).T @ Lambda
        for z, Lambda in zip(rows.z, posterior.Lambdas, strict=True)
    ]
    rotated = rotate(columns, loadings, rows.codes)
    basis = np.linalg.solve(posterior.RX, rotated[:, :-1].T).T
    return rotated[:, -1] / result.sigma, basis


def rotate_groups(columns, loadings, codes):
    """Rotate columns group by group.

    Parameters
    ----------
    columns : ndarray of shape (n, m)
    loadings : list of one ndarray of shape (n, k)
        U, row by row.
    codes : tuple of one ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n, m)
    """
    (U,), (codes,) = loadings, codes
    k, m = U.shape[1], columns.shape[1]
    sums = transposed_z(U, codes, int(codes.max()) + 1) @ np.hstack([U, columns])
    sums = sums.reshape(-1, k, k + m)
    s, Q = np.linalg.eigh(sums[:, :, :k])
    inner = Q @ (shrink(s)[:, :, None] * (Q.transpose(0, 2, 1) @ sums[:, :, k:]))
    out = columns.copy()
    for a in range(k):
        out += U[:, a, None] * inner[codes, a]
    return out


def rotate_jointly(columns, loadings, codes):
    """Rotate columns where factors are none, crossed or nested; as `rotate_groups`."""
    if not loadings:
        return columns
    n_levels = [int(one.max()) + 1 for one in codes]
    size = sum(U.shape[1] * G for U, G in zip(loadings, n_levels, strict=True))
    if size > MOST_EFFECTS:
        raise TooLargeError(
            f"The residuals of {size} random effects of several grouping factors "
            f"cannot be rotated, only up to {MOST_EFFECTS}. Look at the conditional "
            "residuals: ResidualsDisplay."
        )
    parts = map(transposed_z, loadings, codes, n_levels)
    Ut = sparse.vstack(list(parts)).tocsr()
    s, Q = np.linalg.eigh((Ut @ Ut.T).toarray())
    inner = Q @ (shrink(s)[:, None] * (Q.T @ (Ut @ columns)))
    return columns + Ut.T @ inner


def shrink(s):
    """``((1 + s)^-1/2 - 1) / s``, which is -1/2 at zero."""
    root = np.sqrt(1.0 + np.maximum(s, 0.0))
    return -1.0 / (root * (root + 1.0))
