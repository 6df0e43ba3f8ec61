"""How much of a residual variance is the error of a regressor that was cross-fitted."""

import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_random_state

from skmixed.errors import IdentifiabilityError
from skmixed.estimators.cross_fitting import PREDICTED, fit_on
from skmixed.estimators.linear import MixedLinearRegressor

# Folds whose other rows are halved, and rows that a half must have.
FOLDS, FEWEST_ROWS = 2, 50


def error_of_regressor(model, base, text, frame, y, cross_fitted):
    """Variance that the error of f(X) adds to the residuals, within groups.

    Parameters
    ----------
    model : MixedEffectsRegressor
        With ``linear_``.
    base : regressor
    text : str
        Right side of the formula.
    frame : DataFrame of n rows
    y : ndarray of shape (n,)
    cross_fitted : tuple (folds, target, predicted, groups)
        Folds, what the regressor was fitted to and predicted out of fold, and the
        groups, of shape (n,), whose rows stay in one half.

    Returns
    -------
    float
        0 where there are too few rows to tell.

    Notes
    -----
    The rows outside a fold are cut into two halves of whole groups. What models a and b
    of the halves get wrong by chance is independent, so that the residuals' variances
    tell it: with s2(r) the residual variance of r in the mixed model,

        e = s2(f_a - f_b) / 2 - [(s2(y - f_a) + s2(y - f_b)) / 2 - s2(y - f)],

    all on the rows of the fold, where f learnt from all rows outside. The bracket is
    what half the rows cost in precision. The bias of the regressor stays in sigma.
    """
    folds, target, predicted, groups = cross_fitted
    folds = folds[: min(FOLDS, len(folds) - 1) or 1]
    rng = check_random_state(model.random_state)
    tasks = [
        (half, test) for train, test in folds for half in halves(train, groups, rng)
    ]
    if min(len(half) for half, _ in tasks) < FEWEST_ROWS:
        return 0.0
    features = frame[model.features_]
    found = Parallel(n_jobs=model.n_jobs)(
        delayed(fit_on)(clone(base), features, target, half, test)
        for half, test in tasks
    )
    test = np.concatenate([rows for _, rows in folds])
    a, b = np.concatenate(found[::2]), np.concatenate(found[1::2])
    gamma = model.linear_.fixed_effects_.get(PREDICTED, 0.0)

    def s2(values):
        own = MixedLinearRegressor(f"~ {text}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return own.fit(frame.iloc[test], values).sigma_ ** 2
        except IdentifiabilityError:  # the formula's own part and nothing beside it
            return 0.0

    both = (s2(y[test] - gamma * a) + s2(y[test] - gamma * b)) / 2
    chance = s2(gamma * (a - b)) / 2 - (both - s2(y[test] - gamma * predicted[test]))
    return float(np.clip(chance, 0.0, model.linear_.sigma_**2))


def halves(rows, groups, rng):
    """Cut rows into two halves of whole groups; of one group by rows."""
    own = np.unique(groups[rows])
    if len(own) < 2:
        return np.array_split(rng.permutation(rows), 2)
    first = np.isin(groups[rows], rng.permutation(own)[: len(own) // 2])
    return [rows[first], rows[~first]]
