"""Power of planned studies."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmixed import MixedLinearRegressor, MixedPoissonRegressor, simulate_power
from skmixed.estimators.power import resized

# Standard errors that a simulated share may be away from the known one.
FAR = 4.0
BELIEVED = {"sd_Intercept|id": 1.0, "sigma": 1.0}


def plan(groups=12, times=4):
    frame = pd.DataFrame(
        [(i, t, i % 2) for i in range(groups) for t in range(times)],
        columns=["id", "t", "arm"],
    )
    return frame.assign(run=frame["id"] * 2 + frame["t"] % 2, batch=frame["t"])


def test_power_is_that_of_the_t_test_in_a_balanced_design():
    """Between groups the means are a two-sample t test with G - 2 degrees."""
    n_samples, effect = 1500, 1.2
    curve = simulate_power(
        MixedLinearRegressor("~ arm + (1 | id)"),
        plan(),
        [8, 20],
        "arm = 0",
        effects=BELIEVED | {"arm": effect},
        n_samples=n_samples,
        random_state=0,
    )
    for size, power in curve.frame["power"].items():
        se, df = np.sqrt(4.0 * (1.0 + 1.0 / 4.0) / size), size - 2
        far, shift = stats.t.ppf(0.975, df), effect / se
        known = stats.nct.sf(far, df, shift) + stats.nct.cdf(-far, df, shift)
        error = np.sqrt(known * (1.0 - known) / n_samples)
        # singular fits have more degrees of freedom: a little above the exact test
        assert abs(power - known) < FAR * error + 0.03
        assert curve.frame.loc[size, "lower"] < power < curve.frame.loc[size, "upper"]
    assert curve.frame["n_obs"].tolist() == [32, 80]
    assert "Power to reject arm = 0" in str(curve)


def test_without_an_effect_the_level_is_kept():
    frame, rng = plan(), np.random.default_rng(1)
    y = rng.normal(size=len(frame)) + rng.normal(size=12)[frame["id"]]
    model = MixedLinearRegressor("~ t + arm + (1 | id)").fit(frame, y)
    curve = simulate_power(
        model, frame, 24, "arm = 0", effects={"arm": 0.0}, random_state=0
    )
    row = curve.frame.loc[24]
    assert row["lower"] < 0.05 + 0.02
    assert row["upper"] > 0.05 - 0.02
    again = simulate_power(
        model, frame, 24, "arm = 0", effects={"arm": 0.0}, random_state=0
    )
    pd.testing.assert_frame_equal(curve.frame, again.frame)


def test_a_study_has_its_groups_again():
    study = resized(plan(), ["id", "run", "batch"], "id", 30)
    assert study["id"].nunique() == 30
    assert study.groupby("run")["id"].nunique().max() == 1
    assert study["run"].nunique() == 60
    assert set(study["batch"]) == set(range(4))
    assert (study.groupby("id")["arm"].nunique() == 1).all()


def test_groups_for_a_power_lie_between_the_sizes():
    curve = simulate_power(
        MixedLinearRegressor("~ arm + (1 | id)"),
        plan(),
        [4, 12, 60],
        {"arm": 1.0},
        effects=BELIEVED | {"arm": 1.0},
        n_samples=200,
        random_state=0,
    )
    assert 12 < curve.size_for(0.8) < 60
    assert curve.size_for(0.0) == 4
    assert np.isnan(curve.size_for(1.01))


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ({}, r"lacks \['sigma', 'sd_Intercept\|id', 'sd_t\|id'\]"),
        ({"arm2": 1.0}, "no parameters"),
        (BELIEVED | {"sd_t|id": -1.0}, "not negative"),
        (BELIEVED | {"sd_t|id": 1.0, "cor_t.Intercept|id": 2.0}, "No variables have"),
    ],
)
def test_truths_that_are_none_are_refused(effects, message):
    model = MixedLinearRegressor("~ t + arm + (t | id)")
    with pytest.raises(ValueError, match=message):
        simulate_power(model, plan(), 8, "arm = 0", effects=effects, n_samples=10)


def test_questions_without_an_answer_are_refused():
    model, frame = MixedLinearRegressor("~ t + arm + (1 | id)"), plan()
    with pytest.raises(ValueError, match="one combination against 0"):
        simulate_power(model, frame, 8, ["t = 0", "arm = 0"], effects=BELIEVED)
    with pytest.raises(ValueError, match="should be one of"):
        simulate_power(model, frame, 8, "t = 0", effects=BELIEVED, group="arm")
    with pytest.raises(ValueError, match="no variance between"):
        simulate_power(model, frame, 1, "t = 0", effects=BELIEVED)
    with pytest.raises(ValueError, match="alpha=2"):
        simulate_power(model, frame, 8, "t = 0", effects=BELIEVED, alpha=2)
    with pytest.raises(ValueError, match="is for MixedLinearRegressor"):
        simulate_power(MixedPoissonRegressor("~ t"), frame, 8, "t = 0")
