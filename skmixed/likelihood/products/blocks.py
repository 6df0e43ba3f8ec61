"""Rows in independent blocks: what a marginal likelihood needs of the data.

Where residuals covary and random effects, a nugget or irregular times stand beside,
nothing shorter than the rows tells the likelihood. They are put in blocks that are
independent of one another, the blocks of like size padded to one and computed together.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from skmixed.likelihood.covariance.structure import OnlyFields
from skmixed.likelihood.products.basis import Basis
from skmixed.likelihood.products.rows import Factor

# Blocks are padded to sizes that grow by this.
GROWTH = 1.25
# Entries of V that are padded rather than to compute another batch for them.
WORTH_A_BATCH = 20_000
# Entries of V of the blocks that are computed together.
LARGEST_BATCH = 400_000
# Rows of a block at the most: its V is held densely.
MOST_ROWS = 500
# Whole distances up to this are looked up.
LARGEST_TABLE = 1000


@dataclass(frozen=True, eq=False)
class BlockBatch(OnlyFields):
    """U blocks of up to n rows, padded with zeros.

    Parameters
    ----------
    rows : ndarray of shape (U, n, m)
        [X y] in the basis, times the root of the weights.
    seen : ndarray of bool of shape (U, n)
        What is no padding.
    z : tuple of ndarray of shape (U, n, k_j)
        Effects' columns in the basis, times the root of the weights.
    codes : tuple of ndarray of int of shape (U, n)
        Levels of the grouping factors.
    subject, visit, level : ndarray of int of shape (U, n)
        Where the rows stand in the residual covariance.
    time : ndarray of shape (U, n)
    w : ndarray of shape (U, n, r)
        Columns of the dispersion.
    count : ndarray of shape (U, 1, 1) or float, default=1.0
        How many blocks each stands for: ``rows`` are then (U, n, c m), [X y] of c
        pseudo-blocks side by side.
    """

    rows: np.ndarray
    seen: np.ndarray
    z: tuple[np.ndarray, ...]
    codes: tuple[np.ndarray, ...]
    subject: np.ndarray
    visit: np.ndarray
    level: np.ndarray
    time: np.ndarray
    w: np.ndarray
    count: np.ndarray | float = 1.0

    def with_rows(self, rows):
        """The same blocks with another [X y], which keep what is known of them."""
        other = replace(self, rows=rows)
        own = {field.name for field in fields(self)}
        known = {name: part for name, part in vars(self).items() if name not in own}
        vars(other).update(known)
        return other

    @cached_property
    def same(self):
        """One where a row meets itself, of shape (n, n)."""
        return np.eye(self.seen.shape[1])

    @cached_property
    def padding(self):
        """What makes V of padding the identity, of shape (U, n), or None."""
        return None if self.seen.all() else 1.0 * ~self.seen

    @cached_property
    def lag(self):
        """Distances in time, of shape (U, n, n)."""
        return np.abs(self.time[:, :, None] - self.time[:, None])

    @cached_property
    def whole_lag(self):
        """The distances as whole numbers that are not large, or None."""
        whole = np.rint(self.lag)
        if whole.max() > LARGEST_TABLE or (whole != self.lag).any():
            return None
        return whole.astype(np.intp)

    def over_lags(self, function):
        """Values of a function of distances, arrays of shape (..., U, n, n)."""
        if self.whole_lag is None:
            return function(self.lag)
        table = function(np.arange(1.0 + self.whole_lag.max()))
        return [np.take(values, self.whole_lag, axis=-1) for values in table]

    @cached_property
    def meets(self):
        """Where two rows are of one level, for every factor; None: everywhere."""
        return [meet(codes, self.seen) for codes in self.codes]

    @cached_property
    def in_subject(self):
        """Where two rows are of one subject, of shape (U, n, n)."""
        both = self.seen[:, :, None] & self.seen[:, None]
        return both & (self.subject[:, :, None] == self.subject[:, None])

    @cached_property
    def cells(self):
        """Places of pairs of rows among (level, visit, visit): level, row, column."""
        level = np.broadcast_to(self.level[:, :, None], self.in_subject.shape)
        row = np.broadcast_to(self.visit[:, :, None], self.in_subject.shape)
        return level, row, row.transpose(0, 2, 1)

    def within(self, V, place):
        """Keep the entries of V between rows of one level of a factor."""
        meets = self.meets[place]
        return V if meets is None else V * meets

    @cached_property
    def is_subject(self):
        """Whether all rows of every block are of one subject, without padding."""
        return bool(self.in_subject.all())

    def of_subjects(self, V):
        """Keep the entries of V between rows of one subject."""
        return V if self.is_subject else V * self.in_subject

    def at_level(self, level, n_levels):
        """One where rows are of a level of ``by``, of shape (U, n, 1)."""
        return 1.0 if n_levels == 1 else 1.0 * (self.level == level)[:, :, None]

    def over_visits(self, Psi):
        """Entries of covariances over visits, (..., levels, k, k), for pairs."""
        return Psi[(..., *self.cells)]

    def to_visits(self, G, n_levels, n_visits):
        """Add up over pairs of rows what is of two visits, (levels, k, k)."""
        level, row, column = self.cells
        level = level if n_levels > 1 else 0
        place = (level * n_visits + row) * n_visits + column
        size = n_levels * n_visits**2
        added = np.bincount(place.ravel(), weights=G.ravel(), minlength=size)
        return added.reshape(n_levels, n_visits, n_visits)

    def transposed_z(self, place, n_levels):
        """Z' of the rows, levels major and effects minor, (n_levels k, U n)."""
        z, codes = self.z[place], np.where(self.seen, self.codes[place], 0)
        k, n = z.shape[2], z.shape[0] * z.shape[1]
        index = codes.reshape(-1, 1) * k + np.arange(k)
        indptr = np.arange(0, n * k + 1, k)
        shape = (n_levels * k, n)
        return sparse.csc_array((z.ravel(), index.ravel(), indptr), shape=shape)


def meet(codes, seen):
    """Where two rows are of one level; None where all rows of every block are."""
    first = codes[:, :1]
    if (np.where(seen, codes, first) == first).all():
        return None
    both = seen[:, :, None] & seen[:, None]
    return both & (codes[:, :, None] == codes[:, None])


@dataclass(frozen=True, eq=False)
class BlockProducts:
    """What the marginal likelihood of blocks of rows needs of the data.

    Parameters
    ----------
    factors : tuple of Factor
        Of the random effects.
    batches : tuple of BlockBatch
    basis : Basis
        Of the rows.
    n_obs, n_fixed, n_subjects : int
    structures : tuple of Structure
        Of the residuals: one, or one per level of ``by``.
    visits : tuple of str
        Their names; empty where covariances go by distances in time.
    sigma : None
        The residual variance is estimated.
    """

    factors: tuple[Factor, ...]
    batches: tuple[BlockBatch, ...]
    basis: Basis
    n_obs: int
    n_fixed: int
    n_subjects: int
    structures: tuple
    visits: tuple
    sigma: None = None

    def combined(self, B):
        """Blocks with ``[X y] B`` in the place of [X y], B of shape (p + 1, c)."""
        batches = tuple(batch.with_rows(batch.rows @ B) for batch in self.batches)
        return replace(self, batches=batches, n_fixed=B.shape[1] - 1)

    @property
    def beside(self):
        """Structures of the random effects."""
        return tuple(factor.structure for factor in self.factors)

    def visits_met(self, n_visits):
        """Pairs of rows of one subject at two visits, of shape (k, k)."""
        met = np.zeros((n_visits, n_visits))
        for batch in self.batches:
            met += batch.to_visits(1.0 * batch.in_subject, 1, n_visits)[0]
        return met


def find_blocks(columns):
    """Blocks of rows that share no level of any grouping with others.

    Parameters
    ----------
    columns : sequence of ndarray of int of shape (n,)
        Groupings of the rows; none: every row stands alone.

    Returns
    -------
    ndarray of int of shape (n,)
    """
    n = len(columns[0])
    offsets = np.cumsum([n, *(int(codes.max()) + 1 for codes in columns)])
    rows = np.tile(np.arange(n), len(columns))
    nodes = np.concatenate(
        [codes + start for codes, start in zip(columns, offsets, strict=False)]
    )
    size = int(offsets[-1])
    graph = sparse.coo_array((np.ones(len(rows)), (rows, nodes)), shape=(size, size))
    return sparse.csgraph.connected_components(graph, directed=False)[1][:n]


def batch_rows(columns, block, order_by):
    """Lay rows out in batches of blocks of like size.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n, ...), or tuple of these
        Fields of :class:`BlockBatch`.
    block : ndarray of int of shape (n,)
    order_by : tuple of ndarray of shape (n,)
        Keys of the order within blocks, the last one first.

    Returns
    -------
    tuple of BlockBatch
    """
    size = np.bincount(block)
    order = np.lexsort((*order_by, block))
    starts = np.cumsum(size) - size
    padded = padded_sizes(size)
    batches = []
    for n in np.unique(padded[size > 0]):
        members = np.flatnonzero((padded == n) & (size > 0))
        step = max(1, int(LARGEST_BATCH // n**2))
        for first in range(0, len(members), step):
            own = members[first : first + step]
            place = np.arange(n)
            seen = place < size[own][:, None]
            at = order[np.minimum(starts[own][:, None] + place, len(block) - 1)]
            batches.append(BlockBatch(seen=seen, **laid_out(columns, at, seen)))
    return tuple(batches)


def padded_sizes(size):
    """Size that every block is padded to: few, and little padding.

    Parameters
    ----------
    size : ndarray of int

    Returns
    -------
    ndarray of int
    """
    padded = np.minimum(sizes_up(int(size.max()))[size], size.max())
    sizes, count = np.unique(padded[size > 0], return_counts=True)
    into = sizes[-1]
    for n, blocks in zip(sizes[-2::-1], count[-2::-1], strict=True):
        if blocks * (into**2 - n**2) < WORTH_A_BATCH:
            padded[padded == n] = into
        else:
            into = n
    return padded


def sizes_up(largest):
    """Size that every block of 0 to ``largest`` rows is padded to."""
    edges = [1]
    while edges[-1] < largest:
        edges.append(max(edges[-1] + 1, int(edges[-1] * GROWTH)))
    return np.array(edges)[np.searchsorted(edges, np.arange(largest + 1))]


def laid_out(columns, at, seen):
    """Columns at the places of the rows, zero in the padding."""

    def lay(column):
        values = column[at]
        values[~seen] = 0
        return values

    return {
        name: tuple(map(lay, value)) if isinstance(value, tuple) else lay(value)
        for name, value in columns.items()
    }


def one_block(n, residual=None, w=None):
    """All of some rows as one block, without [X y] and random effects.

    Parameters
    ----------
    n : int
    residual : ResidualRows, optional
        Where they stand.
    w : ndarray of shape (n, r), optional
        Columns of the dispersion.

    Returns
    -------
    BlockBatch
    """
    none = np.zeros(n, dtype=int)
    return BlockBatch(
        rows=np.zeros((1, n, 0)),
        seen=np.ones((1, n), dtype=bool),
        z=(),
        codes=(),
        subject=(np.arange(n) if residual is None else residual.subject)[None],
        visit=(none if residual is None else residual.visit)[None],
        level=(none if residual is None else residual.level)[None],
        time=(np.zeros(n) if residual is None else residual.time)[None],
        w=(np.zeros((n, 0)) if w is None else w)[None],
    )
