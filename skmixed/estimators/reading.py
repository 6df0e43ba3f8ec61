"""Chunks of rows to statistics: a design frozen beforehand, and who reads with it."""

import copy
import operator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skmixed.errors import IdentifiabilityError, WeightError
from skmixed.estimators.input import (
    read_response,
    refuse_infinite,
    refuse_missing,
)
from skmixed.estimators.statistics import RowSums, Statistics, Summary, with_groups
from skmixed.estimators.weights import read_weights
from skmixed.formula.table.arrays import check_magnitudes
from skmixed.formula.table.columns import (
    ColumnTable,
    check_columns,
    missing_rows,
)
from skmixed.formula.table.design import DesignSpec, name_groups
from skmixed.formula.table.frame import FrameColumns
from skmixed.formula.table.growing import GrowingGroups
from skmixed.inference.opened.row_facts import has_column_sums
from skmixed.likelihood.products.accumulate import GrowingProducts
from skmixed.likelihood.products.basis import Basis
from skmixed.likelihood.products.rows import without_offset
from skmixed.sources.source import Source

REMEDY = "Impute them, or set na_action='drop' to leave those rows out."


@dataclass(frozen=True, eq=False)
class FrozenDesign:
    """A formula whose levels, transforms and basis are known: chunks are read by it.

    Parameters
    ----------
    spec : DesignSpec
        Its groups are still to come.
    basis : Basis
    orders : dict of str to list
        Categories of grouping columns that have an order of their own.
    weights : str or None
        A column.
    na_action : {"raise", "drop"}
    """

    spec: DesignSpec
    basis: Basis
    orders: dict
    weights: str | None
    na_action: str

    @property
    def columns(self):
        """Columns that are read."""
        formula = self.spec.formula
        return needed_columns(formula, self.weights)

    def statistics(self, frame):
        """Statistics of one table, or None where it has no rows."""
        reader = DesignReader(self)
        reader.add(frame)
        return reader.statistics() if reader.n_used else reader.sums


def frozen_of(statistics, na_action):
    """The design of statistics, for more rows."""
    spec = copy.copy(statistics.spec)
    spec.groups = dict.fromkeys(spec.groups)
    return FrozenDesign(
        spec,
        statistics.products.basis,
        statistics.orders,
        statistics.weights,
        na_action,
    )


def add_parts(one, other):
    """Add statistics, of which some may be of no rows: then they are mere sums."""
    if isinstance(one, RowSums) and isinstance(other, RowSums):
        return one + other
    if isinstance(one, RowSums):
        return replace(other, sums=one + other.sums)
    if isinstance(other, RowSums):
        return replace(one, sums=one.sums + other)
    return operator.add(one, other)


def needed_columns(formula, weights):
    """Columns of a formula, its response and its weights, each once."""
    own = [] if weights is None else [weights]
    needed = [*formula.predictor_columns, *formula.response_columns, *own]
    return list(dict.fromkeys(needed))


@dataclass(frozen=True, eq=False)
class ChunkGroups:
    """The groups of one chunk, in the place of a `GroupIndex`."""

    columns: tuple
    codes: Any
    n_levels: int

    def encode(self, frame):
        """The codes that are known already."""
        return self.codes


class DesignReader:
    """Adds chunks of rows; one that is faulty changes nothing.

    Parameters
    ----------
    frozen : FrozenDesign
    groups : TableGroups, optional
        Where all groups are known beforehand; by default they are found as they come.
    """

    def __init__(self, frozen, groups=None):
        self.frozen = frozen
        formula = frozen.spec.formula
        names = zip(name_groups(formula), formula.random, strict=True)
        factors = {}
        for name, term in names:
            factors.setdefault(name, tuple(term.columns))
        self.groups = groups or GrowingGroups(factors, frozen.orders)
        self.products = GrowingProducts(frozen.basis, frozen.spec.coef_names)
        self.sums = RowSums()
        self.n_chunks = self.n_read = self.n_used = 0
        self.weighted = False
        self.blank = None

    def add(self, frame, y=None, sample_weight=None):
        """Add a chunk.

        Parameters
        ----------
        frame : DataFrame of pandas, of n rows
        y, sample_weight : array-like of shape (n,), optional
            In the place of columns.

        Returns
        -------
        Design or None
            Of the rows that count; None where none does.

        Raises
        ------
        ValueError, FormulaError
            With a note which chunk it was.
        """
        try:
            part = self.read(frame, y, sample_weight)
        except Exception as error:
            error.add_note(
                f"In chunk {self.n_chunks} (rows {self.n_read:,} and on); what the "
                "chunks before it gave is kept."
            )
            raise
        n_dropped, design, columns, coded = part
        self.blank = frame.head(0) if self.blank is None else self.blank
        self.n_chunks, self.n_read = self.n_chunks + 1, self.n_read + len(frame)
        self.sums = self.sums + RowSums(n_dropped)
        if design is None:
            return None
        self.groups.keep()
        self.products.add(design, {name: own for name, (_, own) in coded.items()})
        self.sums = self.sums + self.summarised(design, columns)
        self.n_used += len(design.y)
        self.weighted = design.weights is not None
        return design

    def read(self, frame, y, sample_weight):
        """Make the design of a chunk.

        Returns
        -------
        n_dropped : int
        design : Design or None
            None where no row is left.
        columns : FrameColumns
        coded : dict
            As :meth:`GrowingGroups.encode` gives it.
        """
        frozen, n = self.frozen, len(frame)
        formula = frozen.spec.formula
        needed = needed_columns(formula, frozen.weights)
        if y is not None:
            own = set(formula.response_columns) - set(formula.predictor_columns)
            needed = [column for column in needed if column not in own]
        columns = FrameColumns(frame)
        check_columns(columns, needed)
        if not n:
            return 0, None, columns, {}
        y = None if y is None else read_response(y, n)
        if frozen.weights is not None:
            sample_weight = columns[frozen.weights]
        drop = frozen.na_action == "drop"
        weights = read_weights(sample_weight, n, allow_missing=drop)
        if self.n_used and self.weighted != (weights is not None):
            raise WeightError(
                "Rows have weights in some chunks and none in others; pass "
                "sample_weight for every chunk, 1.0 where a row counts as it is."
            )
        n_dropped, keep = choose_rows(columns, needed, y, weights, frozen.na_action)
        if not keep.any():
            return n_dropped, None, columns, {}
        if not keep.all():
            columns = FrameColumns(frame, keep)
        spec, coded = self.chunk_spec(columns)
        design = spec.build(columns)
        y = spec.read_response(columns) if y is None else y[keep]
        refuse_infinite(y)
        weights = None if weights is None else weights[keep]
        design = replace(design, y=y, weights=weights)
        check_magnitudes(design, spec.coef_names)
        return n_dropped, design, columns, coded

    def chunk_spec(self, columns):
        """The design's specification with the groups of a chunk."""
        coded = self.groups.encode(columns)
        groups = {
            name: ChunkGroups(self.groups.factors[name], codes, len(places))
            for name, (codes, places) in coded.items()
        }
        spec = copy.copy(self.frozen.spec)
        spec.groups = groups
        return spec, coded

    def summarised(self, design, columns):
        """Facts of a chunk's rows beside their cross-products."""
        spec, n = self.frozen.spec, len(design.y)
        numeric = [
            c
            for c in spec.formula.fixed_columns
            if spec.levels.get(c) is None and not spec.typical[c][1]
        ]
        table = ColumnTable.read(columns, dict.fromkeys(numeric))
        hidden = design.weights is not None or not has_column_sums(self.products)
        return RowSums(
            0,
            float(np.abs(without_offset(design)).max()),
            float(n if design.weights is None else design.weights.sum()),
            {c: Summary.of(np.asarray(table[c])) for c in numeric},
            RowSums.moments_of(design, self.frozen.basis) if hidden else None,
        )

    def statistics(self):
        """What all chunks so far come to.

        Returns
        -------
        Statistics

        Raises
        ------
        ValueError
            Where no row was left of them.
        """
        if not self.n_used:
            raise IdentifiabilityError(
                f"None of the {self.n_read:,} rows is left to fit: "
                f"{self.sums.n_dropped:,} have missing values, the others weight zero."
            )
        found = self.groups.indexed()
        order = [factor.group for factor in self.products.factors]
        frozen = self.frozen
        return Statistics(
            with_groups(frozen.spec, {name: own for name, (own, _) in found.items()}),
            self.products.total([found[name][1] for name in order]),
            self.sums,
            frozen.orders,
            frozen.weights,
        )


def choose_rows(columns, needed, y, weights, na_action):
    """Choose the rows of a chunk that enter.

    Returns
    -------
    n_dropped : int
        Rows with missing values.
    keep : ndarray of bool of shape (n,)

    Raises
    ------
    ValueError
        For missing values with ``na_action="raise"``.
    """
    missing = missing_rows(columns, needed)
    for values in (y, weights):
        if values is not None:
            missing |= np.isnan(values)
    if missing.any() and na_action == "raise":
        refuse_missing(columns.frame, needed, missing, REMEDY)
    keep = ~missing if weights is None else ~missing & (weights > 0)
    return int(missing.sum()), keep


def accumulate(frozen, source, done):
    """Statistics of a source under a frozen design.

    Parameters
    ----------
    frozen : FrozenDesign
    source : Source
    done : callable
        Told how many rows were read.

    Returns
    -------
    Statistics
    """
    if type(source).reduce is not Source.reduce:
        found = source.reduce(frozen.columns, frozen.statistics, add_parts)
        if isinstance(found, RowSums):
            raise IdentifiabilityError("None of the rows is left to fit.")
        return found
    reader = DesignReader(frozen)
    for table in source.tables(frozen.columns):
        reader.add(table)
        done(len(table))
    return reader.statistics()
