"""Tests of terms by marginal means, within the levels of other columns too."""

from functools import reduce
from itertools import combinations

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError
from skmixed.formula.text.parse import columns_of
from skmixed.inference.fixed.anova import wald_table
from skmixed.inference.fixed.contrasts import joint_test
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.emmeans import as_names
from skmixed.inference.fixed.reference_grid import ReferenceGrid
from skmixed.inference.opened.fitted import fitted
from skmixed.likelihood.result import is_linear
from skmixed.printing.printed import PrintedTable

# Combinations of contrasts whose columns left out follow the others to this tolerance.
ESTIMABLE = 1e-7


def joint_tests(model, by=None, *, at=None, ddf="auto", vcov=None):
    """Test every term by its marginal means, also within levels of other columns.

    Of every combination of columns that stand together in a term, the marginal means
    are compared: main effects by their differences, interactions by differences of
    differences. With `by` this is done within each of its levels: tests of simple
    effects.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    by : str or list of str, default=None
        Columns within whose levels the others are tested.
    at : dict of str to list, default=None
        Values of columns in the grid; by default all levels of categorical columns,
        and of numeric ones the mean less 1 and plus 1. A column with one value is not
        tested.
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
            default="auto"
        Denominator degrees of freedom; see `MixedLinearRegressor.summary`.
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    PrintedTable
        Its ``frame`` has the columns `by`, ``term``, ``num_df``, ``den_df``, ``F`` and
        ``p``; of generalised models ``chi2``, ``df`` and ``p``. Where cells are empty,
        what can be estimated of a hypothesis is tested.

    Raises
    ------
    ValueError
        For columns that are not in the fixed part, and where none is left to test.

    See Also
    --------
    anova : Tests of whole terms, numeric columns at zero.
    emmeans : The means, and their single comparisons.

    Notes
    -----
    The hypotheses are those of R's ``emmeans::joint_tests``. Of several contrasts it
    takes the least of the degrees of freedom of an orthogonal basis; here they are Fai
    and Cornelius's, as in `anova`, which depend on no basis.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, joint_tests
    >>> from skmixed.datasets import load_cake
    >>> model = MixedLinearRegressor("angle ~ recipe * temp + (1 | recipe:replicate)")
    >>> model = model.fit(load_cake().frame)
    >>> joint_tests(model, by="recipe").round(3)
      recipe  term  num_df  den_df       F    p
    0      A  temp       1   222.0  29.696  0.0
    1      B  temp       1   222.0  34.039  0.0
    2      C  temp       1   222.0  30.511  0.0
    """
    fit = fitted(model, "joint_tests", residual=True, generalized=True)
    by = as_names(by)
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    values = grid_values(fit.spec, at or {})
    free = [c for c in values if c not in by and len(values[c]) > 1]
    if not free:
        raise ArgumentError(
            f"No column is left to test: by={by} and at={at} hold all of {list(values)}"
            " at one value."
        )
    tables = [
        term_table(fit, method, list(columns), by, values)
        for columns in combinations_in_terms(fit.spec, free)
    ]
    table = pd.concat(tables, ignore_index=True)
    if by:
        order = {column: list(dict.fromkeys(table[column])) for column in by}
        places = [table[column].map(order[column].index) for column in reversed(by)]
        table = table.iloc[np.lexsort([table.index, *places[::-1]])]
        table = table.reset_index(drop=True)
    kind = "F" if is_linear(fit.result) else "Wald chi-square"
    if not is_linear(fit.result):
        named = table[[*by, "term"]]
        table = pd.concat([named, wald_table(table)], axis=1)
    within = f" within {' and '.join(by)}" if by else ""
    return PrintedTable(table, f"Joint {kind} tests{within}", [reason], index=False)


def grid_values(spec, at):
    """Values of every column of the fixed part in the grid.

    Parameters
    ----------
    spec : DesignSpec
    at : dict of str to list

    Returns
    -------
    dict of str to list
    """
    found = {}
    for column, (typical, are_levels) in spec.typical.items():
        found[column] = list(typical)
        if not are_levels and len(typical) == 1:
            found[column] = [typical[0] - 1.0, typical[0] + 1.0]
    unknown = [column for column in at if column not in found]
    if unknown:
        raise ArgumentError(
            f"{unknown} are not columns of the fixed effects, which are {list(found)}."
        )
    return found | {c: list(np.atleast_1d(asked)) for c, asked in at.items()}


def combinations_in_terms(spec, free):
    """Combinations of columns that stand together in some fixed term, small first."""
    terms = [set(columns_of([term])) for term in spec.formula.fixed]
    return [
        columns
        for size in range(1, len(free) + 1)
        for columns in combinations(free, size)
        if any(set(columns) <= term for term in terms)
    ]


def term_table(fit, method, columns, by, values):
    """Test one combination of columns within every level of others.

    Parameters
    ----------
    fit : Fitted
    method : Satterthwaite, KenwardRoger, Constant or ClusterRobust
    columns, by : list of str
    values : dict of str to list

    Returns
    -------
    DataFrame
        A row per level of `by`.
    """
    grid = ReferenceGrid(fit, columns, by, values)
    # the first column varies fastest
    steps = [np.diff(np.eye(len(values[c])), axis=0) for c in reversed(columns)]
    contrasts = reduce(np.kron, steps)
    rows, n = [], contrasts.shape[1]
    for start in range(0, len(grid.X), n):
        L = estimable_part(fit, contrasts @ grid.X[start : start + n])
        test = joint_test(fit.result, method, L)
        row = {c: grid.cells[c].iloc[start] for c in by} | {"term": ":".join(columns)}
        row |= {"num_df": test.num_df, "den_df": test.den_df}
        rows.append(row | {"F": test.statistic, "p": test.p})
    found = pd.DataFrame(rows)
    return found[found["num_df"] > 0]


def estimable_part(fit, rows):
    """Combinations of contrasts that the kept fixed effects determine.

    Parameters
    ----------
    fit : Fitted
    rows : ndarray of shape (q, p)
        Contrasts of all columns.

    Returns
    -------
    ndarray of shape (s, r)
    """
    kept, weights = fit.result.kept, fit.alias_weights
    if weights is None:
        return rows[:, kept]
    gap = rows[:, ~kept] - fit.result.A.basis.fixed.apply(rows) @ weights
    U, sizes, _ = np.linalg.svd(gap)
    rank = int((sizes > ESTIMABLE * (1.0 + np.abs(rows).max(initial=0.0))).sum())
    return U[:, rank:].T @ rows[:, kept]
