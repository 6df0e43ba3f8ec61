"""Starts in other basins than the first optimum's, and what each of them promises."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.linalg import lapack, toeplitz

from skmixed.likelihood.elimination.dense import DENSE_EFFECTS
from skmixed.likelihood.search.scan import scan

# Variances of scale-free effects, relative to the residual's, that a profile is read
# at: between two of them the deviance of one variance has no room for two optima.
PROFILE = 8.0 ** np.arange(-3, 12)
# Variances about one of these that a finer profile is read at, relative to it.
AROUND = 8.0 ** np.linspace(-1.0, 1.0, 13)
# The same for several covariance parameters, all of one size or one block alone.
SIZES = 4.0 ** np.arange(-3, 11, 2)
ALONE = ((100.0, 0.1), (1e4, 0.1), (0.01, 30.0))
# Correlations of neighbours, of further starts of structured covariances.
CORRELATIONS = (-0.5, 0.5, 0.9)
# Effects that are tried large or small alone.
MOST_ALONE = 8
# A scan of more numbers than this costs more than it may.
LARGEST_SCAN = 20_000
# Variance of scale-free effects that leaves fixed effects to compare within groups.
# Where they vary little there, or have random slopes, a larger one leaves less.
WITHIN = 256.0
# One that leaves nothing else, for groups that are farther apart still: asked in small
# designs, and where the optimum has a variance as large as NEARBY, beside which the
# first one is none.
APART, NEARBY = 65536.0, 16.0
# Share of its squared length that a column which is constant within groups has there.
CONSTANT = 1e-10
# A variance that a search of a small design starts from besides.
LARGE = 1e3
# Variances of the candidate of :func:`unshrunk_theta` are at least this.
FLOOR = 1e-3


def can_scan(deviance, n_thetas):
    """Whether many thetas cost little more than one."""
    factors = deviance.A.factors
    return len(factors) == 1 and n_thetas * factors[0].size <= LARGEST_SCAN


def isotropic(deviance, variance):
    """Theta of scale-free effects that all have one variance and no correlation."""
    return even(deviance.structures, variance)


def even(structures, variance):
    """Join the thetas of one variance for some factors' structures."""
    return np.concatenate(
        [s.nearest(variance * np.eye(s.n_effects)) for s in structures]
    )


@lru_cache(maxsize=32)
def correlated(structures):
    """Thetas with correlations, and thetas with one effect large or small alone.

    For structured covariances, whose correlations make optima of their own.

    Parameters
    ----------
    structures : tuple of Structure

    Returns
    -------
    ndarray of shape (T, m)
    """
    thetas = np.array(list(correlations_and_sizes(structures)))
    thetas.flags.writeable = False
    return thetas


def correlations_and_sizes(structures):
    """Yield the thetas of :func:`correlated`."""
    for rho in CORRELATIONS:
        for variance in (0.25, 2.0):
            yield np.concatenate(
                [
                    s.nearest(variance * rho ** toeplitz(np.arange(s.n_effects)), FLOOR)
                    for s in structures
                ]
            )
    for j, structure in enumerate(structures):
        for effect in range(min(structure.n_effects, MOST_ALONE)):
            for alone, others in ((4.0, 0.1), (0.01, 2.0)):
                Psi = [others * np.eye(s.n_effects) for s in structures]
                Psi[j][effect, effect] = alone
                yield np.concatenate(
                    [s.nearest(P) for s, P in zip(structures, Psi, strict=True)]
                )


@lru_cache(maxsize=32)
def scanned_thetas(structure):
    """Thetas of one factor that are scanned, first WITHIN's and APART's; (T, m)."""
    thetas = [even([structure], variance) for variance in (WITHIN, APART, *SIZES)]
    thetas = np.array([*thetas, *uneven([structure])])
    thetas.flags.writeable = False
    return thetas


def uneven(structures):
    """Thetas with one block of effects large or small alone.

    Parameters
    ----------
    structures : list of Structure
        One per factor.

    Yields
    ------
    ndarray of shape (m,)
    """
    places = [
        (j, block)
        for j, structure in enumerate(structures)
        for block in structure.blocks
    ]
    for one in places if len(places) > 1 else ():
        for alone, others in ALONE:
            Psi = [others * np.eye(t.n_effects) for t in structures]
            j, block = one
            Psi[j][block, block] *= alone / others
            yield np.concatenate(
                [
                    structure.nearest(matrix)
                    for structure, matrix in zip(structures, Psi, strict=True)
                ]
            )


def basins(deviance, start):
    """Read the profile of a single variance: one start for each of its valleys.

    Parameters
    ----------
    deviance : ProfiledDeviance
        With one parameter and a design that is small enough to scan.
    start : ndarray of shape (1,)

    Returns
    -------
    list of tuple (promised, theta)
        The best first. ``promised``: a deviance that the valley's floor is not below.
    """
    variances = np.sort(np.append(PROFILE, start**2))
    values, _ = scan(deviance, np.sqrt(variances)[:, None])
    found = []
    for i in np.flatnonzero(valleys(values)):
        around = values[max(i - 1, 0) : i + 2]
        depth = np.ptp(around[np.isfinite(around)])
        found.append((values[i], depth, np.sqrt(variances[i : i + 1])))
    found.sort(key=lambda valley: valley[0])
    return [(value - depth, theta) for value, depth, theta in found]


def near_floor(deviance, theta):
    """Lowest of a finer profile about a theta: steps from afar may leave its valley."""
    thetas = theta * np.sqrt(AROUND)[:, None]
    values, _ = scan(deviance, thetas)
    return thetas[np.argmin(values)]


def valleys(values):
    """Where none of the two neighbours is lower."""
    padded = np.concatenate([[np.inf], values, [np.inf]])
    lower = [a <= b for a, b in pairwise(padded)]
    return np.isfinite(values) & ~np.array(lower[:-1]) & np.array(lower[1:])


def look_afar(deviance):
    """Read what a scan tells, or some evaluations at large variances.

    Parameters
    ----------
    deviance : ProfiledDeviance

    Returns
    -------
    scanned : list of tuple (value, theta)
        Empty where a scan would cost too much; the best first.
    afar : dict of float to ndarray of shape (p + 1, p + 1)
        ``[X y]'V^-1[X y]`` by the variance of all effects, or None where it is not to
        be had; empty where it tells nothing.
    """
    if len(deviance.structures) == 1:
        thetas = scanned_thetas(deviance.structures[0])
        if can_scan(deviance, len(thetas)):
            values, S = scan(deviance, thetas)
            order = np.argsort(values)
            found = [(values[i], thetas[i]) for i in order]
            return found, {WITHIN: S[0], APART: S[1]}
    if not varies_within(deviance.A):
        return [], {}
    asked = (WITHIN, APART) if is_small(deviance) else (WITHIN,)
    return [], {variance: squares_at(deviance, variance) for variance in asked}


def is_small(deviance):
    """Whether a few evaluations and descents more cost little."""
    return sum(factor.size for factor in deviance.A.factors) <= DENSE_EFFECTS


def squares_at(deviance, variance):
    """``[X y]'V^-1[X y]`` for one variance of all effects; None if not to be had."""
    Lambdas = deviance.relative_factors(isotropic(deviance, variance))
    try:
        return deviance.elimination.factor(Lambdas).rough_S
    except np.linalg.LinAlgError:
        return None


def varies_within(A):
    """Whether any fixed-effects column may vary within the levels of some factor."""
    p = A.n_fixed
    total = np.diag(A.gram)[:p]
    for ZtZ, ZtXy in zip(A.ZtZ, A.ZtXy, strict=True):
        if len(ZtZ) > 1:
            return p > 0
        explained = (ZtXy[0, :p] ** 2 / np.where(ZtZ[0, 0] > 0, ZtZ[0, 0], 1.0)).sum(1)
        if (total - explained > CONSTANT * total).any():
            return True
    return False


def within_starts(deviance, optimum, afar):
    """Starts from what the rows tell within groups, where that disagrees.

    Parameters
    ----------
    deviance : ProfiledDeviance
    optimum : Optimum
    afar : dict of float to ndarray of shape (p + 1, p + 1)
        As :func:`look_afar` returns.

    Returns
    -------
    list of ndarray of shape (m,)
        Empty where the fixed effects within groups are those of the optimum.

    Notes
    -----
    Where slopes differ within and between groups (Simpson's paradox), one optimum has
    the slope between them and small variances, another the slope within and large ones.
    Large variances leave beta to the rows within groups. Two optima can only be as far
    apart as their betas: the difference is weighed with the information within groups,
    as in Hausman (1978), Econometrica 46(6).
    """
    if not (deviance.A.n_fixed and afar):
        return []
    optimal = deviance.at(optimum.theta)
    largest = max(np.abs(Lambda).max() for Lambda in optimal.Lambdas) ** 2
    if largest > NEARBY and APART not in afar:
        afar[APART] = squares_at(deviance, APART)
    far = [v for v, S in afar.items() if disagreement(deviance, optimal.beta, S) >= 1]
    if not far:
        return []
    point = deviance.at(isotropic(deviance, far[0]))
    starts = [] if point.factored is None else [unshrunk_theta(deviance, point)]
    if is_small(deviance):
        starts += [isotropic(deviance, LARGE), *large_alone(deviance)]
    return starts


def disagreement(deviance, beta, S):
    """How far fixed effects are from those within groups; 1 is too far for one basin.

    Parameters
    ----------
    deviance : ProfiledDeviance
    beta : ndarray of shape (p,)
    S : ndarray of shape (p + 1, p + 1) or None
        ``[X y]'V^-1[X y]`` for large random effects.

    Returns
    -------
    float
        Zero where S tells nothing.
    """
    if S is None:
        return 0.0
    p = len(beta)
    R, info = lapack.dpotrf(S, lower=1, clean=1)
    if info:
        return 0.0
    # R_X'(beta_within - beta)
    moved = R[p, :p] - R[:p, :p].T @ beta
    sigma2 = within_variance(deviance, R[p, p] ** 2)
    return float(moved @ moved / (p + 3.0 * np.sqrt(2.0 * p)) / sigma2)


def unshrunk_theta(deviance, point):
    """Theta from the modes of large variances.

    Parameters
    ----------
    deviance : ProfiledDeviance
    point : ProfiledPoint
        At one large variance of all effects.

    Returns
    -------
    ndarray of shape (m,)
    """
    A, sigma2, thetas = deviance.A, within_variance(deviance, point.r2), []
    for f, L, ZtZ, structure in zip(
        point.scores, point.Lambdas, A.ZtZ, deviance.structures, strict=True
    ):
        large = L @ L.T
        b = large @ f
        noise = np.linalg.inv(np.moveaxis(ZtZ, 2, 0) + np.linalg.pinv(large))
        Psi = (b @ b.T) / sigma2 / b.shape[1] - noise.mean(axis=0)
        thetas.append(structure.nearest(Psi, FLOOR))
    return np.concatenate(thetas)


def within_variance(deviance, r2):
    """Residual variance by the residual sum of squares of large random effects."""
    if deviance.A.sigma is not None:
        return deviance.A.sigma**2
    size = sum(factor.size for factor in deviance.A.factors)
    nu = deviance.n_informative
    return r2 / max(nu - size, nu / 10)


def large_alone(deviance):
    """Thetas with the effects of one factor large and the others small."""
    structures = deviance.structures
    for one in range(len(structures)) if len(structures) > 1 else ():
        yield np.concatenate(
            [
                t.nearest((100.0 if j == one else 0.1) * np.eye(t.n_effects))
                for j, t in enumerate(structures)
            ]
        )
