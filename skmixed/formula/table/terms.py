"""Which columns of X belong to which term, and how their levels are coded."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from skmixed.formula.table.columns import ColumnTable
from skmixed.formula.table.materializer import choose_columns
from skmixed.formula.text.operators import write_term

__all__ = ["CodedColumn", "FixedTerm", "fixed_terms"]


@dataclass(frozen=True)
class CodedColumn:
    """One column of X as a product of numbers and codes of categories.

    Attributes
    ----------
    position : int
        In X.
    numeric : tuple of str
        Names of the numeric columns in the product, sorted.
    codes : dict of str to ndarray of shape (n_levels,)
        For every categorical factor in the product its value at each level.
    """

    position: int
    numeric: tuple
    codes: dict


@dataclass(frozen=True)
class FixedTerm:
    """One term of the fixed part.

    Attributes
    ----------
    name : str
        As written; "1" is the intercept.
    numeric : frozenset of str
        Its numeric factors.
    categorical : dict of str to int
        Its categorical factors, with their numbers of levels.
    columns : tuple of CodedColumn
    """

    name: str
    numeric: frozenset
    categorical: dict
    columns: tuple

    def contains(self, other):
        """Tell whether another term is marginal to this one.

        Parameters
        ----------
        other : FixedTerm

        Returns
        -------
        bool
            True if both have the same numeric factors and this one has more categorical
            ones, as SAS and lmerTest define it.
        """
        return self.numeric == other.numeric and set(other.categorical) < set(
            self.categorical
        )


def fixed_terms(spec):
    """Take the fixed part of a design apart.

    Parameters
    ----------
    spec : DesignSpec

    Returns
    -------
    list of FixedTerm
        In the order of the columns of X.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula import DesignSpec, parse_formula
    >>> from skmixed.formula.table.terms import fixed_terms
    >>> frame = pd.DataFrame({"a": list("uvwu"), "x": [1.0, 2.0, 3.0, 5.0]})
    >>> spec, _ = DesignSpec.learn(parse_formula("y ~ x + a:x"), frame)
    >>> [(t.name, [c.position for c in t.columns]) for t in fixed_terms(spec)]
    [('1', [0]), ('x', [1]), ('a:x', [2, 3])]
    """
    parts = {"fixed": spec.formula.fixed}
    matrices = choose_columns(parts, one_row(spec), spec.transform_state)
    model_spec = matrices["fixed"].model_spec
    factors = CodedFactors(model_spec, spec.levels)
    terms, position = [], 0
    for part in model_spec.structure:
        expressions = [factor.expr for factor in part.term.factors]
        columns = []
        for scoped in part.scoped_terms:
            for numeric, codes in factors.products(scoped):
                columns.append(CodedColumn(position, numeric, codes))
                position += 1
        terms.append(
            FixedTerm(
                write_term(part.term),
                frozenset(filter(factors.is_numeric, expressions)),
                {
                    e: len(factors.coding(e, reduced=False))
                    for e in expressions
                    if factors.is_categorical(e)
                },
                tuple(columns),
            )
        )
    return without_constant(terms) if spec.without_constant else terms


def without_constant(terms):
    """Leave out the intercept, which has no column in X."""
    return [
        replace(
            term,
            columns=tuple(replace(c, position=c.position - 1) for c in term.columns),
        )
        for term in terms[1:]
    ]


def one_row(spec):
    """Make a table of one row that replays: first levels, and numbers missing."""
    columns = spec.design_columns_for(())
    levels = {column: spec.levels[column] for column in columns}
    frame = pd.DataFrame(
        {
            c: [known[0]] if isinstance(known, list) else [np.nan]
            for c, known in levels.items()
        },
        index=range(1),
    )
    for column, known in levels.items():
        if isinstance(known, list):
            frame[column] = pd.Categorical(frame[column], categories=known)
    return ColumnTable.read(frame, levels)


class CodedFactors:
    """What formulaic remembers of the factors of one part.

    Parameters
    ----------
    model_spec : formulaic ModelSpec
        After materialization.
    levels : dict of str to list or None
        Levels of the categorical columns of the table.
    """

    def __init__(self, model_spec, levels):
        self.states = model_spec.encoder_state
        self.levels = levels
        self.widths = {}
        for part in model_spec.structure:
            self.learn_widths(part)

    def learn_widths(self, part):
        """Count the columns of numeric factors: their distinct names in products."""
        pieces = {piece for name in part.columns for piece in split_name(name)}
        for factor in part.term.factors:
            name = factor.expr
            if self.is_numeric(name):
                own = {p for p in pieces if p == name or p.startswith(f"{name}[")}
                self.widths[name] = max(len(own), 1)

    def is_categorical(self, expression):
        """Tell whether a factor is coded by its levels."""
        state = self.states.get(expression)
        return state is not None and state[0].value == "categorical"

    def is_numeric(self, expression):
        """Tell whether a factor is made of numbers; the intercept is neither."""
        return expression in self.states and not self.is_categorical(expression)

    def coding(self, expression, reduced):
        """Values of a categorical factor's columns, of shape (n_levels, n_columns)."""
        contrasts = self.states[expression][1].get("contrasts")
        if contrasts is None:
            identity = np.eye(len(self.levels[expression]))
            return identity[:, 1:] if reduced else identity
        coding = contrasts.contrasts.get_coding_matrix(
            contrasts.levels, reduced_rank=reduced
        )
        return np.asarray(coding, dtype=float)

    def products(self, scoped):
        """Describe the columns of one product, the first factor varying fastest.

        Yields
        ------
        numeric : tuple of str
        codes : dict of str to ndarray
        """
        choices = []
        for factor in scoped.factors:
            expression = factor.factor.expr
            if self.is_categorical(expression):
                coding = self.coding(expression, factor.reduced)
                choices.append([(expression, column) for column in coding.T])
            else:
                width = self.widths.get(expression, 1)
                choices.append([(f"{expression}[{k}]", None) for k in range(width)])
        for product in itertools.product(*reversed(choices)):
            numeric = tuple(sorted(name for name, codes in product if codes is None))
            codes = {name: codes for name, codes in product if codes is not None}
            yield numeric, codes


def split_name(name):
    """Split a column's name at the colons outside of brackets.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skmixed.formula.table.terms import split_name
    >>> split_name("poly(x, 2)[1]:b[T.u:v]")
    ['poly(x, 2)[1]', 'b[T.u:v]']
    """
    pieces, depth = [""], 0
    for character in name:
        depth += (character in "([{") - (character in ")]}")
        if character == ":" and not depth:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces
