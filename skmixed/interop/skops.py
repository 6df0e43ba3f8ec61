"""What skops has to trust before it loads our models."""

TYPES = (
    "skmixed.baselines.aggregated.AggregatedLinearRegressor",
    "skmixed.baselines.interaction.InteractionLinearRegressor",
    "skmixed.baselines.ols.Clusters",
    "skmixed.baselines.ols.LeastSquares",
    "skmixed.baselines.pooled.PooledLinearRegressor",
    "skmixed.baselines.separate.SeparateLinearRegressor",
    "skmixed.estimators.classifiers.MixedLogisticClassifier",
    "skmixed.estimators.classifiers.MixedOrdinalClassifier",
    "skmixed.estimators.linear.MixedLinearRegressor",
    "skmixed.estimators.shares.MixedBetaRegressor",
    "skmixed.estimators.shares.MixedBinomialRegressor",
    "skmixed.estimators.mixed_regressors.MixedGammaRegressor",
    "skmixed.estimators.mixed_regressors.MixedInverseGaussianRegressor",
    "skmixed.estimators.mixed_regressors.MixedNegativeBinomialRegressor",
    "skmixed.estimators.mixed_regressors.MixedPoissonRegressor",
    "skmixed.formula.table.design.DesignSpec",
    "skmixed.formula.table.groups.GroupIndex",
    "skmixed.formula.table.residual.ResidualSpec",
    "skmixed.formula.text.residual.ResidualTerm",
    "skmixed.inference.opened.fitted.Fitted",
    "skmixed.inference.opened.row_facts.RowMoments",
    "skmixed.inference.opened.row_sketch.RowSketch",
    "skmixed.likelihood.covariance.correlation.Autoregressive",
    "skmixed.likelihood.covariance.correlation.CompoundSymmetry",
    "skmixed.likelihood.covariance.correlation.Independent",
    "skmixed.likelihood.covariance.correlation.Toeplitz",
    "skmixed.likelihood.covariance.free.Diagonal",
    "skmixed.likelihood.covariance.free.Unstructured",
    "skmixed.likelihood.covariance.residual.Pinned",
    "skmixed.likelihood.covariance.residual.Whole",
    "skmixed.likelihood.covariance.scaled.Scaled",
    "skmixed.likelihood.covariance.serial.Antedependence",
    "skmixed.likelihood.covariance.serial.Exponential",
    "skmixed.likelihood.covariance.serial.GapAutoregressive",
    "skmixed.likelihood.covariance.serial.GaussianShape",
    "skmixed.likelihood.covariance.side_by_side.SideBySide",
    "skmixed.likelihood.covariance.structure.Term",
    "skmixed.likelihood.families.beta.BetaLogit",
    "skmixed.likelihood.families.binomial.BinomialCloglog",
    "skmixed.likelihood.families.binomial.BinomialLogit",
    "skmixed.likelihood.families.binomial.BinomialProbit",
    "skmixed.likelihood.families.count.NegativeBinomialLog",
    "skmixed.likelihood.families.count.PoissonLog",
    "skmixed.likelihood.families.ordinal.OrdinalLogit",
    "skmixed.likelihood.families.ordinal.OrdinalProbit",
    "skmixed.likelihood.families.positive.GammaInverse",
    "skmixed.likelihood.families.positive.GammaLog",
    "skmixed.likelihood.families.positive.InverseGaussianLog",
    "skmixed.likelihood.generalized.GeneralizedResult",
    "skmixed.likelihood.products.basis.Basis",
    "skmixed.likelihood.products.basis.ColumnBasis",
    "skmixed.likelihood.products.cross_products.CrossProducts",
    "skmixed.likelihood.products.pairs.PairBlocks",
    "skmixed.likelihood.products.patterns.Batch",
    "skmixed.likelihood.products.patterns.PatternProducts",
    "skmixed.likelihood.products.rows.Factor",
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
    return list(TYPES)
