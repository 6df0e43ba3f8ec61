"""What becomes of a model when rows, responses or formulas change."""

from sklearn.base import _fit_context, clone
from sklearn.utils.validation import check_is_fitted

from skmixed.estimators.adapt import adapt_model
from skmixed.estimators.freezing import freeze_design
from skmixed.estimators.from_sums import FromSumsMixin
from skmixed.estimators.input import read_features, response_label
from skmixed.estimators.many import refit_model
from skmixed.estimators.reading import (
    DesignReader,
    accumulate,
    frozen_of,
)
from skmixed.printing.progress import count_done
from skmixed.sources.types import source_of
from skmixed.warnings import warn


class MoreRowsMixin(FromSumsMixin):
    """Fit from sources and sums of rows, and follow rows that come later."""

    def refit(self, X, y, sample_weight=None):
        """Fit the same design to another response: simulated ones, permuted ones.

        Levels, codings and transforms stay as `fit` learnt them. For many responses of
        the same rows `fit_many` is faster.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Complete rows, of groups that `fit` saw.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        MixedLinearRegressor
            A new fitted model; this one stays as it is.

        See Also
        --------
        fit : From rows.
        skmixed.fit_many : Many responses at a time.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
        >>> doubled = model.refit(sleep, 2 * sleep["Reaction"])
        >>> round(float(doubled.sigma_ / model.sigma_), 6)
        2.0
        """
        check_is_fitted(self)
        return refit_model(self, X, y, sample_weight)

    def adapt(self, X, y=None, sample_weight=None):
        """Let the model know more rows, without estimating its variances anew.

        Rows may be of known groups, of new groups or of new combinations of them.
        Fixed effects, their covariance, conditional modes and predictions are those of
        all rows, old and new, exactly; `theta_` and `sigma_` stay. No row of the fit is
        needed.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            The new rows, coded as `fit` learnt it.
        y : array-like of shape (n_samples,), default=None
            By default the left side of the formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights, relative to those of the fit.

        Returns
        -------
        MixedLinearRegressor
            A new fitted model; this one stays as it is. New groups follow the known
            ones. Its ``loglik_`` and what depends on it is NaN, and likelihood-ratio
            tests, profiles and bootstraps are refused: the likelihood is not maximised.

        Raises
        ------
        ValueError
            Without random effects; where a row holds a level of a fixed effect that
            `fit` did not see, or breaks the dependence of a column that was left out.

        See Also
        --------
        refit : Estimates everything for another response.

        Notes
        -----
        With V at the fitted variances, generalised least squares on the stacked rows:
        ``beta = (X'V^-1 X)^-1 X'V^-1 y`` and ``b = Psi Z'V^-1 (y - X beta)``
        (Henderson, 1975, Biometrics 31(2)). Cross-products of old and new rows add up,
        and one evaluation gives both; standard errors of predictions, intervals and
        degrees of freedom take the variances for as uncertain as the fit left them. It
        cannot follow variances that change: fit anew when residuals of new rows outgrow
        ``sigma_``.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> new = sleep["Subject"] == sleep["Subject"].iloc[-1]
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(sleep[~new])
        >>> days, later = sleep[new].head(3), sleep[new].tail(2)
        >>> later["Reaction"].round(1).tolist()
        [369.1, 364.1]
        >>> model.predict(later).round(1)
        array([333.8, 344.3])
        >>> model.adapt(days).predict(later).round(1)
        array([357.1, 368.7])
        """
        check_is_fitted(self)
        return adapt_model(self, X, y, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add a chunk of rows; the model is solved when it is first asked.

        The first chunk freezes what the formula means: columns of text need a
        categorical type with all their categories there, and a transform that learns
        from all rows (`scale`, `poly`) is refused. New groups may come with any chunk.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            By default the left side of the formula is read from `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Precision weights: for every chunk or for none.

        Returns
        -------
        self : MixedLinearRegressor
            After all chunks, what `fit` gives for all rows.

        Raises
        ------
        ValueError
            For a chunk that is faulty; what the chunks before it gave is kept.

        Warns
        -----
        UserWarning
            After `fit`, whose rows do not count here.

        See Also
        --------
        fit : All rows at once, from a frame or a source.
        update : Rows that come after a fit.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> for start in range(0, 180, 45):
        ...     model = model.partial_fit(sleep[start : start + 45])
        >>> model.n_obs_, model.fixed_effects_.round(2).tolist()
        (180, [251.41, 10.47])
        """
        reader = vars(self).get("_reader")
        if reader is None:
            if "fitted_" in vars(self):
                warn(
                    "partial_fit starts anew, and forgets what fit has learnt: "
                    "update(X) adds rows to a model that was fitted to a source.",
                    section="partial-fit-starts-anew",
                )
                self._forget()
            self._refuse_residual("partial_fit")
        elif not len(X):
            return self
        frame = read_features(self, X, reset=reader is None)
        if reader is None:
            label = response_label(y)
            others = [column for column in frame.columns if column != label]
            formula = self._read_formula(others, y is None)
            source = source_of(iter([frame]))
            reader = DesignReader(
                freeze_design(formula, source, None, self.na_action, y)
            )
        reader.add(frame, y, sample_weight)
        self._reader = reader
        self._forget_solution()
        return self

    def submodel(self, formula):
        """A simpler model from the sums of this one; no row is read.

        Parameters
        ----------
        formula : str
            Its columns are combinations of those of this model: fewer terms, other
            codings of the same factors, ``||`` in place of ``|``, fewer random effects
            or grouping factors.

        Returns
        -------
        MixedLinearRegressor
            Fitted, with the other parameters of this one.

        Raises
        ------
        ValueError
            By name, where a column is no combination of those at hand.

        See Also
        --------
        fit : Takes `statistics_` with another formula too.
        likelihood_ratio_test : Compares the two.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(lambda: [sleep])
        >>> simpler = model.submodel("Reaction ~ Days + (1 | Subject)")
        >>> round(simpler.loglik_ - model.loglik_, 2)
        -21.42
        """
        return clone(self).set_params(formula=formula).fit(self._sums_of_rows())

    def update(self, X):
        """A model of the rows so far and of new ones, estimated anew.

        Parameters
        ----------
        X : data frame or source
            As `fit` takes it, with the same columns; new groups may come.

        Returns
        -------
        MixedLinearRegressor
            A new fitted model; this one stays as it is. No row of the fit is read.

        Raises
        ------
        ValueError
            Where the model was fitted to a table: then there are no sums to add to.

        See Also
        --------
        adapt : Holds the variances, and works after any fit.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(lambda: [sleep[:150]])
        >>> model.update(sleep[150:]).fixed_effects_.round(2).tolist()
        [251.41, 10.47]
        """
        held = self._sums_of_rows()
        source = source_of(X)
        if source is None:
            source = source_of(iter([X]))
        with count_done(source.n_rows, "read", "rows", self.verbose or None) as done:
            new = accumulate(frozen_of(held, self.na_action), source, done)
        return clone(self).fit(held + new)
