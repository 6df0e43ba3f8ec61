"""Figures that other packages have got wrong, as lme4 and lmerTest have them.

False optima on nested and cubic designs, degrees of freedom that are a method's in name
only, F tests of coefficients in place of terms, and results that change with the units.
"""

import numpy as np
import pytest
from conftest import SAME_THETA

from skmixed import MixedLinearRegressor, anova
from skmixed.datasets import (
    load_cake,
    load_chem97,
    load_machines,
    load_oxboys,
    load_scots_schools,
    load_sleepstudy,
)


def fit(formula, frame, **options):
    return MixedLinearRegressor(formula, **options).fit(frame)


@pytest.mark.parametrize(
    "terms", ["(1 | school) + (1 | lea)", "(1 | lea) + (1 | school)"]
)
def test_chem97_has_a_variance_between_authorities(terms):
    model = fit(f"score ~ gcsecnt + {terms}", load_chem97().frame)
    assert model.loglik_ == pytest.approx(-70848.494, abs=1e-3)
    lea = model.random_effects_cov_["lea"].iloc[0, 0]
    assert lea == pytest.approx(0.01477, abs=1e-4)
    assert not model.singular_


def test_oxboys_reaches_the_optimum():
    model = fit("height ~ age + (age | Subject)", load_oxboys().frame)
    assert model.loglik_ == pytest.approx(-362.0455, abs=1e-4)


def test_satterthwaite_on_balanced_designs_is_exact():
    sleep = fit("Reaction ~ Days + (Days | Subject)", load_sleepstudy().frame)
    np.testing.assert_allclose(sleep.summary().fixed["df"], 17, rtol=SAME_THETA)
    machines = fit("score ~ Machine + (1 | Worker/Machine)", load_machines().frame)
    df = machines.summary().fixed["df"]
    np.testing.assert_allclose(df, [8.52, 10, 10], atol=5e-3)


def test_anova_of_cake_has_a_row_per_term():
    model = fit(
        "angle ~ C(recipe) * C(temperature) + (1 | recipe:replicate)", load_cake().frame
    )
    table = anova(model)
    assert table["num_df"].tolist() == [2, 5, 10]
    assert table["F"].iloc[0] == pytest.approx(0.249, abs=1e-3)
    assert table["den_df"].iloc[0] == pytest.approx(42, SAME_THETA)


def test_crossed_likelihood_is_neither_random_nor_above_the_maximum():
    formula = "attain ~ verbal + sex + (1 | primary) + (1 | second)"
    model = fit(formula, load_scots_schools().frame, reml=False)
    assert model.loglik_ == pytest.approx(-7421.482, abs=1e-3)


@pytest.mark.parametrize(
    ("factor", "shift", "loglik"),
    [(1e6, 0, -885.63), (1e-6, 0, -858.00), (1, 1e6, -871.81)],
)
def test_units_only_shift_the_likelihood(factor, shift, loglik):
    frame = load_sleepstudy().frame
    frame = frame.assign(Days=frame["Days"] * factor + shift)
    model = fit("Reaction ~ Days + (Days | Subject)", frame)
    assert model.loglik_ == pytest.approx(loglik, abs=5e-3)
    assert model.summary().fixed.loc["Days", "df"] == pytest.approx(17, SAME_THETA)


def test_a_distant_response_changes_nothing():
    frame = load_sleepstudy().frame
    frame = frame.assign(Reaction=frame["Reaction"] + 1e9)
    model = fit("Reaction ~ Days + (Days | Subject)", frame)
    assert model.loglik_ == pytest.approx(-871.814, abs=1e-3)
