"""Terms in the span of others: a number beside its own factor."""

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
    it is tested after all terms that do not hold it, the factor after the number. In
    spaces of columns, so that neither codes nor the order of terms count.
    """
    columns = np.empty((len(root), len(result.kept)))
    columns[:, result.kept], columns[:, ~result.kept] = root, root @ alias
    size = np.linalg.norm(columns, axis=0)
    # a cell without data has a column of zeros, up to rounding
    empty = ~result.kept & (size <= EMPTY * size.max(initial=0.0))
    columns[:, empty], size[empty] = 0.0, 1.0
    columns /= size
    spans = {t.name: columns[:, [c.position for c in t.columns]] for t in terms}
    constant = [spans[t.name] for t in terms if not (t.numeric or t.categorical)]
    tested = without_intercept(terms)
    inside = {
        (one.name, other.name)
        for one in tested
        for other in tested
        if one is not other
        and not (one.contains(other) or other.contains(one))
        and not len(beyond(spans[one.name], [*constant, spans[other.name]]).T)
        and len(beyond(spans[other.name], [*constant, spans[one.name]]).T)
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
