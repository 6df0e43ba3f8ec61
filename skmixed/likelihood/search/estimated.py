"""The search of an estimated likelihood, with as many probes as theta needs."""

from dataclasses import replace

import numpy as np

from skmixed.likelihood.search.chance import theta_errors
from skmixed.likelihood.search.search import covary, search

# Probes are enough where they leave this share of the data's own uncertainty to chance,
# or where they are so many.
ENOUGH, MOST_PROBES = 0.01, 512


def search_with_probes(A, reml, regime=None, **options):
    """Minimise a deviance, with probes doubled while they leave much to chance.

    Parameters
    ----------
    A : CrossProducts
        With ``probes`` where the deviance is to be estimated.
    reml, regime, options
        As of :func:`skmixed.likelihood.search.search.search`.

    Returns
    -------
    deviance : ProfiledDeviance
    optimum : Optimum
        With ``errors``, where there are probes.
    """
    deviance, optimum = search(A, reml, regime, **options)
    while A.probes is not None and len(optimum.theta):
        probes, data, decrement = theta_errors(deviance, optimum.theta)
        optimum = replace(optimum, errors=probes, decrement=decrement)
        enough = np.diag(probes) <= ENOUGH**2 * np.abs(np.diag(data))
        if enough.all() or A.probes.count >= MOST_PROBES:
            break
        # in another basis theta means something else
        start = None if covary(deviance) else optimum.theta
        del deviance  # it is as large as what comes now
        A = replace(A, probes=A.probes.doubled())
        deviance, optimum = search(A, reml, regime, start, **options)
    return deviance, optimum
