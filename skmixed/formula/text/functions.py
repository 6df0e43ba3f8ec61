"""The functions that a formula may call, and advice for those it may not."""

import numpy as np
import pandas as pd
from formulaic.transforms import (
    C,
    ContrastsRegistry,
    basis_spline,
    center,
    cyclic_cubic_spline,
    natural_cubic_spline,
    poly,
    scale,
    stateful_transform,
)
from formulaic.transforms.patsy_compat import PATSY_COMPAT_TRANSFORMS

from skmixed.formula.text.group_means import between, within

__all__ = [
    "ADVICE",
    "CONTRAST_CLASSES",
    "FUNCTIONS",
    "INTERNAL_FUNCTIONS",
    "CategoryError",
    "is_numpy_name",
]

# Names of numpy that work row by row although they are not ufuncs.
NUMPY_NAMES = {"where", "clip", "round", "isin", "interp", "digitize", "select"} | {
    "pi",
    "e",
    "inf",
    "nan",
    "nan_to_num",
}


class CategoryError(ValueError):
    """The values of a categorical call cannot be coded."""


def is_numpy_name(name):
    """Tell whether ``np.name`` works row by row and is free of side effects."""
    return name in NUMPY_NAMES or isinstance(getattr(np, name, None), np.ufunc)


def identity(x):
    """Return ``x``: R's ``I`` and ``offset``."""
    return x


def log(x, base=None):
    """Take the logarithm, natural unless ``base`` is given (as in R)."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


def exp10(x):
    """Return ten to the power ``x``."""
    return np.power(10.0, x)


def learnt_constant(statistic):
    """Make a function that remembers the statistic of the data it saw in fit."""

    @stateful_transform
    def constant(x, na_rm=True, _state=None):
        if "value" not in _state:
            _state["value"] = float(statistic(np.asarray(x, dtype=float)))
        return _state["value"]

    return constant


@stateful_transform
def polynomial(x, degree=1, raw=False, _state=None):
    """Build the basis of R's ``poly``: orthogonal, or the powers if ``raw``."""
    x = np.asarray(x, dtype=float)
    if raw:
        return {str(k): x**k for k in range(1, degree + 1)}
    if not _state and not has_more_values(x, degree):
        raise ValueError(f"degree {degree} needs more than {degree} distinct values")
    return poly(x, degree=degree, _state=_state)


def has_more_values(x, number):
    """Tell whether x has more than ``number`` distinct values."""
    first = x[:1000]
    return any(len(np.unique(part[~np.isnan(part)])) > number for part in (first, x))


@stateful_transform
def b_spline(x, *args, extrapolation="extend", _state=None, **kwargs):
    """Build the basis of R's ``bs``, extended beyond its boundaries as in R."""
    return basis_spline(x, *args, extrapolation=extrapolation, _state=_state, **kwargs)


@stateful_transform
def factor(data, contrasts=None, *, levels=None, spans_intercept=True, _state=None):
    """Mark data as categorical; the levels are those seen first (or ``levels``).

    Parameters
    ----------
    data : array-like of shape (n,)
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
        If there is one level only, a level that was not seen in fit, or one whose
        name formulaic keeps for itself.
    """
    data = pd.Series(data)
    if "levels" not in _state:
        _state["levels"] = find_levels(data) if levels is None else list(levels)
        if len(_state["levels"]) < 2:
            raise CategoryError(
                f"it has a single level ({_state['levels']}), "
                "whose effect cannot be estimated"
            )
    seen = _state["levels"]
    index = pd.Index(seen)
    if index.dtype == bool and data.dtype.kind == "f":
        index = index.astype(float)  # truth values with gaps arrive as doubles
    codes = index.get_indexer(np.asarray(data))
    unseen = data[(codes < 0) & data.notna()].unique()
    if len(unseen):
        raise CategoryError(
            f"it has levels that fit did not see: {sorted(map(str, unseen))[:20]}; "
            f"seen: {seen[:20]}"
        )
    coded = pd.Series(pd.Categorical.from_codes(codes, categories=seen))
    # formulaic would pass over the columns of these
    hidden = [v for v in seen if isinstance(v, str) and v.startswith("__")]
    if hidden:
        raise CategoryError(
            f"levels that begin with __ ({hidden[:20]}) cannot be coded in a call; "
            "rename them, or let the column stand alone"
        )
    return C(coded, contrasts, spans_intercept=spans_intercept)


def find_levels(data):
    """List the levels that occur: sorted, or in the order of the categories."""
    if isinstance(data.dtype, pd.CategoricalDtype):
        return data.cat.remove_unused_categories().cat.categories.tolist()
    return pd.Index(data.dropna().unique()).sort_values().tolist()


def number(x):
    """Turn truth values into 0.0 and 1.0, so that sums of them count as in R."""
    return np.asarray(x, dtype=float)


def logical_and(*values):
    """Return 1.0 where all values are true."""
    return number(np.logical_and.reduce([number(v) for v in values]))


def logical_or(*values):
    """Return 1.0 where any value is true."""
    return number(np.logical_or.reduce([number(v) for v in values]))


def logical_not(value):
    """Return 1.0 where the value is false."""
    return number(np.logical_not(number(value)))


CONTRAST_CLASSES = {
    name: PATSY_COMPAT_TRANSFORMS[name]
    for name in ("Treatment", "Sum", "Poly", "Helmert", "Diff")
}

ELEMENTWISE = {
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "ceiling": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp10": exp10,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "pmax": np.maximum,
    "pmin": np.minimum,
    "round": np.round,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}

FUNCTIONS = {
    **ELEMENTWISE,
    **CONTRAST_CLASSES,
    "C": factor,
    "I": identity,
    "between": between,
    "bs": b_spline,
    "cc": cyclic_cubic_spline,
    "center": center,
    "cr": natural_cubic_spline,
    "cs": natural_cubic_spline,
    "factor": factor,
    "max": learnt_constant(np.nanmax),
    "mean": learnt_constant(np.nanmean),
    "median": learnt_constant(np.nanmedian),
    "min": learnt_constant(np.nanmin),
    "offset": identity,
    "poly": polynomial,
    "scale": scale,
    "sd": learnt_constant(lambda x: np.nanstd(x, ddof=1)),
    "standardize": PATSY_COMPAT_TRANSFORMS["standardize"],
    "within": within,
}

# What the evaluated code needs besides; a formula cannot name these.
INTERNAL_FUNCTIONS = {
    "np": np,
    "contr": ContrastsRegistry,
    "logical_and": logical_and,
    "logical_not": logical_not,
    "logical_or": logical_or,
    "number": number,
}

BEFOREHAND = "compute it in the data frame first"
CATEGORICAL = "write `factor(x)`"
NUMERIC = "numeric columns need no conversion; text must be converted " + (
    "in the data frame first"
)
AGGREGATE = (
    "write `mean(x)`, `sd(x)`, `center(x)` or `scale(x)`, which are learnt in fit"
)

ADVICE = {
    "Q": "write the column's name in back-ticks: `my column`",
    "as.character": CATEGORICAL,
    "as.integer": NUMERIC,
    "as.logical": "write a comparison, for example `I(x > 0)`",
    "as.numeric": NUMERIC,
    "as.ordered": "write `C(x, contr.poly)`",
    "cbind": "write one response; proportions and counts are not supported",
    "cut": f"{BEFOREHAND}: data['class'] = pd.cut(data['x'], bins)",
    "diff": f"it depends on the order of the rows; {BEFOREHAND}",
    "hashed": BEFOREHAND,
    "ifelse": "write `np.where(x > 2, 1, 0)` or `I(x > 2)`",
    "interaction": "write `a:b`",
    "is.na": f"{BEFOREHAND}: data['missing'] = data['x'].isna()",
    "lag": f"it depends on the order of the rows; {BEFOREHAND}",
    "ns": "write `cr(x, df=3)`, a natural spline in another basis, or `bs(x, df=4)`",
    "ordered": "write `C(x, contr.poly)`",
    "relevel": "write `C(x, contr.treatment('level'))`",
    "reorder": "order the categories in the data frame first",
    "s": "write `bs(x, df=4)` or `cr(x, df=4)`",
    "te": "write `bs(x, df=4):bs(z, df=4)`",
    "np.cumsum": f"it depends on the order of the rows; {BEFOREHAND}",
    **dict.fromkeys(("np.mean", "np.std", "np.median", "var", "sum"), AGGREGATE),
}
