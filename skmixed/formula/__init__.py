"""Text and table to arrays: lme4 formulas on formulaic."""

from .parse import FormulaError, MixedFormula, RandomTerm, parse_formula

__all__ = ["FormulaError", "MixedFormula", "RandomTerm", "parse_formula"]
