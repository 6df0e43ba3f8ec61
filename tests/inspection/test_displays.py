"""What every display promises: headless, on any axes, at any number of groups."""

import sys
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import SAME_THETA
from headless import THREE_SIZES, closed_figures, many_groups, sleepstudy  # noqa: F401
from scipy import stats

from skmixed import compare_approaches, describe_occasions
from skmixed.datasets import load_oxboys
from skmixed.inspection import (
    ApproachesDisplay,
    GroupLinesDisplay,
    OccasionsDisplay,
    ProfileDisplay,
    RandomEffectsDisplay,
    ResidualsDisplay,
    ShrinkageDisplay,
    TrajectoriesDisplay,
)


def draw_all(model, frame):
    response, first, group = frame_names(model)
    data = {"x": first, "y": response, "group": group}
    return [
        TrajectoriesDisplay.from_data(frame, **data),
        TrajectoriesDisplay.from_estimator(model, frame),
        GroupLinesDisplay.from_data(frame, **data),
        GroupLinesDisplay.from_estimator(model, frame),
        RandomEffectsDisplay.from_estimator(model),
        RandomEffectsDisplay.from_estimator(model, kind="qq"),
        ShrinkageDisplay.from_estimator(model),
        ResidualsDisplay.from_estimator(model, frame),
        ResidualsDisplay.from_estimator(model, frame, kind="marginal"),
        ProfileDisplay.from_estimator(model, "sigma"),
    ]


def frame_names(model):
    left, _, right = model.formula_.partition(" ~ 1 + ")
    return left, right.split(" + ")[0], next(iter(model.n_groups_))


@pytest.mark.parametrize("fitted", THREE_SIZES)
def test_every_display_renders_without_a_window(fitted):
    model, frame = fitted()
    for display in draw_all(model, frame):
        display.figure_.canvas.draw()
        assert all(ax.figure is display.figure_ for ax in np.ravel(display.ax_))
        plt.close(display.figure_)


def test_plot_returns_the_display_and_draws_again():
    for display in draw_all(*sleepstudy()):
        _, ax = plt.subplots()
        assert display.plot(ax=ax) is display
        assert display.figure_ is ax.figure


def test_axes_carry_the_names_of_the_data():
    model, sleep = sleepstudy()
    display = TrajectoriesDisplay.from_data(
        sleep, x="Days", y="Reaction", group="Subject"
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Days", "Reaction")
    display = RandomEffectsDisplay.from_estimator(model, effects="Days")
    assert display.ax_.get_ylabel() == "Subject"
    labels = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert labels == [str(label) for label in display.labels]


def test_one_axes_is_divided_among_panels():
    model, frame = sleepstudy()
    _, (left, right) = plt.subplots(1, 2)
    display = ResidualsDisplay.from_estimator(model, frame, ax=right)
    assert display.ax_.shape == (2, 2)
    assert display.figure_ is left.figure


def test_wrong_number_of_axes_is_an_error():
    model, _ = sleepstudy()
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="2 panels and ax has 3 axes"):
        RandomEffectsDisplay.from_estimator(model, ax=axes)


def test_axes_outside_a_grid_cannot_be_divided():
    model, _ = sleepstudy()
    ax = plt.figure().add_axes([0.1, 0.1, 0.8, 0.8])
    with pytest.raises(ValueError, match="pass an array of 2 axes"):
        RandomEffectsDisplay.from_estimator(model, ax=ax)


def test_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    model, _ = sleepstudy()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"Display.*scikit-mixed\[plot\]"):
        RandomEffectsDisplay.from_estimator(model)


def test_unknown_highlight_is_an_error():
    model, _ = sleepstudy()
    with pytest.raises(ValueError, match="no `Subject`; there are 18, such as 308"):
        ShrinkageDisplay.from_estimator(model, highlight=999)


def test_displays_hold_and_copy_little_of_a_large_frame():
    model, frame = many_groups()
    wide = frame.assign(**{f"unused{j}": 1.0 for j in range(60)})
    model.predict(frame)
    tracemalloc.start()
    display = TrajectoriesDisplay.from_data(wide, x="week", y="y", group="group")
    plt.close(display.figure_)
    display = ResidualsDisplay.from_estimator(model, wide)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < wide.memory_usage().sum()


def test_occasions_display_shows_what_describe_occasions_finds():
    _, sleep = sleepstudy()
    display = OccasionsDisplay.from_data(sleep, "Reaction", "Days", "Subject")
    wide = sleep.pivot(index="Subject", columns="Days", values="Reaction")
    np.testing.assert_allclose(display.sd, wide.std())
    np.testing.assert_allclose(display.correlation, wide.corr())
    assert display.labels == [str(day) for day in range(10)]
    assert (display.time_name, display.response_name) == ("Days", "Reaction")
    like_others = OccasionsDisplay.from_data(
        sleep, x="Days", y="Reaction", group="Subject"
    )
    np.testing.assert_array_equal(like_others.sd, display.sd)
    for columns in ({}, {"x": "Days"}, {"y": "Reaction", "time": "Days"}):
        with pytest.raises(TypeError, match="Name "):
            OccasionsDisplay.from_data(sleep, **columns)


def test_displays_check_their_confidence_level():
    model, sleep = sleepstudy()
    table = compare_approaches(model.formula, sleep).frame
    with pytest.raises(ValueError, match="for 95 % it is"):
        RandomEffectsDisplay.from_estimator(model, confidence_level=95)
    with pytest.raises(ValueError, match="for 95 % it is"):
        ApproachesDisplay.from_table(table, confidence_level=95)


@pytest.mark.parametrize("kind", ["zeta", "density"])
def test_profile_display_shows_the_intervals_of_the_profile(kind):
    model, _ = sleepstudy()
    profile = model.profile(["Days", "sigma"])
    display = ProfileDisplay.from_profile(profile, confidence_level=0.9, kind=kind)
    expected = profile.conf_int(0.9).loc["sigma"]
    assert display.intervals["sigma"] == (expected["lower"], expected["upper"])
    smooth = display.smooth("sigma")
    ends = smooth(list(display.intervals["sigma"]))
    np.testing.assert_allclose(ends, stats.norm.ppf([0.05, 0.95]), rtol=SAME_THETA)
    assert display.ax_.shape == (1, 2)


# name -> times of 26 boys at 9 visits, and how they are put into occasions
TIMES = {
    "continuous": (lambda age: age, None),
    "continuous, in bins": (lambda age: age, 4),
    "at given edges": (lambda age: age, [-1.5, -0.5, 0.5, 1.5]),
    "integers": (lambda age: (4 * age).round().astype(int), None),
    "nullable integers": (lambda age: (4 * age).round().astype("Int64"), None),
    "categories": (lambda age: (2 * age).round().astype(int).astype("category"), None),
    "text": (lambda age: "visit " + (2 * age).round().astype(int).astype(str), None),
}


@pytest.mark.filterwarnings("ignore:.*distinct values:UserWarning")
@pytest.mark.parametrize("name", TIMES)
def test_occasions_display_takes_any_time(name):
    make, bins = TIMES[name]
    boys = load_oxboys().frame
    boys = boys.assign(age=make(boys["age"]))
    display = OccasionsDisplay.from_data(boys, "height", "age", "Subject", bins=bins)
    display.figure_.canvas.draw()
    occasions = describe_occasions(boys, "height", "age", "Subject", bins=bins)
    np.testing.assert_allclose(display.mean, occasions.table["mean"])
    assert len(display.labels) == len(occasions.table)
    assert (np.diff(display.positions) > 0).all()
