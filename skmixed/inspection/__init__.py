"""Fitted models to pictures."""
