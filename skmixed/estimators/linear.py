"""The linear mixed model."""

import dataclasses
from numbers import Integral, Real
from typing import ClassVar

from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skmixed.errors import ArgumentError
from skmixed.estimators import many_rows
from skmixed.estimators.base import BaseFormulaRegressor
from skmixed.estimators.description import DescriptionMixin
from skmixed.estimators.diagnostics import warn_about_design, warn_about_result
from skmixed.estimators.effects import EffectsMixin
from skmixed.estimators.equations import EquationsMixin
from skmixed.estimators.memory import memory_in_words
from skmixed.estimators.more_rows import MoreRowsMixin
from skmixed.estimators.prediction import PredictionMixin
from skmixed.estimators.residual_checks import refuse_exact
from skmixed.estimators.residual_covariance import ResidualCovarianceMixin
from skmixed.estimators.statements import StatementsMixin
from skmixed.estimators.statistics import Statistics
from skmixed.estimators.variance import VarianceMixin
from skmixed.inference.opened.fitted import Fitted
from skmixed.likelihood.fit import fit_linear, fit_residual
from skmixed.likelihood.products.plan import cross_products
from skmixed.sources.types import source_of


class MixedLinearRegressor(
    DescriptionMixin,
    EffectsMixin,
    EquationsMixin,
    MoreRowsMixin,
    PredictionMixin,
    ResidualCovarianceMixin,
    StatementsMixin,
    VarianceMixin,
    BaseFormulaRegressor,
):
    """Linear mixed model, written as a formula of lme4.

    Fixed effects hold for everybody; random effects vary between groups and are drawn
    towards the common mean, the more so the fewer rows a group has. Variances are
    estimated by restricted or by ordinary maximum likelihood.

    Parameters
    ----------
    formula : str, default=None
        For example ``"exam ~ lrt + gender + (1 + lrt | school)"``. The left side names
        the response in `X`; it may be left out where `fit` gets `y`. By default
        ``"~ ."``: every column is a fixed effect and there are no random effects.
        Arrays have the columns ``x0, x1, ...``, so that ``"~ . + (1 | x2)"`` works.
    residual : str, default=None
        Covariance of the residuals of one subject over time, with or without random
        effects beside it: ``"us(visit | id)"``, ``"ar1(week | id)"``. Structures are
        ``us``, ``cs``, ``ar1``, ``toep`` and ``ad`` with equal variances, and with
        unequal ones as ``csh``, ``ar1h``, ``toeph`` and ``adh``; ``diag`` and ``id``
        without correlations; ``car1`` (or ``exp``) and ``gau`` over continuous time.
        With ``by=arm`` every arm has its own; with ``nugget=True`` (``ar1``, ``car1``,
        ``gau``) a share of the variance is a row's own. By default residuals are
        independent.
    dispersion : str, default=None
        One-sided formula of the logarithm of the residual standard deviation:
        ``"~ sex"``. ``sigma_`` is it where the formula's columns are zero.
    sigma : float, default=None
        Residual standard deviation of a row of weight 1, if it is known: 1.0 in a
        meta-analysis with ``sample_weight = 1 / variance``. Else it is estimated.
    reml : bool, default=True
        Restricted maximum likelihood; False is maximum likelihood.
    na_action : {"raise", "drop"}, default="raise"
        What to do with rows that have missing values in a column of the formula, in the
        response or in the weights. "drop" leaves them out of the fit and counts them in
        ``n_dropped_``; `predict` gives NaN for them, so that rows stay aligned.
    unseen_groups : {"population", "error"}, default="population"
        What `predict` does with a group that `fit` did not see: predict from the fixed
        effects and the other factors, or raise. An unseen level of a *fixed* effect
        always raises.
    solver : {"auto", "exact", "stochastic"}, default="auto"
        How the random effects are integrated out. "stochastic" estimates the likelihood
        of crossed factors by random probes and says how precisely; "auto" is exact but
        where that would take more than a minute or half the memory.
    random_state : int, RandomState instance or None, default=None
        Draws the probes of "stochastic"; None always draws the same.
    tol : float, default=1e-8
        The fit ends with the Newton step that would lower the deviance by less.
    max_iter : int, default=100
        Most evaluations of the deviance.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation. Where somebody watches, a fit
        that will take more than minutes is announced with 0 too.

    Attributes
    ----------
    coef_ : ndarray of shape (`n_features_in_`,)
        Coefficients of the columns of `X`. It exists only where ``predict(X)`` is
        ``X @ coef_ + intercept_``: without random effects, categories, transformations
        and interactions. ``fixed_effects_`` always exists.
    coef_names_ : list of str of length n_coef
        Names of the fixed effects without the intercept.
    intercept_ : float
        Fixed intercept, 0.0 where the formula has none.
    aliased_ : list of str
        Fixed-effects columns left out because earlier ones determine them.
    fixed_effects_ : Series
        Fixed effects with the intercept (lme4: ``fixef``).
    fixed_effects_cov_ : DataFrame
        Their covariance matrix (lme4: ``vcov``).
    random_effects_ : dict of str to DataFrame
        For every grouping factor the conditional modes, groups by effects (``ranef``).
    random_effects_cov_ : dict of str to DataFrame
        For every grouping factor the covariance matrix of its effects (``VarCorr``).
    conditional_cov_ : dict of str to ndarray of shape (n_groups, n_effects, n_effects)
        Covariances of the random effects given the data, the fixed effects and the
        variances (lme4: ``ranef(condVar=TRUE)``).
    group_coef_ : dict of str to DataFrame
        Fixed plus random effects of every group (lme4: ``coef``).
    sigma_ : float
        Residual standard deviation, the estimated or the known one.
    theta_ : ndarray of shape (n_theta,)
        Variance parameters relative to ``sigma_``, in lme4's order; standard deviations
        and correlations of a structured covariance such as ``ar1(0 + f | g)``.
    loglik_, deviance_ : float
        Log-likelihood (restricted if `reml`), and -2 times it.
    loglik_se_ : float
        Standard error of ``loglik_`` over probes, 0.0 where it is exact.
    theta_mc_se_ : ndarray of shape (n_theta,)
        Standard errors of ``theta_`` over probes, zeros where the fit is exact.
    aic_, bic_ : float
        Information criteria as R computes them.
    converged_ : bool
        Whether the optimiser reached `tol`.
    n_iter_ : int
        Evaluations of the deviance.
    singular_ : bool
        Whether a variance is at zero or a correlation at -1 or +1.
    n_obs_, n_dropped_ : int
        Rows in the fit, and rows left out for missing values.
    n_groups_ : dict of str to int
        Groups of every grouping factor.
    df_resid_ : int
        Rows less fixed effects.
    residual_ : str or None
        The residual covariance in full, ``hom=`` written out.
    residual_cov_, residual_cor_ : DataFrame, dict of DataFrame or None
        Covariances and correlations of one subject's residuals, visits by visits.
    residual_parameters_ : Series, dict of Series or None
        Their parameters.
    dispersion_effects_ : Series or None
        Slopes of the logarithm of the residuals' standard deviation.
    formula_ : str
        The formula in full, ``.`` and ``||`` written out.
    solver_ : str
        How the random effects were integrated out: ``"batched"`` (one
        grouping factor), ``"nested"``, ``"crossed"``, ``"sparse"`` (crossed, few levels
        meet), ``"stochastic"`` (crossed, estimated), ``"dense"`` (small designs); of
        residual covariances ``"patterns"`` (over visits), ``"markov"`` (``ar1`` or
        ``car1`` over irregular times) or ``"blocks"`` (beside random effects, with a
        nugget or a dispersion).
    result_ : FitResult
        The fit as arrays.
    spec_ : DesignSpec
        How tables become the model's arrays.
    fitted_ : Fitted
        Both, and what is said about them: what the functions of this package take.
    n_features_in_ : int
        Number of columns of `X` in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.

    See Also
    --------
    anova, contrast_test, likelihood_ratio_test : Tests.
    emmeans, emtrends : Marginal means and slopes.
    skmixed.inspection : Pictures and checks.
    describe : The fit in sentences.

    Notes
    -----
    ``sample_weight`` are precision weights as in lme4: a row of weight 2 has half the
    residual variance. This is not the same as the row occurring twice, unless there
    are no random effects. Rows of weight zero do not enter.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> model.fixed_effects_.round(2)
    Intercept    251.41
    Days          10.47
    Name: estimate, dtype: float64
    >>> model.predict(sleep.head(2)).round(1)
    array([253.7, 273.3])
    >>> model.predict(sleep.head(2), random_effects=False).round(1)
    array([251.4, 261.9])
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseFormulaRegressor._parameter_constraints,
        "residual": [str, None],
        "dispersion": [str, None],
        "sigma": [Interval(Real, 0, None, closed="neither"), None],
        "reml": ["boolean"],
        "solver": [StrOptions({"auto", "exact", "stochastic"})],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        formula=None,
        *,
        residual=None,
        dispersion=None,
        sigma=None,
        reml=True,
        na_action="raise",
        unseen_groups="population",
        solver="auto",
        random_state=None,
        tol=1e-8,
        max_iter=100,
        verbose=0,
    ):
        self.formula = formula
        self.residual = residual
        self.dispersion = dispersion
        self.sigma = sigma
        self.reml = reml
        self.na_action = na_action
        self.unseen_groups = unseen_groups
        self.solver = solver
        self.random_state = random_state
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : data frame, array-like of shape (n_samples, n_features), or source
            A pandas, polars, pyarrow or narwhals frame, or an array. Grouping columns
            are columns of `X`. Rows that do not fit into memory come from a source:
            the path of Parquet files, a Dataset of pyarrow, a LazyFrame of polars, a
            relation of DuckDB, a DataFrame of dask or Spark, an iterator of frames, a
            function that returns one, or `Statistics`.
        y : array-like of shape (n_samples,), default=None
            Response. By default the left side of the formula is read from `X`; where
            both are given, `y` is used. Of a source the response is a column.
        sample_weight : array-like of shape (n_samples,) or str, default=None
            Precision weights; of a source the name of their column.

        Returns
        -------
        self : MixedLinearRegressor

        Raises
        ------
        FormulaError
            Where the formula cannot be read.
        ValueError
            Where data and formula do not fit together, or crossed factors need more
            memory than the machine has.
        MemoryError
            With what would help, where memory runs out on the way.

        Warns
        -----
        SingularFitWarning, RankDeficiencyWarning, RedundantTermWarning
        ConvergenceWarning, UserWarning

        See Also
        --------
        refit : Another response, at the price of an update.
        partial_fit : Chunk by chunk.
        skmixed.estimate_memory : What a fit will take.
        """
        source = X if isinstance(X, Statistics) else source_of(X)
        if source is not None:
            return self._fit_source(source, y, sample_weight)
        self._refuse_sigma()
        with memory_in_words(self.formula):
            given = self._read_rows(X, y, sample_weight)
            if len(given) >= many_rows.MANY_ROWS and self._fit_parts(given):
                return self
            design = self._make_design(given)
            warn_about_design(self.spec_.formula, design)
            result = self._fit_design(design)
        self._publish(Fitted.of(result, self.spec_, design))
        self._warn_about_result()
        return self

    def _fit_products(self, products, verbose=0):
        return fit_linear(
            dataclasses.replace(products, sigma=self.sigma),
            reml=self.reml,
            solver=self.solver,
            seed=self._draw_seed(),
            tol=self.tol,
            max_iter=self.max_iter,
            verbose=verbose,
        )

    def _draw_seed(self):
        """Seed of the probes; drawn only where an estimate may need it."""
        if self.random_state is None or self.solver == "exact":
            return 0
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _refuse_sigma(self):
        estimated = self.residual is not None or self.dispersion is not None
        if self.sigma is not None and estimated:
            raise ArgumentError(
                f"sigma={self.sigma} is for independent residuals; with residual= or "
                "dispersion= their variances are estimated. Leave one of the two out."
            )

    def _fit_design(self, design):
        products = cross_products(design)
        if design.rows_are_independent:
            return self._fit_products(products, self.verbose)
        self._refuse_sigma()
        refuse_exact(products)
        return fit_residual(
            products,
            design,
            self.spec_,
            reml=self.reml,
            tol=self.tol,
            max_iter=self.max_iter,
            verbose=self.verbose,
        )

    def _warn_about_result(self):
        warn_about_result(
            self.result_,
            self.spec_.formula,
            [name for name in self.aliased_ if name not in self.spec_.implied],
            tol=self.tol,
            max_iter=self.max_iter,
        )

    def _population_coef(self):
        return self.result_.coef

    def _publish(self, fit):
        """Set the fitted attributes that cost nothing."""
        super()._publish(fit)
        self.sigma_ = fit.result.sigma
