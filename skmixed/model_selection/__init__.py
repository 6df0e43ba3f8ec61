"""Choosing between models by cross-validation."""

from skmixed.model_selection.cross_validation import compare_models

__all__ = ["compare_models"]
