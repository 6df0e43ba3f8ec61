"""Descriptions, one per data set."""
