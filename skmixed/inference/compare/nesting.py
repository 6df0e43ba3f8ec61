"""Whether one fitted model is a special case of another, and by what they differ."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.inference.compare.refusals import refuse_not_nested, refuse_other_columns
from skmixed.inference.compare.residuals import residual_difference
from skmixed.inference.compare.same_rows import different_columns, same_order
from skmixed.inference.compare.structures import (
    factor_key,
    holds,
    is_structured,
    pair_structured,
    write_structure,
)
from skmixed.inference.opened.row_sketch import directions
from skmixed.likelihood.covariance.structure import Term

# Columns lie in a space when their distance from it, relative to their spread, is less.
IN_SPAN = 1e-6
# Eigenvalues of a correlation matrix below this are at the boundary.
AT_BOUNDARY = 1e-6


@dataclass(frozen=True, eq=False)
class Difference:
    """What a model has beyond a smaller one.

    Parameters
    ----------
    n_fixed : int
        Fixed effects.
    n_free : int
        Covariances that may have either sign.
    blocks : tuple of Term
        Random effects whose variances the smaller model holds at zero: a factor of the
        larger one, positions of its effects, and the structure of their covariance.
    coef_map : ndarray of shape (r_large, r_small), optional
        The smaller model's columns are the larger one's times this.
    covariance_map : ndarray of shape (m_large, m_small), optional
        Free covariances of the larger model that those of the smaller one amount to,
        where names do not show it.
    decided : str, default=""
        What was found from column spaces, for the reader.
    """

    n_fixed: int
    n_free: int
    blocks: tuple
    coef_map: np.ndarray | None = None
    covariance_map: np.ndarray | None = None
    decided: str = ""

    @property
    def n_parameters(self):
        """All parameters that the smaller model lacks."""
        return self.n_fixed + self.n_free + self.n_cone

    @property
    def n_cone(self):
        """Parameters within the blocks, whose variances cannot be negative."""
        return sum(structure.n_theta for _, _, structure in self.blocks)


def difference(small, large, names, coef_names, sketches=(None, None)):
    """Find what a model has beyond a smaller one that is a special case of it.

    Parameters
    ----------
    small, large : FitResult
    names : tuple of two str
        Formulas, for the message.
    coef_names : tuple of two lists of str
        Names of the kept fixed effects.
    sketches : tuple of two RowSketch, optional
        Where they are of the same rows in the same order, column spaces decide;
        else names.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        If the smaller model has a fixed effect, a random effect or a covariance that
        the larger one cannot express.
    """
    pairs, alone = pair_structured(small, large)
    old, new = (free_entries(result, pairs) for result in (small, large))
    coef_map, lacking = coefficients(small, large, names, coef_names, sketches)
    covariance_map, missing = None, sorted(set(old) - set(new))
    linear = not (pairs or alone)
    if small.terms and linear and same_order(*sketches):
        covariance_map, missing = by_span(small, large, names, sketches, missing)
    beyond = [write_structure(one, small) for one, two in pairs if not holds(two, one)]
    if lacking or missing or beyond:
        refuse_not_nested(names, [*lacking, *map(write_entry, missing), *beyond])
    n_residual = residual_difference(small, large, names)
    n_fixed = len(coef_names[1]) - len(coef_names[0])
    if covariance_map is None:
        found = by_names(large, n_fixed, set(new) - set(old), pairs, alone)
    else:
        found = Difference(n_fixed, len(new) - len(old), ())
    spanned = covariance_map is not None or not set(coef_names[0]) <= set(coef_names[1])
    decided = f"Column spaces show that `{names[0]}` is nested in `{names[1]}`."
    return replace(
        found,
        n_free=found.n_free + n_residual,
        coef_map=coef_map,
        covariance_map=covariance_map,
        decided=decided if spanned else "",
    )


def coefficients(small, large, names, coef_names, sketches):
    """Express the smaller model's columns by the larger one's.

    Returns
    -------
    weights : ndarray of shape (r_large, r_small) or None
    lacking : list of str
        Columns that the larger model lacks.
    """
    picked = name_map(*coef_names)
    if not same_order(*sketches):
        others = different_columns((small, large), coef_names)
        if others:
            refuse_other_columns(names, ", ".join(f"`{name}`" for name in others))
        return picked, [name for name in coef_names[0] if name not in coef_names[1]]
    if picked is None:
        return span_map(sketches, coef_names[0])
    refuse_other_values(sketches, coef_names, names, picked)
    return picked, []


def by_span(small, large, names, sketches, missing):
    """Express the smaller model's covariances by the larger one's, where names do not.

    Returns
    -------
    covariance_map : ndarray of shape (m_large, m_small) or None
    missing : list of tuple
        What the larger model still lacks.
    """
    if not enough_forms(sketches, large):
        return None, missing
    found = covariance_span(sketches, small, large)
    if found is None and not missing:
        refuse_other_columns(names, "the random effects")
    if found is not None and missing and keeps_sign(found, small, large):
        return found, []
    return None, missing


def by_names(large, n_fixed, added, pairs, alone):
    """Divide the added covariances into new effects and new covariances of old ones."""
    zero = {(group, a) for group, a, b in added if a == b}
    blocks = []
    for j, effects, structure in large.terms:
        key = factor_key(large.groups[j])
        fresh = tuple(e for e in effects if (key, large.effects[j][e]) in zero)
        if fresh:
            blocks.append(Term(j, fresh, structure.of(len(fresh))))
    n_free = len(added) - sum(block.structure.n_theta for block in blocks)
    n_free += sum(two.structure.n_theta - one.structure.n_theta for one, two in pairs)
    return Difference(n_fixed, n_free, tuple([*blocks, *alone]))


def name_map(small, large):
    """Weights that pick the smaller model's columns by name, None if some lack."""
    if not set(small) <= set(large):
        return None
    picked = np.zeros((len(large), len(small)))
    picked[[large.index(name) for name in small], np.arange(len(small))] = 1.0
    return picked


def span_map(sketches, coef_names):
    """Weights that give the smaller model's columns from the larger one's.

    Parameters
    ----------
    sketches : tuple of two RowSketch
    coef_names : list of str
        Of the smaller model.

    Returns
    -------
    weights : ndarray of shape (r_large, r_small)
    lacking : list of str
        Columns outside of their span; all where the sketch is too small to tell.
    """
    small, large = sketches
    if len(large.X) < large.X.shape[1] + 2:
        return None, coef_names
    size = np.linalg.norm(large.X, axis=0)
    weights = np.linalg.lstsq(large.X / size, small.X, rcond=None)[0] / size[:, None]
    far = outside(large.X @ weights - small.X, small)
    return weights, [n for n, is_far in zip(coef_names, far, strict=True) if is_far]


def refuse_other_values(sketches, coef_names, names, picked):
    """Raise where columns of one name have different values in the two models."""
    small, large = sketches
    far = outside(large.X @ picked - small.X, small)
    others = [f"`{n}`" for n, is_far in zip(coef_names[0], far, strict=True) if is_far]
    if others:
        refuse_other_columns(names, ", ".join(others))


def outside(gap, sketch):
    """Tell which columns differ by more than rounding, given their gap."""
    size = np.linalg.norm(sketch.X, axis=0)
    one = sketch.one / np.linalg.norm(sketch.one)
    spread = np.linalg.norm(sketch.X - np.outer(one, one @ sketch.X), axis=0)
    spread = np.where(spread > IN_SPAN**2 * size, spread, size)
    rounding = 100.0 * np.finfo(float).eps * size
    return np.linalg.norm(gap, axis=0) > IN_SPAN * spread + rounding


def enough_forms(sketches, large):
    """Whether the sketches hold more forms than the larger model has covariances."""
    n_forms = min((len(f) for s in sketches for f in s.forms), default=0)
    return n_forms >= large.n_theta + 2


def covariance_span(sketches, small, large):
    """Express the smaller model's covariances by the larger one's.

    Returns
    -------
    ndarray of shape (m_large, m_small) or None
        None where that cannot be done.
    """
    n_forms = min(len(f) for s in sketches for f in s.forms)
    old, new = (
        directions(sketch, result.terms, n_forms)
        for sketch, result in zip(sketches, (small, large), strict=True)
    )
    size = np.linalg.norm(new, axis=0)
    size[size == 0.0] = 1.0
    found = np.linalg.lstsq(new / size, old, rcond=1e-10)[0] / size[:, None]
    gap = np.linalg.norm(new @ found - old, axis=0)
    return None if (gap > IN_SPAN * np.linalg.norm(old, axis=0)).any() else found


def keeps_sign(covariance_map, small, large):
    """Whether covariances of the smaller model are covariances in the larger one.

    Covariances of rank one generate all of them: units and some others are tried.
    """
    random = np.random.default_rng(2)
    for j, effects, structure in small.terms:
        k = len(effects)
        vectors = np.eye(k)
        if len(structure.free_blocks) < k:
            vectors = np.vstack([vectors, random.normal(size=(4 * k, k))])
        for v in vectors:
            blocks = [np.zeros((len(e), len(e))) for e in small.effects]
            blocks[j][np.ix_(effects, effects)] = np.outer(v, v)
            into = unpack(covariance_map @ pack(blocks, small), large)
            if not all(is_covariance(block) for block in into):
                return False
    return True


def pack_identity(result):
    """Free entries of identity matrices, of shape (m,)."""
    parts = []
    for _, _, structure in result.terms:
        parts.append((structure.rows == structure.cols).astype(float))
    return np.concatenate(parts)


def pack(covariances, result):
    """Free entries of covariances per factor, of shape (m,)."""
    parts = [np.zeros(0)]
    for j, effects, structure in result.terms:
        own = covariances[j][np.ix_(effects, effects)]
        parts.append(own[structure.rows, structure.cols])
    return np.concatenate(parts)


def unpack(values, result):
    """Covariances per factor from their free entries."""
    blocks = [np.zeros((len(effects), len(effects))) for effects in result.effects]
    start = 0
    for j, effects, structure in result.terms:
        rows, cols = (
            np.asarray(effects)[index] for index in (structure.rows, structure.cols)
        )
        part = values[start : start + len(rows)]
        blocks[j][rows, cols] = blocks[j][cols, rows] = part
        start += len(rows)
    return blocks


def is_covariance(matrix, least=-AT_BOUNDARY):
    """Whether the eigenvalues of a matrix, relative to its diagonal, are not negative.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
    least : float
        Smallest eigenvalue that will do.
    """
    diagonal = np.diag(matrix)
    if diagonal.min() < -AT_BOUNDARY * np.abs(matrix).max():
        return False
    scale = np.sqrt(np.maximum(diagonal, AT_BOUNDARY * diagonal.max()))
    scale[scale == 0.0] = 1.0
    unit = matrix / np.outer(scale, scale)
    return bool(np.linalg.eigvalsh(unit)[0] >= least)


def embed(small, large, difference):
    """Relative factors of the smaller model in the places of the larger one.

    Parameters
    ----------
    small, large : FitResult
    difference : Difference

    Returns
    -------
    list of ndarray of shape (k_j, k_j)
        Square roots of the covariances of the larger model's raw effects.
    """
    if difference.covariance_map is not None:
        own = [L @ L.T for L in small.relative_factors]
        blocks = unpack(difference.covariance_map @ pack(own, small), large)
        return [symmetric_root(block) for block in blocks]
    blocks = [np.zeros((len(effects), len(effects))) for effects in large.effects]
    places = {factor_key(group): j for j, group in enumerate(large.groups)}
    for group, effects, Lambda in zip(
        small.groups, small.effects, small.relative_factors, strict=True
    ):
        j = places[factor_key(group)]
        index = [large.effects[j].index(effect) for effect in effects]
        blocks[j][np.ix_(index, index)] = Lambda
    return blocks


def symmetric_root(matrix):
    """Root of a positive semidefinite matrix, up to rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def interior(small, large, difference):
    """Whether a smaller model is inside of what the larger one's covariances can be."""
    if difference.covariance_map is None:
        return True
    blocks = unpack(difference.covariance_map @ pack_identity(small), large)
    return all(
        is_covariance(block[np.ix_(effects, effects)], AT_BOUNDARY)
        and np.diag(block)[list(effects)].min() > 0.0
        for block, effects in ((blocks[j], effects) for j, effects, _ in large.terms)
    )


def free_entries(result, pairs):
    """Free entries of the covariances by name: (group, effect, effect).

    Parameters
    ----------
    result : FitResult
    pairs : list of tuple of Term
        Terms that are compared as a whole instead.

    Returns
    -------
    list of tuple
    """
    entries, whole = [], [term for pair in pairs for term in pair]
    for term in result.terms:
        if is_structured(term) or any(term is other for other in whole):
            continue
        names = result.effects[term.factor]
        group, structure = factor_key(result.groups[term.factor]), term.structure
        for row, col in zip(structure.rows, structure.cols, strict=True):
            one, other = names[term.effects[row]], names[term.effects[col]]
            entries.append((group, *sorted((one, other))))
    return entries


def write_entry(entry):
    """Write a free entry for a message."""
    group, one, other = entry
    kind = "variance of" if one == other else f"covariance of `{one}` and"
    return f"the {kind} `{other}` by `{group}`"
