"""What a fitted model lets one say: summary, tests and intervals."""

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_confidence_level, check_count
from skmixed.inference.compare.likelihood_ratio import by_maximum_likelihood
from skmixed.inference.fixed.contrasts import estimate_table
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.opened.fitted import fitted, refuse_held
from skmixed.inference.report.summary import summarize
from skmixed.inference.resample.bootstrap import bootstrap_replicates
from skmixed.inference.variance.held_residual import can_hold
from skmixed.inference.variance.parameters import choose_parameters, values_of
from skmixed.inference.variance.profile import profile_likelihood
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.inference.variance.wald import wald_bounds
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import PrintedTable


class StatementsMixin:
    """Methods that turn ``fitted_`` into tables; they never read rows."""

    def summary(self, *, ddf="auto", confidence_level=0.95, vcov=None):
        """Tables of the fit, printed as lme4 and lmerTest print them.

        Parameters
        ----------
        ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
                default="auto"
            Degrees of freedom of the t tests of fixed effects. "kenward-roger" also
            adjusts their standard errors and needs a REML fit. "auto" is
            Satterthwaite's unless that is slow (very large crossed designs); the foot
            line says which.
        confidence_level : float, default=0.95
            Of the intervals of the fixed effects.
        vcov : ClusterRobust, default=None
            Robust standard errors; see `cluster_robust`.

        Returns
        -------
        Summary
            With the data frames ``fixed``, ``random`` and ``fit``.

        Raises
        ------
        ValueError
            For Kenward and Roger's method on a fit by maximum likelihood, or on a
            design that is too large for it.

        See Also
        --------
        describe : The same in sentences.
        conf_int : Intervals of all parameters.
        skmixed.anova : Tests of whole terms.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> print(model.fit(load_sleepstudy().frame).summary())
        Linear mixed model fit by REML
        Formula: Reaction ~ 1 + Days + (1 + Days | Subject)
        <BLANKLINE>
        REML criterion at convergence: 1743.6
        <BLANKLINE>
        Random effects:
        Groups   Name      Variance Std.Dev. Corr
        Subject  Intercept   612.09   24.740
                 Days         35.07    5.922 0.07
        Residual             654.94   25.592
        Number of obs: 180, groups:  Subject, 18
        <BLANKLINE>
        Fixed effects:
                  Estimate Std. Error df t value Pr(>|t|)
        Intercept  251.405      6.825 17  36.838  < 2e-16
        Days        10.467      1.546 17   6.771 3.26e-06
        <BLANKLINE>
        Tests of fixed effects use Satterthwaite's degrees of freedom.
        Converged (batched): one more step would lower the deviance by less than 1e-8.
        """
        fit = fitted(self, residual=True)
        check_confidence_level(confidence_level)
        return summarize(
            fit,
            n_dropped=self.n_dropped_,
            ddf=ddf,
            confidence_level=confidence_level,
            vcov=vcov,
        )

    def conf_int(
        self,
        parameters=None,
        *,
        method="wald",
        ddf="auto",
        confidence_level=0.95,
        n_resamples=1000,
        X=None,
        sample_weight=None,
        kind="percentile",
        n_jobs=None,
        random_state=None,
        vcov=None,
        verbose=None,
    ):
        """Confidence intervals of fixed effects, variances and correlations.

        Parameters
        ----------
        parameters : str or list of str, default=None
            Names as in the table's index; "fixed" and "variance" stand for all of their
            kind. All by default.
        method : {"wald", "profile", "bootstrap"}, default="wald"
            "wald" rests on standard errors: t intervals for fixed effects; for standard
            deviations on the log scale, for correlations on that of Fisher's z.
            "profile" is exact as far as the likelihood ratio is, and goes up to the
            boundary; like lme4's it rests on maximum likelihood for REML fits too.
            "bootstrap" refits the model to responses drawn from it.
        ddf : str, default="auto"
            Degrees of freedom of the t intervals; see `summary`.
        confidence_level : float, default=0.95
        vcov : ClusterRobust, default=None
            Robust standard errors of Wald's intervals; see `cluster_robust`.
        n_resamples, X, sample_weight, kind, n_jobs, random_state : optional
            Of the bootstrap; see `bootstrap` and ``BootstrapReplicates.conf_int``.
        verbose : int, default=None
            1 shows a progress bar of profiles or replicates, 0 none; by default one
            appears in a terminal or a notebook when it takes more than a few seconds.

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``estimate``, ``lower`` and ``upper``. ``sd_lrt|school``
            is the standard deviation of the effect ``lrt`` between schools, its
            correlation with the intercept ``cor_lrt.Intercept|school``, the residual
            standard deviation ``sigma``. NaN where there is no interval: Wald's at the
            boundary.

        Raises
        ------
        ValueError
            For unknown parameters, methods or degrees of freedom.

        See Also
        --------
        profile, bootstrap : What the intervals rest on.
        predict_interval : Intervals of predictions.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model.fit(load_sleepstudy().frame).conf_int(method="profile").round(2)
                                    estimate   lower   upper
        Intercept                     251.41  237.68  265.13
        Days                           10.47    7.36   13.58
        sd_Intercept|Subject           23.78   14.38   37.72
        sd_Days|Subject                 5.72    3.80    8.75
        cor_Days.Intercept|Subject      0.08   -0.48    0.69
        sigma                          25.59   22.90   28.86
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        wanted = self._choose_parameters(parameters)
        if method == "wald":
            return self._wald_intervals(wanted, confidence_level, ddf, vcov)
        if method == "profile":
            held = self._choose_held(parameters)
            profile = self._profile(held, confidence_level, verbose)
            return profile.conf_int(confidence_level)
        if method != "bootstrap":
            raise ArgumentError(
                f"method={method!r} should be 'wald', 'profile' or 'bootstrap'."
            )
        replicates = self.bootstrap(
            n_resamples,
            parameters=parameters,
            X=X,
            sample_weight=sample_weight,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        return replicates.conf_int(confidence_level, kind=kind)

    def bootstrap(
        self,
        n_resamples=1000,
        *,
        parameters=None,
        X=None,
        sample_weight=None,
        n_jobs=None,
        random_state=None,
        verbose=None,
    ):
        """Parametric bootstrap: refit the model to responses drawn from it.

        Responses are drawn as cross-products, which is exact and takes no rows; a refit
        starts at the estimates.

        Parameters
        ----------
        n_resamples : int, default=1000
        parameters : str or list of str, default=None
            As in `conf_int`.
        X, sample_weight : data frame, array-like, default=None
            The rows of the fit and their weights, only needed for several grouping
            factors with thousands of levels: responses are then drawn row by row.
        n_jobs : int, default=None
            Processes, as joblib counts them. Results do not depend on it.
        random_state : int, Generator or None, default=None
        verbose : int, default=None
            1 shows a progress bar, 0 none; by default one appears in a terminal or a
            notebook when it takes more than a few seconds.

        Returns
        -------
        BootstrapReplicates
            With ``replicates``, ``std_error``, ``bias`` and ``conf_int``.

        Raises
        ------
        ValueError
            For several grouping factors with very many levels, where `X` is lacking.

        See Also
        --------
        conf_int : Intervals, by the bootstrap too.
        skmixed.bootstrap_test : A test of two models.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)")
        >>> model = model.fit(load_sleepstudy().frame)
        >>> boot = model.bootstrap(200, parameters="sigma", random_state=0)
        >>> boot.replicates.columns.tolist()
        ['sigma']
        """
        check_is_fitted(self)
        self._require_random_effects("bootstrap")
        n_resamples = check_count("n_resamples", n_resamples)
        design = None if X is None else Rows.read_known(self, X, sample_weight).design
        return bootstrap_replicates(
            self.result_,
            self._choose_parameters(parameters),
            n_resamples,
            design=design,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def profile(self, parameters=None, *, confidence_level=0.99, verbose=None):
        """Follow the likelihood along every parameter.

        Parameters
        ----------
        parameters : str or list of str, default=None
            As in `conf_int`.
        confidence_level : float, default=0.99
            How far to go: until intervals of this level are known.
        verbose : int, default=None
            1 shows a progress bar, 0 none; by default one appears in a terminal or a
            notebook when it takes more than a few seconds.

        Returns
        -------
        ProfileLikelihood
            With ``table``, whose ``zeta`` against ``value`` is the profile plot, and
            ``conf_int(level)``. By maximum likelihood, for REML fits too. Ratios of
            ``residual="us(...)"`` and later lags of ``toep``, which several parameters
            move, have none.

        See Also
        --------
        conf_int : The intervals.
        skmixed.inspection.ProfileDisplay : The picture.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> profile = model.fit(load_sleepstudy().frame).profile("sigma")
        >>> profile.table.columns.tolist()
        ['parameter', 'value', 'zeta']
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        wanted = self._choose_held(parameters)
        return self._profile(wanted, confidence_level, verbose)

    def _choose_parameters(self, names):
        return choose_parameters(parameters_of(self.fitted_), names)

    def _choose_held(self, names):
        """Choose what a profile can hold; what is asked for by its name stays."""
        wanted = self._choose_parameters(names)
        residual = self.result_.residual
        if residual is None:
            return wanted
        named = [] if names is None else np.atleast_1d(names)
        return [p for p in wanted if p.name in named or can_hold(self.result_, p)]

    def _require_random_effects(self, method):
        refuse_held(self.result_, f"method='{method}'")
        if self.result_.independent:
            raise UnavailableError(
                f"method='{method}' needs random effects or residual=; here "
                "method='wald' is exact for the fixed effects."
            )

    def _profile(self, parameters, confidence_level, verbose):
        self._require_random_effects("profile")
        z = stats.norm.ppf(0.5 + confidence_level / 2.0)
        result = by_maximum_likelihood(self.result_)
        profile = profile_likelihood(result, parameters, z, verbose)
        values = values_of(self.result_, parameters)
        names = profile.estimates.index
        return dataclasses.replace(
            profile, model_estimates=pd.Series(values, index=names, name="estimate")
        )

    def _wald_intervals(self, parameters, confidence_level, ddf, vcov):
        fit, result = self.fitted_, self.result_
        bounds = np.full((len(parameters), 2), np.nan)
        fixed = np.array([p.kind == "fixed" for p in parameters], dtype=bool)
        if fixed.any():
            method, _ = choose_degrees_of_freedom(fit, ddf, vcov)
            chosen = [p.effects[0] for p in parameters if p.kind == "fixed"]
            L = np.eye(len(result.coef))[chosen]
            table = estimate_table(result, method, L, chosen, confidence_level)
            bounds[fixed] = table[["lower", "upper"]]
        others = [p for p in parameters if p.kind != "fixed"]
        if others:
            bounds[~fixed] = wald_bounds(fit, others, confidence_level)
        table = {
            "estimate": values_of(result, parameters),
            "lower": bounds[:, 0],
            "upper": bounds[:, 1],
        }
        table = pd.DataFrame(table, index=[p.name for p in parameters])
        notes = [say_level(confidence_level)]
        return PrintedTable(table, "Wald intervals", notes)
