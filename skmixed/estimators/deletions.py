"""What a model loses with every single term: of the random part, of the fixed part."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone

from skmixed.errors import UnavailableError
from skmixed.formula.table.terms import fixed_terms
from skmixed.formula.text.operators import RandomTerm, write_term
from skmixed.inference.compare.likelihood_ratio import (
    by_maximum_likelihood,
    describe,
    ratio_test,
)
from skmixed.inference.compare.nesting import difference
from skmixed.inference.compare.refusals import refuse_worse
from skmixed.inference.compare.without_columns import deviance_without
from skmixed.inference.fixed.anova import wald_table
from skmixed.inference.fixed.contrasts import joint_test
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.estimable import kept_positions, without_intercept
from skmixed.inference.opened.fitted import fitted, refuse_held
from skmixed.likelihood.result import is_linear
from skmixed.printing.printed import PrintedTable


def drop_fixed_terms(model, *, ddf="auto", vcov=None):
    """Test every fixed term that may be left out by itself (R: ``drop1``).

    Terms within interactions stay: without them the interactions would mean something
    else.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
            default="auto"
        Denominator degrees of freedom; see `MixedLinearRegressor.summary`.
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per term: ``num_df``, ``den_df``, ``F`` and ``p`` of the
        hypothesis that none of its columns counts; ``aic`` of the model without it by
        maximum likelihood, and of the ratio test ``chi2`` and ``p_ratio``. Of
        generalised models ``chi2``, ``df`` and ``p`` of Wald's test; of adapted ones
        and those with `residual` the F test alone.

    See Also
    --------
    anova : Tests of all terms, those within interactions too.
    drop_random_terms : The same for the random part.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, drop_fixed_terms
    >>> from skmixed.datasets import load_cake
    >>> model = MixedLinearRegressor("angle ~ recipe + temp + (1 | recipe:replicate)")
    >>> drop_fixed_terms(model.fit(load_cake().frame)).round(2)
            num_df  den_df      F     p      aic   chi2  p_ratio
    recipe       2    42.0   0.25  0.78  1704.69   0.53     0.77
    temp         1   224.0  94.98  0.00  1785.69  79.53     0.00
    """
    fit = fitted(model, "drop_fixed_terms", residual=True, generalized=True)
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    terms = without_intercept(fixed_terms(fit.spec))
    positions = kept_positions(fit.result, terms)
    identity, rows = np.eye(len(fit.result.coef)), {}
    for term in terms:
        if any(within(term, other) for other in terms if other is not term):
            continue
        test = joint_test(fit.result, method, identity[positions[term.name]])
        row = {"num_df": test.num_df, "den_df": test.den_df}
        rows[term.name] = row | {"F": test.statistic, "p": test.p}
    columns = ["num_df", "den_df", "F", "p"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    notes = [reason]
    if not is_linear(fit.result):
        table = wald_table(table)
    elif fit.result.held_from is None:
        left_out = [positions[name] for name in table.index]
        ratios, aic = ratio_columns(fit.result, left_out)
        table = table.assign(**ratios)
        notes.append(
            f"AIC and ratio tests by maximum likelihood; AIC of the model: {aic:.1f}."
        )
    title = "Each fixed term left out by itself"
    return PrintedTable(table, title, notes, headings={"p_ratio": "p of chi2"})


def ratio_columns(result, left_out):
    """AIC and ratio tests of the models without some fixed effects each.

    Parameters
    ----------
    result : FitResult
    left_out : list of ndarray of int

    Returns
    -------
    columns : dict of str to ndarray
    aic : float
        Of the model itself, by maximum likelihood.
    """
    whole = by_maximum_likelihood(result)
    df = np.array([len(own) for own in left_out], dtype=float)
    deviance = np.array([deviance_without(whole, own) for own in left_out])
    chi2 = np.maximum(deviance - whole.deviance, 0.0)
    columns = {
        "aic": deviance + 2.0 * (whole.n_parameters - df),
        "chi2": chi2,
        "p_ratio": stats.chi2.sf(chi2, df),
    }
    return columns, whole.aic


def within(term, other):
    """Whether a term is part of an interaction."""
    factors = set(term.numeric) | set(term.categorical)
    return factors < set(other.numeric) | set(other.categorical)


def drop_random_terms(model, X, y=None, *, sample_weight=None):
    """Test every random effect by leaving it out (R: ``ranova``).

    Effects of a term are left out one by one, with their correlations; an intercept
    stays with the slopes that it belongs to.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted, with random effects.
    X : data frame or array-like of shape (n_samples, n_features)
        The rows of the fit: smaller models are fitted to them.
    y : array-like of shape (n_samples,), default=None
        Their response; by default the left side of the formula is read from `X`.
    sample_weight : array-like of shape (n_samples,), default=None
        Of the fit.

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per effect left out, the first for the model itself:
        ``n_parameters``, ``aic``, ``bic``, ``loglik``, ``deviance``, and of the ratio
        test ``chi2``, ``df``, ``p``, ``p_mixture`` and ``reference``, as in
        `likelihood_ratio_test`. REML criteria are compared for REML fits.

    Raises
    ------
    ValueError
        For a model without random effects, and other rows than those of the fit.

    See Also
    --------
    likelihood_ratio_test : Any nested models.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, drop_random_terms
    >>> from skmixed.datasets import load_machines
    >>> machines = load_machines().frame
    >>> model = MixedLinearRegressor("score ~ Machine + (1 | Worker/Machine)")
    >>> table = drop_random_terms(model.fit(machines), machines)
    >>> table[["deviance", "chi2", "df", "p_mixture"]].round(3)
                          deviance    chi2   df  p_mixture
    none                   215.688     NaN  NaN        NaN
    (1 | Worker)           221.256   5.568  1.0      0.009
    (1 | Worker:Machine)   286.878  71.191  1.0      0.000
    """
    fit = fitted(model, "drop_random_terms", generalized=True)
    refuse_held(fit.result, "drop_random_terms")
    if not fit.result.groups:
        raise UnavailableError("The model has no random effects to leave out.")
    formula = fit.spec.formula
    rows = {"none": describe(fit.result, "")}
    for label, smaller in smaller_formulas(formula):
        reduced = clone(model).set_params(**without(model, smaller))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reduced.fit(X, y, sample_weight)
        small = reduced.fitted_
        names = str(smaller), str(formula)
        coefs, sketches = (small.names, fit.names), (small.sketch, fit.sketch)
        added = difference(small.result, fit.result, names, coefs, sketches)
        refuse_worse(small.result, fit.result, names)
        own = ratio_test(small.result, fit.result, added)
        rows[label] = describe(small.result, "") | own
    table = pd.DataFrame.from_dict(rows, orient="index").drop(columns="formula")
    criterion = "REML criteria" if fit.result.reml else "likelihoods"
    return PrintedTable(
        table,
        "Each random effect left out by itself",
        [f"Ratio tests of {criterion} against the model: {formula}"],
        headings=dict.fromkeys(("n_parameters", "loglik", "deviance")),
    )


def without(model, smaller):
    """Parameters of a model with a smaller formula, its left side as it was written."""
    left, right = str(model.formula).partition("~")[0], str(smaller).partition("~")[2]
    changed = {"formula": f"{left}~{right}"}
    if not smaller.random and "n_quadrature" in model.get_params():
        changed["n_quadrature"] = 1
    return changed


def smaller_formulas(formula):
    """Formulas that lack one random effect each, with what they lack.

    Parameters
    ----------
    formula : MixedFormula

    Yields
    ------
    label : str
    smaller : MixedFormula
    """
    for place, random in enumerate(formula.random):
        others = formula.random[:place], formula.random[place + 1 :]
        if len(random.terms) == 1:
            yield str(random), dataclasses.replace(formula, random=sum(others, ()))
            continue
        for term in random.terms:
            if write_term(term) == "1":
                continue
            left = [other for other in random.terms if other != term]
            rest = RandomTerm(
                left, random.group, random.covariance, random.options, place=place
            )
            kept = (*others[0], rest, *others[1])
            yield (
                f"{write_term(term)} in {random}",
                dataclasses.replace(formula, random=kept),
            )
