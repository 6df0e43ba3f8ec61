"""Residual covariances as a grid: cross-validated by whole subjects."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

from skmixed import MixedLinearRegressor, compare_covariances, compare_models
from skmixed.datasets import make_trial


@pytest.fixture(scope="module")
def trial():
    sd = np.array([1.0, 2.0, 4.0, 8.0])
    t = np.arange(4)
    V = 0.8 ** np.abs(np.subtract.outer(t, t)) * np.outer(sd, sd)
    X, y = make_trial(80, 4, covariance=V, random_state=0)
    return X, y


def log_density(model, X, y):
    """Log density of the rows of new subjects."""
    mean, y = model.predict(X), np.asarray(y)
    return sum(
        multivariate_normal.logpdf(
            y[rows], mean[rows], model.marginal_cov(X.iloc[rows])
        )
        for rows in X.groupby("subject").indices.values()
    )


def test_a_grid_of_structures_finds_the_one_of_the_data(trial):
    X, y = trial
    names = [f"{name}(visit | subject)" for name in ("cs", "ar1", "ar1h", "diag")]
    search = GridSearchCV(
        MixedLinearRegressor("~ arm * visit"),
        {"residual": [None, *names]},
        scoring=log_density,
        cv=GroupKFold(4),
        error_score="raise",
    )
    search.fit(X, y, groups=X["subject"])
    assert search.best_params_ == {"residual": "ar1h(visit | subject)"}
    scores = dict(
        zip([None, *names], search.cv_results_["mean_test_score"], strict=True)
    )
    assert (
        scores[None] < scores["cs(visit | subject)"] < scores["ar1h(visit | subject)"]
    )
    assert search.best_estimator_.residual_ == "ar1(visit | subject, hom=False)"


def test_scores_of_folds_are_those_of_fits(trial):
    X, y = trial
    model = MixedLinearRegressor("~ arm * visit", residual="us(visit | subject)")
    folds = list(GroupKFold(3).split(X, y, X["subject"]))
    scores = cross_val_score(model, X, y, cv=folds)
    train, test = folds[1]
    own = clone(model).fit(X.iloc[train], y.iloc[train])
    assert scores[1] == own.score(X.iloc[test], y.iloc[test])


def test_a_fold_without_a_visit_is_named(trial):
    X, y = trial
    early = X["visit"] < 3
    model = MixedLinearRegressor("~ arm * visit", residual="ar1(visit | subject)")
    model.fit(X[early], y[early])
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match="which fit did not see"):
        model.marginal_cov(X[~early])


def test_compare_models_takes_models_with_residuals(trial):
    X, y = trial
    frame = X.assign(y=y)
    models = {
        name: MixedLinearRegressor(
            "y ~ arm * visit", residual=f"{name}(visit | subject)"
        )
        for name in ("cs", "ar1h")
    }
    table = compare_models(models, frame, cv=3, groups="subject").frame
    assert isinstance(table, pd.DataFrame)
    assert len(table) >= 2


def test_a_bar_counts_structures(trial, capsys):
    X, y = trial
    model = MixedLinearRegressor("~ arm * visit", residual="cs(visit | subject)")
    compare_covariances(model, X, y, structures=["cs", "ar1"], verbose=1)
    assert "2/2" in capsys.readouterr().err
