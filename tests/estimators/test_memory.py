"""The memory of a fit is what was announced, and never more."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, estimate_memory

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


def test_an_estimate_needs_no_response_and_leaves_missing_rows_out(table):
    holed = table.drop(columns="y").assign(x=table["x"].mask(table.index < 10))
    estimate = estimate_memory("y ~ x + (1 | shop)", holed)
    assert estimate.n_obs == N_ROWS - 10
    assert estimate.n_levels == {"shop": 3_000}
    assert "59,990 rows" in str(estimate)


def test_an_estimate_wants_a_data_frame():
    with pytest.raises(TypeError, match="must be a data frame"):
        estimate_memory("y ~ x", [[1.0, 2.0]])
