"""Functions of a formula that work row by row, by construction.

Each takes numbers by position and gives new numbers: none writes into what it is
given, none hands numpy's own functions and their keywords out.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from skmixed.formula.text.errors import CallError

__all__ = [
    "NUMPY",
    "ROWWISE",
    "equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "number",
]

ONE = (
    *("abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt"),
    *("ceil", "cos", "cosh", "deg2rad", "degrees", "exp", "exp2", "expm1", "fabs"),
    *("absolute", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p"),
    *("log2", "logical_not", "negative", "positive", "rad2deg", "radians"),
    *("reciprocal", "rint", "sign", "sin", "sinh", "sqrt", "square", "tan"),
    *("tanh", "trunc"),
)
TWO = (
    *("add", "arctan2", "copysign", "divide", "equal", "float_power", "floor_divide"),
    *("fmax", "fmin", "fmod", "greater", "greater_equal", "heaviside", "hypot", "less"),
    *("less_equal", "logaddexp", "logaddexp2", "logical_and", "logical_or"),
    *("logical_xor", "maximum", "minimum", "mod", "multiply", "not_equal"),
    *("power", "remainder", "subtract", "true_divide"),
)
CONSTANTS = {"e": np.e, "inf": np.inf, "nan": np.nan, "pi": np.pi}


def number(x):
    """Return numbers as doubles: truth values are 0.0 and 1.0, as in R's sums."""
    return np.asarray(x, dtype=float)


def elementwise(ufunc):
    """Wrap a function of numpy: positional arguments only, always a new result."""

    def compute(*values):
        return ufunc(*map(number, values))

    return compute


def log(x, base=None):
    """Take the logarithm, natural unless ``base`` is given (as in R)."""
    x = np.log(number(x))
    return x if base is None else x / np.log(number(base))


def exp10(x):
    """Return ten to the power ``x``."""
    return np.power(10.0, number(x))


def pmax(*values):
    """Return the largest of the values of each row, missing if one is missing."""
    return np.maximum.reduce(np.broadcast_arrays(*map(number, values)))


def pmin(*values):
    """Return the smallest of the values of each row, missing if one is missing."""
    return np.minimum.reduce(np.broadcast_arrays(*map(number, values)))


def round_off(x, digits=0):
    """Round to a number of digits, halves to even (as R and numpy do)."""
    return np.round(number(x), digits)


def clip(x, a_min, a_max):
    """Bring what lies outside of the bounds to them."""
    low, high = (b if b is None else number(b) for b in (a_min, a_max))
    if low is None and high is None:
        return number(x)
    return np.clip(number(x), low, high)


def where(condition, x, y):
    """Choose between the values of ``x`` and ``y``."""
    return np.where(number(condition) != 0, number(x), number(y))


def select(conditions, values, default=0.0):
    """Choose the value of the first condition that holds."""
    if len(conditions) != len(values):
        raise CallError(
            f"np.select has {len(conditions)} conditions and {len(values)} values; "
            "it needs one value for each condition"
        )
    chosen = number(default)
    for condition, value in reversed(list(zip(conditions, values, strict=True))):
        chosen = where(condition, value, chosen)
    return chosen


def interp(x, xp, fp, left=None, right=None):
    """Interpolate linearly in a table of constants."""
    xp, fp = np.atleast_1d(number(xp)), np.atleast_1d(number(fp))
    if len(xp) != len(fp) or np.any(np.diff(xp) <= 0):
        raise CallError(
            f"the table of np.interp has {len(xp)} positions and {len(fp)} values; it "
            "needs as many of both, and the positions in ascending order"
        )
    return np.interp(number(x), xp, fp, left=left, right=right)


def digitize(x, bins, right=False):
    """Return the number of the bin that each value falls into."""
    bins = np.atleast_1d(number(bins))
    steps = np.diff(bins)
    if np.any(steps < 0) and np.any(steps > 0):
        raise CallError("the bins of np.digitize must ascend or descend")
    return number(np.digitize(number(x), bins, right=bool(right)))


def replace_missing(x, nan=0.0, posinf=None, neginf=None):
    """Put numbers for what is not finite."""
    return np.nan_to_num(number(x), nan=nan, posinf=posinf, neginf=neginf)


def is_among(x, values):
    """Tell which labels or numbers are among some constants: R's ``%in%``."""
    values = list(values) if isinstance(values, list | tuple) else [values]
    for value in values:
        check_comparable(x, value)
    return np.asarray(pd.Series(x).astype(object).isin(values))


def equal(x, y):
    """Tell where two columns of labels or numbers are equal."""
    check_comparable(x, y)
    check_comparable(y, x)
    return np.asarray(as_objects(x) == as_objects(y), dtype=bool)


def unequal(x, y):
    """Tell where two columns of labels or numbers differ."""
    return ~equal(x, y)


def as_objects(values):
    """Return labels as an array of objects; numbers as doubles."""
    if isinstance(values, pd.Series):
        return np.asarray(values, dtype=object)
    return values if isinstance(values, str) else number(values)


def check_comparable(x, value):
    """Raise where text is compared with numbers: no row would be equal."""
    kinds = kinds_of(x) | kinds_of(value)
    if len(kinds_of(x)) == 1 and len(kinds_of(value)) == 1 and len(kinds) == 2:
        shown = repr(value) if isinstance(value, str | int | float) else "a column"
        raise CallError(
            f"a column of {next(iter(kinds_of(x)))} is compared with {shown}, so that "
            "no row could be equal; text is written in quotes, numbers without"
        )


def kinds_of(values):
    """Return the kinds of the values: "text", "numbers" or both."""
    if isinstance(values, str):
        return {"text"}
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.CategoricalDtype):
        labels = values.cat.categories
        return {"text" if isinstance(label, str) else "numbers" for label in labels}
    return {"numbers"}


def logical_and(*values):
    """Return 1.0 where all values are true."""
    return number(np.logical_and.reduce(np.broadcast_arrays(*map(number, values))))


def logical_or(*values):
    """Return 1.0 where any value is true."""
    return number(np.logical_or.reduce(np.broadcast_arrays(*map(number, values))))


def logical_not(value):
    """Return 1.0 where the value is false."""
    return number(np.logical_not(number(value)))


# By R's names.
ROWWISE = {
    **{
        name: elementwise(getattr(np, name))
        for name in (
            *("abs", "cos", "cosh", "exp", "exp2", "expm1", "floor", "log10", "log1p"),
            *("log2", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
        )
    },
    "acos": elementwise(np.arccos),
    "asin": elementwise(np.arcsin),
    "atan": elementwise(np.arctan),
    "ceiling": elementwise(np.ceil),
    "exp10": exp10,
}

NUMPY = SimpleNamespace(
    **CONSTANTS,
    **{name: elementwise(getattr(np, name)) for name in (*ONE, *TWO)},
    clip=clip,
    digitize=digitize,
    interp=interp,
    isin=is_among,
    nan_to_num=replace_missing,
    round=round_off,
    select=select,
    where=where,
)
