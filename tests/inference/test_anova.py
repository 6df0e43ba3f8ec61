"""F tests of terms against lmerTest and pbkrtest, and whatever the coding."""

import dataclasses
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_THETA
from test_reference import fit_case

from skmixed import (
    MixedLinearRegressor,
    RankDeficiencyWarning,
    anova,
    contrast_test,
    datasets,
)
from skmixed.datasets import (
    load_cake,
    load_london_schools,
    load_machines,
    load_sleepstudy,
)
from skmixed.formula import DesignSpec, parse_formula

REFERENCE = Path(__file__).parents[1] / "reference" / "inference.json"
CASES = json.loads(REFERENCE.read_text())["cases"]
TABLES = [
    (name, method)
    for name, case in CASES.items()
    for method in ("satterthwaite", "kenward_roger")
    if f"anova_{method}" in case
]


@pytest.mark.parametrize(("name", "method"), TABLES)
def test_type_three_is_that_of_lmer_test(name, method):
    expected = pd.DataFrame(CASES[name][f"anova_{method}"]).dropna()
    model = fit_case(name)[2]
    table = anova(model, ddf=method.replace("_", "-"))
    table = table[table["num_df"] > 0]
    assert table["num_df"].tolist() == expected["num_df"].tolist()
    for column in ("den_df", "F", "sum_sq"):
        np.testing.assert_allclose(table[column], expected[column], rtol=SAME_THETA)


# lmerTest does not see that vr:gender contains vr where gender has no term of its own:
# its test of vr changes with the contrasts (2.07 here, 1.86 with contr.sum).
OVERLOOKED = {("schools_without_main_effect", kind, "vr") for kind in "23"}
REFERENCE_TYPES = json.loads((REFERENCE.parent / "anova.json").read_text())["cases"]


@cache
def fit_reference(name):
    """Fit one model of anova.json; some have empty cells or are singular."""
    case = REFERENCE_TYPES[name]
    frame = getattr(datasets, f"load_{case['data']}")().frame.query(case["rows"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixedLinearRegressor(case["formula"]).fit(frame)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (name, asked)
        for name, case in REFERENCE_TYPES.items()
        for asked in case["tables"]
    ],
)
def test_all_types_are_those_of_lmer_test(name, asked):
    method, kind = asked.split()
    expected = pd.DataFrame(REFERENCE_TYPES[name]["tables"][asked]).set_index("terms")
    table = anova(fit_reference(name), int(kind), ddf=method)
    assert table.index.tolist() == expected.index.tolist()
    assert table["num_df"].tolist() == expected["num_df"].fillna(0).tolist()
    for term, row in expected.dropna().iterrows():
        if (name, kind, term) not in OVERLOOKED:
            ours = table.loc[term, ["sum_sq", "den_df", "F"]]
            np.testing.assert_allclose(ours, row[ours.index], rtol=SAME_THETA)
            assert table.loc[term, "p"] == pytest.approx(row["p"], abs=SAME_THETA)


def test_a_term_without_a_margin_is_averaged_over_its_levels():
    model = fit_reference("schools_without_main_effect")
    kinds = model.coef_names_[:2]
    L = np.zeros((2, len(model.fixed_effects_)))
    columns = model.fixed_effects_.index
    for row, kind in enumerate(kinds):
        level = kind.removeprefix("vr[T.").removesuffix("]")
        for place, column in enumerate(columns):
            own = column.startswith((f"vr[{level}]:gender", f"vr[T.{level}]:gender"))
            base = column.startswith("vr[bottom 25%]:gender")
            L[row, place] = (column == kind) + 0.5 * own - 0.5 * base
    averaged = contrast_test(model, L).iloc[0]
    row = anova(model).loc["vr"]
    assert averaged["F"] == pytest.approx(row["F"], SAME_DENSE)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_coding_does_not_matter_to_degrees_of_freedom(kind):
    tables = []
    for coding in ("", ", contr.sum", ", contr.helmert"):
        vr, gender = (f"C({name}{coding})" for name in ("vr", "gender"))
        formula = f"exam ~ lrt * {gender} * {vr} + (lrt | school)"
        model = MixedLinearRegressor(formula).fit(load_london_schools().frame)
        tables.append(anova(model, kind).to_numpy())
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=SAME_THETA)


def test_types_agree_in_models_of_one_term():
    model = fit_reference("machines_slopes")
    tables = [anova(model, kind) for kind in (1, 2, 3)]
    np.testing.assert_array_equal(tables[1], tables[0])
    np.testing.assert_array_equal(tables[2], tables[0])


@pytest.fixture(scope="module")
def cake():
    frame = load_cake().frame
    # unbalanced, but without empty cells
    return frame[np.arange(len(frame)) % 11 != 3]


CODINGS = [
    "angle ~ recipe * factor(temp) + (1 | recipe:replicate)",
    "angle ~ C(recipe, contr.sum) * factor(temp) + (1 | recipe:replicate)",
    "angle ~ C(recipe, contr.helmert) * C(temp, contr.poly) + (1 | recipe:replicate)",
    "angle ~ factor(temp) * recipe + (1 | recipe:replicate)",
]


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
def test_coding_does_not_matter(cake, kind, ddf):
    tables = []
    for formula in CODINGS[:3]:
        model = MixedLinearRegressor(formula).fit(cake)
        tables.append(anova(model, kind, ddf=ddf).to_numpy())
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=SAME_THETA)


def test_only_type_one_depends_on_the_order(cake):
    one, other = (MixedLinearRegressor(CODINGS[i]).fit(cake) for i in (0, 3))
    for kind in (2, 3):
        table, turned = anova(one, kind), anova(other, kind)
        np.testing.assert_allclose(
            table.loc["recipe"], turned.loc["recipe"], rtol=SAME_THETA
        )
    ratio = anova(one, 1).loc["recipe", "F"] / anova(other, 1).loc["recipe", "F"]
    assert abs(ratio - 1) > 1e-3


def test_types_agree_on_balanced_designs():
    model = MixedLinearRegressor(CODINGS[0]).fit(load_cake().frame)
    tables = [anova(model, kind).to_numpy() for kind in (1, 2, 3)]
    np.testing.assert_allclose(tables[1], tables[0], rtol=SAME_DENSE)
    np.testing.assert_allclose(tables[2], tables[0], rtol=SAME_DENSE)


def test_terms_not_coefficients_are_tested():
    formula = "angle ~ recipe * factor(temp) + (1 | recipe:replicate)"
    table = anova(MixedLinearRegressor(formula).fit(load_cake().frame))
    assert table.index.tolist() == ["recipe", "factor(temp)", "recipe:factor(temp)"]
    assert table["num_df"].tolist() == [2, 5, 10]
    # lmerTest: F = 0.249 on 2 and 42
    assert table.loc["recipe", "den_df"] == pytest.approx(42, SAME_THETA)
    assert "Type III" in table.attrs["note"]


def test_kenward_roger_scales_joint_tests():
    formula = "score ~ Machine + (Machine | Worker)"
    model = MixedLinearRegressor(formula).fit(load_machines().frame)
    row = anova(model, ddf="kenward-roger").loc["Machine"]
    # pbkrtest: F = 32.803 on 2 and 4; lmerTest with Satterthwaite: 41.004 on 2 and 5
    assert row["F"] == pytest.approx(32.8030147, SAME_THETA)
    assert row["den_df"] == pytest.approx(4, SAME_THETA)


def test_estimable_hypotheses_are_balanced_averages_without_empty_cells(cake):
    model = MixedLinearRegressor(CODINGS[0]).fit(cake)
    plain = anova(model)
    nothing = np.zeros((18, 0))
    model.fitted_ = dataclasses.replace(model.fitted_, alias_weights=nothing)
    np.testing.assert_allclose(anova(model), plain, rtol=SAME_THETA)


def test_coding_does_not_matter_with_empty_cells(cake):
    frame = cake[(cake["recipe"] != "C") | (cake["temp"] != 225)]
    tables = []
    for formula in CODINGS[:3]:
        with pytest.warns(RankDeficiencyWarning):
            model = MixedLinearRegressor(formula).fit(frame)
        tables.append(anova(model, ddf="kenward-roger").to_numpy())
    assert tables[0][:, 2].tolist() == [2, 5, 9]
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=SAME_THETA)


@pytest.mark.parametrize(
    ("fixed", "num_df"),
    [
        ("gender:vr", [5]),
        ("0 + gender:vr + lrt", [1, 6]),
        ("gender / lrt", [1, 2]),
        ("(lrt + gender + vr) ^ 2", [1, 1, 2, 1, 2, 2]),
        ("bs(lrt, df=4) * gender", [4, 1, 4]),
        ("poly(lrt, 2):bs(school_avg, df=3)", [6]),
        ("factor(lrt > 0.3) * C(vr, contr.poly)", [1, 2, 2]),
        ("within(lrt, school) + between(lrt, school)", [1, 1]),
    ],
)
def test_every_column_belongs_to_a_term(fixed, num_df):
    schools = load_london_schools().frame.iloc[::3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLinearRegressor(f"exam ~ {fixed} + (1 | school)").fit(schools)
    n_tested = len(model.coef_names_)
    for kind in (1, 2, 3):
        table = anova(model, kind)
        assert table["num_df"].tolist() == num_df
        assert table.notna().all(axis=None)
    assert sum(num_df) == n_tested


@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize("rest", ["", " + recipe", " + recipe * temp"])
def test_a_number_beside_its_own_factor(cake, kind, rest):
    fixed = [
        "temp + temperature",
        "temperature + temp",
        "temp + C(temperature, contr.sum)",
        "C(temperature, contr.helmert) + temp",
    ]
    tables = []
    for text in fixed:
        with pytest.warns(RankDeficiencyWarning):
            model = MixedLinearRegressor(
                f"angle ~ {text}{rest} + (1 | recipe:replicate)"
            ).fit(cake)
        table = anova(model, kind)[["num_df", "F"]]
        table.index = ["factor" if "temperature" in n else n for n in table.index]
        tables.append(table.sort_index())
    for table in tables[1:]:
        np.testing.assert_allclose(table, tables[0], rtol=SAME_THETA)
    # a line, and what of the levels is no line
    assert tables[0].loc[["temp", "factor"], "num_df"].tolist() == [1, 4]


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize(
    "fixed",
    [
        "line * C(f, {0})",
        "C(f, {0}) * line",
        "line * h + C(f, {0}) * h",
        "line * h * x + C(f, {0}) * h",
        "line + I(line ** 2) + C(f, {0})",
        "poly(line, 2) * h + C(f, {0}):h",
        "x + line:x + C(f, {0}):x",
    ],
)
def test_a_number_that_its_own_factor_spans_in_any_coding(fixed, kind):
    rng = np.random.default_rng(3)
    n = np.arange(60)
    frame = pd.DataFrame(
        {
            "f": np.array(list("abc"))[n % 3],
            "line": n % 3,
            "h": rng.choice(list("pq"), 60),
            "x": rng.normal(size=60),
            "g": rng.integers(0, 8, 60),
            "y": rng.normal(size=8)[n % 8] + rng.normal(size=60),
        }
    )
    tables = []
    for coding in ("treatment", "sum", "helmert", "poly", "treatment('b')"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            formula = f"y ~ {fixed.format('contr.' + coding)} + (1 | g)"
            tables.append(anova(MixedLinearRegressor(formula).fit(frame), kind))
    for table in tables[1:]:
        assert table["num_df"].tolist() == tables[0]["num_df"].tolist()
        np.testing.assert_allclose(table["F"], tables[0]["F"], rtol=SAME_THETA)
    if not fixed.startswith("x"):
        # all that columns can tell is tested by some term
        assert sum(table["num_df"]) == np.linalg.matrix_rank(columns_of(formula, frame))


def columns_of(formula, frame):
    """Columns of the fixed effects but for their means."""
    columns = DesignSpec.learn(parse_formula(formula), frame)[1].X
    return columns - columns.mean(axis=0)


def test_unknown_types_are_refused(cake):
    with pytest.raises(ValueError, match="should be 1, 2 or 3"):
        anova(MixedLinearRegressor(CODINGS[0]).fit(cake), "IV")


@pytest.fixture(scope="module")
def machines():
    formula = "score ~ Machine + (1 | Worker)"
    return MixedLinearRegressor(formula).fit(load_machines().frame)


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "normal"])
def test_joint_contrasts_are_the_term(machines, ddf):
    L = np.array([[0, 1, 0], [0, 0, 1], [0, 1, -1]])  # the last repeats the others
    joint = contrast_test(machines, L, ddf=ddf).iloc[0]
    row = anova(machines, ddf=ddf).iloc[0]
    for column in ("num_df", "den_df", "F", "p"):
        assert joint[column] == pytest.approx(row[column], SAME_THETA)


def test_single_contrasts_are_squares_of_t(machines):
    L = {"Machine[T.B]": 1.0, "Machine[T.C]": -1.0}
    joint = contrast_test(machines, L, rhs=[2.0]).iloc[0]
    single = contrast_test(machines, L, rhs=[2.0], joint=False).iloc[0]
    assert joint["F"] == pytest.approx(single["t"] ** 2, SAME_DENSE)
    assert joint["den_df"] == pytest.approx(single["df"], SAME_DENSE)
    assert single["lower"] < single["estimate"] < single["upper"]


def test_contrasts_that_do_not_fit_are_refused(machines):
    with pytest.raises(ValueError, match="no coefficients"):
        contrast_test(machines, {"Machine[T.Z]": 1.0})
    with pytest.raises(ValueError, match="needs 3 columns"):
        contrast_test(machines, [1.0, 0.0])


def test_slopes_average_over_factors():
    sleep = load_sleepstudy().frame
    half = np.where(sleep["Subject"].astype(str).str[-1].astype(int) < 3, "a", "b")
    frame = sleep.assign(half=half)
    formula = "Reaction ~ Days * half + (Days | Subject)"
    model = MixedLinearRegressor(formula).fit(frame)
    row = anova(model).loc["Days"]
    mean_slope = {"Days": 1.0, "Days:half[T.b]": 0.5}
    joint = contrast_test(model, mean_slope).iloc[0]
    assert row["F"] == pytest.approx(joint["F"], SAME_DENSE)
