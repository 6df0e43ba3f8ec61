"""Choosing between models: the five approaches side by side, and cross-validation."""

from skmixed.model_selection.approaches import (
    ApproachTable,
    compare_approaches,
    five_approaches,
    naive_vs_mixed,
)
from skmixed.model_selection.cross_validation import compare_models

__all__ = [
    "ApproachTable",
    "compare_approaches",
    "compare_models",
    "five_approaches",
    "naive_vs_mixed",
]
