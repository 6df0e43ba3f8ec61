"""F tests of whole terms, whatever the coding of their levels."""

import itertools

import numpy as np
import pandas as pd
from scipy.linalg import qr

from skmixed.inference.fixed.confounded import confounded_hypotheses
from skmixed.inference.fixed.contrasts import joint_test
from skmixed.inference.fixed.estimable import (
    dummy_columns,
    estimable_hypotheses,
    kept_positions,
    term_cells,
    without_intercept,
)


def anova_table(result, method, terms, kind=3, alias=None):
    """Test every fixed-effects term.

    Parameters
    ----------
    result : FitResult
    method : Satterthwaite, KenwardRoger or Constant
    terms : list of FixedTerm
        As :func:`skmixed.formula.table.terms.fixed_terms` takes them apart.
    kind : {1, 2, 3}, default=3
    alias : ndarray of shape (r, p - r), optional
        What each column that was left out is of those that are kept.

    Returns
    -------
    DataFrame
        A row per term: ``sum_sq``, ``mean_sq``, ``num_df``, ``den_df``, ``F`` and
        ``p``. As in lmerTest, mean squares are what F was before its scaling, times
        the residual variance.

    Notes
    -----
    Satterthwaite's degrees of freedom of several contrasts together depend on which of
    the equivalent contrasts are taken. Here they are lmerTest's with its default
    coding, differences from the first level, whatever the coding of the model; in a
    model of one term those of type I.
    """
    if kind == 1 or len(without_intercept(terms)) == 1:
        hypotheses = sequential(result, terms)
    elif kind == 2:
        hypotheses = marginal(result, terms, alias)
    else:
        hypotheses = type_three(result, terms, alias)
    if kind != 1 and alias is not None:
        hypotheses |= confounded_hypotheses(result, raw_root(result), terms, alias)
    rows = {}
    for name, L in hypotheses.items():
        test = joint_test(result, method, L)
        mean_sq = test.unscaled * result.sigma**2
        rows[name] = {
            "sum_sq": mean_sq * test.num_df,
            "mean_sq": mean_sq,
            "num_df": test.num_df,
            "den_df": test.den_df,
            "F": test.statistic,
            "p": test.p,
        }
    columns = ["sum_sq", "mean_sq", "num_df", "den_df", "F", "p"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype(
        {"num_df": int}
    )


def type_three(result, terms, alias=None):
    """Type III hypotheses: balanced averages, where a term is no more than its own.

    Parameters
    ----------
    result : FitResult
    terms : list of FixedTerm
    alias : ndarray of shape (r, p - r), optional

    Returns
    -------
    dict of str to ndarray of shape (q, r)

    Notes
    -----
    A term that lacks the terms it would contain (``0 + f``, ``a:b`` without ``a``) has
    more columns than its balanced differences; all of them are tested, as in lmerTest.
    """
    if alias is not None:
        return estimable_hypotheses(result, terms, alias)
    hypotheses = balanced(result, terms)
    sizes = {term.name: len(term.columns) for term in terms}
    wider = [name for name, L in hypotheses.items() if len(L) != sizes[name]]
    if wider:
        nothing = np.zeros((len(result.coef), 0))
        whole = estimable_hypotheses(result, terms, nothing)
        hypotheses |= {name: whole[name] for name in wider}
    return hypotheses


def balanced(result, terms):
    """Every term averaged over the levels of all others, each counting once.

    Parameters
    ----------
    result : FitResult
    terms : list of FixedTerm

    Returns
    -------
    dict of str to ndarray of shape (q, r)

    Notes
    -----
    A column's coefficient multiplies a product of numbers and of a code for each of its
    categorical factors. The hypothesis of a term takes, of all columns with the same
    numbers, the differences of its own factors' levels from the first, and the mean
    over the levels of the other factors. No code is special: any coding that spans the
    same columns gives the same hypothesis.
    """
    columns = [column for term in terms for column in term.columns]
    n_columns = len(columns)
    hypotheses = {}
    for term in without_intercept(terms):
        rows = []
        for numeric in dict.fromkeys(column.numeric for column in term.columns):
            for levels in itertools.product(
                *(range(1, n) for n in term.categorical.values())
            ):
                chosen = dict(zip(term.categorical, levels, strict=True))
                row = np.zeros(n_columns)
                for column in columns:
                    if column.numeric == numeric:
                        row[column.position] = weigh(column.codes, chosen)
                rows.append(row)
        hypotheses[term.name] = kept_columns(rows, result)
    return hypotheses


def weigh(codes, chosen):
    """Coefficient of one column in a difference of levels, averaged over the rest.

    Parameters
    ----------
    codes : dict of str to ndarray of shape (n_levels,)
    chosen : dict of str to int
        Level of each of the term's factors that is compared with level 0.

    Returns
    -------
    float
    """
    if not set(chosen) <= set(codes):
        return 0.0  # the column does not vary over some factor of the term
    weight = 1.0
    for name, values in codes.items():
        if name in chosen:
            weight *= values[chosen[name]] - values[0]
        else:
            weight *= values.mean()
    return weight


def kept_columns(rows, result):
    """Restrict contrasts of all columns of X to those that are not aliased."""
    L = np.reshape(rows, (len(rows), len(result.kept)))[:, result.kept]
    return L[np.abs(L).max(axis=1, initial=0.0) > 0]


def sequential(result, terms):
    """Type I: every term after those before it, by the rows of a Cholesky factor.

    Parameters
    ----------
    result : FitResult
    terms : list of FixedTerm

    Returns
    -------
    dict of str to ndarray of shape (q, r)
    """
    positions = kept_positions(result, terms)
    R = raw_root(result)
    L = unit_pivots(R)
    return {
        term.name: successive(result, R, term, terms, L[positions[term.name]])
        for term in without_intercept(terms)
    }


def marginal(result, terms, alias=None):
    """Type II: every term after all that do not contain it.

    Parameters
    ----------
    result : FitResult
    terms : list of FixedTerm
    alias : ndarray of shape (r, p - r), optional

    Returns
    -------
    dict of str to ndarray of shape (q, r)
    """
    positions = kept_positions(result, terms)
    R = raw_root(result)
    hypotheses = type_three(result, terms, alias)
    for term in without_intercept(terms):
        above = [positions[other.name] for other in terms if other.contains(term)]
        if not above:
            continue  # nothing to leave out: type III
        own, last = positions[term.name], np.concatenate(above)
        first = np.setdiff1d(np.arange(R.shape[1]), np.concatenate([own, last]))
        order = np.concatenate([first, own, last]).astype(int)
        turned = unit_pivots(qr(R[:, order], mode="r")[0])
        L = np.zeros((len(own), R.shape[1]))
        L[:, order] = turned[len(first) : len(first) + len(own)]
        hypotheses[term.name] = successive(result, R, term, terms, L)
    return hypotheses


def successive(result, R, term, terms, L):
    """Contrasts of a term's levels, each after those before it, whatever the coding.

    Parameters
    ----------
    result : FitResult
    R : ndarray of shape (r, r)
        As :func:`raw_root` returns it.
    term : FixedTerm
    terms : list of FixedTerm
    L : ndarray of shape (q, r)
        Any contrasts that make up the hypothesis.

    Returns
    -------
    ndarray of shape (q, r)
        With the same hypothesis: ``U L_0``, where L_0 counts in differences from the
        first level and U, triangular with a diagonal of ones, makes
        ``L (X'X)^-1 L'`` diagonal, as Doolittle's method does for columns so coded.
        ``L`` itself where cells are empty or a term stands without its margins.
    """
    chosen = [
        place
        for place, cell in enumerate(term_cells(term))
        if all(level > 0 for level in cell)
    ]
    n_numeric = len(dict.fromkeys(column.numeric for column in term.columns))
    if not result.kept.all() or len(chosen) * n_numeric != len(L):
        return L
    cells = dummy_columns(term, terms).reshape(len(result.kept), n_numeric, -1)
    L = np.linalg.solve(L @ cells[:, :, chosen].reshape(-1, len(L)), L)
    root = np.linalg.solve(R.T, L.T)
    return unit_pivots(np.linalg.cholesky(np.linalg.inv(root.T @ root)).T) @ L


def raw_root(result):
    """Upper-triangular R with R'R = X'X of the raw kept columns.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    ndarray of shape (r, r)
    """
    p = result.A.n_fixed
    root = np.linalg.cholesky(result.A.gram[:p, :p]).T
    return qr(root @ result.A.basis.fixed.coordinates, mode="r")[0]


def unit_pivots(R):
    """Scale the rows of a triangular matrix to a diagonal of ones, as lmerTest does."""
    return R / np.diag(R)[:, None]


def wald_table(table):
    """Turn F tests without denominator into chi-squares.

    Parameters
    ----------
    table : DataFrame
        With ``num_df``, ``F`` and ``p``.

    Returns
    -------
    DataFrame
        ``chi2``, ``df`` and ``p``.
    """
    return pd.DataFrame(
        {"chi2": table["F"] * table["num_df"], "df": table["num_df"], "p": table["p"]},
        index=table.index,
    )
