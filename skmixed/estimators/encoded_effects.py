"""Effects of the levels of several columns, given all rows and given some of them."""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from skmixed.errors import IdentifiabilityError
from skmixed.likelihood.criterion.profiled import profile_out
from skmixed.likelihood.elimination.regime import (
    bid_for,
    choose_elimination,
    with_probes,
)
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.search.estimated import search_with_probes
from skmixed.likelihood.search.start import starting_theta

# "auto" takes moments where a dense matrix of more columns would be factored.
LARGEST_REML = 1500
# Variances need not be sharper than this, in the deviance.
TOL = 1e-4
# A response whose residual sum of squares is this share of its size is a constant.
CONSTANT = 1e-20
# Linear predictors beyond this stay there: columns in `fixed` may separate classes.
LARGEST = 15.0
# Steps of a working model at the most; it has arrived where no linear predictor moves
# by more, and its variances have where their roots do not.
MOST_STEPS, ARRIVED, SETTLED = 50, 1e-9, 1e-3


def held_effects(design, classes, method):
    """Estimate the variances, and the effects at these; None where rows say nothing.

    Parameters
    ----------
    design : Design
        Of ones and further columns, and random intercepts; with the response: numbers,
        or places among the classes.
    classes : int
        Number of classes, 0 for numbers.
    method : {"auto", "reml", "moments"}

    Returns
    -------
    HeldEffects, WorkingEffects, list of WorkingEffects or None
        For more than two classes a list, each against the rest.
    """
    if not design.random or len(design.y) <= design.X.shape[1]:
        return None
    if classes > 2:
        return ClassEffects(
            [
                WorkingEffects(replace(design, y=1.0 * (design.y == place)), method)
                for place in range(classes)
            ]
        )
    if classes:
        return WorkingEffects(design, method)
    A = with_probes(cross_products(design), "auto")
    if A.gram[-1, -1] <= CONSTANT * float(design.y @ design.y):
        return None
    return HeldEffects(design, A, method)


class HeldEffects:
    """A linear model of all rows at its variances, which those of some rows leave.

    Parameters
    ----------
    design : Design
    A : CrossProducts
        Of all rows.
    method : {"auto", "reml", "moments"}

    Attributes
    ----------
    all : dict of str to ndarray of shape (n_levels,)
        Effects given all rows.
    variances : dict of str to float
        Of the effects, and "residual".
    """

    def __init__(self, design, A, method):
        self.design, self.A = design, A
        with blas_threads(bid_for(A).columns):
            self.ratios = variance_ratios(A, method)
            self.all, _, r2 = effects_at(A, self.ratios)
        sigma2 = r2 / (A.n_obs - A.n_fixed)
        self.variances = {key: sigma2 * ratio for key, ratio in self.ratios.items()}
        self.variances["residual"] = sigma2

    def without(self, fold):
        """Effects given the rows that are not in a fold.

        Parameters
        ----------
        fold : ndarray of int

        Returns
        -------
        dict of str to ndarray of shape (n_levels,)
        """
        with blas_threads(bid_for(self.A).columns):
            own = cross_products(self.design.select(fold), basis=self.A.basis)
            return effects_at(self.A - own, self.ratios)[0]


class WorkingEffects:
    """A logistic model of all rows by its working linear models, variances held.

    Parameters
    ----------
    design : Design
        With a response of zeros and ones.
    method : {"auto", "reml", "moments"}

    Notes
    -----
    Penalised quasi-likelihood (Breslow & Clayton, 1993, J. Am. Stat. Assoc. 88(421)):
    the working response ``eta + (y - mu) / w`` with weights ``w = mu (1 - mu)`` and a
    residual variance of 1 is fitted as a linear mixed model, until eta stays. Given
    the variances, effects and coefficients maximise the penalised likelihood.
    """

    def __init__(self, design, method):
        self.design, eta, ratios = design, np.zeros(len(design.y)), {}
        for _ in range(MOST_STEPS):
            A = working_products(design, eta)
            with blas_threads(bid_for(A).columns):
                before, ratios = ratios, variance_ratios(A, method)
                found, coef, _ = effects_at(A, ratios)
            eta = predictor(design, A, coef, found)
            if before and all(
                abs(np.sqrt(before[key]) - np.sqrt(ratio)) <= SETTLED
                for key, ratio in ratios.items()
            ):
                break
        self.ratios = self.variances = ratios
        self.all, self.eta = self.converge(design, eta)

    def converge(self, design, eta):
        """Effects and linear predictors of some rows at the variances held."""
        for _ in range(MOST_STEPS):
            A = working_products(design, eta)
            with blas_threads(bid_for(A).columns):
                found, coef, _ = effects_at(A, self.ratios)
            before, eta = eta, predictor(design, A, coef, found)
            if np.abs(eta - before).max() <= ARRIVED:
                break
        return found, eta

    def without(self, fold):
        """Effects given the rows that are not in a fold; see :class:`HeldEffects`."""
        rest = np.setdiff1d(np.arange(len(self.eta)), fold, assume_unique=True)
        return self.converge(self.design.select(rest), self.eta[rest])[0]


class ClassEffects:
    """A logistic model for every class against the rest.

    Parameters
    ----------
    models : list of WorkingEffects
    """

    def __init__(self, models):
        self.models = models
        self.all = side_by_side([model.all for model in models])
        self.variances = side_by_side([model.variances for model in models])

    def without(self, fold):
        """Effects given the rows not in a fold, by column (n_levels, n_classes)."""
        return side_by_side([model.without(fold) for model in self.models])


def side_by_side(found):
    """Values of several dictionaries with the same keys, stacked at the end."""
    return {key: np.stack([own[key] for own in found], axis=-1) for key in found[0]}


def variance_ratios(A, method):
    """Variances of the effects relative to the residual's, by grouping factor.

    Parameters
    ----------
    A : CrossProducts
    method : {"auto", "reml", "moments"}

    Returns
    -------
    dict of str to float
    """
    many = A.probes is not None or bid_for(A).columns > LARGEST_REML
    if method == "moments" or (method == "auto" and many):
        A = scale_free(A)
        theta, start, roots = starting_theta(A), 0, []
        for factor in A.factors:
            stop = start + factor.structure.n_theta
            roots.append(factor.structure.root(theta[start:stop]))
            start = stop
    else:
        options = {"tol": TOL, "max_iter": 50, "verbose": 0}
        deviance, optimum = search_with_probes(A, True, **options)
        A, roots = deviance.A, deviance.relative_factors(optimum.theta)
    raw = (b.raw(root) for b, root in zip(A.basis.random, roots, strict=True))
    return {
        factor.group: float((root @ root.T).item())
        for factor, root in zip(A.factors, raw, strict=True)
    }


def effects_at(A, ratios):
    """Best linear unbiased predictors of the effects of all levels.

    Parameters
    ----------
    A : CrossProducts
    ratios : dict of str to float

    Returns
    -------
    effects : dict of str to ndarray of shape (n_levels,)
    coef : ndarray of shape (r,)
        Of the columns that are kept, on the raw scale.
    r2 : float
        Penalised residual sum of squares.
    """
    places = zip(A.factors, A.basis.random, strict=True)
    Lambdas = [np.sqrt(ratios[f.group]) / own.to_raw for f, own in places]
    factored = choose_elimination(A).factor(Lambdas)
    solved = profile_out(factored.S)
    if solved is None:
        raise IdentifiabilityError(
            "The rows outside a fold do not determine the effects of the columns "
            "in `fixed`; take fewer folds, or fewer columns."
        )
    beta, r2, _ = solved
    v = np.append(-beta, 1.0)
    effects = {
        factor.group: basis.raw(Lambda @ (Lambda.T @ np.matmul(v, F)))[0]
        for factor, basis, Lambda, F in zip(
            A.factors, A.basis.random, Lambdas, factored.F, strict=True
        )
    }
    return effects, A.basis.raw_coef(beta), r2


def working_products(design, eta):
    """Cross-products of the working response at some linear predictors."""
    mu = expit(eta)
    w = mu * (1.0 - mu)
    own = replace(design, y=eta + (design.y - mu) / w, weights=w)
    return with_probes(replace(cross_products(own), sigma=1.0), "auto")


def predictor(design, A, coef, effects):
    """Linear predictors of rows, of shape (n,)."""
    eta = design.X[:, A.basis.fixed.kept] @ coef
    for block in design.random:
        eta += block.z[:, 0] * effects[block.group][block.codes]
    return np.clip(eta, -LARGEST, LARGEST)
