"""Parameters that responses are drawn from: those of a fit, or as they are given."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.errors import ArgumentError
from skmixed.inference.variance.parameters import list_parameters
from skmixed.likelihood.batch.roots import is_free
from skmixed.likelihood.covariance.roots import lower_root
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.rows import GroupedRows

# Eigenvalues of correlations that are this far below zero are no rounding.
INDEFINITE = -1e-9


@dataclass(frozen=True, eq=False)
class Truth:
    """Fixed effects, standard deviations and correlations, and sigma.

    Parameters
    ----------
    A : CrossProducts
        Of some design of the model: its factors and terms.
    coef_names : list of str of length p
    coef : ndarray of shape (p,)
    sds : tuple of ndarray of shape (k_j,)
    correlations : tuple of ndarray of shape (k_j, k_j)
    sigma : float
    """

    A: CrossProducts
    coef_names: list[str]
    coef: np.ndarray
    sds: tuple[np.ndarray, ...]
    correlations: tuple[np.ndarray, ...]
    sigma: float

    @classmethod
    def of_fit(cls, fit):
        """The parameters of a fit, a `Fitted`."""
        result = fit.result
        sds, correlations = [], []
        for C in result.covariances:
            sd = np.sqrt(np.maximum(np.diag(C), 0.0))
            scale = np.where(sd > 0, sd, 1.0)
            R = C / np.outer(scale, scale)
            np.fill_diagonal(R, 1.0)
            sds.append(sd)
            correlations.append(R)
        return cls(
            result.A,
            fit.names,
            result.coef,
            tuple(sds),
            tuple(correlations),
            result.sigma,
        )

    @classmethod
    def blank(cls, spec, A):
        """Fixed effects and correlations of zero, and no standard deviations yet."""
        kept = A.basis.fixed.kept
        names = [spec.coef_names[j] for j in kept]
        return cls(
            A,
            names,
            np.zeros(len(names)),
            tuple(np.full(factor.n_effects, np.nan) for factor in A.factors),
            tuple(np.eye(factor.n_effects) for factor in A.factors),
            np.nan,
        )

    @property
    def terms(self):
        """Random terms as written."""
        return self.A.terms

    @property
    def groups(self):
        """Names of the grouping factors."""
        return tuple(factor.group for factor in self.A.factors)

    @property
    def effects(self):
        """Names of every factor's effects."""
        return tuple(factor.effects for factor in self.A.factors)

    def changed(self, values):
        """The truth with some parameters as they are given.

        Parameters
        ----------
        values : dict of str to float
            By the names of :func:`list_parameters`.

        Returns
        -------
        Truth

        Raises
        ------
        ValueError
            For names that the model does not have, for standard deviations below zero
            or not given, and for correlations that no variables have.
        """
        parameters = {p.name: p for p in list_parameters(self, self.coef_names)}
        unknown = [name for name in values if name not in parameters]
        if unknown:
            raise ArgumentError(
                f"The model has no parameters {unknown}; it has {list(parameters)}."
            )
        coef, sigma = self.coef.copy(), self.sigma
        sds = [sd.copy() for sd in self.sds]
        correlations = [R.copy() for R in self.correlations]
        for name, value in values.items():
            own = parameters[name]
            if own.kind == "fixed":
                coef[own.effects[0]] = value
            elif own.kind == "sigma":
                sigma = float(value)
            elif not is_free(self.A.factors[own.factor].structure):
                raise ArgumentError(
                    f"{name} belongs to a structured covariance, which is drawn from "
                    "as it was fitted."
                )
            elif own.kind == "sd":
                sds[own.factor][own.effects[0]] = value
            else:
                i, j = own.effects
                correlations[own.factor][[i, j], [j, i]] = value
        whole = replace(
            self,
            coef=coef,
            sds=tuple(sds),
            correlations=tuple(correlations),
            sigma=sigma,
        )
        whole.check(parameters)
        return whole

    def check(self, parameters):
        """Raise where standard deviations are missing or correlations impossible."""
        found = {"sigma": self.sigma}
        for name, own in parameters.items():
            if own.kind == "sd":
                found[name] = self.sds[own.factor][own.effects[0]]
        missing = [name for name, value in found.items() if np.isnan(value)]
        if missing:
            raise ArgumentError(
                f"effects= lacks {missing}; a model that is not fitted has no "
                "standard deviations of its own."
            )
        bad = {name: value for name, value in found.items() if value < 0}
        if bad or self.sigma <= 0:
            raise ArgumentError(
                f"Standard deviations are not negative, and sigma is positive: {found}."
            )
        for group, R in zip(self.groups, self.correlations, strict=True):
            if np.linalg.eigvalsh(R)[0] < INDEFINITE:
                raise ArgumentError(
                    f"No variables have the correlations {R.tolist()} of `{group}`."
                )

    def draw(self, design, n_draws, rng):
        """Draw responses for the rows of a design.

        Parameters
        ----------
        design : Design
            Of this model, with its columns in their order.
        n_draws : int
        rng : Generator

        Returns
        -------
        ndarray of shape (n, n_draws)
        """
        rows = GroupedRows.of(design.random)
        Y = self.sigma * rng.standard_normal((len(design.X), n_draws))
        Y += (design.X[:, self.A.basis.fixed.kept] @ self.coef)[:, None]
        if design.offset is not None:
            Y += design.offset[:, None]
        for factor, codes, z, sd, R in zip(
            rows.factors, rows.codes, rows.z, self.sds, self.correlations, strict=True
        ):
            values, vectors = np.linalg.eigh(R)
            root = sd[:, None] * lower_root(vectors * np.sqrt(np.maximum(values, 0.0)))
            size = (factor.n_levels, n_draws, len(sd))
            b = rng.standard_normal(size) @ root.T
            for column in range(len(sd)):
                Y += z[:, column, None] * b[codes, :, column]
        return Y
