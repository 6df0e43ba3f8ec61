"""Test fixed effects by permuting residuals within groups, many draws at a time."""

from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_random_state

from skmixed.errors import ArgumentError, ContrastError, UnavailableError
from skmixed.estimators.hypotheses import read_contrasts
from skmixed.estimators.input import refuse_lacking
from skmixed.estimators.many import fit_many
from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_count
from skmixed.inference.opened.fitted import fitted
from skmixed.printing.printed import PrintedTable
from skmixed.printing.progress import count_done

# Numbers of permuted responses at a time: they bound the working memory.
CHUNK = 2e7
# Statistics that differ by less, relatively, are the same.
SAME = 1e-9


def permutation_test(
    model,
    X,
    y=None,
    *,
    L,
    n_permutations=999,
    within=None,
    random_state=None,
    verbose=None,
):
    """Test fixed effects by permuting residuals within groups.

    The law of the F statistic is that of permuted data, not of normal ones: residuals
    need be exchangeable within groups, which random intercepts leave them. It is for
    effects of columns that vary within groups.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted, without weights.
    X : data frame or array-like
        The rows of the fit.
    y : array-like, default=None
        Response of the fit, where it is no column of `X`.
    L : array-like, DataFrame, dict, str or list of str
        What is 0 under the hypothesis, as `contrast_test` takes it: ``"Days = 0"``.
    n_permutations : int, default=999
    within : str or list of str, default=None
        Columns of `X` within whose combined levels rows are exchangeable: by default
        those of the grouping factor, which must be named where there are several.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    PrintedTable
        Its ``frame`` is a Series: ``statistic`` (F), ``num_df``, ``p`` (share of the
        permutations with an F at least as large, the observed one included),
        ``std_error`` of the p-value, and ``n_permutations``. ``attrs["statistics"]``
        holds the permuted F.

    Raises
    ------
    ValueError
        Where the rows are not those of the fit, rows have weights, residuals covary, no
        group has two rows, or `L` has rows that depend on each other.

    See Also
    --------
    contrast_test : By the t and F distributions.
    bootstrap_test : Draws responses from a normal null model.

    Notes
    -----
    Residuals of the model that obeys the hypothesis, at the fitted variances, are
    permuted and added to its population part (Freedman and Lane, 1983, J. Bus. Econ.
    Stat. 1(4); Winkler et al., 2014, NeuroImage 92). Every permuted response is fitted
    anew, variances and all, by `fit_many`. A slope that varies between groups makes
    rows of a group unlike: the test then is approximate.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, permutation_test
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    >>> found = permutation_test(
    ...     model, sleep, L="Days = 0", n_permutations=199, random_state=0
    ... )
    >>> float(found["p"])
    0.005
    """
    n_permutations = check_count("n_permutations", n_permutations)
    fit = fitted(model, "permutation_test")
    matrix, labels = read_hypothesis(L, fit.names)
    rows = Rows.read_fitted(model, X, y, asked="permutation_test")
    design = rows.design
    if design.weights is not None:
        raise UnavailableError(
            "Rows of different weights are not exchangeable; permutation_test is for "
            "models without weights."
        )
    groups = read_groups(rows.frame, fit, within)
    fixed = population_part(fit, design, matrix)
    residual = design.y - fixed
    rng = check_random_state(random_state)
    found = [f_statistics(model, rows.frame, design.y[:, None], matrix)]
    step = max(1, int(CHUNK // len(residual)))
    with count_done(n_permutations, "fit", "permutations", verbose) as done:
        for start in range(0, n_permutations, step):
            n = min(step, n_permutations - start)
            Y = fixed[:, None] + permute(residual, groups, n, rng)
            found.append(f_statistics(model, rows.frame, Y, matrix))
            done(n)
    (observed,), permuted = found[0], np.concatenate(found[1:])
    return tabulate(observed, permuted[np.isfinite(permuted)], matrix, labels)


def tabulate(observed, permuted, matrix, labels):
    """The test as a table; see :func:`permutation_test`."""
    n = len(permuted)
    p = float((1 + np.sum(permuted >= observed * (1 - SAME))) / (n + 1))
    table = {
        "statistic": float(observed),
        "num_df": len(matrix),
        "p": p,
        "std_error": float(np.sqrt(p * (1 - p) / n)),
        "n_permutations": n,
    }
    series = pd.Series(table, name="permutation test")
    series.attrs["statistics"] = permuted
    notes = [f"Hypothesis: {', '.join(map(str, labels))}"]
    return PrintedTable(series, "Permutation test of fixed effects", notes)


def read_hypothesis(L, names):
    """Contrasts that are 0 under the hypothesis, of shape (q, r), and their names."""
    matrix, labels, values = read_contrasts(L, names)
    if values is not None and np.any(values):
        raise ContrastError("permutation_test compares with 0; write `... = 0`.")
    if np.linalg.matrix_rank(matrix) < len(matrix):
        raise ContrastError("Rows of L depend on each other; leave some out.")
    return matrix, list(labels)


def read_groups(frame, fit, within):
    """Codes of the groups within which rows are exchangeable, of shape (n,)."""
    if within is None:
        if len(fit.spec.groups) != 1:
            raise ArgumentError(
                f"The model has the grouping factors {list(fit.spec.groups)}; name in "
                "`within` the columns within whose levels rows are exchangeable."
            )
        within = list(next(iter(fit.spec.groups.values())).columns)
    within = [within] if isinstance(within, str) else list(within)
    refuse_lacking(frame, within, "within")
    codes = frame.groupby(within, observed=True, dropna=False).ngroup().to_numpy()
    if np.bincount(codes).max() < 2:
        raise ArgumentError(
            f"No two rows have the same level of {within}: there is nothing to permute."
        )
    return codes


def population_part(fit, design, matrix):
    """``offset + X beta`` under the hypothesis, at the fitted variances, of shape (n,).

    ``beta - V L'(L V L')^-1 L beta`` is generalised least squares under ``L beta = 0``.
    """
    result = fit.result
    V = result.coef_cov @ matrix.T
    gap = np.linalg.solve(matrix @ V, matrix @ result.coef)
    eta = design.X[:, result.kept] @ (result.coef - V @ gap)
    return eta if design.offset is None else eta + design.offset


def permute(values, groups, n_draws, rng):
    """Permuted copies of values, each within groups, of shape (n, n_draws)."""
    home = np.argsort(groups, kind="stable")
    found = np.empty((len(values), n_draws))
    for draw in found.T:
        draw[home] = values[np.lexsort((rng.random_sample(len(values)), groups))]
    return found


def f_statistics(model, frame, Y, matrix):
    """Wald's F of contrasts of many responses, of shape (n_responses,).

    Variances of sums of two contrasts tell the covariances of them.
    """
    q = len(matrix)
    pairs = list(combinations(range(q), 2))
    sums = [matrix[i] + matrix[j] for i, j in pairs]
    fits = fit_many(clone(model), frame, Y, verbose=0)
    table = fits.contrast(np.vstack([matrix, *sums]))
    estimate = table["estimate"].to_numpy().reshape(Y.shape[1], -1)[:, :q]
    variance = table["std_error"].to_numpy().reshape(Y.shape[1], -1) ** 2
    C = np.zeros((Y.shape[1], q, q))
    C[:, range(q), range(q)] = variance[:, :q]
    for place, (i, j) in enumerate(pairs, start=q):
        own = (variance[:, place] - variance[:, i] - variance[:, j]) / 2
        C[:, i, j] = C[:, j, i] = own
    whitened = np.linalg.solve(C, estimate[:, :, None])[:, :, 0]
    return np.einsum("rq,rq->r", estimate, whitened) / q
