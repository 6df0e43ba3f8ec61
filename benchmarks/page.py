"""The page of results, written from measurements."""

import report
from cases import CASES, SMALL_ROWS
from rivals import R_RIVALS, RIVALS

GENERALISED = "## Generalised models\n"

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


GENERALISED_NOTE = """\
Measured on {date} as above ({machine}; a call is stopped after {limit:g} s), by maximum
likelihood: Laplace's approximation unless nodes are given. A log-likelihood of several
factors by another approximation ("other") is not compared.

{versions}
"""
RATIO_NOTE = """\
skmixed's time over that of each of the others, pair by pair: 0.05 is a twentieth.
"""


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
    """Write the results as Markdown; what was not measured stays as it is."""
    old = path.read_text() if path.exists() else ""
    upper, _, lower = old.partition(GENERALISED)
    families = [case.name for case in CASES if case.family]
    linear = [report.without(run, families) for run in runs]
    if linear[0]["figures"]:
        upper = "\n".join(linear_parts(linear, imports)) + "\n\n"
    if len(linear[0]["figures"]) < len(runs[0]["figures"]):
        others = [case.name for case in CASES if not case.family]
        lower = "\n".join(generalised_parts(report.without(runs[0], others)))
    path.write_text(f"{upper}{GENERALISED}{lower.rstrip()}\n" if lower else upper)


def generalised_parts(run):
    """Return the section of generalised models."""
    measured = {one["case"] for one in run["figures"]}
    large = [case.name for case in CASES if not case.small]
    facts = {key: run[key] for key in ("date", "machine", "limit")}
    return [
        "",
        GENERALISED_NOTE.format(**facts, versions=describe_packages(run)),
        *report.models([case for case in CASES if case.name in measured]),
        "\nCPU seconds:\n",
        *report.cpu_table(run),
        "",
        RATIO_NOTE,
        *report.ratio_table(run),
        "\nMemory, MB:\n",
        *report.memory_table(run, large),
        "\nLog-likelihood, and how far the others end from skmixed's:\n",
        *report.loglik_table(run),
    ]


def linear_parts(runs, imports):
    """Return the page up to the section of generalised models."""
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
    return parts
