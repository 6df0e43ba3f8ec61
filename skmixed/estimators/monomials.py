"""Columns of a formula as sums of products of numbers, levels and calls."""

import numpy as np
import pandas as pd

from skmixed.errors import StatisticsError
from skmixed.formula.table.arrays import RandomBlock
from skmixed.formula.table.coding import CodedValues
from skmixed.formula.table.columns import ColumnTable
from skmixed.formula.table.design import design_parts, part_name
from skmixed.formula.table.materializer import make_plans
from skmixed.formula.table.plan import Level, Number

# Weights of columns are small whole numbers; least squares gives them to this.
EXACT = 1e-9


class Columns:
    """The columns of every part of a formula, each as ``{monomial: weight}``.

    Parameters
    ----------
    plans : dict of str to Plan
    spec : DesignSpec
    formula : MixedFormula
    """

    def __init__(self, plans, spec, formula):
        self.plans, self.spec, self.formula = plans, spec, formula

    @classmethod
    def of(cls, spec, formula):
        """Plan a formula's columns with what is known of the table's."""
        parts = design_parts(formula, tuple(range(len(formula.random))))
        values = {c: value_of(spec, c, known) for c, known in spec.levels.items()}
        table = ColumnTable(values, 1, spec.levels, {})
        return cls(make_plans(parts, table, spec.transform_state)[0], spec, formula)

    def names(self, part):
        """Names of a part's columns."""
        plan = self.plans.get(part)
        return ("Intercept",) if plan is None else plan.names

    def expanded(self, part):
        """Columns of a part."""
        plan = self.plans.get(part)
        if plan is None:
            return [{(): 1.0}]
        return [
            expand(product, name, self.spec.levels)
            for name, product in zip(plan.names, plan.products, strict=True)
        ]

    def of_factor(self, group):
        """Columns of all random terms of a grouping factor, or of the fixed part."""
        if group == "fixed":
            return self.expanded("fixed")
        parts = [
            part_name(place)
            for place, (own, _) in enumerate(self.spec.effects)
            if own == group
        ]
        return [column for part in parts for column in self.expanded(part)]

    def in_terms_of(self, given, part, group):
        """Matrix T so that a part's columns are those given times T.

        Raises
        ------
        ValueError
        """
        T, ok = coordinates(self.expanded(part), given.of_factor(group))
        lacking = [n for n, good in zip(self.names(part), ok, strict=True) if not good]
        if lacking:
            where = "fixed effects" if group == "fixed" else f"effects of `{group}`"
            raise StatisticsError(
                f"The statistics of `{self.spec.formula_text}` cannot give the {where} "
                f"{lacking}; read the rows with a formula that has them."
            )
        return T

    def constant(self, part):
        """Weights of a part's columns that add up to one, or None."""
        columns = self.expanded(part)
        if not columns:
            return None
        T, ok = coordinates([{(): 1.0}], columns)
        return T[:, 0] if ok[0] else None


def value_of(spec, name, known):
    """One value of a column, for calls to be evaluated at."""
    if known is None:
        typical = spec.typical.get(name)
        return np.array([0.5 if typical is None else float(typical[0][0])])
    if isinstance(known, list):
        return CodedValues(np.zeros(1, np.int8), known)
    return pd.Series([0])


def expand(product, name, levels):
    """A column as ``{monomial: weight}``; no monomial holds a first level.

    A call's column keeps its name in place of its values.
    """
    parts = name.split(":")
    if len(parts) != len(product):
        parts = [f"{name} {k}" for k in range(len(product))]
    terms = {(): 1.0}
    for part, factor in zip(parts, product, strict=True):
        options = options_of(factor, part, levels)
        terms = merged(
            (both(one, other), a * b)
            for one, a in terms.items()
            for other, b in options.items()
        )
    return terms


def options_of(factor, name, levels):
    """One factor of a product, expanded."""
    if isinstance(factor, float):
        return {(): factor}
    if isinstance(factor, Number):
        return {(("number", factor.column, 0),): 1.0}
    if not isinstance(factor, Level):
        return {(("call", name, 0),): 1.0}
    if factor.code:
        return {(("level", factor.column, factor.code),): 1.0}
    others = range(1, len(levels[factor.column]))
    return {(): 1.0} | {(("level", factor.column, k),): -1.0 for k in others}


def both(one, other):
    """Product of monomials, None for zero: a level times another is nothing."""
    found = list(one)
    for factor in other:
        if factor[0] == "level":
            same = [f for f in found if f[:2] == factor[:2]]
            if same and same[0] != factor:
                return None
            if same:
                continue
        found.append(factor)
    return tuple(sorted(found))


def merged(pairs):
    """Add the weights of equal monomials."""
    out = {}
    for key, weight in pairs:
        if key is not None:
            out[key] = out.get(key, 0.0) + weight
    return {key: weight for key, weight in out.items() if weight}


def coordinates(wanted, given):
    """Weights T with ``given @ T = wanted``, and for which columns there are some."""
    monomials = sorted({m for column in [*wanted, *given] for m in column})
    at = {monomial: row for row, monomial in enumerate(monomials)}
    matrices = []
    for columns in (wanted, given):
        matrix = np.zeros((len(monomials), len(columns)))
        for j, column in enumerate(columns):
            for monomial, weight in column.items():
                matrix[at[monomial], j] = weight
        matrices.append(matrix)
    W, G = matrices
    T = np.linalg.lstsq(G, W, rcond=None)[0]
    ok = np.abs(G @ T - W).max(axis=0, initial=0.0) < EXACT
    T[np.abs(T) < EXACT] = 0.0
    return T, ok


def empty_block(group, effects, term, n_levels, constant):
    """A random term without rows."""
    return RandomBlock(
        group=group,
        effects=tuple(effects),
        z=np.zeros((0, len(effects))),
        codes=np.zeros(0, dtype=np.int32),
        n_levels=n_levels,
        covariance=term.covariance,
        options=term.options,
        constant=constant,
    )
