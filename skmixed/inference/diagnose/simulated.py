"""Scaled residuals: where every row stands among responses that the model simulates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from skmixed.printing.progress import count_done

# Normal deviates drawn at a time.
DRAWS = 4_000_000
# Cells of the distribution in which residuals are counted.
CELLS = 1024


@dataclass(frozen=True, eq=False)
class ScaledResiduals:
    """Residuals ranked among simulated ones.

    Parameters
    ----------
    scaled : ndarray of shape (n,)
        Uniform on (0, 1) if the model is right: the share of simulations below, at a
        random place between neighbours.
    outside : ndarray of bool of shape (n,)
        Rows beyond all simulations.
    mean_square, distance : float
        Of the residuals; `distance` is Kolmogorov's, from the normal distribution of
        their own variance.
    mean_squares, distances : ndarray of shape (S,)
        Of the simulations.
    """

    scaled: np.ndarray
    outside: np.ndarray
    mean_square: float
    distance: float
    mean_squares: np.ndarray
    distances: np.ndarray


def scale_by_simulation(residuals, basis, n_simulations, random_state, verbose=None):
    """Rank independent residuals among simulated ones.

    Parameters
    ----------
    residuals : ndarray of shape (n,)
        As `rotate_residuals` returns them.
    basis : ndarray of shape (n, r)
        Orthonormal; every simulated response is refitted, which makes its residuals
        orthogonal to it too.
    n_simulations : int
    random_state : numpy RandomState
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    ScaledResiduals
    """
    n = len(residuals)
    below, mean_squares, distances = np.zeros(n), [], []
    step = max(DRAWS // n, 1)
    with count_done(
        n_simulations, "simulated residuals", "simulations", verbose
    ) as done:
        for start in range(0, n_simulations, step):
            size = (min(step, n_simulations - start), n)
            draws = random_state.standard_normal(size)
            draws -= (draws @ basis) @ basis.T
            below += (draws < residuals).sum(axis=0)
            mean_squares.append(np.mean(draws**2, axis=1))
            distances += [distance_from_normal(draw) for draw in draws]
            done(len(draws))
    return ScaledResiduals(
        scaled=(below + random_state.uniform(size=n)) / (n_simulations + 1),
        outside=(below == 0) | (below == n_simulations),
        mean_square=float(np.mean(residuals**2)),
        distance=distance_from_normal(residuals),
        mean_squares=np.concatenate(mean_squares),
        distances=np.array(distances),
    )


def distance_from_normal(residuals):
    """Largest distance between two distribution functions, on a grid of cells.

    Parameters
    ----------
    residuals : ndarray of shape (n,)
        Compared with the normal distribution of mean 0 and of their mean square.

    Returns
    -------
    float
    """
    scale = np.sqrt(np.mean(residuals**2))
    cell = np.minimum((CELLS * ndtr(residuals / scale)).astype(np.intp), CELLS - 1)
    counts = np.bincount(cell, minlength=CELLS)
    reached = np.cumsum(counts) / len(residuals)
    return float(np.abs(reached - np.arange(1, CELLS + 1) / CELLS).max())


def residual_tests(found, fitted):
    """Test scaled residuals for what a wrong model does to them.

    Parameters
    ----------
    found : ScaledResiduals
    fitted : ndarray of shape (n,)

    Returns
    -------
    DataFrame
        ``statistic``, ``expected`` and ``p_value`` of four tests. ``uniformity``:
        Kolmogorov's distance, held against that of the simulations, which have their
        parameters estimated as well. ``dispersion``: mean square relative to the
        simulations'. ``outliers``: rows beyond all simulations, binomial. ``spread``:
        rank correlation of the residuals' size with the fitted values.
    """
    n, S = len(found.scaled), len(found.distances)
    farther = (1 + (found.distances >= found.distance).sum()) / (S + 1)
    rank = (1 + (found.mean_squares < found.mean_square).sum()) / (S + 2)
    outliers = stats.binomtest(int(found.outside.sum()), n, 2.0 / (S + 1))
    slope = (0.0, 1.0)
    if np.ptp(fitted) > 0:
        slope = stats.spearmanr(np.abs(found.scaled - 0.5), fitted)
    rows = {
        "uniformity": (found.distance, found.distances.mean(), farther),
        "dispersion": (
            found.mean_square / found.mean_squares.mean(),
            1.0,
            2 * min(rank, 1 - rank),
        ),
        "outliers": (found.outside.sum(), n * 2.0 / (S + 1), outliers.pvalue),
        "spread": (slope[0], 0.0, slope[1]),
    }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["statistic", "expected", "p_value"]
    )
