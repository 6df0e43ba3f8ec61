"""A fitted model in sentences, and on a page: methods of the estimator."""

from importlib import import_module

from skmixed.estimators.sentences import describe_fit
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.printing.sentences import Words


class ReportMixin:
    """A page about everything."""

    def report(self, path, X, y=None, *, sample_weight=None):
        """Write all about the fit to one HTML file, pictures and all.

        Sentences, tables, equations, pictures and checks; the file needs nothing else.

        Parameters
        ----------
        path : str or path
            Of the file, for example ``"report.html"``.
        X : data frame
            The table that `fit` was given; a fitted model keeps no rows.
        y, sample_weight : array-like of shape (n_samples,), default=None
            As they were given to `fit`.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            Where `X` is not the table of the fit.

        See Also
        --------
        describe : The sentences alone.
        summary : The tables alone.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
        >>> with TemporaryDirectory() as folder:
        ...     path = model.report(Path(folder) / "report.html", sleep)
        ...     path.name
        'report.html'
        """
        fitted(self, "report", residual=True, generalized=True)
        # pictures are of a higher floor, and matplotlib may be absent
        page = import_module("skmixed.inspection.page")
        return page.write_page(self, path, X, y, sample_weight=sample_weight)


class DescriptionMixin(ReportMixin):
    """Sentences about the fit."""

    def describe(
        self,
        *,
        ddf="auto",
        confidence_level=0.95,
        vcov=None,
        labels=None,
        units=None,
    ):
        """Say in sentences what was estimated.

        Parameters
        ----------
        ddf : str, default="auto"
            Degrees of freedom of the t tests of fixed effects; see `summary`.
        confidence_level : float, default=0.95
            Of the intervals.
        vcov : ClusterRobust, default=None
            Robust standard errors; see `cluster_robust`.
        labels, units : dict of str to str, default=None
            What columns are called in the sentences on fixed effects, and their units:
            ``labels={"Reaction": "the reaction time"}, units={"Reaction": "ms",
            "Days": "day"}``.

        Returns
        -------
        Sentences
            Printed as text; with ``to_latex()`` and ``to_html()``, and the fixed
            effects as ``frame``.

        See Also
        --------
        summary : The same as tables.

        Notes
        -----
        Ratio tests hold a standard deviation of random effects at zero, by maximum
        likelihood; they take no rows. Designs with thousands of crossed effects are
        described without them.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> print(model.fit(load_sleepstudy().frame).describe())
        A linear mixed model was fitted by REML to 180 rows in 18 levels of Subject:
        Reaction ~ 1 + Days + (1 + Days | Subject).
        <BLANKLINE>
        Where all predictors are 0 or at their reference level, Reaction is expected to
        be 251.4 (95 % CI 237.0 to 265.8; t(17) = 36.84, p < .001). Per unit of Days,
        Reaction rises by 10.47 (95 % CI 7.21 to 13.73; t(17) = 6.77, p < .001). Tests
        of fixed effects use Satterthwaite's degrees of freedom.
        <BLANKLINE>
        For 95 % of the levels of Subject, the intercept lies between 203 and 300 (sd
        24.7) and the slope of Days lies between -1.14 and 22.1 (sd 5.92). The residual
        standard deviation is 25.6. Over the levels of Subject, the intercept and the
        slope of Days correlate at 0.07.
        <BLANKLINE>
        Without the random slope of Days of Subject the fit is worse by a likelihood
        ratio of 42.14 (p < .001; by maximum likelihood, reference 0.5 chi2(1) + 0.5
        chi2(2)).
        <BLANKLINE>
        Subject accounts for 72 % of the variance that the fixed effects leave (ICC
        0.722, 95 % CI 0.56 to 0.84), a design effect of 7.49: for a mean, 180 rows are
        worth 24. The fixed effects explain 28 % of the variance, together with the
        random ones 80 %.
        """
        return describe_fit(
            fitted(self, "describe", residual=True),
            n_dropped=self.n_dropped_,
            ddf=ddf,
            confidence_level=check_confidence_level(confidence_level),
            vcov=vcov,
            words=Words(labels or {}, units or {}),
        )
