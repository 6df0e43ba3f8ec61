"""The memory of a fit is what was announced, and never more."""

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, estimate_memory
from skmixed.estimators import linear, memory
from skmixed.likelihood.elimination import sizes as memory_sizes
from skmixed.likelihood.elimination.regime import bid_for
from skmixed.likelihood.elimination.sizes import (
    product_bytes,
    sizes_of_products,
)
from skmixed.printing import progress

N_ROWS = 60_000
# What Python's own objects and caches take, whatever the data.
OVERHEAD = 2_000_000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 3_000, N_ROWS)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N_ROWS),
            "x": rng.normal(size=N_ROWS),
            "kind": rng.choice(["a", "b", "c"], N_ROWS),
            "shop": shop,
            "town": shop % 400,
            "item": rng.integers(0, 700, N_ROWS),
        }
    )


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize(
    ("formula", "solver"),
    [
        ("y ~ x + kind", "least squares"),
        ("y ~ x + (1 | shop)", "batched"),
        ("y ~ x + kind + (1 + x | shop)", "batched"),
        ("y ~ x + (1 | town / shop)", "nested"),
        ("y ~ x + (1 | shop) + (1 | item)", "crossed"),
    ],
)
def test_a_fit_keeps_within_its_estimate(table, formula, solver):
    estimate = estimate_memory(formula, table)
    tracemalloc.start()
    model = MixedLinearRegressor(formula).fit(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert estimate.solver == model.solver_ == solver
    assert estimate.n_obs == N_ROWS
    assert peak <= estimate.total + OVERHEAD
    assert estimate.total <= 3 * peak + OVERHEAD


@pytest.fixture(scope="module")
def visits():
    rng = np.random.default_rng(0)
    subject, visit = np.repeat(np.arange(2_000), 6), np.tile(np.arange(6), 2_000)
    y = rng.normal(size=(2_000, 6)) @ np.tri(6) + rng.normal(size=(2_000, 6))
    rows = pd.DataFrame({"subject": subject, "visit": visit, "y": y.ravel()})
    rows["hour"] = visit + rng.uniform(0, 0.5, len(rows))
    rows["site"], rows["y"] = (
        subject // 10,
        rows["y"] + rng.normal(size=200)[subject // 10],
    )
    return rows[rng.uniform(size=len(rows)) < 0.9].reset_index(drop=True)


@pytest.mark.parametrize(
    ("beside", "residual", "dispersion", "solver"),
    [
        ("", "us(visit | subject)", None, "patterns"),
        ("", "car1(hour | subject)", None, "markov"),
        ("+ (1 | subject)", None, "~ visit", "blocks"),
        ("+ (1 | site)", "ar1(visit | subject)", None, "blocks"),
    ],
)
def test_so_does_one_whose_residuals_covary(
    visits, beside, residual, dispersion, solver
):
    formula = f"y ~ visit {beside}"
    options = {"residual": residual, "dispersion": dispersion}
    estimate = estimate_memory(formula, visits, **options)
    tracemalloc.start()
    model = MixedLinearRegressor(formula, **options).fit(visits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert estimate.solver == model.result_.solver == solver
    assert peak <= estimate.total + OVERHEAD
    assert estimate.total <= 3 * peak + OVERHEAD


def test_what_depends_on_too_many_rows_is_refused_as_the_fit_does(visits):
    with pytest.raises(ValueError, match="rows depend on one another"):
        estimate_memory(
            "y ~ visit + (1 | town)", visits.assign(town="one"), dispersion="~ visit"
        )


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (1 | shop)",
        "y ~ x + (1 | town / shop)",
        "y ~ x + (1 + x | shop) + (1 | town)",
        "y ~ x + kind + (1 | shop) + (1 | item)",
        "y ~ x + (1 + x | item) + (1 | town) + (1 | kind)",
        "y ~ x + (1 | kind) + (0 + x | kind) + (1 | town)",
    ],
)
def test_estimates_and_fits_count_alike(table, formula, monkeypatch):
    few = table.iloc[:6_000]
    described = []
    original = memory.sizes_of_codes
    monkeypatch.setattr(
        memory,
        "sizes_of_codes",
        lambda *args: described.append(original(*args)) or described[-1],
    )
    estimate = estimate_memory(formula, few)
    model = MixedLinearRegressor(formula).fit(few)
    found = sizes_of_products(model.result_.A)
    (told,) = described
    for field in ("n_columns", "groups", "n_levels", "n_effects"):
        assert getattr(told, field) == getattr(found, field)
    assert told.meetings.keys() == found.meetings.keys()
    for pair, counts in found.meetings.items():
        np.testing.assert_array_equal(told.meetings[pair], counts)
    assert estimate.solver == model.solver_
    working = estimate.elimination - product_bytes(found)
    assert working == bid_for(model.result_.A).bytes


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_crossed_fit_is_refused_below_its_estimate(table, share, monkeypatch):
    formula = "y ~ x + kind + (1 | shop) + (1 | item)"
    few = table.iloc[:6_000]
    model = MixedLinearRegressor(formula)
    sizes = sizes_of_products(model.fit(few).result_.A)
    working = estimate_memory(formula, few).elimination - product_bytes(sizes)
    machine = working * share / memory_sizes.MEMORY_SHARE
    monkeypatch.setattr(memory_sizes, "available_memory", lambda: machine)
    if share > 1:
        model.fit(few)
    else:
        with pytest.raises(ValueError, match=r"second.*`shop` .*, `item` 700"):
            model.fit(few)


def test_time_is_told_before_a_long_fit(table, monkeypatch, capsys):
    model = MixedLinearRegressor("y ~ x + (1 | shop) + (1 | item)", verbose=1)
    few = table.iloc[:2_000]
    model.fit(few)
    assert "on one core" not in capsys.readouterr().err
    monkeypatch.setattr(progress, "LONG", 0.0)
    model.fit(few)
    told = capsys.readouterr().err
    assert re.search(r"of `shop`, .* of `item` random effects: about", told)
    model.set_params(verbose=0).fit(few)
    assert capsys.readouterr().err == ""


def test_time_of_a_crossed_fit_grows_with_the_cube_of_the_second_factor():
    def seconds(levels):
        rows = np.arange(60 * levels)  # too many meet for a sparse matrix
        crossed = pd.DataFrame({"a": rows % levels, "b": (7 * rows) % (levels + 1)})
        formula = "y ~ 1 + (1 | a) + (1 | b)"
        return estimate_memory(formula, crossed, solver="exact").seconds

    assert 7 < seconds(40_000) / seconds(20_000) < 8.5
    assert seconds(40_000) > 3_600


def test_running_out_of_memory_is_told_in_words(table, monkeypatch):
    def fail(design):
        np.empty(1 << 50)

    monkeypatch.setattr(linear, "cross_products", fail)
    model = MixedLinearRegressor("y ~ x + (1 | shop)")
    with pytest.raises(MemoryError, match=r"shop\) does not fit .*estimate_memory"):
        model.fit(table)


def test_an_estimate_needs_no_response_and_leaves_missing_rows_out(table):
    holed = table.drop(columns="y").assign(x=table["x"].mask(table.index < 10))
    estimate = estimate_memory("y ~ x + (1 | shop)", holed)
    assert estimate.n_obs == N_ROWS - 10
    assert estimate.n_levels == {"shop": 3_000}
    assert "59,990 rows" in str(estimate)


@pytest.mark.parametrize(
    "formula",
    ["y ~ x + kind + (1 + x | shop)", "y ~ x + (1 | town / shop) + (1 | item)"],
)
def test_an_estimate_for_a_source_counts_as_for_its_table(table, formula):
    holed = table.drop(columns="y").assign(x=table["x"].mask(table.index < 10))
    whole = estimate_memory(formula, holed)
    parts = estimate_memory(formula, lambda: (holed[k::7] for k in range(7)))
    for field in ("n_obs", "n_fixed", "n_levels", "n_effects", "solver", "elimination"):
        assert getattr(parts, field) == getattr(whole, field)
    with pytest.raises(ValueError, match="twice, to count their groups"):
        estimate_memory(formula, iter([holed]))
    with pytest.raises(ValueError, match="independent residuals"):
        estimate_memory(formula, lambda: [holed], residual="cs(x | shop)")


def test_an_estimate_wants_a_data_frame():
    with pytest.raises(TypeError, match="must be a data frame"):
        estimate_memory("y ~ x", [[1.0, 2.0]])


def test_an_estimated_fit_of_many_levels_takes_less_than_an_exact_one():
    rows = np.arange(600_000)
    crossed = pd.DataFrame({"a": rows % 20_000, "b": (7 * rows) % 20_001})
    formula = "y ~ 1 + (1 | a) + (1 | b)"
    exact, estimated, auto = (
        estimate_memory(formula, crossed, solver=solver)
        for solver in ("exact", "stochastic", "auto")
    )
    assert auto.solver == estimated.solver == "stochastic"
    assert estimated.seconds < exact.seconds / 10
    assert estimated.total < exact.total / 10
