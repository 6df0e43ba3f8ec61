"""Arrays to fitted parameters: the exact likelihood of linear mixed models."""

from skmixed.likelihood.cross_products import CrossProducts, cross_products
from skmixed.likelihood.fit import FitResult, fit_linear

__all__ = ["CrossProducts", "FitResult", "cross_products", "fit_linear"]
