"""Kenward and Roger's adjusted covariance and degrees of freedom."""

import numpy as np

from skmixed.errors import UnavailableError
from skmixed.inference.opened.curvature import whitening_root
from skmixed.likelihood.criterion.marginal import MarginalDeviance
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.criterion.series import MarkovDeviance
from skmixed.likelihood.elimination.regime import exact_elimination

# Random effects at the most where Z'V^-1Z has to be held densely.
MOST_EFFECTS = 4000
# Numbers held at once at the most: 2 GB.
LARGEST = 250_000_000


class KenwardRoger:
    """Small-sample covariance of the fixed effects, and F tests that use it.

    Parameters
    ----------
    opened : OpenFit
        By REML; see :func:`refusal`.

    Notes
    -----
    Kenward & Roger (1997, Biometrics 53), as pbkrtest computes it (Halekoh & Hojsgaard
    2014, J. Stat. Softw. 59(9)). Total V is linear in the covariances of the random
    effects and in sigma^2, so the derivative in any of them is fixed, and every formula
    below is the same for linear combinations of these directions. A structured
    covariance is taken as linear around its estimate, as SAS's KR(LINEAR) does, so that
    its parameterisation does not matter either. Instead of
    dV/dsigma^2 = I the direction V itself is used, which needs no trace of V^-1. With
    sigma = 1, F = Z'V^-1X R^-T (whitened), P = Z'V^-1Z and symmetric units S_i,

        N_i = F'S_i F,  M_ij = F'S_i P S_j F,  K_ij = sum tr(S_i P_gh S_j P_hg),
        information_ij = K_ij - 2 tr(M_ij) + tr(N_i N_j), over 2,
        adjusted covariance = I + 2 sum_ij W_ij (M_ij - N_i N_j),

    where W is the inverse of the information; the direction V has N = I, M_i = N_i,
    K_i = tr(S_i sum P_gg) and K = n, and drops out of the adjustment but for W.
    Cost O(G k^2 m p) and m^2 p^2 for one factor; several factors need Z'V^-1 Z densely.
    """

    name = "kenward-roger"
    label = "Kenward and Roger's degrees of freedom and standard errors"

    def __init__(self, opened):
        result, deviance, point = opened.result, opened.deviance, opened.point
        if not deviance.exact:
            exact = exact_elimination(deviance.A)
            deviance = ProfiledDeviance(deviance.A, exact, result.reml)
            point = deviance.at(opened.theta)
        self.root = whitening_root(result, point.RX)
        observed = opened.curvature if result.residual is not None else None
        self.N, self.W, adjustment = information(deviance, point, observed)
        self.covariance = (
            result.sigma**2
            * self.root.T
            @ (np.eye(len(adjustment)) + 2.0 * adjustment)
            @ self.root
        )

    def df(self, L):
        """Degrees of freedom of single contrasts.

        Parameters
        ----------
        L : ndarray of shape (q, r)
            Of the raw fixed effects, a contrast per row.

        Returns
        -------
        ndarray of shape (q,)
        """
        return np.array([self.joint_df(row[None])[1] for row in np.atleast_2d(L)])

    def joint_df(self, L):
        """Scaling and denominator degrees of freedom of the F test of q contrasts.

        Parameters
        ----------
        L : ndarray of shape (q, r)
            Linearly independent.

        Returns
        -------
        scaling : float
            lambda of Kenward & Roger: the Wald statistic over q times it is F.
        df : float
        """
        q = len(L)
        basis = np.linalg.qr((L @ self.root.T).T)[0]
        projected = np.einsum("aq,iab,bs->iqs", basis, self.N, basis)
        traces = np.einsum("iqq->i", projected)
        A1 = float(traces @ self.W @ traces)
        A2 = float(np.einsum("ij,iqs,jsq->", self.W, projected, projected))
        return match_moments(q, A1, A2)


def kenward_roger(fit):
    """Kenward and Roger's method for a fit, prepared once.

    Parameters
    ----------
    fit : Fitted
        With at least one random term.

    Returns
    -------
    KenwardRoger

    Raises
    ------
    ValueError
        For a fit by maximum likelihood, and for designs that are too large.
    """
    reason = refusal(fit.result)
    if reason:
        raise UnavailableError(reason)
    return fit.open.part(KenwardRoger)


def match_moments(q, A1, A2):
    """Scaling and degrees of freedom that match the moments of F.

    Parameters
    ----------
    q : int
    A1, A2 : float
        As Kenward & Roger (1997), section 3.

    Returns
    -------
    scaling, df : float
    """
    if A2 <= 0.0:
        return 1.0, np.inf
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    below = 3.0 * q + 2.0 * (1.0 - g)
    V0 = 1.0 + g / below * B
    V1 = 1.0 - (q - g) / below * B
    V2 = 1.0 - (q + 2.0 - g) / below * B
    shrink = 1.0 - A2 / q
    # exact F tests make both zero, and their ratio one
    ratio = 1.0 if abs(shrink) < 1e-10 and abs(V1) < 1e-10 else shrink / V1
    rho = ratio**2 * (0.0 if abs(V0) < 1e-10 else V0) / V2 / q
    df = 4.0 + (q + 2.0) / (q * rho - 1.0)
    scaling = 1.0 if abs(df - 2.0) < 1e-2 else df * shrink / (df - 2.0)
    return float(scaling), float(df)


def information(deviance, point, observed=None):
    """Derivatives, inverse information and adjustment, whitened and with sigma = 1.

    Parameters
    ----------
    deviance : ProfiledDeviance
        With an exact regime.
    point : ProfiledPoint
    observed : Curvature, optional
        Whose covariance of the variance parameters takes the place of the inverse
        expected information, as in SAS and mmrm.

    Returns
    -------
    N : ndarray of shape (m + 1, p, p)
        The direction V comes last.
    W : ndarray of shape (m + 1, m + 1)
        Covariance of the variance parameters; zero in V where sigma is known.
    adjustment : ndarray of shape (p, p)
    """
    p, units = deviance.A.n_fixed, None
    if isinstance(deviance, MarginalDeviance | MarkovDeviance):
        N, M = deviance.adjustment_terms(point)
        N, M = N[observed.free], M[np.ix_(observed.free, observed.free)]
    else:
        units = [
            structure.tangent(point.theta[span])
            for structure, span in zip(deviance.structures, deviance.spans, strict=True)
        ]
        N, M = fixed_effects_terms(point.factored, point.whitened, units)
    m = len(N)
    N, M = with_scale(N, M)
    if observed is not None:
        W = observed.covariance.copy()
        W[m] *= 2.0  # from log sigma to sigma^2, which is the direction V
        W[:, m] *= 2.0
    else:
        K = trace_terms(point.factored, point.scores, units, deviance.A.n_obs)
        if deviance.A.sigma is None:
            W = expected_covariance(N, M, K)
        else:
            W = np.zeros((m + 1, m + 1))
            W[:m, :m] = expected_covariance(N[:m], M[:m, :m], K[:m, :m])
    adjustment = np.einsum("ij,ijab->ab", W[:m, :m], M[:m, :m])
    adjustment -= np.einsum("ij,iab,jbc->ac", W[:m, :m], N[:m], N[:m])
    return N, W, (adjustment + adjustment.T) / 2 if p else adjustment


def expected_covariance(N, M, K):
    """Inverse of the expected information in the directions, (m + 1, m + 1).

    What the fixed effects leave nothing of, next to K, counts as known.
    """
    M_trace = np.einsum("ijaa->ij", M)
    both = K - 2.0 * M_trace + np.einsum("iab,jba->ij", N, N)
    scale = np.sqrt(np.abs(np.diag(K)))
    scale[scale == 0] = 1.0
    W = 2.0 * np.linalg.pinv(both / np.outer(scale, scale), rcond=1e-10)
    return W / np.outer(scale, scale)


def fixed_effects_terms(factored, whitened, units):
    """N_i and M_ij of every pair of directions.

    Parameters
    ----------
    factored : Factored
    whitened : list of ndarray of shape (k_j, p, G_j)
    units : list of ndarray of shape (m_j, k_j, k_j)

    Returns
    -------
    N : ndarray of shape (m, p, p)
    M : ndarray of shape (m, m, p, p)
    """
    p = whitened[0].shape[1]
    moved, N = [], []
    for j, (W, S_j) in enumerate(zip(whitened, units, strict=True)):
        for S in S_j:
            SW = [np.zeros_like(block) for block in whitened]
            SW[j] = np.einsum("ab,bpg->apg", S, W)
            moved.append(SW)
            N.append(np.einsum("apg,aqg->pq", W, SW[j], optimize=True))
    m = len(N)
    M = np.empty((m, m, p, p))
    for j in range(m):
        applied = factored.apply(moved[j])
        for i in range(m):
            M[i, j] = sum(
                np.einsum("apg,aqg->pq", one, other, optimize=True)
                for one, other in zip(moved[i], applied, strict=True)
            )
    return np.reshape(N, (m, p, p)), M


def with_scale(N, M):
    """Put the direction V itself behind the others, for which N is the identity."""
    m, p = N.shape[:2]
    N = np.concatenate([N, np.eye(p)[None]])
    both = np.empty((m + 1, m + 1, p, p))
    both[:m, :m], both[m, :], both[:, m] = M, N, N
    return N, both


def trace_terms(factored, f, units, n_obs):
    """``tr(V^-1 V_i V^-1 V_j)`` of every pair of directions, the direction V last.

    Parameters
    ----------
    factored : Factored
    f : list of ndarray of shape (k_j, G_j)
    units : list of ndarray of shape (m_j, k_j, k_j)
    n_obs : int

    Returns
    -------
    ndarray of shape (m + 1, m + 1)
    """
    ends = np.cumsum([0, *(len(S) for S in units)])
    m = ends[-1]
    K = np.empty((m + 1, m + 1))
    PP, _, _ = factored.kronecker_sums(f, None)
    for (one, other), tensor in PP.items():
        # sum_gh P_gh[a, b] P_gh[c, d] S_i[a, c] S_j[b, d]
        K[ends[one] : ends[one + 1], ends[other] : ends[other + 1]] = np.einsum(
            "iac,abcd,jbd->ij", units[one], tensor, units[other], optimize=True
        )
    for j, (trace, S_j) in enumerate(zip(factored.traces, units, strict=True)):
        K[m, ends[j] : ends[j + 1]] = np.einsum("iab,ab->i", S_j, trace)
    K[:m, m] = K[m, :m]
    K[m, m] = n_obs
    return K


def refusal(result):
    """Say why a fit is not for Kenward and Roger's method.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    str
        Empty where nothing stands in the way.
    """
    if not result.reml:
        return (
            "ddf='kenward-roger' adjusts the REML covariance of the fixed effects, and "
            "this is a fit by maximum likelihood. Fit with reml=True, or use "
            "ddf='satterthwaite'."
        )
    if result.held_from is not None:
        return (
            "ddf='kenward-roger' needs the information that the fitted rows hold on "
            "the variances, and those of an adapted model are held. Use "
            "ddf='satterthwaite', which takes the uncertainty of the fit they are of."
        )
    sizes = [factor.size for factor in result.A.factors]
    if len(sizes) > 1 and sum(sizes) > MOST_EFFECTS:
        return (
            f"ddf='kenward-roger' holds Z'V^-1Z of {sum(sizes)} random effects of "
            f"several factors densely, {3 * 8 * sum(sizes) ** 2 / 1e9:.1f} GB; it is "
            f"done up to {MOST_EFFECTS}. With that many groups the adjustment is "
            "negligible: use ddf='satterthwaite'."
        )
    numbers = sum(sizes) * len(result.coef) * (result.n_theta + 3)
    if numbers > LARGEST:
        return (
            f"ddf='kenward-roger' would need {8 * numbers / 1e9:.1f} GB; use "
            "ddf='satterthwaite'."
        )
    return ""
