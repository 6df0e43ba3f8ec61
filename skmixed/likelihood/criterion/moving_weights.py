"""What the moving weights add to the Hessian of a Laplace deviance: one factor."""

import numpy as np

from skmixed.likelihood.linalg.group_sums import add_by_group
from skmixed.likelihood.linalg.grouped import multiply, shared_left, shared_right

# Step of the differences in psi of the terms of rows.
PSI_STEP = 1e-4


def add_moving_weights(deviance, point, H, pieces, slopes):
    """Make the Hessian with W held exact.

    Parameters
    ----------
    deviance : LaplaceDeviance
        With one factor.
    point : LaplacePoint
    H : ndarray of shape (m, m)
        Of :meth:`LaplaceDeviance.curvature`.
    pieces : Pieces
    slopes : list of one ndarray of shape (k, m, G)
        f' along x.

    Returns
    -------
    ndarray of shape (m, m)

    Notes
    -----
    With dots along x_j: ``eta' = X beta' + Z b'``, ``b' = dPsi f + Psi f'``,
    ``W' = W1 eta' + W_psi psi'``, ``K'_j = Z'diag(W'_j) Z``, a = Psi e,

        H += E'diag(h W2 - (Z a) W1) E - sum_g tr(C K'_j C K'_k) + T + T',
        T_jk = tr((I - CK) dPsi_j (I - KC) K'_k) + e'dPsi_j f'_k,  j in theta,

    for the columns E of eta'. The rows of psi add ``E'(h W1_psi - (Za) W_psi)`` and
    ``h'W_psi2 + (Za)'s_psi2``.
    """
    n_theta = deviance.n_theta
    Psi, D, f, e = pieces.Psi[0], pieces.D[0], pieces.f[0], pieces.e[0]
    moved = shared_left(Psi, slopes[0])
    moved[:, :n_theta] += np.matmul(D, f).transpose(1, 0, 2)
    by_rows, Kdot = bend_rows(deviance, point, moved, Psi @ e)
    H = H + by_rows
    factored = point.modes.factored
    C, K = factored.C[0], factored.ZtZ
    m, k, _, G = Kdot.shape
    CK = multiply(C, Kdot.transpose(1, 0, 2, 3).reshape(k, m * k, G))
    CK = CK.reshape(k, m, k, G).transpose(1, 0, 2, 3)
    H -= CK.reshape(m, -1) @ CK.transpose(0, 2, 1, 3).reshape(m, -1).T
    rest = np.eye(k)[:, :, None] - multiply(C, K)
    turned = rest.transpose(1, 0, 2)
    U = np.array([multiply(shared_right(rest, D_j), turned) for D_j in D])
    T = U.reshape(n_theta, -1) @ Kdot.reshape(m, -1).T
    De = np.matmul(D, e).reshape(n_theta, -1)
    T += De @ slopes[0].transpose(1, 0, 2).reshape(m, -1).T
    H[:n_theta] += T
    H[:, :n_theta] += T.T
    return (H + H.T) / 2.0


def bend_rows(deviance, point, moved, a):
    """Sums over rows of :func:`add_moving_weights`.

    Parameters
    ----------
    deviance : LaplaceDeviance
    point : LaplacePoint
    moved : ndarray of shape (k, m, G)
        b' along x.
    a : ndarray of shape (k, G)

    Returns
    -------
    H : ndarray of shape (m, m)
    Kdot : ndarray of shape (m, k, k, G)
    """
    sweeps, state = deviance.sweeps, point.modes.state
    k, m, G = moved.shape
    H, sums = np.zeros((m, m)), np.zeros((m, k * (k + 1) // 2, G))
    moved = np.ascontiguousarray(moved.transpose(1, 0, 2))
    for chunk in sweeps.chunks:
        z, codes = sweeps.z(0, chunk), sweeps.codes(0, chunk)
        ones = sweeps.ones[: len(codes)]
        h, W1 = state.h[chunk], state.W1[chunk]
        Za = sweeps.row_values(a, chunk)
        E = np.array([sweeps.row_values(b, chunk) for b in moved])
        E[deviance.at_beta] += deviance.beta_basis.T @ sweeps.X[:, chunk]
        H += (E * (h * state.W2[chunk] - Za * W1)) @ E.T
        Wdot = E * W1
        Wdot[deviance.at_psi] += state.W_psi[:, chunk]
        if deviance.r:
            bend_psi(deviance, point, H, E, chunk, Za)
        z = [ones if column is None else column for column in z]
        for one, own in zip(sums, Wdot, strict=True):
            products = (
                (own if z[i] is ones else own * z[i], z[j])
                for i in range(k)
                for j in range(i, k)
            )
            add_by_group(one, codes, products)
    Kdot = np.empty((m, k, k, G))
    for place, (i, j) in enumerate(zip(*np.triu_indices(k), strict=True)):
        Kdot[:, i, j] = Kdot[:, j, i] = sums[:, place]
    return H, Kdot


def bend_psi(deviance, point, H, E, chunk, Za):
    """Add the parts of psi, whose third derivatives are differences, to H."""
    sweeps, state, first = deviance.sweeps, point.modes.state, deviance.at_psi.start
    family, h = sweeps.family, state.h[chunk]
    _, psi = deviance.fixed(point.theta)
    rows = sweeps.y[chunk], sweeps.weights(chunk), state.eta[chunk]
    for i in range(deviance.r):
        step = np.zeros(deviance.r)
        step[i] = PSI_STEP
        up, down = (family.terms(*rows, psi + s * step) for s in (1.0, -1.0))
        W1_psi = (up.W1 - down.W1) / (2.0 * PSI_STEP)
        row = E @ (h * W1_psi - Za * state.W_psi[i, chunk])
        H[first + i] += row
        H[:, first + i] += row
        for j in range(deviance.r):
            W_psi2 = (up.W_psi[j] - down.W_psi[j]) / (2.0 * PSI_STEP)
            s_psi2 = (up.score_psi[j] - down.score_psi[j]) / (2.0 * PSI_STEP)
            H[first + i, first + j] += float(h @ W_psi2 + Za @ s_psi2)
