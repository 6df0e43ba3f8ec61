"""The arrays of a mixed model, and the checks that they pass."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skmixed.errors import ColumnError
from skmixed.formula.table.plan import is_finite
from skmixed.formula.text.operators import factor_columns

__all__ = [
    "Design",
    "RandomBlock",
    "check_magnitudes",
    "find_constant",
    "find_implied",
    "finished",
]

# Dummies that add up to 1 do so exactly; spline bases up to rounding.
PARTITION_OF_UNITY = 1e-12
FIRST_ROWS = 64
# Power of ten to which the largest number of what is squared may come: columns, the
# response, their ratio (a coefficient), and columns times roots of weights.
LARGEST_POWER = 140
# Sums of squares between which no such power can be.
ORDINARY = (1e-120, 1e120)
# Entries of a part that are looked at together, not by column.
FEW = 1000


@dataclass(frozen=True)
class RandomBlock:
    """The arrays of one random-effects term of n rows with k effects.

    Attributes
    ----------
    group : str
        Name of the grouping factor; terms of one factor share name and codes.
    effects : tuple of str
        Names of the effects, for example ``("Intercept", "lrt")``.
    z : ndarray of shape (n, k)
        Columns of the effects, in Fortran order.
    codes : ndarray of shape (n,)
        Group of each row, -1 if it is unknown.
    n_levels : int
        Number of groups.
    covariance : str
        Name of the structure of the effects' covariance, "us" where all is free.
    options : tuple of tuple (key, value)
        Of the structure, for example ``(("hom", True),)``.
    constant : ndarray of shape (k,) or None
        Weights with ``z @ constant == 1`` in every row, if there are any.
    """

    group: str
    effects: tuple
    z: np.ndarray
    codes: np.ndarray
    n_levels: int
    covariance: str
    options: tuple
    constant: np.ndarray | None


@dataclass(frozen=True)
class Design:
    """The arrays of a mixed model with n rows and p fixed-effects columns.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Fixed-effects columns, in Fortran order.
    y : ndarray of shape (n,) or None
        Response.
    offset : ndarray of shape (n,) or None
        Sum of the ``offset()`` terms.
    weights : ndarray of shape (n,) or None
    random : tuple of RandomBlock
        One for each random-effects term, in the order of the formula.
    constant : ndarray of shape (p,) or None
        Weights with ``X @ constant == 1`` in every row, if there are any.
    residual : ResidualRows or None
        Where the rows stand in a residual covariance.
    dispersion : ndarray of shape (n, r) or None
        Columns of the residuals' standard deviations, on the logarithmic scale.
    """

    X: np.ndarray
    y: np.ndarray | None
    offset: np.ndarray | None
    weights: np.ndarray | None
    random: tuple
    constant: np.ndarray | None
    residual: Any = None
    dispersion: np.ndarray | None = None

    @property
    def rows_are_independent(self):
        """Whether residuals are, and of one variance but for the weights."""
        return self.residual is None and self.dispersion is None

    def select(self, rows):
        """Return some of the rows.

        Parameters
        ----------
        rows : ndarray of int or bool

        Returns
        -------
        Design
        """

        def cut(values):
            return None if values is None else values[rows]

        return replace(
            self,
            X=self.X[rows],
            y=cut(self.y),
            offset=cut(self.offset),
            weights=cut(self.weights),
            random=tuple(
                replace(block, z=block.z[rows], codes=block.codes[rows])
                for block in self.random
            ),
            residual=None if self.residual is None else self.residual.select(rows),
            dispersion=cut(self.dispersion),
        )


def find_constant(part):
    """Find weights of the columns that add up to 1 in every row.

    Parameters
    ----------
    part : EvaluatedPart with k columns

    Returns
    -------
    ndarray of shape (k,) or None
        Those of the intercept, which comes first, or of the dummies of one term.
    """
    constant = np.zeros(part.matrix.shape[1])
    if part.plan.has_intercept:
        constant[0] = 1.0
        return constant
    starts = itertools.accumulate(part.plan.widths, initial=0)
    for start, stop in itertools.pairwise(starts):
        columns = part.matrix[:, start:stop]
        if stop > start and adds_up(columns[:FIRST_ROWS]) and adds_up(columns):
            constant[start:stop] = 1.0
            return constant
    return None


def find_implied(part):
    """Name the columns that stand for the constant a second time.

    Parameters
    ----------
    part : EvaluatedPart

    Returns
    -------
    tuple of str
        Beside an intercept, the last column of every term whose columns add up to 1,
        as those of ``cr(x, df=4)`` do.
    """
    if not part.plan.has_intercept:
        return ()
    ends = list(itertools.accumulate(part.plan.widths, initial=0))
    first = part.matrix[:1].ravel().tolist()
    return tuple(
        part.plan.names[stop - 1]
        for start, stop in itertools.pairwise(ends[1:])
        if stop - start > 1
        and abs(sum(first[start:stop]) - 1.0) <= PARTITION_OF_UNITY
        and adds_up(part.matrix[:FIRST_ROWS, start:stop])
        and adds_up(part.matrix[:, start:stop])
    )


def adds_up(columns):
    """Tell whether the columns add up to 1 in every row."""
    with np.errstate(invalid="ignore"):
        total = columns[:, 0] if columns.shape[1] == 1 else columns.sum(axis=1)
    return bool(np.all(np.abs(total - 1.0) <= PARTITION_OF_UNITY))


def check_magnitudes(design, names):
    """Raise for numbers whose squares are no doubles any more.

    Parameters
    ----------
    design : Design
    names : sequence of str
        Of the columns of X.

    Raises
    ------
    ValueError
        Also for a response whose coefficients or whose residual variance are none.
    """
    # an effect and a coefficient of one name are one column
    columns = dict(zip(names, design.X.T, strict=True))
    for block in design.random:
        if not columns.keys() >= set(block.effects):
            columns |= zip(block.effects, block.z.T, strict=True)
    others = [v for v in (design.y, design.weights, design.offset) if v is not None]
    with np.errstate(over="ignore", under="ignore"):
        squares = [values.dot(values) for values in [*columns.values(), *others]]
    if all(ORDINARY[0] < square < ORDINARY[1] for square in squares):
        return
    power = {f"`{name}`": power_of(column) for name, column in columns.items()}
    y = 0.0 if design.y is None else power_of(design.y)
    heavy = 0.0 if design.weights is None else power_of(design.weights) / 2.0
    refuse_beyond(y, "the response")
    refuse_beyond(heavy, "the root of sample_weight")
    refuse_beyond(y + heavy, "the response times the root of sample_weight")
    if design.offset is not None:
        own = power_of(design.offset)
        refuse_beyond(own, "the offset")
        refuse_beyond(own + heavy, "the offset times the root of sample_weight")
    for name, own in power.items():
        refuse_beyond(own, name)
        refuse_beyond(own + heavy, f"{name} times the root of sample_weight")
        refuse_beyond(y - own, f"the response over that of {name}")


def power_of(values):
    """Power of ten of the largest of some numbers; 0 where all are zero."""
    largest = max(-values.min(initial=0.0), values.max(initial=0.0))
    return float(np.log10(largest)) if largest else 0.0


def refuse_beyond(power, what):
    """Raise for a power of ten whose square would leave the range of doubles."""
    if abs(power) > LARGEST_POWER:
        raise ColumnError(
            f"The largest number of {what} is of the order 1e{power:+.0f}: squares of "
            "such numbers leave the range of doubles. Change the units: "
            f"divide by 1e{power:+.0f}."
        )


def finished(part, table):
    """Put NaN where the table lacks a value; raise for other non-finite values.

    Parameters
    ----------
    part : EvaluatedPart of n rows and k columns
    table : ColumnTable of n rows
        From which it was made.

    Returns
    -------
    ndarray of shape (n, k)
        The array of the part itself.

    Raises
    ------
    ValueError
        If a column is not finite in a row where nothing is missing.
    """
    plan, matrix, missing = part.plan, part.matrix, None
    if part.shared:
        return matrix
    if not table.missing and matrix.size < FEW and np.isfinite(matrix).all():
        return matrix
    if table.missing:
        factors = [factor for term in part.terms for factor in term.factors]
        missing = table.missing_rows([c for f in factors for c in factor_columns(f)])
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = [
            not (is_finite(product) or np.isfinite(np.add.reduce(values)))
            for product, values in zip(plan.products, matrix.T, strict=True)
        ]
    for place in np.flatnonzero(doubtful):
        name, values = plan.names[place], matrix[:, place]
        wrong = ~np.isfinite(values)
        if missing is not None:
            wrong &= ~missing
        if wrong.any():
            raise ColumnError(
                f"`{name}` is not finite in {int(wrong.sum())} rows (first at position "
                f"{int(wrong.argmax())})."
            )
    if missing is not None and matrix.shape[1]:
        matrix[missing] = np.nan
    return matrix
