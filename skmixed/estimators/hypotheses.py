"""Tests of terms, of linear contrasts, and of models against each other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, ContrastError
from skmixed.estimators.ratio_tests import likelihood_ratio_test
from skmixed.formula.table.terms import fixed_terms
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.fixed.anova import anova_table, wald_table
from skmixed.inference.fixed.contrasts import (
    estimate_table,
    joint_test,
    refuse_contradiction,
)
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.hypothesis_text import read_hypotheses
from skmixed.inference.opened.fitted import fitted
from skmixed.likelihood.result import is_linear
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
    joint_tests : Tests by marginal means, within levels of other columns too.

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
    fit = fitted(model, "anova", residual=True, generalized=True)
    type = read_type(type)
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    alias = fit.alias_weights
    if alias is not None:
        alias = fit.result.A.basis.fixed.raw(alias)
    table = anova_table(fit.result, method, fixed_terms(fit.spec), type, alias)
    kind = "F" if is_linear(fit.result) else "Wald chi-square"
    table = table if is_linear(fit.result) else wald_table(table)
    title = f"Type {'I' * type} {kind} tests"
    table.attrs["note"] = f"{title}. {reason}"
    return PrintedTable(table, title, [reason])


def read_type(kind):
    """Type of F tests as a number, from 1, 2, 3 or Roman numerals."""
    types = {"1": 1, "2": 2, "3": 3, "I": 1, "II": 2, "III": 3}
    found = types.get(str(kind).strip().upper())
    if found is None or isinstance(kind, bool):
        raise ArgumentError(f"type={kind!r} should be 1, 2 or 3.")
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
    fit = fitted(model, "contrast_test", residual=True, generalized=True)
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
        if not is_linear(result):
            table, title = wald_table(table), "Wald chi-square test of contrasts"
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
            raise ContrastError(
                f"L weighs {unknown}, which are no coefficients; the model has "
                f"{coef_names}."
            )
        names = [str(name) for name in L.index]
        matrix = L.reindex(columns=coef_names).fillna(0.0).to_numpy(dtype=float)
        return matrix, names, None
    matrix = np.atleast_2d(np.asarray(L, dtype=float))
    if matrix.ndim != 2 or matrix.shape[1] != len(coef_names):
        raise ContrastError(
            f"L has shape {np.shape(L)}; it needs {len(coef_names)} columns, one for "
            f"each of {coef_names}."
        )
    return matrix, [f"row {i + 1}" for i in range(len(matrix))], None


def read_values(rhs, written, n_rows):
    """Values of the contrasts under the hypothesis, of shape (q,)."""
    if rhs is not None and written is not None and written.any():
        raise ContrastError(
            "The equations have right-hand sides already; leave rhs out."
        )
    values = written if rhs is None else np.asarray(rhs, dtype=float)
    values = np.zeros(n_rows) if values is None else values
    if np.ndim(values) > 1 or np.size(values) not in (1, n_rows):
        raise ContrastError(
            f"rhs has shape {np.shape(values)}; it needs a value for each of the "
            f"{n_rows} contrasts."
        )
    return np.broadcast_to(values, n_rows)
