"""The parametric bootstrap of generalised models: rows drawn, and fitted again."""

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from skmixed.inference.opened.family_refit import FamilyRefitter
from skmixed.inference.resample.bootstrap import (
    BootstrapReplicates,
    chunk_sizes,
    in_chunks,
)
from skmixed.inference.resample.family_draws import FamilyLaw
from skmixed.inference.variance.family_parameters import family_values
from skmixed.printing.progress import ignore


def family_replicates(
    result,
    design,
    parameters,
    n_resamples,
    *,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Refit a generalised model to responses drawn from it.

    Parameters
    ----------
    result : GeneralizedResult
    design : Design
        The rows of the fit, with responses and weights.
    parameters : list of Parameter
    n_resamples : int
    n_jobs, random_state, verbose
        As of :func:`skmixed.inference.resample.bootstrap.bootstrap_replicates`.

    Returns
    -------
    BootstrapReplicates
        Replicates without a fit are NaN.
    """
    chunks = in_chunks(
        family_chunk,
        (result, design),
        parameters,
        chunk_sizes(n_resamples, result),
        n_jobs,
        random_state,
        verbose,
    )
    names = [p.name for p in parameters]
    values = np.concatenate([values for values, _ in chunks])
    estimates = family_values(result, result.family, parameters)
    return BootstrapReplicates(
        pd.DataFrame(values, columns=names),
        pd.Series(estimates, index=names, name="estimate"),
        sum(failed for _, failed in chunks),
    )


def family_chunk(model, parameters, n_resamples, seed, done=ignore):
    """Draw and refit some replicates; see :func:`family_replicates`.

    Returns
    -------
    values : ndarray of shape (n_resamples, n_parameters)
    n_failed : int
    """
    result, design = model
    values, n_failed = np.full((n_resamples, len(parameters)), np.nan), 0
    with threadpool_limits(1, user_api="blas"):
        rng, law = np.random.default_rng(seed), FamilyLaw(result, design)
        refitter = FamilyRefitter(result, design)
        for row in values:
            fit = refit(refitter, law.draw(rng))
            if fit is not None:
                row[:] = family_values(fit, result.family, parameters)
            n_failed += fit is None or not fit.converged
            done()
    return values, n_failed


def refit(refitter, y):
    """Fit to a response; None where its likelihood has no start."""
    try:
        return refitter.fit(y)
    except (ValueError, np.linalg.LinAlgError):
        return None


class FamilyPair:
    """Two nested generalised models, fitted to responses drawn from the smaller one.

    Parameters
    ----------
    small, large : GeneralizedResult
    designs : tuple of two Design
        The rows of the fits, with responses and weights.
    """

    def __init__(self, small, large, designs):
        self.law = FamilyLaw(small, designs[0])
        self.fits = [
            FamilyRefitter(result, design)
            for result, design in zip((small, large), designs, strict=True)
        ]

    def ratios(self, n_draws, rng):
        """Yield likelihood ratios, NaN where a model has no fit."""
        for _ in range(n_draws):
            y = self.law.draw(rng)
            small, large = (refit(one, y) for one in self.fits)
            if small is None or large is None:
                yield np.nan
            else:
                yield small.criterion - large.criterion
