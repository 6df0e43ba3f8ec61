"""M = I + Lambda'Z'Z Lambda of crossed factors as an operator that is never formed."""

import numpy as np
from scipy import sparse

from skmixed.likelihood.linalg.grouped import multiply

# Blocks of pairs of levels that are multiplied at a time.
BLOCKS = 100_000


class Coupling:
    """M of several factors with its levels' own blocks scaled to I, at some Lambdas.

    Parameters
    ----------
    cross : dict of tuple (a, b) to csr_array of shape (G_a k_a, G_b k_b)
        ``Z_a'WZ_b`` for every two factors, in either order.
    N : list of ndarray of shape (k_a, k_a, G_a)
        Relative roots: ``N'N = Lambda (I + Lambda'Z'WZ Lambda)^-1 Lambda'`` per level.

    Notes
    -----
    The factors are numbered by size, the largest first, and vectors are lists of arrays
    (G_a k_a, c) by factor, levels major. M is I + L + L' with L_ab = N_a Z_a'WZ_b N_b'
    for a > b. With E = I + L and F = I - E^-1,

        E^-1 M E^-T = A = I - F F',

    which is the identity on the first factor: what is solved for and estimated lies on
    the others, the rest, whose rows are stacked.
    """

    def __init__(self, cross, N):
        self.cross, self.N = cross, N
        self.places = range(len(N))
        sizes = [own.shape[0] * own.shape[2] for own in N]
        self.ends = np.cumsum([0, *sizes[1:]])
        self.size = int(self.ends[-1])

    def scaled(self, a, columns, transpose=False):
        """``N_a`` (or its transpose) times rows of factor a, level by level."""
        N = self.N[a]
        k, _, G = N.shape
        if k == 1:
            return N[0, 0][:, None] * columns
        rows = columns.reshape(G, k, -1)
        out = np.zeros_like(rows)
        for i in range(k):
            for h in range(k):
                weight = N[h, i] if transpose else N[i, h]
                out[:, i] += weight[:, None] * rows[:, h]
        return out.reshape(columns.shape)

    def coupled(self, a, b, columns):
        """``L_ab``, of either triangle, times columns of factor b."""
        inner = self.scaled(b, columns, transpose=True)
        return self.scaled(a, self.cross[a, b] @ inner)

    def cut(self, rest):
        """Rows of the factors behind the first as a list; None for the first."""
        bounds = zip(self.ends[:-1], self.ends[1:], strict=True)
        return [None, *(rest[start:stop] for start, stop in bounds)]

    def up(self, v):
        """``E^-T v``; None stands for zeros on the first factor."""
        w = list(v)
        for b in reversed(self.places):
            for a in range(b + 1, len(w)):
                moved = self.coupled(b, a, w[a])
                w[b] = -moved if w[b] is None else w[b] - moved
        return w

    def down(self, v):
        """``E^-1 v``."""
        w = list(v)
        for a in self.places:
            for b in range(a):
                w[a] = w[a] - self.coupled(a, b, w[b])
        return w

    def times(self, rest):
        """A times rows of the rest."""
        return self.remainder(rest, self.up(self.cut(rest)))

    def remainder(self, rest, lifted):
        """A times rows of the rest, given E^-T of them."""
        v = self.cut(rest)
        h = [-lifted[0], *(v[a] - lifted[a] for a in self.places[1:])]
        u = self.down(h)
        return rest - np.concatenate([h[a] - u[a] for a in self.places[1:]])

    def squares_of(self, v):
        """``L'v`` and ``L L'v`` for a v on the rest, as lists by factor.

        Parameters
        ----------
        v : list
            None for the first factor.

        Returns
        -------
        left, both : list
            None where they are zero: on the last factor, and on the first.
        """
        left = [
            self.total(self.coupled(b, a, v[a]) for a in self.places[b + 1 :])
            for b in self.places
        ]
        both = [
            self.total(self.coupled(a, b, left[b]) for b in range(a))
            for a in self.places
        ]
        return left, both

    def total(self, parts):
        """Sum of some arrays; None of none."""
        found = None
        for part in parts:
            found = part if found is None else found + part
        return found

    def squared_blocks(self):
        """Diagonal blocks of ``L'L + L L'`` per level, and ``|L|^2``.

        Returns
        -------
        blocks : list of ndarray of shape (k_a, k_a, G_a)
        total : float
        """
        W = [multiply(N, N, transpose_A=True) for N in self.N]
        found, total = [np.zeros(N.shape) for N in self.N], 0.0
        for a, b in self.cross:
            k_a, k_b = len(self.N[a]), len(self.N[b])
            if k_a == k_b == 1:
                sums = squared(self.cross[a, b]) @ W[b][0, 0]
                sums = sums[None, None]
            else:
                sums = spread_blocks(self.cross[a, b], W[b], self.N[a].shape)
            sums = multiply(multiply(self.N[a], sums), self.N[a].transpose(1, 0, 2))
            found[a] += sums
            if a > b:
                total += float(np.einsum("iig->", sums))
        return found, total


def squared(matrix):
    """A sparse matrix with its entries squared."""
    data = matrix.data.astype(float) ** 2
    parts = data, matrix.indices, matrix.indptr
    return sparse.csr_array(parts, shape=matrix.shape, copy=False)


def spread_blocks(matrix, W, shape):
    """``sum_h B_gh W_h B_gh'`` for the blocks of a sparse matrix.

    Parameters
    ----------
    matrix : csr_array of shape (G_a k_a, G_b k_b)
    W : ndarray of shape (k_b, k_b, G_b)
    shape : tuple (k_a, k_a, G_a)

    Returns
    -------
    ndarray of shape (k_a, k_a, G_a)
    """
    k, _, G = shape
    blocks = matrix.tobsr((k, len(W)))
    level = np.repeat(np.arange(G), np.diff(blocks.indptr))
    found = np.zeros(shape)
    for start in range(0, len(level), BLOCKS):
        part = slice(start, start + BLOCKS)
        B = blocks.data[part].astype(float)
        spread = B @ W[:, :, blocks.indices[part]].transpose(2, 0, 1)
        spread = spread @ B.transpose(0, 2, 1)
        for i in range(k):
            for h in range(k):
                sums = np.bincount(level[part], spread[:, i, h], minlength=G)
                found[i, h] += sums
    return found
