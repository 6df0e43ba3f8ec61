"""Likelihood-ratio tests whose law is drawn, not assumed."""

import numpy as np
from threadpoolctl import threadpool_limits

from skmixed.inference.compare.chi_bar import embed
from skmixed.inference.compare.nesting import factor_key
from skmixed.inference.resample.bootstrap import in_chunks
from skmixed.inference.resample.draws import ResponseLaw
from skmixed.inference.resample.refit import LeastSquares, Refitter
from skmixed.likelihood.covariance.templates import lower_root
from skmixed.likelihood.products.responses import put_response
from skmixed.printing.progress import ignore


class NestedPair:
    """A null model within a larger one, fitted to responses drawn from the null.

    Responses are drawn as cross-products with the columns of the larger model; those
    of the null model are linear combinations of them.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion; ``small`` nested in ``large``.
    coef_names : tuple of two lists of str
        Names of the kept fixed effects.
    """

    def __init__(self, small, large, coef_names):
        self.small = (Refitter if small.groups else LeastSquares)(small)
        self.large = Refitter(large)
        places = [coef_names[1].index(name) for name in coef_names[0]]
        self.law = self.null_law(small, large, places)
        self.columns, self.response = self.fixed_map(small, large, places)
        self.effects = self.random_map(small, large)

    def null_law(self, small, large, places):
        """Law of the larger model's cross-products under the null model."""
        coef = np.zeros(len(large.coef))
        coef[places] = small.coef
        beta = large.A.basis.coef_from_raw(coef)
        Lambdas = [
            lower_root(basis.coordinates @ root)
            for root, basis in zip(
                embed(small, large), self.large.A.basis.random, strict=True
            )
        ]
        return ResponseLaw(self.large.A, beta, Lambdas, small.sigma)

    def fixed_map(self, small, large, places):
        """How the null model's columns and response follow from the larger model's.

        Returns
        -------
        columns : ndarray of shape (p_large, p_small)
        response : ndarray of shape (p_large,)
            ``y_small = y_large + X_large @ response``.
        """
        one, other = small.A.basis, large.A.basis
        columns = one.contrasts(other.fixed.coordinates[:, places])
        response = other.crude_coef - columns @ one.crude_coef
        return columns, response + (other.y_shift - one.y_shift) * other.one

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

    def ratio(self, A):
        """Likelihood ratio of one drawn response.

        Parameters
        ----------
        A : CrossProducts
            Of the larger model, with that response.

        Returns
        -------
        float
        """
        full = np.append(self.response, 1.0)
        p = A.n_fixed
        null = put_response(
            self.small.A,
            self.small.A.basis,
            self.columns.T @ A.gram[:p] @ full,
            full @ A.gram @ full,
            [
                (across.T @ np.einsum("apg,p->ag", A.ZtXy[j], full)).T
                for j, across in self.effects
            ],
        )
        return self.small.fit(null).criterion - self.large.fit(A).criterion


def null_ratios(
    small,
    large,
    coef_names,
    n_resamples,
    *,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Likelihood ratios of responses drawn from the null model.

    Parameters
    ----------
    small, large : FitResult
    coef_names : tuple of two lists of str
    n_resamples : int
    n_jobs, random_state, verbose
        As :func:`skmixed.inference.resample.bootstrap.bootstrap_replicates`.

    Returns
    -------
    ndarray of shape (n_resamples,)
    """
    chunks = in_chunks(
        ratio_chunk,
        (small, large),
        coef_names,
        n_resamples,
        n_jobs,
        random_state,
        verbose,
    )
    return np.maximum(np.concatenate(chunks), 0.0)


def ratio_chunk(results, coef_names, n_resamples, seed, done=ignore):
    """Draw some likelihood ratios, of shape (n_resamples,)."""
    with threadpool_limits(1, user_api="blas"):
        pair = NestedPair(*results, coef_names)
        drawn = pair.law.stream(n_resamples, np.random.default_rng(seed))
        ratios = []
        for A in drawn:
            ratios.append(pair.ratio(A))
            done()
        return np.array(ratios)
