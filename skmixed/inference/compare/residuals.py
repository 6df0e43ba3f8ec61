"""Models that differ in the covariance of their residuals."""

from dataclasses import replace

import numpy as np

from skmixed.formula.text.parse import parse_formula
from skmixed.formula.text.residual import parse_residual
from skmixed.inference.compare.refusals import refuse_not_nested
from skmixed.inference.opened.residual_refit import ResidualRefitter
from skmixed.inference.resample.residual_draws import PatternLaw
from skmixed.likelihood.covariance.residual import residual_structure
from skmixed.likelihood.products.patterns import Batch
from skmixed.likelihood.result import ResidualFit

# Correlations of every structure, and which others can be the same.
WITHIN = {
    "id": {"diag", "cs", "ar1", "toep", "ad", "us"},
    "diag": {"cs", "ar1", "toep", "ad", "us"},
    "cs": {"toep", "us"},
    "ar1": {"ad", "us"},
    "car1": {"ad", "us"},
    "gau": {"us"},
    "toep": {"us"},
    "ad": {"us"},
    "us": set(),
}
# These go by time; toep counts visits, and holds them where those are as far apart.
BY_TIME = ("ar1", "car1", "gau")


def residual_difference(small, large, names):
    """Count the residuals' parameters that the smaller of two models lacks.

    Parameters
    ----------
    small, large : FitResult
    names : tuple of two str
        Formulas, for the message.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Where the smaller model's covariance is no special case of the larger one's.
    """
    one, two = (getattr(result, "residual", None) for result in (small, large))
    if one is None and two is None:
        return 0
    written = [write_covariance(residual) for residual in (one, two)]
    lacking = []
    if not is_within(one, two):
        lacking.append(f"the residual covariance {written[0]}")
    if one is not None and not dispersion_terms(one) <= dispersion_terms(two):
        lacking.append(f"the dispersion {one.dispersion}")
    if lacking:
        if two is not None:
            lacking[-1] += f" (the larger model has {written[1]})"
        refuse_not_nested(names, lacking)
    return len(two.own_theta) - (0 if one is None else len(one.own_theta))


def write_covariance(residual):
    """Residual covariance of a model for a message."""
    if residual is None or residual.text is None:
        return "id"
    return residual.text


def dispersion_terms(residual):
    """Terms of the formula of a model's dispersion, a set of str."""
    if residual is None or residual.dispersion is None:
        return set()
    return set(map(str, parse_formula(residual.dispersion).fixed))


def is_within(one, two):
    """Whether a residual covariance is a special case of another one.

    Parameters
    ----------
    one, two : ResidualFit or None
        None for independent residuals.
    """
    alone = one is None or one.text is None
    if two is None or two.text is None:
        return alone
    large = parse_residual(two.text)
    if alone:
        return large.name in WITHIN["id"] | {"id"} and not has_nugget(large)
    small = parse_residual(one.text)
    same_place = (small.time, small.subject) == (large.time, large.subject)
    same_place = same_place and one.visits == two.visits
    same_place = same_place and small.by in (None, large.by)
    if not same_place or (not equal_variances(one) and equal_variances(two)):
        return False
    if small.name in BY_TIME and large.name == "toep":
        return evenly_spaced(one)
    if has_nugget(small) or has_nugget(large):
        # without one a model lies at the edge of those with one
        both = has_nugget(small) and has_nugget(large)
        return large.name == "us" or (both and small.name == large.name)
    return large.name in WITHIN[small.name] | {small.name}


def has_nugget(term):
    """Whether a part of the variance is of single rows."""
    return bool(dict(term.options).get("nugget"))


def equal_variances(residual):
    """Whether all visits have one variance."""
    structure = next(iter(residual.parts))[0]
    return structure.shape is not None and structure.inner.equal


def evenly_spaced(residual):
    """Whether neighbouring visits are equally far apart."""
    shape = next(iter(residual.parts))[0].shape
    gaps = np.diff(np.sort(shape.times))
    return bool(np.ptp(gaps) <= 1e-9 * gaps[0])


class ResidualPair:
    """A null model within a larger one, fitted to responses drawn from the null.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion, the larger one with a residual covariance.
    added : Difference
    """

    def __init__(self, small, large, added):
        self.large = ResidualRefitter(large)
        self.columns, self.response = fixed_map(small, large, added.coef_map)
        products = large.residual.products
        if small.residual is None:
            structure = residual_structure(
                "id", (), range(len(products.batches[0].seen))
            )
            factors = (replace(products.factors[0], structure=structure),)
            residual = ResidualFit(
                "id", replace(products, factors=factors), np.zeros(0)
            )
            small = replace(small, residual=residual)
        self.factors, self.n_fixed = small.residual.products.factors, len(small.coef)
        null = self.null_products(products)
        self.small = ResidualRefitter(
            replace(small, residual=replace(small.residual, products=null))
        )
        beta = large.A.basis.coef_from_raw(added.coef_map @ small.coef)
        covariances = [small.sigma**2 * Psi for Psi in small.residual.covariances]
        if len(covariances) == 1:
            covariances = covariances * len(products.batches)
        self.law = PatternLaw(products, beta, covariances)

    def null_products(self, products):
        """Products of the null model's columns."""
        p = products.n_fixed
        B = np.zeros((p + 1, self.n_fixed + 1))
        B[:p, :-1], B[:p, -1], B[p, -1] = self.columns, self.response, 1.0
        products = products.combined(B)
        batches = products.batches
        if len(self.factors) < len(batches):
            batches = (merged(batches),)
        return replace(products, factors=self.factors, batches=batches)

    def ratios(self, n_draws, rng):
        """Yield the likelihood ratios of responses drawn from the null model."""
        for products in self.law.stream(n_draws, rng):
            null = self.small.fit(self.null_products(products))
            yield null.deviance - self.large.fit(products).deviance


def independent(products):
    """Independent residuals as a residual covariance over the same visits."""
    first = products.factors[0]
    visits = tuple(map(float, range(len(first.effects))))
    structure = residual_structure("id", (), visits)
    factors = (replace(first, structure=structure),)
    return ResidualFit("id", replace(products, factors=factors), np.zeros(0))


def fixed_map(small, large, coef_map):
    """How the null model's columns and response follow from the larger model's.

    Returns
    -------
    columns : ndarray of shape (p_large, p_small)
    response : ndarray of shape (p_large,)
        ``y_small = y_large + X_large @ response``.
    """
    one, other = small.A.basis, large.A.basis
    columns = one.contrasts(other.fixed.coordinates @ coef_map)
    response = other.crude_coef - columns @ one.crude_coef
    return columns, response + (other.y_shift - one.y_shift) * other.one


def merged(batches):
    """Subjects of several covariances as those of one."""
    before = np.cumsum([0, *(len(b.count) for b in batches[:-1])])
    return Batch(
        np.concatenate([b.rows for b in batches], axis=2),
        np.concatenate([b.pattern + n for b, n in zip(batches, before, strict=True)]),
        np.concatenate([b.seen for b in batches], axis=1),
        np.concatenate([b.count for b in batches]),
    )
