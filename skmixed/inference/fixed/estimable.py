"""Type III hypotheses where columns are left out: SAS's rules for empty cells."""

import itertools
from functools import reduce

import numpy as np


def estimable_hypotheses(result, terms, alias):
    """Type III hypotheses of the coefficients that are left.

    Parameters
    ----------
    result : FitResult
    terms : list of FixedTerm
    alias : ndarray of shape (r, p - r)
        What each column left out is of those that are kept.

    Returns
    -------
    dict of str to ndarray of shape (q, r)

    Notes
    -----
    Every column of the overparametrised design, with a dummy for each cell of each
    term, is a combination C of the kept ones, so that a hypothesis K of the kept
    coefficients reads K C there. A term's hypotheses are those of its own coefficients,
    made orthogonal in K C to those of the terms that contain it (Goodnight 1980,
    Commun. Stat. A 9; lmerTest). Without empty cells they are the balanced averages.
    """
    blocks = {term.name: dummy_columns(term, terms) for term in terms}
    kept = result.kept
    C = np.hstack([full[kept] + alias @ full[~kept] for full in blocks.values()])
    positions = kept_positions(result, terms)
    identity, hypotheses = np.eye(len(C)), {}
    for term in without_intercept(terms):
        own = identity[positions[term.name]]
        containing = [other.name for other in terms if other.contains(term)]
        above = [i for name in containing for i in positions[name]]
        if above:
            share = np.linalg.lstsq(C[above].T, (own @ C).T, rcond=None)[0].T
            own = own - share @ identity[above]
        hypotheses[term.name] = own
    return hypotheses


def without_intercept(terms):
    """All terms but the intercept."""
    return [term for term in terms if term.numeric or term.categorical]


def kept_positions(result, terms):
    """Positions of every term's columns among those that are kept, by name."""
    place = np.cumsum(result.kept) - 1
    return {
        term.name: np.array(
            [place[c.position] for c in term.columns if result.kept[c.position]],
            dtype=int,
        )
        for term in terms
    }


def dummy_columns(term, terms):
    """Express the dummies of a term's cells by the columns of X.

    Parameters
    ----------
    term : FixedTerm
    terms : list of FixedTerm

    Returns
    -------
    ndarray of shape (p, n_cells * n_numeric)
    """
    columns = [column for other in terms for column in other.columns]
    factors = list(term.categorical)
    cells = term_cells(term)
    found = []
    for numeric in dict.fromkeys(column.numeric for column in term.columns):
        within = [
            c for c in columns if c.numeric == numeric and set(c.codes) <= set(factors)
        ]
        values = np.array(
            [[cell_value(c, factors, cell) for c in within] for cell in cells]
        )
        weights = np.linalg.lstsq(values, np.eye(len(cells)), rcond=None)[0]
        full = np.zeros((len(columns), len(cells)))
        full[[c.position for c in within]] = weights
        found.append(full)
    return np.hstack(found)


def term_cells(term):
    """List the cells of a term's factors, levels of the first varying fastest.

    Parameters
    ----------
    term : FixedTerm

    Returns
    -------
    list of tuple of int
        A level per categorical factor.
    """
    levels = (range(n) for n in reversed(term.categorical.values()))
    return [cell[::-1] for cell in itertools.product(*levels)]


def cell_value(column, factors, cell):
    """Value of a column's codes in one cell."""
    values = (
        column.codes[name][level]
        for name, level in zip(factors, cell, strict=True)
        if name in column.codes
    )
    return reduce(lambda a, b: a * b, values, 1.0)
