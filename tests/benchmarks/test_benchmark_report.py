"""The benchmark's tables, from figures that are made up; nothing is timed here."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = [path.stem for path in BENCHMARKS.glob("*.py")]


@pytest.fixture
def benchmark(monkeypatch):
    """Import modules of the benchmark, and forget them again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)

    def load(name):
        return __import__(name)

    yield load
    for name in set(sys.modules) - before:
        if name in MODULES:
            del sys.modules[name]


def figures(package, cpu=(), loglik=None, **rest):
    return {
        "case": "sleepstudy",
        "package": package,
        "method": "REML",
        "reason": "",
        "over": False,
        "cold": 0.1,
        "cpu": list(cpu),
        "wall": list(cpu),
        "beside": [],
        "memory": None,
        "loglik": loglik,
    } | rest


@pytest.fixture
def run():
    return {
        "threads": 1,
        "limit": 60.0,
        "repetitions": [3, 2],
        "machine": "a machine",
        "date": "2026-01-01",
        "revision": "abc",
        "versions": {
            "glmm": "1.0",
            "numpy": "2",
            "scipy": "1",
            "pandas": "3",
            "formulaic": "1",
        },
        "figures": [
            figures("skmixed", [0.002, 0.004], -871.8),
            figures("glmm", [0.004, 0.004], -871.8, beside=[0.002, 0.004]),
            figures("mixedlm", [0.0001], -900.0, beside=[0.002]),
            figures("gpboost", reason="no | slopes"),
            figures("statsmodels", over=True),
        ],
    }


def test_ratio_is_taken_pair_by_pair_against_the_fastest_right_rival(benchmark, run):
    by_case, _ = benchmark("report").grouped(run)
    ratio, name = benchmark("report").against_fastest(by_case["sleepstudy"])
    assert (ratio, name) == (0.75, "glmm")


def test_cpu_table_marks_wrong_optima_reasons_and_limits(benchmark, run):
    text = "\n".join(benchmark("report").cpu_table(run))
    assert (
        "| sleepstudy | 3 ms | 4 ms | 0.1 ms ! | - [1] | > 60 s | 0.75 (glmm) |" in text
    )
    assert "- [1] gpboost: no \\| slopes" in text


def test_loglik_table_shows_differences(benchmark, run):
    text = "\n".join(benchmark("report").loglik_table(run))
    assert "| sleepstudy | -871.800000 | 0 | -3e+01 | - | - |" in text


def test_page_is_written_from_stored_figures(benchmark, run, tmp_path):
    stored, page = tmp_path / "results.json", tmp_path / "page.md"
    imports = {"skmixed": 1.2, "its dependencies": 1.0}
    stored.write_text(json.dumps({"runs": [run], "imports": imports}))
    compare = benchmark("compare")
    assert compare.main(["--from-json", str(stored), "--output", str(page)]) == 0
    text = page.read_text()
    assert "a ratio of 1.20" in text
    assert "`Reaction ~ Days + (1 + Days \\| Subject)`" in text


def test_a_page_keeps_the_half_that_is_not_measured(benchmark, run, tmp_path):
    write_page, page = benchmark("page").write_page, tmp_path / "page.md"
    imports = {"skmixed": 1.2, "its dependencies": 1.0}
    families = run | {
        "figures": [
            figures("skmixed", [0.01], -92.0, case="cbpp", method="ML"),
            figures("glmm", [0.1], -92.0, case="cbpp", method="ML", beside=[0.005]),
        ]
    }
    for one in (run, families, run):
        write_page([one], imports, page)
    text = page.read_text()
    assert text.count("a ratio of 1.20") == 1
    assert text.count("## Generalised models") == 1
    assert "| cbpp | 0.05 |" in text


def test_slower_needs_both_thresholds(benchmark):
    verdict = benchmark("checkouts").verdict
    assert verdict([1.0, 1.0], [1.3, 1.3])[1] == "slower"
    assert verdict([0.001, 0.001], [0.0015, 0.0015])[1] == "same"
    assert verdict([1.0, 1.0], [1.05, 1.05])[1] == "same"
    assert verdict([1.0, 1.0], [0.5, 0.5]) == (0.5, "faster")


def test_tables_survive_storage(benchmark, tmp_path):
    cases = benchmark("cases")
    frame = pd.DataFrame(
        {
            "y": [1.0, 2.0],
            "g": ["u", "v"],
            "c": pd.Categorical(["b", "a"], categories=["b", "a"]),
        }
    )
    cases.write_table(frame, tmp_path / "table.npz")
    pd.testing.assert_frame_equal(cases.read_table(tmp_path / "table.npz"), frame)


@pytest.mark.parametrize(
    ("table", "n_rows"), [("sleepstudy", 180), ("maximal", 1792), ("machines", 54)]
)
def test_tables_have_the_rows_and_columns_of_their_case(benchmark, table, n_rows):
    cases = benchmark("cases")
    make = cases.SIMULATED.get(table, lambda: cases.classic(table))
    frame = make()
    case = next(case for case in cases.CASES if case.table == table)
    assert len(frame) == n_rows == case.n_rows
    assert {case.response, *case.groups} <= set(frame.columns)


def test_unknown_names_are_refused_with_the_known_ones(benchmark):
    with pytest.raises(ValueError, match="there are"):
        benchmark("cases").select_cases(["sleep"])
    with pytest.raises(ValueError, match="there are"):
        benchmark("rivals").select_rivals(["lmer"])


def test_environments_stay_out_of_the_repository(benchmark):
    environments = benchmark("environments")
    with pytest.raises(ValueError, match="inside the repository"):
        environments.Environments(environments.REPOSITORY / "envs")
