"""What warnings ask about a design, answered from its rows or from sums over them."""

import numpy as np

from skmixed.estimators.monomials import empty_block

# Rows that settle most questions about a column, before all rows are read.
FIRST_ROWS = 1000
# A sum of squares about group means below this, relative, is rounding.
WITHIN = 1e-11


class FactsOfRows:
    """Answers from rows.

    Parameters
    ----------
    design : Design
    """

    def __init__(self, design):
        self.design, self.blocks = design, design.random
        self.n_obs, self.n_fixed = design.X.shape

    def varies_within(self, place, effect):
        """Whether an effect's column of a random term varies within some group."""
        block = self.blocks[place]
        return varies_within(block.z[:, effect], block.codes)

    def means_between(self, place):
        """Group means of the fixed columns that do not vary within groups."""
        codes = self.blocks[place].codes
        between = [x for x in self.design.X.T if not varies_within(x, codes)]
        member = members(codes)
        return np.array([x[member] for x in between])

    def same_groups(self, one, other):
        """Whether two terms' factors divide the rows alike."""
        one, other = self.blocks[one], self.blocks[other]
        same = one.n_levels == other.n_levels
        return same and not varies_within(one.codes, other.codes)

    def indicate(self, block, effects):
        """Whether columns of a term hold nothing but zeros and ones."""
        return bool(np.isin(block.z[:, effects], (0, 1)).all())


class FactsOfSums:
    """The same answers from sums over the rows.

    Parameters
    ----------
    spec : DesignSpec
    A : CrossProducts
        With all fixed columns.
    """

    def __init__(self, spec, A):
        self.A, self.n_obs, self.n_fixed = A, A.n_obs, A.n_fixed
        terms = zip(
            spec.effects, spec.formula.random, spec.random_constants, strict=True
        )
        self.blocks = [
            empty_block(group, effects, term, spec.groups[group].n_levels, constant)
            for (group, effects), term, constant in terms
        ]

    def ones(self, place):
        """The constant, and the rows of every group, from a term that holds it.

        Returns
        -------
        one : ndarray of shape (k_j,)
            As a combination of the factor's columns in the basis.
        n : ndarray of shape (G_j,)
            Weights of the groups.
        """
        factor, positions, _ = self.A.terms[place]
        raw = np.zeros(self.A.factors[factor].n_effects)
        raw[list(positions)] = self.blocks[place].constant
        one = np.linalg.solve(self.A.basis.random[factor].to_raw, raw)
        return one, one @ np.tensordot(one, self.A.ZtZ[factor], 1)

    def varies_within(self, place, effect):
        """Whether an effect's column of a random term varies within some group."""
        factor, positions, _ = self.A.terms[place]
        one, n = self.ones(place)
        ZtZ, k = self.A.ZtZ[factor], positions[effect]
        sums = one @ ZtZ[:, k]
        within = (ZtZ[k, k] - sums**2 / n).sum()
        return bool(within > WITHIN * ZtZ[k, k].sum())

    def means_between(self, place):
        """Group means of the fixed columns that do not vary within groups."""
        one, n = self.ones(place)
        p = self.A.n_fixed
        sums = np.tensordot(one, self.A.ZtXy[self.A.terms[place][0]][:, :p], 1)
        squares = np.diag(self.A.gram)[:p]
        within = squares - (sums**2 / n).sum(axis=1)
        return (sums / n)[within <= WITHIN * squares]

    def same_groups(self, one, other):
        """Whether two terms' factors divide the rows alike."""
        wanted = {self.A.terms[one][0], self.A.terms[other][0]}
        pair = next(p for p in self.A.pairs if {p.first, p.second} == wanted)
        return len(pair.indices) == len(pair.indptr) - 1 == pair.n_second

    def indicate(self, block, effects):
        """Whether columns of a term are as indicators of levels are."""
        place = next(k for k, own in enumerate(self.blocks) if own is block)
        factor, positions, _ = self.A.terms[place]
        one, _ = self.ones(place)
        back = self.A.basis.random[factor].coordinates
        total = self.A.ZtZ[factor].sum(axis=2)
        products = back.T @ total @ back
        sums = one @ total @ back
        own = [positions[k] for k in effects]
        gap = products[np.ix_(own, own)] - np.diag(sums[own])
        return bool(np.abs(gap).max(initial=0.0) <= WITHIN * np.abs(sums[own]).sum())


def members(codes):
    """Find one row of every group."""
    member = np.zeros(codes.max() + 1, dtype=np.intp)
    member[codes] = np.arange(len(codes))
    return member


def varies_within(column, codes):
    """Tell whether some group has two values in a column."""
    for rows in (slice(FIRST_ROWS), slice(None)):
        values, group = column[rows], codes[rows]
        if (values != values[members(group)][group]).any():
            return True
    return False
