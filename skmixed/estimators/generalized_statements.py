"""What a fitted generalised model lets one say: summary, intervals, shares."""

import dataclasses

import numpy as np
import pandas as pd

from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.report.summary import (
    exponentiated,
    fixed_effects_table,
    summarize,
)
from skmixed.inference.variance.family_variance import family_components
from skmixed.inference.variance.variance_partition import nakagawa_r2, partition_table

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
    ):
        """Wald intervals of the fixed effects.

        Parameters
        ----------
        parameters : str or list of str, default=None
            Names of fixed effects; all by default.
        method : {"wald"}, default="wald"
            Profiles and the bootstrap are there for linear models only.
        confidence_level : float, default=0.95
        exponentiate : bool, default=False
            As in `summary`.

        Returns
        -------
        DataFrame
            ``estimate``, ``lower`` and ``upper``.

        Raises
        ------
        ValueError
            For other methods, and for parameters that are no fixed effects.
        """
        fit = fitted(self, generalized=True)
        check_confidence_level(confidence_level)
        if method != "wald":
            raise ValueError(
                f"method={method!r} is there for linear mixed models; here 'wald' is."
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
        return table.loc[names, ["estimate", "lower", "upper"]]

    def icc(self, *, scale="link"):
        """Intraclass correlation coefficients.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"
            Of the linear predictor, or of the responses themselves.

        Returns
        -------
        DataFrame
            A row per grouping factor, and ``all`` where there are several: ``adjusted``
            is its share of what the fixed effects leave, ``unadjusted`` of the whole.

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
        return pd.DataFrame(table, index=names)

    def r2_nakagawa(self, *, scale="link"):
        """Marginal and conditional R2 of Nakagawa, Johnson and Schielzeth.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        Series
            ``marginal``: share of the fixed effects in the variance; ``conditional``:
            of fixed and random effects. See `icc`.
        """
        found = family_components(fitted(self, generalized=True), scale)
        marginal, conditional = nakagawa_r2(found)
        return pd.Series({"marginal": marginal, "conditional": conditional}, name="r2")

    def variance_partition(self, *, scale="link"):
        """Variance of fixed effects, grouping factors and residual; see `icc`.

        Parameters
        ----------
        scale : {"link", "response"}, default="link"

        Returns
        -------
        DataFrame
            ``variance``, its ``share`` of the whole, and ``adjusted_share`` of what
            the fixed effects leave.
        """
        fit = fitted(self, generalized=True)
        return partition_table(family_components(fit, scale))
