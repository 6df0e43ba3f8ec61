"""Text and table to arrays: lme4 formulas on formulaic."""

from skmixed.formula.table.design import Design, DesignSpec, RandomBlock
from skmixed.formula.table.groups import GroupIndex
from skmixed.formula.text.parse import (
    FormulaError,
    MixedFormula,
    RandomTerm,
    parse_formula,
)

__all__ = [
    "Design",
    "DesignSpec",
    "FormulaError",
    "GroupIndex",
    "MixedFormula",
    "RandomBlock",
    "RandomTerm",
    "parse_formula",
]
