"""Warn about a model that is not what its author means, and say what would be."""

import re
from itertools import combinations

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmixed.estimators.design_facts import FactsOfRows
from skmixed.formula.text.operators import write_term
from skmixed.formula.text.parse import columns_of
from skmixed.likelihood.covariance.names import structure_of
from skmixed.likelihood.covariance.structure import absorbs
from skmixed.warnings import (
    RankDeficiencyWarning,
    RedundantTermWarning,
    SingularFitWarning,
    warn,
)

# The level in the name of a dummy.
_EFFECT_LEVEL = re.compile(r"\[[^\[\]]*\]")
# Negative information, relative to the largest of a group, that is not rounding.
NEGATIVE = 1e-9


def warn_about_design(formula, design):
    """Warn as :func:`warn_about_facts` does, from the rows of a `Design`."""
    warn_about_facts(formula, FactsOfRows(design))


def warn_about_facts(formula, facts):
    """Warn about random terms that the fixed part or the groups contradict.

    Parameters
    ----------
    formula : MixedFormula
    facts : FactsOfRows or FactsOfSums

    Warns
    -----
    UserWarning
        For a slope whose variable is not in the fixed part, for a slope that does not
        vary within any group, for a factor that is both fixed and grouping, and for
        two factors with the same groups.
    RedundantTermWarning
        For terms of a factor that all hold its intercept.
    """
    fixed = set(columns_of(formula.fixed))
    pairs = zip(formula.random, facts.blocks, strict=True)
    for place, (random, block) in enumerate(pairs):
        for term in random.terms:
            if not set(columns_of([term])) <= fixed:
                slope = _as_term(write_term(term))
                warn(
                    f"The random slope `{slope}` of `{block.group}` has no fixed "
                    f"effect: the mean of the slopes is held at 0. Add `{slope}` to "
                    "the fixed part unless you mean that.",
                    section="slope-without-fixed-effect",
                )
        # one level, or one per row, is an error of the likelihood's
        if block.constant is not None and 1 < block.n_levels < facts.n_obs:
            _warn_about_intercept(facts, place)
    _warn_about_same_groups(facts)
    for group in dict.fromkeys(block.group for block in facts.blocks):
        pairs = zip(formula.random, facts.blocks, strict=True)
        holders = [pair for pair in pairs if pair[1].group == group]
        if len(holders) > 1:
            holders = [pair for pair in holders if _holds_intercept(pair[1])]
        if len(holders) > 1:
            _warn_about_redundancy(facts, group, holders)


def warn_about_result(result, formula, aliased, *, tol, max_iter):
    """Warn about columns left out, a boundary and an optimiser that gave up.

    Parameters
    ----------
    result : FitResult
    formula : MixedFormula
    aliased : sequence of str
        Names of the fixed-effects columns left out.
    tol, max_iter : float, int
        What the optimiser was asked for.

    Warns
    -----
    RankDeficiencyWarning, SingularFitWarning, ConvergenceWarning
    """
    if aliased:
        warn(
            f"Fixed effects that earlier columns determine are left out: {aliased}. "
            "Predictions do not depend on that for rows in which they do the same; "
            "`predict` warns of others.",
            RankDeficiencyWarning,
        )
    if result.residual is not None and result.residual.singular:
        warn(describe_residual_boundary(result.residual), SingularFitWarning)
        return
    if result.singular:
        warn(describe_boundary(result, formula), SingularFitWarning)
    if not result.converged:
        remedy = remedy_of(result, max_iter)
        warn(
            f"No convergence after {result.n_iter} evaluations: another step would "
            f"lower the deviance by about {result.decrement:.2g}, tol is {tol:.2g}. "
            f"{remedy}",
            ConvergenceWarning,
        )


def remedy_of(result, max_iter):
    """Say what may help a search that did not converge.

    Notes
    -----
    A likelihood that is not concave in the random effects, of inverse Gaussian or beta
    responses, may lose its curvature at their modes: the integral by Laplace's
    approximation then has no maximum.
    """
    if any(is_indefinite(ZtZ) for ZtZ in result.A.ZtZ):
        several = len(result.A.factors) > 1 or result.n_quadrature > 1
        return (
            "In some groups the likelihood is not concave in the random effects, and "
            "its integral is approximated as if it had no bound. "
            + ("L" if several else "Fit with n_quadrature=5, or l")
            + "eave out random effects; of positive responses MixedGammaRegressor has "
            "a concave likelihood."
        )
    if result.n_iter >= max_iter:
        return "Raise max_iter."
    return (
        "Does the response vary within the groups? Leave out random effects that the "
        "data cannot tell apart."
    )


def is_indefinite(ZtZ):
    """Whether a group's information on its random effects has a negative eigenvalue.

    Parameters
    ----------
    ZtZ : ndarray of shape (k, k, n_levels)
    """
    values = np.linalg.eigvalsh(ZtZ.transpose(2, 0, 1))
    return bool((values.min(axis=1) < -NEGATIVE * values.max(axis=1)).any())


def _warn_about_intercept(facts, place):
    block = facts.blocks[place]
    group, G = block.group, block.n_levels
    for k, effect in enumerate(block.effects):
        if effect != "Intercept" and not facts.varies_within(place, k):
            warn(
                f"`{effect}` does not vary within any `{group}`; its random slope can "
                "hardly be told from the random intercept.",
                section="constant-slope",
            )
    if facts.n_fixed >= G:
        means = facts.means_between(place)
        if len(means) >= G and np.linalg.matrix_rank(means) >= G:
            warn(
                f"The fixed effects give every `{group}` a mean of its own (is "
                f"`{group}` both a fixed effect and a grouping factor?) and leave "
                "nothing for its random intercept.",
                section="group-as-fixed-effect",
            )


def _warn_about_same_groups(facts):
    intercepts = [
        place for place, b in enumerate(facts.blocks) if b.constant is not None
    ]
    for one, other in combinations(intercepts, 2):
        names = facts.blocks[one].group, facts.blocks[other].group
        if names[0] != names[1] and facts.same_groups(one, other):
            warn(
                f"`{names[0]}` and `{names[1]}` divide the rows into the same "
                "groups; their intercepts cannot be told apart. Leave one out.",
                section="same-groups",
            )


def _holds_intercept(block):
    """Tell whether a term's covariance can take up any variance of an intercept."""
    if block.constant is None:
        return False
    structure = structure_of(
        block.covariance, block.options, block.effects, block.group
    )
    return absorbs(structure, np.outer(block.constant, block.constant))


def _warn_about_redundancy(facts, group, holders):
    """Warn about terms whose covariances absorb each other's intercept.

    Notes
    -----
    With Z a = 1 and Z' c = 1, adding d a a' to one covariance and taking d c c' from
    the other leaves the likelihood as it is.
    """
    named = " and ".join(f"`{random}`" for random, _ in holders)
    warn(
        f"{named} all hold an intercept of `{group}`: the levels of a factor sum to "
        "it, and `||` splits terms, not levels. Their variances cannot be told apart. "
        f"{_without_surplus(facts, group, holders)}",
        RedundantTermWarning,
    )


def _without_surplus(facts, group, holders):
    """Write an intercept beside all levels of a factor so that it is identified."""
    (one, _), (other, block) = holders[:2]
    levels = np.flatnonzero(block.constant)
    factor = _EFFECT_LEVEL.sub("", block.effects[levels[0]])
    term = next((t for t in other.terms if write_term(t) == factor), None)
    alone = len(holders) == 2 and [write_term(t) for t in one.terms] == ["1"]
    alone = alone and other.covariance == "us"
    if not alone or term is None or not facts.indicate(block, levels):
        return "Keep one of them."
    effects = " + ".join(write_term(t) for t in other.terms)
    remedy = (
        f"Write `({effects} | {group})` or `(0 + {effects} | {group})`, the same model "
        "without the surplus"
    )
    if len(other.terms) > 1:
        return f"{remedy}."
    cells = ":".join([*columns_of([term]), group])
    return (
        f"{remedy}, or `(1 | {group}) + (1 | {cells})`, where all levels have one "
        "variance."
    )


def describe_residual_boundary(residual):
    """Say that a residual covariance has no inverse, and what to try."""
    if not residual.visits:
        return (
            f"Singular fit: residual='{residual.text}' ends where rows of a subject "
            "correlate perfectly, however far apart: beside it, a random intercept "
            "stands for that. The tests of this fit mean nothing."
        )
    first, second, n = residual.scarcest
    return (
        f"Singular fit: residual='{residual.text}' ends at a correlation matrix "
        "without an inverse, where the likelihood has no maximum, and the tests of "
        f"this fit mean nothing. Fewest subjects, {n}, have rows at both {first} and "
        f"{second}. Try {simpler(residual.structures[0])}, with fewer parameters."
    )


def simpler(structure):
    """Structures of residuals with fewer parameters, in words."""
    if structure.shape is None:
        return "toeph, adh or ar1h"
    return "ar1 or cs" if structure.inner.equal else "ar1h or csh"


def describe_boundary(result, formula):
    """Say which terms are at the boundary, and which formula would not be."""
    found, text = [], str(formula)
    for place, zeros in result.singular_terms:
        random = formula.random[place]
        factor, positions, structure = result.terms[place]
        effects = [result.effects[factor][p] for p in positions]
        if not structure.free_blocks:
            found.append(_describe_structured(random, zeros, effects))
            text = (
                text if len(zeros) < len(effects) else _replace_term(text, random, "")
            )
            continue
        found.append(_describe_term(result, place, effects, zeros))
        zero = {effects[z] for z in zeros}
        text = _replace_term(text, random, _simplify(random, effects, zero))
    simpler = f"the simpler `{text}`"
    if text == str(formula):
        simpler = "a covariance structure with fewer parameters"
    return (
        f"Singular fit ({'; '.join(found)}). The random part is richer than the data "
        f"support; the fit is valid, but try {simpler}."
    )


def _describe_structured(random, zeros, effects):
    if len(zeros) == len(effects):
        return f"`{random}`: sd 0"
    return f"`{random}`: a correlation at its limit, or an sd of 0"


def _describe_term(result, place, effects, zeros):
    factor, positions, _ = result.terms[place]
    group = result.groups[factor]
    if zeros:
        named = [
            "intercept" if effects[z] == "Intercept" else f"slope `{effects[z]}`"
            for z in zeros
        ]
        return f"{' and '.join(named)} of `{group}`: sd 0"
    if len(effects) > 2:
        return f"effects of `{group}`: some combination of them has sd 0"
    sign = np.sign(result.covariances[factor][positions[0], positions[1]])
    between = " and ".join(f"`{e}`" for e in effects)
    return f"correlation of {between} of `{group}`: {sign:+.0f}"


def _as_term(effect):
    """The term that an effect is of, as formulas write it but for back-ticks."""
    return _EFFECT_LEVEL.sub("", effect).replace("`", "")


def _simplify(random, names, zero):
    """Write a random term without its zero effects, or without its correlations."""
    terms = [write_term(t) for t in random.terms]
    effects = ["1" if e == "Intercept" else _as_term(e) for e in names]
    lost = {e for e, name in zip(effects, names, strict=True) if name in zero}
    kept = [t for t in terms if _as_term(t) not in lost]
    if not kept:
        return ""
    inside = " + ".join(kept if "1" in kept else ["0", *kept])
    group = str(random).rpartition(" | ")[2].removesuffix(")")
    if zero:
        return f"({inside} | {group})"
    # `||` would leave the levels of a factor correlated
    plain = {name.replace("`", "") for name in names}
    numeric = plain <= {"Intercept", *map(_as_term, kept)}
    split = numeric and len(kept) > 1
    return f"({inside} || {group})" if split else f"diag({inside} | {group})"


def _replace_term(formula, random, simpler):
    if simpler:
        return formula.replace(str(random), simpler)
    return formula.replace(f" + {random}", "")
