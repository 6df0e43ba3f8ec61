"""What skops has to trust before it loads our models."""

from skmixed.estimators.base import FormulaEstimator
from skmixed.likelihood.covariance.names import RESIDUALS, SHAPES
from skmixed.likelihood.families.names import FAMILIES

# Beside estimators, shapes of covariances and families, which are found.
PARTS = (
    "skmixed.baselines.ols.Clusters",
    "skmixed.baselines.ols.LeastSquares",
    "skmixed.estimators.around.MixedEffectsRegressor",
    "skmixed.formula.table.design.DesignSpec",
    "skmixed.formula.table.groups.GroupIndex",
    "skmixed.formula.table.residual.ResidualSpec",
    "skmixed.formula.text.residual.ResidualTerm",
    "skmixed.inference.opened.fitted.Fitted",
    "skmixed.inference.opened.row_facts.RowMoments",
    "skmixed.inference.opened.row_sketch.RowSketch",
    "skmixed.likelihood.covariance.free.Diagonal",
    "skmixed.likelihood.covariance.free.Unstructured",
    "skmixed.likelihood.covariance.residual.Pinned",
    "skmixed.likelihood.covariance.residual.Whole",
    "skmixed.likelihood.covariance.scaled.Scaled",
    "skmixed.likelihood.covariance.side_by_side.SideBySide",
    "skmixed.likelihood.covariance.structure.Term",
    "skmixed.likelihood.generalized.GeneralizedResult",
    "skmixed.likelihood.covariance.nugget.Nugget",
    "skmixed.likelihood.covariance.nugget.RangedNugget",
    "skmixed.likelihood.linalg.probes.Probes",
    "skmixed.likelihood.products.basis.Basis",
    "skmixed.likelihood.products.basis.ColumnBasis",
    "skmixed.likelihood.products.blocks.BlockBatch",
    "skmixed.likelihood.products.blocks.BlockProducts",
    "skmixed.likelihood.products.cross_products.CrossProducts",
    "skmixed.likelihood.products.pairs.PairBlocks",
    "skmixed.likelihood.products.patterns.Batch",
    "skmixed.likelihood.products.patterns.PatternProducts",
    "skmixed.likelihood.products.rows.Factor",
    "skmixed.likelihood.products.series.SeriesProducts",
    "skmixed.likelihood.result.FitResult",
    "skmixed.likelihood.result.ResidualFit",
)


def trusted_types():
    """List the types that a saved model consists of, beside arrays and text.

    Returns
    -------
    list of str
        For ``skops.io.load(file, trusted=trusted_types())``. All hold arrays, numbers
        and names; none runs code when it is loaded.

    See Also
    --------
    MixedLinearRegressor : What is stored.

    Examples
    --------
    >>> from skmixed import trusted_types
    >>> "skmixed.estimators.linear.MixedLinearRegressor" in trusted_types()
    True
    """
    shapes = [cls for cls, _ in (*SHAPES.values(), *RESIDUALS.values()) if cls]
    found = [*heirs(FormulaEstimator), *shapes, *FAMILIES.values()]
    return sorted({*PARTS, *(f"{cls.__module__}.{cls.__qualname__}" for cls in found)})


def heirs(cls):
    """Our classes that build on a class, and it."""
    own = [cls] if cls.__module__.startswith("skmixed.") else []
    return own + [heir for child in cls.__subclasses__() for heir in heirs(child)]
