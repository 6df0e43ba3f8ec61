"""Nested models and their likelihood ratios."""
