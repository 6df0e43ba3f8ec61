"""formulaic's materializer, fed with symbols of columns and writing plans.

All that depends on the inside of formulaic's materialization stands here.
"""

import itertools
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from formulaic import ModelSpec, ModelSpecs
from formulaic.errors import FormulaicError
from formulaic.formula import SimpleFormula
from formulaic.materializers import PandasMaterializer
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Factor, Term

from skmixed.errors import ColumnError
from skmixed.formula.table.calls import evaluate_call
from skmixed.formula.table.columns import CallNames, ColumnTable
from skmixed.formula.table.plan import EvaluatedPart, Level, Number, Plan, evaluate
from skmixed.formula.text.errors import CallError, FormulaError
from skmixed.formula.text.expressions import read_expression
from skmixed.formula.text.transforms import CategoryError

__all__ = ["FormulaParts", "choose_columns", "make_plans", "materialize"]

CACHED_PLANS = 128
# Plans with more levels than this are made anew each time, to bound the cache.
CACHED_LEVELS = 1000


@dataclass(frozen=True, eq=False)
class FormulaParts:
    """Parts of a formula that are evaluated together.

    Attributes
    ----------
    terms : dict of str to sequence of formulaic Term
        The terms of each part, by its name.
    """

    terms: dict

    @cached_property
    def spelling(self):
        """Names of the parts, with text and method of every factor of every term."""
        return tuple(
            (
                name,
                tuple(
                    tuple((f.expr, f.eval_method.value) for f in term.factors)
                    for term in terms
                ),
            )
            for name, terms in self.terms.items()
        )

    @cached_property
    def has_calls(self):
        """Whether a factor is a call and not a column."""
        return any(method == "python" for _, method in self._factors)

    @cached_property
    def columns(self):
        """Columns that stand for themselves, outside of calls."""
        return tuple(text for text, method in self._factors if method == "lookup")

    @property
    def _factors(self):
        factors = (f for _, part in self.spelling for term in part for f in term)
        return dict.fromkeys(factors)


@dataclass(frozen=True)
class ColumnKind:
    """What formulaic's choices depend on: a column's kind and levels.

    Attributes
    ----------
    column : str
    text : str
        The levels as text: 1, 1.0 and True are equal but give other names.
    levels : list or None
        None for a numeric column.
    """

    column: str
    text: str
    levels: list | None = field(compare=False)


@dataclass(frozen=True)
class Categories:
    """A categorical column, in place of its values."""

    column: str
    levels: list

    def indicators(self):
        """Return the symbol of each level's indicator, by level."""
        return {LevelName(v): Level(self.column, k) for k, v in enumerate(self.levels)}


@dataclass(frozen=True)
class LevelName:
    """A level's text that is no str: formulaic passes over those that begin with __."""

    level: object

    def __str__(self):
        return str(self.level)


class DesignMaterializer(PandasMaterializer):
    """Choose the columns of terms as formulaic does; evaluate nothing but calls.

    Columns of the table are symbols, and the results are instances of ``Plan``.
    """

    @PandasMaterializer.override
    def _init(self):
        self.names = CallNames(self.data)

    @property
    @PandasMaterializer.override
    def nrows(self):
        """Number of rows of the table."""
        return self.data.n_rows

    @PandasMaterializer.override
    def _lookup(self, name):
        levels = self.data.levels[name]
        if levels is None:
            return FactorValues(Number(name), kind="numerical"), set()
        symbol = Categories(name, levels)
        return FactorValues(symbol, kind="categorical", spans_intercept=True), set()

    @PandasMaterializer.override
    def _evaluate(self, expr, metadata, spec):
        code = read_expression(expr).code
        value = evaluate_call(code, self.names, spec.transform_state)
        return self._checked(value), set()

    def _checked(self, value):
        """Turn a constant into a column; refuse what is not a column."""
        if isinstance(value, FactorValues | dict | pd.Series):
            return value
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise CallError("it does not give numbers; wrap text in `factor()`")
        if value.ndim == 0:
            return np.broadcast_to(value, self.nrows)
        if len(value) != self.nrows:
            raise CallError(f"it gives {len(value)} values for {self.nrows} rows")
        return value

    @PandasMaterializer.override
    def _encode_constant(self, value, metadata, encoder_state, spec, drop_rows):
        return float(value)

    @PandasMaterializer.override
    def _encode_categorical(
        self, values, metadata, encoder_state, spec, drop_rows, reduced_rank=False
    ):
        """Code by treatment contrasts as formulaic does."""
        values = values.__wrapped__
        if isinstance(values, Categories):
            columns = values.indicators()
        else:
            codes, levels = values.cat.codes.to_numpy(), values.cat.categories
            columns = {LevelName(v): codes == k for k, v in enumerate(levels.tolist())}
        return FactorValues(
            columns,
            kind="categorical",
            spans_intercept=True,
            drop_field=next(iter(columns)),
            format="{name}[{field}]",
            format_reduced="{name}[T.{field}]",
        )

    @PandasMaterializer.override
    def _get_columns_for_term(self, factors, spec, scale=1):
        """Multiply the factors' columns, the first factor's varying fastest."""
        columns = {}
        for product in itertools.product(*(f.items() for f in reversed(factors))):
            parts = product[::-1]
            name = ":".join(name for name, _ in parts)
            columns[name] = tuple(
                getattr(values, "__wrapped__", values) for _, values in parts
            )
        return columns

    @PandasMaterializer.override
    def _combine_columns(self, cols, spec, drop_rows):
        return Plan(
            names=tuple(name for name, _ in cols),
            products=tuple(p if isinstance(p, tuple) else (p,) for _, p in cols),
            widths=tuple(len(term.columns) for term in spec.structure),
        )


def model_spec(terms, transform_state):
    """Return formulaic's specification of one part of a formula.

    Parameters
    ----------
    terms : sequence of formulaic Term
    transform_state : dict
        What stateful transforms have learnt; it is copied.
    """
    return ModelSpec(
        formula=SimpleFormula(terms),
        na_action="ignore",
        output="numpy",
        transform_state={key: dict(state) for key, state in transform_state.items()},
    )


def choose_columns(parts, table, transform_state):
    """Let formulaic choose the columns of the parts of a formula, together.

    Parameters
    ----------
    parts : dict of str to sequence of formulaic Term
    table : ColumnTable of n rows
        Its values are read by calls only.
    transform_state : dict
        What stateful transforms have learnt; it is copied.

    Returns
    -------
    dict of str to ModelMatrix
        Of each part a ``Plan`` in formulaic's wrapping, with its ``model_spec``.

    Raises
    ------
    FormulaError
        If a call cannot be evaluated.
    ValueError
        If a categorical call has a single level, or one that fit did not see.
    """
    specs = {name: model_spec(terms, transform_state) for name, terms in parts.items()}
    try:
        matrices = DesignMaterializer(table).get_model_matrix(ModelSpecs(**specs))
    except FormulaicError as error:
        raise explain(error) from error
    return {name: getattr(matrices, name) for name in parts}


def materialize(parts, table, transform_state):
    """Evaluate the parts of a formula together.

    Parameters
    ----------
    parts : FormulaParts
    table : ColumnTable of n rows
    transform_state : dict
        What stateful transforms have learnt.

    Returns
    -------
    evaluated : dict of str to EvaluatedPart
    transform_state : dict
        What they know after this evaluation.

    Raises
    ------
    FormulaError, ValueError
        As ``choose_columns`` does.
    """
    plans, state = make_plans(parts, table, transform_state)
    evaluated, indicators = {}, {}
    for name, terms in parts.terms.items():
        plan, fixed = plans[name], evaluated.get("fixed")
        # where values are missing, parts differ in the rows that they make missing
        shared = None if fixed is None or table.missing else fixed.share(plan)
        matrix = evaluate(plan, table, indicators) if shared is None else shared
        evaluated[name] = EvaluatedPart(terms, plan, matrix, shared is not None)
    return evaluated, state


def make_plans(parts, table, transform_state):
    """Make the plans of the parts of a formula, or find them among earlier ones.

    Parameters
    ----------
    parts : FormulaParts
    table : ColumnTable of n rows
    transform_state : dict
        What stateful transforms have learnt.

    Returns
    -------
    plans : dict of str to Plan
    transform_state : dict
        What they know after this evaluation.

    Raises
    ------
    FormulaError, ValueError
        As ``choose_columns`` does.
    """
    if parts.has_calls:
        matrices = choose_columns(parts.terms, table, transform_state)
        state = {}
        for matrix in matrices.values():
            state.update(matrix.model_spec.transform_state)
        return {name: m.__wrapped__ for name, m in matrices.items()}, state
    levels = {column: table.levels[column] for column in parts.columns}
    kinds = tuple(ColumnKind(c, repr(known), known) for c, known in levels.items())
    many = sum(len(known or ()) for known in levels.values()) > CACHED_LEVELS
    make = plain_plans.__wrapped__ if many else plain_plans
    return make(parts.spelling, kinds), {}


@lru_cache(maxsize=CACHED_PLANS)
def plain_plans(parts, kinds):
    """Make the plans of parts without calls: they depend on nothing but this.

    Parameters
    ----------
    parts : tuple of (str, tuple)
        As ``FormulaParts`` spells them.
    kinds : tuple of ColumnKind

    Returns
    -------
    dict of str to Plan
        Kept for other tables: not to be changed.
    """
    table = ColumnTable({}, 0, {kind.column: kind.levels for kind in kinds}, {})
    terms = {
        name: [Term([Factor(text, eval_method=m) for text, m in term]) for term in part]
        for name, part in parts
    }
    matrices = choose_columns(terms, table, {})
    return {name: matrix.__wrapped__ for name, matrix in matrices.items()}


def explain(error):
    """Say in the user's terms why a factor could not be evaluated."""
    factor = str(error).partition("`")[2].partition("`. [")[0]
    cause = error.__cause__
    if cause is None:
        return FormulaError(str(error))
    text = f"Cannot evaluate `{factor}`: {say(cause)}."
    return (CategoryError if isinstance(cause, CategoryError) else FormulaError)(text)


def say(cause):
    """Put the reason of a failed call into a sentence."""
    if isinstance(cause, MemoryError):
        return "it needs more memory than there is; ask for fewer columns"
    if isinstance(cause, ArithmeticError):
        return "its constants divide by zero or are too large for a double"
    if isinstance(cause, CallError | CategoryError | ColumnError):
        return str(cause).rstrip(".")
    return f"its arguments do not fit together ({cause})"
