"""New responses of a fitted model, drawn as cross-products: no row is ever made.

The likelihood sees a response y only through Z'y, X'y and y'y. Under the model,
y = X beta + Z b + e, and these follow from b and from h = [Z X]'e, which is normal with
covariance sigma^2 [Z X]'[Z X]; and e'e is the squared length of what h determines of e
plus sigma^2 times an independent chi-square.
"""

from dataclasses import dataclass

import numpy as np

from skmixed.errors import TooLargeError
from skmixed.likelihood.products.responses import put_response

# Random and fixed effects at the most whose cross-products are factored densely.
MOST_EFFECTS = 3000
# Numbers drawn at once at the most.
AT_ONCE = 2_000_000
# Eigenvalues of cross-products below this, relative to the largest, are zero.
RANK = 1e-11


@dataclass(frozen=True, eq=False)
class DrawnResponses:
    """Cross-products of some new responses.

    Parameters
    ----------
    Zty : list of ndarray of shape (k_j, G_j, B)
    Xty : ndarray of shape (p, B)
    yty : ndarray of shape (B,)
    """

    Zty: list
    Xty: np.ndarray
    yty: np.ndarray

    def put_into(self, A, draw):
        """Cross-products with one of the responses in the place of y.

        Parameters
        ----------
        A : CrossProducts
        draw : int

        Returns
        -------
        CrossProducts
        """
        Zty = [block[:, :, draw].T for block in self.Zty]
        return put_response(A, A.basis, self.Xty[:, draw], self.yty[draw], Zty)


class ResponseLaw:
    """The law of a response's cross-products under some parameters.

    Parameters
    ----------
    A : CrossProducts
    beta : ndarray of shape (p,)
        In the frame of A.
    Lambdas : list of ndarray of shape (k_j, k_j)
    sigma : float

    Raises
    ------
    ValueError
        If there are several grouping factors with too many levels to factor the
        cross-products of all random effects.
    """

    def __init__(self, A, beta, Lambdas, sigma):
        self.A, self.beta, self.sigma = A, beta, sigma
        self.roots = [sigma * Lambda for Lambda in Lambdas]
        self.errors = GroupedErrors(A) if len(A.factors) == 1 else DenseErrors(A)

    def stream(self, n_draws, rng):
        """Draw responses in batches that fit into memory.

        Parameters
        ----------
        n_draws : int
        rng : Generator

        Yields
        ------
        CrossProducts
            Those of the law, with a drawn response in the place of y.
        """
        batch = max(1, AT_ONCE // max(sum(f.size for f in self.A.factors), 1))
        for start in range(0, n_draws, batch):
            drawn = self.draw(min(batch, n_draws - start), rng)
            for i in range(len(drawn.yty)):
                yield drawn.put_into(self.A, i)

    def draw(self, n_draws, rng):
        """Draw new responses.

        Parameters
        ----------
        n_draws : int
        rng : Generator

        Returns
        -------
        DrawnResponses
        """
        A, p = self.A, self.A.n_fixed
        b = [
            np.einsum("ab,bgn->agn", root, rng.standard_normal((*shape(A, j), n_draws)))
            for j, root in enumerate(self.roots)
        ]
        ZtXbeta = [np.einsum("apg,p->ag", block[:, :p], self.beta) for block in A.ZtXy]
        ZtZb = apply_products(A, b)
        h, ete = self.errors.draw(n_draws, rng)
        Zty, yty = [], self.beta @ A.gram[:p, :p] @ self.beta + self.sigma**2 * ete
        Xty = np.repeat((A.gram[:p, :p] @ self.beta)[:, None], n_draws, axis=1)
        Xty += self.sigma * h[-1]
        yty = yty + 2.0 * self.sigma * (self.beta @ h[-1])
        for j, block in enumerate(A.ZtXy):
            Xty += np.einsum("apg,agn->pn", block[:, :p], b[j], optimize=True)
            Zty.append(ZtXbeta[j][:, :, None] + ZtZb[j] + self.sigma * h[j])
            across = 2.0 * (ZtXbeta[j][:, :, None] + self.sigma * h[j]) + ZtZb[j]
            yty = yty + np.einsum("agn,agn->n", b[j], across)
        return DrawnResponses(Zty, Xty, yty)


def shape(A, j):
    """Effects and levels of a factor."""
    return A.factors[j].n_effects, A.factors[j].n_levels


def apply_products(A, b):
    """``Z'Z b`` of all factors, for arrays of shape (k_j, G_j, B)."""
    out = [
        np.einsum("abg,bgn->agn", block, own)
        for block, own in zip(A.ZtZ, b, strict=True)
    ]
    n_draws = b[0].shape[2]
    for pair in A.pairs:
        block = pair.to_csr()
        for into, product, other in (
            (pair.first, block, pair.second),
            (pair.second, block.T, pair.first),
        ):
            k, G = shape(A, into)
            flat = product @ b[other].transpose(1, 0, 2).reshape(-1, n_draws)
            out[into] += flat.reshape(G, k, n_draws).transpose(1, 0, 2)
    return out


class GroupedErrors:
    """[Z X]'e and e'e of standard normal e, for one grouping factor.

    Parameters
    ----------
    A : CrossProducts

    Notes
    -----
    Per group Z'e = R xi with R = (Z'Z)^(1/2); given those, X'e has mean
    sum X'Z (Z'Z)^- Z'e and the covariance of what of X is not in the groups' span.
    Symmetric roots are unique; eigenvectors are not where eigenvalues are equal, as in
    balanced designs, and draws made of them would depend on the processor.
    """

    def __init__(self, A):
        p = A.n_fixed
        values, vectors = np.linalg.eigh(A.ZtZ[0].transpose(2, 0, 1))
        kept = values > RANK * values[:, -1:]
        root = np.sqrt(np.where(kept, values, 0.0))
        inverse = np.divide(1.0, root, out=np.zeros_like(root), where=kept)
        back = vectors.transpose(0, 2, 1)
        self.R = (vectors * root[:, None]) @ back
        self.span = (vectors * kept[:, None]) @ back
        # (G, k, p): what the groups' xi add to X'e
        inverse = (vectors * inverse[:, None]) @ back
        self.slopes = inverse @ A.ZtXy[0][:, :p].transpose(2, 0, 1)
        flat = self.slopes.reshape(kept.size, p)
        self.rest = SymmetricRoot(A.gram[:p, :p] - flat.T @ flat, A.gram[:p, :p])
        self.n_left = A.n_obs - int(kept.sum()) - self.rest.rank

    def draw(self, n_draws, rng):
        """Draw errors; see :meth:`ResponseLaw.draw`.

        Returns
        -------
        h : list of ndarray
            Z'e of shape (k, G, B) and X'e of shape (p, B).
        ete : ndarray of shape (B,)
        """
        xi = self.span @ rng.standard_normal((*self.R.shape[:2], n_draws))
        Xte, squares = self.rest.draw(n_draws, rng)
        Zte = np.einsum("gak,gkn->agn", self.R, xi)
        Xte = np.einsum("gkp,gkn->pn", self.slopes, xi, optimize=True) + Xte
        ete = np.einsum("gkn,gkn->n", xi, xi) + squares
        return [Zte, Xte], ete + chi_square(self.n_left, n_draws, rng)


class DenseErrors:
    """[Z X]'e and e'e of standard normal e, for any small design.

    Parameters
    ----------
    A : CrossProducts
    """

    def __init__(self, A):
        sizes = [factor.size for factor in A.factors]
        if sum(sizes) + A.n_fixed > MOST_EFFECTS:
            raise TooLargeError(
                "The parametric bootstrap of several grouping factors needs a root of "
                f"the cross-products of all {sum(sizes)} random effects; it is done up "
                f"to {MOST_EFFECTS}. Pass the rows of the fit as X to draw from rows."
            )
        self.shapes = [shape(A, j) for j in range(len(sizes))]
        self.ends = np.cumsum([0, *sizes])
        full = dense_products(A, self.ends)
        self.root = SymmetricRoot(full, full)
        self.n_left = A.n_obs - self.root.rank

    def draw(self, n_draws, rng):
        """Draw errors; see :meth:`GroupedErrors.draw`."""
        stacked, squares = self.root.draw(n_draws, rng)
        h = [
            stacked[a:b].reshape(G, k, n_draws).transpose(1, 0, 2)
            for (k, G), a, b in zip(
                self.shapes, self.ends[:-1], self.ends[1:], strict=True
            )
        ]
        ete = squares + chi_square(self.n_left, n_draws, rng)
        return [*h, stacked[self.ends[-1] :]], ete


def dense_products(A, ends):
    """[Z X]'[Z X] as one matrix.

    Parameters
    ----------
    A : CrossProducts
    ends : ndarray of int
        Where each factor's effects start, levels major.

    Returns
    -------
    ndarray of shape (N + p, N + p)
    """
    N, p = ends[-1], A.n_fixed
    full = np.zeros((N + p, N + p))
    full[N:, N:] = A.gram[:p, :p]
    for j, start in enumerate(ends[:-1]):
        k, G = shape(A, j)
        span, level = slice(start, ends[j + 1]), np.arange(G)
        view = full[span, span].reshape(G, k, G, k)
        view[level, :, level, :] = A.ZtZ[j].transpose(2, 0, 1)
        full[span, N:] = A.ZtXy[j][:, :p].transpose(2, 0, 1).reshape(G * k, p)
        full[N:, span] = full[span, N:].T
    for pair in A.pairs:
        block = pair.to_csr().toarray()
        rows, cols = (slice(ends[j], ends[j + 1]) for j in (pair.first, pair.second))
        full[rows, cols], full[cols, rows] = block, block.T
    return full


class SymmetricRoot:
    """The symmetric root of a covariance, and the space that it spans.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
        Positive semidefinite.
    scale : ndarray of shape (k, k)
        Whose diagonal says what is zero.

    Attributes
    ----------
    rank : int
    """

    def __init__(self, matrix, scale):
        unit = np.sqrt(np.maximum(np.diag(scale), np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(matrix / np.outer(unit, unit))
        kept = values > RANK * max(values.max(initial=0.0), 1.0)
        values, vectors = values[kept], vectors[:, kept]
        self.root = unit[:, None] * ((vectors * np.sqrt(values)) @ vectors.T)
        self.span = vectors @ vectors.T
        self.rank = int(kept.sum())

    def draw(self, n_draws, rng):
        """Draw normal vectors of that covariance.

        Parameters
        ----------
        n_draws : int
        rng : Generator

        Returns
        -------
        drawn : ndarray of shape (k, n_draws)
        squares : ndarray of shape (n_draws,)
            Squared lengths of the standard normal vectors that they are made of.
        """
        xi = self.span @ rng.standard_normal((len(self.root), n_draws))
        return self.root @ xi, np.einsum("kn,kn->n", xi, xi)


def chi_square(df, n_draws, rng):
    """Chi-square variates; zero where there are no degrees of freedom."""
    return rng.chisquare(df, n_draws) if df > 0 else np.zeros(n_draws)
