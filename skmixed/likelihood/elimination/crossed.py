"""Elimination of crossed factors: one in batches, the others in a dense complement."""

import copy
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import blas, lapack

from skmixed.likelihood.elimination.complement import Complement
from skmixed.likelihood.elimination.crossed_between import relative_covariances
from skmixed.likelihood.elimination.crossed_sums import pair_sums
from skmixed.likelihood.elimination.factored import Workspace
from skmixed.likelihood.elimination.reweighting import (
    met_covariances,
    places_of,
    put_values,
    stacked_values,
    tagged,
)
from skmixed.likelihood.elimination.settled import (
    SettledFactorisation,
    SettledRegime,
)
from skmixed.likelihood.elimination.sizes import (
    Bid,
    block_bytes,
    block_flops,
    check_memory,
    complement_bytes,
    complement_pairs,
)
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
# Entries of a matrix of m2 columns, of which an exact Hessian takes some: 200 MB.
MOST_CURVED = 2.5e7
# Columns up to which a second complement is made, for digits that subtractions lose.
MOST_SETTLED = 5000


class CrossedElimination(SettledRegime):
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
    information, but for :meth:`curved`.
    """

    name = "crossed"
    exact = False
    costly = True

    @classmethod
    def bid(cls, sizes):
        """Bid for factors that cross."""
        if len(sizes.groups) < 2 or sizes.nested:
            return None
        m2 = sum(sizes.n_random) - max(sizes.n_random)
        flops = float(m2) ** 3 + 2.0 * complement_pairs(sizes) + block_flops(sizes)
        return Bid(flops, block_bytes(sizes) + complement_bytes(sizes, m2), m2)

    @classmethod
    def refuse_too_large(cls, sizes):
        """Raise where the complement would not fit into memory."""
        check_memory(sizes, cls.bid(sizes))

    def set_up(self, A):
        """Take the random effects' cross-products."""
        self.leading, rest = leading_factor([f.size for f in A.factors])
        self.rest = Stack.of(A.factors, rest)
        self.m2 = self.n_dense = self.rest.size
        self.A11 = A.ZtZ[self.leading]
        self.A12, self.A22 = self.products(A)
        self.scatter = LevelScatter(self.A12, len(self.A11))
        self.prepare_products()
        lower = sparse.tril(self.A22).tocoo()
        self.lower_positions = lower.row.astype(np.int64) + lower.col * np.int64(
            self.m2
        )
        self.lower_values = lower.data
        self.workspace = Workspace(self.m2)

    def curved(self, Lambdas):
        """Give the same with an exact Hessian, near Lambdas that have inverses."""
        k, m2 = len(self.A11), self.m2
        if min(map(smallest_root, Lambdas)) < INVERTIBLE or (k * m2) ** 2 > MOST_CURVED:
            return self
        other = copy.copy(self)
        other.exact = True
        return other

    @property
    def plain(self):
        """The same with the average information, for steps."""
        other = copy.copy(self)
        other.exact = False
        return other

    def products(self, A):
        """``A12, A22``: the leading factor's products with the others, and theirs."""
        rest, products = self.rest.order, {}
        for pair in A.pairs:
            products[pair.first, pair.second] = pair.to_csr()
            products[pair.second, pair.first] = products[pair.first, pair.second].T
        A12 = sparse.hstack([products[self.leading, j] for j in rest], format="csr")
        A12.sort_indices()
        return A12, self.complement(A, products)

    def prepare_products(self):
        """Put A12 and A21 into the form that multiplies fastest."""
        self.by_A12 = self.A12
        if self.A12.nnz > FILLED * np.prod(self.A12.shape):
            self.by_A12 = self.A12.toarray()
            self.A21 = self.by_A12.T
        else:
            self.A21 = self.A12.T.tocsr()

    def reweighted(self, A):
        """Give the elimination of the same rows with other weights.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        CrossedElimination
        """
        if "places" not in self.__dict__:
            self.places = places_of(self.products(tagged(A)))
            self.n_values = len(stacked_values(A))
        other = copy.copy(self)
        other.A11 = A.ZtZ[self.leading]
        put_values(self, other, stacked_values(A))
        other.prepare_products()
        other.take_columns(A)
        return other

    def take_columns(self, A):
        """Take [X y] from cross-products with the same random effects."""
        self.keep_columns(A)
        self.C1 = A.ZtXy[self.leading]
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
        return CrossedFactored(self, Lambdas)

    @property
    def settles(self):
        """Whether memory has room for a second matrix."""
        return self.m2 <= MOST_SETTLED

    def in_factor_order(self, leading, stacked):
        """List by factor from the leading block and the m2 rows of the others."""
        blocks = {self.leading: leading, **self.rest.cut(stacked)}
        return [blocks[j] for j in range(len(blocks))]


class CrossedFactored(SettledFactorisation):
    """V of crossed factors at some Lambdas; see :class:`CrossedElimination`.

    Parameters
    ----------
    elimination : CrossedElimination
    Lambdas : list of ndarray of shape (k_j, k_j)

    Notes
    -----
    One matrix of m2 columns holds the factor L until the first question that needs W2,
    which then takes its place; what only L can tell is found before.
    """

    def __init__(self, elimination, Lambdas):
        super().__init__(Lambdas)
        e = self.elimination = elimination
        self.C1, self.C2 = e.C1, e.C2
        self.N, logdet = relative_root(e.A11, Lambdas[e.leading])
        self.W1 = multiply(self.N, self.N, transpose_A=True)
        self.complement = Complement(e.rest, e.workspace.lend_to(self))
        self.logdet_V = logdet + self.factor_complement()
        NC = multiply(self.N, self.C1)
        S2 = self.C2 - e.A21 @ levels_major(multiply(self.N, NC, transpose_A=True))
        self.Y = self.solve_lower(S2)
        explained = sum(rows @ rows.T for rows in NC) + self.Y.T @ self.Y
        self.subtracted_S = e.gram - explained

    def factor_complement(self):
        """Form M = I + Lambda2'S22 Lambda2 in the matrix and factor it."""
        e, complement = self.elimination, self.complement
        complement.flat.fill(0.0)
        e.scatter.subtract(self.W1, complement.flat)
        complement.flat[e.lower_positions] += e.lower_values
        self.thin = {
            j: complement.columns(e.rest.spans[j])
            for j in e.rest.order
            if smallest_root(self.Lambdas[j]) < INVERTIBLE
        }
        complement.scale(self.Lambdas)
        complement.diagonal += 1.0
        _, info = lapack.dpotrf(complement.matrix, lower=1, clean=0, overwrite_a=1)
        if info:
            raise np.linalg.LinAlgError(
                "I + Lambda'Z'Z Lambda is not positive definite"
            )
        return 2.0 * float(np.log(complement.diagonal).sum())

    def solve_lower(self, matrix):
        """``L^-1 Lambda2'`` times a matrix of m2 rows, before W2 takes L's place."""
        scaled = self.elimination.rest.scale([L.T for L in self.Lambdas], matrix)
        return blas.dtrsm(1.0, self.complement.matrix, scaled, lower=1)

    @cached_property
    def subtracted_F(self):
        """Z'V^-1[X y]; also found before W2 takes L's place."""
        U2 = blas.dtrsm(1.0, self.complement.matrix, self.Y, lower=1, trans_a=1)
        B2 = self.elimination.rest.scale(self.Lambdas, U2)
        return self.less_fitted(self.C1, self.C2, B2)

    def modes(self, columns):
        """``(Z'WZ + Psi^-1)^-1 c`` of columns c that are given as Z'Wc."""
        e = self.elimination
        C1, C2 = columns[e.leading], e.rest.join(columns)
        right = C2 - e.A21 @ levels_major(multiply(self.W1, C1))
        B2 = self.solve_complement(right)
        B1 = multiply(self.W1, C1 - groups_last(e.by_A12 @ B2, C1.shape))
        return e.in_factor_order(B1, B2)

    def less_fitted(self, C1, C2, B2):
        """Subtract the fitted random effects: Z'V^-1 of columns, given W2's part."""
        e = self.elimination
        rest = C1 - groups_last(e.by_A12 @ B2, C1.shape)
        B1 = multiply(self.W1, rest)
        F1 = rest - multiply(e.A11, B1)
        F2 = C2 - e.A21 @ levels_major(B1) - e.A22 @ B2
        return e.in_factor_order(F1, F2)

    @cached_property
    def W2(self):
        """``Lambda2 H Lambda2'`` in place of the factor, and P on the way."""
        e, W2 = self.elimination, self.complement
        found = {j: self.thin_blocks(j) for j in self.thin}
        _ = self.F
        self.invert()
        for j in e.rest.order:
            if j not in found:
                inverse = np.linalg.inv(self.Lambdas[j])
                remainder = np.eye(len(inverse))[:, :, None] - W2.blocks(j)
                found[j] = shared_right(shared_left(inverse.T, remainder), inverse)
        W2.scale({j: self.Lambdas[j].T for j in e.rest.order})
        found[e.leading] = self.leading_blocks()
        self.blocks = [found[j] for j in range(len(found))]
        self.thin = {}
        return W2

    def invert(self):
        """Put H = M^-1 in the place of its factor."""
        matrix = self.complement.matrix
        if self.elimination.rough and len(matrix) >= ROUGH_FROM:
            inverse = np.asfortranarray(matrix, dtype=np.float32)
            lapack.spotri(inverse, lower=1, overwrite_c=1)
            matrix[:] = inverse
        else:
            lapack.dpotri(matrix, lower=1, overwrite_c=1)

    def leading_blocks(self):
        """P_gg of the leading factor: D A11 - D A12 W2 A21 D'."""
        e, W2 = self.elimination, self.complement
        W2.diagonal *= 0.5
        self.met, spread = e.scatter.through(W2.flat)
        self.spread = spread
        W2.diagonal *= 2.0
        D = np.eye(len(e.A11))[:, :, None] - multiply(e.A11, self.W1)
        return multiply(D, e.A11 - multiply(spread, D.transpose(1, 0, 2)))

    def thin_blocks(self, j):
        """P_hh of a factor whose Lambda is nearly singular: S22 - S22 W2 S22."""
        rest = self.elimination.rest
        columns, (G, k) = self.thin[j], rest.shapes[j]
        Y = self.solve_lower(columns).reshape(rest.size, G, k)
        blocks = np.einsum("gagb->abg", columns[rest.spans[j]].reshape(G, k, G, k))
        return blocks - np.einsum("rga,rgb->abg", Y, Y)

    @cached_property
    def P(self):
        """Diagonal blocks of Z'V^-1 Z per level of every factor."""
        _ = self.W2
        return self.blocks

    @cached_property
    def C(self):
        """Diagonal blocks of ``(Z'WZ + Psi^-1)^-1`` per level of every factor."""
        e, W2 = self.elimination, self.W2
        blocks = {j: W2.blocks(j) for j in e.rest.order}
        blocks[e.leading] = self.W1 + multiply(self.W1, multiply(self.spread, self.W1))
        return [blocks[j] for j in range(len(blocks))]

    def times(self, directions):
        """Z'WZ times some directions."""
        e = self.elimination
        U1, U2 = directions[e.leading], e.rest.join(directions)
        C1 = multiply(e.A11, U1) + groups_last(e.by_A12 @ U2, U1.shape)
        return e.in_factor_order(C1, e.A21 @ levels_major(U1) + e.A22 @ U2)

    def reduce(self, columns):
        """Z'V^-1 c of columns c that are given as Z'Wc."""
        e = self.elimination
        C1, C2 = columns[e.leading], e.rest.join(columns)
        right = C2 - e.A21 @ levels_major(multiply(self.W1, C1))
        return self.less_fitted(C1, C2, self.solve_complement(right))

    def solve_complement(self, right):
        """W2 times a matrix: by the factor L until W2 has taken its place."""
        if "W2" in self.__dict__:
            right = np.asfortranarray(right)
            return blas.dsymm(1.0, self.W2.matrix, right, lower=1)
        Y = self.solve_lower(right)
        U2 = blas.dtrsm(1.0, self.complement.matrix, Y, lower=1, trans_a=1)
        return self.elimination.rest.scale(self.Lambdas, U2)

    def meetings(self, pairs):
        """Covariances of all levels that meet, from the pairs that are listed."""
        e = self.elimination
        if len(e.scatter.heavy) or "places" not in e.__dict__:
            return super().meetings(pairs)
        return met_covariances(self, pairs)

    def known_between(self, j, h, levels_j, levels_h):
        """Relative covariances of b given the data, between levels of two factors."""
        return relative_covariances(self, j, h, levels_j, levels_h)

    def kronecker_sums(self, f, whitened):
        """Sums of P (x) ff' over pairs of levels, and all others where it is exact."""
        loadings = [[block[:, None] for block in f]]
        if whitened is not None:
            loadings.append(whitened)
        sums = directional_sums(self.apply, *loadings)
        PP = pair_sums(self) if self.elimination.exact else None
        return PP, *sums, *([None] * (2 - len(sums)))


def smallest_root(Lambda):
    """The smallest singular value of a Lambda."""
    return np.linalg.svd(Lambda, compute_uv=False)[-1]
