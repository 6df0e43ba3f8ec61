"""How many BLAS threads a computation is worth."""

from functools import cache

from threadpoolctl import ThreadpoolController

# Dense matrices from this many columns on are worth more than one BLAS thread. Below,
# and on skinny products of any length, waiting for each other costs more than it gives.
THREADED = 3000


@cache
def thread_pools():
    """The process's thread pools; to find them costs as much as a small fit."""
    return ThreadpoolController()


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
    limit = 1 if columns < THREADED else None
    return thread_pools().limit(limits=limit, user_api="blas")
