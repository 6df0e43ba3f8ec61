"""Rows to cross-products: all that the likelihood needs of the data.

Everything is a sum over rows, so the cross-products of chunks add up to those of the
whole table, and their size grows with the groups, not with the rows.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skmixed.likelihood.covariance import CovarianceTemplate
from skmixed.likelihood.frame import Frame, freeze_fixed, freeze_random, same_frame

# Rows multiplied at a time: bounds the working memory and keeps it in cache.
CHUNK_ROWS = 65_536


@dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor with all the random terms that vary over it.

    Parameters
    ----------
    group : str
    effects : tuple of str
        Of all its terms, side by side.
    n_levels : int
    template : CovarianceTemplate
    """

    group: str
    effects: tuple[str, ...]
    n_levels: int
    template: CovarianceTemplate

    @property
    def n_effects(self):
        """Effects per level."""
        return len(self.effects)

    @property
    def size(self):
        """Number of random effects: levels times effects."""
        return self.n_levels * self.n_effects


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """Z_i'W Z_j of two grouping factors, a block per pair of levels that meet.

    Parameters
    ----------
    first, second : int
        The factors; ``first`` is the one with more levels.
    indptr : ndarray of int of shape (G_i + 1,)
    indices : ndarray of int of shape (n_pairs,)
        Compressed rows: levels of ``second`` that each level of ``first`` meets.
    data : ndarray of shape (n_pairs, k_i, k_j)
    n_second : int
        Number of levels of ``second``.
    """

    first: int
    second: int
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    n_second: int

    @property
    def rows(self):
        """Level of the first factor for every pair, of shape (n_pairs,)."""
        counts = np.diff(self.indptr)
        return np.repeat(np.arange(len(counts), dtype=self.indices.dtype), counts)

    def transposed(self):
        """The same products with the factors' roles exchanged."""
        n_levels = (self.n_second, len(self.indptr) - 1)
        return sum_blocks(
            (self.second, self.first),
            (self.indices, self.rows),
            lambda a, b: self.data[:, b, a],
            tuple(zip(n_levels, self.data.shape[:0:-1], strict=True)),
        )

    @property
    def nested(self):
        """Whether every level of the first factor lies within one of the second."""
        return len(self.indices) == len(self.indptr) - 1

    def to_csr(self):
        """``Z_i'W Z_j`` as a sparse matrix, levels major and effects minor.

        Returns
        -------
        csr_array of shape (G_i k_i, G_j k_j)
        """
        _, k_i, k_j = self.data.shape
        blocks = sparse.bsr_array(
            (self.data, self.indices, self.indptr),
            shape=((len(self.indptr) - 1) * k_i, self.n_second * k_j),
        )
        return blocks.tocsr()


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Weighted cross-products of [Z X y] in a frozen frame, with m = r + 1 columns.

    Parameters
    ----------
    frame : Frame
    factors : tuple of Factor
    gram : ndarray of shape (m, m)
        ``[X y]'W[X y]``.
    ZtZ : tuple of ndarray of shape (k_i, k_i, G_i)
        The diagonal blocks ``Z_i'W Z_i``, group axis last.
    ZtXy : tuple of ndarray of shape (k_i, m, G_i)
    pairs : tuple of PairBlocks
        For every two factors.
    n_obs : int
    sum_log_weights : float
    terms : tuple of tuple (factor, effects, diagonal)
        The random terms as written: index of the factor, positions of the effects in
        it, and whether the covariance is diagonal.
    """

    frame: Frame
    factors: tuple[Factor, ...]
    gram: np.ndarray
    ZtZ: tuple[np.ndarray, ...]
    ZtXy: tuple[np.ndarray, ...]
    pairs: tuple[PairBlocks, ...]
    n_obs: int
    sum_log_weights: float
    terms: tuple[tuple[int, tuple[int, ...], bool], ...]

    @property
    def n_fixed(self):
        """Number of fixed-effects columns that are not aliased."""
        return len(self.gram) - 1

    def __add__(self, other):
        if not same_frame(self.frame, other.frame):
            raise ValueError(
                "Cross-products add only when they were accumulated in one frame: pass "
                "`frame=first.frame` to cross_products for every further chunk."
            )
        if [f.n_levels for f in self.factors] != [f.n_levels for f in other.factors]:
            raise ValueError(
                "Cross-products add only when their groups are coded alike; the numbers "
                f"of levels are {[f.n_levels for f in self.factors]} and "
                f"{[f.n_levels for f in other.factors]}."
            )
        return replace(
            self,
            gram=self.gram + other.gram,
            ZtZ=tuple(a + b for a, b in zip(self.ZtZ, other.ZtZ, strict=True)),
            ZtXy=tuple(a + b for a, b in zip(self.ZtXy, other.ZtXy, strict=True)),
            pairs=tuple(map(add_pairs, self.pairs, other.pairs)),
            n_obs=self.n_obs + other.n_obs,
            sum_log_weights=self.sum_log_weights + other.sum_log_weights,
        )


def cross_products(design, frame=None):
    """Accumulate the cross-products of a design.

    Parameters
    ----------
    design : Design
        With ``X``, ``y``, ``offset``, ``weights``, ``constant`` and ``random``.
    frame : Frame, optional
        Of an earlier chunk, where the result shall be added to that chunk's. Found from
        this design by default.

    Returns
    -------
    CrossProducts

    Notes
    -----
    One pass over the rows for the frame and one for the products: a sparse product per
    grouping factor, O(n k (k + m)), and no sorting. Z is never formed.
    """
    y = design.y if design.offset is None else design.y - design.offset
    rows = GroupedRows.of(design.random)
    if frame is None:
        frame = freeze(design, y, rows)
    parents = nesting(rows)
    gram, products = add_up(design, y, frame, rows, parents)
    m = len(gram)
    return CrossProducts(
        frame=frame,
        factors=rows.factors,
        gram=gram,
        ZtZ=tuple(
            np.ascontiguousarray(product[:, m : m + len(product)])
            for product in products
        ),
        ZtXy=tuple(np.ascontiguousarray(product[:, :m]) for product in products),
        pairs=tuple(all_pairs(design.weights, frame, rows, parents, products)),
        n_obs=len(y),
        sum_log_weights=(
            0.0 if design.weights is None else float(np.log(design.weights).sum())
        ),
        terms=rows.terms,
    )


@dataclass(frozen=True)
class GroupedRows:
    """The random terms' rows, merged by grouping factor.

    Parameters
    ----------
    factors : tuple of Factor
    codes : tuple of ndarray of shape (n,)
    z : tuple of ndarray of shape (n, k_i)
    constants : tuple of list
        Per factor: ``(start, stop, constant)`` of each term that may be centred.
    terms : tuple of tuple (factor, effects, diagonal)
    """

    factors: tuple[Factor, ...]
    codes: tuple[np.ndarray, ...]
    z: tuple[np.ndarray, ...]
    constants: tuple[list, ...]
    terms: tuple[tuple[int, tuple[int, ...], bool], ...]

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
            terms.append((factor, tuple(range(start, stop)), bool(block.diagonal)))
        spans = [
            [(e[0], e[-1] + 1, diagonal) for f, e, diagonal in terms if f == factor]
            for factor in range(len(groups))
        ]
        return cls(
            factors=tuple(
                Factor(
                    group,
                    tuple(effect for block in blocks for effect in block.effects),
                    blocks[0].n_levels,
                    CovarianceTemplate(tuple(span)),
                )
                for group, blocks, span in zip(groups, members, spans, strict=True)
            ),
            codes=tuple(blocks[0].codes for blocks in members),
            z=tuple(
                blocks[0].z if len(blocks) == 1 else np.hstack([b.z for b in blocks])
                for blocks in members
            ),
            constants=tuple(
                [
                    (start, stop, None if diagonal else block.constant)
                    for (start, stop, diagonal), block in zip(span, blocks, strict=True)
                ]
                for span, blocks in zip(spans, members, strict=True)
            ),
            terms=tuple(terms),
        )


def freeze(design, y, rows):
    """Choose the frame for a design: see :mod:`skmixed.likelihood.frame`.

    Parameters
    ----------
    design : Design
    y : ndarray of shape (n,)
        Response without its offset.
    rows : GroupedRows

    Returns
    -------
    Frame
    """
    weights = design.weights
    fixed, constant = freeze_fixed(design.X, design.constant, weights)
    y_shift = float(y.mean()) if constant.any() else 0.0
    X = fixed.apply(design.X)
    weighted = X if weights is None else X * weights[:, None]
    crude_coef = np.linalg.lstsq(
        X.T @ weighted, weighted.T @ (y - y_shift), rcond=None
    )[0]
    random = tuple(
        freeze_random(z, constants, weights)
        for z, constants in zip(rows.z, rows.constants, strict=True)
    )
    y_rounding = 8 * np.finfo(float).eps * float(np.abs(y).max(initial=0.0))
    return Frame(fixed, random, crude_coef, y_shift, constant, y_rounding)


def nesting(rows):
    """For every factor, the factors that its levels lie within.

    Parameters
    ----------
    rows : GroupedRows

    Returns
    -------
    list of list of int
        Of two factors with the same partition, the later lies within the earlier.
    """
    parents = [[] for _ in rows.factors]
    for i, finer in enumerate(rows.factors):
        for j, coarser in enumerate(rows.factors):
            if i == j or (finer.n_levels, i) < (coarser.n_levels, j):
                continue
            parent = np.empty(finer.n_levels, dtype=rows.codes[j].dtype)
            parent[rows.codes[i]] = rows.codes[j]
            if np.array_equal(parent[rows.codes[i]], rows.codes[j]):
                parents[i].append(j)
    return parents


def add_up(design, y, frame, rows, parents):
    """Sum the rows' products, a chunk of rows at a time.

    Parameters
    ----------
    design : Design
    y : ndarray of shape (n,)
    frame : Frame
    rows : GroupedRows
    parents : list of list of int

    Returns
    -------
    gram : ndarray of shape (m, m)
    products : list of ndarray of shape (k_i, m + k_i + sum of k_parents, G_i)
        ``Z_i'W [X y Z_i Z_parents]``, a level's block for each of its parents.
    """
    m = len(frame.crude_coef) + 1
    gram = np.zeros((m, m))
    sums = [0.0] * len(rows.factors)
    step = max([CHUNK_ROWS, *(2 * factor.size for factor in rows.factors)])
    for start in range(0, len(y), step):
        chunk = slice(start, start + step)
        X = frame.fixed.apply(design.X[chunk])
        Xy = np.column_stack([X, frame.response(y[chunk], X)])
        weights = None if design.weights is None else design.weights[chunk, None]
        gram += Xy.T @ (Xy if weights is None else Xy * weights)
        z = [f.apply(z[chunk]) for f, z in zip(frame.random, rows.z, strict=True)]
        for i, factor in enumerate(rows.factors):
            columns = np.hstack([Xy, z[i], *(z[j] for j in parents[i])])
            loadings = z[i] if weights is None else z[i] * weights
            Zt = transposed_z(loadings, rows.codes[i][chunk], factor.n_levels)
            sums[i] = sums[i] + Zt @ columns
    return gram, [
        total.reshape(factor.n_levels, factor.n_effects, -1).transpose(1, 2, 0)
        for factor, total in zip(rows.factors, sums, strict=True)
    ]


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


def all_pairs(weights, frame, rows, parents, products):
    """Products between every two factors.

    Parameters
    ----------
    weights : ndarray of shape (n,) or None
    frame : Frame
    rows : GroupedRows
    parents, products : list
        As :func:`nesting` and :func:`add_up` return them.

    Yields
    ------
    PairBlocks
    """
    n_factors = len(rows.factors)
    for i in range(n_factors):
        for j in range(i + 1, n_factors):
            finer, coarser = i, j
            if j in parents[i] or i in parents[j]:
                finer, coarser = (i, j) if j in parents[i] else (j, i)
                yield nested_pairs(finer, coarser, rows, parents, products)
                continue
            if rows.factors[i].n_levels < rows.factors[j].n_levels:
                finer, coarser = j, i
            yield met_pairs(finer, coarser, rows, frame, weights)


def nested_pairs(i, j, rows, parents, products):
    """Products of a factor with one that its levels lie within."""
    factors = rows.factors
    start = products[i].shape[1] - sum(factors[p].n_effects for p in parents[i])
    start += sum(factors[p].n_effects for p in parents[i] if p < j)
    data = products[i][:, start : start + factors[j].n_effects].transpose(2, 0, 1)
    parent = np.full(factors[i].n_levels, -1, dtype=np.int32)
    parent[rows.codes[i]] = rows.codes[j]
    met = parent >= 0
    indptr = np.concatenate([[0], np.cumsum(met)]).astype(np.int32)
    return PairBlocks(i, j, indptr, parent[met], data[met], factors[j].n_levels)


def met_pairs(i, j, rows, frame, weights):
    """Products of two crossed factors, summed over the rows of each pair of levels."""
    z_i, z_j = (frame.random[f].apply(rows.z[f]) for f in (i, j))
    if weights is not None:
        z_i = z_i * weights[:, None]
    return sum_blocks(
        (i, j),
        (rows.codes[i], rows.codes[j]),
        lambda a, b: z_i[:, a] * z_j[:, b],
        tuple((rows.factors[f].n_levels, rows.factors[f].n_effects) for f in (i, j)),
    )


def sum_blocks(factors, codes, entry, sizes):
    """Sum blocks by pair of levels.

    Parameters
    ----------
    factors : tuple (i, j)
    codes : tuple of two ndarray of int of shape (n,)
    entry : callable
        ``entry(a, b)`` gives entry (a, b) of every block, of shape (n,).
    sizes : tuple of two tuple (n_levels, n_effects)

    Returns
    -------
    PairBlocks
    """
    (n_first, k_first), (n_second, k_second) = sizes
    sums = [
        sparse.coo_array((entry(a, b), codes), shape=(n_first, n_second)).tocsr()
        for a in range(k_first)
        for b in range(k_second)
    ]
    for total in sums:
        total.sort_indices()
    data = np.column_stack([total.data for total in sums])
    return PairBlocks(
        *factors,
        sums[0].indptr,
        sums[0].indices,
        data.reshape(-1, k_first, k_second),
        n_second,
    )


def add_pairs(one, other):
    """Add the products of two chunks, whose pairs of levels may differ."""
    if one.first != other.first:
        other = other.transposed()
    n_levels = (len(one.indptr) - 1, one.n_second)
    data = np.concatenate([one.data, other.data])
    return sum_blocks(
        (one.first, one.second),
        (
            np.concatenate([one.rows, other.rows]),
            np.concatenate([one.indices, other.indices]),
        ),
        lambda a, b: data[:, a, b],
        tuple(zip(n_levels, data.shape[1:], strict=True)),
    )
