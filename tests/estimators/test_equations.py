"""The equations of a fitted model."""

import warnings

import pytest

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools, load_penicillin, load_sleepstudy


@pytest.fixture(scope="module")
def schools():
    return load_london_schools().frame


def lines_of(equations):
    return [line.strip() for line in str(equations).splitlines()]


def test_notation_is_that_of_the_textbook(schools):
    model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    assert lines_of(model.equations(estimates=False)) == [
        "Level 1 (rows)",
        "examᵢⱼ = b₀ᵢ + b₁ᵢ lrtᵢⱼ + εᵢⱼ",
        "Level 2 (school)",
        "b₀ᵢ = β₀ + v₀ᵢ",
        "b₁ᵢ = β₁ + v₁ᵢ",
        "Combined",
        "examᵢⱼ = β₀ + β₁ lrtᵢⱼ + v₀ᵢ + v₁ᵢ lrtᵢⱼ + εᵢⱼ",
        "Distributions",
        "εᵢⱼ ~ N(0, σ²)",
        "(v₀ᵢ, v₁ᵢ) ~ N(0, Σ)",
    ]


def test_estimates_stand_for_letters(schools):
    model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    lines = lines_of(model.equations())
    assert "b₀ᵢ = -0.0116 + v₀ᵢ" in lines
    assert "(v₀ᵢ, v₁ᵢ) ~ N(0, [0.0921 0.0183; 0.0183 0.015])" in lines
    assert "b₁ᵢ = 0.55653 + v₁ᵢ" in lines_of(model.equations(digits=5))


def test_columns_of_groups_go_to_level_two(schools):
    formula = "exam ~ lrt * school_avg + gender + (1 + lrt | school)"
    model = MixedLinearRegressor(formula).fit(schools)
    lines = lines_of(model.equations(estimates=False))
    assert "examᵢⱼ = b₀ᵢ + b₁ᵢ lrtᵢⱼ + β₃ gender[T.M]ᵢⱼ + εᵢⱼ" in lines
    assert "b₀ᵢ = β₀ + β₂ school_avgᵢ + v₀ᵢ" in lines
    assert "b₁ᵢ = β₁ + β₄ school_avgᵢ + v₁ᵢ" in lines


def test_negative_estimates_are_subtracted(schools):
    model = MixedLinearRegressor("exam ~ lrt + gender + (1 | school)").fit(schools)
    assert "+ -" not in str(model.equations())
    assert "- 0.1" in str(model.equations())


def test_latex_escapes_names_and_writes_matrices(schools):
    formula = "exam ~ lrt + school_avg + (1 + lrt | school)"
    equations = MixedLinearRegressor(formula).fit(schools).equations()
    latex = equations._repr_latex_()
    assert latex.startswith("$$\n\\begin{aligned}")
    assert r"\text{school\_avg}_{i}" in latex
    assert r"\begin{pmatrix}" in latex
    assert r"v_{1i} \text{lrt}_{ij} + \varepsilon_{ij}" in latex
    assert latex.count("{") == latex.count("}")


def test_several_factors_have_an_index_each():
    model = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
    lines = lines_of(model.fit(load_penicillin().frame).equations(estimates=False))
    assert lines[:2] == ["Model", "diameterᵢₖⱼ = β₀ + v₀ᵢ + w₀ₖ + εᵢₖⱼ"]
    assert lines[-2:] == ["v₀ᵢ ~ N(0, Σ(plate))", "w₀ₖ ~ N(0, Σ(sample))"]


def test_without_groups_there_is_one_level(schools):
    model = MixedLinearRegressor("exam ~ lrt").fit(schools)
    assert "examⱼ = β₀ + β₁ lrtⱼ + εⱼ" in str(model.equations(estimates=False))


def test_a_slope_without_mean_is_random_only():
    model = MixedLinearRegressor("Reaction ~ 1 + (Days | Subject)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(load_sleepstudy().frame)
    assert "b₁ᵢ = v₁ᵢ" in lines_of(model.equations(estimates=False))
