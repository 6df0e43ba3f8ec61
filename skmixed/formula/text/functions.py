"""The closed list of the functions that a formula may call, with their arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from formulaic.transforms import (
    ContrastsRegistry,
    cyclic_cubic_spline,
    natural_cubic_spline,
)
from formulaic.transforms.patsy_compat import PATSY_COMPAT_TRANSFORMS

from skmixed.formula.text import kinds as k
from skmixed.formula.text import numeric, transforms
from skmixed.formula.text.group_means import between, within

__all__ = ["CODINGS", "FUNCTIONS", "INTERNAL_FUNCTIONS", "NUMPY_CONSTANTS", "Function"]


@dataclass(frozen=True)
class Function:
    """A function that a formula may call.

    Attributes
    ----------
    run : callable
    arguments : dict of str to Kind
        In order; a formula may give them by position or by name.
    n_required : int
        How many of them must be given.
    repeats : bool
        Whether more arguments of the last kind may follow.
    is_wide : bool
        Whether it makes columns (of a basis, of levels) and not one column of numbers.
    """

    run: Callable
    arguments: dict
    n_required: int = 1
    repeats: bool = False
    is_wide: bool = False

    def usage(self, name):
        """Write the call with the names of its arguments."""
        names = [*self.arguments, *(["..."] if self.repeats else [])]
        return f"{name}({', '.join(names)})"


def identity(x):
    """Return ``x``: R's ``I`` and ``offset``."""
    return x


def rowwise(run, *names):
    """Describe a function of one column for each name, all of them required."""
    return Function(run, dict.fromkeys(names, k.COLUMN), len(names))


EXTRAPOLATION = k.choice("extend", "raise", "clip", "na", "zero")
CUBIC = {
    "x": k.COLUMN,
    "df": k.POSITIVE,
    "knots": k.NUMBERS,
    "lower_bound": k.NUMBER,
    "upper_bound": k.NUMBER,
    "constraints": k.choice("center") | k.MATRIX | k.NUMBERS,
    "extrapolation": EXTRAPOLATION,
}
B_SPLINE = {
    "x": k.COLUMN,
    "df": k.POSITIVE,
    "knots": k.NUMBERS,
    "degree": k.INTEGER,
    "include_intercept": k.SWITCH,
    "lower_bound": k.NUMBER,
    "upper_bound": k.NUMBER,
    "extrapolation": EXTRAPOLATION,
}
FACTOR = {
    "x": k.LABELS,
    "contrasts": k.CODING,
    "levels": k.VALUES,
    "spans_intercept": k.SWITCH,
}
SCALED = {"center": k.VALUE_OR_SWITCH, "scale": k.VALUE_OR_SWITCH, "ddof": k.INTEGER}
natural = transforms.cubic_spline("cr", natural_cubic_spline, cyclic=False)
cyclic = transforms.cubic_spline("cc", cyclic_cubic_spline, cyclic=True)


def learnt(statistic):
    """Describe a function that gives one number, learnt in fit."""
    run = transforms.learnt_constant(statistic)
    return Function(run, {"x": k.COLUMN, "na_rm": k.SWITCH})


FUNCTIONS = {
    **{name: rowwise(run, "x") for name, run in numeric.ROWWISE.items()},
    "C": Function(transforms.factor, FACTOR, is_wide=True),
    "I": Function(identity, {"x": k.ANY}),
    "between": Function(between, {"x": k.COLUMN, "group": k.GROUP}, 2),
    "bs": Function(transforms.b_spline, B_SPLINE, is_wide=True),
    "cc": Function(cyclic, CUBIC, is_wide=True),
    "center": rowwise(transforms.center, "x"),
    "cr": Function(natural, CUBIC, is_wide=True),
    "cs": Function(natural, CUBIC, is_wide=True),
    "dummy": Function(
        transforms.dummy, {"x": k.LABELS, "levels": k.VALUES}, is_wide=True
    ),
    "factor": Function(transforms.factor, FACTOR, is_wide=True),
    "log": Function(numeric.log, {"x": k.COLUMN, "base": k.COLUMN}),
    "max": learnt(np.nanmax),
    "mean": learnt(np.nanmean),
    "median": learnt(np.nanmedian),
    "min": learnt(np.nanmin),
    "offset": rowwise(numeric.number, "x"),
    "pmax": Function(numeric.pmax, {"x": k.COLUMN, "y": k.COLUMN}, 2, repeats=True),
    "pmin": Function(numeric.pmin, {"x": k.COLUMN, "y": k.COLUMN}, 2, repeats=True),
    "poly": Function(
        transforms.polynomial,
        {"x": k.COLUMN, "degree": k.POSITIVE, "raw": k.SWITCH},
        is_wide=True,
    ),
    "round": Function(numeric.round_off, {"x": k.COLUMN, "digits": k.INTEGER}),
    "scale": Function(transforms.scale, {"x": k.COLUMN, **SCALED}),
    "sd": learnt(lambda x: np.nanstd(x, ddof=1)),
    "standardize": Function(
        transforms.standardize,
        {"x": k.COLUMN, "center": k.SWITCH, "rescale": k.SWITCH, "ddof": k.INTEGER},
    ),
    "within": Function(within, {"x": k.COLUMN, "group": k.GROUP}, 2),
    **{
        f"np.{name}": rowwise(getattr(numeric.NUMPY, name), "x") for name in numeric.ONE
    },
    **{
        f"np.{name}": rowwise(getattr(numeric.NUMPY, name), "x", "y")
        for name in numeric.TWO
    },
    "np.clip": Function(
        numeric.clip,
        {"x": k.COLUMN, "a_min": k.COLUMN_OR_NONE, "a_max": k.COLUMN_OR_NONE},
        3,
    ),
    "np.digitize": Function(
        numeric.digitize, {"x": k.COLUMN, "bins": k.NUMBERS, "right": k.SWITCH}, 2
    ),
    "np.interp": Function(
        numeric.interp,
        {
            "x": k.COLUMN,
            **dict.fromkeys(("xp", "fp"), k.NUMBERS),
            **dict.fromkeys(("left", "right"), k.NUMBER),
        },
        3,
    ),
    "np.isin": Function(numeric.is_among, {"x": k.LABELS, "values": k.VALUES}, 2),
    "np.nan_to_num": Function(
        numeric.replace_missing,
        {"x": k.COLUMN, **dict.fromkeys(("nan", "posinf", "neginf"), k.NUMBER)},
    ),
    "np.round": Function(numeric.round_off, {"x": k.COLUMN, "digits": k.INTEGER}),
    "np.select": Function(
        numeric.select,
        {"conditions": k.COLUMNS, "values": k.COLUMNS, "default": k.COLUMN},
        2,
    ),
    "np.where": rowwise(numeric.where, "condition", "x", "y"),
}

NUMPY_CONSTANTS = tuple(f"np.{name}" for name in numeric.CONSTANTS)

CODINGS = {
    "contr.SAS": {"base": k.CONSTANTS},
    "contr.custom": {"contrasts": k.MATRIX, "names": k.VALUES},
    "contr.diff": {"backward": k.SWITCH},
    "contr.helmert": {"reverse": k.SWITCH, "scale": k.SWITCH},
    "contr.poly": {"scores": k.NUMBERS},
    "contr.sum": {},
    "contr.treatment": {"base": k.CONSTANTS},
    "Diff": {"backward": k.SWITCH},
    "Helmert": {"reverse": k.SWITCH, "scale": k.SWITCH},
    "Poly": {"scores": k.NUMBERS},
    "Sum": {},
    "Treatment": {"reference": k.CONSTANTS},
}
CODINGS = {
    name: Function(
        PATSY_COMPAT_TRANSFORMS.get(name)
        or getattr(ContrastsRegistry, name.removeprefix("contr.")),
        arguments,
        n_required=int(name == "contr.custom"),
    )
    for name, arguments in CODINGS.items()
}

# What evaluated code finds besides columns. A formula cannot name the lower half.
INTERNAL_FUNCTIONS = {
    **{name: f.run for name, f in FUNCTIONS.items() if "." not in name},
    **{name: f.run for name, f in CODINGS.items() if "." not in name},
    "np": numeric.NUMPY,
    "contr": SimpleNamespace(
        **{n.removeprefix("contr."): f.run for n, f in CODINGS.items() if "." in n}
    ),
    "equal": numeric.equal,
    "logical_and": numeric.logical_and,
    "logical_not": numeric.logical_not,
    "logical_or": numeric.logical_or,
    "number": numeric.number,
    "unequal": numeric.unequal,
}
