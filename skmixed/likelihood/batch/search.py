"""From starts to the best optima of many responses, boundary included."""

import numpy as np

from skmixed.likelihood.batch.newton import SAME, Descents, minimise
from skmixed.likelihood.batch.spectral import PROFILE
from skmixed.likelihood.elimination.dense import DENSE_EFFECTS
from skmixed.likelihood.search.boundary import SINGULAR, SLOPE, THIN
from skmixed.likelihood.search.optimize import ROUNDING, UNDETERMINED
from skmixed.likelihood.search.rivals import (
    APART,
    LARGE,
    WITHIN,
    even,
    scanned_thetas,
    uneven,
)
from skmixed.likelihood.search.search import FURTHER_VARIANCES

# Numbers of work space that a chunk of responses may take.
AT_ONCE = 2_000_000
# Numbers of evaluations times random effects of one response that a scan may take.
LARGEST_SCAN = 20_000


def in_chunks(criterion, rows, doubles, run):
    """Apply a function to parts of the rows that fit into the work space.

    Parameters
    ----------
    criterion : object
    rows : ndarray of int
    doubles : int
        Of one response.
    run : callable
        ``run(part)`` of a slice of `rows`.

    Returns
    -------
    list
    """
    size = max(1, AT_ONCE // max(doubles, 1))
    return [run(slice(i, i + size)) for i in range(0, len(rows), size)]


class Search:
    """Search the optima of many deviances.

    Parameters
    ----------
    criterion : ManyDeviances
    tol : float
    max_iter : int
    """

    def __init__(self, criterion, tol, max_iter):
        self.criterion, self.options = criterion, {"tol": tol, "max_iter": max_iter}
        structures = [own.structure for own in criterion.roots]
        factors = criterion.products.A.factors
        size = sum(factor.size for factor in factors)
        self.structures, self.small = structures, size <= DENSE_EFFECTS
        self.scans = (
            len(factors) == 1
            and len(scanned_thetas(structures[0])) * size <= LARGEST_SCAN
        )

    def descend(self, theta, rows, known=None, criterion=None):
        """Minimise from one start for each response."""
        criterion = self.criterion if criterion is None else criterion

        def run(part):
            near = known and tuple(array[part] for array in known)
            return minimise(
                criterion, theta[part], rows[part], known=near, **self.options
            )

        doubles = criterion.elimination.doubles
        return Descents.joined(in_chunks(criterion, rows, doubles, run))

    def evaluate(self, theta, rows, names):
        """Some of what the criterion says, at one theta or at one for each."""
        theta = np.broadcast_to(theta, (len(rows), self.criterion.n_theta))

        def run(part):
            at = self.criterion.evaluate(theta[part], rows[part])
            return [at[name] for name in names]

        parts = in_chunks(self.criterion, rows, self.criterion.elimination.doubles, run)
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def run(self, starts):
        """Search from one start for each response, and wherever else may be lower.

        Parameters
        ----------
        starts : ndarray of shape (r, m)

        Returns
        -------
        found : Descents
        doubtful : ndarray of bool of shape (r,)
            What these steps do not settle.
        """
        rows = np.arange(len(starts))
        found = self.descend(starts, rows)
        self.other_basins(found)
        thin = np.flatnonzero(self.thin(found.theta))
        if len(thin):
            self.leave_boundary(found, thin)
        return found, ~found.converged | self.unsettled(found)

    def thin(self, theta):
        """Which responses have a covariance near the boundary."""
        near = np.zeros(len(theta), dtype=bool)
        for own, span in zip(self.criterion.roots, self.criterion.spans, strict=True):
            near |= own.thin(theta[:, span])
        return near

    def try_starts(self, found, rows, thetas):
        """Descend from the same starts for some responses; keep what is lower."""
        thetas, r = list(thetas), len(rows)
        position = self.criterion.position(found.theta[rows], rows)
        every = np.tile(rows, len(thetas))
        known = np.tile(position, (len(thetas), 1)), found.value[every].copy()
        reached = self.descend(np.repeat(thetas, r, axis=0), every, known)
        for start in range(0, len(every), r):
            found.put(rows, reached[start : start + r])

    def other_basins(self, found):
        """Descend from where another basin promises a lower deviance.

        The rules are those of :mod:`skmixed.likelihood.search.rivals`.
        """
        rows = np.arange(len(found.value))
        if self.scans:
            thetas = scanned_thetas(self.structures[0])
            for theta in thetas[1:]:
                (value,) = self.evaluate(theta, rows, ["value"])
                lower = np.flatnonzero(value < found.value - SAME)
                if len(lower):
                    self.try_starts(found, lower, [theta])
        if not self.criterion.p:
            return
        beta = self.evaluate(found.theta, rows, ["beta"])[0]
        far = self.disagreement(beta, rows, WITHIN)
        if self.small:
            far = np.maximum(far, self.disagreement(beta, rows, APART))
        far = np.flatnonzero(far >= 1.0)
        if len(far):
            starts = [even(self.structures, v) for v in (LARGE, WITHIN, 4.0)]
            self.try_starts(found, far, starts + list(self.large_alone()))

    def large_alone(self):
        """Thetas with the effects of one factor large and the others small."""
        for one in range(len(self.structures) if len(self.structures) > 1 else 0):
            yield np.concatenate(
                [
                    s.nearest((100.0 if j == one else 0.1) * np.eye(s.n_effects))
                    for j, s in enumerate(self.structures)
                ]
            )

    def disagreement(self, beta, rows, variance):
        """How far fixed effects are from those within groups; 1 is too far.

        Parameters
        ----------
        beta : ndarray of shape (r, p)
        rows : ndarray of int of shape (r,)
        variance : float

        Returns
        -------
        ndarray of shape (r,)
        """
        names = ["beta", "r2", "RXi", "value"]
        theta = even(self.structures, variance)
        within, r2, RXi, value = self.evaluate(theta, rows, names)
        p, products = beta.shape[1], self.criterion.products
        away = (within - beta)[:, :, None]
        moved = np.matmul(np.linalg.inv(RXi).swapaxes(1, 2), away)
        nu = self.criterion.nu[rows]
        size = sum(factor.size for factor in products.A.factors)
        sigma2 = r2 / np.maximum(nu - size, nu / 10)
        far = (moved[:, :, 0] ** 2).sum(axis=1) / (p + 3.0 * np.sqrt(2.0 * p)) / sigma2
        return np.where(np.isfinite(value), far, 0.0)

    def leave_boundary(self, found, thin):
        """Search on for responses whose covariance is near the boundary.

        Parameters
        ----------
        found : Descents
        thin : ndarray of int
            Of the responses.
        """
        self.try_starts(found, thin, self.further_starts())
        roots, parts = [], []
        spans, criterion = self.criterion.spans, self.criterion
        for own, span in zip(criterion.roots, spans, strict=True):
            turned, theta = own.principal(found.theta[thin][:, span])
            roots.append(turned.spread(thin, len(found.value)))
            parts.append(theta)
        if any(own.n_effects > 1 for own in roots):
            turned = criterion.turned(roots)
            refined = self.descend(np.hstack(parts), thin, criterion=turned)
            back = [
                own[thin].canonical(refined.theta[:, span])
                for own, span in zip(roots, spans, strict=True)
            ]
            refined.theta = np.hstack(back)
            found.put(thin, refined, same=0.0)
        self.snap(found, thin)

    def further_starts(self):
        """Starts where a variance ended up zero: those of a single fit."""
        m, several = self.criterion.n_theta, len(self.structures) > 1
        variances = FURTHER_VARIANCES[:1]
        if self.small and m > 2:
            variances = FURTHER_VARIANCES
        yield from (even(self.structures, variance) for variance in variances)
        if self.small and (several or m > 1):
            yield from uneven(self.structures)

    def snap(self, found, thin):
        """Set directions that are zero but for rounding to exactly zero."""
        theta = np.hstack(
            [
                own.canonical(found.theta[thin][:, span], SINGULAR)
                for own, span in zip(
                    self.criterion.roots, self.criterion.spans, strict=True
                )
            ]
        )
        (value,) = self.evaluate(theta, thin, ["value"])
        old = found.value[thin]
        same = value <= old + ROUNDING * np.abs(value) + 1e-12
        found.theta[thin[same]] = theta[same]
        found.value[thin[same]] = np.minimum(value, old)[same]
        found.n_iter[thin] += 1

    def unsettled(self, found):
        """Responses whose deviance is flat, or falls off the boundary."""
        rows, criterion = np.arange(len(found.value)), self.criterion

        def run(part):
            at = criterion.look(found.theta[part], rows[part])
            values = np.linalg.eigvalsh(at["hessian"])
            largest = np.abs(values).max(axis=1)
            flat = np.abs(values).min(axis=1) < UNDETERMINED * largest
            return flat | self.falls(found.theta[part], at)

        parts = in_chunks(criterion, rows, criterion.elimination.doubles, run)
        return np.concatenate(parts)

    def falls(self, theta, at):
        """Whether the deviance falls where a covariance has no variance yet.

        With N the null directions of Lambda', a minimum needs N'GN to be positive
        semidefinite (Karush, Kuhn and Tucker).
        """
        found = np.zeros(len(theta), dtype=bool)
        for Lambda, G, scale, structure in zip(
            at["Lambdas"], at["G"], at["scale"], self.structures, strict=True
        ):
            for block in structure.free_blocks:
                U, values, _ = np.linalg.svd(Lambda[:, block, block])
                null = values < THIN * np.maximum(values[:, :1], THIN)
                N = U * null[:, None]
                slopes = N.swapaxes(1, 2) @ G[:, block, block] @ N
                found |= np.linalg.eigvalsh(slopes)[:, 0] < -SLOPE * scale
        return found


def search_spectral(criterion, tol, max_iter):
    """Optima of one variance each, by their profiles.

    Parameters
    ----------
    criterion : Spectral
    tol : float
    max_iter : int

    Returns
    -------
    Descents
    """
    rows = np.arange(len(criterion.rest))

    def run(part):
        return best_of_profile(criterion, rows[part], tol, max_iter)

    return Descents.joined(in_chunks(criterion, rows, criterion.doubles, run))


def best_of_profile(criterion, rows, tol, max_iter):
    """Descend into every valley of the profiles that may hold the lowest deviance."""
    values = criterion.profile(rows)
    _, slope, _ = criterion.slopes(np.zeros(len(rows)), rows)
    r = len(rows)
    zero = np.zeros((r, 1))
    found = Descents(
        zero, values[:, 0].copy(), np.zeros(r), np.ones(r, int), np.ones(r, bool)
    )
    padded = np.pad(values, ((0, 0), (0, 1)), constant_values=np.inf)
    valley = (values[:, 1:] <= padded[:, :-2]) & (values[:, 1:] < padded[:, 2:])
    # off zero, and not yet down at the first variance of the profile
    rising = (values[:, 1] > values[:, 0]) & (slope < 0)
    valley[:, 0] |= rising
    for rank in range(int(valley.sum(axis=1).max(initial=0))):
        some = np.flatnonzero(valley.sum(axis=1) > rank)
        at = np.argsort(~valley[some], axis=1, kind="stable")[:, rank]
        start = np.sqrt(PROFILE[at])[:, None]
        start[rising[some] & (at == 0)] *= 0.5
        below = minimise(criterion, start, rows[some], tol=tol, max_iter=max_iter)
        below.theta = np.abs(below.theta)
        found.put(some, below, same=0.0)
    return found
