"""formulaic's materializer, fed with coded columns and writing Fortran arrays.

All that depends on the inside of formulaic's materialization stands here.
"""

import itertools
from functools import reduce

import numpy as np
import pandas as pd
from formulaic import ModelSpec, ModelSpecs
from formulaic.errors import FormulaicError
from formulaic.formula import SimpleFormula
from formulaic.materializers import PandasMaterializer
from formulaic.materializers.types import FactorValues
from formulaic.utils.stateful_transforms import stateful_eval

from skmixed.formula.columns import CallNames
from skmixed.formula.errors import FormulaError
from skmixed.formula.expressions import read_expression
from skmixed.formula.functions import CategoryError

__all__ = ["materialize", "model_spec"]


class DesignMaterializer(PandasMaterializer):
    """Evaluate terms on a ``ColumnTable``; results are arrays in Fortran order."""

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
        return self.data[name], set()

    @PandasMaterializer.override
    def _evaluate(self, expr, metadata, spec):
        code = read_expression(expr).code
        with np.errstate(all="ignore"):
            value = stateful_eval(code, self.names, {}, spec.transform_state, spec)
        return self._checked(value), set()

    def _checked(self, value):
        """Turn a constant into a column; refuse what is not a column."""
        if isinstance(value, FactorValues | dict | pd.Series):
            return value
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise TypeError("it does not give numbers; wrap text in `factor()`")
        if value.ndim == 0:
            return np.broadcast_to(value, self.nrows)
        if len(value) != self.nrows:
            raise ValueError(f"it gives {len(value)} values for {self.nrows} rows")
        return value

    @PandasMaterializer.override
    def _encode_constant(self, value, metadata, encoder_state, spec, drop_rows):
        return np.broadcast_to(float(value), self.nrows)

    @PandasMaterializer.override
    def _encode_categorical(
        self, values, metadata, encoder_state, spec, drop_rows, reduced_rank=False
    ):
        """Code by treatment contrasts as formulaic does, one byte per row and level."""
        codes = values.cat.codes.to_numpy()
        levels = values.cat.categories.tolist()
        return FactorValues(
            {level: codes == k for k, level in enumerate(levels)},
            kind="categorical",
            spans_intercept=True,
            drop_field=levels[0],
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
            columns[name] = reduce(multiply, (values for _, values in parts))
        return columns

    @PandasMaterializer.override
    def _combine_columns(self, cols, spec, drop_rows):
        matrix = np.empty((self.nrows, len(cols)), order="F")
        for j, (_, values) in enumerate(cols):
            # A proxy of formulaic's would be copied on the way.
            matrix[:, j] = getattr(values, "__wrapped__", values)
        return matrix


def multiply(a, b):
    """Multiply two columns as doubles: small integers would overflow."""
    return np.multiply(np.asarray(a), np.asarray(b), dtype=float)


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


def materialize(parts, table):
    """Evaluate the parts of a formula together.

    Parameters
    ----------
    parts : dict of str to ModelSpec
    table : ColumnTable of n rows

    Returns
    -------
    dict of str to ModelMatrix
        Arrays of shape (n, k) in Fortran order, each with its ``model_spec``.

    Raises
    ------
    FormulaError
        If a call cannot be evaluated.
    ValueError
        If a categorical call has a single level, or one that fit did not see.
    """
    if not parts:
        return {}
    try:
        matrices = DesignMaterializer(table).get_model_matrix(ModelSpecs(**parts))
    except FormulaicError as error:
        raise explain(error) from error
    return {name: getattr(matrices, name) for name in parts}


def explain(error):
    """Say in the user's terms why a factor could not be evaluated."""
    factor = str(error).partition("`")[2].partition("`. [")[0]
    cause = error.__cause__
    if cause is None:
        return FormulaError(str(error))
    text = f"Cannot evaluate `{factor}`: {cause}."
    return ValueError(text) if isinstance(cause, CategoryError) else FormulaError(text)
