"""A generalised model in sentences, in equations and on a page."""

from skmixed.estimators.description import ReportMixin
from skmixed.estimators.equations import Equations
from skmixed.estimators.generalized_equations import FamilyWriter
from skmixed.estimators.generalized_sentences import describe_generalized
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted


class GeneralizedDescriptionMixin(ReportMixin):
    """Sentences and equations."""

    def _outcome(self):
        """What the mean is of, in words."""
        return self.spec_.formula.response or "y"

    def describe(self, *, confidence_level=0.95):
        """Say in sentences what was estimated.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the intervals.

        Returns
        -------
        Sentences
            Printed as text; with ``to_latex()`` and ``to_html()``, and the fixed
            effects as ``frame``. Effects are odds, rate or hazard ratios where the link
            makes them so.

        See Also
        --------
        summary : The same as tables.
        report : The same with tables and pictures.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> model = MixedLogisticClassifier("use ~ age + (1 | district)")
        >>> model = model.fit(load_contraception().frame)
        >>> print(model.describe().sentences[1])
        Where all predictors are 0 ..., the odds of use = Y are 0.583 (95 % CI ...
        """
        return describe_generalized(
            fitted(self, generalized=True),
            self.formula_,
            self._outcome(),
            n_dropped=self.n_dropped_,
            confidence_level=check_confidence_level(confidence_level),
        )

    def equations(self, *, estimates=True, digits=3):
        """Equations of the mean through its link, with the names of the model.

        Parameters
        ----------
        estimates : bool, default=True
            Write estimates for the coefficients and variances; otherwise letters.
        digits : int, default=3
            Significant digits of the estimates.

        Returns
        -------
        Equations
            Prints as Unicode text, shows as LaTeX in a notebook; ``latex`` is a string.

        See Also
        --------
        summary : The same as tables.
        describe : The same in sentences.

        Examples
        --------
        >>> from skmixed import MixedLogisticClassifier
        >>> from skmixed.datasets import load_contraception
        >>> model = MixedLogisticClassifier("use ~ age + (1 | district)")
        >>> model = model.fit(load_contraception().frame)
        >>> print(model.equations(estimates=False))
        Level 1 (rows)
          logit P(use = Y)ᵢⱼ = b₀ᵢ + β₁ ageᵢⱼ
        Level 2 (district)
          b₀ᵢ = β₀ + v₀ᵢ
        Combined
          logit P(use = Y)ᵢⱼ = β₀ + β₁ ageᵢⱼ + v₀ᵢ
        Distributions
          useᵢⱼ ~ binomial
          v₀ᵢ ~ N(0, Σ)
        """
        fitted(self, generalized=True)
        writer = FamilyWriter(self, estimates, digits)
        return Equations(tuple(writer.blocks()), writer.values)
