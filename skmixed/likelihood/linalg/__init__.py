"""Sums and small factorisations over groups: arrays only."""
