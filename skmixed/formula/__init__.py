"""Text and table to arrays: lme4 formulas on formulaic."""
