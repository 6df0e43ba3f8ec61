"""The rows of the random terms, merged by grouping factor."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skmixed.likelihood.covariance.names import structure_of
from skmixed.likelihood.covariance.side_by_side import side_by_side
from skmixed.likelihood.covariance.structure import Structure, Term
from skmixed.likelihood.linalg.group_sums import coo_tocsr

# Rows that show most crossed factors to be so, before all are looked at.
SAMPLED_ROWS = 4096
# From this many rows on they are sorted by group: sums and look-ups stay in cache.
SORTED_FROM = 50_000


@dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor with all the random terms that vary over it.

    Parameters
    ----------
    group : str
    effects : tuple of str
        Of all its terms, side by side.
    n_levels : int
    structure : Structure
        Covariance of all its effects.
    """

    group: str
    effects: tuple[str, ...]
    n_levels: int
    structure: Structure

    @property
    def n_effects(self):
        """Effects per level."""
        return len(self.effects)

    @property
    def size(self):
        """Number of random effects: levels times effects."""
        return self.n_levels * self.n_effects


@dataclass(frozen=True)
class GroupedRows:
    """The random terms' rows, merged by grouping factor.

    Parameters
    ----------
    factors : tuple of Factor
    codes : tuple of ndarray of shape (n,)
    z : tuple of ndarray of shape (n, k_i)
    constants : tuple of list
        Per factor: ``(start, stop, basis, constant)`` of each term, its ``basis`` that
        of its structure and its ``constant`` what may centre it, or None.
    terms : tuple of Term
    """

    factors: tuple[Factor, ...]
    codes: tuple[np.ndarray, ...]
    z: tuple[np.ndarray, ...]
    constants: tuple[list, ...]
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, random):
        """Merge the terms that share a grouping factor.

        Parameters
        ----------
        random : sequence of RandomBlock

        Returns
        -------
        GroupedRows
        """
        groups = list(dict.fromkeys(block.group for block in random))
        members = [[b for b in random if b.group == group] for group in groups]
        terms, width = [], dict.fromkeys(groups, 0)
        for block in random:
            start = width[block.group]
            width[block.group] = stop = start + len(block.effects)
            factor = groups.index(block.group)
            structure = structure_of(
                block.covariance, block.options, block.effects, block.group
            )
            terms.append(Term(factor, tuple(range(start, stop)), structure))
        spans = [
            [(e[0], e[-1] + 1, structure) for f, e, structure in terms if f == factor]
            for factor in range(len(groups))
        ]
        return cls(
            factors=tuple(
                Factor(
                    group,
                    tuple(effect for block in blocks for effect in block.effects),
                    blocks[0].n_levels,
                    side_by_side([structure for _, _, structure in span]),
                )
                for group, blocks, span in zip(groups, members, spans, strict=True)
            ),
            codes=tuple(blocks[0].codes for blocks in members),
            z=tuple(
                blocks[0].z if len(blocks) == 1 else np.hstack([b.z for b in blocks])
                for blocks in members
            ),
            constants=tuple(map(centres, spans, members)),
            terms=tuple(terms),
        )


def centres(span, blocks):
    """What may centre each term of one factor: see :class:`GroupedRows`."""
    return [
        (start, stop, structure.basis, block.constant)
        for (start, stop, structure), block in zip(span, blocks, strict=True)
    ]


def without_offset(design):
    """Response of a design less its offset, of shape (n,)."""
    return design.y if design.offset is None else design.y - design.offset


def nesting(rows):
    """For every factor, the factors that its levels lie within.

    Parameters
    ----------
    rows : GroupedRows

    Returns
    -------
    list of dict of int to ndarray of int of shape (G_i,)
        By the coarser factor: its level for each of the finer one's, -1 for levels
        without rows. Of two factors with the same partition, the later lies within
        the earlier.
    """
    parents: list[dict] = [{} for _ in rows.factors]
    for i, finer in enumerate(rows.factors):
        for j, coarser in enumerate(rows.factors):
            if i == j or (finer.n_levels, i) < (coarser.n_levels, j):
                continue
            parent = level_map(rows.codes[i], rows.codes[j], finer.n_levels)
            if parent is not None:
                parents[i][j] = parent
    return parents


def level_map(finer, coarser, n_finer):
    """Level of one factor for each of another's, where there is but one.

    Parameters
    ----------
    finer, coarser : ndarray of int of shape (n,)
        Codes of the rows.
    n_finer : int

    Returns
    -------
    ndarray of int of shape (n_finer,) or None
        -1 for levels without rows; None if some level meets several.
    """
    parent = np.full(n_finer, -1, dtype=coarser.dtype)
    for n_rows in sorted({min(SAMPLED_ROWS, len(finer)), len(finer)}):
        parent[finer[:n_rows]] = coarser[:n_rows]
        if not np.array_equal(parent[finer[:n_rows]], coarser[:n_rows]):
            return None
    return parent


def transposed_z(z, codes, n_levels):
    """Z' of some rows as a sparse matrix, levels major and effects minor.

    Parameters
    ----------
    z : ndarray of shape (n, k)
    codes : ndarray of shape (n,)
    n_levels : int

    Returns
    -------
    csc_array of shape (n_levels * k, n)
    """
    n, k = z.shape
    index = codes if k == 1 else (codes[:, None] * k + np.arange(k, dtype=codes.dtype))
    indptr = np.arange(0, n * k + 1, k, dtype=codes.dtype)
    data = np.ascontiguousarray(z).reshape(-1)
    return sparse.csc_array((data, index.reshape(-1), indptr), shape=(n_levels * k, n))


def sorted_by_level(rows, n):
    """Order of the rows by the factor with most levels.

    Parameters
    ----------
    rows : GroupedRows
    n : int

    Returns
    -------
    ndarray of int of shape (n,) or None
        None where it is not worth while, or they are in order.
    """
    if n < SORTED_FROM or not rows.factors or coo_tocsr is None:
        return None
    leading = int(np.argmax([factor.n_levels for factor in rows.factors]))
    codes, G = rows.codes[leading].astype(np.int32), rows.factors[leading].n_levels
    if np.all(codes[1:] >= codes[:-1]):
        return None
    index = np.arange(n, dtype=np.int32)
    start, order = np.empty(G + 1, np.int32), np.empty(n, np.int32)
    coo_tocsr(G, n, n, codes, index, index, start, order, np.empty(n, np.int32))
    return order
