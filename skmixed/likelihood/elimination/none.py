"""The regime of designs without random effects: V is the identity."""

from skmixed.likelihood.elimination.factored import Factorisation, Regime
from skmixed.likelihood.elimination.sizes import Bid


class NoEffects(Regime):
    """Least squares: there is nothing to eliminate.

    See :class:`skmixed.likelihood.elimination.regime.Elimination` for the contract.

    Parameters
    ----------
    A : CrossProducts
        Without factors.
    """

    name = "least squares"

    @classmethod
    def bid(cls, sizes):
        """Bid for designs without random effects."""
        return None if sizes.groups else Bid(float(sizes.n_columns) ** 3, 0)

    def set_up(self, A):
        """Need nothing of random effects."""

    def take_columns(self, A):
        """Take [X y] from cross-products."""
        self.gram = A.gram

    def factor(self, Lambdas):
        """V = I."""
        return Unfactored(self.gram)


class Unfactored(Factorisation):
    """V = I, of which there is little to ask.

    Parameters
    ----------
    gram : ndarray of shape (m, m)
    """

    def __init__(self, gram):
        super().__init__([])
        self.logdet_V, self.S = 0.0, gram
        self.F = []

    @property
    def P(self):
        """No blocks."""
        return []

    C = P

    def times(self, directions):
        """Z'WZ times no directions."""
        return []

    reduce = times

    def kronecker_sums(self, f, whitened):
        """No pair of levels."""
        return {}, {}, {}
