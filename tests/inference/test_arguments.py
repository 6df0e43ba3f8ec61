"""What statements accept, and what they say to arguments that make no sense."""

import numpy as np
import pytest
from conftest import SAME_DENSE

from skmixed import (
    MixedLinearRegressor,
    anova,
    bootstrap_test,
    compare_table,
    contrast_test,
    emmeans,
    likelihood_ratio_test,
)
from skmixed.datasets import load_machines, load_sleepstudy


@pytest.fixture(scope="module")
def sleep():
    return load_sleepstudy().frame


@pytest.fixture(scope="module")
def model(sleep):
    return MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)


@pytest.fixture(scope="module")
def null(sleep):
    return MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)


@pytest.fixture(scope="module")
def machines():
    frame = load_machines().frame
    return MixedLinearRegressor("score ~ Machine + (1 | Worker)").fit(frame)


BY_LEVEL = {
    "summary": lambda m, level: m.summary(confidence_level=level),
    "wald": lambda m, level: m.conf_int(confidence_level=level),
    "profile interval": lambda m, level: m.conf_int(
        "sigma", method="profile", confidence_level=level
    ),
    "bootstrap interval": lambda m, level: m.conf_int(
        method="bootstrap", n_resamples=1, confidence_level=level
    ),
    "profile": lambda m, level: m.profile("sigma", confidence_level=level),
    "profile's interval": lambda m, level: m.profile("sigma").conf_int(level),
    "bootstrap's interval": lambda m, level: m.bootstrap(1).conf_int(level),
    "icc": lambda m, level: m.icc(confidence_level=level),
    "contrasts": lambda m, level: contrast_test(m, "Days", confidence_level=level),
    "marginal means": lambda m, level: emmeans(m, "Days", confidence_level=level),
    "predictions": lambda m, level: m.predict_interval(None, confidence_level=level),
}


@pytest.mark.parametrize("level", [95, 0, 1, -0.5, np.nan, "a", None, True])
@pytest.mark.parametrize("ask", BY_LEVEL.values(), ids=BY_LEVEL)
def test_levels_of_confidence_lie_between_zero_and_one(model, ask, level):
    with pytest.raises(ValueError, match="should be a number between 0 and 1"):
        ask(model, level)


@pytest.mark.parametrize("count", [0, -1, 1.5, "10", None, True])
def test_counts_are_positive_integers(model, null, sleep, count):
    for ask in (
        lambda: model.bootstrap(count),
        lambda: model.conf_int(method="bootstrap", n_resamples=count),
        lambda: bootstrap_test(null, model, count),
        lambda: model.simulate(sleep, n_samples=count),
    ):
        with pytest.raises(ValueError, match="should be a positive integer"):
            ask()


@pytest.mark.parametrize("named", [[["g"]], [None], 3, "g", {"g": 1}])
def test_names_of_grouping_factors(model, sleep, named):
    with pytest.raises(ValueError, match="names of the model's grouping factors"):
        model.predict(sleep, random_effects=named)


@pytest.mark.parametrize("effect", [1, None, "days", ["Days", "x"]])
def test_names_of_effects(model, sleep, effect):
    with pytest.raises(ValueError, match=r"'Subject' has no effect .* it has"):
        model.predict(sleep, random_effects={"Subject": effect})


def test_a_property_hands_out_copies(model):
    model.conditional_cov_["Subject"][:] = 0.0
    assert model.conditional_cov_["Subject"].any()


def test_anova_of_several_models_is_their_ratio_test(model, null):
    found, wanted = anova(null, model), likelihood_ratio_test(null, model)
    np.testing.assert_array_equal(found["chi2"], wanted["chi2"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "III"}, {"type": 3}),
        ({"type": "ii"}, {"type": 2}),
        ({"type": "1"}, {"type": 1}),
        ({"ddf": "kr"}, {"ddf": "kenward-roger"}),
        ({"ddf": "Kenward-Roger"}, {"ddf": "kenward-roger"}),
        ({"ddf": "Satterthwaite"}, {"ddf": "satterthwaite"}),
        ({"ddf": "asymptotic"}, {"ddf": "normal"}),
    ],
)
def test_r_spellings_are_understood(machines, one, other):
    tables = [anova(machines, **options).to_numpy() for options in (one, other)]
    np.testing.assert_array_equal(*tables)


def test_one_model_makes_a_table(model):
    assert str(compare_table(model)) == str(compare_table([model]))


@pytest.mark.parametrize(
    ("written", "weights", "value"),
    [
        ("Days = 0", {"Days": 1}, 0),
        ("Days", {"Days": 1}, 0),
        ("`Days` == 10", {"Days": 1}, 10),
        ("2*Days - Intercept = 3", {"Days": 2, "Intercept": -1}, 3),
        ("Intercept = 20 Days", {"Intercept": 1, "Days": -20}, 0),
        ("-Days/2 + 1 = 1e1 - .5", {"Days": -0.5}, 8.5),
        ("10 = Days", {"Days": -1}, -10),
    ],
)
def test_hypotheses_are_read(model, written, weights, value):
    tables = [
        contrast_test(model, L, rhs, joint=joint)
        for L, rhs in ((written, None), (weights, [value]))
        for joint in (True, False)
    ]
    np.testing.assert_allclose(tables[0], tables[2], rtol=SAME_DENSE)
    np.testing.assert_allclose(tables[1], tables[3], rtol=SAME_DENSE)


def test_hypotheses_name_levels(machines):
    found = contrast_test(machines, ["Machine[T.B] = Machine[T.C]"], joint=False)
    pair = emmeans(machines, "Machine").pairs.iloc[2]
    np.testing.assert_allclose(
        found[["estimate", "std_error", "df"]].to_numpy()[0],
        pair[["estimate", "std_error", "df"]].to_numpy(dtype=float),
        rtol=SAME_DENSE,
    )


@pytest.mark.parametrize(
    "written",
    [
        "Day = 0",
        "Days = Days",
        "Days = 0 = 1",
        "",
        "= 3",
        "Days Days",
        "Days * Days",
        "3",
    ],
)
def test_hypotheses_that_cannot_be_read_are_refused(model, written):
    with pytest.raises(ValueError, match="cannot be read"):
        contrast_test(model, written)


@pytest.mark.parametrize(
    ("L", "rhs"),
    [
        ([[0, 1], [0, 1]], [0, 1]),
        ([[0, 1], [0, 2]], [1, 1]),
        (["Days = 0", "Days = 1"], None),
        ([[1, 0], [0, 1], [1, 1]], [0, 0, 1]),
        ([[0, 0]], [1]),
    ],
)
def test_contradicting_hypotheses_are_refused(model, L, rhs):
    with pytest.raises(ValueError, match="contradict each other"):
        contrast_test(model, L, rhs)
    assert len(contrast_test(model, L, rhs, joint=False)) == len(L)


def test_hypotheses_that_repeat_each_other_count_once(model):
    once = contrast_test(model, "Days = 1")
    twice = contrast_test(model, [[0, 1], [0, 2]], [1, 2])
    np.testing.assert_allclose(once, twice, rtol=SAME_DENSE)


@pytest.mark.parametrize("rhs", [[1, 2], [[1]], "a"])
def test_values_fit_the_contrasts(model, rhs):
    with pytest.raises(ValueError, match=r"rhs|could not convert"):
        contrast_test(model, {"Days": 1}, rhs)
