"""Cross-products of many responses with one design, in one pass over the rows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.freeze import rounding_of
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import transposed_z

# Numbers of rows times responses that are held at once.
AT_ONCE = 500_000
# Fields that have a response axis where responses have weights of their own, and those
# that always have one.
OF_WEIGHTS = ("gram", "ZtZ", "ZtX", "pairs")
OF_RESPONSES = ("Xty", "yty", "Zty", "n_obs", "logdet", "crude", "shift", "rounding")


@dataclass(frozen=True, eq=False)
class ManyProducts:
    """Cross-products of r responses with [Z X], in the basis of one design.

    The response axis comes first. What does not depend on the response has length 1
    there, unless responses have weights, or missing values, of their own.

    Parameters
    ----------
    A : CrossProducts
        Of the design with any response: its basis, factors and pairs of levels.
    gram : ndarray of shape (1 or r, p, p)
        X'WX.
    ZtZ : tuple of ndarray of shape (1 or r, k_j, k_j, G_j)
    ZtX : tuple of ndarray of shape (1 or r, k_j, p, G_j)
    pairs : tuple of ndarray of shape (1 or r, n_pairs, k_i, k_j)
        Of the pairs of levels of A.
    Xty : ndarray of shape (r, p)
    yty : ndarray of shape (r,)
    Zty : tuple of ndarray of shape (r, k_j, G_j)
    n_obs : ndarray of int of shape (r,)
    logdet : ndarray of shape (r,)
        Sums of the logarithms of the weights.
    crude : ndarray of shape (r, p)
        Coefficients that were taken off the responses, in the basis.
    shift : ndarray of shape (r,)
        What was taken off them before.
    rounding : ndarray of shape (r,)
        Size of the rounding of the responses.
    """

    A: CrossProducts
    gram: np.ndarray
    ZtZ: tuple[np.ndarray, ...]
    ZtX: tuple[np.ndarray, ...]
    pairs: tuple[np.ndarray, ...]
    Xty: np.ndarray
    yty: np.ndarray
    Zty: tuple[np.ndarray, ...]
    n_obs: np.ndarray
    logdet: np.ndarray
    crude: np.ndarray
    shift: np.ndarray
    rounding: np.ndarray

    def __len__(self):
        return len(self.yty)

    @property
    def shared(self):
        """Whether all responses have the same rows and weights."""
        return len(self.gram) == 1

    @classmethod
    def stacked(cls, products):
        """Join responses that are known by their cross-products.

        Parameters
        ----------
        products : list of CrossProducts
            Of one design, in bases that differ in their responses alone.

        Returns
        -------
        ManyProducts
        """
        A, p = products[0], products[0].n_fixed
        every = range(len(A.factors))
        bases = [one.basis for one in products]
        return cls(
            **shared_parts(A),
            Xty=np.array([one.gram[:p, p] for one in products]),
            yty=np.array([one.gram[p, p] for one in products]),
            Zty=tuple(np.array([one.ZtXy[j][:, p] for one in products]) for j in every),
            n_obs=np.array([one.n_obs for one in products]),
            logdet=np.array([one.sum_log_weights for one in products]),
            crude=np.array([basis.crude_coef for basis in bases]),
            shift=np.array([basis.y_shift for basis in bases]),
            rounding=np.array([basis.y_rounding for basis in bases]),
        )

    @property
    def own_fields(self):
        """Fields that have a response axis."""
        return OF_RESPONSES if self.shared else OF_RESPONSES + OF_WEIGHTS

    def __getitem__(self, rows):
        """Products of some of the responses."""
        parts: dict[str, Any] = {}
        for name in self.own_fields:
            part = getattr(self, name)
            if isinstance(part, tuple):
                parts[name] = tuple(own[rows] for own in part)
            else:
                parts[name] = part[rows]
        return replace(self, **parts)

    def single(self, j):
        """Cross-products of one response.

        Parameters
        ----------
        j : int

        Returns
        -------
        CrossProducts
        """
        A, own = self.A, self[j : j + 1]
        basis = replace(
            A.basis,
            crude_coef=own.crude[0].copy(),
            y_shift=float(own.shift[0]),
            y_rounding=float(own.rounding[0]),
        )
        p = A.n_fixed
        gram = np.empty((p + 1, p + 1))
        gram[:p, :p], gram[p, p] = own.gram[0], own.yty[0]
        gram[:p, p] = gram[p, :p] = own.Xty[0]
        return replace(
            A,
            basis=basis,
            gram=gram,
            ZtZ=tuple(block[0] for block in own.ZtZ),
            ZtXy=tuple(
                np.concatenate([ZtX[0], Zty[0][:, None]], axis=1)
                for ZtX, Zty in zip(own.ZtX, own.Zty, strict=True)
            ),
            pairs=tuple(
                replace(pair, data=data[0])
                for pair, data in zip(A.pairs, own.pairs, strict=True)
            ),
            n_obs=int(own.n_obs[0]),
            sum_log_weights=float(own.logdet[0]),
        )


def join_products(parts):
    """Cross-products of parts of the responses as those of all.

    Parameters
    ----------
    parts : list of ManyProducts
        Of one design.

    Returns
    -------
    ManyProducts
    """
    if len(parts) == 1:
        return parts[0]
    own: dict[str, Any] = {}
    for name in parts[0].own_fields:
        blocks = [getattr(part, name) for part in parts]
        if isinstance(blocks[0], tuple):
            own[name] = tuple(map(np.concatenate, zip(*blocks, strict=True)))
        else:
            own[name] = np.concatenate(blocks)
    return replace(parts[0], **own)


def shared_parts(A):
    """What many responses share, as :class:`ManyProducts` has it."""
    p = A.n_fixed
    return {
        "A": A,
        "gram": A.gram[None, :p, :p],
        "ZtZ": tuple(block[None] for block in A.ZtZ),
        "ZtX": tuple(np.ascontiguousarray(block[None, :, :p]) for block in A.ZtXy),
        "pairs": tuple(pair.data[None] for pair in A.pairs),
    }


class ManyRows:
    """Rows of a design, to be multiplied with many responses.

    Parameters
    ----------
    A : CrossProducts
        Of the design with any response, in the basis that is wanted.
    design : Design
        With the weights that all responses share.
    """

    def __init__(self, A, design):
        self.A, self.design = A, design
        self.residual = residual_of(design)
        self.rows = A.basis.rows(design)

    def products(self, Y, W=None):
        """Cross-products of responses, some of them at a time.

        Parameters
        ----------
        Y : ndarray of shape (n, r)
        W : ndarray of shape (n, r), optional
            Weights of every response's own; zero where it is left out, whatever it is
            there.

        Returns
        -------
        ManyProducts
        """
        size, parts = max(1, AT_ONCE // max(len(self.rows), 1)), []
        for start in range(0, Y.shape[1], size):
            own = slice(start, start + size)
            if W is None:
                parts.append(self.plain_products(Y[:, own]))
            else:
                parts.append(self.weighted_products(Y[:, own], W[:, own]))
        return join_products(parts)

    def plain_products(self, Y):
        """Cross-products of responses that share rows and weights."""
        A, rows, residual = self.A, self.rows, self.residual
        E = Y.astype(float)
        if self.design.offset is not None:
            E -= self.design.offset[:, None]
        rounding = rounding_of(E, residual)
        shift = E.mean(axis=0) * A.basis.constant.any()
        E -= shift
        p, heavy = A.n_fixed, residual.times(rows.X.T)
        crude = np.linalg.pinv(A.gram[:p, :p], hermitian=True) @ (heavy @ E)
        E -= rows.X @ crude
        Zty = []
        for z, codes, factor in zip(rows.z, rows.codes, A.factors, strict=True):
            Zt = transposed_z(residual.times(z.T).T, codes, factor.n_levels)
            own = (Zt @ E).reshape(factor.n_levels, factor.n_effects, -1)
            Zty.append(np.ascontiguousarray(own.transpose(2, 1, 0)))
        r = E.shape[1]
        return ManyProducts(
            **shared_parts(A),
            Xty=(heavy @ E).T,
            yty=np.einsum("ij,ij->j", E, residual.times(E.T).T),
            Zty=tuple(Zty),
            n_obs=np.full(r, A.n_obs),
            logdet=np.full(r, A.sum_log_weights),
            crude=crude.T,
            shift=shift,
            rounding=rounding,
        )

    def weighted_products(self, Y, W):
        """Cross-products of responses with weights of their own."""
        A, X = self.A, self.rows.X
        p, r = X.shape[1], Y.shape[1]
        seen = W > 0
        E = np.where(seen, Y, 0.0)
        if self.design.offset is not None:
            E -= self.design.offset[:, None]
        rounding = 8 * np.finfo(float).eps * np.abs(E).max(axis=0, initial=0.0)
        shift = np.average(E, axis=0, weights=seen) * A.basis.constant.any()
        E = np.where(seen, E - shift, 0.0)
        gram = (X[:, :, None] * X[:, None]).reshape(-1, p * p).T @ W
        gram = gram.T.reshape(r, p, p)
        crude = solve_each(gram, (X.T @ (W * E)).T)
        E -= X @ crude.T
        WE = W * E
        by_factor = [self.by_factor(j, W, WE) for j in range(len(A.factors))]
        ZtZ, ZtX, Zty = zip(*by_factor, strict=True) if by_factor else ((), (), ())
        return ManyProducts(
            A=A,
            gram=gram,
            ZtZ=ZtZ,
            ZtX=ZtX,
            pairs=tuple(self.by_pair(pair, W) for pair in A.pairs),
            Xty=(X.T @ WE).T,
            yty=np.einsum("ij,ij->j", E, WE),
            Zty=Zty,
            n_obs=seen.sum(axis=0),
            logdet=np.log(np.where(seen, W, 1.0)).sum(axis=0),
            crude=crude,
            shift=shift,
            rounding=rounding,
        )

    def by_factor(self, j, W, WE):
        """Z'WZ, Z'WX and Z'Wy of one factor."""
        z, codes = self.rows.z[j], self.rows.codes[j]
        G = self.A.factors[j].n_levels
        columns = np.hstack([z, self.rows.X])
        into = sparse.csr_array(
            (np.ones(len(codes)), (codes, np.arange(len(codes)))), (G, len(codes))
        )
        k, m = z.shape[1], columns.shape[1]
        found = np.empty((W.shape[1], k, m, G))
        own = np.empty((W.shape[1], k, G))
        for a in range(k):
            own[:, a] = (into @ (z[:, a, None] * WE)).T
            for c in range(m):
                found[:, a, c] = (into @ ((z[:, a] * columns[:, c])[:, None] * W)).T
        return found[:, :, :k], found[:, :, k:], own

    def by_pair(self, pair, W):
        """Z_i'WZ_j of the pairs of levels of two factors that meet."""
        i, j = self.rows.codes[pair.first], self.rows.codes[pair.second]
        cells = pair.rows.astype(np.int64) * pair.n_second + pair.indices
        order = np.argsort(cells)
        wanted = i.astype(np.int64) * pair.n_second + j
        met = order[np.searchsorted(cells, wanted, sorter=order)]
        into = sparse.csr_array(
            (np.ones(len(met)), (met, np.arange(len(met)))), (len(cells), len(met))
        )
        z, other = self.rows.z[pair.first], self.rows.z[pair.second]
        data = np.empty((W.shape[1], len(cells), z.shape[1], other.shape[1]))
        for a in range(z.shape[1]):
            for b in range(other.shape[1]):
                heavy = (z[:, a] * other[:, b])[:, None] * W
                data[:, :, a, b] = (into @ heavy).T
        return data


def solve_each(gram, right):
    """Solve a system per response; zero where a matrix is singular.

    Parameters
    ----------
    gram : ndarray of shape (r, p, p)
    right : ndarray of shape (r, p)

    Returns
    -------
    ndarray of shape (r, p)
    """
    if not right.shape[1]:
        return right
    pseudo = np.linalg.pinv(gram, hermitian=True)
    return np.matmul(pseudo, right[:, :, None])[:, :, 0]
