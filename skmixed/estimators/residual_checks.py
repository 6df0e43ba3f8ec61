"""What is refused before a residual covariance is fitted."""

import numpy as np
import pandas as pd

from skmixed.errors import IdentifiabilityError, ResidualCovarianceError
from skmixed.likelihood.covariance.names import RESIDUALS
from skmixed.likelihood.validate import is_exact


def check_times(term, columns):
    """Raise for columns of lists, infinite times, and dates where distances count.

    Parameters
    ----------
    term : ResidualTerm
        With the canonical name.
    columns : FrameColumns

    Raises
    ------
    ValueError
    """
    for name in term.columns:
        if name in columns and not hashable(columns[name]):
            raise ResidualCovarianceError(
                f"residual=`{term}`: `{name}` holds neither numbers nor text, but for "
                f"example {columns[name].iloc[0]!r}."
            )
    if term.time is None or term.time not in columns:
        return
    column, kind = columns[term.time], RESIDUALS[term.name][0]
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    dates = dates or pd.api.types.is_timedelta64_dtype(column.dtype)
    if dates and kind is not None and kind.timed:
        raise ResidualCovarianceError(
            f"residual=`{term}`: `{term.time}` holds dates, and {term.name} goes by "
            "distances in time. Add a column of numbers, for example "
            f"(X[{term.time!r}] - start).dt.days, and name that."
        )
    if not pd.api.types.is_float_dtype(column.dtype):
        return
    infinite = int(np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).sum())
    if infinite:
        raise ResidualCovarianceError(
            f"residual=`{term}`: {infinite} values of `{term.time}` are infinite, "
            "which is no time. Mend or leave out those rows."
        )


def hashable(column):
    """Whether values of a column can be told apart."""
    if column.dtype != object:
        return True
    try:
        column.nunique()
    except TypeError:
        return False
    return True


def check_pairs(spec, rows):
    """Raise where rows of one subject do not tell the correlations.

    Parameters
    ----------
    spec : ResidualSpec
    rows : ResidualRows

    Raises
    ------
    ValueError
        Where no subject has two rows; for ``toep`` a distance in visits, and for ``ad``
        a step between visits, that no two rows of a subject have between them.
    """
    term, k = spec.term, len(spec.visits)
    free = RESIDUALS[term.name][0] is None
    if k == 1 or not (free or n_correlations(term.name)):
        return  # of one visit the search has its own word
    for level, label in enumerate(spec.levels):
        own = rows.level == level
        of = "" if term.by is None else f" with {term.by}={label!r}"
        if not (np.bincount(rows.subject[own]) > 1).any():
            raise ResidualCovarianceError(
                f"residual=`{term}`: no `{term.subject}`{of} has rows at two visits, "
                "so that no correlation is known. Is another column the subject? "
                "diag(visit | subject) has variances alone."
            )
        if term.name in ("toep", "ad"):
            check_parts(spec, rows, own, of)


def n_correlations(name):
    """Parameters of the correlations of three visits."""
    kind = RESIDUALS[name][0]
    return (kind(3, (0.0, 1.0, 2.0)) if kind.timed else kind(3)).n_phi


def check_parts(spec, rows, own, of):
    """Raise for a distance of ``toep``, or a step of ``ad``, that no pair tells."""
    term, k, labels = spec.term, len(spec.visits), spec.labels
    seen = np.zeros((int(rows.subject.max()) + 1, k))
    seen[rows.subject[own], rows.visit[own]] = 1.0
    first, second = np.nonzero(np.triu(seen.T @ seen, 1))
    if term.name == "toep":
        lacking = sorted(set(range(1, k)) - set(second - first))
        what = "rows that are {} visits apart"
        named = lacking[:1]
    else:
        steps = np.zeros(k - 1, dtype=bool)
        for j, h in zip(first, second, strict=True):
            steps[j:h] = True
        named = [f"{labels[j]} and {labels[j + 1]}" for j in np.flatnonzero(~steps)[:1]]
        what = "rows before and after the step between {}"
    if named:
        raise ResidualCovarianceError(
            f"residual=`{term}`: no `{term.subject}`{of} has {what.format(named[0])} "
            f"of `{term.time or 'its rows'}`, so that a correlation is not known. Try "
            "cs or ar1, or leave visits out."
        )


def refuse_exact(products):
    """Raise where the fixed effects leave nothing of the response.

    Parameters
    ----------
    products : CrossProducts

    Raises
    ------
    ValueError
    """
    if products.n_obs <= products.n_fixed:
        raise IdentifiabilityError(
            f"There are as many fixed effects as rows, {products.n_obs}, so that there "
            "are no residuals to covary. Leave terms out of the formula."
        )
    if is_exact(products):
        raise IdentifiabilityError(
            "The fixed effects reproduce the response exactly, so that there are no "
            "residuals to covary. Is it constant, or computed from the predictors?"
        )
