"""Terms in the span of others: a number beside its own factor."""

from itertools import permutations

import numpy as np

from skmixed.inference.fixed.estimable import without_intercept

# Lengths below this, relative to the column's own, are zero.
IN_SPAN = 1e-7
# Columns left out that are shorter than this, relative to the longest, are zero.
EMPTY = 1e-10


def confounded_hypotheses(result, root, terms, alias):
    """Hypotheses of terms of which one lies in the span of another.

    Parameters
    ----------
    result : FitResult
    root : ndarray of shape (r, r)
        R with R'R = X'X of the raw kept columns.
    terms : list of FixedTerm
    alias : ndarray of shape (r, p - r)
        What each raw column left out is of those that are kept.

    Returns
    -------
    dict of str to ndarray of shape (q, r)
        Only of terms that lie in the span of the intercept and another one, and of
        these others.

    Notes
    -----
    A number lies in the span of its own factor as a factor in that of an interaction:
    it is tested after all terms that do not hold it, the factor after the number. Of
    two terms of one span the first is tested, and nothing is left of the other. In
    spaces of columns, so that neither codes nor the order of other terms count.
    """
    columns = np.empty((len(root), len(result.kept)))
    columns[:, result.kept], columns[:, ~result.kept] = root, root @ alias
    size = np.linalg.norm(columns, axis=0)
    # a cell without data has a column of zeros, up to rounding
    empty = ~result.kept & (size <= EMPTY * size.max(initial=0.0))
    columns[:, empty], size[empty] = 0.0, 1.0
    columns /= size
    spans = {t.name: columns[:, positions_below(t, terms)] for t in terms}
    constant = [spans[t.name] for t in terms if not (t.numeric or t.categorical)]
    tested = without_intercept(terms)
    inside = {
        (tested[i].name, tested[j].name)
        for i, j in permutations(range(len(tested)), 2)
        if precedes(tested, i, j, spans, constant)
    }
    found = {}
    for term in tested:
        if not any(term.name in pair for pair in inside):
            continue
        before = [
            spans[other.name]
            for other in terms
            if other is not term
            and not other.contains(term)
            and (term.name, other.name) not in inside
        ]
        found[term.name] = beyond(spans[term.name], before).T @ root
    return found


def positions_below(term, terms):
    """Columns of a term and of those that it contains: its span in any coding."""
    return [
        column.position
        for other in terms
        if other is term or term.contains(other)
        for column in other.columns
    ]


def precedes(terms, i, j, spans, constant):
    """Whether term i lies in the span of term j, of which something is left."""
    one, other = terms[i], terms[j]
    if one.contains(other) or other.contains(one):
        return False
    own, outer = spans[one.name], spans[other.name]
    if beyond(own, [*constant, outer]).size:
        return False
    return i < j or bool(beyond(outer, [*constant, own]).size)


def beyond(own, before):
    """Orthonormal basis of what some columns add to the span of others.

    Parameters
    ----------
    own : ndarray of shape (r, k)
    before : list of ndarray of shape (r, k_i)

    Returns
    -------
    ndarray of shape (r, q)
    """
    before = np.hstack([own[:, :0], *before])
    basis, sizes, _ = np.linalg.svd(before, full_matrices=False)
    basis = basis[:, sizes > IN_SPAN * sizes.max(initial=0.0)]
    rest = own - basis @ (basis.T @ own)
    rest = rest - basis @ (basis.T @ rest)
    added, sizes, _ = np.linalg.svd(rest, full_matrices=False)
    return added[:, sizes > IN_SPAN]
