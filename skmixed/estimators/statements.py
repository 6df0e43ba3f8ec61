"""What a fitted model lets one say: summary, tests and intervals."""

from sklearn.utils.validation import check_is_fitted

from skmixed.inference.tables import summarize


class StatementsMixin:
    """Methods that turn ``result_`` into tables; they never read rows."""

    def summary(self, *, ddf="auto", confidence_level=0.95):
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

        Returns
        -------
        Summary
            With the data frames ``fixed``, ``random`` and ``fit``.

        Raises
        ------
        ValueError
            For Kenward and Roger's method on a fit by maximum likelihood, or on a
            design that is too large for it.

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
        """
        check_is_fitted(self)
        return summarize(
            self.result_,
            self.formula_,
            self._kept_names(),
            self.aliased_,
            ddf=ddf,
            confidence_level=confidence_level,
        )
