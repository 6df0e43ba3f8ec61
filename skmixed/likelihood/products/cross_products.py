"""Cross-products: all that the likelihood needs of the data.

Everything is a sum over rows, so the cross-products of chunks add up to those of the
whole table, and their size grows with the groups, not with the rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.errors import StatisticsError
from skmixed.likelihood.covariance.structure import Term
from skmixed.likelihood.linalg.probes import Probes
from skmixed.likelihood.products.basis import Basis, same_basis
from skmixed.likelihood.products.pairs import PairBlocks, add_pairs
from skmixed.likelihood.products.rows import Factor


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Weighted cross-products of [Z X y] in a frozen basis, with m = r + 1 columns.

    Parameters
    ----------
    basis : Basis
    factors : tuple of Factor
    gram : ndarray of shape (m, m)
        ``[X y]'W[X y]``.
    ZtZ : tuple of ndarray of shape (k_i, k_i, G_i)
        The diagonal blocks ``Z_i'W Z_i``, group axis last.
    ZtXy : tuple of ndarray of shape (k_i, m, G_i)
    pairs : tuple of PairBlocks
        For every two factors.
    n_obs : int
    sum_log_weights : float
    terms : tuple of Term
        The random terms as written.
    sigma : float or None, default=None
        Residual standard deviation of a row of weight 1, where it is known.
    probes : Probes or None, default=None
        Where the likelihood is to be estimated, by which random signs.
    """

    basis: Basis
    factors: tuple[Factor, ...]
    gram: np.ndarray
    ZtZ: tuple[np.ndarray, ...]
    ZtXy: tuple[np.ndarray, ...]
    pairs: tuple[PairBlocks, ...]
    n_obs: int
    sum_log_weights: float
    terms: tuple[Term, ...]
    sigma: float | None = None
    probes: Probes | None = None

    @property
    def n_fixed(self):
        """Number of fixed-effects columns that are not aliased."""
        return len(self.gram) - 1

    def __str__(self):
        lines = [f"Cross-products of {self.n_obs:,} rows, {self.n_fixed} fixed effects"]
        for factor in self.factors:
            effects = " + ".join(factor.effects)
            lines.append(
                f"  {factor.group}: {factor.n_levels:,} levels x {factor.n_effects} "
                f"({effects}), block diagonal"
            )
        for pair in self.pairs:
            names = [self.factors[j].group for j in (pair.first, pair.second)]
            shape = "nested in" if pair.nested else "crossed with"
            cells = self.factors[pair.first].n_levels * pair.n_second
            lines.append(
                f"  {names[0]} {shape} {names[1]}: {len(pair.indices):,} of {cells:,} "
                "blocks"
            )
        return "\n".join(lines)

    def __add__(self, other):
        if not same_basis(self.basis, other.basis):
            raise StatisticsError(
                "Cross-products add only when they were accumulated in one basis: pass "
                "`basis=first.basis` to cross_products for every further chunk."
            )
        if [f.n_levels for f in self.factors] != [f.n_levels for f in other.factors]:
            raise StatisticsError(
                "Cross-products add only when their groups are coded alike; the "
                f"numbers of levels are {[f.n_levels for f in self.factors]} and "
                f"{[f.n_levels for f in other.factors]}."
            )
        return replace(
            self,
            gram=self.gram + other.gram,
            ZtZ=tuple(a + b for a, b in zip(self.ZtZ, other.ZtZ, strict=True)),
            ZtXy=tuple(a + b for a, b in zip(self.ZtXy, other.ZtXy, strict=True)),
            pairs=tuple(map(add_pairs, self.pairs, other.pairs)),
            n_obs=self.n_obs + other.n_obs,
            sum_log_weights=self.sum_log_weights + other.sum_log_weights,
        )

    def __sub__(self, other):
        """Cross-products of the rows that are not among those of `other`."""
        less = replace(
            other,
            gram=-other.gram,
            ZtZ=tuple(-block for block in other.ZtZ),
            ZtXy=tuple(-block for block in other.ZtXy),
            pairs=tuple(replace(pair, data=-pair.data) for pair in other.pairs),
            n_obs=-other.n_obs,
            sum_log_weights=-other.sum_log_weights,
        )
        return self + less
