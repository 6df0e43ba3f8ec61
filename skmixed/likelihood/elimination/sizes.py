"""What a design's regime and memory depend on: its sizes, and which groups meet."""

import itertools
import os
from dataclasses import dataclass

import numpy as np

from skmixed.errors import TooLargeError
from skmixed.likelihood.linalg.scatter import PAIR_BUDGET, PAIR_CHUNK
from skmixed.likelihood.linalg.stack import leading_factor
from skmixed.printing.numbers import say_duration

# Copies of the cross-products: sums, parts of them, and those in another basis.
PRODUCT_COPIES = 4
# Copies of the dense complement, with the inverse and what is gathered from it, for
# factors of one effect each and for others.
COMPLEMENT_COPIES = (1.5, 2.5)
# Multiplications of products of matrices that take a second, and how many of them take
# as long as one of the levels' own blocks.
PER_SECOND = 2e10
BLOCK_COST = 150.0
# The same of a product that is listed by its place in a sparse matrix.
PAIR_FLOPS = 600.0
# Factorisations that a fit takes: about four evaluations, of which large products of
# matrices do nearly two at a time.
FIT_FACTORISATIONS = 2.5
# Share of the machine's memory that an exact fit may take.
MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class Bid:
    """What a regime takes for one factorisation with its derivatives.

    Parameters
    ----------
    flops : float
        Multiplications, as products of matrices do them.
    bytes : int
        Memory that the regime works in beyond the cross-products.
    columns : int, default=0
        Of the largest dense matrix that it factors.
    """

    flops: float
    bytes: int
    columns: int = 0

    @property
    def seconds(self):
        """Roughly what it takes on one core."""
        return self.flops / PER_SECOND

    @property
    def fit_seconds(self):
        """Roughly what a fit takes on one core, its rows once summed."""
        return FIT_FACTORISATIONS * self.seconds


@dataclass(frozen=True, eq=False)
class DesignSizes:
    """Sizes of a design, whether read from its codes or from its cross-products.

    Parameters
    ----------
    n_columns : int
        Of [X y].
    groups : tuple of str
        The grouping factors.
    n_levels, n_effects : tuple of int
        Per factor.
    meetings : dict of tuple (i, j) to ndarray of shape (G_i,)
        For every two factors, in either order, how many levels of j each level of i
        meets.
    """

    n_columns: int
    groups: tuple[str, ...]
    n_levels: tuple[int, ...]
    n_effects: tuple[int, ...]
    meetings: dict[tuple[int, int], np.ndarray]

    @property
    def n_random(self):
        """Random effects of every factor: levels times effects."""
        return tuple(G * k for G, k in zip(self.n_levels, self.n_effects, strict=True))

    @property
    def nested(self):
        """Whether of any two factors the finer lies within the coarser."""
        return all(
            self.meetings[i, j].sum() == max(self.n_levels[i], self.n_levels[j])
            for i, j in itertools.combinations(range(len(self.groups)), 2)
        )


def sizes_of_products(A):
    """Read the sizes of a design from its cross-products.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    DesignSizes
    """
    meetings = {}
    for pair in A.pairs:
        counts = count_meetings(pair.indptr, pair.indices, pair.n_second)
        meetings[pair.first, pair.second], meetings[pair.second, pair.first] = counts
    return DesignSizes(
        n_columns=len(A.gram),
        groups=tuple(factor.group for factor in A.factors),
        n_levels=tuple(factor.n_levels for factor in A.factors),
        n_effects=tuple(factor.n_effects for factor in A.factors),
        meetings=meetings,
    )


def count_meetings(indptr, indices, n_second):
    """Count, for each level of two factors, the levels of the other that it meets.

    Parameters
    ----------
    indptr : ndarray of int of shape (G_i + 1,)
    indices : ndarray of int of shape (n_pairs,)
        Compressed rows: levels of the second that each level of the first meets.
    n_second : int

    Returns
    -------
    of_first : ndarray of shape (G_i,)
    of_second : ndarray of shape (G_j,)
    """
    return np.diff(indptr), np.bincount(indices, minlength=n_second)


def product_bytes(sizes):
    """Estimate the cross-products of the random effects, with copies while summing.

    Parameters
    ----------
    sizes : DesignSizes

    Returns
    -------
    int
    """
    return (
        PRODUCT_COPIES
        * 8
        * sum(
            size * (sizes.n_columns + k)
            for size, k in zip(sizes.n_random, sizes.n_effects, strict=True)
        )
    )


def block_bytes(sizes):
    """Estimate what the levels' own blocks take while a regime works on them.

    Parameters
    ----------
    sizes : DesignSizes

    Returns
    -------
    int
    """
    return 8 * sum(
        G * k * (5 * k + 4 * sizes.n_columns)
        for G, k in zip(sizes.n_levels, sizes.n_effects, strict=True)
    )


def block_flops(sizes):
    """Multiplications for the levels' own blocks, each with all effects it meets.

    Parameters
    ----------
    sizes : DesignSizes

    Returns
    -------
    float
    """
    k_all = sum(sizes.n_effects)
    return BLOCK_COST * float(
        sum(
            G * k * k_all * (k_all + sizes.n_columns)
            for G, k in zip(sizes.n_levels, sizes.n_effects, strict=True)
        )
    )


def complement_pairs(sizes):
    """Count the pairs that a leading level's effects make of those it meets.

    Parameters
    ----------
    sizes : DesignSizes

    Returns
    -------
    float
        With those of the leading level's own effects: the products that add up to the
        complement.
    """
    leading, others = leading_factor(sizes.n_random)
    k = sizes.n_effects[leading]
    met = np.zeros(sizes.n_levels[leading])
    for j in others:
        met += sizes.n_effects[j] * sizes.meetings[leading, j]
    return float(met @ (met + 1) / 2 * k * (k + 1) / 2)


def complement_bytes(sizes, m2):
    """Estimate the dense complement of a crossed design, and its listed pairs.

    Parameters
    ----------
    sizes : DesignSizes
    m2 : int
        Columns of the complement.

    Returns
    -------
    int
    """
    pairs = min(complement_pairs(sizes), PAIR_BUDGET)
    copies = COMPLEMENT_COPIES[max(sizes.n_effects) > 1]
    return int(8 * copies * m2**2 + 12 * pairs + 6 * 8 * min(PAIR_CHUNK, pairs))


def check_memory(sizes, bid):
    """Refuse a crossed design whose dense complement would not fit into memory.

    Parameters
    ----------
    sizes : DesignSizes
    bid : Bid

    Raises
    ------
    ValueError
        With the estimates of memory and time, and what would help.
    """
    limit = MEMORY_SHARE * available_memory()
    if bid.bytes <= limit:
        return
    ranked = sorted(zip(sizes.n_random, sizes.groups, strict=True), reverse=True)
    raise TooLargeError(
        f"An exact fit of these crossed factors needs about {bid.bytes / 1e9:.1f} GB "
        f"and {say_duration(bid.fit_seconds)}, and {limit / 1e9:.1f} GB are to be had. "
        "Memory grows with the square, time with the cube of the random effects of all "
        "factors but the largest: "
        f"{', '.join(f'`{group}` {size:,}' for size, group in ranked)}. Leave out the "
        "second largest, or merge its levels."
    )


def available_memory():
    """Bytes of memory of the machine; infinite where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return np.inf
