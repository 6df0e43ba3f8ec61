"""Within and between: a column cut into its group means and what is left of it."""

import numpy as np
import pandas as pd
from formulaic.transforms import stateful_transform

from skmixed.formula.table.groups import GroupIndex

__all__ = ["GROUP_MEANS", "between", "within"]


@stateful_transform
def between(x, g, _state=None):
    """Return the mean of ``x`` in the group of each row, as learnt in fit.

    Parameters
    ----------
    x : array-like of shape (n,)
    g : pandas.Series of shape (n,)
        Groups.

    Returns
    -------
    ndarray of shape (n,)
        The overall mean for a group that was not seen in fit, NaN for a missing one.
    """
    return group_means(x, g, _state)


@stateful_transform
def within(x, g, _state=None):
    """Return ``x`` less its group's mean, as learnt in fit.

    Parameters
    ----------
    x : array-like of shape (n,)
    g : pandas.Series of shape (n,)
        Groups.

    Returns
    -------
    ndarray of shape (n,)
        Deviations from the overall mean for a group that was not seen in fit.
    """
    return np.asarray(x, dtype=float) - group_means(x, g, _state)


def group_means(x, g, state):
    """Learn the group means, or look them up."""
    x, frame = np.asarray(x, dtype=float), pd.DataFrame({g.name: np.asarray(g)})
    if "groups" in state:
        codes = state["groups"].encode(frame)
    else:
        index, codes = GroupIndex.learn(g.name, (g.name,), frame)
        seen = (codes >= 0) & ~np.isnan(x)
        sums = np.bincount(codes[seen], weights=x[seen], minlength=index.n_levels)
        sizes = np.bincount(codes[seen], minlength=index.n_levels)
        overall = float(x[seen].mean())
        # the last mean is that of groups not seen, which have the code -1
        means = np.append(sums / np.maximum(sizes, 1), overall)
        means[:-1][sizes == 0] = overall
        state.update(groups=index, means=means)
    return np.where(g.isna().to_numpy(), np.nan, state["means"][codes])


GROUP_MEANS = {"between": between, "within": within}
