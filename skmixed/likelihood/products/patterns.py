"""Cross-products by pattern of visits: what a residual covariance needs of the data.

Subjects with the same visits share one covariance, so that of the rows [X y] of all
of them only the products of every two (visit, column) pairs matter. A root of the
matrix of these products is as many *pseudo-subjects* as its rank, which are treated
like subjects. Columns that are constant within subjects or confined to a visit make it
small.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from skmixed.likelihood.covariance.structure import OnlyFields
from skmixed.likelihood.products.rows import Factor

# Eigenvalues below this, relative to the largest, are rounding.
ROUNDING = 1e-13
# Smallest eigenvalue of a correlation matrix that a search starts from.
FLOOR = 0.05
# Correlations of a start are within this.
LARGEST_START = 0.98


@dataclass(frozen=True, eq=False)
class Batch(OnlyFields):
    """Subjects that share a covariance, by their patterns of visits.

    Parameters
    ----------
    rows : ndarray of shape (k, m, s)
        [X y] of s pseudo-subjects, zero at visits that are not in their pattern.
    pattern : ndarray of int of shape (s,)
        Ascending.
    seen : ndarray of bool of shape (k, U)
    count : ndarray of shape (U,)
        Subjects of every pattern.
    """

    rows: np.ndarray
    pattern: np.ndarray
    seen: np.ndarray
    count: np.ndarray

    @cached_property
    def both_seen(self):
        """Whether two visits are in a pattern, of shape (U, k, k)."""
        seen = self.seen.T
        return seen[:, :, None] & seen[:, None]

    @cached_property
    def padding(self):
        """What makes V of visits not seen the identity, of shape (U, k), or None."""
        return None if self.seen.all() else 1.0 * ~self.seen.T

    @cached_property
    def own(self):
        """Where the pseudo-subjects of every pattern stand, a list of slices."""
        ends = np.searchsorted(self.pattern, np.arange(1 + len(self.count)))
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    @cached_property
    def own_rows(self):
        """``rows`` of every pattern, of shape (k, m s_u)."""
        k = len(self.rows)
        return [self.rows[:, :, own].reshape(k, -1) for own in self.own]

    @classmethod
    def of(cls, cube, seen):
        """Reduce subjects to pseudo-subjects.

        Parameters
        ----------
        cube : ndarray of shape (G, k, m)
            [X y] of all subjects at all visits, zero where not seen.
        seen : ndarray of bool of shape (G, k)

        Returns
        -------
        Batch
        """
        _, first, pattern, count = np.unique(
            pattern_keys(seen),
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        order = np.argsort(pattern, kind="stable")
        rows, labels = [], []
        for u, end in enumerate(np.cumsum(count)):
            members = order[end - count[u] : end]
            at = np.flatnonzero(seen[members[0]])
            block = pseudo_subjects(cube[members[:, None], at])
            full = np.zeros((len(block), *cube.shape[1:]))
            full[:, at] = block
            rows.append(full)
            labels.append(np.full(len(block), u))
        stacked = np.ascontiguousarray(np.concatenate(rows).transpose(1, 2, 0))
        visits = np.ascontiguousarray(seen[first].T)
        return cls(stacked, np.concatenate(labels), visits, count.astype(float))


@dataclass(frozen=True, eq=False)
class PatternProducts:
    """What the likelihood of a residual covariance needs of the data.

    Parameters
    ----------
    factors : tuple of Factor
        For every covariance its visits as effects, in a :class:`Structure`.
    batches : tuple of Batch
        The subjects of each.
    n_obs, n_fixed : int
    n_subjects : int
    sigma : None
        The residual variance is estimated.
    """

    factors: tuple[Factor, ...]
    batches: tuple[Batch, ...]
    n_obs: int
    n_fixed: int
    n_subjects: int
    sigma: None = None

    beside = ()

    def combined(self, B):
        """Products of combinations of the columns: ``[X y] B`` in the place of [X y].

        Parameters
        ----------
        B : ndarray of shape (p + 1, c)

        Returns
        -------
        PatternProducts
        """
        batches = tuple(
            replace(b, rows=np.einsum("kms,mc->kcs", b.rows, B)) for b in self.batches
        )
        return replace(self, batches=batches, n_fixed=B.shape[1] - 1)

    @property
    def structures(self):
        """Structure of every covariance."""
        return tuple(factor.structure for factor in self.factors)

    @property
    def visits(self):
        """Names of the visits."""
        return self.factors[0].effects

    def visits_met(self, n_visits):
        """Subjects that have both of two visits, of shape (k, k)."""
        return sum((b.seen * b.count) @ b.seen.T for b in self.batches)


def subject_cubes(rows, layout, n_visits, n_levels):
    """Rows as arrays of subjects by visits.

    Parameters
    ----------
    rows : ndarray of shape (n, m)
    layout : ResidualRows
    n_visits, n_levels : int

    Returns
    -------
    list of tuple (cube, seen)
        For every covariance, of shapes (G, k, m) and (G, k).
    """
    m = rows.shape[1]
    G = int(layout.subject.max()) + 1
    cells = layout.subject.astype(np.int64) * n_visits + layout.visit
    cube, seen = np.zeros((G * n_visits, m)), np.zeros(G * n_visits, dtype=bool)
    cube[cells], seen[cells] = rows, True
    cube, seen = cube.reshape(G, n_visits, m), seen.reshape(G, n_visits)
    if n_levels == 1:
        return [(cube, seen)]
    own = np.zeros(G, dtype=int)
    own[layout.subject] = layout.level
    return [(cube[own == b], seen[own == b]) for b in range(n_levels)]


def pattern_keys(seen):
    """A number for every subject, equal for those with the same visits.

    Parameters
    ----------
    seen : ndarray of bool of shape (G, k)
        With at most 63 visits.

    Returns
    -------
    ndarray of int of shape (G,)
    """
    keys = np.zeros(len(seen), dtype=np.int64)
    for visit, column in enumerate(seen.T):
        keys |= column.astype(np.int64) << visit
    return keys


def pseudo_subjects(block):
    """A few subjects with the same products of all (visit, column) pairs.

    Parameters
    ----------
    block : ndarray of shape (n, k, m)
        Subjects of one pattern.

    Returns
    -------
    ndarray of shape (r, k, m)
        The block itself where it is no longer.
    """
    n, k, m = block.shape
    if n <= m:
        return block
    wide = block.reshape(n, k * m)
    lengths = np.sqrt(np.einsum("ij,ij->j", wide, wide))
    own = np.flatnonzero(lengths > 0)
    # columns that repeat one another, such as a baseline value at every visit, count
    # once: equal columns have equal products with a random vector
    probe = np.random.default_rng(0).standard_normal((2, n)) @ wide
    probe = probe[:, own] / lengths[own]
    flip = np.where(probe[0] < 0, -1.0, 1.0)
    _, kept, copy = np.unique(
        np.round(probe * flip, 10), axis=1, return_index=True, return_inverse=True
    )
    copy = copy.ravel()
    distinct, scale = wide[:, own[kept]], lengths[own[kept]]
    values, vectors = np.linalg.eigh(distinct.T @ distinct / np.outer(scale, scale))
    large = values > ROUNDING * values[-1]
    if np.count_nonzero(large) >= n:
        return block
    root = (vectors[:, large] * np.sqrt(values[large])).T
    out = np.zeros((len(root), k * m))
    out[:, own] = root[:, copy] * (lengths[own] * flip * flip[kept][copy])
    return out.reshape(-1, k, m)


def moment_matrix(r, seen):
    """Mean products of residuals over the subjects that have both visits.

    Parameters
    ----------
    r : ndarray of shape (G, k)
        Least-squares residuals, zero where not seen.
    seen : ndarray of bool of shape (G, k)

    Returns
    -------
    ndarray of shape (k, k)
        Positive definite: unknown correlations are the mean of the others, and
        eigenvalues are floored.
    """
    both = seen.T.astype(float) @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        C = np.where(both > 1, (r.T @ r) / both, np.nan)
    variances = np.diag(C).copy()
    typical = np.nanmean(variances) if np.isfinite(variances).any() else 1.0
    variances[~(variances > 1e-6 * typical)] = typical
    sd = np.sqrt(variances)
    R = np.clip(C / np.outer(sd, sd), -LARGEST_START, LARGEST_START)
    np.fill_diagonal(R, np.nan)
    R = np.where(np.isnan(R), np.nanmean(R) if np.isfinite(R).any() else 0.0, R)
    np.fill_diagonal(R, 1.0)
    values, vectors = np.linalg.eigh(R)
    R = (vectors * np.maximum(values, FLOOR)) @ vectors.T
    root = np.sqrt(np.diag(R))
    return R / np.outer(root, root) * np.outer(sd, sd)
