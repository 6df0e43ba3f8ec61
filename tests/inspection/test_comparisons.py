import numpy as np
import pandas as pd
import pytest
from headless import closed_figures, london, sleepstudy  # noqa: F401
from scipy import stats

from skmixed import compare_approaches, compare_models
from skmixed.inspection import ApproachesDisplay, CrossValidationDisplay


def test_forest_plot_shows_the_table():
    _, schools = london()
    table = compare_approaches("exam ~ lrt + (1 + lrt | school)", schools)
    display = ApproachesDisplay.from_table(table, confidence_level=0.9)
    assert display.approaches == table.frame.index.tolist()
    np.testing.assert_array_equal(display.estimates, table.frame[["Intercept", "lrt"]])
    reach = stats.norm.ppf(0.95) * table.frame["lrt_se"]
    np.testing.assert_allclose(display.intervals[:, 1, 1], table.frame["lrt"] + reach)
    ticks = [tick.get_text() for tick in display.ax_[0, 0].get_yticklabels()]
    assert ticks == display.approaches


def test_interval_far_wider_than_the_others_does_not_set_the_axis():
    table = pd.DataFrame(
        {"x": [1.0, 2.0, 1.5, np.nan], "x_se": [0.1, 0.2, 1e6, np.nan]},
        index=["a", "b", "c", "d"],
    )
    display = ApproachesDisplay.from_table(table)
    assert display.reference is None
    low, high = display.ax_.get_xlim()
    assert 0.5 < low < 0.9
    assert 2.3 < high < 3.0


def test_unknown_coefficient_is_named():
    table = pd.DataFrame({"x": [1.0], "x_se": [0.1]}, index=["a"])
    with pytest.raises(ValueError, match=r"coefs=\['z'\] should be among \['x'\]"):
        ApproachesDisplay.from_table(table, coefs="z")


@pytest.mark.parametrize("per_fold", [False, True])
def test_cross_validation_shows_both_regimes(per_fold):
    _, sleep = sleepstudy()
    formulas = ["Reaction ~ Days", "Reaction ~ Days + (Days | Subject)"]
    table = compare_models(formulas, sleep, cv=3)
    shown = compare_models(formulas, sleep, cv=3, per_fold=True) if per_fold else table
    display = CrossValidationDisplay.from_table(shown, score="r2")
    assert list(display.means) == ["new groups", "known groups"]
    assert display.models == formulas
    for regime, means in display.means.items():
        np.testing.assert_allclose(means, table.loc[regime, "r2"])
    if per_fold:
        assert display.folds["new groups"].shape == (2, 3)


def test_unknown_score_is_named():
    _, sleep = sleepstudy()
    table = compare_models(["Reaction ~ Days"], sleep, cv=3)
    with pytest.raises(ValueError, match="score='mse' is not in the table"):
        CrossValidationDisplay.from_table(table, score="mse")
