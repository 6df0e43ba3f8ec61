import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE, SAME_THETA
from headless import closed_figures, london, many_groups, sleepstudy  # noqa: F401
from scipy import stats

from skmixed import MixedLinearRegressor, datasets
from skmixed.inspection import RandomEffectsDisplay, ResidualsDisplay, ShrinkageDisplay
from skmixed.inspection.quantiles import thin_sorted

LME4 = Path(__file__).parents[1] / "reference" / "lme4"


def read_lme4(name, group):
    case = json.loads((LME4 / f"{name}.json").read_text())
    of_group = case["random_effects"][group]
    return of_group["levels"], *(np.transpose(of_group[k]) for k in ("values", "sd"))


@pytest.mark.parametrize(
    ("fitted", "case", "group"),
    [(london, "exam_rs", "school"), (sleepstudy, "sleep_rs", "Subject")],
)
def test_caterpillar_intervals_are_those_of_lme4(fitted, case, group):
    model, _ = fitted()
    levels, values, sd = read_lme4(case, group)
    display = RandomEffectsDisplay.from_estimator(model)
    order = np.argsort(values[:, 0])
    assert [str(label) for label in display.labels] == [levels[i] for i in order]
    scale = np.abs(values).max(axis=0)
    found, wanted = display.estimates / scale, values[order] / scale
    np.testing.assert_allclose(found, wanted, atol=SAME_THETA)
    np.testing.assert_allclose(display.std_errors, sd[order], rtol=SAME_THETA)
    reach = stats.norm.ppf(0.975) * sd[order]
    for side, sign in ((0, -1.0), (1, 1.0)):
        ends = display.intervals[:, :, side] / scale
        expected = (values[order] + sign * reach) / scale
        np.testing.assert_allclose(ends, expected, atol=SAME_THETA)


@pytest.mark.parametrize("factor", ["plate", "sample"])
def test_intervals_of_crossed_factors_are_those_of_lme4(factor):
    model = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
    model.fit(datasets.load_penicillin().frame)
    _, values, sd = read_lme4("penicillin", factor)
    display = RandomEffectsDisplay.from_estimator(model, group=factor)
    order = np.argsort(display.labels)
    np.testing.assert_allclose(display.estimates[order], values, atol=SAME_THETA)
    np.testing.assert_allclose(display.std_errors[order], sd, rtol=SAME_THETA)


def test_standardised_modes_are_normal_whatever_the_group_sizes():
    model, _ = many_groups()
    display = RandomEffectsDisplay.from_estimator(model, kind="qq")
    for modes in display.standardised.T:
        assert stats.kstest(modes, "norm").pvalue > 0.01


def test_variance_of_zero_leaves_a_note():
    frame = pd.DataFrame({"g": np.repeat(range(8), 4), "y": np.tile([1.0, 2, 3, 5], 8)})
    with pytest.warns(UserWarning, match="Singular"):
        model = MixedLinearRegressor("y ~ 1 + (1 | g)").fit(frame)
    display = RandomEffectsDisplay.from_estimator(model, kind="qq")
    assert "variance of `Intercept` is 0" in display.ax_.texts[0].get_text()


def test_unknown_factor_effect_and_kind_are_named():
    model, _ = sleepstudy()
    with pytest.raises(ValueError, match=r"group='id' .* it has \['Subject'\]"):
        RandomEffectsDisplay.from_estimator(model, group="id")
    with pytest.raises(ValueError, match="should be among"):
        RandomEffectsDisplay.from_estimator(model, effects="Day")
    with pytest.raises(ValueError, match="'caterpillar' or 'qq'"):
        RandomEffectsDisplay.from_estimator(model, kind="dots")
    without = MixedLinearRegressor("Reaction ~ Days").fit(sleepstudy()[1])
    with pytest.raises(ValueError, match="has no random effects"):
        RandomEffectsDisplay.from_estimator(without)


def test_thinned_quantiles_keep_both_tails():
    shown = thin_sorted(100_000)
    assert len(shown) < 1500
    ends = np.arange(100)
    assert set(ends) | set(99_999 - ends) <= set(shown)


def test_shrinkage_starts_at_every_groups_own_regression():
    model, schools = london()
    display = ShrinkageDisplay.from_estimator(model)
    for place, label in enumerate(display.labels):
        rows = schools[schools["school"] == label]
        expected = np.polyfit(rows["lrt"], rows["exam"], 1)[::-1]
        np.testing.assert_allclose(display.own[place], expected, rtol=SAME_DENSE)
    np.testing.assert_allclose(display.shrunk, model.group_coef_["school"])
    np.testing.assert_allclose(display.population, model.fixed_effects_)


def test_own_estimates_hold_the_other_effects_of_the_model():
    X, y = datasets.make_mixed_regression(
        20, 15, n_features=2, second_factor="crossed", n_second=6, random_state=3
    )
    frame = X.assign(y=y)
    model = MixedLinearRegressor("y ~ x0 + x1 + (x0 | group) + (1 | item)").fit(frame)
    display = ShrinkageDisplay.from_estimator(model)
    rest = y - model.fixed_effects_["x1"] * frame["x1"]
    rest -= model.random_effects_["item"]["Intercept"].loc[frame["item"]].to_numpy()
    for place in (0, 7):
        rows = frame["group"] == display.labels[place]
        expected = np.polyfit(frame["x0"][rows], rest[rows], 1)[::-1]
        np.testing.assert_allclose(display.own[place], expected, rtol=SAME_DENSE)


def test_group_of_one_row_has_no_regression_of_its_own():
    _, sleep = sleepstudy()
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    display = ShrinkageDisplay.from_estimator(model.fit(sleep.drop(sleep.index[1:10])))
    assert np.isnan(display.own[0]).all()
    assert np.isfinite(display.own[1:]).all()


def test_shrinkage_needs_two_effects():
    _, sleep = sleepstudy()
    model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    with pytest.raises(ValueError, match="two random effects of `Subject`"):
        ShrinkageDisplay.from_estimator(model)


def test_residuals_are_scaled_by_the_models_standard_deviation():
    model, sleep = sleepstudy()
    conditional = ResidualsDisplay.from_estimator(model, sleep)
    expected = (sleep["Reaction"] - model.predict(sleep)) / model.sigma_
    np.testing.assert_allclose(conditional.residuals, expected)
    marginal = ResidualsDisplay.from_estimator(model, sleep, kind="marginal")
    Z = np.column_stack([np.ones(len(sleep)), sleep["Days"]])
    Psi = model.random_effects_cov_["Subject"].to_numpy()
    sd = np.sqrt(model.sigma_**2 + np.einsum("ij,jk,ik->i", Z, Psi, Z))
    fitted = model.predict(sleep, random_effects=False)
    np.testing.assert_allclose(marginal.residuals, (sleep["Reaction"] - fitted) / sd)


def test_residuals_by_group_are_quartiles():
    model, frame = many_groups()
    display = ResidualsDisplay.from_estimator(model, frame, panels="groups")
    found = display.group_quartiles().sort_index()
    rows = pd.Series(display.residuals).groupby(frame["group"].to_numpy())
    expected = rows.quantile([0.25, 0.5, 0.75]).unstack()
    np.testing.assert_allclose(found, expected, atol=SAME_ALGEBRA)


def test_residuals_of_new_rows_may_be_of_new_groups():
    model, sleep = sleepstudy()
    new = sleep.head(20).assign(Subject="new")
    display = ResidualsDisplay.from_estimator(model, new)
    assert (display.codes == -1).all()


def test_unknown_panels_and_kinds_of_residuals_are_named():
    model, sleep = sleepstudy()
    with pytest.raises(ValueError, match="kind='raw'"):
        ResidualsDisplay.from_estimator(model, sleep, kind="raw")
    with pytest.raises(ValueError, match="panels="):
        ResidualsDisplay.from_estimator(model, sleep, panels=["histogram"])
