"""Tests of terms, of linear contrasts, and of models against each other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skmixed.estimators.rows import Rows
from skmixed.formula.table.terms import fixed_terms
from skmixed.inference.arguments import check_confidence_level, check_count
from skmixed.inference.compare.likelihood_ratio import (
    by_maximum_likelihood,
    likelihood_ratio_table,
)
from skmixed.inference.compare.nesting import difference
from skmixed.inference.compare.null_ratios import null_ratios
from skmixed.inference.compare.refusals import refuse_worse
from skmixed.inference.compare.same_rows import refuse_different_data
from skmixed.inference.fixed.anova import anova_table
from skmixed.inference.fixed.contrasts import (
    estimate_table,
    joint_test,
    refuse_contradiction,
)
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.hypothesis_text import read_hypotheses
from skmixed.inference.opened.fitted import fitted, refuse_held
from skmixed.printing.printed import PrintedTable


def anova(model, *others, type=3, ddf="auto", vcov=None):
    """Test every term of the fixed part; or several models against each other.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    *others : MixedLinearRegressor
        With more models than one, they are compared by `likelihood_ratio_test`, as R's
        ``anova`` does; `type` and `ddf` do not count then.
    type : {3, 2, 1}, default=3
        Also "III", "II" and "I".
        3 tests a term averaged over the levels of the others, each level counting once
        (where cells are empty, what of it can be estimated, as SAS and lmerTest do; a
        term without the ones it would contain, as in ``0 + f``, is tested as a whole);
        2 tests it after all terms that do not contain it; 1 after the terms before it.
        None depends on how levels are coded.
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
            default="auto"
        Denominator degrees of freedom; see `MixedLinearRegressor.summary`.
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per term: ``sum_sq``, ``mean_sq``, ``num_df``,
        ``den_df``, ``F`` and ``p``. For several models, the table of
        `likelihood_ratio_test`.

    Raises
    ------
    ValueError
        For an unknown type, and where `ddf` is not to be had.

    See Also
    --------
    contrast_test : Any other hypothesis about fixed effects.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, anova
    >>> from skmixed.datasets import load_machines
    >>> model = MixedLinearRegressor("score ~ Machine + (Machine | Worker)")
    >>> anova(model.fit(load_machines().frame)).round(3)
             sum_sq  mean_sq  num_df  den_df       F      p
    Machine  75.827   37.913       2     5.0  41.004  0.001
    """
    if len(others) == 1 and not hasattr(others[0], "get_params"):
        others, type = (), others[0]
    if others:
        return likelihood_ratio_test(model, *others)
    fit, type = fitted(model, "anova", residual=True), read_type(type)
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    alias = fit.alias_weights
    if alias is not None:
        alias = fit.result.A.basis.fixed.raw(alias)
    table = anova_table(fit.result, method, fixed_terms(fit.spec), type, alias)
    title = f"Type {'I' * type} F tests"
    table.attrs["note"] = f"{title}. {reason}"
    return PrintedTable(table, title, [reason])


def read_type(kind):
    """Type of F tests as a number, from 1, 2, 3 or Roman numerals."""
    types = {"1": 1, "2": 2, "3": 3, "I": 1, "II": 2, "III": 3}
    found = types.get(str(kind).strip().upper())
    if found is None or isinstance(kind, bool):
        raise ValueError(f"type={kind!r} should be 1, 2 or 3.")
    return found


def contrast_test(
    model,
    L,
    rhs=None,
    *,
    joint=True,
    ddf="auto",
    confidence_level=0.95,
    vcov=None,
):
    """Test linear combinations of the fixed effects.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    L : array-like of shape (q, r) or (r,), DataFrame, dict of str to float, or str
        Weights of the coefficients in ``model.fixed_effects_``, a contrast per row. A
        dict, or the columns of a frame, name the coefficients; others weigh 0. Or
        equations, one or a list: ``"Days = 10"``, ``"2 * a - b = 0"``.
    rhs : array-like of shape (q,), default=None
        Values of the contrasts under the hypothesis; zeros by default.
    joint : bool, default=True
        Whether to test all contrasts together, or each by itself.
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
            default="auto"
        Degrees of freedom; see `MixedLinearRegressor.summary`.
    confidence_level : float, default=0.95
        Of the intervals, with ``joint=False``.
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    PrintedTable
        Its ``frame`` has, with `joint`, one row with ``num_df``, ``den_df``, ``F`` and
        ``p``; else a row per contrast with ``estimate``, ``std_error``, ``df``, ``t``,
        ``p``, ``lower`` and ``upper``.

    Raises
    ------
    ValueError
        If `L` does not fit the coefficients, or if its rows contradict each other.

    See Also
    --------
    anova : Tests of whole terms.
    emmeans : Means and their comparisons.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, contrast_test
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(load_sleepstudy().frame)
    >>> contrast_test(model, {"Intercept": 1, "Days": 9}, joint=False).round(1)
           estimate  std_error    df     t    p  lower  upper
    row 1     345.6       14.6  17.0  23.6  0.0  314.7  376.5
    """
    fit = fitted(model, "contrast_test", residual=True)
    check_confidence_level(confidence_level)
    matrix, names, written = read_contrasts(L, fit.names)
    rhs = read_values(rhs, written, len(matrix))
    if joint:
        refuse_contradiction(matrix, rhs)
    result = fit.result
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    if joint:
        test = joint_test(result, method, matrix, rhs)
        row = {"num_df": test.num_df, "den_df": test.den_df}
        row |= {"F": test.statistic, "p": test.p}
        table, title = pd.DataFrame([row], index=["joint"]), "F test of contrasts"
    else:
        table = estimate_table(result, method, matrix, names, confidence_level, rhs)
        title = "Contrasts"
    table.attrs["note"] = reason
    return PrintedTable(table, title, [reason])


def read_contrasts(L, coef_names):
    """Turn what a user passes for contrasts into a matrix.

    Parameters
    ----------
    L : array-like, DataFrame, dict, str or list of str
    coef_names : list of str

    Returns
    -------
    matrix : ndarray of shape (q, r)
    names : list of str
    values : ndarray of shape (q,) or None
        Right-hand sides of equations.
    """
    texts = [L] if isinstance(L, str) else L
    if isinstance(texts, (list, tuple)) and all(isinstance(t, str) for t in texts):
        matrix, values = read_hypotheses(texts, coef_names)
        return matrix, list(texts), values
    if isinstance(L, Mapping):
        L = pd.DataFrame([L], index=["row 1"])
    if isinstance(L, pd.DataFrame):
        unknown = [c for c in L.columns if c not in coef_names]
        if unknown:
            raise ValueError(
                f"L weighs {unknown}, which are no coefficients; the model has "
                f"{coef_names}."
            )
        names = [str(name) for name in L.index]
        matrix = L.reindex(columns=coef_names).fillna(0.0).to_numpy(dtype=float)
        return matrix, names, None
    matrix = np.atleast_2d(np.asarray(L, dtype=float))
    if matrix.ndim != 2 or matrix.shape[1] != len(coef_names):
        raise ValueError(
            f"L has shape {np.shape(L)}; it needs {len(coef_names)} columns, one for "
            f"each of {coef_names}."
        )
    return matrix, [f"row {i + 1}" for i in range(len(matrix))], None


def read_values(rhs, written, n_rows):
    """Values of the contrasts under the hypothesis, of shape (q,)."""
    if rhs is not None and written is not None and written.any():
        raise ValueError("The equations have right-hand sides already; leave rhs out.")
    values = written if rhs is None else np.asarray(rhs, dtype=float)
    values = np.zeros(n_rows) if values is None else values
    if np.ndim(values) > 1 or np.size(values) not in (1, n_rows):
        raise ValueError(
            f"rhs has shape {np.shape(values)}; it needs a value for each of the "
            f"{n_rows} contrasts."
        )
    return np.broadcast_to(values, n_rows)


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
        raise ValueError("A likelihood-ratio test needs two models or more.")
    fits = [fitted(model, "likelihood_ratio_test") for model in models]
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
        raise ValueError(
            "REML criteria compare only models with the same fixed effects, all fitted "
            "with reml=True. Leave refit=True to compare likelihoods."
        )
    formulas = [model.formula_ for model in models]
    sketches = [fit.sketch for fit in fits]
    table = likelihood_ratio_table(results, formulas, names, sketches)
    table.attrs["note"] = " ".join([*[note][: bool(note)], *table.attrs.pop("decided")])
    return print_ratio_tests(table)


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
    sample_weight=None,
    n_jobs=None,
    random_state=None,
    verbose=None,
):
    """Test a model against a larger one by drawing the law of their likelihood ratio.

    Where variances are tested at zero and groups are few, the chi-square mixtures of
    `likelihood_ratio_test` are rough; this test draws responses from the null model and
    refits both. Draws are cross-products: no rows are needed, and none is made.

    Parameters
    ----------
    null, alternative : MixedLinearRegressor
        Fitted to the same rows, the first nested in the second; the null model may be
        without random effects. REML criteria are
        compared where both are REML fits with the same fixed effects, else likelihoods.
    n_resamples : int, default=999
    X, sample_weight : data frame, array-like, default=None
        The rows of the fit and their weights, only needed for several grouping factors
        with thousands of levels: responses are then drawn row by row.
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
    if X is not None:
        rows = [Rows.read_known(m, X, sample_weight) for m in (null, alternative)]
    ratios = null_ratios(
        results,
        added,
        n_resamples,
        designs=None if X is None else tuple(own.design for own in rows),
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )
    # fits of one deviance agree to their tolerance
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
    notes = [f"m1: {null.formula_}", f"m2: {alternative.formula_}"]
    return PrintedTable(series, "Parametric bootstrap of the likelihood ratio", notes)


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
    fits = [fitted(model, "bootstrap_test") for model in (null, alternative)]
    results, names = [fit.result for fit in fits], [fit.names for fit in fits]
    for result in results:
        refuse_held(result, "bootstrap_test")
    if not (all(r.reml for r in results) and set(names[0]) == set(names[1])):
        results = [by_maximum_likelihood(result) for result in results]
    formulas = (null.formula_, alternative.formula_)
    refuse_different_data(results, formulas)
    sketches = tuple(fit.sketch for fit in fits)
    added = difference(*results, formulas, tuple(names), sketches)
    refuse_worse(*results, formulas)
    return tuple(results), added
