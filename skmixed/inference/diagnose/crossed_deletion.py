"""Delete groups of one of several factors at held variances, by low-rank updates."""

import numpy as np
from scipy import sparse

from skmixed.errors import TooLargeError
from skmixed.inference.diagnose.deletion import Deletion, sigma_without
from skmixed.likelihood.elimination.factored import CHUNK_DIRECTIONS
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import without_offset
from skmixed.printing.progress import count_done

# Bytes that the covariances between all random effects may take.
MOST_BYTES = 2e9
# Of an effect that is lost with a group, less than this share of information is left.
LOST = 1e-12


def check_covariances(result):
    """Refuse groups whose deletion needs more covariances than fit into memory.

    Parameters
    ----------
    result : FitResult

    Raises
    ------
    ValueError
        With the estimate, and what would help.
    """
    q = count_effects(result)
    if 8.0 * q**2 > MOST_BYTES:
        raise TooLargeError(
            f"To leave groups out next to other factors needs the covariances of all "
            f"{q:,} random effects with each other, about {8e-9 * q**2:,.1f} GB; at "
            f"most {1e-9 * MOST_BYTES:g} GB are taken. Leave out single observations "
            "(level='observation'), or fit a model with fewer crossed effects."
        )


def count_effects(result):
    """Random effects of all factors together."""
    return sum(
        n_levels * len(effects)
        for n_levels, effects in zip(result.n_levels, result.effects, strict=True)
    )


def delete_crossed(fit, design, codes, n_groups, verbose=None):
    """Delete the groups of a factor, the relative variances held.

    Parameters
    ----------
    fit : Fitted
        With several grouping factors.
    design : Design
        The rows of the fit.
    codes : ndarray of shape (n,)
        Group of every row.
    n_groups : int
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    Deletion
        Without ``leverage``.

    Notes
    -----
    Henderson's equations have the inverse S, the covariance of b and beta given the
    data over sigma^2. A group enters them with G = T'WT and u = T'W e, where T are the
    columns of its rows in Z and X that are not all zero, and e their conditional
    residuals. Without the group

        S_g = (I - S G)^-1 S,    (b, beta)_g = (b, beta) - S_g u,
        r_g^2 = r^2 - e'W e - u'S_g u,

    all of the order of the effects that the group meets.
    """
    result, posterior = fit.result, fit.open.posterior
    check_covariances(result)
    basis = result.A.basis
    rows = posterior.basis.rows(design)
    y = basis.response(without_offset(design), rows.X)
    w = residual_of(design).times(np.ones(len(y)))
    e, S = y - posterior.mean(rows), henderson_inverse(posterior)
    T = henderson_columns(rows, [block.shape[2] for block in posterior.blocks])
    p, G = rows.X.shape[1], n_groups
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=G)
    shift, spread = np.full((G, p), np.nan), np.full((G, p), np.nan)
    lost = np.full(G, np.nan)
    raw = basis.contrasts(np.eye(p))
    with count_done(G, "influence", "groups", verbose) as done:
        for g, own in enumerate(np.split(order, np.cumsum(counts)[:-1])):
            found = delete_one(T[own], w[own], e[own], S, p)
            if found is not None:
                moved, C, lost[g] = found
                shift[g] = raw @ moved
                spread[g] = np.sqrt(np.einsum("ia,ab,ib->i", raw, C, raw))
            done()
    sigma = sigma_without(result, lost, counts)
    return Deletion(
        coef=result.coef - shift,
        std_error=sigma[:, None] * spread,
        sigma=sigma,
        leverage=None,
    )


def delete_one(T, w, e, S, p):
    """Update Henderson's equations for one group.

    Parameters
    ----------
    T : sparse array of shape (n_g, q + p)
    w, e : ndarray of shape (n_g,)
    S : ndarray of shape (q + p, q + p)
    p : int
        Fixed effects: the last columns.

    Returns
    -------
    shift : ndarray of shape (p,)
    C : ndarray of shape (p, p)
        Covariance of the fixed effects without the group, over sigma^2.
    lost : float
        By how much r^2 falls; None instead of all where a fixed effect is lost.
    """
    met = np.unique(T.indices)
    met = np.union1d(met, np.arange(T.shape[1] - p, T.shape[1]))
    T = T[:, met].toarray()
    weighted = T * w[:, None]
    G, u, S = T.T @ weighted, weighted.T @ e, S[np.ix_(met, met)]
    fixed = slice(len(met) - p, None)
    rest = np.eye(len(met)) - S @ G
    sign, logdet = np.linalg.slogdet(rest)
    # det(I - SG) is the share of the information on all effects that is left
    if sign <= 0 or not np.isfinite(logdet):
        return None
    without = np.linalg.solve(rest, S)
    C = without[fixed, fixed]
    if (np.diag(C) <= 0).any() or np.linalg.cond(rest) > 1 / LOST:
        return None
    return without[fixed] @ u, C, e @ (w * e) + u @ without @ u


def henderson_columns(rows, n_levels):
    """Columns of [Z X] in one sparse array of shape (n, q + p)."""
    n = len(rows.X)
    blocks = []
    for z, codes, G in zip(rows.z, rows.codes, n_levels, strict=True):
        k = z.shape[1]
        places = codes[:, None] * k + np.arange(k)
        shape = (n, G * k)
        starts = np.arange(n + 1) * k
        blocks.append(sparse.csr_array((z.ravel(), places.ravel(), starts), shape))
    return sparse.hstack([*blocks, sparse.csr_array(rows.X)], format="csr")


def henderson_inverse(posterior):
    """Covariance of b and beta given the data, over sigma^2: (q + p, q + p).

    Notes
    -----
    Of b: ``D - D P D + D F C F'D``; of beta: C; between them: ``-D F C``.
    """
    sizes = [block.shape[0] * block.shape[2] for block in posterior.blocks]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    q, p = starts[-1], len(posterior.RX)
    S, DF = np.empty((q + p, q + p)), np.empty((q, p))
    Psis = [Lambda @ Lambda.T for Lambda in posterior.Lambdas]
    for j, block in enumerate(posterior.blocks):
        k, G = block.shape[0], block.shape[2]
        own = np.einsum("ab,bpn->nap", Psis[j], posterior.F[j]).reshape(G * k, p)
        DF[starts[j] : starts[j + 1]] = own
        step = max(CHUNK_DIRECTIONS // k, 1)
        for first in range(0, G, step):
            levels = np.arange(first, min(first + step, G))
            columns = posterior.factored.columns(j, levels)
            at = starts[j] + first * k
            to = at + len(levels) * k
            for h, P in enumerate(columns):
                # (k_h, c k_j, G_h) -> rows by level and effect of h
                DP = np.einsum("ab,bcn->nac", Psis[h], P).reshape(sizes[h], -1)
                DPD = DP.reshape(sizes[h], len(levels), k) @ Psis[j]
                S[starts[h] : starts[h + 1], at:to] = -DPD.reshape(sizes[h], -1)
        for level in range(G):
            own = slice(starts[j] + level * k, starts[j] + (level + 1) * k)
            S[own, own] += Psis[j]
    C = np.linalg.inv(posterior.RX @ posterior.RX.T) if p else np.empty((0, 0))
    S[:q, :q] += DF @ C @ DF.T
    S[:q, q:] = -DF @ C
    S[q:, :q] = S[:q, q:].T
    S[q:, q:] = C
    return S
