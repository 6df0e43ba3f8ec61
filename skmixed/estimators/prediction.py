"""Predictions of a mixed model: values, their uncertainty, and simulated responses."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import ArgumentError
from skmixed.estimators.by_chunks import predict_by_chunks
from skmixed.estimators.rows import Rows, require_fitted
from skmixed.estimators.weights import read_weights
from skmixed.formula.table.arrays import check_magnitudes
from skmixed.inference.arguments import check_interval, check_simulate
from skmixed.inference.fixed.reference_grid import estimable
from skmixed.inference.opened.residual_refit import by_pattern
from skmixed.inference.prediction import mean_variance, predictive_distribution
from skmixed.inference.residual_prediction import visit_distribution
from skmixed.sources.types import source_of
from skmixed.warnings import RankDeficiencyWarning, warn


class PredictionMixin:
    """Predict, with standard errors and intervals, and simulate.

    Needs ``fitted_`` and the methods of `BaseFormulaRegressor`.
    """

    def predict(self, X, *, random_effects=True, return_std=False, history=None):
        """Predict the response.

        Parameters
        ----------
        X : data frame, array-like of shape (n_samples, n_features), or source
            Needs the columns of the formula only; their order does not matter. A
            source of rows, as `fit` takes it, is read table by table; of a dask
            DataFrame the prediction is an array of dask.
        random_effects : bool, str, list of str or dict, default=True
            True adds the random effects of the groups that `fit` saw, False leaves all
            out (the grouping columns are not needed then), and names of grouping
            factors add only theirs. A dict adds some effects of a factor, named as in
            ``random_effects_``: ``{"Subject": ["Intercept"]}`` leaves the slopes out
            (lme4: ``re.form=~(1 | Subject)``).
        return_std : bool or "fixed", default=False
            Also return standard errors; "fixed" those of the fixed part alone,
            ``sqrt(x'Cx)`` with the covariance C of the fixed effects, as if the random
            effects were known.
        history : data frame or array-like, default=None
            For models with a residual covariance: rows with responses, from which
            those of the same subjects are predicted; `fit` need not have seen them.
            Standard errors are then those of the responses.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            With ``na_action="drop"``, NaN where a needed column is missing. A group
            that is unseen, or else missing, adds nothing
            (``unseen_groups="population"``).
        y_std : ndarray of shape (n_samples,)
            Only with `return_std`. Standard error of `y_pred` as an estimate of the
            mean response of the row's groups, without residual, given the variance
            parameters: the uncertainty of the fixed effects and of the conditional
            modes of known groups, jointly, and the whole variance of the effects of
            groups that are unseen or left out. The standard deviation of a new
            observation is ``sqrt(y_std**2 + sigma_**2)``. NaN where the data do not
            determine the prediction.

        Raises
        ------
        ValueError
            For unknown names of grouping factors, missing columns, unseen levels of
            fixed effects, missing values unless ``na_action="drop"``, and standard
            errors that would take too long (very many levels of crossed factors).

        Warns
        -----
        RankDeficiencyWarning
            For rows that break the dependence for which columns were left out of the
            fit, such as a cell without data: their predictions depend on which were.

        See Also
        --------
        predict_interval : With bounds.
        simulate : Responses drawn at random.

        Notes
        -----
        Henderson's mixed-model equations: with w = D z, D the covariance of the random
        effects, P = Z'V^-1 Z and u = x - X'V^-1 Z w, the variance is
        ``z'D z - w'P w + u'(X'V^-1 X)^-1 u``. It costs one factorisation, kept for
        later calls, and O(n (k + p)^2); with crossed factors also, for each pair of
        levels in `X`, the number of levels that the one of the larger factor meets. No
        training rows are needed.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(sleep)
        >>> someone_new = sleep.iloc[[0]].assign(Subject="new")
        >>> model.predict(someone_new).round(1)
        array([251.4])
        >>> model.predict(sleep.head(1), return_std=True)[1].round(1)
        array([12.3])
        >>> model.predict(someone_new, return_std=True)[1].round(1)
        array([25.7])
        """
        require_fitted(self)
        source = source_of(X)
        if source is not None:
            options = {"random_effects": random_effects, "return_std": return_std}
            return predict_by_chunks(self, source, options | {"history": history})
        effects = None
        if isinstance(random_effects, Mapping):
            effects = self._choose_modes(random_effects, return_std)
            random_effects = tuple(random_effects)
        chosen = self._choose_factors(random_effects)
        if history is not None:
            y_pred, std = self._predict_from_history(X, history)
            return (y_pred, std) if return_std else y_pred
        if isinstance(return_std, str) and return_std == "fixed":
            rows = self._within_range(Rows.read(self, X, chosen))
            std = fixed_std(self.fitted_.result, rows.design.X)
            std[rows.missing | ~estimable(self.fitted_, rows.design.X)] = np.nan
            return self._predict_rows(rows, effects), std
        if not isinstance(return_std, (bool, np.bool_)):
            raise ArgumentError(
                f"return_std={return_std!r} should be True, False or 'fixed'."
            )
        if not return_std:
            return self._predict_rows(Rows.read(self, X, chosen), effects)
        rows = self._within_range(Rows.read_all_effects(self, X, chosen))
        known = ~rows.missing & estimable(self.fitted_, rows.design.X)
        std = np.full(len(known), np.nan)
        if self.result_.residual is not None and not self.result_.terms:
            std[known] = fixed_std(self.fitted_.result, rows.select(known).design.X)
            return self._predict_rows(rows), std
        variance = mean_variance(self.fitted_, rows.select(known).design)
        std[known] = np.sqrt(variance)
        return self._predict_rows(rows), std

    def predict_interval(self, X, *, confidence_level=0.95, kind="prediction"):
        """Predict the response by intervals.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        confidence_level : float, default=0.95
        kind : {"prediction", "mean"}, default="prediction"
            Where a new observation of weight 1 lies ("prediction"), or the mean of the
            observations of its groups ("mean").

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper bounds, centred at ``predict(X)``. NaN where that is NaN or
            not determined.

        Raises
        ------
        ValueError
            As `predict`.

        See Also
        --------
        predict : The predictions alone.
        conf_int : Intervals of parameters.

        Notes
        -----
        The variance is that of `predict` (unseen groups count with their whole
        variance), plus the residual variance for ``kind="prediction"``, plus what the
        estimation of the variance parameters adds (Kackar and Harville, 1984). The
        quantile is Student's t with Satterthwaite's degrees of freedom of that
        variance, at least 1, which for the response of a new group is about the number
        of groups;
        the normal one for very large designs.

        The residual variance is that of a row of weight 1. Where residuals covary, that
        of the new observation counts as independent of those of the fit: for a
        subject's next visit take ``predict(X, history=rows, return_std=True)``. Of a
        meta-analysis, whose rows have known variances, ``kind="mean"`` is what is of
        use: for an unseen study the interval of its true effect.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(sleep)
        >>> model.predict_interval(sleep.head(1)).round(0)
        array([[197., 310.]])
        >>> model.predict_interval(sleep.head(1).assign(Subject="new")).round(0)
        array([[178., 325.]])
        """
        require_fitted(self)
        check_interval(confidence_level, kind)
        rows = self._within_range(Rows.read(self, X))
        predicted = self._predict_rows(rows)
        known = ~rows.missing & estimable(self.fitted_, rows.design.X)
        half = np.full(len(predicted), np.nan)
        distribution = self._distribution(rows.select(known), kind)
        half[known] = distribution.half_width(confidence_level)
        return np.column_stack([predicted - half, predicted + half])

    def _distribution(self, rows, kind):
        """Variances and degrees of freedom of the predictions of complete rows."""
        fit = self.fitted_
        if fit.result.residual is None:
            return predictive_distribution(fit, rows.design, kind)
        if not by_pattern(fit.result):
            places = self._residual_places(rows.frame)
            return predictive_distribution(fit, rows.design, kind, places)
        at = None if kind == "mean" else self.spec_.residual.read(rows.frame)
        return visit_distribution(fit, rows.design.X, at, kind)

    def simulate(
        self,
        X,
        *,
        n_samples=1,
        random_effects="new",
        sample_weight=None,
        random_state=None,
    ):
        """Draw responses from the fitted model.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
        n_samples : int, default=1
            Number of draws.
        random_effects : {"new", "fitted"}, default="new"
            "new" draws the effects of every group of `X` afresh in each sample;
            "fitted" holds those of known groups at their conditional modes and draws
            those of unseen groups.
        sample_weight : array-like of shape (n_rows,), default=None
            Precision weights: residuals have the variance ``sigma_**2 / weight``.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of shape (n_rows, n_samples)
            On the scale of `predict`; the fixed effects and variances are those
            estimated. NaN where ``predict(X)`` is NaN.

        See Also
        --------
        bootstrap : Refits to what is drawn.
        predict : Expected responses.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> sleep = load_sleepstudy().frame
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> model = model.fit(sleep)
        >>> model.simulate(sleep, n_samples=100, random_state=0).shape
        (180, 100)
        """
        check_is_fitted(self)
        check_simulate(n_samples, random_effects)
        random = check_random_state(random_state)
        drawn = self._draw_predictors(X, n_samples, random_effects, random)
        scale = np.full(len(drawn), self.fitted_.result.sigma)
        if sample_weight is not None:
            scale /= np.sqrt(
                read_weights(sample_weight, len(drawn), allow_missing=False)
            )
        noise = random.standard_normal(drawn.shape)
        if self.result_.residual is not None:
            noise = self._correlate(X, noise)
        return drawn + scale[:, None] * noise

    def _draw_predictors(self, X, n_samples, random_effects, random):
        """Fixed part, and random effects drawn or held, of shape (n, n_samples)."""
        read = Rows.read_all_effects(self, X, refuse_unseen=False)
        frame, missing = read.frame, read.missing
        fitted = random_effects == "fitted"
        mean = self._predict_rows(read if fitted else read.forget_groups())
        drawn = np.repeat(mean[:, None], n_samples, axis=1)
        for group, z, codes, root in self._effects_to_draw(read.design):
            rows = np.flatnonzero((codes < 0) & ~missing if fitted else ~missing)
            columns = list(self.fitted_.spec.groups[group].columns)
            levels = frame.iloc[rows].groupby(columns, observed=True).ngroup()
            shape = (levels.max() + 1 if len(rows) else 0, len(root), n_samples)
            effects = np.matmul(root, random.standard_normal(shape))
            drawn[rows] += np.einsum("nk,nks->ns", z[rows], effects[levels.to_numpy()])
        return drawn

    def _predict_rows(self, rows, effects=None):
        """Fixed effects, offset and effects of known groups: by default their modes."""
        design, missing = rows.design, rows.missing
        _warn_about_undetermined(self.fitted_, design, missing)
        result = self.fitted_.result
        coef = np.zeros(design.X.shape[1])
        coef[result.kept] = result.coef
        modes = result.modes if effects is None else effects
        predicted = design.X @ coef
        if design.offset is not None:
            predicted += design.offset
        wanted = {block.group for block in design.random}
        terms = [term for term in result.terms if result.groups[term[0]] in wanted]
        for block, (factor, positions, _) in zip(design.random, terms, strict=True):
            own = modes[factor][block.codes]
            if len(positions) < own.shape[1]:
                own = own[:, list(positions)]
            added = np.einsum("ij,ij->i", block.z, own)
            added[block.codes < 0] = 0.0
            predicted += added
        predicted[missing] = np.nan
        return predicted

    def _choose_factors(self, random_effects):
        """Check the argument of `predict`: True, False or a tuple of names."""
        if isinstance(random_effects, (bool, np.bool_)):
            return bool(random_effects)
        named = [random_effects] if isinstance(random_effects, str) else random_effects
        known = list(self.result_.groups)
        if not isinstance(named, (list, tuple)) or not all(n in known for n in named):
            raise ArgumentError(
                f"random_effects={random_effects!r} should be True, False, or names of "
                f"the model's grouping factors, which are {known}."
            )
        return tuple(named)

    def _within_range(self, rows):
        """Rows whose squares are doubles; others are refused by their column."""
        check_magnitudes(rows.design, self.spec_.coef_names)
        return rows

    def _choose_modes(self, wanted, return_std):
        """Conditional modes with the effects that are not wanted at zero."""
        if return_std is True:
            raise ArgumentError(
                "Standard errors are there for whole grouping factors; with some of "
                "the effects of one, return_std can be False or 'fixed'."
            )
        result, modes = self.fitted_.result, []
        for group, effects, own in zip(
            result.groups, result.effects, result.modes, strict=True
        ):
            named = wanted.get(group, [])
            named = list(named) if isinstance(named, (list, tuple)) else [named]
            unknown = [name for name in named if name not in effects]
            if unknown:
                raise ArgumentError(
                    f"random_effects={wanted!r}: of the grouping factors "
                    f"{list(result.groups)}, {group!r} has no effect {unknown}; it has "
                    f"{list(effects)}."
                )
            modes.append(own * np.isin(effects, named))
        return modes

    def _effects_to_draw(self, design):
        """Group, columns, codes and covariance root of every random term."""
        result = self.result_
        for block, (factor, positions, _) in zip(
            design.random, result.terms, strict=True
        ):
            root = result.relative_factors[factor][np.ix_(positions, positions)]
            yield block.group, block.z, block.codes, result.sigma * root


def fixed_std(result, X):
    """Standard errors of the fixed part, of shape (n,)."""
    columns = result.A.basis.fixed.apply(X)
    to_basis = result.A.basis.fixed.coordinates
    covariance = to_basis @ result.coef_cov @ to_basis.T
    variance = np.einsum("np,pq,nq->n", columns, covariance, columns, optimize=True)
    return np.sqrt(np.maximum(variance, 0.0))


def _warn_about_undetermined(fit, design, missing):
    """Warn of rows whose fixed part the data of the fit leave open."""
    if fit.alias_weights is None:
        return
    rows = np.flatnonzero(~missing & ~estimable(fit, design.X))
    if len(rows):
        warn(
            f"{len(rows)} rows, the first at position {rows[0]}, combine columns as "
            f"the data of the fit never do, which left out {fit.aliased}: their "
            "predictions are not determined by those data, and have no standard error.",
            RankDeficiencyWarning,
        )
