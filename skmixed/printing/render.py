"""Tables as HTML, Markdown and LaTeX; lines that end a summary."""

import html
import re

# A step that would gain less than this is converged beyond what anybody reads.
SETTLED = 1e-8
STYLE = (
    "<style scoped>"
    ".skmixed{font-variant-numeric:tabular-nums;line-height:1.4;overflow-x:auto}"
    ".skmixed table{border-collapse:collapse;margin:.3em 0 .8em}"
    ".skmixed th,.skmixed td{padding:.15em .6em;text-align:right;border:0;"
    "background:none}"
    ".skmixed td{white-space:nowrap}"
    ".skmixed th.l,.skmixed td.l{text-align:left;white-space:normal}"
    ".skmixed th.s,.skmixed td.s{white-space:nowrap}"
    ".skmixed thead th{border-bottom:1px solid;font-weight:600}"
    ".skmixed p{margin:.2em 0}.skmixed p.c{font-weight:600;margin-top:.5em}"
    ".skmixed p.c+table{margin-top:0}"
    "@media(max-width:600px){.skmixed{font-size:.87em}"
    ".skmixed th,.skmixed td{padding:.1em .3em}"
    ".skmixed th.l,.skmixed td.l{overflow-wrap:anywhere}"
    ".skmixed td.l:not(.s){min-width:5.5em}"
    ".skmixed td.w{min-width:13em}"
    ".skmixed p{overflow-wrap:anywhere}}"
    "</style>"
)
# Text up to this long stays on one line of a table; from the other on it is a sentence,
# or a formula, and has room on narrow screens too.
SHORT, LONG = 15, 40


def html_table(head, rows, *, left=(0,), caption=""):
    """Lay text out as an HTML table.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequence of str
    left : tuple of int, default=(0,)
        Columns that start at the left.
    caption : str, default=""

    Returns
    -------
    str
    """

    def line(cells, tag):
        return "".join(
            f"<{tag}{cell_class(cell, j in left)}>{html.escape(str(cell))}</{tag}>"
            for j, cell in enumerate(cells)
        )

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    # a caption would be as narrow as its table, or as wide as its text
    title = f"<p class=c>{html.escape(caption)}</p>" if caption else ""
    return (
        f"{title}<table><thead><tr>{line(head, 'th')}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table>"
    )


def cell_class(cell, is_left):
    """Attribute of a cell: text starts at the left, and is not broken where short."""
    if not is_left:
        return ""
    length = len(str(cell))
    if length <= SHORT:
        return ' class="l s"'
    return ' class="l w"' if length >= LONG else " class=l"


def markdown_table(head, rows, *, left=(0,)):
    """Lay text out as a Markdown table, in columns of equal width.

    Parameters
    ----------
    head, rows, left
        As :func:`html_table`.

    Returns
    -------
    str
    """
    cells = [
        [str(c).replace("|", "\\|").replace("\n", " ") for c in row]
        for row in (head, *rows)
    ]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * w if j in left else "-" * (w - 1) + ":" for j, w in enumerate(widths)]
    lines = []
    for row in (cells[0], rule, *cells[1:]):
        padded = [
            c.ljust(w) if j in left else c.rjust(w)
            for j, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


LATEX = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
}


def latex_text(text):
    """Write text so that LaTeX prints it, minus signs as such."""
    escaped = "".join(LATEX.get(mark, mark) for mark in str(text))
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", escaped)


def latex_table(head, rows, *, left=(0,), rules=()):
    """Lay text out as a LaTeX ``tabular`` with the rules of booktabs.

    Parameters
    ----------
    head, rows, left
        As :func:`html_table`.
    rules : tuple of int, default=()
        Rows before which a rule is drawn.

    Returns
    -------
    str
    """
    columns = "".join("l" if j in left else "r" for j in range(len(head)))
    lines = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
    lines += [" & ".join(map(latex_text, head)) + r" \\", "\\midrule"]
    for place, row in enumerate(rows):
        if place in rules:
            lines.append("\\midrule")
        lines.append(" & ".join(map(latex_text, row)) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def convergence_line(result):
    """Say in one line how the search for the optimum ended.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    str
        Empty where there was nothing to search for.
    """
    if result.independent:
        return ""
    gain = "one more step would lower the deviance by"
    if not result.converged:
        ended = f"Not converged after {result.n_iter} evaluations"
        return f"{ended}: {gain} about {result.decrement:.1g}."
    size = "less than 1e-8"
    if result.decrement >= SETTLED:
        size = f"about {result.decrement:.1g}"
    line = f"Converged ({result.solver}): {gain} {size}."
    if not result.loglik_se:
        return line
    return f"{line} {estimated_sentence(result)}"


def estimated_sentence(result):
    """Say by what a deviance is estimated, and how precisely.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    str
    """
    return (
        f"The deviance is estimated by {result.A.probes.count} random probes, with a "
        f"standard error of {2.0 * result.loglik_se:.2g}."
    )


def dropped_line(n_dropped):
    """Say how many rows are left out: a list of one line, or of none."""
    if not n_dropped:
        return []
    rows = "row" if n_dropped == 1 else "rows"
    return [f"{n_dropped} {rows} with missing values left out."]
