"""Scaled residuals of any family: where responses stand among those simulated."""

import numpy as np
import pandas as pd
from scipy import stats

# Ties are broken at random by less than any two different responses differ.
JITTER = 1e-9


def scale_by_family(y, simulated, random_state):
    """Rank responses, and every simulation, among all.

    Parameters
    ----------
    y : ndarray of shape (n,)
    simulated : ndarray of shape (n, S)
    random_state : numpy RandomState

    Returns
    -------
    ndarray of shape (n, S + 1)
        Uniform between 0 and 1, ties broken at random; those of `y` come first.

    Notes
    -----
    Dunn and Smyth (1996), Journal of Computational and Graphical Statistics 5(3):
    randomised quantile residuals, with the distribution simulated.
    """
    together = np.column_stack([y, simulated])
    jitter = JITTER * random_state.uniform(size=together.shape)
    together = together + jitter * (1.0 + np.abs(together))
    rank = np.empty(together.shape, dtype=np.int32)
    places = np.arange(together.shape[1], dtype=np.int32)[None]
    np.put_along_axis(rank, together.argsort(axis=1), places, axis=1)
    return (rank + random_state.uniform(size=rank.shape)) / together.shape[1]


def family_tests(y, simulated, scaled):
    """Test responses against simulated ones.

    Parameters
    ----------
    y : ndarray of shape (n,)
    simulated : ndarray of shape (n, S)
    scaled : ndarray of shape (n, S + 1)
        As `scale_by_family` returns them.

    Returns
    -------
    DataFrame
        ``statistic``, ``expected`` and ``p_value``. ``uniformity``: Kolmogorov's
        distance of the scaled residuals; ``dispersion``: mean square about the mean of
        the simulations; ``zeros``: share of zeros; each held against its values in the
        simulations, which vary with their groups as the responses do. ``outliers``:
        rows beyond all simulations.
    """
    n, S = simulated.shape
    center = simulated.mean(axis=1, keepdims=True)
    together = np.column_stack([y, simulated])
    distances = [distance_to_uniform(column) for column in scaled.T]
    squares = np.mean((together - center) ** 2, axis=0)
    outside = (y < simulated.min(axis=1)) | (y > simulated.max(axis=1))
    rows = {
        "uniformity": one_sided(np.array(distances)),
        "dispersion": two_sided(squares / squares[1:].mean()),
        "zeros": two_sided(np.mean(together == 0, axis=0)),
        "outliers": (
            float(outside.sum()),
            n * 2.0 / (S + 1),
            stats.binomtest(int(outside.sum()), n, 2.0 / (S + 1), "greater").pvalue,
        ),
    }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["statistic", "expected", "p_value"]
    )


def distance_to_uniform(values):
    """Kolmogorov's distance between values and the uniform distribution."""
    n, ordered = len(values), np.sort(values)
    above = np.arange(1, n + 1) / n
    return float(max((above - ordered).max(), (ordered - above + 1.0 / n).max()))


def one_sided(values):
    """The first value, the mean of the others, and how many of them are as large."""
    p = (1 + np.sum(values[1:] >= values[0])) / len(values)
    return values[0], values[1:].mean(), p


def two_sided(values):
    """The same, to both sides."""
    above = np.mean(values >= values[0])
    below = np.mean(values <= values[0])
    return values[0], values[1:].mean(), min(1.0, 2.0 * min(above, below))
