"""One seam for all regimes: random effects integrated out of [Z X y].

The marginal covariance relative to sigma^2 is V = I + sum_j Z_j (I (x) Psi_j) Z_j' with
Psi_j = Lambda_j Lambda_j'. Deviance, optimiser, inference and prediction see an
elimination only through the contract below and never know which regime ran.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from skmixed.errors import ArgumentError
from skmixed.likelihood.elimination.batched import BatchedElimination
from skmixed.likelihood.elimination.crossed import CrossedElimination
from skmixed.likelihood.elimination.dense import DenseElimination
from skmixed.likelihood.elimination.indefinite import IndefiniteElimination
from skmixed.likelihood.elimination.nested import NestedElimination
from skmixed.likelihood.elimination.none import NoEffects
from skmixed.likelihood.elimination.sizes import available_memory, sizes_of_products
from skmixed.likelihood.elimination.sparse import SparseElimination
from skmixed.likelihood.elimination.stochastic import StochasticElimination
from skmixed.likelihood.linalg.probes import Probes

# The order decides between regimes that both take but a moment.
REGIMES = (
    NoEffects,
    BatchedElimination,
    DenseElimination,
    NestedElimination,
    CrossedElimination,
    SparseElimination,
    StochasticElimination,
)
# Those that serve weights that change from step to step, some of them negative: chains
# before dense matrices, for an exact Hessian is not to be had anyway.
REWEIGHTED = (
    NoEffects,
    IndefiniteElimination,
    NestedElimination,
    DenseElimination,
    CrossedElimination,
    SparseElimination,
)
# Those that leave nothing to chance.
EXACT = tuple(regime for regime in REGIMES if not regime.estimates)
# Seconds, and share of the machine's memory, beyond which the likelihood of crossed
# factors is estimated unless somebody asks for an exact fit.
PATIENCE, MEMORY_SHARE = 60.0, 0.5
# Multiplications that pass in a moment: fewer of them save no time.
MOMENT = 600.0**3


class Elimination(Protocol):
    """A regime on a design: what does not depend on theta.

    Attributes
    ----------
    name : str
    estimates : bool
        Whether log-determinants and traces are estimated by random probes.
    exact : bool
        Whether ``kronecker_sums`` gives all that the exact Hessian needs; otherwise the
        curvature is the average information.
    n_dense : int
        Of the largest dense matrix that it factors.
    plain : Elimination
        The one that takes steps, where this one is ``curved``.
    """

    name: str
    estimates: bool
    exact: bool
    n_dense: int
    plain: "Elimination"

    def curved(self, Lambdas):
        """Give one with an exact Hessian near some Lambdas, at more cost, or itself."""

    @classmethod
    def bid(cls, sizes):
        """Say what a factorisation takes of a design; None if it is not for it.

        Parameters
        ----------
        sizes : DesignSizes

        Returns
        -------
        Bid or None
        """

    def factor(self, Lambdas):
        """Factor V at some Lambdas.

        Parameters
        ----------
        Lambdas : list of ndarray of shape (k_j, k_j)

        Returns
        -------
        Factored

        Raises
        ------
        numpy.linalg.LinAlgError
            Where V is not positive definite to working precision.
        """

    def with_columns(self, A):
        """Give the elimination of other columns [X y] with the same random effects.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        Elimination
        """

    def reweighted(self, A):
        """Give the elimination of the same rows with other weights.

        Parameters
        ----------
        A : CrossProducts

        Returns
        -------
        Elimination
        """


class Factored(Protocol):
    """V at one theta, a value: questions in any order, any number of times.

    Attributes
    ----------
    logdet_V : float
    S : ndarray of shape (m, m)
        ``[X y]'V^-1[X y]``.
    F : list of ndarray of shape (k_j, m, G_j)
        ``Z_j'V^-1[X y]``, found when first asked for, as all that follows.
    P : list of ndarray of shape (k_j, k_j, G_j)
        Diagonal blocks of ``Z_j'V^-1 Z_j``, level by level.
    C : list of ndarray of shape (k_j, k_j, G_j)
        Diagonal blocks of ``(Z'Z + Psi^-1)^-1``: relative covariances of b given the
        data, level by level.
    traces : list of ndarray of shape (k_j, k_j)
        Sums of P over levels.
    """

    logdet_V: float
    S: np.ndarray
    F: list
    P: list
    C: list
    traces: list

    def apply(self, directions):
        """Return ``Z'V^-1 Z U`` for a list U of arrays of shape (k_j, c, G_j)."""

    def times(self, directions):
        """Return ``Z'Z U`` for a list U of arrays of shape (k_j, c, G_j)."""

    def reduce(self, columns):
        """Return ``Z'V^-1 c`` for columns c of rows that are given as ``Z'c``."""

    def newton(self, slopes):
        """Return ``(I + Lambda'Z'Z Lambda)^-1 g`` for a list g of arrays (k_j, G_j)."""

    def between(self, j, h, levels_j, levels_h):
        """Return covariances of b given the data, of shape (k_j, k_h, n), over sigma^2.

        Of levels of two factors, whether they meet or not.
        """

    def kronecker_sums(self, f, whitened):
        """Sums over pairs of levels g of factor j and h of factor l.

        Parameters
        ----------
        f : list of ndarray of shape (k_j, G_j)
            ``Z'V^-1(y - X beta)``.
        whitened : list of ndarray of shape (k_j, p, G_j) or None
            ``Z'V^-1 X R^-1`` with ``R'R = X'V^-1 X``; None for ML.

        Returns
        -------
        PP, Pff, PFF : dict (j, l) -> ndarray of shape (k_j, k_l, k_j, k_l), or None
            ``sum P_gh[a, b] Q_gh[c, d]`` with Q the block of ``Z'V^-1 Z``, of ``f f'``
            and of ``F_X (X'V^-1 X)^-1 F_X'``. PP and PFF may be None.
        """


def choose_elimination(A, name=None, rough=False):
    """Choose the regime that fits the design.

    Parameters
    ----------
    A : CrossProducts
        With ``probes`` where the likelihood is to be estimated.
    name : str, optional
        A regime by name, for tests.
    rough : bool, default=False
        Whether derivatives need only be good enough for an optimiser's steps.

    Returns
    -------
    Elimination

    Raises
    ------
    ValueError
        If no exact regime fits into the machine's memory.
    """
    return choose_among(REGIMES, A, name, rough)


def choose_reweighted(A, name=None):
    """Choose the regime for weights that change and need not be positive.

    Parameters
    ----------
    A : CrossProducts
    name : str, optional
        A regime by name, for tests.

    Returns
    -------
    Elimination

    Raises
    ------
    ValueError
        If no such regime fits into the machine's memory.
    """
    return choose_among(REWEIGHTED, A, name)


def choose_among(regimes, A, name=None, rough=False):
    """Choose one of some regimes; see :func:`choose_elimination`."""
    if name is not None:
        return next(regime for regime in regimes if regime.name == name)(A, rough)
    sizes = sizes_of_products(A)
    if A.probes is not None:
        return best_bid(sizes, "stochastic")[0](A, rough)
    regimes = [regime for regime in regimes if not regime.estimates]
    taken = (regime.take(A, sizes, rough) for regime, _ in ranked_bids(sizes, regimes))
    return next(elimination for elimination in taken if elimination is not None)


def best_bid(sizes, solver="exact"):
    """Take the best bid for a design.

    Parameters
    ----------
    sizes : DesignSizes
    solver : {"exact", "auto", "stochastic"}, default="exact"
        The cheapest of the exact ones; with "auto" one that estimates the likelihood
        where that would take more than a minute or half the memory.

    Returns
    -------
    regime : type
        Of ``REGIMES``.
    bid : Bid

    Raises
    ------
    ValueError
        If a likelihood cannot be estimated that is asked to be.
    """
    found = next(ranked_bids(sizes, EXACT))
    if solver == "exact":
        return found
    estimating = list(ranked_bids(sizes, [r for r in REGIMES if r.estimates]))
    if solver == "stochastic":
        if not estimating:
            refuse_to_estimate(sizes)
        return estimating[0]
    return estimating[0] if estimating and is_too_much(found[1]) else found


def is_too_much(bid):
    """Whether an exact fit is more than people wait for, or than leaves room."""
    large = bid.bytes > MEMORY_SHARE * available_memory()
    return large or bid.fit_seconds > PATIENCE


def refuse_to_estimate(sizes):
    """Raise for a design that an exact regime fits in a moment.

    Raises
    ------
    ValueError
    """
    factors = " within ".join(f"`{group}`" for group in sizes.groups)
    raise ArgumentError(
        "solver='stochastic' is for grouping factors that cross; this model has "
        f"{factors or 'no random effects'}, which solver='auto' fits exactly and "
        "faster."
    )


def ranked_bids(sizes, regimes=EXACT):
    """Yield all bids for a design, the cheapest first; see :func:`best_bid`."""
    others = []
    for regime in regimes:
        bid = regime.bid(sizes)
        if bid is not None and bid.flops <= MOMENT:  # none comes before it
            yield regime, bid
        elif bid is not None:
            others.append((regime, bid))
    yield from sorted(others, key=lambda found: found[1].flops)


def bid_for(A):
    """Take the best bid for the design of some cross-products.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    Bid
    """
    return regime_for(A)[1]


def regime_for(A):
    """Regime that some cross-products are for, and its bid; see :func:`best_bid`."""
    solver = "exact" if A.probes is None else "stochastic"
    return best_bid(sizes_of_products(A), solver)


def with_probes(A, solver, seed=0):
    """Decide whether the likelihood of some cross-products is estimated.

    Parameters
    ----------
    A : CrossProducts
    solver : {"auto", "exact", "stochastic"}
    seed : int, default=0
        Of the probes.

    Returns
    -------
    CrossProducts
        With ``probes`` where it is; those that have some keep them.
    """
    if A.probes is not None or solver == "exact":
        return A
    sizes = sizes_of_products(A)
    if not best_bid(sizes, solver)[0].estimates:
        return A
    if solver == "auto":
        looks = [regime.look(A) for regime, _ in ranked_bids(sizes)]
        if any(bid is not None and not is_too_much(bid) for bid in looks):
            return A
    return replace(A, probes=Probes(seed))


def exact_elimination(A):
    """Choose a regime whose Kronecker sums are complete, whatever it costs.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    Elimination
    """
    return (BatchedElimination if len(A.factors) == 1 else DenseElimination)(A)
