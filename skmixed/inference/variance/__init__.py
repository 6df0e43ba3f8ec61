"""Statements about variances and correlations."""
