"""The approaches to answers, counts and shares, from one formula."""

import numpy as np
import pandas as pd
import pytest

from skmixed import (
    MixedBinomialRegressor,
    MixedGammaRegressor,
    MixedLinearRegressor,
    MixedLogisticClassifier,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
    compare_approaches,
    compare_models,
)
from skmixed.datasets import (
    load_cbpp,
    load_contraception,
    load_grouseticks,
    load_sleepstudy,
    load_wine,
)
from skmixed.inspection import ApproachesDisplay

# Two fits of one likelihood.
SAME_FIT = 1e-5
# Against a formula for pairs; pairs of one answer have no bound, and end a little off.
SAME_LIMIT = 1e-2

pytestmark = pytest.mark.filterwarnings(
    "ignore::skmixed.SeparationWarning",
    "ignore::skmixed.LaplaceAccuracyWarning",
    "ignore::skmixed.SingularFitWarning",
)


@pytest.fixture(scope="module")
def women():
    return load_contraception().frame


def test_each_row_is_the_fit_that_it_names(women):
    table = compare_approaches(
        "use ~ age + urban + (1 | district)", women, model=MixedLogisticClassifier()
    )
    assert list(table.frame.index) == ["aggregated", "pooled", "dummies", "mixed"]
    texts = {
        "pooled": "use ~ age + urban",
        "dummies": "use ~ age + urban + factor(district)",
        "mixed": "use ~ age + urban + (1 | district)",
    }
    for name, text in texts.items():
        other = MixedLogisticClassifier(text).fit(women)
        found, expected = table.frame.loc[name], other.fixed_effects_
        assert found["age"] == pytest.approx(expected["age"], abs=SAME_FIT)
        assert found["urban[T.Y]"] == pytest.approx(
            expected["urban[T.Y]"], abs=SAME_FIT
        )
    assert table.frame["extra_df"].tolist() == [0, 0, 59, 1]
    assert table.frame["n"].tolist() == [60, 1934, 1934, 1934]
    text = str(table)
    assert "incidental parameters" in text
    assert max(map(len, text.splitlines())) <= 80


def test_totals_are_shares_and_counts_with_exposures(women):
    table = compare_approaches(
        "use ~ age + (1 | district)", women, model=MixedLogisticClassifier()
    )
    sums = women.assign(yes=women["use"] == "Y").groupby("district", observed=True)
    totals = pd.DataFrame(
        {"age": sums["age"].mean(), "k": sums["yes"].sum(), "n": sums.size()}
    )
    other = MixedBinomialRegressor("k / n ~ age").fit(totals)
    found = table.models["aggregated"].fixed_effects_
    np.testing.assert_allclose(found, other.fixed_effects_, atol=SAME_FIT)
    ticks = load_grouseticks().frame
    table = compare_approaches(
        "TICKS ~ cHEIGHT + (1 | BROOD)", ticks, model=MixedPoissonRegressor()
    )
    # a column that is constant within groups: totals lose nothing, dummies everything
    frame = table.frame["cHEIGHT"]
    assert frame["aggregated"] == pytest.approx(frame["pooled"], abs=SAME_FIT)
    assert np.isnan(frame["dummies"])


def test_dummies_have_twice_the_slope_of_two_answers():
    """Andersen (1970): of pairs the estimate tends to twice the slope."""
    rng = np.random.default_rng(0)
    pairs = 300
    X = pd.DataFrame({"x": np.tile([0.0, 1.0], pairs), "g": np.arange(2 * pairs) // 2})
    eta = 1.0 * X["x"] + 1.0 * np.repeat(rng.normal(size=pairs), 2)
    X["y"] = rng.uniform(size=2 * pairs) < 1 / (1 + np.exp(-eta))
    model = MixedLogisticClassifier()
    frame = compare_approaches("y ~ x + (1 | g)", X, model=model).frame
    wide = X.pivot_table(index="g", columns="x", values="y", aggfunc="first")
    up = ((wide[1.0] == 1) & (wide[0.0] == 0)).sum()
    down = ((wide[1.0] == 0) & (wide[0.0] == 1)).sum()
    assert frame.loc["dummies", "x"] == pytest.approx(
        2 * np.log(up / down), abs=SAME_LIMIT
    )
    assert frame.loc["mixed", "x"] < frame.loc["dummies", "x"]


@pytest.mark.parametrize(
    ("formula", "load", "model", "names"),
    [
        (
            "incidence / size ~ period + (1 | herd)",
            load_cbpp,
            MixedBinomialRegressor(link="probit"),
            4,
        ),
        (
            "rating ~ temp + (1 | judge)",
            load_wine,
            MixedOrdinalClassifier(),
            3,
        ),
        (
            "Reaction ~ Days + (1 | Subject)",
            load_sleepstudy,
            MixedGammaRegressor(),
            3,
        ),
    ],
)
def test_other_families_have_what_makes_sense(formula, load, model, names):
    table = compare_approaches(formula, load().frame, model=model)
    assert len(table.frame) == names
    ApproachesDisplay.from_table(table)


def test_linear_estimators_are_refused():
    with pytest.raises(ValueError, match="leave it out for linear ones"):
        compare_approaches(
            "Reaction ~ Days + (1 | Subject)",
            load_sleepstudy().frame,
            model=MixedLinearRegressor(),
        )
    with pytest.raises(ValueError, match="one grouping factor"):
        compare_approaches(
            "incidence / size ~ period",
            load_cbpp().frame,
            model=MixedBinomialRegressor(),
        )


# ------------------------------------------------------------------ cross-validation
def test_classifiers_are_compared_by_their_log_loss(women):
    models = {
        "pooled": MixedLogisticClassifier("use ~ age + urban"),
        "mixed": MixedLogisticClassifier("use ~ age + urban + (1 | district)"),
    }
    table = compare_models(models, women, cv=3)
    assert {"log_loss", "accuracy"} <= set(table.columns)
    known = table.loc["known groups", "log_loss"]
    assert 0 < known["mixed"] < known["pooled"]
    grades = MixedOrdinalClassifier("rating ~ temp + (1 | judge)")
    wine = load_wine().frame
    assert compare_models(grades, wine, cv=2)["log_loss"].notna().all()


def test_shares_of_trials_are_compared_from_their_columns():
    herds = load_cbpp().frame
    models = [
        MixedBinomialRegressor("incidence / size ~ period + (1 | herd)"),
        MixedBinomialRegressor("cbind(incidence, size - incidence) ~ 1 + (1 | herd)"),
    ]
    table = compare_models(models, herds, cv=3)
    assert table["r2"].notna().all()
