"""Measurements as Markdown tables."""

import statistics

SAME_LOGLIK = 1e-6
WRONG_OPTIMUM = 0.01
NOT_ASKED = "not asked for"


def grouped(run):
    """Return the figures by case, and the names of the packages in order."""
    by_case = {}
    for one in run["figures"]:
        by_case.setdefault(one["case"], {})[one["package"]] = one
    packages = list(dict.fromkeys(one["package"] for one in run["figures"]))
    return by_case, packages


def without(run, names):
    """Return a run without the cases of these names."""
    figures = [one for one in run["figures"] if one["case"] not in names]
    # packages that were asked for none of what is left have no column
    asked = {
        one["package"] for one in figures if not one["reason"].startswith(NOT_ASKED)
    }
    return run | {"figures": [one for one in figures if one["package"] in asked]}


def median(values):
    """Return the median, None of nothing."""
    return statistics.median(values) if values else None


def duration(seconds):
    """Write seconds, or milliseconds where they are few."""
    if seconds < 0.1:
        return (
            f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
        )
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def best_loglik(figures):
    """Return the highest log-likelihood of one case among those that are comparable."""
    method = method_of(figures)
    reached = [
        one["loglik"]
        for one in figures.values()
        if one["loglik"] is not None and one["method"] == method
    ]
    return max(reached, default=None)


def method_of(figures):
    """Return skmixed's method, "REML" or "ML", which others are compared by."""
    return figures["skmixed"]["method"]


def is_wrong(one, figures):
    """Whether a fit ended clearly below the best log-likelihood of its case."""
    if one["loglik"] is None or one["method"] != method_of(figures):
        return False
    return one["loglik"] < best_loglik(figures) - WRONG_OPTIMUM


def against_fastest(figures):
    """Return skmixed's time over that of the fastest rival, and who that is.

    The fastest is the one of the least median among those at the optimum; the ratio
    is the median over pairs of neighbouring calls.
    """
    seconds = {
        name: median(one["cpu"])
        for name, one in figures.items()
        if one["beside"] and not is_wrong(one, figures)
    }
    if not seconds:
        return None, None
    name = min(seconds, key=seconds.get)
    return ratio_to(figures[name]), name


def ratio_to(one):
    """Return skmixed's time over that of a rival, None without figures."""
    pairs = zip(one["beside"], one["cpu"], strict=False)
    return median([ours / theirs for ours, theirs in pairs])


def ratio_cell(figures):
    """Write the ratio to the fastest rival, and who that is."""
    ratio, name = against_fastest(figures)
    if name:
        return f"{ratio:.2f} ({name})"
    over = any(one["over"] for one in figures.values())
    return "no other in time" if over else "-"


class Footnotes:
    """Numbered reasons; the same reason has the same number."""

    def __init__(self):
        self.numbers = {}

    def mark(self, reason):
        """Return the mark of a reason."""
        number = self.numbers.setdefault(reason, len(self.numbers) + 1)
        return f"[{number}]"

    def lines(self):
        """Return the notes themselves."""
        return [f"- [{number}] {reason}" for reason, number in self.numbers.items()]


def cpu_cell(one, figures, limit, notes):
    """Write the CPU seconds of one package on one case."""
    if one["over"]:
        return f"> {limit:g} s"
    seconds = median(one["cpu"])
    if seconds is None:
        reason = f"{one['package']}: {one['reason']}".replace("|", "\\|")
        return f"- {notes.mark(reason[:160])}"
    mark = " !" if is_wrong(one, figures) else ""
    return duration(seconds) + mark


def table(header, rows, align="--:"):
    """Return the lines of a Markdown table."""
    lines = [header, ["---", *[align] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def cpu_table(run):
    """Return the table of CPU seconds with its notes."""
    by_case, packages = grouped(run)
    notes, rows = Footnotes(), []
    for case, figures in by_case.items():
        cells = [cpu_cell(figures[p], figures, run["limit"], notes) for p in packages]
        rows.append([case, *cells, ratio_cell(figures)])
    return [*table(["case", *packages, "ratio"], rows), "", *notes.lines()]


def ratio_table(run):
    """Return the table of skmixed's time over that of every rival."""
    by_case, packages = grouped(run)
    rivals = [package for package in packages if package != "skmixed"]
    rows = []
    for case, figures in by_case.items():
        ratios = [ratio_to(figures[rival]) for rival in rivals]
        rows.append([case, *("-" if r is None else f"{r:.3g}" for r in ratios)])
    return table(["case", *rivals], rows)


def wall_table(run):
    """Return the table of wall seconds, which other work on the machine disturbs."""
    by_case, packages = grouped(run)
    rows = []
    for case, figures in by_case.items():
        walls = [median(figures[package]["wall"]) for package in packages]
        rows.append([case, *("-" if w is None else duration(w) for w in walls)])
    return table(["case", *packages], rows)


def first_call_table(run, names):
    """Return the table of the CPU seconds of first calls on these cases."""
    by_case, packages = grouped(run)
    rows = []
    for case in [case for case in by_case if case in names]:
        first = [by_case[case][package]["cold"] for package in packages]
        rows.append([case, *("-" if f is None else duration(f) for f in first)])
    return table(["case", *packages], rows)


def memory_table(run, names):
    """Return the table of the growth of memory on these cases."""
    by_case, packages = grouped(run)
    rows = [
        [case, *(megabytes(figures[package]) for package in packages)]
        for case, figures in by_case.items()
        if case in names
    ]
    return table(["case", *packages], rows)


def megabytes(one):
    """Write the growth of memory."""
    return "-" if one["memory"] is None else f"{one['memory']:.0f}"


def loglik_table(run):
    """Return the table of log-likelihoods: skmixed's, and the others' less it."""
    by_case, packages = grouped(run)
    rivals = [package for package in packages if package != "skmixed"]
    rows = []
    for case, figures in by_case.items():
        ours = figures["skmixed"]["loglik"]
        if ours is not None:
            cells = [difference(figures[rival], figures) for rival in rivals]
            rows.append([case, f"{ours:.6f}", *cells])
    return table(["case", "skmixed", *rivals], rows)


def difference(one, figures):
    """Write how far a rival ended above (+) or below (-) skmixed."""
    if one["loglik"] is None:
        return "-"
    if one["method"] != method_of(figures):
        return one["method"]
    gap = one["loglik"] - figures["skmixed"]["loglik"]
    return "0" if abs(gap) < SAME_LOGLIK else f"{gap:+.1g}"


def models(cases):
    """Return the list of models."""
    return table(
        ["case", "rows", "model"],
        [
            [c.name, f"{c.n_rows:,}", "`" + c.text.replace("|", "\\|") + "`"]
            for c in cases
        ],
        align="---",
    )


def import_lines(seconds):
    """Return the sentence about the time of imports."""
    ours, theirs = seconds["skmixed"], seconds["its dependencies"]
    return [
        f"`import skmixed` takes {ours:.2f} CPU s, `import sklearn, formulaic, pandas` "
        f"{theirs:.2f} s: a ratio of {ours / theirs:.2f} (medians of fresh processes).",
    ]
