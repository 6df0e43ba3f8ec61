"""Linear mixed models with lme4's formulas, as scikit-learn estimators."""

__version__ = "0.1.0"
