"""Predictions of a regressor for rows that it has not seen."""

import numpy as np
import pandas as pd

# The column of the regressor's predictions in the linear mixed model.
PREDICTED = "f(X)"


def widest_groups(frame, formula):
    """Codes of the grouping column with most levels; one group where there is none."""
    if not formula.group_columns:
        return np.zeros(len(frame), dtype=int)
    sizes = {c: frame[c].nunique(dropna=False) for c in formula.group_columns}
    widest = frame[max(sizes, key=sizes.get)]
    return pd.factorize(widest, use_na_sentinel=False)[0]


def fit_and_predict(model, features, target, train, test):
    """Fit on some rows, predict others; keep the model."""
    return model, fit_on(model, features, target, train, test)


def fit_on(model, features, target, rows, test):
    """Fit on some rows, predict others."""
    model.fit(features.iloc[rows], target[rows])
    return np.asarray(model.predict(features.iloc[test]), dtype=float)
