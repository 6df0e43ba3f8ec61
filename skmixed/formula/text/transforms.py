"""Functions of a formula that learn from the rows of fit: bases, scales, levels."""

import numpy as np
import pandas as pd
from formulaic import transforms
from formulaic.transforms import C, poly, stateful_transform
from formulaic.transforms.contrasts import (
    CustomContrasts,
    PolyContrasts,
    TreatmentContrasts,
)
from formulaic.utils.sentinels import UNSET

from skmixed.errors import ExplainedError
from skmixed.formula.text.errors import CallError
from skmixed.formula.text.numeric import number

__all__ = [
    "CategoryError",
    "b_spline",
    "center",
    "cubic_spline",
    "dummy",
    "factor",
    "learnt_constant",
    "polynomial",
    "scale",
    "standardize",
]

# Numbers that one call may make: 800 MB.
MOST_NUMBERS = 10**8
SHOWN = 20


class CategoryError(ExplainedError, ValueError):
    """The values of a categorical call cannot be coded."""

    section = "calls-in-a-formula"


def learnt_constant(statistic):
    """Make a function that remembers the statistic of the data it saw in fit."""

    @stateful_transform
    def constant(x, na_rm=True, _state=None):
        if "value" not in _state:
            _state["value"] = float(statistic(number(x)))
        return _state["value"]

    return constant


@stateful_transform
def scale(x, center=True, scale=True, ddof=1, _state=None):
    """Subtract the mean and divide by the standard deviation, as learnt in fit."""
    return transforms.scale(number(x), center, scale, ddof, _state=_state)


@stateful_transform
def standardize(x, center=True, rescale=True, ddof=0, _state=None):
    """Standardise with the population's standard deviation, as patsy does."""
    return transforms.scale(number(x), center, rescale, ddof, _state=_state)


@stateful_transform
def center(x, _state=None):
    """Subtract the mean learnt in fit."""
    return transforms.scale(number(x), True, False, _state=_state)


@stateful_transform
def polynomial(x, degree=1, raw=False, _state=None):
    """Build the basis of R's ``poly``: orthogonal, or the powers if ``raw``."""
    x = number(x)
    if not _state:
        check_width(degree, len(x))
    if raw:
        _state["degree"] = degree
        return {str(k): x**k for k in range(1, degree + 1)}
    if not _state and not has_more_values(x, degree):
        raise CallError(f"degree {degree} needs more than {degree} distinct values")
    return poly(x, degree=degree, _state=_state)


def has_more_values(x, number):
    """Tell whether x has more than ``number`` distinct values."""
    first = x[:1000]
    return any(len(np.unique(part[~np.isnan(part)])) > number for part in (first, x))


def check_width(n_columns, n_rows):
    """Raise for more columns than rows can tell apart, or than memory may hold."""
    if n_columns > n_rows:
        raise CallError(
            f"it asks for {n_columns} columns, and there are {n_rows} rows; ask for "
            "fewer"
        )
    if n_columns * n_rows > MOST_NUMBERS:
        raise CallError(
            f"it asks for {n_columns} columns of {n_rows} rows, "
            f"{8e-9 * n_columns * n_rows:.1f} GB; ask for fewer columns"
        )


@stateful_transform
def b_spline(
    x,
    df=None,
    knots=None,
    degree=3,
    include_intercept=False,
    lower_bound=None,
    upper_bound=None,
    extrapolation="extend",
    _state=None,
):
    """Build the basis of R's ``bs``, extended beyond its boundaries as in R."""
    x = number(x)
    if not _state:
        least = degree + bool(include_intercept)
        n_columns = least + len(as_list(knots)) if df is None else df
        check_spline(x, df, knots, lower_bound, upper_bound)
        if n_columns < least:
            raise CallError(
                f"df={df} is too few: a spline of degree {degree} has df={least} or "
                "more"
            )
        check_width(n_columns, len(x))
    check_bounds(x, extrapolation, _state)
    return transforms.basis_spline(
        x,
        df,
        None if knots is None else as_list(knots),
        degree,
        bool(include_intercept),
        lower_bound,
        upper_bound,
        extrapolation,
        _state=_state,
    )


def cubic_spline(name, basis, *, cyclic):
    """Make the function of a cubic regression spline.

    Parameters
    ----------
    name : str
    basis : callable
        formulaic's.
    cyclic : bool
    """

    @stateful_transform
    def spline(
        x,
        df=None,
        knots=None,
        lower_bound=None,
        upper_bound=None,
        constraints=None,
        extrapolation="extend",
        _state=None,
    ):
        x = number(x)
        if not _state:
            if df is None and knots is None:
                raise CallError(
                    f"it needs the number of its columns: write `{name}(x, df=4)`"
                )
            check_spline(x, df, knots, lower_bound, upper_bound)
            least = 3 - cyclic - (constraints is not None)
            n_columns = len(as_list(knots)) + 2 if df is None else df
            if n_columns < least:
                raise CallError(f"df={df} is too few: write df={least} or more")
            check_width(n_columns, len(x))
            if df is not None and not has_more_values(x, n_columns):
                raise CallError(f"df={df} needs more than {df} distinct values")
        check_bounds(x, extrapolation, _state)
        return basis(
            x,
            df,
            None if knots is None else np.sort(as_list(knots)),
            lower_bound,
            upper_bound,
            constraints,
            extrapolation=extrapolation,
            _state=_state,
        )

    return spline


def as_list(values):
    """Return knots as a list of doubles."""
    return [] if values is None else np.atleast_1d(number(values)).tolist()


def check_spline(x, df, knots, lower_bound, upper_bound):
    """Raise for knots and bounds that make no spline of ``x``."""
    if df is not None and knots is not None:
        raise CallError("it takes df or knots, not both")
    low = float(np.nanmin(x)) if lower_bound is None else lower_bound
    high = float(np.nanmax(x)) if upper_bound is None else upper_bound
    if not (np.isfinite(low) and np.isfinite(high)):
        raise CallError("its values are not finite")
    if low >= high:
        raise CallError(f"it has no room between its bounds {low:g} and {high:g}")
    outside = [knot for knot in as_list(knots) if not low < knot < high]
    if outside:
        raise CallError(
            f"the knots {outside[:SHOWN]} do not lie between the bounds {low:g} and "
            f"{high:g}"
        )
    if df is not None and not np.any((x >= low) & (x <= high)):
        raise CallError(f"no value lies between the bounds {low:g} and {high:g}")


def check_bounds(x, extrapolation, state):
    """Raise for values beyond the bounds where ``extrapolation="raise"``."""
    low, high = state.get("lower_bound", -np.inf), state.get("upper_bound", np.inf)
    outside = int(np.sum((x < low) | (x > high)))
    if extrapolation == "raise" and outside:
        raise CallError(
            f"{outside} rows lie beyond the bounds {low:g} and {high:g} of fit; write "
            "extrapolation='extend' or 'clip'"
        )


@stateful_transform
def factor(x, contrasts=None, levels=None, spans_intercept=True, _state=None):
    """Mark data as categorical; the levels are those seen first (or ``levels``).

    Parameters
    ----------
    x : array-like of shape (n,)
    contrasts : formulaic contrasts, dict or array, optional
        Coding of the levels; treatment coding by default.
    levels : sequence, optional
        Levels in the order wanted; by default sorted, or as in the categories.
    spans_intercept : bool
        Handed to formulaic.

    Returns
    -------
    FactorValues

    Raises
    ------
    CategoryError
        If there is one level only, a level that was not seen in fit, one whose name
        formulaic keeps for itself, two that read alike, or a coding of other levels.
    """
    data = pd.Series(x)
    if "levels" not in _state:
        _state["levels"] = find_levels(data) if levels is None else list(levels)
        check_levels(_state["levels"])
    seen = _state["levels"]
    coded = pd.Series(pd.Categorical.from_codes(find_codes(data, seen), seen))
    contrasts = as_contrasts(contrasts, seen)
    return C(coded, contrasts, spans_intercept=bool(spans_intercept))


@stateful_transform
def dummy(x, levels=None, _state=None):
    """Indicators of some levels: lme4's ``dummy``.

    Parameters
    ----------
    x : array-like of shape (n,)
    levels : value or sequence, optional
        By default all levels but the first.

    Returns
    -------
    ndarray of shape (n,), or dict of them by level
        The former for one value.

    Raises
    ------
    CategoryError
        For a level that was not seen in fit.
    """
    data = pd.Series(x)
    if "levels" not in _state:
        _state["levels"] = find_levels(data)
    seen = _state["levels"]
    codes = find_codes(data, seen)
    single = levels is not None and not isinstance(levels, list | tuple)
    wanted = [levels] if single else list(seen[1:] if levels is None else levels)
    unknown = [value for value in wanted if value not in seen]
    if unknown or not wanted:
        raise CategoryError(f"it asks for {unknown}, and has the levels {seen[:SHOWN]}")
    columns = {
        str(value): np.where(codes < 0, np.nan, codes == seen.index(value))
        for value in wanted
    }
    return columns[str(levels)] if single else columns


def find_codes(data, seen):
    """Return the position of each value among the levels, -1 where it is missing."""
    index = pd.Index(seen)
    if index.dtype == bool and data.dtype.kind == "f":
        index = index.astype(float)  # truth values with gaps arrive as doubles
    codes = index.get_indexer(np.asarray(data))
    unseen = data[(codes < 0) & data.notna()].unique()
    if len(unseen):
        raise CategoryError(
            f"it has levels that fit did not see: {sorted(map(str, unseen))[:SHOWN]}; "
            f"seen: {seen[:SHOWN]}"
        )
    return codes


def check_levels(levels):
    """Raise for levels that cannot be coded."""
    if len(levels) < 2:
        raise CategoryError(
            f"it has a single level ({levels}), whose effect cannot be estimated"
        )
    if len(set(map(str, levels))) < len(levels):
        raise CategoryError(
            f"it has levels that read alike ({levels[:SHOWN]}); give them different "
            "names"
        )
    # formulaic would pass over the columns of these
    hidden = [v for v in levels if isinstance(v, str) and v.startswith("__")]
    if hidden:
        raise CategoryError(
            f"levels that begin with __ ({hidden[:SHOWN]}) cannot be coded in a call; "
            "rename them, or let the column stand alone"
        )


def as_contrasts(contrasts, levels):
    """Make contrasts of what a formula may say; raise if they are of other levels."""
    if callable(contrasts):
        contrasts = contrasts()
    if isinstance(contrasts, TreatmentContrasts):
        if contrasts.base is not UNSET and contrasts.base not in levels:
            raise CategoryError(
                f"its reference level {contrasts.base!r} is not among the levels "
                f"{levels[:SHOWN]}"
            )
        return contrasts
    if isinstance(contrasts, dict | list | tuple):
        contrasts = CustomContrasts(contrasts)
    n_weights = len(levels)
    if isinstance(contrasts, CustomContrasts):
        n_weights = len(contrasts.contrasts)
    if isinstance(contrasts, PolyContrasts) and contrasts.scores is not None:
        n_weights = len(contrasts.scores)
    if n_weights != len(levels):
        raise CategoryError(
            f"its coding has {n_weights} weights for the {len(levels)} levels "
            f"{levels[:SHOWN]}"
        )
    return contrasts


def find_levels(data):
    """List the levels that occur: sorted, or in the order of the categories."""
    if isinstance(data.dtype, pd.CategoricalDtype):
        return data.cat.remove_unused_categories().cat.categories.tolist()
    return pd.Index(data.dropna().unique()).sort_values().tolist()
