"""Simulated data: reproducible, and drawn from the model that they report."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA

from skmixed.datasets import make_mixed_classification, make_mixed_regression

# Sample moments may differ from their expectation by this many standard errors.
STANDARD_ERRORS = 5
COVARIANCE = np.array([[1.0, 0.3], [0.3, 0.5]])


def generate(**options):
    return make_mixed_regression(return_truth=True, random_state=0, **options)


def test_default_table():
    X, y = make_mixed_regression(random_state=0)
    assert X.shape == (1000, 3)
    assert list(X.columns) == ["x0", "x1", "group"]
    assert X["group"].dtype == "int64"
    assert (X["group"].value_counts() == 20).all()
    assert y.name == "y"
    assert y.index.equals(X.index)


def test_same_seed_gives_the_same_data():
    X1, y1, _ = generate(second_factor="crossed")
    X2, y2, _ = generate(second_factor="crossed")
    pd.testing.assert_frame_equal(X1, X2)
    pd.testing.assert_series_equal(y1, y2)
    _, y3 = make_mixed_regression(second_factor="crossed", random_state=1)
    assert not y1.equals(y3)


def test_asking_for_the_truth_does_not_change_the_data():
    _, y, _ = generate()
    _, same = make_mixed_regression(random_state=0)
    pd.testing.assert_series_equal(y, same)


@pytest.mark.parametrize("second_factor", [None, "crossed", "nested"])
def test_response_without_noise_is_the_model(second_factor):
    X, y, truth = generate(
        n_groups=7, n_per_group=9, n_second=4, sigma=0.0, second_factor=second_factor
    )
    b = truth.random_effects["group"].loc[X["group"]].reset_index(drop=True)
    expected = truth.intercept + b["Intercept"] + b["x0"] * X["x0"]
    expected += X[["x0", "x1"]].to_numpy() @ truth.coef
    if second_factor == "crossed":
        expected += truth.random_effects["item"]["Intercept"].to_numpy()[X["item"]]
    if second_factor == "nested":
        labels = pd.MultiIndex.from_frame(X[["group", "subgroup"]])
        w = truth.random_effects["group:subgroup"].loc[labels, "Intercept"]
        expected += w.to_numpy()
    np.testing.assert_allclose(y, expected, atol=SAME_ALGEBRA)


@pytest.mark.parametrize(
    ("options", "formula"),
    [
        ({}, "y ~ x0 + x1 + (1 + x0 | group)"),
        ({"n_random_slopes": 0}, "y ~ x0 + x1 + (1 | group)"),
        ({"n_features": 0, "n_random_slopes": 0}, "y ~ 1 + (1 | group)"),
        ({"second_factor": "crossed"}, "y ~ x0 + x1 + (1 + x0 | group) + (1 | item)"),
        (
            {"second_factor": "nested"},
            "y ~ x0 + x1 + (1 + x0 | group) + (1 | group:subgroup)",
        ),
    ],
)
def test_formula_is_that_of_the_model(options, formula):
    _, _, truth = generate(**options)
    assert truth.formula == formula


def test_random_effects_have_the_covariance_asked_for():
    n = 20000
    _, _, truth = generate(n_groups=n, n_per_group=1, covariance=COVARIANCE)
    drawn = truth.random_effects["group"]
    assert list(drawn.columns) == ["Intercept", "x0"]
    np.testing.assert_array_equal(truth.covariances["group"], COVARIANCE)
    variances = np.diag(COVARIANCE)
    mean_error = np.sqrt(variances / n)
    assert (np.abs(drawn.mean()) < STANDARD_ERRORS * mean_error).all()
    # Sampling variance of a covariance of normal variables: Wishart's.
    cov_error = np.sqrt((np.outer(variances, variances) + COVARIANCE**2) / n)
    distance = np.abs(drawn.cov().to_numpy() - COVARIANCE)
    assert (distance < STANDARD_ERRORS * cov_error).all()


def test_residuals_have_the_standard_deviation_asked_for():
    X, noisy, _ = generate(n_groups=100, n_per_group=200, sigma=2.0)
    _, exact, _ = generate(n_groups=100, n_per_group=200, sigma=0.0)
    error = 2.0 / np.sqrt(2 * len(X))
    assert abs(np.std(noisy - exact) - 2.0) < STANDARD_ERRORS * error


def test_singular_covariance_is_allowed():
    _, _, truth = generate(covariance=[[1.0, 1.0], [1.0, 1.0]])
    drawn = truth.random_effects["group"]
    np.testing.assert_allclose(drawn["x0"], drawn["Intercept"], atol=SAME_ALGEBRA)


def test_unbalanced_groups_have_the_mean_size_and_are_never_empty():
    X, _, _ = generate(n_groups=2000, n_per_group=3, unbalanced=True)
    sizes = X["group"].value_counts()
    assert len(sizes) == 2000
    assert sizes.nunique() > 3
    assert abs(sizes.mean() - 3) < STANDARD_ERRORS * np.sqrt(2 / len(sizes))


def test_nested_subgroups_are_numbered_anew_in_every_group():
    X, _, truth = generate(
        n_groups=6, n_per_group=8, second_factor="nested", n_second=4
    )
    assert (X.groupby("group")["subgroup"].nunique() == 4).all()
    effects = truth.random_effects["group:subgroup"]
    assert list(effects.index[:5]) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    assert effects.index.names == ["group", "subgroup"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_groups": 0}, "n_groups must be at least 1, got 0"),
        ({"n_random_slopes": 3}, "n_random_slopes=3 and n_features=2"),
        ({"sigma": -1.0}, "sigma must not be negative"),
        ({"coef": [1.0]}, r"coef must have one value .* got shape \(1,\)"),
        ({"covariance": np.eye(3)}, r"covariance must have shape \(2, 2\)"),
        ({"covariance": [[1, 2], [2, 1]]}, "no negative eigenvalue"),
        ({"covariance": [[1, 0.5], [0, 1]]}, "symmetric"),
        ({"second_factor": "both"}, "'crossed', 'nested' or None, got 'both'"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_mixed_regression(**options)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_shares_of_ones_are_the_probabilities(link):
    X, y, truth = make_mixed_classification(
        100, 100, link=link, second_factor="crossed", return_truth=True, random_state=1
    )
    assert set(y.unique()) == {0, 1}
    expected, n = truth.probabilities, len(X)
    spread = np.sqrt((expected * (1 - expected)).sum()) / n
    assert abs(y.mean() - expected.mean()) < STANDARD_ERRORS * spread
    with pytest.raises(ValueError, match="logit, probit, cloglog"):
        make_mixed_classification(link="log")
