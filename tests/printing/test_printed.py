"""Results are whole in every language, and answer as the frames that they hold."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest

from skmixed.printing.numbers import write_column
from skmixed.printing.printed import Printed, PrintedTable, Table

WIDTHS = [40, 80, 132]


def small():
    frame = pd.DataFrame(
        {"estimate": [10.467, -0.5], "std_error": [1.546, 0.25], "p": [3.2e-6, 0.0456]},
        index=["Days", "age"],
    )
    return PrintedTable(frame, "Slopes", ["Satterthwaite's degrees of freedom."])


def wide():
    rng = np.random.default_rng(0)
    names = [f"a_rather_long_column_{k}" for k in range(12)]
    rows = [f"gender[T.M]:school_gender[T.girls]:band[T.{k}]" for k in range(3)]
    return PrintedTable(pd.DataFrame(rng.normal(size=(3, 12)), rows, names))


def nested():
    index = pd.MultiIndex.from_product([["school", "class"], ["x", "z"]])
    index.names = ["group", None]
    columns = pd.MultiIndex.from_product([["m1", "m2"], ["value", "se"]])
    return PrintedTable(pd.DataFrame(np.eye(4), index, columns))


def one_series():
    return PrintedTable(pd.Series({"marginal": 0.279, "conditional": 0.799}, name="R²"))


def of_any_kind():
    frame = pd.DataFrame(
        {"formula": ["y ~ " + " + ".join(f"x{k}" for k in range(40))], "ok": [True]}
    )
    return PrintedTable(frame.assign(n=3, value=np.nan), index=False)


RESULTS = [small, wide, nested, one_series, of_any_kind]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
def test_text_is_whole_in_its_width(make, width):
    result = make()
    text = result.to_text(width)
    assert max(map(len, text.split("\n"))) < width
    assert "..." not in text
    letters = "".join(text.split())
    _, rows, _ = result.table.cells()
    for cell in (cell for row in rows for cell in row):
        assert (
            set(cell.split()[:1]) <= set(text.split()) or "".join(cell[:12]) in letters
        )


@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
def test_every_cell_stands_in_every_language(make):
    result = make()
    _, rows, _ = result.table.cells()
    cells = {cell for row in rows for cell in row if re.fullmatch(r"[\d.]+", cell)}
    for text in (result._repr_html_(), result.to_markdown(), result.to_latex()):
        assert all(cell in text for cell in cells)


@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "through", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_results_survive_copies(make, through):
    assert through(make()).to_text() == make().to_text()


def test_a_result_answers_as_its_frame():
    result = small()
    assert len(result) == 2
    assert list(result) == list(result.columns)
    assert "p" in result
    assert result.loc["Days", "estimate"] == result["estimate"].iloc[0]
    np.testing.assert_array_equal(np.asarray(result), result.frame.to_numpy())
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = result.no_such_thing


COLUMNS = [
    ("p", [1e-20, 0.04, np.nan], ["< 2e-16", "0.04", ""]),
    ("df", [np.inf, 17.0, 161.23456], ["∞", "17", "161.2"]),
    ("n_obs", [180.0, np.nan], ["180", ""]),
    ("estimate", [251.405, 10.467], ["251.41", "10.47"]),
    ("estimate", [np.nan, 2.0], ["", "2.000"]),
    ("estimate", [1e-12, 1.0], ["1.000e-12", "1.000"]),
    ("converged", [True, False], ["yes", "no"]),
    ("name", ["a", None, 2.5], ["a", "", "2.500"]),
]


@pytest.mark.parametrize(("name", "values", "written"), COLUMNS)
def test_columns_are_written_by_the_rule_of_their_name(name, values, written):
    assert write_column(name, np.array(values)) == written


def test_columns_are_named_or_left_out():
    table = Table(small().frame, headings={"std_error": "SE", "p": None})
    head, rows, left = table.cells()
    assert head == ["", "estimate", "SE"]
    assert left == (0,)
    assert len(rows[0]) == 3


def test_blocks_without_anything_are_left_out():
    class Both(Printed):
        frame = pd.DataFrame({"a": [1]})

        def blocks(self):
            yield "first"
            yield Table(self.frame.iloc[:0], "empty")
            yield ""

    assert Both().to_text() == "first"
