"""Elimination of crossed factors: one in batches, the others in a dense complement."""

import itertools

import numpy as np
from scipy import sparse
from scipy.linalg import blas, lapack

from skmixed.likelihood.linalg.grouped import (
    groups_last,
    levels_major,
    multiply,
    relative_root,
    shared_left,
    shared_right,
)
from skmixed.likelihood.linalg.kronecker import directional_sums
from skmixed.likelihood.linalg.scatter import LevelScatter
from skmixed.likelihood.linalg.stack import Stack, leading_factor

# Below this a Lambda is too near singular for P = Lambda^-T (I - H) Lambda^-1, which
# loses as many digits as its square has.
INVERTIBLE = 1e-4
# Products of two factors that are filled to this share are faster as dense ones.
FILLED = 0.2
# From this many columns on, the steps of the optimiser may use an inverse in single
# precision: an error e in the gradient moves the deviance by e^2 / (2 curvature) only.
ROUGH_FROM = 1000
# Entries of A12 that are gathered at a time for covariances between levels.
MOST_ENTRIES = 2_000_000


class CrossedElimination:
    """Random effects of crossed factors integrated out by a Schur complement.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts

    Notes
    -----
    The leading factor (1) has the most random effects; the m2 others (2) are dense.
    With W1 = Lambda1 (I + Lambda1'A11 Lambda1)^-1 Lambda1', block diagonal,

        S22 = A22 - A21 W1 A12,  M = I + Lambda2'S22 Lambda2 = L L',  H = M^-1,
        log|V| = log|I + Lambda1'A11 Lambda1| + log|M|,
        W2 = Lambda2 H Lambda2',  B2 = W2 (C2 - A21 W1 C1),  B1 = W1 (C1 - A12 B2),
        F1 = C1 - A11 B1 - A12 B2,  F2 = C2 - A21 B1 - A22 B2,
        P1_gg = D A11 - D A12 W2 A21 D',  D = I - A11 W1,
        P2_hh = Lambda^-T (I - H_hh) Lambda^-1.

    Cost m2^3 per evaluation and O(pairs of levels). The curvature is the average
    information.
    """

    solver = "crossed"
    exact = False
    rough = False

    def __init__(self, A):
        self.leading, rest = leading_factor([f.size for f in A.factors])
        self.rest = Stack.of(A.factors, rest)
        self.m2 = self.rest.size
        self.A11 = A.ZtZ[self.leading]
        self.take_columns(A)
        products = {}
        for pair in A.pairs:
            products[pair.first, pair.second] = pair.to_csr()
            products[pair.second, pair.first] = products[pair.first, pair.second].T
        self.A12 = sparse.hstack(
            [products[self.leading, j] for j in rest], format="csr"
        )
        self.A12.sort_indices()
        self.A21 = self.A12.T.tocsr()
        self.A22 = self.complement(A, products)
        self.scatter = LevelScatter(self.A12, len(self.A11))
        self.by_A12 = self.A12
        if self.A12.nnz > FILLED * np.prod(self.A12.shape):
            self.by_A12 = self.A12.toarray()
            self.A21 = self.by_A12.T
        lower = sparse.tril(self.A22).tocoo()
        self.lower_positions = lower.row.astype(np.int64) + lower.col * np.int64(
            self.m2
        )
        self.lower_values = lower.data
        self.buffer = np.empty((self.m2, self.m2), order="F")
        self.flat = self.buffer.reshape(-1, order="F")

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.gram, self.C1 = A.gram, A.ZtXy[self.leading]
        self.C2 = self.rest.join(A.ZtXy)

    def complement(self, A, products):
        """Z_2'Z_2 of all factors but the leading one, sparse."""
        order = self.rest.order
        blocks = [[products.get((i, j)) for j in order] for i in order]
        for at, j in enumerate(order):
            G, k = self.rest.shapes[j]
            level = np.arange(G + 1)
            data = np.ascontiguousarray(A.ZtZ[j].transpose(2, 0, 1))
            blocks[at][at] = sparse.bsr_array(
                (data, level[:-1], level), shape=(G * k, G * k)
            )
        return sparse.block_array(blocks, format="csr")

    def factor(self, Lambdas):
        """Factor V at some Lambdas."""
        Lambda = Lambdas[self.leading]
        self.Lambdas = {j: Lambdas[j] for j in self.rest.order}
        self.N, logdet = relative_root(self.A11, Lambda)
        self.W1 = multiply(self.N, self.N, transpose_A=True)
        logdet += self.factor_complement()
        NC = multiply(self.N, self.C1)
        S2 = self.C2 - self.A21 @ levels_major(multiply(self.N, NC, transpose_A=True))
        self.Y = blas.dtrsm(1.0, self.buffer, self.scale_back(S2), lower=1)
        S = self.gram - sum(rows @ rows.T for rows in NC) - self.Y.T @ self.Y
        return logdet, S

    def factor_complement(self):
        """Form M = I + Lambda2'S22 Lambda2 in the buffer and factor it."""
        self.flat.fill(0.0)
        self.scatter.subtract(self.W1, self.flat)
        self.flat[self.lower_positions] += self.lower_values
        self.inverted = False
        self.thin = {
            j: self.columns_of(self.rest.spans[j])
            for j, Lambda in self.Lambdas.items()
            if np.linalg.svd(Lambda, compute_uv=False)[-1] < INVERTIBLE
        }
        self.scale_symmetric(self.Lambdas)
        self.flat[:: self.m2 + 1] += 1.0
        _, info = lapack.dpotrf(self.buffer, lower=1, clean=0, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        return 2.0 * float(np.log(self.flat[:: self.m2 + 1]).sum())

    def columns_of(self, span):
        """Columns of the symmetric matrix whose lower triangle is in the buffer."""
        columns = self.buffer[:, span].copy(order="F")
        columns[: span.start] = self.buffer[span, : span.start].T
        square = np.tril(columns[span])
        columns[span] = square + np.tril(square, -1).T
        return columns

    def scale_symmetric(self, factors):
        """Lambda'S Lambda in place, block by block, for the lower triangle."""
        columns, shapes, spans = self.buffer.T, self.rest.shapes, self.rest.spans
        if all(k == 1 for _, k in shapes.values()):
            scale = np.concatenate(
                [np.full(G, factors[j][0, 0]) for j, (G, _) in shapes.items()]
            )
            columns *= scale
            columns *= scale[:, None]
            return
        for j, (G, k) in shapes.items():
            self.mirror_blocks(spans[j], k)
            rows = columns[spans[j]].reshape(G, k, self.m2)
            columns[spans[j]] = np.matmul(factors[j].T, rows).reshape(G * k, self.m2)
        for j, (G, k) in shapes.items():
            block = columns[:, spans[j]].reshape(self.m2, G, k)
            columns[:, spans[j]] = (block @ factors[j]).reshape(self.m2, G * k)

    def mirror_blocks(self, span, k):
        """Copy the lower triangles of a factor's diagonal blocks to the upper ones."""
        starts = np.arange(span.start, span.stop, k)
        for a in range(k):
            for b in range(a):
                self.buffer[starts + b, starts + a] = self.buffer[
                    starts + a, starts + b
                ]

    def scale_back(self, matrix):
        """Lambda2' times a matrix of m2 rows."""
        return self.rest.scale({j: L.T for j, L in self.Lambdas.items()}, matrix)

    def solve(self):
        """Z'V^-1[X y]."""
        U2 = blas.dtrsm(1.0, self.buffer, self.Y, lower=1, trans_a=1)
        return self.reduce(self.C1, self.C2, self.rest.scale(self.Lambdas, U2))

    def reduce(self, C1, C2, B2):
        """Subtract the fitted random effects: Z'V^-1 of columns, given W2's part."""
        rest = C1 - groups_last(self.by_A12 @ B2, C1.shape)
        B1 = multiply(self.W1, rest)
        F1 = rest - multiply(self.A11, B1)
        F2 = C2 - self.A21 @ levels_major(B1) - self.A22 @ B2
        return self.in_factor_order(F1, F2)

    def in_factor_order(self, leading, stacked):
        """List by factor from the leading block and the m2 rows of the others."""
        blocks = {self.leading: leading, **self.rest.cut(stacked)}
        return [blocks[j] for j in range(len(blocks))]

    def invert(self):
        """Replace the factor in the buffer by W2, and keep the diagonal blocks."""
        if self.inverted:
            return
        found = {j: self.thin_blocks(j) for j in self.thin}
        if self.rough and self.m2 >= ROUGH_FROM:
            inverse = np.asfortranarray(self.buffer, dtype=np.float32)
            lapack.spotri(inverse, lower=1, overwrite_c=1)
            self.buffer[:] = inverse
        else:
            lapack.dpotri(self.buffer, lower=1, overwrite_c=1)
        for j in self.rest.order:
            if j in found:
                continue
            span, (_, k) = self.rest.spans[j], self.rest.shapes[j]
            self.mirror_blocks(span, k)
            inverse = np.linalg.inv(self.Lambdas[j])
            remainder = np.eye(k)[:, :, None] - self.diagonal_blocks(span, k)
            found[j] = shared_right(shared_left(inverse.T, remainder), inverse)
        self.scale_symmetric({j: L.T for j, L in self.Lambdas.items()})
        diagonal = self.flat[:: self.m2 + 1]
        diagonal *= 0.5
        spread = self.scatter.gather(self.flat)
        diagonal *= 2.0
        D = np.eye(len(self.A11))[:, :, None] - multiply(self.A11, self.W1)
        own = multiply(D, self.A11 - multiply(spread, D.transpose(1, 0, 2)))
        found[self.leading] = own
        self.blocks = [found[j] for j in range(len(found))]
        self.inverted = True

    def diagonal_blocks(self, span, k):
        """Diagonal (k, k) blocks of a factor in the buffer, group axis last."""
        starts = np.arange(span.start, span.stop, k)
        return np.array(
            [
                [self.buffer[starts + max(a, b), starts + min(a, b)] for b in range(k)]
                for a in range(k)
            ]
        )

    def thin_blocks(self, j):
        """P_hh of a factor whose Lambda is nearly singular: S22 - S22 W2 S22."""
        columns, (G, k) = self.thin[j], self.rest.shapes[j]
        Y = blas.dtrsm(1.0, self.buffer, self.scale_back(columns), lower=1)
        Y = Y.reshape(self.m2, G, k)
        blocks = np.einsum("gagb->abg", columns[self.rest.spans[j]].reshape(G, k, G, k))
        return blocks - np.einsum("rga,rgb->abg", Y, Y)

    def diagonal(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor."""
        self.invert()
        return self.blocks

    def traces(self):
        """Sum of the diagonal blocks."""
        return [block.sum(axis=2) for block in self.diagonal()]

    def apply(self, directions):
        """Z'V^-1 Z times some directions."""
        self.invert()
        U1 = directions[self.leading]
        U2 = self.rest.join(directions)
        C1 = multiply(self.A11, U1) + groups_last(self.by_A12 @ U2, U1.shape)
        C2 = self.A21 @ levels_major(U1) + self.A22 @ U2
        right = C2 - self.A21 @ levels_major(multiply(self.W1, C1))
        B2 = blas.dsymm(1.0, self.buffer, np.asfortranarray(right), lower=1)
        return self.reduce(C1, C2, B2)

    def between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, between levels of two factors.

        Parameters
        ----------
        j, h : int
            Factors.
        levels_j, levels_h : ndarray of int of shape (n,)

        Returns
        -------
        ndarray of shape (k_j, k_h, n)
            Off-diagonal blocks of ``(Z'Z + Psi^-1)^-1 = [[., -W1 A12 W2], [., W2]]``.
            For the leading factor O(levels that each of its levels meets).
        """
        self.invert()
        if h == self.leading:
            return self.between(h, j, levels_h, levels_j).transpose(1, 0, 2)
        starts_h = self.first_rows(h, levels_h)
        columns = range(self.rest.shapes[h][1])
        if j != self.leading:
            starts_j = self.first_rows(j, levels_j)
            rows = range(self.rest.shapes[j][1])
            return np.array(
                [
                    [self.entries(starts_j + a, starts_h + b) for b in columns]
                    for a in rows
                ]
            )
        k = len(self.A11)
        met = np.empty((k, len(columns), len(levels_j)))
        for a in range(k):
            for part, owner, index, value in self.met_levels(levels_j * k + a):
                for b in columns:
                    W2 = self.entries(index, starts_h[part][owner] + b)
                    met[a, b, part] = np.bincount(
                        owner, value * W2, minlength=part.stop - part.start
                    )
        return -multiply(self.W1[:, :, levels_j], met)

    def first_rows(self, j, levels):
        """Positions in W2 of the first effects of some levels of a factor."""
        first, (_, k) = self.rest.spans[j].start, self.rest.shapes[j]
        return first + levels.astype(np.intp) * k

    def entries(self, rows, columns):
        """Entries of the symmetric matrix whose lower triangle is in the buffer."""
        return self.buffer[np.maximum(rows, columns), np.minimum(rows, columns)]

    def met_levels(self, rows):
        """Yield the entries of some rows of A12, a bounded number at a time.

        Parameters
        ----------
        rows : ndarray of int of shape (n,)

        Yields
        ------
        part : slice
            Of `rows`.
        owner, index, value : ndarray
            Which row of the part an entry is in, its column, and its value.
        """
        starts = self.A12.indptr[rows].astype(np.intp)
        counts = self.A12.indptr[rows + 1] - starts
        chunk = np.cumsum(counts) // MOST_ENTRIES
        edges = np.flatnonzero(np.diff(chunk)) + 1
        for first, stop in itertools.pairwise([0, *edges, len(rows)]):
            part = slice(int(first), int(stop))
            owner = np.repeat(np.arange(part.stop - part.start), counts[part])
            ends = np.cumsum(counts[part])
            within = np.arange(len(owner)) - np.repeat(
                ends - counts[part], counts[part]
            )
            place = starts[part][owner] + within
            yield part, owner, self.A12.indices[place], self.A12.data[place]

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels: all the average information needs."""
        (Pff,) = directional_sums(self.apply, [block[:, None] for block in f])
        return None, Pff, None
