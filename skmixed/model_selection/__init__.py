"""Choosing between models by cross-validation."""

from skmixed.model_selection.cross_validation import compare_models
from skmixed.model_selection.first_rows import FirstRowsKFold

__all__ = ["FirstRowsKFold", "compare_models"]
