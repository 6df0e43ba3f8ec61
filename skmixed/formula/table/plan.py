"""What each column of a design is: a product of columns, levels and the constant.

formulaic makes a plan from symbols, see ``materializer``; it is evaluated here.
"""

from dataclasses import dataclass

import numpy as np

from skmixed.formula.text.errors import FormulaError

__all__ = ["EvaluatedPart", "Level", "Number", "Plan", "evaluate", "refuse_one_name"]


@dataclass(frozen=True)
class Number:
    """The values of a numeric column."""

    column: str


@dataclass(frozen=True)
class Level:
    """One in the rows of a categorical column with one level, else zero."""

    column: str
    code: int


@dataclass(frozen=True)
class Plan:
    """The columns of one part of a formula.

    Attributes
    ----------
    names : tuple of str
        Names of the k columns.
    products : tuple of tuple
        Factors of each column: ``Number``, ``Level``, a constant number, or the
        values of a call, an array of n rows.
    widths : tuple of int
        Numbers of columns of the terms, in order.

    Examples
    --------
    >>> from skmixed.formula.table.plan import Level, Number, Plan
    >>> plan = Plan(("x:a[u]", "x:a[v]"), ((Number("x"), Level("a", 0)),
    ...     (Number("x"), Level("a", 1))), widths=(2,))
    >>> plan.has_intercept
    False
    """

    names: tuple
    products: tuple
    widths: tuple

    @property
    def has_intercept(self):
        """Whether the first column is the constant."""
        return bool(self.products) and is_constant(self.products[0])


@dataclass(frozen=True)
class EvaluatedPart:
    """One part of a formula on a table of n rows: the fixed part, a random term.

    Attributes
    ----------
    terms : sequence of formulaic Term
    plan : Plan
        What its k columns are.
    matrix : ndarray of shape (n, k)
        The columns, in Fortran order.
    shared : bool, default=False
        Whether they are columns of another part, which is checked by itself.
    """

    terms: tuple
    plan: Plan
    matrix: np.ndarray
    shared: bool = False

    def share(self, plan):
        """The columns of another plan, where they stand side by side in this part.

        Parameters
        ----------
        plan : Plan

        Returns
        -------
        ndarray of shape (n, k), or None
        """
        k, own = len(plan.products), self.plan.products
        if not all(map(is_symbolic, plan.products)):
            return None
        for start in range(len(own) - k + 1):
            part = own[start : start + k]
            if all(map(is_symbolic, part)) and part == plan.products:
                return self.matrix[:, start : start + k]
        return None


def is_constant(product):
    """Tell whether a product is a number and nothing else."""
    return len(product) == 1 and isinstance(product[0], float)


def is_symbolic(product):
    """Tell whether a product says all of its values by names."""
    return all(isinstance(factor, float | Level | Number) for factor in product)


def is_finite(product):
    """Tell whether a product is finite whatever the data are."""
    return all(isinstance(factor, float | Level) for factor in product)


def evaluate(plan, table, indicators=None):
    """Compute the columns of a plan.

    Parameters
    ----------
    plan : Plan
    table : ColumnTable of n rows
    indicators : dict of Level to ndarray, optional
        Those computed already; it is filled further.

    Returns
    -------
    ndarray of shape (n, k)
        In Fortran order.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula.table.columns import ColumnTable
    >>> from skmixed.formula.table.plan import Level, Number, Plan, evaluate
    >>> frame = pd.DataFrame({"x": [2.0, 3.0], "a": ["v", "u"]})
    >>> table = ColumnTable.learn(frame, ["x", "a"])
    >>> products = ((1.0,), (Number("x"), Level("a", 0)))
    >>> evaluate(Plan(("Intercept", "x:a[u]"), products, (1, 1)), table).tolist()
    [[1.0, 0.0], [1.0, 3.0]]
    """
    indicators = {} if indicators is None else indicators
    matrix = np.empty((table.n_rows, len(plan.products)), order="F")
    with np.errstate(over="ignore", invalid="ignore"):  # `finished` tells of them
        for column, product in zip(matrix.T, plan.products, strict=True):
            multiply([values_of(f, table, indicators) for f in product], column)
    return matrix


def values_of(factor, table, indicators):
    """Look up or compute the values of one factor."""
    if isinstance(factor, Number):
        return table[factor.column]
    if isinstance(factor, Level):
        if factor not in indicators:
            indicators[factor] = table[factor.column].codes == factor.code
        return indicators[factor]
    return np.asarray(factor)


def multiply(factors, out):
    """Write a product of columns as doubles: small integers would overflow."""
    if len(factors) == 1:
        out[:] = factors[0]
        return
    np.multiply(factors[0], factors[1], out=out, dtype=float)
    for factor in factors[2:]:
        np.multiply(out, factor, out=out, dtype=float)


def refuse_one_name(names):
    """Raise where two columns of a model have one name."""
    if len(set(names)) == len(names):
        return
    twice = next(name for name in names if names.count(name) > 1)
    raise FormulaError(
        f"Two columns of the model are called {twice!r}: a term, and a column of X of "
        "that name. Rename the column."
    )
