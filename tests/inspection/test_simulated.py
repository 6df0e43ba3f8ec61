import numpy as np
import pytest
from conftest import SAME_DENSE
from headless import closed_figures, sleepstudy  # noqa: F401
from scipy import stats

from skmixed import MixedLinearRegressor, datasets
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.rotation import rotate_residuals
from skmixed.inspection import simulated_residuals

FORMULA = "y ~ x0 + (x0 | group)"


def simulate(seed, n_per_group=8):
    X, y = datasets.make_mixed_regression(
        20, n_per_group, n_features=1, random_state=seed
    )
    return X.assign(y=y)


@pytest.fixture(scope="module")
def many():
    found = []
    for seed in range(100):
        frame = simulate(seed)
        model = MixedLinearRegressor(FORMULA).fit(frame)
        options = {"n_simulations": 60, "random_state": seed}
        found.append(simulated_residuals(model, frame, **options))
    return found


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_residuals_are_uniform_under_the_true_model(many):
    pooled = np.concatenate([found.residuals for found in many])
    assert stats.kstest(pooled, "uniform").pvalue > 0.01


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("test", ["uniformity", "outliers", "spread"])
def test_tests_hold_their_level_under_the_true_model(many, test):
    p_values = np.array([found.tests.loc[test, "p_value"] for found in many])
    assert (
        stats.binomtest(int((p_values < 0.05).sum()), len(p_values), 0.05).pvalue > 0.01
    )
    if test == "uniformity":
        assert stats.kstest(p_values, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("wrong", "test"),
    [("skewed", "uniformity"), ("heavy tails", "outliers"), ("growing", "spread")],
)
def test_wrong_models_are_rejected(wrong, test):
    rng = np.random.default_rng(0)
    frame = simulate(0, n_per_group=60)
    mean = frame["x0"] + rng.normal(size=20)[frame["group"]]
    errors = {
        "skewed": rng.exponential(size=1200),
        "heavy tails": rng.standard_t(3, size=1200),
        "growing": rng.normal(size=1200) * np.exp(mean / 2),
    }
    frame = frame.assign(y=mean + errors[wrong])
    model = MixedLinearRegressor("y ~ x0 + (1 | group)").fit(frame)
    found = simulated_residuals(model, frame, n_simulations=500, random_state=0)
    assert found.tests.loc[test, "p_value"] < 0.01


RANDOM_PARTS = ["", " + (1 + x0 | group)", " + (1 | group) + (1 | item)"]


@pytest.mark.parametrize("random", RANDOM_PARTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_rotation_is_a_root_of_the_inverse_covariance(random, weighted):
    X, y = datasets.make_mixed_regression(
        8, 7, second_factor="crossed", n_second=4, random_state=5
    )
    frame = X.assign(y=y)
    weights = np.linspace(0.5, 2.0, len(X)) if weighted else None
    model = MixedLinearRegressor("y ~ x0 + x1" + random, tol=1e-11)
    model.fit(frame, sample_weight=weights)
    design = Rows.read_fitted(model, frame, sample_weight=weights).design
    residuals, basis = rotate_residuals(model.fitted_, design)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=SAME_DENSE)
    np.testing.assert_allclose(basis.T @ residuals, 0.0, atol=SAME_DENSE)
    assert abs(residuals @ residuals / model.df_resid_ - 1.0) < SAME_DENSE


def test_too_many_crossed_effects_are_refused(monkeypatch):
    monkeypatch.setattr("skmixed.inference.diagnose.rotation.MOST_EFFECTS", 20)
    frame = datasets.load_penicillin().frame
    model = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)").fit(frame)
    with pytest.raises(
        ValueError, match="30 random effects of several grouping factors"
    ):
        simulated_residuals(model, frame)


def test_same_seed_gives_the_same_residuals():
    model, sleep = sleepstudy()
    one, other = (simulated_residuals(model, sleep, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(one.residuals, other.residuals)
    assert one.residuals.index.equals(sleep.index)
    assert "uniformity" in repr(one)


@pytest.mark.parametrize("n_simulations", [0, 19, 20.0])
def test_number_of_simulations_is_checked(n_simulations):
    model, sleep = sleepstudy()
    with pytest.raises(ValueError, match="should be at least 20"):
        simulated_residuals(model, sleep, n_simulations=n_simulations)
