"""The likelihood of a fit, set up again at its estimates, and what is known there."""

from functools import cached_property

import numpy as np

from skmixed.inference.opened.curvature import ZERO, Curvature
from skmixed.inference.opened.posterior import Posterior
from skmixed.likelihood.covariance.parts import RandomPart
from skmixed.likelihood.criterion.marginal import MarginalDeviance
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.criterion.series import MarkovDeviance
from skmixed.likelihood.elimination.patterns import Patterns
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.linalg.grouped import shared_left, shared_right
from skmixed.likelihood.products.patterns import PatternProducts
from skmixed.likelihood.products.precondition import change_basis, scale_free
from skmixed.likelihood.products.series import SeriesProducts


class OpenFit:
    """A fit's likelihood at the estimates; each part of it is made once.

    Parameters
    ----------
    result : FitResult
        With at least one random term, or a residual covariance.

    Attributes
    ----------
    deviance : ProfiledDeviance
        In a scale-free basis.
    point : ProfiledPoint
        At the estimates.
    """

    def __init__(self, result):
        self.result = result
        self.deviance, self.point = reopen(result)
        self.theta = self.point.theta
        self.parts = {}

    @cached_property
    def plain(self):
        """The deviance by the elimination that takes steps."""
        own = self.deviance
        return own.plain

    @property
    def basis(self):
        """Basis of the likelihood's columns; of rows in series that of the fit."""
        return getattr(self.deviance.A, "basis", self.result.A.basis)

    @cached_property
    def estimation(self):
        """The likelihood that the variances maximise: this one, unless they are held.

        Its theta is this one's theta.
        """
        origin = self.result.held_from
        return self if origin is None else OpenFit(origin)

    def neighbour(self, theta):
        """The posterior at another theta, with the residual variance profiled out."""
        sigma2 = self.estimation.plain.at(theta).sigma2
        return Posterior(self.basis, self.plain.at(theta), sigma2)

    @cached_property
    def curvature(self):
        """The criterion around its optimum."""
        return Curvature.of(self)

    @cached_property
    def posterior(self):
        """The random effects given the data."""
        return Posterior(self.basis, self.point, self.result.sigma**2)

    @cached_property
    def mode_covariances(self):
        """Conditional covariances of the random effects given theta and beta.

        Returns
        -------
        tuple of ndarray of shape (G_j, k_j, k_j)
            ``sigma^2 (Psi - Psi P_gg Psi)`` with P = Z'V^-1 Z: lme4's condVar.
        """
        found = []
        for P, Lambda, basis in zip(
            self.posterior.blocks,
            self.posterior.Lambdas,
            self.posterior.basis.random,
            strict=True,
        ):
            Psi = Lambda @ Lambda.T
            within = Psi[:, :, None] - shared_left(Psi, shared_right(P, Psi))
            raw = basis.raw_covariance(within.transpose(2, 0, 1))
            found.append(self.result.sigma**2 * raw)
        return tuple(found)

    def part(self, make):
        """Return ``make(self)``, made at the first call.

        Parameters
        ----------
        make : callable

        Returns
        -------
        object
        """
        if make not in self.parts:
            self.parts[make] = make(self)
        return self.parts[make]


def reopen(result):
    """Set the likelihood of a fit up again, with zero variances exactly zero.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    deviance : ProfiledDeviance
        In a scale-free basis.
    point : ProfiledPoint
        At the estimates.
    """
    if result.held_from is not None:
        return open_held(result.A, result.held_from)
    if result.residual is not None:
        deviance = open_residual(result.residual, result.reml)
        return deviance, deviance.at(result.residual.theta)
    deviance, theta = set_up(result.A, result.reml, result.Lambdas)
    if result.singular:
        return deviance, deviance.at(at_boundary(deviance, theta))
    return curved_at(deviance, theta)


def open_residual(residual, reml):
    """Set the likelihood of a residual covariance up.

    Parameters
    ----------
    residual : ResidualFit
    reml : bool

    Returns
    -------
    ProfiledDeviance
        Not evaluated yet.
    """
    products = residual.products
    if isinstance(products, PatternProducts):
        return ProfiledDeviance(products, Patterns(products), reml)
    if isinstance(products, SeriesProducts):
        return MarkovDeviance(products, reml)
    factors = enumerate(products.factors)
    parts = [RandomPart(j, factor.structure) for j, factor in factors]
    return MarginalDeviance(products, [*parts, residual.part], reml)


def open_at(A, reml, roots):
    """Set a likelihood up at some relative covariances.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    roots : sequence of ndarray of shape (k_j, k_j)
        Any square roots of the random effects' covariances in the basis of A, relative
        to sigma^2.

    Returns
    -------
    deviance : ProfiledDeviance
        In a scale-free basis.
    point : ProfiledPoint
    """
    return curved_at(*set_up(A, reml, roots))


def set_up(A, reml, roots):
    """Give the deviance, and theta of some covariances; see :func:`open_at`."""
    own = scale_free(A)
    deviance = ProfiledDeviance(own, choose_elimination(own), reml)
    return deviance, theta_of(deviance, A.basis, roots)


def curved_at(deviance, theta):
    """Give a deviance with an exact Hessian near theta, if to be had, and its point."""
    elimination = deviance.elimination.curved(deviance.relative_factors(theta))
    deviance = ProfiledDeviance(deviance.A, elimination, deviance.reml)
    return deviance, deviance.at(theta)


def open_held(A, origin):
    """Set a likelihood up at the variances of another fit, in that one's theta.

    Parameters
    ----------
    A : CrossProducts
        In the basis of those of the other fit.
    origin : FitResult

    Returns
    -------
    deviance : ProfiledDeviance
        In the other's scale-free basis.
    point : ProfiledPoint
        At the other's estimates.
    """
    bases = [
        new.mixture(old)
        for new, old in zip(
            scale_free(origin.A).basis.random, A.basis.random, strict=True
        )
    ]
    own = change_basis(A, bases)
    deviance = ProfiledDeviance(own, choose_elimination(own), origin.reml)
    theta = theta_of(deviance, A.basis, origin.Lambdas)
    return deviance, deviance.at(
        at_boundary(deviance, theta) if origin.singular else theta
    )


def theta_of(deviance, basis, roots):
    """Theta that stands for some covariances in another basis.

    Parameters
    ----------
    deviance : ProfiledDeviance
        In a basis mixed from the other one.
    basis : Basis
    roots : sequence of ndarray of shape (k_j, k_j)
        Square roots of the relative covariances in it.

    Returns
    -------
    ndarray of shape (m,)
    """
    parts = []
    for structure, new, old, root in zip(
        deviance.structures, deviance.A.basis.random, basis.random, roots, strict=True
    ):
        # a column that depends on others is mixed to zero, and has no inverse
        root = np.linalg.lstsq(new.mixture(old), root, rcond=None)[0]
        parts.append(structure.nearest(root @ root.T))
    return np.concatenate([np.zeros(0), *parts])


def at_boundary(deviance, theta):
    """Theta with what the fit found to be zero exactly zero, of shape (m,)."""
    parts = [
        structure.snap(theta[span], ZERO)
        for structure, span in zip(deviance.structures, deviance.spans, strict=True)
    ]
    return np.concatenate(parts)
