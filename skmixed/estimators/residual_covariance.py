"""The fitted covariance of one subject's rows."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.estimators.equations import Writer
from skmixed.estimators.residual_equations import ResidualWriter
from skmixed.estimators.rows import Rows
from skmixed.formula.table.residual import ResidualSpec
from skmixed.formula.text.residual import parse_residual
from skmixed.inference.variance.residual_parameters import list_residual_parameters
from skmixed.likelihood.covariance.residual import canonical_residual


class ResidualCovarianceMixin:
    """What is said of ``residual=``, and how it is read."""

    def _read_residual(self, formula):
        """Read the parameter `residual`; None without it."""
        if self.residual is None:
            return None
        try:
            term = parse_residual(self.residual).with_structure(canonical_residual)
        except ValueError as error:
            raise ValueError(str(error)) from None
        if formula.random:
            raise ValueError(
                f"residual='{term}' stands beside random effects in `{formula}`; a "
                "residual covariance is fitted to models without them so far. Leave "
                "the random effects out: cs(time | subject) stands for a random "
                "intercept, us(visit | subject) for any covariance of the visits."
            )
        return term

    def _learn_residual(self, term, columns):
        """Learn visits and subjects from the table of `fit`."""
        self.spec_.residual, rows = ResidualSpec.learn(term, columns)
        return rows

    @property
    def residual_(self):
        """The residual covariance in full, None where residuals are independent."""
        check_is_fitted(self)
        residual = self.result_.residual
        return None if residual is None else residual.text

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
        return Writer if self.result_.residual is None else ResidualWriter

    def _over_visits(self, what, scale):
        check_is_fitted(self)
        residual, spec = self.result_.residual, self.spec_.residual
        if residual is None:
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
        if residual is None:
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
        spec, residual = self.spec_.residual, self.result_.residual
        if residual is None:
            V = np.eye(len(rows.missing))
        else:
            at = spec.read(rows.frame)
            V = np.zeros((len(at.visit), len(at.visit)))
            for level, Psi in enumerate(residual.covariances):
                own = Psi[np.ix_(at.visit, at.visit)]
                V = np.where((at.level == level)[:, None], own, V)
            V = np.where(at.subject[:, None] == at.subject, V, 0.0)
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
        rows = Rows.read(self, X)
        known = np.flatnonzero(~rows.missing)
        spec, found = self.spec_.residual, np.full(noise.shape, np.nan)
        at = spec.read(rows.frame.iloc[known])
        spec.check(at)
        order = np.lexsort((at.visit, at.subject))
        first = np.flatnonzero(np.diff(at.subject[order], prepend=-1))
        covariances, roots = self.result_.residual.covariances, {}
        for members in np.split(order, first[1:]):
            visits = tuple(at.visit[members])
            key = at.level[members[0]] if len(members) else 0, visits
            if key not in roots:
                V = covariances[key[0]][np.ix_(visits, visits)]
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
        if result.residual is None or spec.term.time is None:
            raise ValueError(
                "history= is for models with residual='name(time | subject)' and a "
                "column of times or visits; it takes the place of random effects."
            )
        rows, seen = Rows.read(self, X), Rows.read_complete(self, history)
        at, past = spec.read(rows.frame), spec.read(seen.frame)
        spec.check(past)
        mean, std = self._predict_rows(rows), np.full(len(rows.frame), np.nan)
        left = seen.design.y - self._predict_rows(seen)
        x, X_seen = (part.design.X[:, result.kept] for part in (rows, seen))
        subject = spec.term.subject
        members = seen.frame.groupby(subject, observed=True).indices
        for name, new in rows.frame.groupby(subject, observed=True).indices.items():
            old = members.get(name, np.zeros(0, dtype=int))
            V = self.sigma_**2 * result.residual.covariances[at.level[new[0]]]
            c = V[np.ix_(past.visit[old], at.visit[new])]
            weights = np.linalg.solve(V[np.ix_(past.visit[old], past.visit[old])], c)
            mean[new] += weights.T @ left[old]
            u = x[new] - weights.T @ X_seen[old]
            variance = np.diag(V)[at.visit[new]] - np.einsum("sn,sn->n", c, weights)
            variance = variance + np.einsum("ni,ij,nj->n", u, result.coef_cov, u)
            std[new] = np.sqrt(np.maximum(variance, 0.0))
        std[rows.missing] = np.nan
        return mean, std
