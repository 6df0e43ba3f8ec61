"""Data files, one per data set."""
