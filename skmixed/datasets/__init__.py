"""Data sets of the multilevel literature, and a generator with known truth."""
