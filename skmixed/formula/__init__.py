"""Text and table to arrays: lme4 formulas on formulaic."""

from .design import Design, DesignSpec, RandomBlock
from .groups import GroupIndex
from .parse import FormulaError, MixedFormula, RandomTerm, parse_formula

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
