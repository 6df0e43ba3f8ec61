"""Sums over pairs of levels of crossed factors: what an exact Hessian needs."""

import itertools

import numpy as np
from scipy import sparse

from skmixed.likelihood.linalg.grouped import multiply


def pair_sums(factored):
    """Sums of P_gh (x) P_gh over pairs of levels, P = Z'V^-1 Z never formed.

    Parameters
    ----------
    factored : CrossedFactored
        At Lambdas that have inverses.

    Returns
    -------
    dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l)

    Notes
    -----
    Between two different levels P_gh = -Psi_j^-1 C_gh Psi_l^-1, with C the relative
    covariance of b given the data: W2 between the other factors, -W1 A12 W2 between
    them and the leading one, and K = W1 A12 W2 A21 W1 within that. With R_a the rows of
    effect a in W1 A12, and B_ab = R_a'R_b,

        sum_gh (W1 A12 W2)_gh[a, .]' (W1 A12 W2)_gh[c, .] = W2 B_ac W2, by factors,
        sum_gh K_gh[a, b] K_gh[c, d] = tr(B_ca W2 B_bd W2).

    The diagonal blocks are known by themselves. Cost 2 k^2 m2^3 for k effects of the
    leading factor: as two or three evaluations.
    """
    e = factored.elimination
    rest, leading = e.rest, e.leading
    W = whole(factored.W2.matrix)
    spread = through_leading(factored, W)
    covariances = {}
    for j, h in itertools.product(rest.order, repeat=2):
        (G, k), (H, m) = rest.shapes[j], rest.shapes[h]
        blocks = W[rest.spans[j], rest.spans[h]].reshape(G, k, H, m)
        flat = blocks.transpose(1, 3, 0, 2).reshape(k * m, G * H)
        covariances[j, h] = (flat @ flat.T).reshape(k, m, k, m)
    for j in rest.order:
        (G, k), span = rest.shapes[j], rest.spans[j]
        rows = W[span].reshape(G, k, -1)
        columns = spread[..., span].reshape(*spread.shape[:3], G, k)
        covariances[leading, j] = np.einsum(
            "gbr,acrgd->abcd", rows, columns, optimize=True
        )
        covariances[j, leading] = covariances[leading, j].transpose(1, 0, 3, 2)
    covariances[leading, leading] = np.einsum(
        "cars,bdsr->abcd", spread, spread, optimize=True
    )
    return with_diagonal(factored, covariances)


def through_leading(factored, W):
    """``B_ac W2`` for every two effects of the leading factor, (k, k, m2, m2)."""
    e = factored.elimination
    k, m2 = len(e.A11), len(W)
    if isinstance(e.by_A12, np.ndarray):
        moved = np.matmul(factored.W1.transpose(2, 0, 1), e.by_A12.reshape(-1, k, m2))
        R = [moved[:, a] for a in range(k)]
    else:
        level = np.arange(factored.W1.shape[2] + 1)
        own = np.ascontiguousarray(factored.W1.transpose(2, 0, 1))
        moved = (sparse.bsr_array((own, level[:-1], level)) @ e.A12).tocsr()
        R = [moved[a::k] for a in range(k)]
    found = np.empty((k, k, m2, m2))
    for a, c in itertools.product(range(k), repeat=2):
        B = R[a].T @ R[c]
        B = B.toarray() if sparse.issparse(B) else B
        np.matmul(B, W, out=found[a, c])
    return found


def with_diagonal(factored, covariances):
    """From sums of C (x) C over all pairs of levels to those of P (x) P.

    Parameters
    ----------
    factored : CrossedFactored
    covariances : dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l)
        Of the leading factor without W1.
    """
    e = factored.elimination
    inverses = [np.linalg.inv(L @ L.T) for L in factored.Lambdas]
    diagonal = {j: factored.W2.blocks(j) for j in e.rest.order}
    diagonal[e.leading] = multiply(factored.W1, multiply(factored.spread, factored.W1))
    found = {}
    for (j, h), total in covariances.items():
        if j == h:
            total = total - np.einsum("abg,cdg->abcd", diagonal[j], diagonal[j])
        left, right = inverses[j], inverses[h]
        found[j, h] = np.einsum(
            "ia,bj,kc,dl,abcd->ijkl", left, right, left, right, total, optimize=True
        )
        if j == h:
            P = factored.P[j]
            found[j, h] += np.einsum("abg,cdg->abcd", P, P)
    return found


def whole(lower):
    """A symmetric matrix from its lower triangle."""
    square = np.tril(lower)
    diagonal = square.diagonal().copy()
    square += square.T
    np.fill_diagonal(square, diagonal)
    return square
