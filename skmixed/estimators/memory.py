"""What a fit will take, told before it starts; and what to do where it is too much."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse

from skmixed.errors import OutOfMemoryError, TableTypeError, UnavailableError
from skmixed.estimators.dispersion import read_dispersion
from skmixed.estimators.freezing import SAMPLE_ROWS as FREEZING_ROWS
from skmixed.estimators.freezing import freeze_design
from skmixed.estimators.input import read_table
from skmixed.estimators.many_rows import MANY_ROWS, PART_ROWS
from skmixed.estimators.residual_memory import ResidualSizes
from skmixed.formula.table.columns import missing_rows
from skmixed.formula.table.design import DesignSpec, name_groups
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.groups import GroupIndex
from skmixed.formula.table.growing import GrowingGroups
from skmixed.formula.text.parse import parse_formula
from skmixed.formula.text.residual import parse_residual
from skmixed.likelihood.covariance.names import canonical_name
from skmixed.likelihood.elimination.regime import best_bid
from skmixed.likelihood.elimination.sizes import (
    DesignSizes,
    count_meetings,
    product_bytes,
)
from skmixed.likelihood.products.accumulate import WAITING
from skmixed.likelihood.products.columns import CHUNK_ROWS
from skmixed.printing.numbers import say_duration
from skmixed.printing.printed import Printed
from skmixed.sources.types import source_of

# Rows of a source that are held at a time, about.
SOURCE_ROWS = 1 << 19
# Rows read to learn which columns a formula makes.
SAMPLE_ROWS = 500
# Seconds per row and column of [X y] and Z, from the frame to the cross-products.
ROW_SECONDS = 6e-8


@dataclass(frozen=True, eq=False, repr=False)
class MemoryEstimate(Printed):
    """Peak memory that a fit needs beyond its data, and its time.

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
    seconds : float
        On one core, from frame to fitted model; to a factor of about three, and more
        where variances are zero.

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
    seconds: float

    @property
    def total(self):
        """Bytes in all."""
        return self.design + max(self.cross_products, self.elimination)

    @property
    def frame(self):
        """Bytes of every part as a Series."""
        return pd.Series(
            {
                "design": self.design,
                "cross_products": self.cross_products,
                "elimination": self.elimination,
                "total": self.total,
            },
            name="bytes",
        )

    def blocks(self):
        """Yield the estimate as a sentence."""
        groups = ", ".join(
            f"{name} {n:,} x {self.n_effects[name]}"
            for name, n in self.n_levels.items()
        )
        yield (
            f"About {self.total / 1e6:,.0f} MB beyond the data, and "
            f"{say_duration(self.seconds)}: {self.n_obs:,} rows, {self.n_fixed} fixed "
            f"effects; random effects: {groups or 'none'}; solver: {self.solver}."
        )


def estimate_memory(formula, data, *, solver="auto", residual=None, dispersion=None):
    """Estimate the memory and the time of a fit before it is started.

    Parameters
    ----------
    formula : str
        As of :class:`MixedLinearRegressor`.
    data : data frame, or source of rows
        With the columns of the formula; the response may be missing from it. Of a
        source, which is to be read twice, its grouping columns are read once.
    solver : {"auto", "exact", "stochastic"}, default="auto"
        As of :class:`MixedLinearRegressor`: what each would take.
    residual, dispersion : str, default=None
        As of :class:`MixedLinearRegressor`. The solver is then "patterns" (subjects
        with the same visits share products), "markov" (series), or "blocks" (rows that
        depend on one another are held together).

    Returns
    -------
    MemoryEstimate
        Its ``total`` is in bytes, beyond the data themselves; its ``seconds`` are
        those of one core.

    Raises
    ------
    FormulaError, ValueError
        As `fit` does, where the formula or its columns cannot be read, or the solver
        is not for the design.

    See Also
    --------
    MixedLinearRegressor.fit : The fit itself.

    Examples
    --------
    >>> from skmixed import estimate_memory
    >>> from skmixed.datasets import load_insteval
    >>> print(estimate_memory("y ~ service + (1 | s) + (1 | d)", load_insteval().frame))
    About ... MB beyond the data, and ... second...: 73,421 rows, 2 fixed effects;
    random effects: s 2,972 x 1, d 1,128 x 1; solver: crossed.
    """
    source = source_of(data)
    if source is not None:
        if beside := [t for t in (residual, dispersion) if t is not None]:
            raise UnavailableError(
                f"A fit to a source of rows is for independent residuals, and {beside} "
                "needs the rows themselves. Pass a frame."
            )
        return estimate_of_source(formula, source, solver)
    frame = read_table(data)
    if frame is None:
        raise TableTypeError(f"data must be a data frame, got {type(data).__name__}.")
    parsed = parse_formula(formula, columns=tuple(frame.columns))
    parsed = parsed.with_covariances(canonical_name)
    beside = columns_beside(residual, dispersion)
    frame = frame[~missing_rows(frame, [*parsed.predictor_columns, *beside])]
    spec, _ = DesignSpec.learn(parsed, few_rows(frame, parsed))
    frame = frame.reset_index(drop=True)
    codes, levels = learn_codes(parsed, frame)
    parts = residual is None and dispersion is None and len(frame) >= MANY_ROWS
    estimate = estimate_of(
        spec, codes, levels, len(frame), PART_ROWS if parts else None, solver
    )
    if residual is None and dispersion is None:
        return estimate
    m, effects = len(spec.coef_names) + 1, estimate.n_effects
    own = ResidualSizes.learn(frame, residual, dispersion, parsed, m, codes, effects)
    return with_residuals(estimate, own)


def estimate_of(spec, codes, levels, n, part, solver):
    """Estimate from what a formula makes of rows.

    Parameters
    ----------
    spec : DesignSpec
    codes : dict of str to ndarray of shape (n,)
        Of every grouping factor.
    levels : dict of str to int
    n : int
        Rows.
    part : int or None
        Rows of the parts that are held at a time; None for all.
    solver : {"auto", "exact", "stochastic"}

    Returns
    -------
    MemoryEstimate
    """
    effects = dict.fromkeys(levels, 0)
    for group, names in spec.effects:
        effects[group] += len(names)
    m, held = len(spec.coef_names) + 1, min(n, part or n)
    slopes = sum(len(names) for _, names in spec.effects if names != ("Intercept",))
    sizes = sizes_of_codes(codes, levels, effects, m)
    products = product_bytes(sizes)
    widths = m + 2 * sum(sizes.n_effects)
    regime, bid = best_bid(sizes, solver)
    waiting = 0  # codes of the only factor, or pairs of levels as they come
    if part is not None:
        waiting = 16 * min(n, WAITING) * len(sizes.meetings) // 2
        waiting += 4 * n * (len(levels) == 1)
    return MemoryEstimate(
        n_obs=n,
        n_fixed=m - 1,
        n_levels=levels,
        n_effects=effects,
        solver=regime.name,
        design=waiting + 8 * held * (2 * m + 2 * slopes + len(levels)),
        cross_products=products + 8 * min(CHUNK_ROWS, n) * widths,
        elimination=products + bid.bytes,
        seconds=ROW_SECONDS * n * (m + sum(sizes.n_effects)) + bid.fit_seconds,
    )


def estimate_of_source(formula, source, solver):
    """Estimate for rows of a source, from a sample and a pass over the groups.

    Parameters
    ----------
    formula : str
    source : Source
    solver : {"auto", "exact", "stochastic"}

    Returns
    -------
    MemoryEstimate
    """
    source.again("to count their groups")
    parsed = parse_formula(formula, columns=tuple(source.names))
    parsed = parsed.with_covariances(canonical_name)
    frozen = freeze_design(parsed, source, None, "drop", np.zeros(FREEZING_ROWS))
    names = dict(zip(name_groups(parsed), parsed.random, strict=True))
    factors = {name: tuple(term.columns) for name, term in names.items()}
    groups, n = GrowingGroups(factors, frozen.orders), 0
    found = {name: [] for name in factors}
    for table in source.tables(parsed.predictor_columns):
        keep = ~missing_rows(table, parsed.predictor_columns)
        n += int(keep.sum())
        for name, (codes, places) in groups.encode(FrameColumns(table, keep)).items():
            found[name].append(places.astype(np.int32)[codes])
        groups.keep()
    codes = {name: np.concatenate(own) for name, own in found.items()}
    levels = {name: int(own.max(initial=-1)) + 1 for name, own in codes.items()}
    return estimate_of(frozen.spec, codes, levels, n, SOURCE_ROWS, solver)


def columns_beside(residual, dispersion):
    """Columns that the residuals' covariances need."""
    found = [] if residual is None else list(parse_residual(residual).columns)
    if dispersion is not None:
        found += read_dispersion(dispersion).predictor_columns
    return found


def with_residuals(estimate, sizes):
    """The estimate of a fit with independent residuals, and of what follows it.

    Parameters
    ----------
    estimate : MemoryEstimate
    sizes : ResidualSizes

    Returns
    -------
    MemoryEstimate
    """
    products, elimination, seconds = sizes.estimate()
    return replace(
        estimate,
        solver=sizes.solver,
        cross_products=estimate.cross_products + products,
        elimination=max(estimate.elimination, products + elimination),
        seconds=estimate.seconds + seconds,
    )


@contextmanager
def memory_in_words(formula):
    """Say what would help where a fit runs out of memory.

    Parameters
    ----------
    formula : str

    Raises
    ------
    MemoryError
        With numpy's reason, and how to learn what the fit takes.
    """
    try:
        yield
    except MemoryError as error:
        raise OutOfMemoryError(
            f"The fit of {formula} does not fit into the memory that is left"
            f"{f' ({error})' if str(error) else ''}. estimate_memory(formula, data) "
            "tells what a fit takes; that grows with the rows, and for crossed factors "
            "with the square of the levels of all but the largest."
        ) from error


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


def sizes_of_codes(codes, levels, effects, n_columns):
    """Read the sizes of a design from the codes of its rows.

    Parameters
    ----------
    codes : dict of str to ndarray of shape (n,)
    levels, effects : dict of str to int
    n_columns : int
        Of [X y].

    Returns
    -------
    DesignSizes
    """
    groups, meetings = tuple(levels), {}
    for (i, one), (j, other) in combinations(enumerate(groups), 2):
        met = sparse.coo_array(
            (np.ones(len(codes[one]), dtype=bool), (codes[one], codes[other])),
            shape=(levels[one], levels[other]),
        ).tocsr()
        counts = count_meetings(met.indptr, met.indices, levels[other])
        meetings[i, j], meetings[j, i] = counts
    return DesignSizes(
        n_columns=n_columns,
        groups=groups,
        n_levels=tuple(levels.values()),
        n_effects=tuple(effects[group] for group in groups),
        meetings=meetings,
    )
