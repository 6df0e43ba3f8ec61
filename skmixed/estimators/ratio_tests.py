"""Tests of a fitted model against a larger one, as functions of models."""

import numpy as np
import pandas as pd

from skmixed.errors import ComparisonError
from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_count
from skmixed.inference.compare.likelihood_ratio import (
    by_maximum_likelihood,
    likelihood_ratio_table,
)
from skmixed.inference.compare.nesting import difference
from skmixed.inference.compare.null_ratios import null_ratios
from skmixed.inference.compare.refusals import refuse_worse
from skmixed.inference.compare.same_rows import refuse_different_data
from skmixed.inference.opened.fitted import fitted, refuse_held
from skmixed.likelihood.result import is_linear
from skmixed.printing.printed import PrintedTable


def likelihood_ratio_test(*models, refit=True):
    """Compare nested models by their likelihoods.

    Parameters
    ----------
    *models : MixedLinearRegressor
        Two or more, fitted to the same rows; they are put in order of their size.
    refit : bool, default=True
        Whether to refit REML fits by maximum likelihood, from their stored
        cross-products. False compares REML criteria, which needs the same fixed
        effects.

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per model, from the smallest: ``formula``,
        ``n_parameters``, ``aic``, ``bic``, ``loglik``, ``deviance``, and against the
        model before ``chi2``, ``df``, ``p``, ``p_mixture`` and ``reference``. ``p``
        takes the ratio for chi-square; where a variance is tested at zero, the boundary
        of what it can be, that is too large, and ``p_mixture`` is right for large
        samples. Its mixture is named by ``reference``. The notes below the table say
        what was refitted, and where column spaces had to show that models are nested.

    Raises
    ------
    ValueError
        For models of different rows, responses or weights, for models that are not
        nested, for a larger model that fits worse, and for REML fits with different
        fixed effects unless `refit`.

    See Also
    --------
    bootstrap_test : Where groups are few.
    drop_random_terms : Every random effect left out by itself.

    Notes
    -----
    Models are nested where the names of their terms show it, or where the smaller one's
    columns and covariances lie in the spaces of the larger one's, which fits keep a few
    random sums of their rows for.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, likelihood_ratio_test
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> table = likelihood_ratio_test(
    ...     MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep),
    ...     MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep),
    ... )
    >>> table
    Likelihood-ratio test
          aic    bic   chi2 df        p p mixture reference
    m1 1802.1 1814.9
    m2 1763.9 1783.1 42.139  2 7.07e-10  3.96e-10 0.5 chi2(1) + 0.5 chi2(2)
    <BLANKLINE>
    m1: Reaction ~ 1 + Days + (1 | Subject)
    m2: Reaction ~ 1 + Days + (1 + Days | Subject)
    REML fits were refitted by maximum likelihood.
    >>> float(table["chi2"].iloc[1].round(2))
    42.14
    """
    if len(models) < 2:
        raise ComparisonError("A likelihood-ratio test needs two models or more.")
    fits = [
        fitted(model, "likelihood_ratio_test", residual=True, generalized=True)
        for model in models
    ]
    results, names = [fit.result for fit in fits], [fit.names for fit in fits]
    for result in results:
        refuse_held(result, "likelihood_ratio_test")
    note = ""
    if refit:
        if any(result.reml for result in results):
            note = "REML fits were refitted by maximum likelihood."
        results = [by_maximum_likelihood(result) for result in results]
    elif len({result.reml for result in results}) > 1 or (
        results[0].reml and any(set(n) != set(names[0]) for n in names)
    ):
        raise ComparisonError(
            "REML criteria compare only models with the same fixed effects, all fitted "
            "with reml=True. Leave refit=True to compare likelihoods."
        )
    formulas = [name_of(model) for model in models]
    sketches = [fit.sketch for fit in fits]
    table = likelihood_ratio_table(results, formulas, names, sketches)
    table.attrs["note"] = " ".join([*[note][: bool(note)], *table.attrs.pop("decided")])
    return print_ratio_tests(table)


def name_of(model):
    """Formula of a model, with its residual covariance and dispersion."""
    residual = getattr(model.result_, "residual", None)
    if residual is None:
        return model.formula_
    parts = [residual.text, residual.dispersion and f"dispersion {residual.dispersion}"]
    return ", ".join([model.formula_, *filter(None, parts)])


def print_ratio_tests(table):
    """Name the models m1, m2, ... in print, their formulas below the table."""
    names = [f"m{place}" for place in range(1, len(table) + 1)]
    formulas = [
        f"{name}: {text}" for name, text in zip(names, table["formula"], strict=True)
    ]
    return PrintedTable(
        table,
        "Likelihood-ratio test",
        [*formulas, table.attrs["note"]],
        headings=dict.fromkeys(("formula", "n_parameters", "loglik", "deviance")),
        labels=tuple(names),
    )


def bootstrap_test(
    null,
    alternative,
    n_resamples=999,
    *,
    X=None,
    y=None,
    sample_weight=None,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Test a model against a larger one by drawing the law of their likelihood ratio.

    Where variances are tested at zero and groups are few, the chi-square mixtures of
    `likelihood_ratio_test` are rough; this test draws responses from the null model and
    refits both. Draws of linear models are cross-products: no rows are needed, and none
    is made.

    Parameters
    ----------
    null, alternative : MixedLinearRegressor
        Fitted to the same rows, the first nested in the second; the null model may be
        without random effects. REML criteria are
        compared where both are REML fits with the same fixed effects, else likelihoods.
    n_resamples : int, default=999
    X, sample_weight : data frame, array-like, default=None
        The rows of the fit and their weights, needed for generalised models, and for
        several grouping factors with thousands of levels: responses are then drawn row
        by row.
    y : array-like, default=None
        Of generalised models that were fitted to one beside `X`.
    n_jobs : int, default=None
        Processes, as joblib counts them. Results do not depend on it.
    random_state : int, Generator or None, default=None
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    PrintedTable
        Its ``frame`` is a Series: ``statistic``, ``df`` (parameters that the null model
        lacks), ``p`` (share of the ratios at least as large, the observed one
        included), ``std_error`` of the p-value, and ``n_resamples``.
        ``attrs["ratios"]`` holds the drawn ratios.

    Raises
    ------
    ValueError
        As `likelihood_ratio_test`, and for designs that cannot be drawn from.

    See Also
    --------
    likelihood_ratio_test : The same by chi-square and its mixtures.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, bootstrap_test
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> null = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    >>> slopes = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> float(bootstrap_test(null, slopes, 199, random_state=0)["p"])
    0.005
    """
    n_resamples = check_count("n_resamples", n_resamples)
    results, added = read_nested(null, alternative)
    observed = max(results[0].deviance - results[1].deviance, 0.0)
    ratios = null_ratios(
        results,
        added,
        n_resamples,
        designs=rows_of((null, alternative), X, y, sample_weight),
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )
    # fits of one deviance agree to their tolerance
    n_resamples = len(ratios)
    p = (1 + np.sum(ratios >= observed - 1e-6)) / (n_resamples + 1)
    table = {
        "statistic": observed,
        "df": added.n_parameters,
        "p": float(p),
        "std_error": float(np.sqrt(p * (1 - p) / n_resamples)),
        "n_resamples": n_resamples,
    }
    series = pd.Series(table, name="bootstrap test")
    series.attrs["ratios"] = ratios
    notes = [f"m1: {name_of(null)}", f"m2: {name_of(alternative)}"]
    return PrintedTable(series, "Parametric bootstrap of the likelihood ratio", notes)


def rows_of(models, X, y, sample_weight):
    """Designs of the rows of fits; of generalised models with their responses."""
    if X is None:
        return None
    if all(is_linear(model.result_) for model in models):
        rows = [Rows.read_known(model, X, sample_weight) for model in models]
    else:
        options = {"asked": "bootstrap_test", "generalized": True}
        rows = [
            Rows.read_fitted(model, X, y, sample_weight, **options) for model in models
        ]
    return tuple(own.design for own in rows)


def read_nested(null, alternative):
    """Results of two nested models, by maximum likelihood unless REML compares them.

    Returns
    -------
    results : tuple of FitResult
    added : Difference
        What the null model lacks.

    Raises
    ------
    ValueError
        As :func:`bootstrap_test`.
    """
    fits = [
        fitted(model, "bootstrap_test", residual=True, generalized=True)
        for model in (null, alternative)
    ]
    results, names = [fit.result for fit in fits], [fit.names for fit in fits]
    for result in results:
        refuse_held(result, "bootstrap_test")
    if not (all(r.reml for r in results) and set(names[0]) == set(names[1])):
        results = [by_maximum_likelihood(result) for result in results]
    formulas = (name_of(null), name_of(alternative))
    refuse_different_data(results, formulas)
    sketches = tuple(fit.sketch for fit in fits)
    added = difference(*results, formulas, tuple(names), sketches)
    refuse_worse(*results, formulas)
    return tuple(results), added
