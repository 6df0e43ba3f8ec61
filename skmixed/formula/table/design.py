"""A formula and a table make a design: the arrays, and what it takes to replay them."""

from functools import lru_cache

import numpy as np

from skmixed.errors import ArgumentError, ColumnError, ResponseError
from skmixed.formula.table.arrays import (
    Design,
    RandomBlock,
    find_constant,
    find_implied,
    finished,
)
from skmixed.formula.table.coding import read_numbers
from skmixed.formula.table.columns import ColumnTable, check_columns
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.groups import GroupIndex
from skmixed.formula.table.materializer import FormulaParts, make_plans, materialize
from skmixed.formula.table.plan import refuse_one_name
from skmixed.formula.table.reference import typical_values
from skmixed.formula.text.operators import factor_columns, write_term
from skmixed.formula.text.parse import parse_formula

__all__ = ["Design", "DesignSpec", "RandomBlock"]


class DesignSpec:
    """What a formula learnt from a table; replays the design on new rows.

    Made by ``DesignSpec.learn``. The state is plain: text, numbers, lists and arrays.

    Attributes
    ----------
    formula_text : str
        The formula with ``.``, ``||`` and nesting written out.
    coef_names : tuple of str
        Names of the columns of X.
    implied : tuple of str
        Columns that stand for the constant a second time: see ``find_implied``.
    effects : list of (str, tuple of str, bool)
        Grouping factor and effects of each random-effects term.
    groups : dict of str to GroupIndex
        Grouping factors in order of first appearance.
    without_constant : bool
        Whether the intercept is left out of X: other parameters stand for it.
    typical : dict of str to tuple (list, bool)
        For every column of the fixed part the values that stand for its rows, and
        whether they are levels: see ``typical_values``.
    residual : ResidualSpec or None
        What a residual covariance learnt.
    dispersion : DesignSpec or None
        What the formula of the residuals' standard deviations learnt.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.formula import DesignSpec, parse_formula
    >>> frame = pd.DataFrame({"x": [1.0, 2.0, 4.0], "g": ["b", "a", "b"]})
    >>> spec, design = DesignSpec.learn(parse_formula("y ~ log2(x) + (1 | g)"), frame)
    >>> spec.coef_names, design.random[0].codes.tolist()
    (('Intercept', 'log2(x)'), [1, 0, 1])
    >>> spec.build(pd.DataFrame({"x": [8.0], "g": ["z"]})).X.tolist()
    [[1.0, 3.0]]
    """

    dispersion = None

    def __init__(self, formula_text):
        self.formula_text = formula_text
        self.levels = {}
        self.transform_state = {}
        self.coef_names = ()
        self.implied = ()
        self.effects = []
        self.groups = {}
        self.constant = None
        self.random_constants = []
        self.without_constant = False
        self.typical = {}
        self.residual = None

    @classmethod
    def learn(cls, formula, frame, *, without_constant=False, known=None):
        """Learn levels, transforms and groups from a table, and make its design.

        Parameters
        ----------
        formula : MixedFormula
        frame : pandas.DataFrame or FrameColumns of n rows
            Without missing values in the columns of the formula.
        without_constant : bool, default=False
            Leave the intercept out of X, levels being coded as if it were there.
        known : tuple (dict, dict), optional
            Levels of columns, and what transforms have learnt, where other rows than
            the table's tell.

        Returns
        -------
        spec : DesignSpec
        design : Design
            With ``y`` and ``weights`` left None.

        Raises
        ------
        FormulaError
            If a call of the formula cannot be evaluated.
        ValueError
            If a column is missing, of a kind that cannot enter a model, has a single
            level, or gives values that are not finite.
        """
        frame = FrameColumns.of(frame)
        check_columns(frame, formula.predictor_columns)
        spec = cls(str(formula))
        spec.without_constant = without_constant
        levels, state = ({}, {}) if known is None else known
        keys = formula.key_columns
        table = ColumnTable.learn(frame, formula.design_columns, keys, levels)
        spec.levels = table.levels
        parts = design_parts(formula, tuple(range(len(formula.random))))
        evaluated, spec.transform_state = materialize(parts, table, state)
        spec.keep_names(formula, evaluated)
        codes = spec.learn_groups(formula, frame)
        design = spec.assemble(formula, evaluated, table, codes)
        spec.learn_response(formula, frame)
        spec.typical = typical_values(
            table, formula.fixed_columns, spec.levels, spec.transform_state
        )
        return spec, design

    def keep_names(self, formula, evaluated):
        """Keep the columns' names and the constant vectors."""
        self.coef_names = evaluated["fixed"].plan.names
        refuse_one_name(self.coef_names)
        if self.without_constant:
            self.coef_names = self.coef_names[1:]
        else:
            self.constant = find_constant(evaluated["fixed"])
        self.implied = find_implied(evaluated["fixed"])
        names = name_groups(formula)
        for place in range(len(formula.random)):
            effects, constant = ("Intercept",), np.ones(1)
            part = evaluated.get(part_name(place))
            if part is not None:
                effects, constant = part.plan.names, find_constant(part)
            refuse_one_name(effects)
            self.effects.append((names[place], effects))
            self.random_constants.append(constant)

    def learn_groups(self, formula, frame):
        """Learn the grouping factors; return their codes by name."""
        codes, column_codes = {}, {}
        for name, term in zip(name_groups(formula), formula.random, strict=True):
            if name not in codes:
                self.groups[name], codes[name] = GroupIndex.learn(
                    name, term.columns, frame, column_codes
                )
        return codes

    def learn_response(self, formula, frame):
        """Learn the transforms of the left side, if the table holds its columns."""
        columns = formula.response_columns
        if formula.response is None or formula.response_is_column:
            return
        if any(name not in frame for name in columns):
            return
        table = ColumnTable.learn(frame, columns)
        parts = FormulaParts({"response": formula.response_terms})
        _, state = make_plans(parts, table, self.transform_state)
        self.transform_state.update(state)
        self.levels.update(table.levels)

    def build(self, frame, *, random_effects=True):
        """Replay the design on new rows; each row depends on itself alone.

        Parameters
        ----------
        frame : pandas.DataFrame or FrameColumns of n rows
            Rows with missing values give NaN, or the group code -1.
        random_effects : bool or tuple of str
            Which random-effects terms to build: all, none, or those of some grouping
            factors. Columns that only the others need may be absent.

        Returns
        -------
        Design

        Raises
        ------
        ValueError
            If a column is missing or of another kind than in fit, if a fixed factor
            has a level that fit did not see, or if a transform is not finite.
        """
        frame = FrameColumns.of(frame)
        check_columns(frame, self.columns_for(random_effects))
        formula, places = self.formula, self.places_for(random_effects)
        table = ColumnTable.read(
            frame, {c: self.levels[c] for c in self.design_columns_for(random_effects)}
        )
        parts = design_parts(formula, tuple(places))
        evaluated, _ = materialize(parts, table, self.transform_state)
        names = dict.fromkeys(self.effects[place][0] for place in places)
        codes = {name: self.groups[name].encode(frame) for name in names}
        return self.assemble(formula, evaluated, table, codes)

    def assemble(self, formula, evaluated, table, codes):
        """Make the design from its evaluated parts and the codes of the groups."""
        fixed, offset = finished(evaluated["fixed"], table), None
        X = fixed[:, 1:] if self.without_constant else fixed
        one = np.broadcast_to(1.0, (table.n_rows, 1))
        if evaluated["fixed"].plan.has_intercept and not table.missing:
            one = fixed[:, :1]
        if "offset" in evaluated:
            check_offsets(formula, evaluated["offset"].plan.names)
            offset = finished(evaluated["offset"], table).sum(axis=1)
        blocks = []
        for place, (group, effects) in enumerate(self.effects):
            if group not in codes:
                continue
            if part_name(place) in evaluated:
                z = finished(evaluated[part_name(place)], table)
            else:
                z = one
            term = formula.random[place]
            blocks.append(
                RandomBlock(
                    group=group,
                    effects=effects,
                    z=z,
                    codes=codes[group],
                    n_levels=self.groups[group].n_levels,
                    covariance=term.covariance,
                    options=term.options,
                    constant=self.random_constants[place],
                )
            )
        return Design(X, None, offset, None, tuple(blocks), self.constant)

    @property
    def formula(self):
        """The ``MixedFormula``, read again from its text."""
        return parse_formula(self.formula_text)

    @property
    def predictor_columns(self):
        """Columns that ``build`` needs."""
        return self.formula.predictor_columns

    @property
    def response_columns(self):
        """Columns that ``read_response`` needs."""
        return self.formula.response_columns

    @property
    def group_columns(self):
        """Columns of the grouping factors."""
        return self.formula.group_columns

    def places_for(self, random_effects):
        """Return the positions of the random-effects terms that are wanted."""
        if isinstance(random_effects, bool):
            return list(range(len(self.effects) if random_effects else 0))
        unknown = [name for name in random_effects if name not in self.groups]
        if unknown:
            raise ArgumentError(
                f"The formula has no grouping factor {unknown}; it has: "
                f"{list(self.groups)}."
            )
        wanted = set(random_effects)
        return [k for k, (group, *_) in enumerate(self.effects) if group in wanted]

    def design_columns_for(self, random_effects):
        """List the design columns that some of the random-effects terms need."""
        return design_columns(self.formula, tuple(self.places_for(random_effects)))

    def columns_for(self, random_effects=True):
        """List the columns that ``build`` needs for these random effects.

        Parameters
        ----------
        random_effects : bool or tuple of str
            As in ``build``.
        """
        groups = [
            column
            for place in self.places_for(random_effects)
            for column in self.groups[self.effects[place][0]].columns
        ]
        return list(dict.fromkeys([*self.design_columns_for(random_effects), *groups]))

    def read_response(self, frame):
        """Read the response, transformed as the left side says.

        Parameters
        ----------
        frame : pandas.DataFrame or FrameColumns of n rows

        Returns
        -------
        ndarray of shape (n,)
            NaN where the columns of the response are missing.

        Raises
        ------
        ValueError
            If a column is absent, if the response is text, or if its transform is not
            finite.
        """
        formula, columns = self.formula, self.response_columns
        frame = FrameColumns.of(frame)
        check_columns(frame, columns)
        if formula.response_is_column:
            return read_numbers(frame[columns[0]], columns[0])
        if all(column in self.levels for column in columns):
            levels = {column: self.levels[column] for column in columns}
            table = ColumnTable.read(frame, levels)
        else:
            table = ColumnTable.learn(frame, columns)
        parts = FormulaParts({"response": formula.response_terms})
        response = materialize(parts, table, self.transform_state)[0]["response"]
        n_columns = len(response.plan.names)
        if n_columns != 1:
            raise ResponseError(
                f"The response `{formula.response}` gives {n_columns} columns; it must "
                "be one column of numbers."
            )
        return finished(response, table)[:, 0]

    def __repr__(self):
        return f"DesignSpec({self.formula_text!r})"


@lru_cache(maxsize=512)
def design_columns(formula, places):
    """Columns of the fixed part and of the effects of some random terms, a tuple."""
    effects = [
        column
        for place in places
        for term in formula.random[place].terms
        for factor in term.factors
        for column in factor_columns(factor)
    ]
    return tuple(dict.fromkeys([*formula.fixed_columns, *effects]))


@lru_cache(maxsize=512)
def design_parts(formula, places):
    """Find the parts of a formula that give columns, with some of its random terms.

    Parameters
    ----------
    formula : MixedFormula
    places : tuple of int
        Positions of the random-effects terms.

    Returns
    -------
    FormulaParts
        Without terms that are a lone intercept.
    """
    terms = {"fixed": formula.fixed}
    if formula.offsets:
        terms["offset"] = formula.offsets
    for place in places:
        effects = formula.random[place].terms
        if list(map(str, effects)) != ["1"]:
            terms[part_name(place)] = effects
    return FormulaParts(terms)


def part_name(place):
    """Name the part of the random-effects term at ``place``."""
    return f"random{place}"


def name_groups(formula):
    """Name the grouping factor of each term; ``a:b`` and ``b:a`` are one factor."""
    names = {}
    return [
        names.setdefault(frozenset(term.columns), term.group_name)
        for term in formula.random
    ]


def check_offsets(formula, names):
    """Raise unless each offset is one column of numbers."""
    for term in formula.offsets:
        if write_term(term) not in names:
            raise ColumnError(f"`{write_term(term)}` must be one column of numbers.")
