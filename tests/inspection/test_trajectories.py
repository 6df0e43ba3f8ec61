import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE
from headless import closed_figures, london, many_groups, sleepstudy  # noqa: F401

from skmixed import MixedLinearRegressor, SeparateLinearRegressor
from skmixed.inspection import GroupLinesDisplay, TrajectoriesDisplay

NAMES = {"x": "Days", "y": "Reaction", "group": "Subject"}


def test_lines_are_the_rows_of_each_group_in_order_of_x():
    _, sleep = sleepstudy()
    shuffled = sleep.sample(frac=1.0, random_state=0)
    (panel,) = TrajectoriesDisplay.from_data(shuffled, **NAMES).panels
    for label, line in zip(panel.labels, panel.lines, strict=True):
        rows = sleep[sleep["Subject"] == label]
        np.testing.assert_array_equal(line, rows[["Days", "Reaction"]])
    means = sleep.groupby("Days")["Reaction"].mean()
    np.testing.assert_allclose(panel.mean[:, 1], means)
    assert panel.band is None


def test_many_groups_are_sampled_over_a_band_of_all_rows():
    _, frame = many_groups()
    names = {"x": "week", "y": "y", "group": "group"}
    display = TrajectoriesDisplay.from_data(
        frame, **names, max_groups=50, highlight=[7, 4999]
    )
    (panel,) = display.panels
    assert 50 <= len(panel.lines) <= 52
    assert {7, 4999} <= set(panel.labels)
    assert panel.n_groups == 5000
    inside = frame["y"][frame["week"] == 0].quantile([0.05, 0.95])
    np.testing.assert_allclose(panel.band[0], [0.0, *inside])


def test_facets_divide_the_rows():
    _, schools = london()
    names = {"x": "lrt", "y": "exam", "group": "school"}
    display = TrajectoriesDisplay.from_data(schools, **names, facet="school_gender")
    kinds = schools["school_gender"].cat.categories
    assert [panel.title for panel in display.panels] == kinds.tolist()
    counts = schools.groupby("school_gender", observed=True)["school"].nunique()
    assert [panel.n_groups for panel in display.panels] == counts.tolist()
    assert display.kind == "points"


def test_too_many_facets_are_an_error():
    _, schools = london()
    with pytest.raises(ValueError, match=r"facet='student' has .* pd.cut"):
        TrajectoriesDisplay.from_data(
            schools, x="lrt", y="exam", group="school", facet="student"
        )


def test_rows_with_missing_values_are_left_out():
    _, sleep = sleepstudy()
    holes = sleep.copy()
    holes.loc[[0, 11], "Reaction"] = np.nan
    (panel,) = TrajectoriesDisplay.from_data(holes, **NAMES).panels
    assert sum(map(len, panel.lines)) == len(sleep) - 2
    assert np.isfinite(panel.mean).all()


def test_fitted_lines_are_predictions():
    model, sleep = sleepstudy()
    (panel,) = TrajectoriesDisplay.from_estimator(model, sleep).panels
    for label, line in zip(panel.labels, panel.fitted, strict=True):
        table = pd.DataFrame({"Days": line[:, 0], "Subject": label})
        np.testing.assert_allclose(line[:, 1], model.predict(table))
    table = pd.DataFrame({"Days": panel.population[:, 0]})
    expected = model.predict(table, random_effects=False)
    np.testing.assert_allclose(panel.population[:, 1], expected)


def test_other_predictors_are_held_at_the_groups_own_value():
    _, schools = london()
    model = MixedLinearRegressor("exam ~ lrt + school_avg + gender + (lrt | school)")
    (panel,) = TrajectoriesDisplay.from_estimator(model.fit(schools), schools).panels
    of_group = schools[schools["school"] == panel.labels[4]].iloc[[0]]
    table = of_group.assign(lrt=panel.fitted[4, 0, 0], gender="F")
    np.testing.assert_allclose(panel.fitted[4, 0, 1], model.predict(table)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "day"}, "x='day' is not a column of the data"),
        ({"y": "Subject"}, "y='Subject' must be a column of numbers"),
        ({"group": "person"}, "group='person' is not a column"),
    ],
)
def test_wrong_columns_are_named(change, message):
    _, sleep = sleepstudy()
    sleep = sleep.astype({"Subject": str})
    with pytest.raises(ValueError, match=message):
        TrajectoriesDisplay.from_data(sleep, **{**NAMES, **change})


def test_data_that_are_no_frame_are_refused():
    with pytest.raises(TypeError, match="must be a data frame"):
        TrajectoriesDisplay.from_data([[1, 2]], **NAMES)


def test_group_lines_are_those_of_the_four_models():
    model, schools = london()
    display = GroupLinesDisplay.from_data(schools, x="lrt", y="exam", group="school")
    rows = schools[schools["school"] == 28]
    place = list(display.labels).index(28)
    x = display.lines["one regression per group"][place, :, 0]
    np.testing.assert_allclose(x, [rows["lrt"].min(), rows["lrt"].max()])
    coefficients = {
        "one line for all": np.polyfit(schools["lrt"], schools["exam"], 1)[::-1],
        "one regression per group": np.polyfit(rows["lrt"], rows["exam"], 1)[::-1],
        "random intercept + slope": model.group_coef_["school"].loc[28],
    }
    for title, (intercept, slope) in coefficients.items():
        expected = intercept + slope * x
        found = display.lines[title][place, :, 1]
        np.testing.assert_allclose(found, expected, atol=SAME_DENSE)
    slopes = np.diff(display.lines["random intercept"], axis=1)[:, 0]
    np.testing.assert_allclose(slopes[:, 1] / slopes[:, 0], slopes[0, 1] / slopes[0, 0])


def test_group_without_slope_has_no_line_of_its_own():
    _, sleep = sleepstudy()
    few = sleep.drop(sleep.index[1:10])
    display = GroupLinesDisplay.from_data(few, x="Days", y="Reaction", group="Subject")
    assert np.isnan(display.lines["one regression per group"][0, :, 1]).all()
    assert np.isfinite(display.lines["random intercept + slope"]).all()


def test_group_lines_of_a_model_are_its_predictions():
    model, schools = london()
    display = GroupLinesDisplay.from_estimator(model, schools, max_groups=10)
    (lines,) = display.lines.values()
    assert len(lines) == 10
    table = pd.DataFrame({"lrt": lines[3, :, 0], "school": display.labels[3]})
    np.testing.assert_allclose(lines[3, :, 1], model.predict(table))


def test_trajectories_fit_a_grid_of_axes_that_is_given():
    _, schools = london()
    _, axes = plt.subplots(1, 3)
    display = TrajectoriesDisplay.from_data(
        schools, x="lrt", y="exam", group="school", facet="school_gender", ax=axes
    )
    assert display.ax_[0, 2] is axes[2]


def test_numbers_that_the_formula_codes_stay_at_their_values():
    _, sleep = sleepstudy()
    sleep = sleep.assign(third=sleep["Days"] % 3)
    model = MixedLinearRegressor("Reaction ~ factor(Days) + (1 | Subject)").fit(sleep)
    (panel,) = TrajectoriesDisplay.from_estimator(model, sleep).panels
    np.testing.assert_array_equal(panel.population[:, 0], np.arange(10))
    np.testing.assert_array_equal(panel.fitted[5, :, 0], np.arange(10))
    model = MixedLinearRegressor("Reaction ~ Days + factor(third) + (1 | Subject)")
    (panel,) = TrajectoriesDisplay.from_estimator(model.fit(sleep), sleep).panels
    table = pd.DataFrame({"Days": panel.population[:, 0], "third": 0})
    expected = model.predict(table, random_effects=False)
    np.testing.assert_allclose(panel.population[:, 1], expected)


def test_lines_of_the_other_approaches_have_no_population():
    _, schools = london()
    model = SeparateLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    display = GroupLinesDisplay.from_estimator(model, schools)
    assert display.population == {}
    (lines,) = display.lines.values()
    rows = schools[schools["school"] == 28]
    intercept, slope = np.polyfit(rows["lrt"], rows["exam"], 1)[::-1]
    x, y = lines[list(display.labels).index(28)].T
    np.testing.assert_allclose(y, intercept + slope * x)


@pytest.mark.parametrize("ordered", [True, False])
def test_categories_stand_side_by_side_in_their_order(ordered):
    _, sleep = sleepstudy()
    names = [f"day {day}" for day in range(10)]
    order = names if ordered else sorted(names, key=lambda name: name[::-1])
    days = pd.Categorical(sleep["Days"].map(names.__getitem__), categories=order)
    display = TrajectoriesDisplay.from_data(sleep.assign(Days=days), **NAMES)
    ticks = display.ax_.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == order
    (panel,) = display.panels
    means = sleep.groupby(days, observed=True)["Reaction"].mean()
    np.testing.assert_allclose(panel.mean[:, 1], means, rtol=SAME_DENSE)


def test_text_and_its_missing_values_are_places_too():
    frame = pd.DataFrame(
        {"g": list("aabb"), "x": ["post", None, "pre", "post"], "y": [1.0, 2, 3, 4]}
    )
    display = TrajectoriesDisplay.from_data(frame, x="x", y="y", group="g")
    assert display.x_labels == ["post", "pre"]
    assert [line.tolist() for line in display.panels[0].lines] == [
        [[0.0, 1.0]],
        [[0.0, 4.0], [1.0, 3.0]],
    ]


def test_more_categories_than_a_picture_holds_are_refused():
    _, schools = london()
    names = schools.assign(name="pupil " + schools["student"].astype(str))
    with pytest.raises(ValueError, match="x='name' must be a column of numbers"):
        TrajectoriesDisplay.from_data(names, x="name", y="exam", group="school")
