"""Draws from a fitted model, and refits to them."""
