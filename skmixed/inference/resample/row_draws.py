"""New responses of a fitted model, drawn row by row: for designs of any size."""

import numpy as np

from skmixed.errors import RowsError
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.responses import CHUNK, with_responses

# Gram matrices of the same rows agree to this, relative.
SAME_ROWS = 1e-6


class RowLaw:
    """The law of a response, given the rows of the design.

    Parameters
    ----------
    result : FitResult
    A : CrossProducts
        Of the design, in the basis in which those of the draws are wanted.
    design : Design
        The rows of the fit, with their weights.

    Raises
    ------
    ValueError
        If the rows are not those of the fit.
    """

    def __init__(self, result, A, design):
        self.result, self.A, self.design = result, A, design
        refuse_other_rows(A, design)
        self.roots = [result.sigma * L for L in result.relative_factors]

    def stream(self, n_draws, rng):
        """Draw responses, a few at a time.

        Parameters
        ----------
        n_draws : int
        rng : Generator

        Yields
        ------
        CrossProducts
            In the basis of A, with a drawn response in the place of y.
        """
        for start in range(0, n_draws, CHUNK):
            yield from self.products(self.draw(min(CHUNK, n_draws - start), rng))

    def products(self, Y):
        """Put responses in the place of y.

        Parameters
        ----------
        Y : ndarray of shape (n, m)

        Yields
        ------
        CrossProducts
        """
        return with_responses(self.A, self.design, Y)

    def draw(self, n_draws, rng):
        """Draw responses, of shape (n, n_draws)."""
        design, result = self.design, self.result
        noise = result.sigma * rng.standard_normal((len(design.X), n_draws))
        Y = residual_of(design).unroot(noise.T).T
        Y += (design.X[:, result.kept] @ result.coef)[:, None]
        if design.offset is not None:
            Y += design.offset[:, None]
        effects = [
            np.einsum("ab,gbn->gan", root, rng.standard_normal((G, len(root), n_draws)))
            for root, G in zip(self.roots, result.n_levels, strict=True)
        ]
        for block, (j, positions, _) in zip(design.random, result.terms, strict=True):
            for column, position in enumerate(positions):
                drawn = effects[j][:, position]
                Y += block.z[:, column, None] * drawn[block.codes]
        return Y


def refuse_other_rows(A, design):
    """Raise unless a design has the rows of a fit.

    Parameters
    ----------
    A : CrossProducts
    design : Design

    Raises
    ------
    ValueError
    """
    X, p = A.basis.fixed.apply(design.X), A.n_fixed
    heavy = residual_of(design).times(X.T)
    same = len(X) == A.n_obs and all((b.codes >= 0).all() for b in design.random)
    if not same or not np.allclose(
        heavy @ X, A.gram[:p, :p], rtol=SAME_ROWS, atol=SAME_ROWS * A.n_obs
    ):
        raise RowsError(
            f"The bootstrap from rows needs the {A.n_obs} rows that the model was "
            "fitted to, with their weights; X has others."
        )
