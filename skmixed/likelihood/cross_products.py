"""Rows to cross-products: all that the likelihood needs of the data.

Everything is a sum over rows, so the cross-products of chunks add up to those of the
whole table, and their size grows with the groups, not with the rows.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skmixed.likelihood.frame import Frame, freeze_fixed, freeze_random, same_frame
from skmixed.likelihood.pairs import PairBlocks, add_pairs, sum_blocks
from skmixed.likelihood.rows import Factor, GroupedRows, nesting
from skmixed.likelihood.threads import blas_threads

# Rows multiplied at a time: bounds the working memory and keeps it in cache.
CHUNK_ROWS = 65_536


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

    def __str__(self):
        lines = [f"Cross-products of {self.n_obs:,} rows, {self.n_fixed} fixed effects"]
        for factor in self.factors:
            effects = " + ".join(factor.effects)
            lines.append(
                f"  {factor.group}: {factor.n_levels:,} levels x {factor.n_effects} "
                f"({effects}), block diagonal"
            )
        for pair in self.pairs:
            names = [self.factors[j].group for j in (pair.first, pair.second)]
            shape = "nested in" if pair.nested else "crossed with"
            cells = self.factors[pair.first].n_levels * pair.n_second
            lines.append(
                f"  {names[0]} {shape} {names[1]}: {len(pair.indices):,} of {cells:,} "
                "blocks"
            )
        return "\n".join(lines)

    def __add__(self, other):
        if not same_frame(self.frame, other.frame):
            raise ValueError(
                "Cross-products add only when they were accumulated in one frame: pass "
                "`frame=first.frame` to cross_products for every further chunk."
            )
        if [f.n_levels for f in self.factors] != [f.n_levels for f in other.factors]:
            raise ValueError(
                "Cross-products add only when their groups are coded alike; the "
                f"numbers of levels are {[f.n_levels for f in self.factors]} and "
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
    with blas_threads():
        return accumulate(design, frame)


def accumulate(design, frame):
    """Carry :func:`cross_products` out."""
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
