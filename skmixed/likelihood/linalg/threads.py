"""How many BLAS threads a computation is worth."""

from contextlib import nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

# Dense matrices from this many columns on are worth more than one BLAS thread. Below,
# and on skinny products of any length, waiting for each other costs more than it gives.
THREADED = 3000


@cache
def blas_pools():
    """The process's BLAS pools; to find them costs as much as a small fit."""
    return ThreadpoolController().select(user_api="blas")


def blas_threads(columns=0):
    """Limit the BLAS threads of a computation to what it is worth.

    Parameters
    ----------
    columns : int, default=0
        Of the largest dense matrix that it factors.

    Returns
    -------
    context manager
    """
    pools = blas_pools()
    needless = columns >= THREADED or all(
        pool.num_threads == 1 for pool in pools.lib_controllers
    )
    return nullcontext() if needless else pools.limit(limits=1)
