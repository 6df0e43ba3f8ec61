"""Regimes that eliminate the random effects from the cross-products."""
