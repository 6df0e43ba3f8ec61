"""Confidence intervals and profiles of generalised models."""

import numpy as np
import pandas as pd
from scipy import stats

from skmixed.errors import ArgumentError, RowsError, UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.report.summary import exponentiated, fixed_effects_table
from skmixed.inference.variance.family_parameters import list_family_parameters
from skmixed.inference.variance.family_profile import family_profile
from skmixed.inference.variance.family_wald import family_wald_bounds
from skmixed.inference.variance.parameters import choose_parameters
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import PrintedTable

# Links whose coefficients are ratios when they are exponentiated.
RATIOS = ("logit", "log", "cloglog")


class GeneralizedIntervalsMixin:
    """Intervals of every parameter, by standard errors, likelihoods or refits."""

    def conf_int(
        self,
        parameters=None,
        *,
        method="wald",
        confidence_level=0.95,
        exponentiate=False,
        **options,
    ):
        """Confidence intervals of fixed effects, variances and dispersions.

        Parameters
        ----------
        parameters : str or list of str, default=None
            Names as in the table's index; "fixed" and "variance" stand for all of their
            kind. By default the fixed effects with "wald", all with other methods.
        method : {"wald", "profile", "bootstrap"}, default="wald"
            "wald" rests on standard errors: of standard deviations and dispersions on
            the log scale, of correlations on that of Fisher's z. "profile" is exact as
            far as the likelihood ratio is, and goes up to the boundary; it takes the
            rows as `X`. "bootstrap" refits the model to responses drawn from it.
        confidence_level : float, default=0.95
        exponentiate : bool, default=False
            As in `summary`; of fixed effects, with "wald".
        **options
            Of "profile": `X`, `y`, `sample_weight` and `verbose` of `profile`; of the
            bootstrap: `X`, `n_resamples` and others of `bootstrap`, and `kind` of
            ``BootstrapReplicates.conf_int``.

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``estimate``, ``lower`` and ``upper``. ``sd_lrt|school``
            is the standard deviation of the effect ``lrt`` between schools; bounds of
            Wald's intervals are NaN for a parameter at the boundary.

        Raises
        ------
        ValueError
            For other methods, for parameters that the model does not have, and for
            `exponentiate` where it has no meaning.

        See Also
        --------
        profile : What profile intervals rest on.
        bootstrap : What the bootstrap's rest on.
        summary : Tests too.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> herds = load_cbpp().frame
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> model = model.fit(herds)
        >>> model.conf_int(exponentiate=True).round(2)
                     estimate  lower  upper
        Intercept        0.25   0.16   0.39
        period[T.2]      0.37   0.20   0.68
        period[T.3]      0.32   0.17   0.61
        period[T.4]      0.21   0.09   0.48
        >>> model.conf_int("variance", method="profile", X=herds).round(2)
                           estimate  lower  upper
        sd_Intercept|herd      0.64   0.35    1.1
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        if method not in ("wald", "profile", "bootstrap"):
            raise ArgumentError(
                f"method={method!r} should be 'wald', 'profile' or 'bootstrap'."
            )
        if method == "wald":
            if options:
                raise ArgumentError(
                    f"method='wald' takes no {sorted(options)}; 'profile' and "
                    "'bootstrap' read rows."
                )
            return self._wald_table(fit, parameters, confidence_level, exponentiate)
        if exponentiate:
            raise ArgumentError(
                "exponentiate=True goes with method='wald'; exponentiate the bounds of "
                f"method={method!r}, which are not changed by it."
            )
        if method == "bootstrap":
            kind = options.pop("kind", "percentile")
            replicates = self.bootstrap(parameters=parameters, **options)
            return replicates.conf_int(confidence_level, kind=kind)
        options["confidence_level"] = confidence_level
        return self.profile(parameters, **options).conf_int(confidence_level)

    def profile(
        self,
        parameters=None,
        *,
        X=None,
        y=None,
        sample_weight=None,
        confidence_level=0.99,
        verbose=None,
    ):
        """Follow the likelihood along every parameter, by refits to the rows.

        Parameters
        ----------
        parameters : str or list of str, default=None
            Names; "fixed" and "variance" stand for all of their kind. All by default.
        X : data frame
            The table that `fit` was given; a fitted model keeps no rows.
        y, sample_weight : array-like of shape (n_samples,), default=None
            As they were given to `fit`.
        confidence_level : float, default=0.99
            How far to go: until intervals of this level are known.
        verbose : int, default=None
            1 shows a progress bar, 0 none; by default one appears in a terminal or a
            notebook when it takes more than a few seconds.

        Returns
        -------
        ProfileLikelihood
            With ``table``, whose ``zeta`` against ``value`` is the profile plot, and
            ``conf_int(level)``.

        Raises
        ------
        ValueError
            Where `X` is not the table of the fit, and for structured covariances.

        See Also
        --------
        conf_int : The intervals.
        skmixed.inspection.ProfileDisplay : The picture.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> herds = load_cbpp().frame
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> profile = model.fit(herds).profile("variance", X=herds)
        >>> profile.table.columns.tolist()
        ['parameter', 'value', 'zeta']
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        if X is None:
            raise RowsError(
                "A profile of a generalised model refits it to its rows, and a fit "
                "keeps none; pass the table that fit was given as X."
            )
        wanted = choose_parameters(self._known_parameters(fit), parameters)
        rows = Rows.read_fitted(
            self, X, y, sample_weight, asked="profile", generalized=True
        )
        z = stats.norm.ppf(0.5 + confidence_level / 2.0)
        return family_profile(fit.result, rows.design, wanted, z, verbose)

    def _known_parameters(self, fit):
        grades = getattr(self, "classes_", ())
        return list_family_parameters(fit.result, fit.names, grades)

    def _wald_table(self, fit, parameters, confidence_level, exponentiate):
        """Intervals from standard errors; of ratios of the fixed effects alone."""
        names = "fixed" if parameters is None else parameters
        wanted = choose_parameters(self._known_parameters(fit), names)
        table, _ = fixed_effects_table(fit, "auto", confidence_level)
        if exponentiate:
            refuse_ratios(self.family_.link.name)
            others = [p.name for p in wanted if p.kind != "fixed"]
            if others:
                raise UnavailableError(
                    f"exponentiate=True has no meaning for {others}."
                )
            table = exponentiated(table)
        others = [p for p in wanted if p.kind != "fixed"]
        columns = ["estimate", "lower", "upper"]
        bounds = family_wald_bounds(fit.result, others, confidence_level)
        bounds = pd.DataFrame(bounds, [p.name for p in others], columns)
        bounds = pd.concat([table[columns], bounds]) if len(others) else table[columns]
        title = "Wald intervals" + (" of ratios" if exponentiate else "")
        bounds = bounds.loc[[p.name for p in wanted]].astype(np.float64)
        return PrintedTable(bounds, title, [say_level(confidence_level)])


def refuse_ratios(link):
    """Raise for a link whose coefficients are no logarithms of ratios."""
    if link not in RATIOS:
        raise UnavailableError(
            f"exponentiate=True has no meaning for the {link} link; it gives "
            f"ratios for {', '.join(RATIOS)}."
        )
