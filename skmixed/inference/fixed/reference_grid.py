"""Grids of typical values, and the fixed effects' weights in their averages."""

import itertools
import math

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, TooLargeError
from skmixed.formula.text.operators import write_term
from skmixed.formula.text.parse import columns_of

LARGEST_GRID = 1_000_000
# A mean is estimable when the aliased columns follow the others to this tolerance.
ESTIMABLE = 1e-6


class ReferenceGrid:
    """Marginal means as linear combinations of the fixed effects.

    Parameters
    ----------
    fit : Fitted
    specs, by : list of str
        Columns that the means are for.
    at : dict of str to list
        Values that replace the levels or the mean of a column.

    Attributes
    ----------
    cells : DataFrame of g rows
        Levels of `specs` and `by`, the first column varying fastest.
    X : ndarray of shape (g, p)
        Means of all columns, those left out too.
    L : ndarray of shape (g, r)
        Weights of the kept fixed effects; NaN where a mean is not estimable.
    offset : ndarray of shape (g,)
    averaged : list of str
        Columns over whose levels the means are averaged.
    held : dict of str to float
        Columns that are held at one value.
    response : str or None
    interactions : dict of str to list of str
        Terms of the fixed part in which columns of `specs` stand with others that the
        means do not tell apart, and these others.
    title : str
        What a table of it is called.
    """

    title = "Marginal means"

    def __init__(self, fit, specs, by, at):
        spec = fit.spec
        check_columns(specs, by, at, spec.typical)
        self.specs, self.by, self.response = specs, by, spec.formula.response
        values = {c: choose_values(c, at, *spec.typical[c]) for c in spec.typical}
        named = [*specs, *by]
        rest = [c for c in values if c not in named]
        self.averaged = [c for c in rest if len(values[c]) > 1]
        self.held = {c: values[c][0] for c in rest if len(values[c]) == 1}
        self.interactions = {
            write_term(term): others
            for term in spec.formula.fixed
            if set(specs) & set(columns_of([term]))
            and (others := [c for c in columns_of([term]) if c not in named])
        }
        check_size(values)
        self.cells = cross(values, named)
        others = cross(values, rest)
        n_cells, n_others = len(self.cells), max(len(others), 1)
        grid = self.cells.loc[np.repeat(np.arange(n_cells), n_others)]
        for column in others:
            grid[column] = np.tile(others[column].to_numpy(), n_cells)
        for column in grid.columns.intersection(list(spec.levels)):
            # levels that are numbers must not be taken for a numeric column
            if isinstance(spec.levels[column], list):
                grid[column] = pd.Categorical(grid[column], spec.levels[column])
        design = spec.build(grid.reset_index(drop=True), random_effects=False)
        offset = np.zeros(len(grid)) if design.offset is None else design.offset
        self.offset = offset.reshape(n_cells, n_others).mean(axis=1)
        self.X = design.X.reshape(n_cells, n_others, -1).mean(axis=1)
        self.L = self.X[:, fit.result.kept]
        self.L[~estimable(fit, self.X)] = np.nan


def check_columns(specs, by, at, known):
    """Raise unless all columns are in the fixed part and named once."""
    named = [*specs, *by]
    if not specs:
        raise ArgumentError(f"specs is empty; name some of {list(known)}.")
    unknown = [c for c in [*named, *at] if c not in known]
    if unknown:
        raise ArgumentError(
            f"{unknown} are not columns of the fixed effects, which are {list(known)}."
        )
    if len(set(named)) < len(named):
        raise ArgumentError(f"specs={specs} and by={by} name a column twice.")


def choose_values(column, at, typical, are_levels):
    """Values of a column in the grid: those asked for, else its typical ones."""
    if column not in at:
        return typical
    asked = [at[column]] if np.isscalar(at[column]) else list(at[column])
    if not asked or (are_levels and not set(asked) <= set(typical)):
        raise ArgumentError(
            f"at={{{column!r}: {asked}}} should hold "
            + (f"levels of {column!r}: {typical}." if are_levels else "values.")
        )
    return asked


def check_size(values):
    """Raise if a grid would be excessive."""
    size = math.prod(len(v) for v in values.values())
    if size > LARGEST_GRID:
        raise TooLargeError(
            f"The grid of marginal means would have {size} cells; hold some of its "
            "columns with at={column: [value]}."
        )


def cross(values, names):
    """Cross the values of some columns, the first varying fastest.

    Parameters
    ----------
    values : dict of str to list
    names : list of str

    Returns
    -------
    DataFrame
        Without rows where there are no names.
    """
    if not names:
        return pd.DataFrame()
    rows = itertools.product(*(values[name] for name in reversed(names)))
    return pd.DataFrame([row[::-1] for row in rows], columns=names)


def estimable(fit, X):
    """Tell which combinations of all columns the kept ones determine.

    Parameters
    ----------
    fit : Fitted
    X : ndarray of shape (g, p)

    Returns
    -------
    ndarray of bool of shape (g,)
    """
    result, weights = fit.result, fit.alias_weights
    if weights is None:
        return np.ones(len(X), dtype=bool)
    gap = X[:, ~result.kept] - result.A.basis.fixed.apply(X) @ weights
    size = 1.0 + np.abs(X).max(axis=1, initial=0.0)
    return np.abs(gap).max(axis=1) <= ESTIMABLE * size
