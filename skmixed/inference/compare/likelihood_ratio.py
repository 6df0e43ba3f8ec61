"""Likelihood-ratio tests of nested models."""

import itertools

import pandas as pd
from scipy import stats

from skmixed.errors import ComparisonError
from skmixed.inference.compare.chi_bar import mixture_survival, mixture_weights
from skmixed.inference.compare.nesting import difference, interior
from skmixed.inference.compare.refusals import refuse_worse
from skmixed.inference.compare.same_rows import refuse_different_data
from skmixed.inference.opened.residual_refit import residual_by_maximum_likelihood
from skmixed.likelihood.fit import fit_linear


def by_maximum_likelihood(result):
    """The same model by maximum likelihood, from its cross-products.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    FitResult
    """
    if not result.reml:
        return result
    if getattr(result, "residual", None) is not None:
        return residual_by_maximum_likelihood(result)
    return fit_linear(result.A, reml=False)


def likelihood_ratio_table(results, names, coef_names, sketches):
    """Compare each model with the next larger one.

    Parameters
    ----------
    results : sequence of FitResult
        By maximum likelihood, or all by REML with the same fixed effects.
    names : sequence of str
        Formulas.
    coef_names : sequence of list of str
        Names of the kept fixed effects.
    sketches : sequence of RowSketch or None

    Returns
    -------
    DataFrame
        A row per model, from the smallest. ``attrs["decided"]`` lists what column
        spaces had to show.

    Raises
    ------
    ValueError
        If the models are of different data, or not nested.
    """
    order = sorted(range(len(results)), key=lambda i: results[i].n_parameters)
    results, names, coef_names, sketches = (
        [sequence[i] for i in order]
        for sequence in (results, names, coef_names, sketches)
    )
    refuse_different_data(results, names)
    rows, decided = [describe(results[0], names[0])], []
    for small, large in itertools.pairwise(range(len(results))):
        added = difference(
            results[small],
            results[large],
            (names[small], names[large]),
            (coef_names[small], coef_names[large]),
            (sketches[small], sketches[large]),
        )
        decided += [added.decided] if added.decided else []
        if not added.n_parameters:
            raise ComparisonError(
                f"`{names[small]}` and `{names[large]}` have the same parameters."
            )
        refuse_worse(results[small], results[large], (names[small], names[large]))
        row = describe(results[large], names[large])
        rows.append(row | ratio_test(results[small], results[large], added))
    table = pd.DataFrame(rows)
    table.attrs["decided"] = decided
    return table


def describe(result, name):
    """Columns that do not depend on another model."""
    return {
        "formula": name,
        "n_parameters": result.n_parameters,
        "aic": result.aic,
        "bic": result.bic,
        "loglik": result.loglik,
        "deviance": result.deviance,
    }


def ratio_test(small, large, added):
    """Test one model against the next.

    Parameters
    ----------
    small, large : FitResult
    added : Difference

    Returns
    -------
    dict
        ``chi2``, ``df``, ``p`` (naive), ``p_mixture`` and ``reference``.
    """
    # two searches of one optimum may differ by their tolerance
    statistic = max(small.deviance - large.deviance, 0.0)
    weights, simulated = mixture_weights(small, large, added)
    bound = "" if interior(small, large, added) else " at the most"
    return {
        "chi2": statistic,
        "df": added.n_parameters,
        "p": float(stats.chi2.sf(statistic, added.n_parameters)),
        "p_mixture": mixture_survival(statistic, weights),
        "reference": write_mixture(weights, simulated) + bound,
    }


def write_mixture(weights, simulated=False):
    """Name a mixture of chi-squares.

    Parameters
    ----------
    weights : dict of int to float
    simulated : bool, default=False

    Returns
    -------
    str

    Examples
    --------
    >>> from skmixed.inference.compare.likelihood_ratio import write_mixture
    >>> write_mixture({1: 0.5, 2: 0.5})
    '0.5 chi2(1) + 0.5 chi2(2)'
    """
    digits = ".2f" if simulated else "g"
    if len(weights) == 1:
        return f"chi2({next(iter(weights))})"
    parts = [f"{w:{digits}} chi2({df})" for df, w in weights.items() if w >= 0.005]
    return " + ".join(parts)
