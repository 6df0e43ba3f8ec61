"""Compare skmixed with the other packages for mixed models, or with itself.

``python benchmarks/compare.py`` makes an environment for every package, measures all
cases and writes ``docs/benchmarks.md``. ``python benchmarks/compare.py --base REV``
measures the working tree against a revision. It needs the standard library only.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path

import report
from cases import CASES, SMALL_ROWS, select_cases
from checkouts import ABSOLUTE_SECONDS, RELATIVE, checkout, compare_revisions
from environments import (
    REPOSITORY,
    Environments,
    UnavailableError,
    default_folder,
    find_r,
)
from measure import Setting, measure, measure_imports
from rivals import R_RIVALS, RIVALS, select_rivals

PAGE = REPOSITORY / "docs" / "benchmarks.md"

INTRODUCTION = """\
# Benchmarks

Written by `benchmarks/compare.py` on {date} ({machine}).

```sh
python benchmarks/compare.py                      # all packages, all cases
python benchmarks/compare.py --only sleepstudy "1M nested" --rivals glmm mixedlm
python benchmarks/compare.py --base main          # working tree against a revision
```

The script makes a virtual environment for every package and measures the whole call,
from formula and data frame to fitted model, in CPU seconds (user and system) of the
process. Calls of a rival and of skmixed alternate, and ratios are taken pair by pair;
the tables have medians. Every package has {threads} for BLAS and for its own loops. On
sets below {small:,} rows a measurement is the median of up to 25 calls, after one
measurement that is not counted; on larger ones every call counts but the first, in a
process that has fitted a tiny data set before. A call is stopped after {limit:g} s of
wall time; a package that takes long is measured once. All fits are by REML unless
noted. A fit that ended more than {wrong} below the best log-likelihood has a `!`, and
its time is not compared; some of these fits say themselves that they did not converge.
skmixed keeps formulas that it has read, and which columns they make of numbers and of
given levels; all other work is done anew in each call.

Packages of R are measured through `Rscript` where they are present{lacking}.

{versions}
"""


CPU_NOTE = """\
The ratio is skmixed's time over that of the fastest other package which reached the
optimum; below 1, skmixed is the fastest.
"""
THREADS_NOTE = """\
Large sets, and the packages that were the fastest rival on one of them. CPU seconds
add up over threads, those of threads that only wait included, and grow where other
work holds the cores: wall time says what a second thread gains.
"""


def read_arguments(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="CASE")
    parser.add_argument("--rivals", nargs="*", metavar="PACKAGE")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--limit", type=float, default=60.0, help="wall s per call")
    parser.add_argument("--repetitions", type=int, nargs=2, default=[5, 3])
    parser.add_argument("--base", metavar="REV", help="measure head against REV")
    parser.add_argument("--head", metavar="REV", help="default: the working tree")
    parser.add_argument("--output", type=Path, default=PAGE)
    parser.add_argument("--from-json", type=Path, help="write the page again")
    return parser.parse_args(arguments)


def choose_rivals(names):
    """Return the rivals, those of R with them where it is present."""
    of_r = {rival.name: rival for rival in R_RIVALS}
    asked = None if names is None else [name for name in names if name not in of_r]
    rivals = select_rivals(asked) if asked is None or asked else []
    for name, rival in of_r.items():
        if names is not None and name not in names:
            continue
        try:
            find_r(name)
        except UnavailableError as error:
            print(f"{name} is skipped: {error}.")
        else:
            rivals.append(rival)
    return rivals


def describe_packages(run):
    """Return the list of packages, their versions and what to know of them."""
    remarks = {rival.name: rival.remark for rival in [*RIVALS, *R_RIVALS]}
    lines = [
        f"- {name} {run['versions'][name]}: {remark}"
        for name, remark in remarks.items()
        if name in run["versions"]
    ]
    base = ", ".join(
        f"{name} {run['versions'][name]}"
        for name in ("numpy", "scipy", "pandas", "formulaic")
    )
    return "\n".join([f"- skmixed at {run['revision']}, with {base}", *lines])


def write_page(runs, imports, path):
    """Write the results as Markdown."""
    first = runs[0]
    measured = {one["case"] for one in first["figures"]}
    large = [case.name for case in CASES if not case.small]
    lacking = [r.name for r in R_RIVALS if r.name not in first["versions"]]
    lacking = f"; here there was no {', '.join(lacking)}" if lacking else ""
    parts = [
        INTRODUCTION.format(
            date=first["date"],
            machine=first["machine"],
            threads=f"{first['threads']} thread{'s' * (first['threads'] > 1)}",
            small=SMALL_ROWS,
            wrong=report.WRONG_OPTIMUM,
            limit=first["limit"],
            lacking=lacking,
            versions=describe_packages(first),
        ),
        "## Models\n",
        *report.models([case for case in CASES if case.name in measured]),
    ]
    for run in runs:
        threads = f"{run['threads']} thread{'s' * (run['threads'] > 1)}"
        parts += [
            f"\n## CPU seconds, {threads}\n",
            CPU_NOTE if run is first else THREADS_NOTE,
            *report.cpu_table(run),
        ]
        if run is not first:
            parts += ["\nWall seconds of these calls:\n", *report.wall_table(run)]
    parts += [
        "\n## Wall seconds\n",
        "Of the same calls; other work on the machine disturbs them.\n",
        *report.wall_table(first),
        "\n## First call, CPU seconds\n",
        "On the data of large sets, in a process that has fitted a tiny set before.\n",
        *report.first_call_table(first, large),
        "\n## Memory, MB\n",
        "Largest growth of the resident memory in a call, large sets.\n",
        *report.memory_table(first, large),
        "\n## Log-likelihood\n",
        "skmixed's, and how far the others end above (+) or below (-) it; 0 is less "
        f"than\n{report.SAME_LOGLIK:g}.\n",
        *report.loglik_table(first),
        "\n## Import\n",
        *report.import_lines(imports),
    ]
    path.write_text("\n".join(parts) + "\n")


def run_comparison(arguments, environments):
    """Measure the packages, keep the figures as JSON and write the page."""
    rivals, runs = choose_rivals(arguments.rivals), []
    with checkout(arguments.head) as tree:
        for threads in arguments.threads:
            setting = Setting(
                environments, tree, threads, arguments.limit, arguments.repetitions
            )
            wanted, rivals = narrow(arguments.only, rivals, runs)
            run = measure(setting, wanted, rivals)
            run["date"] = datetime.date.today().isoformat()
            run["revision"] = arguments.head or "the working tree"
            runs.append(run)
        imports = measure_imports(setting)
    stored = environments.folder / "results.json"
    stored.write_text(json.dumps({"runs": runs, "imports": imports}, indent=1))
    print(f"figures: {stored}")
    write_page(runs, imports, arguments.output)


def narrow(names, rivals, runs):
    """Return the cases and rivals of the next run.

    Runs with further numbers of threads are made on large cases only, against the
    packages that were the fastest rival on one of them in the first run.
    """
    cases = select_cases(names)
    if runs:
        cases = [case for case in cases if not case.small]
        by_case, _ = report.grouped(runs[0])
        fastest = {report.against_fastest(by_case[case.name])[1] for case in cases}
        rivals = [rival for rival in rivals if rival.name in fastest]
    return [case.name for case in cases], rivals


def main(arguments=None):
    """Run the benchmark; return the exit status."""
    arguments = read_arguments(arguments)
    if arguments.from_json:
        write_page(**json.loads(arguments.from_json.read_text()), path=arguments.output)
        return 0
    environments = Environments(arguments.envs)
    if arguments.base is None:
        run_comparison(arguments, environments)
        return 0
    with checkout(arguments.head) as tree:
        setting = Setting(
            environments,
            tree,
            arguments.threads[0],
            arguments.limit,
            arguments.repetitions,
        )
        slower = compare_revisions(setting, arguments.only, arguments.base)
    if slower:
        print(
            f"slower by more than {RELATIVE - 1:.0%} and {ABSOLUTE_SECONDS} s: {slower}"
        )
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
