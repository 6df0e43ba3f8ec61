"""Arrays to fitted parameters: the exact likelihood of linear mixed models."""

from skmixed.likelihood.fit import FitResult, fit_linear
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.plan import cross_products

__all__ = ["CrossProducts", "FitResult", "cross_products", "fit_linear"]
