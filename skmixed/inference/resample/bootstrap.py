"""The parametric bootstrap, on cross-products."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from skmixed.errors import ArgumentError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.residual_refit import ResidualRefitter
from skmixed.inference.resample.draws import ResponseLaw
from skmixed.inference.resample.refit import Refitter
from skmixed.inference.resample.residual_draws import residual_law
from skmixed.inference.resample.row_draws import RowLaw
from skmixed.inference.variance.parameters import values_of
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.result import is_linear
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import Printed, PrintedTable, Table
from skmixed.printing.progress import count_done, ignore

# Replicates drawn together, and those of designs with few random effects, of which each
# is a moment; results do not depend on the number of workers.
CHUNK, LARGE_CHUNK, FEW_EFFECTS = 250, 1000, 100
KINDS = ("percentile", "bias-corrected")


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapReplicates(Printed):
    """Estimates of a model for responses drawn from it.

    Attributes
    ----------
    replicates : DataFrame of shape (n_resamples, n_parameters)
    estimates : Series
        Of the model itself.
    n_failed : int
        Replicates whose fit did not converge; they are kept.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(load_sleepstudy().frame)
    >>> boot = model.bootstrap(200, random_state=0)
    >>> boot.replicates.shape
    (200, 6)
    >>> bool(boot.conf_int().loc["Days", "lower"] > 0)
    True
    """

    replicates: pd.DataFrame
    estimates: pd.Series
    n_failed: int

    @property
    def frame(self):
        """A row per parameter: estimate, bias, standard error and 95 % interval."""
        table = self.conf_int().frame
        table.insert(1, "bias", self.bias)
        table.insert(2, "std_error", self.std_error)
        return table

    def blocks(self):
        """Yield the table and what happened to the refits."""
        title = f"Parametric bootstrap, {len(self.replicates)} replicates"
        yield Table(self.frame, title, own_units=True)
        yield f"Percentile intervals. {say_level(0.95)}"
        if self.n_failed:
            yield f"{self.n_failed} replicates did not converge; they are kept."

    @property
    def std_error(self):
        """Standard deviation of every parameter's replicates."""
        return self.replicates.std().rename("std_error")

    @property
    def bias(self):
        """Mean of the replicates less the estimate."""
        return (self.replicates.mean() - self.estimates).rename("bias")

    def conf_int(self, confidence_level=0.95, *, kind="percentile"):
        """Confidence intervals.

        Parameters
        ----------
        confidence_level : float, default=0.95
        kind : {"percentile", "bias-corrected"}, default="percentile"
            Quantiles of the replicates, as they are or moved by how far the estimate is
            from their median (Efron & Tibshirani 1993, section 14.3, without
            acceleration).

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``estimate``, ``lower`` and ``upper``.
        """
        if kind not in KINDS:
            raise ArgumentError(f"kind={kind!r} should be one of {', '.join(KINDS)}.")
        level = check_confidence_level(confidence_level)
        tail = (1.0 - level) / 2.0
        rows = {}
        for name, values in self.replicates.items():
            estimate, known = self.estimates[name], values.dropna().to_numpy()
            levels = np.array([tail, 1.0 - tail])
            if kind == "bias-corrected" and len(known):
                below = np.mean(known < estimate) + 0.5 * np.mean(known == estimate)
                edge = 0.5 / len(known)
                shift = 2.0 * stats.norm.ppf(np.clip(below, edge, 1.0 - edge))
                levels = stats.norm.cdf(shift + stats.norm.ppf(levels))
            lower, upper = (
                np.quantile(known, levels) if len(known) else (np.nan, np.nan)
            )
            rows[name] = {"estimate": estimate, "lower": lower, "upper": upper}
        table = pd.DataFrame.from_dict(rows, orient="index")
        title = f"Bootstrap intervals ({kind}, {len(self.replicates)} replicates)"
        return PrintedTable(table, title, [say_level(level)])


def bootstrap_replicates(
    result,
    parameters,
    n_resamples,
    *,
    design=None,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Refit a model to responses drawn from it.

    Parameters
    ----------
    result : FitResult
        With at least one random term.
    parameters : list of Parameter
    n_resamples : int
    design : Design, optional
        The rows of the fit, to draw from rows; by default cross-products are drawn.
    n_jobs : int, optional
        Processes, as joblib counts them.
    random_state : int, Generator or None
    verbose : int, optional
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    BootstrapReplicates
    """
    chunks = in_chunks(
        refit_chunk,
        (result, design),
        parameters,
        chunk_sizes(n_resamples, result),
        n_jobs,
        random_state,
        verbose,
    )
    values = np.concatenate([values for values, _ in chunks])
    names = [p.name for p in parameters]
    return BootstrapReplicates(
        pd.DataFrame(values, columns=names),
        pd.Series(values_of(result, parameters), index=names, name="estimate"),
        sum(failed for _, failed in chunks),
    )


def chunk_sizes(n_resamples, result):
    """Numbers of replicates of a fit that are drawn together, a list."""
    few = sum(factor.size for factor in result.A.factors) <= FEW_EFFECTS
    simple = result.residual is None and is_linear(result)
    size = LARGE_CHUNK if few and simple else CHUNK
    full, rest = divmod(n_resamples, size)
    return [size] * full + [rest] * (rest > 0)


def in_chunks(run, first, second, sizes, n_jobs, random_state, verbose):
    """Spread replicates over processes; each chunk has a seed of its own.

    Parameters
    ----------
    run : callable
        ``run(first, second, n, seed, done)``, which tells `done` of every replicate.
    first, second : object
    sizes : list of int
        Replicates of every chunk.
    n_jobs : int or None
    random_state : int, Generator or None
    verbose : int or None

    Returns
    -------
    list

    Notes
    -----
    Other processes cannot tell of single replicates: theirs count as chunks arrive.
    """
    seeds = np.random.default_rng(random_state).integers(2**63, size=len(sizes))
    tasks = list(zip(sizes, seeds, strict=True))
    with count_done(sum(sizes), "bootstrap", "replicates", verbose) as done:
        if n_jobs in (None, 1):
            return [run(first, second, n, seed, done) for n, seed in tasks]
        jobs = (delayed(run)(first, second, n, seed) for n, seed in tasks)
        chunks = []
        for chunk in Parallel(n_jobs, return_as="generator")(jobs):
            done(sizes[len(chunks)])
            chunks.append(chunk)
        return chunks


def refit_chunk(model, parameters, n_resamples, seed, done=ignore):
    """Draw and refit some replicates.

    Parameters
    ----------
    model : tuple (FitResult, Design or None)
    parameters : list of Parameter
    n_resamples : int
    seed : int
    done : callable, optional
        Told of every replicate.

    Returns
    -------
    values : ndarray of shape (n_resamples, n_parameters)
    n_failed : int
    """
    with blas_threads():
        refitter, law = refitter_and_law(*model)
        values, n_failed = [], 0
        draws = law.stream(n_resamples, np.random.default_rng(seed))
        for fit in refitter.fit_each(draws):
            values.append(values_of(fit, parameters))
            n_failed += not fit.converged
            done()
    return np.array(values), n_failed


def refitter_and_law(result, design):
    """How a model is refitted, and what responses are drawn from.

    Parameters
    ----------
    result : FitResult
    design : Design or None

    Returns
    -------
    refitter : Refitter or ResidualRefitter
    law : ResponseLaw, RowLaw, or as of `residual_law`
    """
    if result.residual is not None:
        own = ResidualRefitter(result)
        return own, residual_law(result, own.beta)
    refitter = Refitter(result)
    if design is not None:
        return refitter, RowLaw(result, refitter.A, design)
    A, beta, Lambdas = refitter.A, refitter.beta, refitter.Lambdas
    return refitter, ResponseLaw(A, beta, Lambdas, result.sigma)
