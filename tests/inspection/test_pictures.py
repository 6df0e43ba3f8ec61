"""What a picture must show to be read without its code."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import SAME_ALGEBRA
from headless import (  # noqa: F401
    closed_figures,
    covarying,
    london,
    sleepstudy,
    trial,
)
from matplotlib.colors import to_rgba

from skmixed import (
    MixedLinearRegressor,
    MixedLogisticClassifier,
    compare_approaches,
    compare_models,
    emtrends,
    simulate_power,
)
from skmixed.datasets import load_contraception
from skmixed.inspection import (
    AdaptationDisplay,
    ApproachesDisplay,
    CovarianceDisplay,
    CrossValidationDisplay,
    GroupLinesDisplay,
    InfluenceDisplay,
    OccasionsDisplay,
    PowerDisplay,
    ProfileDisplay,
    RandomEffectsDisplay,
    ResidualsDisplay,
    ShrinkageDisplay,
    SlopesDisplay,
    TrajectoriesDisplay,
    VarianceDisplay,
    VariogramDisplay,
    VisitsDisplay,
    influence,
)
from skmixed.inspection.trajectory_panels import find_occasions, with_gaps

# Inches at which small type (8 points) is legible on 390 pixels.
PHONE = 7.5


def legends(display):
    figure = display.figure_
    found = [*figure.legends, *(ax.get_legend() for ax in np.ravel(display.ax_))]
    return [text.get_text() for one in found if one for text in one.get_texts()]


def scores(per_fold):
    formulas = ["Reaction ~ Days", "Reaction ~ Days + (Days | Subject)"]
    return compare_models(formulas, sleepstudy()[1], cv=3, per_fold=per_fold)


def occasions():
    return OccasionsDisplay.from_data(sleepstudy()[1], "Reaction", "Days", "Subject")


def group_lines():
    _, schools = london()
    names = {"x": "lrt", "y": "exam", "group": "school"}
    return GroupLinesDisplay.from_data(schools, **names, highlight=28)


def approaches():
    formula = "exam ~ lrt + school_gender + (1 + lrt | school)"
    return ApproachesDisplay.from_table(compare_approaches(formula, london()[1]))


def variance():
    schools = london()[1]
    null = MixedLinearRegressor("exam ~ 1 + (1 | school)").fit(schools)
    return VarianceDisplay.from_estimator({"empty": null, "slopes": london()[0]})


def slopes(moderator="lrt", var="school_avg"):
    schools = london()[1]
    model = MixedLinearRegressor(f"exam ~ {var} * {moderator} + (1 | school)")
    return SlopesDisplay.from_estimator(model.fit(schools), schools, var, moderator)


def power(**style):
    model, sleep = sleepstudy()
    curve = simulate_power(
        model,
        sleep,
        [4, 8, 16],
        "Days = 0",
        effects={"Days": 4.0},
        n_samples=60,
        random_state=0,
    )
    return PowerDisplay.from_table(curve, **style)


def adaptation(**style):
    formulas = ["Reaction ~ Days", "Reaction ~ Days + (1 | Subject)"]
    table = compare_models(formulas, sleepstudy()[1], cv=3, first_rows=[0, 1, 4])
    return AdaptationDisplay.from_table(table, **style)


PICTURES = {
    "adaptation": adaptation,
    "covariance": lambda: CovarianceDisplay.from_estimator(*covarying()),
    "variogram": lambda: VariogramDisplay.from_estimator(*covarying()),
    "visits": lambda: VisitsDisplay.from_estimator(*trial(), treatment="arm"),
    "group lines": group_lines,
    "occasions": occasions,
    "approaches": approaches,
    "folds": lambda: CrossValidationDisplay.from_table(scores(True)),
    "means of folds": lambda: CrossValidationDisplay.from_table(scores(False)),
    "power": power,
    "profiles": lambda: ProfileDisplay.from_estimator(sleepstudy()[0]),
    "shrinkage": lambda: ShrinkageDisplay.from_estimator(london()[0]),
    "a panel per person": lambda: TrajectoriesDisplay.from_data(
        sleepstudy()[1], x="Days", y="Reaction", group="Subject", facet="Subject"
    ),
    "variance": variance,
    "slopes": slopes,
    "slopes of categories": lambda: slopes("gender", "lrt"),
    "random effects": lambda: RandomEffectsDisplay.from_estimator(london()[0]),
    "residuals": lambda: ResidualsDisplay.from_estimator(*sleepstudy()),
    "influence": lambda: InfluenceDisplay.from_estimator(
        *sleepstudy(), level="Subject", refit=False
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_legible_on_a_phone(name):
    display = PICTURES[name]()
    assert display.figure_.get_figwidth() <= PHONE
    axes = [ax for ax in np.ravel(display.ax_) if ax.axison]
    assert all(ax.get_title(loc="right") == "" for ax in axes)
    _, ax = plt.subplots()
    assert display.plot(ax=ax) is display


def test_group_lines_name_all_that_they_draw():
    display = group_lines()
    assert display.ax_.shape == (2, 2)
    names = ["rows", "population", "line per school", "school 28"]
    assert sorted(legends(display)) == sorted(names)
    assert len(display.points) == 2_000


def test_occasions_show_the_standard_deviation_by_itself():
    display = occasions()
    (line,) = display.ax_[1, 0].get_lines()
    np.testing.assert_allclose(line.get_ydata(), display.sd)


def test_a_line_is_broken_where_visits_are_missing():
    full = np.column_stack([np.arange(6.0), np.arange(6.0)])
    places = find_occasions([full, full, full[::2]])
    assert places.tolist() == list(range(6))
    broken = with_gaps(full[[0, 1, 3, 4, 5]], places)
    assert np.isnan(broken).any(axis=1).tolist() == [False] * 2 + [True] + [False] * 3
    # who came every other time has no line without its joins
    assert not np.isnan(with_gaps(full[[0, 3, 5]], places)).any()
    rng = np.random.default_rng(0)
    assert find_occasions([np.column_stack([rng.normal(size=4)] * 2)] * 1) is None


def test_folds_are_compared_in_pairs():
    display = CrossValidationDisplay.from_table(scores(True))
    folds = display.folds["known groups"]
    paired = display.differences["known groups"]
    np.testing.assert_allclose(paired, folds - folds[0], rtol=SAME_ALGEBRA)
    assert "lower is better" in display.ax_[-1, 0].get_xlabel()
    table = scores(True)
    display = CrossValidationDisplay.from_table(table, score="r2")
    assert "higher is better" in display.ax_[-1, 0].get_xlabel()


def test_profiles_mark_both_estimates():
    model, _ = sleepstudy()
    display = ProfileDisplay.from_estimator(model)
    assert not set(display.curves) & set(model.fixed_effects_.index)
    assert {"ML estimate", "REML estimate"} <= set(legends(display))
    sd = model.random_effects_cov_["Subject"].loc["Intercept", "Intercept"] ** 0.5
    name = "sd_Intercept|Subject"
    np.testing.assert_allclose(display.reml_estimates[name], sd, rtol=SAME_ALGEBRA)
    assert display.estimates[name] < display.reml_estimates[name]
    by_ml = MixedLinearRegressor(model.formula_, reml=False).fit(sleepstudy()[1])
    display = ProfileDisplay.from_estimator(by_ml, "sigma")
    assert "REML estimate" not in legends(display)


def test_approaches_say_what_they_cannot_estimate():
    display = approaches()
    notes = [text.get_text() for ax in display.ax_.flat for text in ax.texts]
    missing = int(np.isnan(display.estimates).sum())
    assert notes == ["not estimable"] * missing
    assert missing
    assert set(legends(display)) == {"estimate of mixed", "95 % interval"}


def test_axes_of_shrinkage_say_what_varies():
    ax = ShrinkageDisplay.from_estimator(london()[0]).ax_
    assert ax.get_xlabel() == "intercept, by school"
    assert ax.get_ylabel() == "slope of lrt, by school"


def test_variance_bars_are_the_partition():
    model, _ = london()
    display = VarianceDisplay.from_estimator(model)
    table = model.variance_partition()
    np.testing.assert_allclose(display.shares[0], table["share"].loc[display.parts])
    assert abs(display.shares.sum() - 1.0) < SAME_ALGEBRA
    expected = model.icc().loc["school", "adjusted"]
    np.testing.assert_allclose(display.icc[0]["school"], expected, rtol=SAME_ALGEBRA)


def test_influence_is_sorted_and_says_how_it_was_measured():
    model, sleep = sleepstudy()
    found = influence(model, sleep, level="Subject")
    display = InfluenceDisplay.from_influence(found)
    assert (np.diff(display.distances) >= 0).all()
    top = found.top(3).index.astype(str)
    assert {text.get_text() for text in display.ax_.texts} == set(top)
    assert "estimated anew" in display.ax_.get_ylabel()
    held = InfluenceDisplay.from_estimator(model, sleep, level="Subject", refit=False)
    assert "held" in held.ax_.get_ylabel()


STYLED = {
    "group lines": lambda: group_lines().plot(scatter_kw={"color": "red"}),
    "approaches": lambda: approaches().plot(scatter_kw={"c": "red"}),
    "folds": lambda: PICTURES["folds"]().plot(scatter_kw={"color": "red"}),
    "influence": lambda: PICTURES["influence"]().plot(scatter_kw={"color": "red"}),
}


@pytest.mark.parametrize("name", STYLED)
def test_style_is_the_users(name):
    display = STYLED[name]()
    ax = np.ravel(display.ax_)[0]
    colours = [tuple(c[:3]) for one in ax.collections for c in one.get_facecolors()]
    assert to_rgba("red")[:3] in colours


def test_slopes_are_drawn_with_the_region_where_they_differ_from_zero():
    display = slopes()
    edge = display.region["from"].iloc[1]
    inside = display.slopes["lower"] > 0
    np.testing.assert_array_equal(inside, display.slopes["lrt"] > edge)
    dashed = [line for line in display.ax_[1, 0].get_lines() if line.get_ls() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [edge]
    assert {"interval with zero", "interval without zero"} <= set(legends(display))
    display = slopes("gender", "lrt")
    assert display.region is None
    ticks = [tick.get_text() for tick in display.ax_[1, 0].get_xticklabels()]
    assert ticks == list(display.slopes["gender"])
    model, schools = london()
    with pytest.raises(ValueError, match="not columns of the fixed effects"):
        SlopesDisplay.from_estimator(model, schools, "lrt", "gender")


def test_a_panel_of_one_person_leaves_gaps_and_has_no_mean():
    _, sleep = sleepstudy()
    missing = (sleep["Subject"].astype(str) == "308") & (sleep["Days"] == 4)
    names = {"x": "Days", "y": "Reaction", "group": "Subject", "facet": "Subject"}
    display = TrajectoriesDisplay.from_data(sleep[~missing], **names)
    assert "mean" not in legends(display)
    (path,) = display.ax_[0, 0].collections[-1].get_paths()
    assert np.isnan(path.vertices).any()


def test_slopes_of_a_logit_are_on_the_scale_of_its_link():
    data = load_contraception().frame
    model = MixedLogisticClassifier("use ~ age * urban + (1 | district)").fit(data)
    display = SlopesDisplay.from_estimator(model, data, "age", "urban")
    assert display.ax_[0, 0].get_ylabel() == "logit of use"
    slopes = emtrends(model, "age", "urban").frame["estimate"]
    np.testing.assert_allclose(display.slopes["estimate"], slopes, rtol=SAME_ALGEBRA)
