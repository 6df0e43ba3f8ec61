"""Findings about generalised models, each a plain sentence."""

import numpy as np

from skmixed.inference.diagnose.family_deletion import delete_family_units
from skmixed.inference.diagnose.family_residuals import excess, weights_of
from skmixed.inspection.findings import SIGNIFICANT, Finding, say_influence

# A shift by quadrature, in standard errors, that is worth a note, and a problem.
SHIFT_BOUNDS = (0.5, 2.0)
# Variance of the responses over the family's: none of this is worth a note.
DISPERSED, VERY_DISPERSED = 1.2, 2.0
# More or fewer zeros than expected, by this share of the rows.
FEW_ZEROS = 0.02
# Rows times groups that are left out one by one at the most.
MOST_REFITTED = 200_000


def check_laplace(estimator):
    """Whether Laplace's approximation of the integral is good enough."""
    topic, shift = "laplace", estimator.laplace_shift_
    if estimator.n_quadrature > 1:
        sentence = f"Random effects are integrated out by {estimator.approximation_}."
        return Finding(topic, "ok", sentence)
    if shift is None:
        sentence = (
            "Laplace's approximation was not held against quadrature: that is done for "
            "one grouping factor of one or two effects."
        )
        return Finding(topic, "not checked", sentence)
    status = ("ok", "note", "problem")[int(np.searchsorted(SHIFT_BOUNDS, shift))]
    sentence = f"Quadrature would move an estimate by {shift:.2g} standard errors"
    if status == "ok":
        return Finding(topic, status, f"{sentence}, at most.")
    return Finding(topic, status, f"{sentence}. Fit with n_quadrature=9 or more.")


def check_family_influence(design, fit, factor, labels, verbose=None):
    """Whether a single group moves the fixed effects, by refits without each."""
    result = fit.result
    group, n_levels = result.groups[factor], result.n_levels[factor]
    if n_levels * len(design.X) > MOST_REFITTED:
        sentence = (
            f"The {n_levels:,} groups of `{group}` take a fit each; "
            f"influence(model, X, level={group!r}) leaves them out one by one."
        )
        return Finding("influence", "not checked", sentence)
    codes = next(block.codes for block in design.random if block.group == group)
    deletion = delete_family_units(fit, design, codes, n_levels, verbose=verbose)
    return say_influence(deletion.cooks_distance(result), group, labels, "refitted")


def check_excess(fit, design):
    """Whether responses vary more than they should, and whether zeros are too many.

    Returns
    -------
    list of Finding
    """
    family, single = fit.result.family, np.all(weights_of(design) == 1.0)
    counts = family.name in ("poisson", "nbinom2")
    zeros = Finding("zeros", "not checked", "Zeros are counted of counts.")
    if family.name == "ordinal" or (family.name == "binomial" and single):
        sentence = "Single labels cannot vary more or less than their probabilities."
        return [Finding("dispersion", "not checked", sentence), zeros]
    if not counts and family.n_psi:
        sentence = "The family estimates its own dispersion."
        return [Finding("dispersion", "ok", sentence), zeros]
    dispersion, found = excess(fit, design)
    if counts:
        zeros = say_zeros(family, len(design.y), *found)
    return [say_dispersion(family, *dispersion), zeros]


def say_dispersion(family, ratio, p):
    """Say how much more responses vary than their family has it."""
    topic = "dispersion"
    if family.n_psi:
        sentence = "The family estimates its own dispersion."
        return Finding(topic, "ok", sentence)
    sentence = f"Responses vary {ratio:.2f} times as much as the {family.name} family"
    if p > SIGNIFICANT or 1.0 / DISPERSED < ratio < DISPERSED:
        return Finding(topic, "ok", f"{sentence} has it, given their groups.")
    if ratio < 1:
        remedy = "standard errors are too large. Are rows related beyond their groups?"
        return Finding(topic, "note", f"{sentence} has it: {remedy}")
    status = "problem" if ratio > VERY_DISPERSED else "note"
    remedy = "standard errors are too small. Add a random effect with a level per row"
    if family.name == "poisson":
        remedy += ", or fit MixedNegativeBinomialRegressor"
    return Finding(topic, status, f"{sentence} has it: {remedy}.")


def say_zeros(family, n, seen, expected, p):
    """Say how many of n counts are zero, and how many should be."""
    topic = "zeros"
    sentence = f"{seen:,} rows are zero, {expected:,.0f} are expected"
    if p > SIGNIFICANT or abs(seen - expected) < FEW_ZEROS * n:
        return Finding(topic, "ok", f"{sentence}.")
    remedy = "there may be rows that cannot count at all: look who they are."
    if family.name == "poisson":
        remedy = "fit MixedNegativeBinomialRegressor, and look again."
    if seen < expected:
        remedy = "rows without any may be missing from the table."
    return Finding(topic, "note", f"{sentence}: {remedy}")


def check_distribution(tests):
    """Whether simulated residuals are uniform.

    Parameters
    ----------
    tests : DataFrame
        Of `simulated_residuals`.

    Returns
    -------
    Finding
    """
    p = tests.loc["uniformity", "p_value"]
    gap = tests.loc["uniformity", "statistic"]
    sentence = (
        f"Responses stand among simulated ones at a distance of {gap:.2f} from a "
        f"uniform distribution (p = {p:.2g})"
    )
    if p > SIGNIFICANT:
        return Finding("distribution", "ok", f"{sentence}.")
    remedy = "another family, link or predictor may be needed; see ResidualsDisplay."
    return Finding("distribution", "note", f"{sentence}: {remedy}")
