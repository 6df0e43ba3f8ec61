"""What a fit takes where residuals covary or differ in spread."""

from dataclasses import dataclass

import numpy as np

from skmixed.estimators.dispersion import read_dispersion, refuse_beside, varying
from skmixed.estimators.residual_checks import check_times
from skmixed.formula.table.columns import FrameColumns
from skmixed.formula.table.design import DesignSpec
from skmixed.formula.table.residual import ResidualSpec
from skmixed.formula.text.residual import parse_residual
from skmixed.likelihood.covariance.names import BY_LAG
from skmixed.likelihood.covariance.residual import (
    canonical_residual,
    residual_structure,
)
from skmixed.likelihood.elimination.sizes import PER_SECOND
from skmixed.likelihood.products.blocks import LARGEST_BATCH, find_blocks, sizes_up
from skmixed.likelihood.search.blocks import check_sizes, is_grid, is_series
from skmixed.likelihood.search.patterns import MOST_VISITS, SMALL

# Evaluations of a search, and of one from several starts.
EVALUATIONS, SEVERAL = 8, 25
# Seconds of an evaluation whatever the data, and of an entry of V per parameter; small
# products of matrices are so many times slower than large ones.
EVALUATION_SECONDS, ENTRY_SECONDS, SLOWER = 2e-3, 2e-8, 5.0
# Copies of the rows of every subject at every visit while they are reduced.
CUBE_COPIES = 3
# Copies of V of all blocks; of those of a batch for every parameter.
V_COPIES, BATCH_COPIES = 4, 5
# Of products of visits with visits.
TENSORS = 7
# Copies of the rows in series, with those before and what is made of both.
SERIES_COPIES = 5


@dataclass(frozen=True, eq=False)
class ResidualSizes:
    """Sizes of a design whose residuals covary or differ in spread.

    Parameters
    ----------
    spec : ResidualSpec or None
    rows : ResidualRows or None
        Where the rows stand.
    n_rows, n_columns, n_gamma : int
        Rows, columns of [X y], columns of the dispersion.
    groups : list of str
        Grouping factors of the random effects.
    codes : list of ndarray of int of shape (n,)
        Of them.
    n_effects : list of int
        Of the factors.
    """

    spec: ResidualSpec | None
    rows: object
    n_rows: int
    n_columns: int
    n_gamma: int
    groups: list
    codes: list
    n_effects: list

    @classmethod
    def learn(cls, frame, residual, dispersion, formula, n_columns, codes, n_effects):
        """Read them from a table.

        Parameters
        ----------
        frame : data frame
            Without missing values.
        residual, dispersion : str or None
        formula : MixedFormula
        n_columns : int
        codes : dict of str to ndarray
        n_effects : dict of str to int

        Returns
        -------
        ResidualSizes
        """
        columns, spec, rows, n_gamma = FrameColumns(frame), None, None, 0
        if residual is not None:
            term = parse_residual(residual).with_structure(canonical_residual)
            refuse_beside(term, formula, dispersion)
            check_times(term, columns)
            most = MOST_VISITS if term.name in BY_LAG else None
            spec, rows = ResidualSpec.learn(term, columns, most)
        if dispersion is not None:
            found, design = DesignSpec.learn(read_dispersion(dispersion), columns)
            n_gamma = varying(found, design).shape[1]
        names = list(codes)
        return cls(
            spec,
            rows,
            len(frame),
            n_columns,
            n_gamma,
            names,
            [codes[name] for name in names],
            [n_effects[name] for name in names],
        )

    @property
    def solver(self):
        """Regime of the likelihood."""
        beside = bool(self.codes or self.n_gamma)
        if is_grid(self.spec, beside):
            return "patterns"
        return "markov" if is_series(self.spec, beside) else "blocks"

    def estimate(self):
        """Bytes of what is summed and of the solver, and the search's seconds.

        Returns
        -------
        products, elimination : int
        seconds : float
        """
        own = {"patterns": self.of_patterns, "markov": self.of_series}
        return own.get(self.solver, self.of_blocks)()

    def of_patterns(self):
        """Pseudo-subjects of the patterns of visits."""
        k, m, at = len(self.spec.visits), self.n_columns, self.rows
        n_subjects = int(at.subject.max()) + 1
        seen = np.zeros((n_subjects, k), dtype=bool)
        seen[at.subject, at.visit] = True
        patterns, counts = np.unique(seen, axis=0, return_counts=True)
        s = int(np.minimum(counts, patterns.sum(axis=1) * m).sum())
        cubes = 8 * n_subjects * k * m
        kept = 8 * k * m * s
        work = s * k**2 * m + len(patterns) * k**3 + min(s, k * m) * k**4
        seconds = EVALUATIONS * (SLOWER * work / PER_SECOND + EVALUATION_SECONDS)
        factored = 8 * 4 * len(patterns) * k**2 + 8 * TENSORS * k**4
        return CUBE_COPIES * cubes + kept, 3 * kept + factored, seconds

    def of_series(self):
        """Rows one after another."""
        rows = 8 * self.n_rows * self.n_columns
        seconds = EVALUATIONS * 6 * self.n_rows * self.n_columns**2 / PER_SECOND
        return 2 * rows, SERIES_COPIES * rows, seconds

    def of_blocks(self):
        """V of every block of rows that depend on one another."""
        groupings = list(self.codes)
        if self.rows is not None:
            groupings.append(self.rows.subject)
        block = find_blocks(groupings or [np.arange(self.n_rows)])
        check_sizes(block, groupings, self.groups, self.spec)
        sizes = np.bincount(block)
        padded = np.minimum(sizes_up(int(sizes.max()))[sizes], sizes.max())
        widths = self.n_columns + sum(self.n_effects) + 6 + self.n_gamma
        rows = 8 * int(padded.sum()) * widths
        squares, m = float((padded.astype(float) ** 2).sum()), self.n_theta
        batch = 8 * min(squares, LARGEST_BATCH) * BATCH_COPIES * (m + 2)
        cubes = float((padded.astype(float) ** 3).sum())
        several = SEVERAL if self.n_rows <= SMALL else EVALUATIONS
        once = 2.0 * cubes * (1 + m) / PER_SECOND + ENTRY_SECONDS * squares * m
        seconds = several * (once + EVALUATION_SECONDS)
        return 2 * rows, int(2 * rows + V_COPIES * 8 * squares + batch), seconds

    @property
    def n_theta(self):
        """Parameters of the covariances."""
        m = self.n_gamma + sum(k * (k + 1) // 2 for k in self.n_effects)
        if self.spec is None:
            return m
        times = self.spec.times if self.spec.by_visit else (0.0, 1.0)
        term = self.spec.term
        own = residual_structure(term.name, term.options, times)
        return m + own.n_theta * len(self.spec.levels)
