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
from cases import select_cases
from checkouts import ABSOLUTE_SECONDS, RELATIVE, checkout, compare_revisions
from environments import (
    REPOSITORY,
    Environments,
    UnavailableError,
    default_folder,
    find_r,
)
from measure import Setting, measure, measure_imports
from page import write_page
from rivals import R_RIVALS, select_rivals

PAGE = REPOSITORY / "docs" / "benchmarks.md"


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
