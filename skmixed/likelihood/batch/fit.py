"""Cross-products of many responses to their fitted parameters."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.batch.chain import Chain, chain_of
from skmixed.likelihood.batch.criterion import ManyDeviances
from skmixed.likelihood.batch.leading import Leading
from skmixed.likelihood.batch.newton import Descents
from skmixed.likelihood.batch.roots import Roots, is_free
from skmixed.likelihood.batch.search import Search, search_spectral
from skmixed.likelihood.batch.spectral import MOST_LEVELS, Spectral
from skmixed.likelihood.batch.starts import starting_thetas
from skmixed.likelihood.covariance.structure import canonical
from skmixed.likelihood.products.precondition import change_basis, whitening
from skmixed.likelihood.saturation import (
    SATURATING,
    check_bounded,
    check_not_saturated,
)
from skmixed.likelihood.search.search import search
from skmixed.likelihood.validate import check_identified, check_not_exact

# Random effects besides those of the leading factor at the most: their dense matrix
# costs more than a loop over single fits beyond.
MOST_REST = 150


@dataclass(frozen=True, eq=False)
class ManyFit:
    """Optima of many responses, in a scale-free basis.

    Parameters
    ----------
    criterion : ManyDeviances
    found : Descents
    failed : dict of int to str
        Why some responses have no fit.
    """

    criterion: ManyDeviances
    found: Descents
    failed: dict

    @property
    def products(self):
        """Cross-products of the responses."""
        return self.criterion.products

    @property
    def fitted(self):
        """Positions of the responses that have a fit."""
        return np.setdiff1d(np.arange(len(self.products)), list(self.failed))


def can_batch(A):
    """Whether the responses of a design can be fitted together.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    bool
    """
    if not A.factors or A.sigma is not None:
        return False
    if not all(is_free(factor.structure) for factor in A.factors):
        return False
    sizes = sorted(factor.size for factor in A.factors)
    return chain_of(scale_free_design(A)) is not None or sum(sizes[:-1]) <= MOST_REST


def scale_free_design(A):
    """Cross-products of a design in the basis that all its responses are fitted in."""
    bases = [
        whitening(ZtZ.sum(axis=2) / A.n_obs, factor.structure)
        for ZtZ, factor in zip(A.ZtZ, A.factors, strict=True)
    ]
    return change_basis(A, bases)


def choose_elimination(products):
    """The cheapest elimination for a design."""
    A = products.A
    order = chain_of(A)
    if order is not None:
        return Chain(products, order)
    sizes = [factor.size for factor in A.factors]
    return Leading(products, int(np.argmax(sizes)))


def fit_products(products, *, reml=True, tol=1e-8, max_iter=100):
    """Fit a linear mixed model to many responses.

    Parameters
    ----------
    products : ManyProducts
        In the basis of :func:`scale_free_design`.
    reml : bool, default=True
    tol : float, default=1e-8
        Bound on the fall of a deviance that a further step would bring.
    max_iter : int, default=100

    Returns
    -------
    ManyFit

    Notes
    -----
    What these steps leave in doubt (flat deviances, responses without a residual) is
    fitted by itself, as :func:`skmixed.likelihood.fit.fit_linear` does.
    """
    criterion = deviances_of(products, reml)
    if is_spectral(products):
        spectral = Spectral(products, reml)
        found = search_spectral(spectral, tol, max_iter)
        doubtful = ~found.converged
    else:
        search_all = Search(criterion, tol, max_iter)
        found, doubtful = search_all.run(starting_thetas(products, criterion.roots))
    doubtful |= np.abs(found.theta).max(axis=1) >= SATURATING
    doubtful |= ~np.isfinite(found.value)
    doubtful |= products.yty <= products.n_obs * products.rounding**2
    failed = settle(products, reml, found, np.flatnonzero(doubtful), tol, max_iter)
    return ManyFit(criterion, found, failed)


def deviances_of(products, reml):
    """Deviances of many responses, by the cheapest elimination.

    Parameters
    ----------
    products : ManyProducts
    reml : bool

    Returns
    -------
    ManyDeviances
    """
    roots = [Roots(factor.structure) for factor in products.A.factors]
    return ManyDeviances(choose_elimination(products), products, reml, roots)


def is_spectral(products):
    """Whether there is one variance, and the same rows for all responses."""
    factors = products.A.factors
    one = len(factors) == 1 and factors[0].n_effects == 1
    return one and products.shared and factors[0].n_levels <= MOST_LEVELS


def settle(products, reml, found, rows, tol, max_iter):
    """Fit some responses by themselves.

    Parameters
    ----------
    products : ManyProducts
    reml : bool
    found : Descents
        Filled in.
    rows : ndarray of int
    tol : float
    max_iter : int

    Returns
    -------
    dict of int to str
        What is wrong with the responses that have no fit.
    """
    failed = {}
    for j in rows.tolist():
        A = products.single(j)
        try:
            check_identified(A)
            check_not_exact(A)
            if not reml:
                check_bounded(A)
            deviance, optimum = search(A, reml, tol=tol, max_iter=max_iter)
            check_not_saturated(A, deviance, optimum)
        except (ValueError, np.linalg.LinAlgError) as error:
            failed[j] = str(error)
            found.theta[j], found.value[j] = np.nan, np.nan
            continue
        Lambdas = deviance.relative_factors(optimum.theta)
        theta = [
            structure.read(canonical(structure, basis.mixture(own) @ Lambda))
            for own, basis, structure, Lambda in zip(
                A.basis.random,
                deviance.A.basis.random,
                deviance.structures,
                Lambdas,
                strict=True,
            )
        ]
        found.theta[j] = np.concatenate(theta)
        for name in ("value", "decrement", "converged"):
            getattr(found, name)[j] = getattr(optimum, name)
        found.n_iter[j] += optimum.n_iter
    return failed
