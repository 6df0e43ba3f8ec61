"""Likelihood-ratio tests whose law is drawn, not assumed."""

from itertools import tee

import numpy as np

from skmixed.errors import RowsError
from skmixed.inference.compare.nesting import embed
from skmixed.inference.compare.residual_rows import BlockPair
from skmixed.inference.compare.residuals import ResidualPair, fixed_map
from skmixed.inference.compare.structures import factor_key
from skmixed.inference.opened.residual_refit import by_pattern
from skmixed.inference.resample.bootstrap import chunk_sizes, in_chunks
from skmixed.inference.resample.draws import ResponseLaw
from skmixed.inference.resample.family_bootstrap import FamilyPair
from skmixed.inference.resample.refit import Refitter
from skmixed.inference.resample.row_draws import RowLaw
from skmixed.likelihood.covariance.roots import lower_root
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.responses import CHUNK, put_response
from skmixed.likelihood.result import is_linear
from skmixed.printing.progress import ignore


class NestedPair:
    """A null model within a larger one, fitted to responses drawn from the null.

    Responses are drawn as cross-products with the columns of the larger model; those
    of the null model are linear combinations of them.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion; ``small`` nested in ``large``.
    added : Difference
        Without a covariance map.
    """

    def __init__(self, small, large, added):
        self.small = Refitter(small)
        self.large = Refitter(large)
        self.law = self.null_law(small, large, added)
        self.columns, self.response = fixed_map(small, large, added.coef_map)
        self.effects = self.random_map(small, large)

    def null_law(self, small, large, added):
        """Law of the larger model's cross-products under the null model."""
        beta = large.A.basis.coef_from_raw(added.coef_map @ small.coef)
        Lambdas = [
            lower_root(basis.coordinates @ root)
            for root, basis in zip(
                embed(small, large, added), self.large.A.basis.random, strict=True
            )
        ]
        return ResponseLaw(self.large.A, beta, Lambdas, small.sigma)

    def random_map(self, small, large):
        """Per factor of the null model: its place, and maps of its effects."""
        places = {factor_key(group): j for j, group in enumerate(large.groups)}
        maps = []
        for i, group in enumerate(small.groups):
            j = places[factor_key(group)]
            index = [large.effects[j].index(effect) for effect in small.effects[i]]
            raw = self.large.A.basis.random[j].coordinates[:, index]
            maps.append((j, self.small.A.basis.random[i].contrasts(raw)))
        return maps

    def ratios(self, n_draws, rng):
        """Yield the likelihood ratios of responses drawn from the null model."""
        one, other = tee(self.law.stream(n_draws, rng))
        nulls = self.small.fit_each(map(self.of_null, one))
        for null, full in zip(nulls, self.large.fit_each(other), strict=True):
            yield null.criterion - full.criterion

    def of_null(self, A):
        """Cross-products of one drawn response with the null model's columns.

        Parameters
        ----------
        A : CrossProducts
            Of the larger model, with that response.

        Returns
        -------
        CrossProducts
        """
        full = np.append(self.response, 1.0)
        p = A.n_fixed
        return put_response(
            self.small.A,
            self.small.A.basis,
            self.columns.T @ A.gram[:p] @ full,
            full @ A.gram @ full,
            [
                (across.T @ np.einsum("apg,p->ag", A.ZtXy[j], full)).T
                for j, across in self.effects
            ],
        )


class RowPair:
    """The same from the rows of the fits, for designs of any size.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion; ``small`` nested in ``large``.
    designs : tuple of two Design
        The rows of the fits, with their weights.
    """

    def __init__(self, small, large, designs):
        self.fits, self.laws = [], []
        for result, design in zip((small, large), designs, strict=True):
            fit = Refitter(result)
            self.fits.append(fit)
            self.laws.append(RowLaw(result, fit.A, design))

    def ratios(self, n_draws, rng):
        """Yield the likelihood ratios of responses drawn from the null model."""
        for start in range(0, n_draws, CHUNK):
            Y = self.laws[0].draw(min(CHUNK, n_draws - start), rng)
            refits = (
                fit.fit_each(law.products(Y))
                for fit, law in zip(self.fits, self.laws, strict=True)
            )
            for small, large in zip(*refits, strict=True):
                yield small.criterion - large.criterion


def null_ratios(
    results,
    added,
    n_resamples,
    *,
    designs=None,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Likelihood ratios of responses drawn from the null model.

    Parameters
    ----------
    results : tuple of two FitResult
        The null model and the larger one.
    added : Difference
    n_resamples : int
    designs : tuple of two Design, optional
        The rows of the fits, to draw from rows.
    n_jobs, random_state, verbose
        As :func:`skmixed.inference.resample.bootstrap.bootstrap_replicates`.

    Returns
    -------
    ndarray of shape (n_resamples,)
        Without those of generalised models whose refits failed.

    Raises
    ------
    ValueError
        Without rows, for generalised models and for covariances that are nested by
        their spaces alone.
    """
    if designs is None and not is_linear(results[0]):
        raise RowsError(
            "The bootstrap of generalised models draws from rows, and a fit keeps "
            "none; pass the table that fit was given as X."
        )
    if designs is None and added.covariance_map is not None:
        raise RowsError(
            "Only column spaces show that these random effects are nested; pass the "
            "rows of the fit as X to draw from rows."
        )
    chunks = in_chunks(
        ratio_chunk,
        (*results, designs),
        added,
        chunk_sizes(n_resamples, results[1]),
        n_jobs,
        random_state,
        verbose,
    )
    ratios = np.concatenate(chunks)
    return np.maximum(ratios[np.isfinite(ratios)], 0.0)


def ratio_chunk(models, added, n_resamples, seed, done=ignore):
    """Draw some likelihood ratios, of shape (n_resamples,)."""
    small, large, designs = models
    with blas_threads():
        if not is_linear(small):
            pair = FamilyPair(small, large, designs)
        elif large.residual is not None:
            own = ResidualPair if by_pattern(large) else BlockPair
            pair = own(small, large, added)
        elif designs is None:
            pair = NestedPair(small, large, added)
        else:
            pair = RowPair(small, large, designs)
        found = []
        for ratio in pair.ratios(n_resamples, np.random.default_rng(seed)):
            found.append(ratio)
            done()
        return np.array(found)
