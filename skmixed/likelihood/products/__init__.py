"""Rows to cross-products, in a basis that keeps their digits."""
