"""Statements about fixed effects."""
