"""What skops has to trust before it loads our models."""

from skmixed.baselines import (
    AggregatedLinearRegressor,
    InteractionLinearRegressor,
    PooledLinearRegressor,
    SeparateLinearRegressor,
)
from skmixed.baselines.ols import Clusters, LeastSquares
from skmixed.estimators import MixedLinearRegressor
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.groups import GroupIndex
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood.covariance.templates import CovarianceTemplate
from skmixed.likelihood.products.basis import Basis, ColumnBasis
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.pairs import PairBlocks
from skmixed.likelihood.products.rows import Factor
from skmixed.likelihood.result import FitResult

TYPES = (
    *(AggregatedLinearRegressor, InteractionLinearRegressor, PooledLinearRegressor),
    *(SeparateLinearRegressor, MixedLinearRegressor, DesignSpec, GroupIndex),
    *(Clusters, LeastSquares, Fitted, FitResult, CovarianceTemplate),
    *(Basis, ColumnBasis, CrossProducts, PairBlocks, Factor),
)


def trusted_types():
    """List the types that a saved model consists of, beside arrays and text.

    Returns
    -------
    list of str
        For ``skops.io.load(file, trusted=trusted_types())``. All hold arrays, numbers
        and names; none runs code when it is loaded.

    Examples
    --------
    >>> from skmixed import trusted_types
    >>> "skmixed.estimators.linear.MixedLinearRegressor" in trusted_types()
    True
    """
    return sorted(f"{one.__module__}.{one.__qualname__}" for one in TYPES)
