"""What a fitted generalised model lets one say: summary, intervals, shares."""

import dataclasses

import numpy as np
import pandas as pd

from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_confidence_level, check_count
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.report.summary import (
    exponentiated,
    fixed_effects_table,
    summarize,
)
from skmixed.inference.resample.family_bootstrap import (
    family_replicates,
    list_family_parameters,
)
from skmixed.inference.variance.family_variance import family_components
from skmixed.inference.variance.parameters import choose_parameters
from skmixed.inference.variance.variance_partition import nakagawa_r2, partition_table
from skmixed.printing.numbers import fixed_decimals, say_level
from skmixed.printing.printed import PrintedTable

# Shares are written with three decimals.
SHARES = dict.fromkeys(
    ("adjusted", "unadjusted", "share", "adjusted_share", "r2"), fixed_decimals(3)
)
# Links whose coefficients are ratios when they are exponentiated.
RATIOS = ("logit", "log", "cloglog")


class GeneralizedStatementsMixin:
    """Methods that turn ``fitted_`` into tables; they never read rows."""

    def summary(self, *, confidence_level=0.95, exponentiate=False):
        """Tables of the fit, printed as lme4 prints them, with z tests.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the intervals of the fixed effects.
        exponentiate : bool, default=False
            Fixed effects as odds ratios (logit), rate ratios or ratios of means (log),
            hazard ratios (cloglog); of grades thresholds stay as they are.

        Returns
        -------
        Summary
            With the data frames ``fixed``, ``random`` and ``fit``.

        Raises
        ------
        ValueError
            For `exponentiate` with a link whose coefficients are no logarithms.
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        found = summarize(
            fit, n_dropped=self.n_dropped_, confidence_level=confidence_level
        )
        footing = [*found.footing, *self._threshold_lines()]
        if exponentiate:
            self._refuse_ratios()
            footing.insert(0, "Fixed effects are exponentiated: ratios.")
            found = dataclasses.replace(found, fixed=exponentiated(found.fixed))
        heading = (*found.heading[:-1], f"Formula: {self.formula_}")
        return dataclasses.replace(found, heading=heading, footing=tuple(footing))

    def _threshold_lines(self):
        """Thresholds between the grades, in a line, where there are any."""
        if not hasattr(self, "thresholds_"):
            return []
        cuts = zip(self.classes_, self.classes_[1:], self.thresholds_, strict=False)
        return ["Thresholds: " + ", ".join(f"{a}|{b} {t:.3f}" for a, b, t in cuts)]

    def _refuse_ratios(self):
        link = self.family_.link.name
        if link not in RATIOS:
            raise ValueError(
                f"exponentiate=True has no meaning for the {link} link; it gives "
                f"ratios for {', '.join(RATIOS)}."
            )

    def conf_int(
        self,
        parameters=None,
        *,
        method="wald",
        confidence_level=0.95,
        exponentiate=False,
        **options,
    ):
        """Confidence intervals: Wald's of the fixed effects, or by the bootstrap.

        Parameters
        ----------
        parameters : str or list of str, default=None
            Names as in the table's index; all by default.
        method : {"wald", "bootstrap"}, default="wald"
            "bootstrap" refits the model to responses drawn from it, and has variances,
            dispersions and thresholds too.
        confidence_level : float, default=0.95
        exponentiate : bool, default=False
            As in `summary`; with "wald".
        **options
            Of the bootstrap: `X`, `n_resamples` and others of `bootstrap`, and `kind`
            of ``BootstrapReplicates.conf_int``.

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``estimate``, ``lower`` and ``upper``.

        Raises
        ------
        ValueError
            For other methods, and for parameters that are no fixed effects.
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        if method == "bootstrap" and not exponentiate:
            kind = options.pop("kind", "percentile")
            replicates = self.bootstrap(parameters=parameters, **options)
            return replicates.conf_int(confidence_level, kind=kind)
        if method != "wald" or options:
            raise ValueError(
                f"method={method!r} with {sorted(options) or 'exponentiate=True'} is "
                "not there for this family; method='wald' and method='bootstrap', "
                "which takes X, are."
            )
        table, _ = fixed_effects_table(fit, "auto", confidence_level)
        if exponentiate:
            self._refuse_ratios()
            table = exponentiated(table)
        names = [parameters] if isinstance(parameters, str) else parameters
        names = fit.names if names is None or names == ["fixed"] else list(names)
        unknown = [name for name in names if name not in table.index]
        if unknown:
            raise ValueError(
                f"The model has no fixed effect {unknown}; it has {fit.names}. Of "
                "variances there are no intervals for this family."
            )
        bounds = table.loc[names, ["estimate", "lower", "upper"]]
        title = "Wald intervals" + (" of ratios" if exponentiate else "")
        return PrintedTable(bounds, title, [say_level(confidence_level)])

    def bootstrap(
        self,
        n_resamples=1000,
        *,
        X=None,
        y=None,
        sample_weight=None,
        parameters=None,
        n_jobs=None,
        random_state=None,
        verbose=None,
    ):
        """Parametric bootstrap: refit the model to responses drawn from it.

        Random effects and responses are drawn for the rows of the fit; a refit starts
        at the estimates.

        Parameters
        ----------
        n_resamples : int, default=1000
        X : data frame
            The table that `fit` was given; a fitted model keeps no rows.
        y, sample_weight : array-like of shape (n_samples,), default=None
            As they were given to `fit`.
        parameters : str or list of str, default=None
            Names; "fixed" and "variance" stand for all of their kind. All by default.
        n_jobs : int, default=None
            Processes, as joblib counts them. Results do not depend on it.
        random_state : int, Generator or None, default=None
        verbose : int, default=None
            1 shows a progress bar, 0 none; by default one appears in a terminal or a
            notebook when it takes more than a few seconds.

        Returns
        -------
        BootstrapReplicates
            Of fixed effects, standard deviations, correlations, and of the family's
            ``dispersion`` or thresholds; with ``std_error``, ``bias`` and ``conf_int``.

        Raises
        ------
        ValueError
            Where `X` is not the table of the fit, and for weights that are no trials: a
            row then stands for several responses.

        See Also
        --------
        skmixed.bootstrap_test : A test of two models.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> herds = load_cbpp().frame
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> boot = model.fit(herds).bootstrap(20, X=herds, random_state=0)
        >>> boot.replicates.shape
        (20, 5)
        """
        fit = fitted(self, "bootstrap", generalized=True)
        if X is None:
            raise ValueError(
                "The bootstrap of generalised models draws from rows, and a fit keeps "
                "none; pass the table that fit was given as X."
            )
        known = list_family_parameters(
            fit.result, fit.names, getattr(self, "classes_", ())
        )
        rows = Rows.read_fitted(
            self, X, y, sample_weight, asked="bootstrap", generalized=True
        )
        return family_replicates(
            fit.result,
            rows.design,
            choose_parameters(known, parameters),
            check_count("n_resamples", n_resamples),
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def icc(self, *, scale="link"):
        """Intraclass correlation coefficients.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"
            Of the linear predictor, or of the responses themselves.

        Returns
        -------
        PrintedTable
            Its ``frame`` has a row per grouping factor, and ``all`` where there are
            several: ``adjusted`` is its share of what the fixed effects leave,
            ``unadjusted`` of the whole.

        Raises
        ------
        ValueError
            If the model has no random effects, or the family no variance on that scale.

        Notes
        -----
        Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134). The
        residual variance is that of the latent distribution (pi^2/3 for the logit), for
        a log link the trigamma function at the mean of the null model, as the paper
        recommends. On the scale of the response means and variances are integrated
        over fixed and random effects, both taken for normal (Goldstein, Browne and
        Rasbash 2002, Understanding Statistics 1(4), by nodes in place of simulation).
        """
        fit = fitted(self, generalized=True)
        if not fit.result.groups:
            raise ValueError(
                "The model has no random effects, so there is no intraclass "
                "correlation; add for example (1 | group) to the formula."
            )
        found = family_components(fit, scale)
        parts, names = list(found.random), list(found.groups)
        if len(parts) > 1:
            parts, names = [*parts, sum(parts)], [*names, "all"]
        left = found.total - found.fixed
        table = {"adjusted": np.array(parts) / left}
        table["unadjusted"] = np.array(parts) / found.total
        return PrintedTable(
            pd.DataFrame(table, index=names),
            "Intraclass correlations",
            [
                "Adjusted: share of the variance that the fixed effects leave.",
                on(scale),
            ],
            rules=SHARES,
        )

    def r2_nakagawa(self, *, scale="link"):
        """Marginal and conditional R2 of Nakagawa, Johnson and Schielzeth.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        PrintedTable
            Its ``frame`` is a Series: ``marginal`` is the share of the fixed effects in
            the variance, ``conditional`` that of fixed and random effects. See `icc`.
        """
        found = family_components(fitted(self, generalized=True), scale)
        marginal, conditional = nakagawa_r2(found)
        series = pd.Series(
            {"marginal": marginal, "conditional": conditional}, name="r2"
        )
        title = "R² of Nakagawa, Johnson and Schielzeth"
        return PrintedTable(series, title, [on(scale)], rules=SHARES)

    def variance_partition(self, *, scale="link"):
        """Variance of fixed effects, grouping factors and residual; see `icc`.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``variance``, its ``share`` of the whole, and
            ``adjusted_share`` of what the fixed effects leave.
        """
        fit = fitted(self, generalized=True)
        table = partition_table(family_components(fit, scale))
        return PrintedTable(table, "Variance of the response", [on(scale)])


def on(scale):
    """Say the scale of variances."""
    what = "the linear predictor" if scale == "link" else "the response"
    return f"On the scale of {what}."
