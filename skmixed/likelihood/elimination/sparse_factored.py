"""V of sparse crossed factors, factored by waves and a dense core."""

from functools import cached_property

import numpy as np
from scipy.linalg import blas, lapack

from skmixed.likelihood.elimination.bending import bent, have_inverses, straight
from skmixed.likelihood.elimination.settled import SettledFactorisation
from skmixed.likelihood.linalg.grouped import shared_left, shared_right
from skmixed.likelihood.linalg.kronecker import directional_sums

# Products of listed pairs, and rows of the core, that are held at a time.
PRODUCTS, DENSE_ROWS = 2_000_000, 512


class SparseFactored(SettledFactorisation):
    """V of sparse crossed factors at some Lambdas; see `SparseElimination`.

    Parameters
    ----------
    elimination : SparseElimination
    Lambdas : list of ndarray of shape (k_j, k_j)

    Notes
    -----
    Right sides are held as rows, of shape (c, N).
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        e = self.elimination = elimination
        self.flat, self.ratios = self.assemble(), []
        self.core = core_of(self.flat, e.plan)
        self.logdet_V = sum(map(self.eliminate, e.plan.waves)) + self.factor_core()
        self.pivots = self.flat[: e.plan.n].copy()
        self.pivots[e.plan.core] = 1.0
        self.Y = self.forward(self.scaled(e.C, [L.T for L in Lambdas]))
        self.subtracted_S = e.gram - self.Y @ (self.Y / self.pivots).T

    def assemble(self):
        """M in the places of its factor."""
        e, plan, Lambdas = self.elimination, self.elimination.plan, self.Lambdas
        flat = np.zeros(plan.size)
        for (i, j, _, _, values), places in zip(e.blocks(), e.maps, strict=True):
            # within a level two entries have one place, and are equal
            flat[places] = Lambdas[i].T @ values @ Lambdas[j]
        flat[: plan.n] += 1.0
        flat[plan.first_core :: len(plan.core) + 1] += 1.0
        return flat

    def eliminate(self, wave):
        """Eliminate the effects of a wave; gives the logarithms of their pivots."""
        flat, pivot = self.flat, self.flat[wave.own]
        check_positive(pivot.min() > 0)
        ratio = flat[wave.slots] / pivot[:, None]
        self.ratios.append(ratio)
        for part in parts(wave.positions.shape):
            products = ratio[part][:, wave.one] * ratio[part][:, wave.other]
            products *= pivot[part, None]
            np.subtract.at(flat, wave.positions[part].ravel(), products.ravel())
        for part, rows in dense_rows(wave, ratio, len(self.core)):
            weighted = rows * pivot[part, None]
            blas.dgemm(
                -1.0, weighted.T, rows.T, 1.0, self.core, trans_b=1, overwrite_c=1
            )
        return float(np.log(pivot).sum())

    def factor_core(self):
        """Factor the core in its place; gives its log-determinant."""
        if not len(self.core):
            return 0.0
        _, info = lapack.dpotrf(self.core, lower=1, clean=0, overwrite_a=1)
        check_positive(not info)
        return 2.0 * float(np.log(np.diag(self.core)).sum())

    def scaled(self, rows, factors):
        """Right sides times a matrix for every level's effects."""
        return np.ascontiguousarray(self.elimination.stack.scale(factors, rows).T)

    def forward(self, right):
        """``L^-1`` times right sides, unit but in the core; in their place."""
        plan = self.elimination.plan
        for wave, ratio in zip(plan.waves, self.ratios, strict=True):
            for row in right:
                moved = ratio * row[wave.own, None]
                np.subtract.at(row, wave.neighbours.ravel(), moved.ravel())
        if len(plan.core):
            right[:, plan.core] = blas.dtrsm(
                1.0, self.core, right[:, plan.core].T, lower=1
            ).T
        return right

    def backward(self, right):
        """``L^-T D^-1`` times right sides, in their place."""
        plan = self.elimination.plan
        right /= self.pivots
        if len(plan.core):
            right[:, plan.core] = blas.dtrsm(
                1.0, self.core, right[:, plan.core].T, lower=1, trans_a=1
            ).T
        for wave, ratio in zip(plan.waves[::-1], self.ratios[::-1], strict=True):
            for row in right:
                row[wave.own] -= np.einsum("nd,nd->n", ratio, row[wave.neighbours])
        return right

    def split(self, matrix):
        """Cut a matrix of N rows into arrays of shape (k_j, c, G_j)."""
        blocks = self.elimination.stack.cut(matrix)
        return [blocks[j] for j in range(len(blocks))]

    def less_fitted(self, columns, reduced):
        """``Z'V^-1 c``, given Z'Wc and L^-1 Lambda' of it."""
        b = self.elimination.stack.scale(self.Lambdas, self.backward(reduced).T)
        return self.split(columns - self.elimination.K @ b)

    @cached_property
    def subtracted_F(self):
        """Z'V^-1[X y]."""
        return self.less_fitted(self.elimination.C, self.Y.copy())

    def times(self, directions):
        """Z'WZ times some directions."""
        e = self.elimination
        return self.split(e.K @ e.stack.join(directions))

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        stacked = self.elimination.stack.join(columns)
        right = self.scaled(stacked, [L.T for L in self.Lambdas])
        return self.less_fitted(stacked, self.forward(right))

    def modes(self, columns):
        """``(Z'WZ + Psi^-1)^-1 c`` of columns c that are given as Z'Wc."""
        stacked = self.elimination.stack.join(columns)
        right = self.scaled(stacked, [L.T for L in self.Lambdas])
        u = self.backward(self.forward(right)).T
        return self.split(self.elimination.stack.scale(self.Lambdas, u))

    def newton(self, slopes):
        """``M^-1 g``, by the factor."""
        right = self.elimination.stack.join([block[:, None] for block in slopes])
        solved = self.backward(self.forward(np.ascontiguousarray(right.T)))
        return [block[:, 0] for block in self.split(solved.T)]

    @cached_property
    def H(self):
        """Entries of ``M^-1`` in the places of the factor."""
        plan = self.elimination.plan
        H = np.zeros(plan.size)
        core = core_of(H, plan)
        if len(core):
            core[:] = self.core
            lapack.dpotri(core, lower=1, overwrite_c=1)
        whole = None
        for wave, ratio in zip(plan.waves[::-1], self.ratios[::-1], strict=True):
            if wave.core.shape[1] and whole is None:
                whole = np.tril(core) + np.tril(core, -1).T
            cross = crossing(H, wave, ratio, whole)
            H[wave.slots] = cross
            own = 1.0 / self.pivots[wave.own]
            H[wave.own] = own - np.einsum("nd,nd->n", ratio, cross)
        return H

    def level_blocks(self):
        """Diagonal blocks of H per level of every factor, of shape (k, k, G)."""
        found = {}
        for (i, j, *_), places in zip(
            self.elimination.blocks(), self.elimination.maps, strict=True
        ):
            if i == j:
                found[j] = self.H[places].transpose(1, 2, 0)
        return [found[j] for j in range(len(found))]

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor."""
        if have_inverses(self.Lambdas):
            return self.blocks_by_inverse()
        return straight(lambda step: self.bent(step).blocks_by_inverse())

    def bent(self, step):
        """The same with Psi that have inverses, a number of small steps away."""
        e = self.elimination
        return SparseFactored(e, bent(self.Lambdas, e.ZtZ, step))

    def blocks_by_inverse(self):
        """``Lambda^-T (I - H) Lambda^-1`` per level of every factor."""
        found = []
        for L, H in zip(self.Lambdas, self.level_blocks(), strict=True):
            inverse = np.linalg.inv(L)
            rest = np.eye(len(L))[:, :, None] - H
            found.append(shared_right(shared_left(inverse.T, rest), inverse))
        return found

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        return [
            shared_right(shared_left(L, H), L.T)
            for L, H in zip(self.Lambdas, self.level_blocks(), strict=True)
        ]

    def known_between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, where the factor has an entry."""
        e = self.elimination
        rows, columns = e.effects(j, levels_j), e.effects(h, levels_h)
        shape = (len(rows), rows.shape[1], columns.shape[1])
        places = e.plan.find(
            np.broadcast_to(rows[:, :, None], shape),
            np.broadcast_to(columns[:, None], shape),
        )
        H = np.where(places < 0, np.nan, self.H[places])
        found = self.Lambdas[j] @ H @ self.Lambdas[h].T
        return found.transpose(1, 2, 0)

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels."""
        (Pff,) = directional_sums(self.apply, [block[:, None] for block in f])
        return None, Pff, None


def core_of(flat, plan):
    """The core in an array of entries, columns one after the other: its lower half."""
    m = len(plan.core)
    return flat[plan.first_core :].reshape(m, m).T


def check_positive(positive):
    """Raise where a pivot is not."""
    if not positive:
        raise np.linalg.LinAlgError("I + Lambda'Z'Z Lambda is not positive definite")


def parts(shape):
    """Yield slices of rows that bound the working memory."""
    step = max(PRODUCTS // max(shape[1], 1), 1)
    for start in range(0, shape[0] if shape[1] else 0, step):
        yield slice(start, min(start + step, shape[0]))


def dense_rows(wave, ratio, m):
    """Yield some of a wave's rows, with their entries in the core made dense.

    Parameters
    ----------
    wave : Wave
    ratio : ndarray of shape (n, d)
    m : int
        Columns of the core.

    Yields
    ------
    part : slice
    rows : ndarray of shape (n_part, m)
    """
    n, n_core = wave.core.shape
    for start in range(0, n if n_core else 0, DENSE_ROWS):
        part = slice(start, min(start + DENSE_ROWS, n))
        rows = np.zeros((part.stop - start, m))
        np.put_along_axis(rows, wave.core[part], ratio[part, wave.n_listed :], 1)
        yield part, rows


def crossing(H, wave, ratio, core):
    """Entries of M^-1 between the effects of a wave and their neighbours.

    Parameters
    ----------
    H : ndarray of shape (size,)
        With the entries between the neighbours.
    wave : Wave
    ratio : ndarray of shape (n, d)
    core : ndarray of shape (m, m)
        The inverse in the core, symmetric; used where pairs in it are not listed.

    Returns
    -------
    ndarray of shape (n, d)
    """
    (n, d), first, square = ratio.shape, wave.n_listed, wave.square
    cross = np.zeros((n, d))
    for part in parts((n, max(d * first, 1) if d else 0)):
        listed, own = H[wave.positions[part]], ratio[part]
        for a in range(first):
            cross[part, a] -= np.einsum("nd,nd->n", own, listed[:, square[a]])
            late = slice(first, d)
            cross[part, late] -= own[:, a, None] * listed[:, square[a, late]]
    for part, rows in dense_rows(wave, ratio, 0 if core is None else len(core)):
        moved = np.take_along_axis(rows @ core, wave.core[part], 1)
        cross[part, first:] -= moved
    return cross
