"""What a fit will take, told before it starts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from skmixed.estimators.input import read_table
from skmixed.formula.columns import missing_rows
from skmixed.formula.design import DesignSpec, name_groups
from skmixed.formula.groups import GroupIndex
from skmixed.formula.parse import parse_formula
from skmixed.likelihood.cross_products import CHUNK_ROWS
from skmixed.likelihood.elimination import DENSE_EFFECTS
from skmixed.likelihood.scatter import PAIR_BUDGET, PAIR_CHUNK

# Rows read to learn which columns a formula makes.
SAMPLE_ROWS = 500


@dataclass(frozen=True)
class MemoryEstimate:
    """Peak memory that a fit needs beyond its data.

    Parameters
    ----------
    n_obs : int
    n_fixed : int
        Columns of the fixed part.
    n_levels : dict of str to int
        Levels of every grouping factor.
    n_effects : dict of str to int
        Random effects per level.
    solver : str
        Regime that will eliminate the random effects.
    design, cross_products, elimination : int
        Bytes of the rows' arrays, of what is summed from them, and of the solver.

    Examples
    --------
    >>> from skmixed import estimate_memory
    >>> from skmixed.datasets import load_london_schools
    >>> frame = load_london_schools().frame
    >>> estimate = estimate_memory("exam ~ lrt + (1 + lrt | school)", frame)
    >>> estimate.solver, estimate.total < 10e6
    ('batched', True)
    """

    n_obs: int
    n_fixed: int
    n_levels: dict
    n_effects: dict
    solver: str
    design: int
    cross_products: int
    elimination: int

    @property
    def total(self):
        """Bytes in all."""
        return self.design + max(self.cross_products, self.elimination)

    def __str__(self):
        groups = ", ".join(
            f"{name} {n:,} x {self.n_effects[name]}"
            for name, n in self.n_levels.items()
        )
        return (
            f"About {self.total / 1e6:,.0f} MB beyond the data: {self.n_obs:,} rows, "
            f"{self.n_fixed} fixed effects; random effects: {groups or 'none'}; "
            f"solver: {self.solver}."
        )


def estimate_memory(formula, data):
    """Estimate the memory of a fit before it is started.

    Parameters
    ----------
    formula : str
        As of :class:`MixedLinearRegressor`.
    data : data frame
        With the columns of the formula; the response may be missing from it.

    Returns
    -------
    MemoryEstimate
        Its ``total`` is in bytes, beyond the data themselves.

    Raises
    ------
    FormulaError, ValueError
        As `fit` does, where the formula or its columns cannot be read.

    Examples
    --------
    >>> from skmixed import estimate_memory
    >>> from skmixed.datasets import load_insteval
    >>> print(estimate_memory("y ~ service + (1 | s) + (1 | d)", load_insteval().frame))
    About ... MB beyond the data: 73,421 rows, 2 fixed effects; random effects:
    s 2,972 x 1, d 1,128 x 1; solver: crossed.
    """
    frame = read_table(data)
    if frame is None:
        raise TypeError(f"data must be a data frame, got {type(data).__name__}.")
    parsed = parse_formula(formula, columns=tuple(frame.columns))
    frame = frame[~missing_rows(frame, parsed.predictor_columns)]
    spec, _ = DesignSpec.learn(parsed, few_rows(frame, parsed))
    codes, levels = learn_codes(parsed, frame.reset_index(drop=True))
    effects = dict.fromkeys(levels, 0)
    for group, names, _ in spec.effects:
        effects[group] += len(names)
    n, m = len(frame), len(spec.coef_names) + 1
    slopes = sum(len(names) for _, names, _ in spec.effects if names != ("Intercept",))
    sizes = {group: levels[group] * effects[group] for group in levels}
    widths = m + 2 * sum(effects.values())
    products = sum(4 * size * (m + effects[group]) for group, size in sizes.items())
    chunk = 4 * max([CHUNK_ROWS, *(2 * size for size in sizes.values())])
    solver, working = solver_bytes(codes, levels, effects, m)
    return MemoryEstimate(
        n_obs=n,
        n_fixed=m - 1,
        n_levels=levels,
        n_effects=effects,
        solver=solver,
        design=8 * n * (2 * m + 2 * slopes + len(levels)),
        cross_products=8 * (products + min(chunk, 4 * n) * widths),
        elimination=8 * products + working,
    )


def few_rows(frame, formula):
    """Rows enough to show every category of the columns that are no numbers."""
    rows = [np.arange(min(SAMPLE_ROWS, len(frame)))]
    for name in formula.design_columns:
        if name in frame and not pd.api.types.is_numeric_dtype(frame[name]):
            rows.append(np.flatnonzero(~frame[name].duplicated().to_numpy()))
    return frame.iloc[np.unique(np.concatenate(rows))].reset_index(drop=True)


def learn_codes(formula, frame):
    """Codes of every grouping factor's levels, and their numbers, by name."""
    codes, levels, columns = {}, {}, {}
    for name, term in zip(name_groups(formula), formula.random, strict=True):
        if name not in codes:
            index, codes[name] = GroupIndex.learn(name, term.columns, frame, columns)
            levels[name] = index.n_levels
    return codes, levels


def solver_bytes(codes, levels, effects, m):
    """Regime of a design, and the bytes that it works in.

    Parameters
    ----------
    codes : dict of str to ndarray of shape (n,)
    levels, effects : dict of str to int
    m : int
        Columns of [X y].

    Returns
    -------
    solver : str
    working : int
    """
    sizes = {group: levels[group] * effects[group] for group in levels}
    blocks = sum(levels[group] * k * (5 * k + 4 * m) for group, k in effects.items())
    if len(sizes) < 2:
        return ("batched" if sizes else "least squares"), 8 * blocks
    if sum(sizes.values()) <= DENSE_EFFECTS:
        return "dense", 8 * 8 * sum(sizes.values()) ** 2
    order = sorted(sizes, key=sizes.get, reverse=True)
    counts = [meetings(codes, levels, order[0], other) for other in order[1:]]
    if all_nested(codes, levels, order):
        return "nested", 3 * 8 * blocks
    k = effects[order[0]]
    met = sum(
        count * effects[other] for count, other in zip(counts, order[1:], strict=True)
    )
    pairs = min((met @ (met + 1)) / 2 * k * (k + 1) / 2, PAIR_BUDGET)
    m2 = sum(sizes.values()) - sizes[order[0]]
    copies = 1.5 if all(k == 1 for k in effects.values()) else 4.0
    listing = 6 * 8 * min(PAIR_CHUNK, pairs)
    return "crossed", int(8 * copies * m2**2 + 12 * pairs + listing + 8 * blocks)


def meetings(codes, levels, one, other):
    """Levels of one factor that each level of another meets, of shape (G,)."""
    shape = (levels[one], levels[other])
    ones = np.ones(len(codes[one]), dtype=np.int8)
    met = sparse.coo_array((ones, (codes[one], codes[other])), shape=shape).tocsr()
    return np.diff(met.indptr).astype(float)


def all_nested(codes, levels, order):
    """Whether the factors form a chain, each within the next."""
    return all(
        meetings(codes, levels, finer, coarser).max() == 1
        for place, finer in enumerate(order)
        for coarser in order[place + 1 :]
    )
