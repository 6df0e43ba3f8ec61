"""What rows come to under a design: all that a fit needs, and it adds up."""

import copy
import pickle
from dataclasses import dataclass, field, replace

import numpy as np

from skmixed.errors import SavedModelError, StatisticsError
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.growing import unite
from skmixed.inference.opened.row_facts import RowMoments
from skmixed.likelihood.products.accumulate import recoded
from skmixed.likelihood.products.basis import same_basis
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.settle import settle

# What a saved file says that it is.
FORMAT = "skmixed statistics 1"
FIRST_ROWS = 64


@dataclass(frozen=True)
class Summary:
    """What stands for the values of a numeric column.

    Parameters
    ----------
    n : int
    total, low, high : float
    two : bool
        Whether there are but two values.
    """

    n: int
    total: float
    low: float
    high: float
    two: bool

    @classmethod
    def of(cls, values):
        """Summarise an array of numbers that is not empty."""
        low, high = values.min().item(), values.max().item()
        two = all(
            np.all((part == low) | (part == high))
            for part in (values[:FIRST_ROWS], values)  # most show a third at once
        )
        return cls(len(values), float(values.sum()), low, high, two)

    def __add__(self, other):
        low, high = min(self.low, other.low), max(self.high, other.high)
        two = self.two and other.two
        two = two and {self.low, self.high, other.low, other.high} <= {low, high}
        return Summary(self.n + other.n, self.total + other.total, low, high, two)

    @property
    def typical(self):
        """Both values of two, else the mean."""
        return sorted({self.low, self.high}) if self.two else [self.total / self.n]


@dataclass(frozen=True, eq=False)
class RowSums:
    """Facts of rows beside their cross-products.

    Parameters
    ----------
    n_dropped : int
    largest_y : float
    total_weight : float
    summaries : dict of str to Summary
        Of numeric columns of the fixed part.
    moments : tuple or None
        Where weights hide them, or no column is constant: sums of products of
        ``[X 1]`` in the basis, each row counting once, and of each factor's z.
    """

    n_dropped: int = 0
    largest_y: float = 0.0
    total_weight: float = 0.0
    summaries: dict = field(default_factory=dict)
    moments: tuple | None = None

    def __add__(self, other):
        names = {**self.summaries, **other.summaries}
        summaries = {}
        for name in names:
            both = [
                own.summaries[name] for own in (self, other) if name in own.summaries
            ]
            summaries[name] = both[0] if len(both) == 1 else both[0] + both[1]
        moments = self.moments or other.moments
        if self.moments and other.moments:
            pairs = zip(self.moments, other.moments, strict=True)
            moments = tuple(one + two for one, two in pairs)
        return RowSums(
            self.n_dropped + other.n_dropped,
            max(self.largest_y, other.largest_y),
            self.total_weight + other.total_weight,
            summaries,
            moments,
        )

    @classmethod
    def moments_of(cls, design, basis):
        """Second moments of a chunk's rows, each counting once."""
        rows = basis.rows(design)
        X = np.column_stack([rows.X, np.ones(len(rows.X))])
        return X.T @ X, *(z.T @ z for z in rows.z)


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sums over rows, from which models are fitted without the rows.

    They are of one learnt design: formula, levels, transforms and a basis that is
    frozen. Those of other rows under the same design add up to those of all rows, with
    the groups of both, whatever order they come in.

    Parameters
    ----------
    spec : DesignSpec
        The learnt design, with the groups of these rows.
    products : CrossProducts
        With all columns, in the basis of a sample.
    sums : RowSums
    orders : dict of str to list
        Categories of grouping columns that have an order of their own.
    weights : str or None
        The column of weights.

    See Also
    --------
    MixedLinearRegressor.fit : Takes statistics in place of rows.
    MixedLinearRegressor.submodel : Simpler models from the same pass.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> model = model.fit(lambda: (sleep[k : k + 50] for k in range(0, 180, 50)))
    >>> statistics = model.statistics_
    >>> statistics.n_obs, sorted(statistics.n_groups)
    (180, ['Subject'])
    >>> model.fit(statistics).fixed_effects_.round(2).tolist()
    [251.41, 10.47]
    """

    spec: DesignSpec
    products: CrossProducts
    sums: RowSums
    orders: dict
    weights: str | None = None

    @property
    def n_obs(self):
        """Rows."""
        return self.products.n_obs

    @property
    def n_groups(self):
        """Groups of every factor, a dict."""
        return {name: index.n_levels for name, index in self.spec.groups.items()}

    def __repr__(self):
        groups = ", ".join(f"{n:,} of {name}" for name, n in self.n_groups.items())
        return (
            f"Statistics of {self.n_obs:,} rows under `{self.spec.formula_text}`, "
            f"groups: {groups or 'none'}"
        )

    def __add__(self, other):
        if not isinstance(other, Statistics):
            return NotImplemented
        refuse_other_layout(self, other)
        groups, places = {}, ([], [])
        for factor in self.products.factors:
            name = factor.group
            both = self.spec.groups[name], other.spec.groups[name]
            groups[name], *found = unite(*both, self.orders)
            for own, place in zip(places, found, strict=True):
                own.append(place)
        sizes = [groups[factor.group].n_levels for factor in self.products.factors]
        one = recoded(self.products, places[0], sizes)
        two = recoded(other.products, places[1], sizes)
        return replace(
            self,
            spec=with_groups(self.spec, groups),
            products=one + two,
            sums=self.sums + other.sums,
        )

    def save(self, path):
        """Write the statistics to a file.

        Parameters
        ----------
        path : str or PathLike

        See Also
        --------
        load : Read them again.
        """
        with open(path, "wb") as file:
            pickle.dump((FORMAT, self), file, protocol=5)

    @staticmethod
    def load(path):
        """Read statistics that were saved; only from files that you trust.

        Parameters
        ----------
        path : str or PathLike

        Returns
        -------
        Statistics

        Raises
        ------
        ValueError
            For a file of something else, or of another version.

        See Also
        --------
        save : Write them.
        """
        with open(path, "rb") as file:
            found = pickle.load(file)
        if not (isinstance(found, tuple) and found[:1] == (FORMAT,)):
            raise SavedModelError(
                f"{path!r} holds no statistics of this version of skmixed ({FORMAT!r})."
            )
        return found[1]

    def settled(self):
        """What is fitted.

        Returns
        -------
        A : CrossProducts
        spec : DesignSpec
            With the typical values of all rows.
        alias_weights : ndarray or None
        moments : RowMoments or None

        Raises
        ------
        DoubtfulColumnsError
            Where sums cannot tell whether a column follows from others.
        """
        sums, n = self.sums, self.n_obs
        rounding = 8 * np.finfo(float).eps * sums.largest_y
        rounding *= np.sqrt(sums.total_weight / n)
        names = self.spec.coef_names
        A, alias = settle(self.products, sums.total_weight, rounding, names)
        spec = copy.copy(self.spec)
        typical = {name: (own.typical, False) for name, own in sums.summaries.items()}
        spec.typical = spec.typical | typical
        moments = sums.moments and moments_in(A, self.products, sums.moments)
        return A, spec, alias, moments


def moments_in(A, before, sums):
    """Second moments of the rows in the basis of a fit.

    Parameters
    ----------
    A, before : CrossProducts
        Settled, and as they were accumulated.
    sums : tuple of ndarray
        As :class:`RowSums` holds them.

    Returns
    -------
    RowMoments
    """
    n, fixed = A.n_obs, A.basis.fixed
    change = before.basis.fixed.coordinates[:, fixed.kept] @ fixed.to_raw
    products, total = sums[0][:-1, :-1], sums[0][-1, :-1] @ change
    scatter = change.T @ products @ change - np.outer(total, total) / n
    random = tuple(zz / n for zz in sums[1:])
    return RowMoments(scatter / max(n - 1, 1), random, total / n)


def with_groups(spec, groups):
    """A specification with other groups, in the formula's order."""
    spec = copy.copy(spec)
    spec.groups = {name: groups[name] for name in spec.groups}
    return spec


def refuse_other_layout(one, other):
    """Raise unless two statistics are of one design.

    Raises
    ------
    ValueError
    """
    names = {
        "formula_text": "formulas",
        "coef_names": "columns",
        "levels": "levels",
        "weights": "columns of weights",
    }
    for name, what in names.items():
        held = [getattr(s if name == "weights" else s.spec, name) for s in (one, other)]
        if held[0] != held[1]:
            raise StatisticsError(
                f"Statistics of different {what} do not add: {held[0]!r} and "
                f"{held[1]!r}."
            )
    if (one.sums.moments is None) != (other.sums.moments is None):
        raise StatisticsError(
            "Some of these rows have weights and others none, and their statistics do "
            "not add: give every row a weight, 1.0 where it counts as it is."
        )
    if not same_basis(one.products.basis, other.products.basis):
        raise StatisticsError(
            "These statistics were accumulated in different bases, each from a sample "
            "of its own rows, and do not add. Let the first model read the other rows: "
            "model.update(rows)."
        )
