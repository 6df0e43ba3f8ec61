"""The fitted covariance of one subject's rows."""

import dataclasses

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import UnavailableError
from skmixed.estimators.dispersion import read_dispersion, refuse_beside, varying
from skmixed.estimators.equations import Writer
from skmixed.estimators.residual_checks import check_pairs, check_times
from skmixed.estimators.residual_equations import ResidualWriter
from skmixed.estimators.rows import Rows
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.residual import ResidualSpec
from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.residual import parse_residual
from skmixed.inference.diagnose.whitened import whitened_residuals
from skmixed.inference.variance.residual_parameters import list_residual_parameters
from skmixed.likelihood.covariance.names import BY_LAG
from skmixed.likelihood.covariance.residual import canonical_residual
from skmixed.likelihood.search.patterns import MOST_VISITS


class ResidualCovarianceMixin:
    """What is said of ``residual=``, and how it is read."""

    # of models that were saved before there was the parameter
    dispersion = None

    def _read_residual(self, formula):
        """Read the parameter `residual`; None without it."""
        if self.residual is None:
            return None
        try:
            term = parse_residual(self.residual).with_structure(canonical_residual)
        except ValueError as error:
            raise FormulaError(str(error)) from None
        refuse_beside(term, formula, self.dispersion)
        return term

    def _read_dispersion(self):
        """Read the parameter `dispersion`; None without it."""
        return None if self.dispersion is None else read_dispersion(self.dispersion)

    def _columns_beside(self, residual):
        """Columns that the residuals' covariances need beside the formula's."""
        found = [] if residual is None else list(residual.columns)
        dispersion = self._read_dispersion()
        return found + ([] if dispersion is None else dispersion.predictor_columns)

    def _learn_residual(self, term, columns):
        """Learn visits, subjects and dispersion from the table of `fit`."""
        rows = w = None
        if term is not None:
            most = MOST_VISITS if term.name in BY_LAG else None
            check_times(term, columns)
            self.spec_.residual, rows = ResidualSpec.learn(term, columns, most)
            check_pairs(self.spec_.residual, rows)
        dispersion = self._read_dispersion()
        if dispersion is not None:
            self.spec_.dispersion, design = DesignSpec.learn(dispersion, columns)
            w = varying(self.spec_.dispersion, design)
        return {"residual": rows, "dispersion": w}

    def _residual_places(self, frame):
        """Where rows stand in the residuals' covariances: fields of Design."""
        spec, rows, w = self.spec_, None, None
        if spec.residual is not None:
            rows = spec.residual.read(frame)
        if spec.dispersion is not None:
            w = varying(spec.dispersion, spec.dispersion.build(frame))
        return {"residual": rows, "dispersion": w}

    @property
    def residual_(self):
        """The residual covariance in full, None where residuals are independent."""
        check_is_fitted(self)
        residual = self.result_.residual
        return None if residual is None else residual.text

    @property
    def dispersion_effects_(self):
        """Slopes of the logarithm of the residuals' standard deviation, by name.

        None without ``dispersion=``.
        """
        check_is_fitted(self)
        spec = self.spec_.dispersion
        if spec is None:
            return None
        names = [name for name in spec.coef_names if name != "Intercept"]
        return pd.Series(self.result_.residual.gamma, index=names, name="estimate")

    @property
    def residual_cov_(self):
        """Covariance of one subject's residuals, visits by visits.

        A dict of data frames where every level of ``by`` has its own; None where
        residuals are independent.
        """
        return self._over_visits("covariances", self.sigma_**2)

    @property
    def residual_cor_(self):
        """Correlations of one subject's residuals, as ``residual_cov_``."""
        return self._over_visits("correlations", 1.0)

    @property
    def _equation_writer(self):
        if self.result_.residual is None:
            return Writer
        return ResidualWriter

    def _over_visits(self, what, scale):
        check_is_fitted(self)
        residual, spec = self.result_.residual, self.spec_.residual
        if residual is None or not residual.visits:
            return None
        index = pd.Index(spec.visits, name=spec.term.time)
        frames = [
            pd.DataFrame(scale * matrix, index=index, columns=index)
            for matrix in getattr(residual, what)
        ]
        if spec.term.by is None:
            return frames[0]
        return dict(zip(spec.levels, frames, strict=True))

    @property
    def residual_parameters_(self):
        """Correlation parameters and standard deviations by visit.

        A series with ``rho`` or ``rho1, rho2, ...`` (steps of ``ad``, lags of
        ``toep``), ``cor_VISIT.VISIT`` of ``us``, ``range`` of continuous times, ``sd``
        or ``sd_VISIT``, and ``ratio_VISIT`` of it to that of the first visit; a dict of
        them where every level of ``by`` has its own, None where residuals are
        independent. `conf_int` has their intervals.
        """
        check_is_fitted(self)
        residual, spec = self.result_.residual, self.spec_.residual
        if residual is None or residual.text is None:
            return None
        values = [{} for _ in spec.levels]
        for parameter in list_residual_parameters(residual):
            at = parameter.value_of(self.result_)
            values[parameter.factor][parameter.name] = at
        found = [pd.Series(own, name="estimate") for own in values]
        if spec.term.by is None:
            return found[0]
        return dict(zip(spec.levels, found, strict=True))

    def _residual_covariance(self, rows, weights=None):
        """Covariance of the residuals of some rows, zero between subjects.

        Parameters
        ----------
        rows : Rows
        weights : ndarray of shape (n,), optional

        Returns
        -------
        ndarray of shape (n, n)
        """
        residual = self.result_.residual
        if residual is None:
            V = np.eye(len(rows.missing))
        else:
            V = residual.covariance_of(**self._residual_places(rows.frame))
        if weights is not None:
            root = np.sqrt(weights)
            V = V / np.outer(root, root)
        return self.sigma_**2 * V

    def _correlate(self, X, noise):
        """Independent noise of some rows as residuals of their subjects over visits.

        Parameters
        ----------
        X : data frame
        noise : ndarray of shape (n, n_samples)

        Returns
        -------
        ndarray of shape (n, n_samples)
            Relative to sigma; NaN where values are missing.
        """
        rows, residual = Rows.read(self, X), self.result_.residual
        known, found = np.flatnonzero(~rows.missing), np.full(noise.shape, np.nan)
        places = self._residual_places(rows.frame.iloc[known])
        at, w = places["residual"], places["dispersion"]
        if at is None:
            spread = np.exp(w @ residual.gamma)
            found[known] = spread[:, None] * noise[known]
            return found
        self.spec_.residual.check(at)
        roots = {}
        for members in subjects_in_order(at):
            key = at.level[members[0]], tuple(at.visit[members])
            if key not in roots or not residual.visits or w is not None:
                own = None if w is None else w[members]
                V = residual.covariance_of(at.select(members), own)
                roots[key] = np.linalg.cholesky(V)
            found[known[members]] = roots[key] @ noise[known[members]]
        return found

    def _predict_from_history(self, X, history):
        """Means and standard deviations of responses given others of the subjects.

        With c the covariances of a new row and the rows seen, V those of the rows seen
        and u = x - X'V^-1 c, the mean is ``x'b + c'V^-1(y - X b)`` and the variance
        ``v - c'V^-1 c + u'cov(b)u``.
        """
        spec, result = self.spec_.residual, self.result_
        if spec is None or spec.term.time is None:
            raise UnavailableError(
                "history= is for models with residual='name(time | subject)' and a "
                "column of times or visits; it takes the place of random effects."
            )
        rows, seen = Rows.read(self, X), Rows.read_complete(self, history)
        spec.check(spec.read(seen.frame))
        mean, std = self._fixed_part(rows), np.full(len(rows.frame), np.nan)
        left = seen.design.y - self._fixed_part(seen)
        x, X_seen = (part.design.X[:, result.kept] for part in (rows, seen))
        members = seen.frame.groupby(spec.term.subject, observed=True).indices
        groups = rows.frame.groupby(spec.term.subject, observed=True).indices
        for name, new in groups.items():
            old = members.get(name, np.zeros(0, dtype=int))
            V = self._joint_covariance(seen.select(old), rows.select(new))
            first, last = slice(len(old)), slice(len(old), None)
            c = V[first, last]
            weights = np.linalg.solve(V[first, first], c)
            mean[new] += weights.T @ left[old]
            u = x[new] - weights.T @ X_seen[old]
            variance = np.diag(V)[last] - np.einsum("sn,sn->n", c, weights)
            variance = variance + np.einsum("ni,ij,nj->n", u, result.coef_cov, u)
            std[new] = np.sqrt(np.maximum(variance, 0.0))
        std[rows.missing] = np.nan
        return mean, std

    def _whitened_residuals(self, rows):
        """Residuals of complete rows given the rows before them, and fitted values."""
        codes = []
        for group in self.result_.groups:
            columns = list(self.fitted_.spec.groups[group].columns)
            grouped = rows.frame.groupby(columns, observed=True)
            codes.append(grouped.ngroup().to_numpy())
        places = self._residual_places(rows.frame)
        design = dataclasses.replace(rows.design, **places)
        return whitened_residuals(self.fitted_, design, codes)

    def _fixed_part(self, rows):
        """Fixed effects and offset of some rows, of shape (n,)."""
        none = tuple(np.zeros_like(modes) for modes in self.result_.modes)
        return self._predict_rows(rows, none)

    def _joint_covariance(self, seen, new):
        """Covariance of rows of one subject, those seen before the new ones."""
        frame = pd.concat([seen.frame, new.frame], ignore_index=True)
        V = self.sigma_**2 * self.result_.residual.covariance_of(
            **self._residual_places(frame)
        )
        pairs = (self._effects_to_draw(rows.design) for rows in (seen, new))
        for (group, z_seen, _, root), (_, z_new, _, _) in zip(*pairs, strict=True):
            columns = list(self.fitted_.spec.groups[group].columns)
            levels = frame.groupby(columns, observed=True).ngroup().to_numpy()
            effects = np.concatenate([z_seen, z_new]) @ root
            V += (effects @ effects.T) * (levels[:, None] == levels)
        return V


def subjects_in_order(at):
    """Rows of every subject by time, one array after the other."""
    order = np.lexsort((at.time, at.visit, at.subject))
    first = np.flatnonzero(np.diff(at.subject[order], prepend=-1))
    return np.split(order, first[1:]) if len(order) else []
